//! The SQS that is measured, and its clock.
//!
//! Owns: the clients of both ends, their clock, and the queues of a run. Does not own: the load.
//! Invariant: a server process that this module started ends when the [`Server`] is dropped.

use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use aws_config::BehaviorVersion;
use aws_config::meta::region::RegionProviderChain;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{Builder, Credentials, Region};
use local_sqs::{Behaviour, Latency, LocalSqs};
use sqs_rpc::protocol::limits::NEW_QUEUE_WAIT;
use sqs_rpc::transport::{ClientApi, Clock, Sqs};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::calls::CallCounter;
use super::contestant::Ends;
use crate::connection::check_region;
use crate::failure::{Chain, Failure};

/// The wait for a new queue, with a margin.
const NEW_QUEUE: Duration = NEW_QUEUE_WAIT.saturating_add(Duration::from_millis(100));

/// Limits the clean-up, because a server that does not answer would block it forever.
const CLEAN_UP: Duration = Duration::from_secs(10);

/// The SQS that the user chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `local-sqs` in this process, as slow as Amazon's SQS, in virtual time.
    Model,
    /// `sqs-rpc local` in a separate process.
    Local,
    /// Any server.
    Url(String),
    /// Amazon SQS as configured in the AWS environment.
    Aws,
}

/// A queue of a run.
struct Made {
    name: String,
    /// `None` until CreateQueue is answered; it stays `None` if the run is interrupted before.
    url: Option<String>,
}

/// An SQS to measure on.
pub(super) struct Server {
    pub(super) calls: CallCounter,
    config: Builder,
    /// The clock of the model; `None` for all other places.
    model: Option<Clock>,
    /// The queues created so far.
    queues: Mutex<Vec<Made>>,
    /// Ends when this value is dropped and when this process ends, however it ends.
    _process: Option<Child>,
}

impl Server {
    /// Connects to the server, or starts it. [`Place::Model`] needs a paused clock.
    pub(super) async fn start(place: &Place, seed: u64) -> Result<Self, Failure> {
        match place {
            Place::Model => Ok(Self::model(seed)),
            Place::Local => {
                let (process, url) = start_local().await?;
                Ok(Self {
                    _process: Some(process),
                    ..Self::at(&url)
                })
            }
            Place::Url(url) => Ok(Self::at(url)),
            Place::Aws => {
                let region = RegionProviderChain::default_provider();
                let loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
                let config = loader.load().await;
                check_region(&config, "no region found: set AWS_REGION")?;
                Ok(Self::new(Builder::from(&config), None))
            }
        }
    }

    fn model(seed: u64) -> Self {
        let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let sqs = LocalSqs::builder()
            .seed(seed)
            .start_time(start)
            .behaviour(like_aws())
            .build();
        Self::new(sqs.sdk_config(), Some(Clock::tokio(start)))
    }

    fn at(url: &str) -> Self {
        let config = Builder::default()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "bench"))
            .endpoint_url(url);
        Self::new(config, None)
    }

    fn new(config: Builder, model: Option<Clock>) -> Self {
        let calls = CallCounter::default();
        Self {
            config: config.interceptor(calls.clone()),
            calls,
            model,
            queues: Mutex::default(),
            _process: None,
        }
    }

    /// Whether SQS runs in this process with virtual time.
    pub(super) const fn is_model(&self) -> bool {
        self.model.is_some()
    }

    /// A client with its own connections.
    pub(super) fn client(&self) -> Client {
        Client::from_conf(self.config.clone().build())
    }

    /// The framework's access to SQS through a client.
    pub(super) fn sqs(&self, client: &Client) -> Sqs {
        let api = Sqs::builder(ClientApi::new(client));
        match &self.model {
            Some(clock) => api.clock(clock.clone()).build(),
            None => api.build(),
        }
    }

    /// The clients of both ends of a run, and a new request queue.
    pub(super) async fn ends(&self) -> Result<Ends, Failure> {
        let asking = self.client();
        let request_queue = self.queue(&asking, "requests").await?;
        Ok(Ends {
            asking,
            answering: self.client(),
            request_queue,
        })
    }

    /// Creates a queue and waits until it can be used.
    pub(super) async fn queue(&self, client: &Client, kind: &str) -> Result<String, Failure> {
        let n = self.queues().len();
        // The number keeps names apart, because queues of other runs may still exist.
        let name = format!("sqs-rpc-bench-{}-{kind}-{n}", std::process::id());
        self.queues().push(Made {
            name: name.clone(),
            url: None,
        });
        let made = client.create_queue().queue_name(name).send().await;
        let url = made.map_err(Failure::other)?.queue_url;
        let url = url.ok_or_else(|| {
            Failure::other("expected a queue URL in the answer to CreateQueue, found none")
        })?;
        if let Some(made) = self.queues().get_mut(n) {
            made.url = Some(url.clone());
        }
        tokio::time::sleep(NEW_QUEUE).await;
        Ok(url)
    }

    /// Deletes the queues that [`queue`](Self::queue) created, within [`CLEAN_UP`].
    pub(super) async fn delete_queues(&self) {
        let delete = self.delete_each_queue();
        if tokio::time::timeout(CLEAN_UP, delete).await.is_err() {
            tracing::warn!("no answer from SQS: queues of the bench were not deleted");
        }
    }

    async fn delete_each_queue(&self) {
        let client = self.client();
        let queues = std::mem::take(&mut *self.queues());
        for Made { name, url } in queues {
            let url = match url {
                Some(url) => Some(url),
                // The queue may exist although CreateQueue was not answered.
                None => {
                    let found = client.get_queue_url().queue_name(&name).send().await;
                    found.ok().and_then(|found| found.queue_url)
                }
            };
            let Some(url) = url else { continue };
            if let Err(error) = client.delete_queue().queue_url(&url).send().await {
                let error = Chain(&error).to_string();
                tracing::warn!(%url, error, "a queue of the bench was not deleted");
            }
        }
    }

    fn queues(&self) -> MutexGuard<'_, Vec<Made>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From the Windows API, "Process Creation Flags".
#[cfg(windows)]
const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;

/// The latencies of the real SQS, without its faults.
fn like_aws() -> Behaviour {
    Behaviour::default()
        .latency(Latency::aws_call())
        .delivery(Latency::aws_delivery())
        .settling(Duration::from_secs(1))
}

/// Starts this program as a server, and reads the server's address from its stdout.
async fn start_local() -> Result<(Child, String), Failure> {
    let program = std::env::current_exe().map_err(Failure::other)?;
    let mut command = Command::new(program);
    command
        .args(["local", "--port", "0", "--json", "--until-stdin-ends"])
        // Nothing is written to this pipe. It closes when this process ends, even if it is killed, and the server stops
        // then.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    // The terminal's Ctrl-C must not stop the server, because this process still deletes queues there.
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(windows)]
    command.creation_flags(CREATE_NEW_PROCESS_GROUP);
    let mut process = command.spawn().map_err(Failure::other)?;
    let stdout = process
        .stdout
        .take()
        .ok_or_else(|| Failure::other("the server has no stdout"))?;
    let line = BufReader::new(stdout)
        .lines()
        .next_line()
        .await
        .map_err(Failure::other)?;
    let introduction: serde_json::Value =
        serde_json::from_str(&line.unwrap_or_default()).unwrap_or_default();
    let url = introduction["endpoint_url"].as_str().map(str::to_owned);
    let url = url.ok_or_else(|| {
        Failure::other("expected the server to print its endpoint_url, found none")
    })?;
    tracing::debug!(url, "the server is listening");
    Ok((process, url))
}
