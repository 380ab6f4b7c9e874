//! The handle of users: an in-memory SQS, ready to use.

use crate::calls::Calls;
use crate::clock::Clock;
use crate::driver::{Driver, Lost};
use crate::engine::api::requests;
use crate::engine::behaviour::Behaviour;
use crate::engine::{Caller, Engine, ErrorKind, Output, Request, SqsError};
use crate::in_process::InProcess;
use crate::rights::{AccessKey, Rights};
use crate::service::Service;
use crate::trace::{Trace, Watcher};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::sync::Arc;
use std::time::SystemTime;
use tokio_util::sync::CancellationToken;

/// An in-memory Amazon SQS. Clones share the same SQS.
///
/// It has no task, socket or runtime of its own: polls wait in their callers' tasks, and without calls nothing runs. The
/// clock is tokio's, so with a paused clock a visibility timeout of hours passes at once.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use local_sqs::LocalSqs;
///
/// let sqs = LocalSqs::start();
/// let queue = sqs.create_queue("jobs").await?;
///
/// let client: aws_sdk_sqs::Client = sqs.client();
/// client.send_message().queue_url(&queue).message_body("hello").send().await?;
/// let received = client.receive_message().queue_url(&queue).wait_time_seconds(20).send().await?;
/// assert_eq!(received.messages()[0].body(), Some("hello"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LocalSqs {
    service: Arc<Service>,
}

impl LocalSqs {
    /// An SQS with no queues and the default options.
    pub fn start() -> Self {
        Self::builder().build()
    }

    /// Builds an SQS with custom options.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A client of the AWS SDK for this SQS, without credentials or a socket.
    ///
    /// Each call makes a new client with its own connection settings and credentials cache; prefer to clone a client.
    pub fn client(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::from_conf(self.sdk_config().build())
    }

    /// The configuration of [`client`](Self::client), to change it before making a client.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use aws_sdk_sqs::config::retry::RetryConfig;
    ///
    /// let sqs = local_sqs::LocalSqs::start();
    /// let config = sqs.sdk_config().retry_config(RetryConfig::disabled()).build();
    /// let client = aws_sdk_sqs::Client::from_conf(config);
    /// assert!(client.list_queues().send().await?.queue_urls().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn sdk_config(&self) -> aws_sdk_sqs::config::Builder {
        aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.service.rights.region.to_string()))
            .credentials_provider(Credentials::new("local", "local", None, None, "local-sqs"))
            .http_client(self.http_client())
    }

    /// An HTTP client for any SDK configuration: this SQS answers every request.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(InProcess {
            service: self.service.clone(),
        })
    }

    /// Creates a queue with default attributes, or finds the existing queue, and returns its URL. A name that ends in
    /// `.fifo` makes a FIFO queue.
    ///
    /// Counts as a call of `CreateQueue`.
    ///
    /// # Errors
    ///
    /// SQS's errors: the name is invalid, was deleted less than a minute ago, or belongs to a queue with other
    /// attributes.
    ///
    /// # Cancel safety
    ///
    /// The queue is created at the first poll of the future.
    pub async fn create_queue(&self, name: &str) -> Result<String, SqsError> {
        let fifo = name
            .ends_with(".fifo")
            .then(|| [("FifoQueue".to_owned(), "true".to_owned())].into());
        let request = requests::CreateQueue {
            queue_name: Some(name.to_owned()),
            attributes: fifo,
            tags: None,
        };
        match self.call(Request::CreateQueue(request)).await? {
            Output::QueueUrl(made) => Ok(made.queue_url),
            _ => Err(SqsError::new(
                ErrorKind::InternalFailure,
                "CreateQueue answered no URL",
            )),
        }
    }

    /// Executes any request of the API as the default account in the default region. No access key is needed.
    ///
    /// Counts, and is subject to faults, as every other call.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use local_sqs::LocalSqs;
    /// use local_sqs::engine::{Action, Output};
    /// use serde_json::json;
    ///
    /// let sqs = LocalSqs::start();
    /// let members = json!({ "QueueName": "jobs", "Attributes": { "VisibilityTimeout": "5" } });
    /// let Output::QueueUrl(made) = sqs.call(Action::CreateQueue.decode(members)?).await? else { panic!() };
    /// assert_eq!(made.queue_url, "https://sqs.us-east-1.amazonaws.com/000000000000/jobs");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// SQS's errors, errors of [`Behaviour`], and [`ErrorKind::InternalFailure`] if the answer was lost.
    ///
    /// # Cancel safety
    ///
    /// Every request except a waiting receive has its effect at the first poll of the future, or after half of
    /// [`Behaviour::latency`]. If the future is dropped while a receive waits, no message was received.
    pub async fn call(&self, request: Request) -> Result<Output, SqsError> {
        let Rights {
            account,
            region,
            principal,
            ..
        } = self.service.rights.clone();
        let origin = format!("https://sqs.{region}.amazonaws.com").into();
        let caller = Caller {
            account,
            region,
            origin,
            principal,
        };
        let never = CancellationToken::new();
        let answer = self.service.driver.call(Ok(caller), request, &never).await;
        let answer = answer
            .map_err(|Lost| SqsError::new(ErrorKind::InternalFailure, "the answer was lost"))?;
        answer.result
    }

    /// Replaces the [`Behaviour`] from now on, so that a test can enable and disable faults.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.service.driver.set_behaviour(behaviour);
    }

    /// The number of API calls so far, of all clients and of the server.
    pub fn calls(&self) -> Calls {
        self.service.driver.calls()
    }

    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.service
    }
}

