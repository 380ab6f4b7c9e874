//! The contract suite of local-sqs on third-party servers.
//!
//! Most checks only wait, so several run at the same time, beginning with the checks that wait longest. A check with an
//! unexpected result is run again by itself, and only the second result counts: a busy machine must not fail the run.

use futures::StreamExt as _;
use local_sqs::contract::{CHECKS, Check, Subject};

use crate::arguments::Arguments;
use crate::foreign::{Foreign, Running};
use crate::install::Installed;
use crate::table::Table;
use crate::verdict::{Outcome, judge};
use crate::{Failure, Folders, documentation};

/// The number of checks that run at the same time on one server.
const AT_ONCE: usize = 6;

pub(crate) async fn run(
    arguments: &Arguments,
    folders: &Folders,
    installed: &Installed,
) -> Result<(), Failure> {
    let table = Table::read()?;
    documentation::quotations_are_true(&table, folders, installed).await?;
    let results = Foreign::ALL.map(|server| {
        let table = &table;
        async move {
            let running = server.start(installed).await?;
            let outcome = on(server, &running, table, arguments).await;
            running.end().await;
            outcome
        }
    });
    let results = futures::future::join_all(results).await;
    let failures: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join("\n"))
    }
}

/// Runs the suite on one server.
async fn on(
    server: Foreign,
    running: &Running,
    table: &Table,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let subject = Subject::new(running.client.clone(), "contract");
    let mut checks: Vec<&Check> = CHECKS
        .iter()
        .filter(|check| check.waits <= arguments.longest)
        .collect();
    checks.sort_by_key(|check| std::cmp::Reverse(check.waits));
    let left_out = CHECKS.len() - checks.len();
    let outcomes: Vec<Outcome> = futures::stream::iter(&checks)
        .map(|check| look(check, &subject))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;

    let expected = table.expected(server);
    let doubtful = judge(&outcomes, &expected);
    let mut again = Vec::new();
    for problem in &doubtful {
        if let Some(check) = checks.iter().find(|check| check.name == problem.check()) {
            again.push(look(check, &subject).await);
        }
    }
    let problems = judge(&again, &expected);

    let disagree = outcomes
        .iter()
        .filter(|it| it.disagreement.is_some())
        .count();
    println!(
        "{server}: {} checks agree, {disagree} disagree, {left_out} skipped, {} run twice",
        outcomes.len() - disagree,
        doubtful.len(),
    );
    for line in table.lines(server) {
        println!("{line}");
    }
    if problems.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = problems.iter().map(|it| format!("\n  {it}")).collect();
    Err(format!(
        "{server} does not behave as described in tools/interop/disagreements.toml:{}",
        lines.concat()
    ))
}

async fn look(check: &Check, subject: &Subject) -> Outcome {
    let seen = check.run(subject).await;
    Outcome {
        check: check.name,
        disagreement: seen.err().map(|seen| seen.to_string()),
    }
}
