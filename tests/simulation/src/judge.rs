//! Runs a plan and returns whether all checks held; reduces a failing plan.

use crate::coverage::Check;
use crate::mutants;
use crate::oracle::{BUCKET, CallTable, Counts};
use crate::plan::Plan;
use crate::scenarios::{self, Scenario};
use crate::trace::Keep;
use crate::world::{self, Report};

/// I7: the maximum factor between the calls during a fault and those without. Only the framework's own calls count, not the
/// SDK's retries: the SDK makes each failing call three times.
const TIMES: u64 = 2;
/// The number of calls that a process may make in addition.
const MORE: u64 = 15;
/// The maximum number of calls for a copy of a message, or for a redelivered message: a receive, a reply from the reply
/// store, a delete. One of the three is a send.
const PER_COPY: u64 = 3;
/// The maximum number of runs for reducing a failing plan.
const MOST_TRIES: usize = 400;

/// The result of a run.
#[derive(Debug)]
pub struct Verdict {
    /// The run.
    pub report: Report,
    /// The failure, if a check failed.
    pub failure: Option<Failure>,
}

/// A check that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The name of the check.
    pub check: String,
    /// What happened.
    pub text: String,
}

/// The plan of a seed: of `scenario` alone, or a mix.
#[must_use]
pub fn plan(seed: u64, scenario: Option<&Scenario>) -> Plan {
    scenario.map_or_else(|| scenarios::mixed(seed), |scenario| scenario.plan(seed))
}

/// Runs a plan, and if needed the same plan without faults to compare with.
#[must_use]
pub fn judge(plan: &Plan, scenario: Option<&Scenario>, keep: Keep) -> Verdict {
    let mut report = world::run(plan, keep);
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
    if failure.is_none() && plan.compared {
        failure = compare(plan, &mut report);
    }
    Verdict { report, failure }
}

/// I7: while a fault lasts, a process makes at most twice the calls of the same time in a run without faults. Calls after
/// the fault do not count, because they do delayed work.
fn compare(plan: &Plan, report: &mut Report) -> Option<Failure> {
    let healthy = world::run(&plan.when_all_is_well(), Keep::Nothing);
    let is_bad = |bucket: u64| {
        let (start, end) = (bucket * BUCKET, bucket * BUCKET + BUCKET);
        plan.windows()
            .any(|window| window.from.as_secs() <= start && end <= window.until.as_secs())
    };
    let mut failure = None;
    for process in plan.processes().map(|process| process.index) {
        let of_bad_times = |table: &CallTable| {
            let mut sum = Counts::default();
            let of_process = table.iter().filter(|((of, _), _)| *of == process);
            of_process
                .filter(|((_, bucket), _)| is_bad(*bucket))
                .for_each(|(_, counts)| sum += *counts);
            sum
        };
        let (bad, usual) = (of_bad_times(&report.calls), of_bad_times(&healthy.calls));
        // Two checks: of all calls, and of sends.
        report.coverage.check(Check::NotTwice);
        report.coverage.check(Check::NotTwice);
        // A copy may cost one send. A failed send in addition is not excused.
        let too_many_sends = bad.sends > usual.sends + usual.sends.max(bad.copies) + MORE;
        let too_many = bad.calls > TIMES * usual.calls + MORE + PER_COPY * bad.copies;
        if (too_many_sends || too_many) && !mutants::is_left_out(Check::NotTwice) {
            failure.get_or_insert(Failure {
                check: Check::NotTwice.name().to_owned(),
                text: format!(
                    "p{process} made {} calls while there was a fault, {} of them sends, but {} and {} without faults; it \
                     received {} copies, and the SDK retried {} calls",
                    bad.calls, bad.sends, usual.calls, usual.sends, bad.copies, bad.repeats
                ),
            });
        }
    }
    failure
}

/// The numbers of the items that can be removed from a plan so that it still fails in the same way.
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
            let verdict = judge(&plan.without(&without), scenario, Keep::Nothing);
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
