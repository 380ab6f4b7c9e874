//! Compares results of checks with the table.
//!
//! Pure. Invariant: every difference between the outcomes and the table is a problem.

use std::collections::BTreeMap;
use std::fmt;

use crate::table::Expected;

/// The outcome of one check on one server; `disagreement` is `None` if the server passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) check: &'static str,
    pub(crate) disagreement: Option<String>,
}

/// Why a run fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A disagreement that is not in the table.
    New { check: &'static str, seen: String },
    /// A disagreement whose text differs from the table.
    Other {
        check: &'static str,
        seen: String,
        expected: String,
    },
    /// A disagreement in the table that no longer exists.
    Stale { check: &'static str },
}

/// Compares the outcomes of the checks with the table.
pub(crate) fn judge(outcomes: &[Outcome], expected: &BTreeMap<&str, Expected<'_>>) -> Vec<Problem> {
    let judged = outcomes.iter().filter_map(|outcome| {
        let check = outcome.check;
        match (&outcome.disagreement, expected.get(check)) {
            (None, None) => None,
            (None, Some(entry)) => (!entry.unsteady).then_some(Problem::Stale { check }),
            (Some(seen), None) => Some(Problem::New {
                check,
                seen: seen.clone(),
            }),
            (Some(seen), Some(entry)) => (!seen.contains(entry.seen)).then(|| Problem::Other {
                check,
                seen: seen.clone(),
                expected: entry.seen.to_owned(),
            }),
        }
    });
    judged.collect()
}

impl Problem {
    pub(crate) fn check(&self) -> &'static str {
        match *self {
            Self::New { check, .. } | Self::Other { check, .. } | Self::Stale { check } => check,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New { check, seen } => write!(f, "not in the table: {check}: {seen}"),
            Self::Other {
                check,
                seen,
                expected,
            } => write!(
                f,
                "{check}: expected {expected:?} from the table, found {seen}"
            ),
            Self::Stale { check } => write!(f, "in the table, but the server agrees now: {check}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(seen: Option<&str>, entry: Option<(&str, bool)>) -> Vec<Problem> {
        let outcome = Outcome {
            check: "a::b",
            disagreement: seen.map(str::to_owned),
        };
        let entry = entry.map(|(seen, unsteady)| ("a::b", Expected { seen, unsteady }));
        judge(&[outcome], &entry.into_iter().collect())
    }

    #[test]
    fn an_outcome_that_the_table_expects_is_no_problem() {
        assert_eq!(judged(None, None), []);
        assert_eq!(judged(Some("5, not 4"), Some(("not 4", false))), []);
        assert_eq!(judged(Some("5, not 4"), Some(("not 4", true))), []);
        assert_eq!(judged(None, Some(("not 4", true))), []);
    }

    #[test]
    fn an_unexpected_outcome_is_a_problem() {
        let check = "a::b";
        let seen = "5, not 4".to_owned();
        let new = Problem::New {
            check,
            seen: seen.clone(),
        };
        assert_eq!(judged(Some("5, not 4"), None), [new]);
        assert_eq!(
            judged(None, Some(("not 4", false))),
            [Problem::Stale { check }]
        );
        let expected = "not 6".to_owned();
        let other = Problem::Other {
            check,
            seen,
            expected,
        };
        assert_eq!(judged(Some("5, not 4"), Some(("not 6", true))), [other]);
    }

    #[test]
    fn a_skipped_check_is_no_problem() {
        let entry = Expected {
            seen: "x",
            unsteady: false,
        };
        assert_eq!(judge(&[], &[("a::b", entry)].into()), []);
    }
}
