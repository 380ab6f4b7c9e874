//! `sqs-rpc sweep`: deletes dead hosts.

use std::collections::HashSet;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::{Value, json};
use sqs_rpc::temporary_queues::{Examined, Sweep, Verdict};

use crate::connection::Connection;
use crate::console::print;
use crate::failure::Failure;
use crate::hosts;
use crate::signals::Signals;

/// Maximum time between two walks.
const BETWEEN: Duration = Duration::from_secs(60);

/// Delete the temporary host queues with a prefix whose owners are dead
///
/// The rules are the same as in the running processes: a host is dead if its lease expired two minutes ago in SQS's own
/// time. Undecided hosts, such as hosts whose leases can only be watched for a renewal, are examined again until all
/// are decided; with --once they are examined only once. Ctrl-C stops at once, with exit code 4. Needs the permissions
/// sqs:ListQueues, sqs:ListQueueTags and, without --dry-run, sqs:DeleteQueue.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The whole text before the UUID in the names of the hosts
    #[arg(long, default_value = sqs_rpc::protocol::names::DEFAULT_HOST_PREFIX)]
    prefix: String,
    /// Only report dead hosts, delete nothing
    #[arg(long)]
    dry_run: bool,
    /// Examine each host once, without waiting for undecided hosts
    #[arg(long)]
    once: bool,
    /// Print a JSON object at the end instead of lines; if the sweep is not complete, the object has an error
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// The results of all walks.
#[derive(Default)]
struct Seen {
    examined: usize,
    dead: Vec<Examined>,
    /// The hosts of the last walk that time will decide.
    waiting: Vec<Examined>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let client = arguments.connection.any_client().await?;
    let mut sweep = Sweep::new(&client, &arguments.prefix).map_err(Failure::usage)?;
    if arguments.dry_run {
        sweep = sweep.dry_run();
    }
    let mut signals = Signals::listen().map_err(Failure::other)?;
    let bar = hosts::progress();
    let mut seen = Seen::default();
    let result = tokio::select! {
        biased;
        () = signals.next() => Err(Failure::interrupted("interrupted before all hosts were examined")),
        result = walk(&mut sweep, &arguments, &bar, &mut seen) => result,
    };
    bar.finish_and_clear();
    if !arguments.json {
        print(&seen.summary(arguments.dry_run, result.is_ok()))?;
        return result;
    }
    let mut object = seen.to_json(arguments.dry_run);
    if let Err(failure) = &result {
        object["error"] = failure.to_json();
    }
    print(&format!("{object}\n"))?;
    result.map_err(Failure::in_result)
}

async fn walk(
    sweep: &mut Sweep,
    arguments: &Arguments,
    bar: &ProgressBar,
    seen: &mut Seen,
) -> Result<(), Failure> {
    let mut announced = HashSet::new();
    loop {
        (seen.examined, seen.waiting) = (0, Vec::new());
        while let Some(host) = hosts::answer(sweep.next(), bar)
            .await
            .map_err(Failure::other)?
        {
            seen.examined += 1;
            bar.inc(1);
            bar.set_message(host.name.to_string());
            let is_new = seen.dead.iter().all(|dead| dead.name != host.name);
            if host.verdict == Verdict::Dead && is_new {
                if !arguments.json {
                    let done = if host.deleted { "deleted" } else { "dead" };
                    let line = format!("{done} {}: {}\n", host.name, why(&host));
                    bar.suspend(|| print(&line))?;
                }
                seen.dead.push(host);
            } else if hosts::wait(host.verdict).is_some() {
                seen.waiting.push(host);
            }
        }
        let waits = seen
            .waiting
            .iter()
            .filter_map(|host| hosts::wait(host.verdict));
        let Some(shortest) = waits.min().filter(|_| !arguments.once) else {
            return Ok(());
        };
        for host in &seen.waiting {
            if announced.insert(host.name.clone()) && !arguments.json {
                let line = format!("waiting for {}: {}\n", host.name, hosts::verdict(host));
                bar.suspend(|| print(&line))?;
            }
        }
        bar.set_message(format!(
            "waiting for {} undecided hosts",
            seen.waiting.len()
        ));
        tokio::time::sleep((shortest + Duration::from_secs(1)).min(BETWEEN)).await;
    }
}

/// Why a host is dead.
fn why(host: &Examined) -> String {
    let retention = hosts::retention(host.lease)
        .map(hosts::seconds)
        .unwrap_or_default();
    match host.age {
        Some(age) => format!(
            "its lease of {retention} was last renewed {} ago",
            hosts::seconds(age)
        ),
        None => format!("its lease of {retention} was not renewed while it was watched"),
    }
}

impl Seen {
    fn summary(&self, dry_run: bool, complete: bool) -> String {
        let done = if dry_run { "dead" } else { "deleted" };
        let so_far = if complete { "" } else { "incomplete: " };
        let (examined, dead) = (self.examined, self.dead.len());
        let mut text = format!("{so_far}{examined} hosts, {dead} {done}\n");
        for host in &self.waiting {
            text.push_str(&format!("{}: {}\n", host.name, hosts::verdict(host)));
        }
        text
    }

    fn to_json(&self, dry_run: bool) -> Value {
        let all = |hosts: &[Examined]| -> Value { hosts.iter().map(hosts::to_json).collect() };
        let done = if dry_run { "dead" } else { "deleted" };
        json!({
            "examined": self.examined,
            done: all(&self.dead),
            "waiting": all(&self.waiting),
        })
    }
}
