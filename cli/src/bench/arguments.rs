//! The options of `sqs-rpc bench rpc`.

use sqs_rpc::transport::Prefer;

use super::server::Place;
use crate::connection::server_url;
use crate::number;

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
    pub(super) on_local: bool,
    /// Measure on Amazon SQS, with the region and credentials of the AWS environment; Amazon charges for the calls
    #[arg(long, group = "place")]
    pub(super) on_aws: bool,
    /// Measure on the SQS at this address
    #[arg(long, value_name = "URL", group = "place", value_parser = server_url)]
    pub(super) endpoint_url: Option<String>,
    /// Number of concurrent callers; separate several values with commas
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 32, 256],
          value_parser = callers)]
    pub(super) concurrency: Vec<usize>,
    /// Send this number of requests per second instead, without waiting for replies
    #[arg(long, value_name = "PER SECOND", value_parser = rate)]
    pub(super) rate: Option<f64>,
    /// Size of a body in bytes; separate several values with commas
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_values_t = [64, 1024, 65536],
          value_parser = bytes)]
    pub(super) payload: Vec<usize>,
    /// Requests in each run
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = requests)]
    pub(super) requests: u64,
    /// Also run the same load on another contestant
    #[arg(long, value_name = "NAME")]
    pub(super) compare: Option<Compare>,
    /// Whether the framework prefers low latency or low cost
    #[arg(long, value_enum, default_value_t)]
    pub(super) prefer: Preference,
    /// Print one line of JSON for each run instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Seed of the random decisions in the model
    #[arg(long, default_value_t = 1, value_parser = number::seed)]
    pub(super) seed: u64,
}

/// The framework's setting `prefer`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Preference {
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
pub(super) enum Compare {
    /// Plain SDK calls in batches of ten, with the number of polls that gave the best result
    BareSdk,
    /// The framework with, as far as possible, each message in its own call
    Unbatched,
}

impl Arguments {
    pub(super) fn place(&self) -> Place {
        match &self.endpoint_url {
            Some(url) => Place::Url(url.clone()),
            None if self.on_local => Place::Local,
            None if self.on_aws => Place::Aws,
            None => Place::Model,
        }
    }

    /// The head of the table: what was measured.
    pub(super) fn describe(&self) -> String {
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
