//! What is reached, and what is said of the rest.
//!
//! Pure. Invariant: a row is reached only if each of its figures is there and what it has to be.

use std::collections::BTreeMap;

use serde::Deserialize;
use sqs_rpc_interop::Failure;

use crate::goal::{Figure, Goal};

const MISSES: &str = include_str!("../misses.toml");

/// A row, measured.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) goal: &'static Goal,
    /// Or why there are none.
    pub(crate) figures: Result<Vec<Figure>, Failure>,
}

/// What is said of each row that is missed.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Misses(BTreeMap<String, Miss>);

/// Why a row is missed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Miss {
    pub(crate) reason: String,
    /// What to try.
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

    /// What makes a run fail: a row that could not be measured, or that is missed without a stated reason.
    pub(crate) fn problems(&self, verdicts: &[Verdict]) -> Vec<String> {
        let problem = |verdict: &Verdict| {
            let id = verdict.goal.id;
            match &verdict.figures {
                Err(failure) => Some(format!("{id} is not measured: {failure}")),
                Ok(_) if verdict.is_reached() || self.of(id).is_some() => None,
                Ok(_) => Some(format!("{id} is missed, and misses.toml does not say why")),
            }
        };
        verdicts.iter().filter_map(problem).collect()
    }

    /// Reasons of rows that are reached. Some rows are reached in one run and not in another, so this fails nothing.
    pub(crate) fn notes(&self, verdicts: &[Verdict]) -> Vec<String> {
        let stale = |verdict: &&Verdict| verdict.is_reached() && self.of(verdict.goal.id).is_some();
        let stale = verdicts.iter().filter(stale);
        stale
            .map(|it| {
                format!(
                    "{} is reached, and misses.toml says why it is not",
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
    fn a_row_is_reached_only_if_all_of_it_is() {
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
    fn what_was_not_measured_is_not_excused() {
        assert_eq!(judged(Err("why".to_owned()), P1), [1, 0]);
    }

    #[test]
    fn the_reasons_are_of_rows_that_there_are() {
        let known = |id: &String| GOALS.iter().any(|goal| goal.id == id);
        assert!(Misses::read().unwrap().0.keys().all(known));
    }
}
