//! Runs a plan and says whether all was as it should be; makes a failing one small.

use local_sqs::engine::Action;

use crate::coverage::{Check, Fault};
use crate::oracle::{BUCKET, CallTable};
use crate::plan::Plan;
use crate::scenarios::{self, Scenario};
use crate::world::{self, Report};

/// I7 says twice. That does not hold when answers are lost after their effect: the SDK sends again, and each request that
/// came twice costs its own receive, reply and delete (seed 78 of f14: 189 calls, and 79 when all is well).
const TIMES: u64 = 3;
/// A process may make so many calls more than that.
const MORE: u64 = 15;
/// A message whose delete fails comes again whenever its visibility has ended, and may cost this each time: a receive, a
/// reply out of the cache, and the SDK's three attempts to delete it.
const PER_RETURN: u64 = 5;
/// Runs that are spent on making a failing plan small.
const MOST_TRIES: usize = 400;

/// What a seed's run came to.
#[derive(Debug)]
pub struct Verdict {
    /// The run.
    pub report: Report,
    /// What was wrong, if anything was.
    pub failure: Option<Failure>,
}

/// What was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The check.
    pub check: String,
    /// What happened.
    pub text: String,
}

/// The plan of a seed; `scenario`: of this one alone.
#[must_use]
pub fn plan(seed: u64, scenario: Option<&Scenario>) -> Plan {
    scenario.map_or_else(|| scenarios::mixed(seed), |scenario| scenario.plan(seed))
}

/// Runs a plan, and whatever it is to be compared with.
#[must_use]
pub fn judge(plan: &Plan, scenario: Option<&Scenario>, keep_lines: bool) -> Verdict {
    let mut report = world::run(plan, keep_lines);
    let mut failure = report.violation.as_ref().map(|violation| Failure {
        check: violation.check.to_owned(),
        text: violation.to_string(),
    });
    if failure.is_none()
        && let Some(scenario) = scenario
        && let Err(text) = scenario.expect(&report)
    {
        failure = Some(Failure {
            check: format!("{} expects", scenario.name),
            text,
        });
    }
    if failure.is_none() && plan.compared && !loses_all_sends(plan) {
        failure = compare(plan, &mut report);
    }
    Verdict { report, failure }
}

/// I7: while a fault lasts, not more than twice the calls of the same time when all is well. What is made up for after
/// that is no waste.
fn compare(plan: &Plan, report: &mut Report) -> Option<Failure> {
    let healthy = world::run(&plan.when_all_is_well(), false);
    let is_bad = |bucket: u64| {
        let (start, end) = (bucket * BUCKET, bucket * BUCKET + BUCKET);
        plan.windows()
            .any(|window| window.from.as_secs() <= start && end <= window.until.as_secs())
    };
    let mut failure = None;
    for process in plan.processes().map(|process| process.index) {
        let of_bad_times = |calls: &CallTable| -> u64 {
            let of_process = calls.iter().filter(|((of, _), _)| *of == process);
            of_process
                .filter(|((_, bucket), _)| is_bad(*bucket))
                .map(|(_, calls)| calls)
                .sum()
        };
        let (calls, usual) = (of_bad_times(&report.calls), of_bad_times(&healthy.calls));
        report.coverage.check(Check::NotTwice);
        let returns = report.returns.get(&process).copied().unwrap_or_default();
        if calls > TIMES * usual + MORE + PER_RETURN * returns {
            failure.get_or_insert(Failure {
                check: Check::NotTwice.name().to_owned(),
                text: format!(
                    "p{process} made {calls} calls while there was a fault, and {usual} when all is well; {returns} messages came again"
                ),
            });
        }
    }
    failure
}

/// Whether every send takes effect and loses its answer for a while. A responder then tries each reply by itself until its
/// request's deadline, some 15 calls a reply, and the requester receives and deletes as many copies: `docs/simulation.md`
/// says so among what is not there yet.
fn loses_all_sends(plan: &Plan) -> bool {
    let mut windows = plan.windows();
    windows.any(|window| {
        matches!(window.fault, Fault::FailedAfter | Fault::ResetAfter)
            && (window.actions.is_empty() || window.actions.contains(&Action::SendMessageBatch))
            && window.probability >= 1.0
            && window.most > 1
    })
}

/// The numbers of the items that a plan can do without and still fails in the same way.
#[must_use]
pub fn shrink(plan: &Plan, scenario: Option<&Scenario>, failure: &Failure) -> Vec<usize> {
    let mut left_out: Vec<usize> = Vec::new();
    let mut tries = 0;
    let mut size = plan.items.len().div_ceil(2);
    while size > 0 {
        let kept: Vec<_> = (0..plan.items.len())
            .filter(|number| !left_out.contains(number))
            .collect();
        let mut smaller = false;
        for part in kept.chunks(size) {
            tries += 1;
            if tries > MOST_TRIES {
                return left_out;
            }
            let mut without = left_out.clone();
            without.extend(part);
            let verdict = judge(&plan.without(&without), scenario, false);
            if verdict.failure.is_some_and(|it| it.check == failure.check) {
                without.sort_unstable();
                left_out = without;
                smaller = true;
            }
        }
        if !smaller || size > 1 {
            size /= 2;
        }
    }
    left_out
}
