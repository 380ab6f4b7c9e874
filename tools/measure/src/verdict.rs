//! Which goals are reached, and the reasons for missed goals.
//!
//! Pure. Invariant: a goal is reached only if all its figures exist and are within their limits.

use std::collections::BTreeMap;

use serde::Deserialize;
use sqs_rpc_interop::Failure;

use crate::goal::{Figure, Goal};

const MISSES: &str = include_str!("../misses.toml");

/// A measured goal.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) goal: &'static Goal,
    /// The figures, or why they could not be measured.
    pub(crate) figures: Result<Vec<Figure>, Failure>,
}

/// The reasons for missed goals.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Misses(BTreeMap<String, Miss>);

/// The reason for a missed goal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Miss {
    pub(crate) reason: String,
    /// What to try next.
    pub(crate) next: String,
}

impl Verdict {
    pub(crate) fn new(goal: &'static Goal, figures: Result<Vec<Figure>, Failure>) -> Self {
        Self { goal, figures }
    }

    pub(crate) fn is_reached(&self) -> bool {
        self.figures
            .as_ref()
            .is_ok_and(|figures| !figures.is_empty() && figures.iter().all(Figure::is_reached))
    }

    pub(crate) fn word(&self) -> &'static str {
        match &self.figures {
            Err(_) => "not measured",
            Ok(_) if self.is_reached() => "reached",
            Ok(_) => "missed",
        }
    }
}

impl Misses {
    pub(crate) fn read() -> Result<Self, Failure> {
        toml::from_str(MISSES).map_err(|error| format!("misses.toml: {error}"))
    }

    pub(crate) fn of(&self, id: &str) -> Option<&Miss> {
        self.0.get(id)
    }

    /// Problems that make a run fail: goals that could not be measured, or that are missed without a reason.
    pub(crate) fn problems(&self, verdicts: &[Verdict]) -> Vec<String> {
        let problem = |verdict: &Verdict| {
            let id = verdict.goal.id;
            match &verdict.figures {
                Err(failure) => Some(format!("{id} could not be measured: {failure}")),
                Ok(_) if verdict.is_reached() || self.of(id).is_some() => None,
                Ok(_) => Some(format!(
                    "{id} is missed, expected a reason in misses.toml, found none"
                )),
            }
        };
        verdicts.iter().filter_map(problem).collect()
    }

    /// Reasons for goals that are reached. Some goals are reached in one run but not in another, so this is not a
    /// failure.
    pub(crate) fn notes(&self, verdicts: &[Verdict]) -> Vec<String> {
        let stale = |verdict: &&Verdict| verdict.is_reached() && self.of(verdict.goal.id).is_some();
        let stale = verdicts.iter().filter(stale);
        stale
            .map(|it| {
                format!(
                    "{} is reached, but misses.toml has a reason for missing it",
                    it.goal.id
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GOALS;
    use crate::goal::Limit;

    fn figure(value: f64) -> Figure {
        Figure {
            name: "x".to_owned(),
            value,
            limit: Limit::AtMost(1.0),
        }
    }

    fn judged(figures: Result<Vec<Figure>, Failure>, misses: &str) -> [usize; 2] {
        let misses: Misses = toml::from_str(misses).unwrap();
        let verdicts = [Verdict::new(&GOALS[0], figures)];
        [
            misses.problems(&verdicts).len(),
            misses.notes(&verdicts).len(),
        ]
    }

    const P1: &str = "[P1]\nreason = 'a'\nnext = 'b'\n";

    #[test]
    fn a_goal_is_reached_only_if_all_its_figures_are() {
        let verdict = |figures| Verdict::new(&GOALS[0], figures);
        assert!(verdict(Ok(vec![figure(1.0), figure(0.5)])).is_reached());
        assert!(!verdict(Ok(vec![figure(1.0), figure(1.5)])).is_reached());
        assert!(!verdict(Ok(Vec::new())).is_reached());
        assert_eq!(verdict(Err("x".to_owned())).word(), "not measured");
    }

    #[test]
    fn only_a_miss_without_a_reason_is_a_problem() {
        assert_eq!(judged(Ok(vec![figure(2.0)]), ""), [1, 0]);
        assert_eq!(judged(Ok(vec![figure(2.0)]), P1), [0, 0]);
        assert_eq!(judged(Ok(vec![figure(1.0)]), ""), [0, 0]);
        assert_eq!(judged(Ok(vec![figure(1.0)]), P1), [0, 1]);
    }

    #[test]
    fn a_reason_does_not_excuse_a_failed_measurement() {
        assert_eq!(judged(Err("why".to_owned()), P1), [1, 0]);
    }

    #[test]
    fn reasons_are_for_existing_goals() {
        let known = |id: &String| GOALS.iter().any(|goal| goal.id == id);
        assert!(Misses::read().unwrap().0.keys().all(known));
    }
}