/// Options of a [`LocalSqs`].
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::{Duration, UNIX_EPOCH};
///
/// let sqs = local_sqs::LocalSqs::builder()
///     .seed(7)
///     .account("123456789012")
///     .region("eu-central-1")
///     .start_time(UNIX_EPOCH + Duration::from_secs(1_800_000_000))
///     .build();
/// let url = sqs.create_queue("jobs").await?;
/// assert_eq!(url, "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    seed: Option<u64>,
    account: String,
    region: String,
    start_time: Option<SystemTime>,
    behaviour: Behaviour,
    keys: Vec<AccessKey>,
    watcher: Option<Watcher>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            seed: None,
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            start_time: None,
            behaviour: Behaviour::default(),
            keys: Vec::new(),
            watcher: None,
        }
    }
}

impl Builder {
    /// The seed of message ids, receipt handles and all other random values, to repeat a run. Default: random ids, and
    /// faults that are the same in each run. Two servers with the same seed make the same ids, so a receipt handle of
    /// one server is valid at the other.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The account of callers. Default: `000000000000`. Without [access keys](Self::access_key), a request that is
    /// signed with a key id of 12 digits belongs to the account with this number.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        self
    }

    /// The region of unsigned requests. Default: `us-east-1`. The signature of a signed request contains its region,
    /// and each region has its own queues.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// The time of SQS's clock at the start. Default: the system's time. After the start, tokio's clock is used.
    pub fn start_time(mut self, time: SystemTime) -> Self {
        self.start_time = Some(time);
        self
    }

    /// Delays and faults. Default: none.
    pub fn behaviour(mut self, behaviour: Behaviour) -> Self {
        self.behaviour = behaviour;
        self
    }

    /// Adds an access key with its permissions. Default: no keys, and every caller has all permissions in its own
    /// account, signed or not. With at least one key, every request must be signed. [`LocalSqs::create_queue`] and
    /// [`LocalSqs::call`] need no key.
    pub fn access_key(mut self, key: AccessKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Calls `watch` for each request that was answered or refused. `watch` should not block.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::mpsc;
    ///
    /// let (lines, seen) = mpsc::channel();
    /// let sqs = local_sqs::LocalSqs::builder()
    ///     .trace(move |request| {
    ///         lines.send(request.to_string()).ok();
    ///     })
    ///     .build();
    /// let url = sqs.create_queue("jobs").await?;
    /// sqs.client().receive_message().queue_url(url).send().await?;
    /// let lines: Vec<_> = seen.try_iter().collect();
    /// assert!(lines[0].starts_with("CreateQueue jobs 200 ok"));
    /// assert!(lines[1].starts_with("ReceiveMessage jobs 200 ok 0"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn trace(mut self, watch: impl Fn(&Trace) + Send + Sync + 'static) -> Self {
        self.watcher = Some(Watcher(Arc::new(watch)));
        self
    }

    /// Starts the SQS.
    pub fn build(self) -> LocalSqs {
        let rights = Rights {
            account: self.account.into(),
            region: self.region.into(),
            principal: "AIDALOCALSQSLOCALSQSX".into(),
            keys: self
                .keys
                .into_iter()
                .map(|key| (key.id().to_owned(), key))
                .collect(),
        };
        let mut engine = self
            .seed
            .map_or_else(|| Engine::with_fresh_ids(0), Engine::new);
        engine.set_behaviour(self.behaviour);
        let driver = Driver::new(engine, Clock::start(self.start_time), self.watcher);
        LocalSqs {
            service: Arc::new(Service { driver, rights }),
        }
    }
}
