//! The contract suite of virtual queues, by all its faces, on the servers of others.
//!
//! It asks nothing that these servers do otherwise, so it needs no table: every check must pass.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::foreign::Foreign;
use crate::install::Installed;
use crate::process::output;
use crate::{Failure, Folders};

/// Of the package `sqs-virtual-queues`.
const SUITE: &str = "contract";
/// The tests have built most of it before.
const BUILT_WITHIN: Duration = Duration::from_secs(20 * 60);
/// Its slowest check has a limit of its own.
const PASSED_WITHIN: Duration = Duration::from_secs(5 * 60);

pub(crate) async fn run(folders: &Folders, installed: &Installed) -> Result<(), Failure> {
    let suite = build(folders).await?;
    // The checks wait most of their time.
    let results = Foreign::ALL.map(|server| on(server, &suite, installed));
    let results = futures::future::join_all(results).await;
    let failures: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join("\n"))
    }
}

async fn on(server: Foreign, suite: &Path, installed: &Installed) -> Result<(), Failure> {
    let running = server.start(installed).await?;
    let printed = output(Command::new(suite).arg(&running.url), PASSED_WITHIN).await;
    running.end().await;
    let printed = printed.map_err(|failure| format!("{server}: {failure}"))?;
    let last = printed.lines().last().unwrap_or("it printed nothing");
    println!("{server}: {last}");
    Ok(())
}

/// Builds the suite with the features that the tests of the workspace were built with, so that little is built anew.
async fn build(folders: &Folders) -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "--workspace", "--example", SUITE])
        .current_dir(&folders.sources);
    output(&mut build, BUILT_WITHIN).await?;
    Ok(folders.example(SUITE))
}
