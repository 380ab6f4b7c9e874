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
        toml::from_str(MISSES).map_err(|error| format!("goals/misses.toml: {error}"))
    }

    pub(crate) fn of(&self, id: &str) -> Option<&Miss> {
        self.0.get(id)
    }

    /// Rows and what is wrong with what is said of them: nothing of one that is missed, or something of another.
    pub(crate) fn problems(&self, verdicts: &[Verdict]) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        for verdict in verdicts {
            let id = verdict.goal.id;
            let problem = match (&verdict.figures, self.of(id)) {
                (Err(failure), _) => format!("{id} is not measured: {failure}"),
                (Ok(_), None) if !verdict.is_reached() => {
                    format!("{id} is missed, and goals/misses.toml does not say why")
                }
                (Ok(_), Some(_)) if verdict.is_reached() => {
                    format!("{id} is reached, and goals/misses.toml says why it is not")
                }
                _ => continue,
            };
            problems.push((id.to_owned(), problem));
        }
        let unknown = self
            .0
            .keys()
            .filter(|id| !crate::GOALS.iter().any(|goal| goal.id == id.as_str()));
        problems.extend(unknown.map(|id| {
            let problem = format!("goals/misses.toml speaks of {id}, which is no row");
            (id.clone(), problem)
        }));
        problems
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

    fn problems(figures: Result<Vec<Figure>, Failure>, misses: &str) -> Vec<String> {
        let misses: Misses = toml::from_str(misses).unwrap();
        let verdicts = [Verdict::new(&GOALS[0], figures)];
        let problems = misses.problems(&verdicts).into_iter();
        problems.map(|(_, problem)| problem).collect()
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
    fn a_miss_needs_a_reason_and_a_reason_needs_a_miss() {
        assert!(problems(Ok(vec![figure(2.0)]), P1).is_empty());
        assert!(problems(Ok(vec![figure(1.0)]), "").is_empty());
        assert_eq!(
            problems(Ok(vec![figure(2.0)]), ""),
            ["P1 is missed, and goals/misses.toml does not say why"]
        );
        assert_eq!(
            problems(Ok(vec![figure(1.0)]), P1),
            ["P1 is reached, and goals/misses.toml says why it is not"]
        );
    }

    #[test]
    fn what_was_not_measured_is_not_excused() {
        assert_eq!(problems(Err("why".to_owned()), P1).len(), 1);
    }

    #[test]
    fn the_reasons_are_of_rows_that_there_are() {
        assert!(Misses::read().unwrap().problems(&[]).is_empty());
        let stray = P1.replace("P1", "P17");
        assert_eq!(problems(Ok(vec![figure(1.0)]), &stray).len(), 1);
    }
}
