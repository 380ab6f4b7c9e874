//! `sqs-rpc bench`: what a request costs, counted and timed, against the same work by plain SDK calls.
//!
//! | module | question |
//! |---|---|
//! | `server` | where is SQS, and whose time does it have? |
//! | `contestant` | who is measured? |
//! | `scenario` | what is done to them? |
//! | `load` | how do requests come, and how long does each take? |
//! | `calls`, `outcome` | what was asked of SQS, and what does it add up to? |
//! | `resources` | what does this process hold? |
//! | `report`, `progress` | how is it shown? |

mod calls;
mod contestant;
mod load;
mod outcome;
mod progress;
mod report;
mod resources;
mod scenario;
mod server;

use std::path::PathBuf;

use clap::ValueEnum as _;
use sqs_rpc::virtual_queues::sqs::Prefer;

use self::contestant::Name;
use self::outcome::Outcome;
use self::progress::Progress;
use self::scenario::{Bench, Scenario};
use self::server::{Place, Server};
use crate::connection::endpoint_url;
use crate::failure::Failure;

/// Measure requests: how many a second, how long, how many calls of SQS, at what price
///
/// By default on an SQS in this process that is as slow as Amazon's, in virtual time: its counts hardly depend on the
/// machine, and an hour takes seconds. Real times come with --on-local, --endpoint-url or --on-aws.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What to do; default: rpc, and with the model all
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Measure on `sqs-rpc local`, started as a process of its own, over HTTP
    #[arg(long, group = "place")]
    on_local: bool,
    /// Measure on Amazon's SQS, with the region and credentials of the AWS environment; it costs money
    #[arg(long, group = "place")]
    on_aws: bool,
    /// Measure on the SQS at this address
    #[arg(long, value_name = "URL", group = "place", value_parser = endpoint_url)]
    endpoint_url: Option<String>,
    /// Callers at a time; several with commas
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 32, 256],
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    concurrency: Vec<u32>,
    /// Bytes of a body; several with commas
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_values_t = [64, 1024, 65536],
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    payload: Vec<u32>,
    /// Requests in each run
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    requests: u64,
    /// Put the same load on another contestant, too
    #[arg(long, value_name = "NAME")]
    compare: Option<Compare>,
    /// What matters more to the framework, latency or cost
    #[arg(long, value_enum, default_value_t)]
    prefer: Preference,
    /// Print JSON, a line a run, instead of a table
    #[arg(long)]
    json: bool,
    /// Draw latency and calls a request into this SVG file
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// What chance decides in the model, it decides by this
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The framework's setting of this name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Preference {
    /// Nothing that somebody waits for is held back
    Latency,
    /// A few milliseconds under load for fuller batches
    #[default]
    Balance,
    /// Some ten milliseconds under load for the fewest calls
    Cost,
}

impl From<Preference> for Prefer {
    fn from(preference: Preference) -> Self {
        match preference {
            Preference::Latency => Self::Latency,
            Preference::Balance => Self::Balance,
            Preference::Cost => Self::Cost,
        }
    }
}

/// Whom the framework is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Compare {
    /// Plain SDK calls, ten to a batch, with the number of polls that served best
    BareSdk,
}

impl Arguments {
    fn place(&self) -> Place {
        match &self.endpoint_url {
            Some(url) => Place::Url(url.clone()),
            None if self.on_local => Place::Local,
            None if self.on_aws => Place::Aws,
            None => Place::Model,
        }
    }

    fn scenarios(&self) -> Result<Vec<Scenario>, Failure> {
        let model = self.place() == Place::Model;
        if let Some(scenario) = self
            .scenarios
            .iter()
            .find(|one| one.needs_model() && !model)
        {
            return Err(Failure::usage(format!(
                "{scenario} runs in the model only, where an hour takes a moment"
            )));
        }
        Ok(match self.scenarios.as_slice() {
            [] if model => Scenario::value_variants().to_vec(),
            [] => vec![Scenario::Rpc],
            given => given.to_vec(),
        })
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (json, chart) = (arguments.json, arguments.chart.clone());
    let outcomes = if arguments.place() == Place::Model {
        tokio::task::spawn_blocking(|| in_virtual_time(arguments))
            .await
            .map_err(Failure::other)??
    } else {
        measure(arguments).await?
    };
    if let Some(file) = chart {
        report::chart(&outcomes, &file)?;
    }
    if json {
        report::json(&outcomes)
    } else {
        report::table(&outcomes)
    }
}

/// In a runtime of its own, whose clock jumps to the next thing that is due.
fn in_virtual_time(arguments: Arguments) -> Result<Vec<Outcome>, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .map_err(Failure::other)?
        .block_on(measure(arguments))
}

async fn measure(arguments: Arguments) -> Result<Vec<Outcome>, Failure> {
    let scenarios = arguments.scenarios()?;
    let bench = Bench {
        server: Server::start(&arguments.place(), arguments.seed).await?,
        concurrency: arguments.concurrency.into_iter().map(size).collect(),
        payload: arguments.payload.into_iter().map(size).collect(),
        requests: arguments.requests,
        prefer: arguments.prefer.into(),
        compare: arguments.compare.map(|Compare::BareSdk| Name::BareSdk),
        progress: Progress::start()?,
    };
    let outcomes = run_all(&scenarios, &bench).await;
    bench.progress.end();
    bench.server.delete_queues().await;
    outcomes
}

async fn run_all(scenarios: &[Scenario], bench: &Bench) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = Vec::new();
    for scenario in scenarios {
        outcomes.extend(scenario.run(bench).await?);
    }
    Ok(outcomes)
}

/// A size that clap has checked.
fn size(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
