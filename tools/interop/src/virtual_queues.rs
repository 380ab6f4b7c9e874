//! The contract suite of virtual queues, through all its interfaces, on third-party servers.
//!
//! The suite does not depend on any known disagreement of these servers, so every check must pass.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::foreign::Foreign;
use crate::install::Installed;
use crate::process::output;
use crate::{Failure, Folders};

/// The example of the package `sqs-virtual-queues` that runs the suite.
const SUITE: &str = "contract";
/// Timeout of the build; the tests have already built most of it.
const BUILT_WITHIN: Duration = Duration::from_secs(20 * 60);
/// Timeout of the suite on one server; the slowest check has its own limit.
const PASSED_WITHIN: Duration = Duration::from_secs(5 * 60);

pub(crate) async fn run(folders: &Folders, installed: &Installed) -> Result<(), Failure> {
    let suite = build(folders).await?;
    // Both servers are tested at the same time, because checks mostly wait.
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

/// Builds the suite with the same features as the tests of the workspace, so that little must be built again.
async fn build(folders: &Folders) -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "--workspace", "--example", SUITE])
        .current_dir(&folders.sources);
    output(&mut build, BUILT_WITHIN).await?;
    Ok(folders.example(SUITE))
}
