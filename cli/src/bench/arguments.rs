//! What `sqs-rpc bench rpc` is asked to measure.

use sqs_rpc::transport::Prefer;

use super::server::Place;
use crate::connection::server_url;
use crate::number;

/// Measure requests: how many a second, how long, how many calls of SQS, at what price
///
/// By default on an SQS in this process that is as slow as Amazon's, in virtual time: its counts hardly depend on the
/// machine. Real times come with --on-local, --endpoint-url or --on-aws. The queues that it makes, sqs-rpc-bench-... and
/// one for replies, it deletes in the end, after Ctrl-C or SIGTERM, too; if it is killed, the former are yours to delete.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Measure on `sqs-rpc local`, started as a process of its own, over HTTP
    #[arg(long, group = "place")]
    pub(super) on_local: bool,
    /// Measure on Amazon's SQS, with the region and credentials of the AWS environment; it costs money
    #[arg(long, group = "place")]
    pub(super) on_aws: bool,
    /// Measure on the SQS at this address
    #[arg(long, value_name = "URL", group = "place", value_parser = server_url)]
    pub(super) endpoint_url: Option<String>,
    /// Callers at a time; several with commas
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 32, 256],
          value_parser = callers)]
    pub(super) concurrency: Vec<usize>,
    /// Send so many requests a second instead, whether replies come or not
    #[arg(long, value_name = "PER SECOND", value_parser = rate)]
    pub(super) rate: Option<f64>,
    /// Bytes of a body; several with commas
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_values_t = [64, 1024, 65536],
          value_parser = bytes)]
    pub(super) payload: Vec<usize>,
    /// Requests in each run
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = requests)]
    pub(super) requests: u64,
    /// Put the same load on another contestant, too
    #[arg(long, value_name = "NAME")]
    pub(super) compare: Option<Compare>,
    /// What matters more to the framework, latency or cost
    #[arg(long, value_enum, default_value_t)]
    pub(super) prefer: Preference,
    /// Print JSON, a line a run, instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// What chance decides in the model, it decides by this
    #[arg(long, default_value_t = 1, value_parser = number::seed)]
    pub(super) seed: u64,
}

/// The framework's setting of this name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Preference {
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
pub(super) enum Compare {
    /// Plain SDK calls, ten to a batch, with the number of polls that served best
    BareSdk,
    /// The framework with every message in a call of its own, as far as it does that
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

    /// What the figures of the table are of.
    pub(super) fn describe(&self) -> String {
        let place = match self.place() {
            Place::Model => {
                format!(
                    "a model of Amazon's latencies, in virtual time, seed {}",
                    self.seed
                )
            }
            Place::Local => "`sqs-rpc local` in a process of its own".to_owned(),
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

/// Requests a second.
fn rate(given: &str) -> Result<f64, String> {
    number::within(given, 0.01..=1_000_000.0)
}
