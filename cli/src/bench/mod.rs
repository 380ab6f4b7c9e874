//! `sqs-rpc bench rpc`: counts and times the cost of a request, compared with the same work in plain SDK calls.
//!
//! | module | question |
//! |---|---|
//! | `server` | which SQS is used, with real or virtual time? |
//! | `contestant` | what is measured? |
//! | `runs` | which contestant runs under which load? |
//! | `load` | how are requests sent, and how long does each take? |
//! | `calls`, `outcome` | which calls were made, and what are the figures? |
//! | `report`, `progress` | how are results and progress shown? |

mod calls;
mod contestant;
mod load;
mod outcome;
mod progress;
mod report;
mod runs;
mod server;

use sqs_rpc::transport::Prefer;

use self::outcome::Outcome;
use self::progress::Progress;
use self::runs::Bench;
use self::server::{Place, Server};
use crate::connection::server_url;
use crate::failure::Failure;
use crate::number;
use crate::signals::Signals;

/// Measure what requests cost
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Rpc(Arguments),
}

/// Measure requests: rate, latency, calls to SQS and price
///
/// By default the bench uses an SQS in this process that is as slow as Amazon's, in virtual time, so the results hardly
/// depend on the machine. --on-local, --endpoint-url and --on-aws measure real time. The bench creates queues
/// (sqs-rpc-bench-... and a reply queue) and deletes them at the end, also after Ctrl-C or SIGTERM. If it is killed,
/// delete sqs-rpc-bench-... yourself.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Measure on `sqs-rpc local`, started as a separate process, over HTTP
    #[arg(long, group = "place")]
    on_local: bool,
    /// Measure on Amazon SQS, with the region and credentials of the AWS environment; Amazon charges for the calls
    #[arg(long, group = "place")]
    on_aws: bool,
    /// Measure on the SQS at this address
    #[arg(long, value_name = "URL", group = "place", value_parser = server_url)]
    endpoint_url: Option<String>,
    /// Number of concurrent callers; separate several values with commas
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 32, 256],
          value_parser = callers)]
    concurrency: Vec<usize>,
    /// Send this number of requests per second instead, without waiting for replies
    #[arg(long, value_name = "PER SECOND", value_parser = rate)]
    rate: Option<f64>,
    /// Size of a body in bytes; separate several values with commas
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_values_t = [64, 1024, 65536],
          value_parser = bytes)]
    payload: Vec<usize>,
    /// Requests in each run
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = requests)]
    requests: u64,
    /// Also run the same load on another contestant
    #[arg(long, value_name = "NAME")]
    compare: Option<Compare>,
    /// Whether the framework prefers low latency or low cost
    #[arg(long, value_enum, default_value_t)]
    prefer: Preference,
    /// Print one line of JSON for each run instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Seed of the random decisions in the model
    #[arg(long, default_value_t = 1, value_parser = number::seed)]
    seed: u64,
}

/// The framework's setting `prefer`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Preference {
    /// Never delay a message that a caller waits for
    Latency,
    /// Delay messages by a few milliseconds under load, for fuller batches
    #[default]
    Balance,
    /// Delay messages by some ten milliseconds under load, for the fewest calls
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

/// The contestant that the framework is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Compare {
    /// Plain SDK calls in batches of ten, with the number of polls that gave the best result
    BareSdk,
    /// The framework with, as far as possible, each message in its own call
    Unbatched,
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

    /// The head of the table: what was measured.
    fn describe(&self) -> String {
        let place = match self.place() {
            Place::Model => {
                format!(
                    "a model of Amazon's latencies, in virtual time, seed {}",
                    self.seed
                )
            }
            Place::Local => "`sqs-rpc local` in a separate process".to_owned(),
            Place::Url(url) => url,
            Place::Aws => "Amazon SQS".to_owned(),
        };
        format!(
            "sqs-rpc {} on {place}\n{} requests in each run after a warm-up, prefer {}, both ends in one process",
            env!("CARGO_PKG_VERSION"),
            self.requests,
            format!("{:?}", self.prefer).to_lowercase()
        )
    }
}

pub(crate) async fn run(Command::Rpc(arguments): Command) -> Result<(), Failure> {
    let (json, what) = (arguments.json, arguments.describe());
    let outcomes = if arguments.place() == Place::Model {
        tokio::task::spawn_blocking(|| in_virtual_time(arguments))
            .await
            .map_err(Failure::other)??
    } else {
        measure(arguments).await?
    };
    if json {
        report::json(&outcomes)
    } else {
        report::table(&what, &outcomes)
    }
}

/// Runs the bench in a separate runtime with a paused clock, which jumps to the next timer.
fn in_virtual_time(arguments: Arguments) -> Result<Vec<Outcome>, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .map_err(Failure::other)?
        .block_on(measure(arguments))
}

async fn measure(arguments: Arguments) -> Result<Vec<Outcome>, Failure> {
    let mut signals = Signals::listen().map_err(Failure::other)?;
    let interrupted = || Failure::interrupted("interrupted before all runs were finished");
    let place = arguments.place();
    let server = tokio::select! {
        biased;
        () = signals.next() => return Err(interrupted()),
        server = Server::start(&place, arguments.seed) => server?,
    };
    let bench = Bench::new(server, arguments, Progress::start()?);
    let outcomes = tokio::select! {
        biased;
        () = signals.next() => Err(interrupted()),
        outcomes = bench.run() => outcomes,
    };
    bench.progress.end();
    tokio::select! {
        biased;
        () = bench.clean_up() => {}
        () = signals.next() => tracing::warn!("queues of the bench may not have been deleted"),
    }
    outcomes
}

fn callers(given: &str) -> Result<usize, String> {
    number::within(given, 1..=100_000)
}

fn bytes(given: &str) -> Result<usize, String> {
    number::within(given, 1..=1_000_000)
}

fn requests(given: &str) -> Result<u64, String> {
    number::within(given, 1..=1_000_000_000)
}

/// Requests per second.
fn rate(given: &str) -> Result<f64, String> {
    number::within(given, 0.01..=1_000_000.0)
}
