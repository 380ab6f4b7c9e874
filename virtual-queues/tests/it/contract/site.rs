//! The server that the checks use, and its time.

use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::SharedHttpClient;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use sqs_rpc_protocol::{HostQueueUrl, VirtualQueueUrl, names};
use sqs_rpc_transport::{ClientApi, Clock, Sqs};
use sqs_virtual_queues::VirtualQueues;
use tokio::time::Instant;

use super::gate::Gate;

/// A server.
pub(crate) struct Site {
    /// A plain client, for calls that a check makes outside of the multiplexer.
    pub(crate) client: Client,
    gate: Gate,
    clock: Clock,
    pace: Pace,
    /// A prefix of every queue's name, so that runs on the same server do not interfere.
    prefix: String,
    made: Mutex<Vec<String>>,
}

/// How time passes.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// Time passes only while all tasks wait, so durations are exact.
    #[cfg(test)]
    Paused,
    /// Time passes as on the wall clock, so a server may be late.
    #[cfg(not(test))]
    Real,
}

/// The maximum delay of a server, in real time.
#[cfg(not(test))]
const LATE: Duration = Duration::from_secs(4);

impl Site {
    /// A local SQS, with clocks that advance together.
    #[cfg(test)]
    pub(crate) fn paused() -> Self {
        let wall = std::time::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let local = local_sqs::LocalSqs::builder().start_time(wall).build();
        let (config, http) = (local.sdk_config(), local.http_client());
        Self::new(
            config,
            http,
            Clock::tokio(wall),
            Pace::Paused,
            String::new(),
        )
    }

    /// A server in real time. Names of queues begin with `prefix`.
    #[cfg(not(test))]
    pub(crate) fn real(
        config: aws_sdk_sqs::config::Builder,
        http: SharedHttpClient,
        prefix: String,
    ) -> Self {
        Self::new(config, http, Clock::system(), Pace::Real, prefix)
    }

    fn new(
        config: aws_sdk_sqs::config::Builder,
        http: SharedHttpClient,
        clock: Clock,
        pace: Pace,
        prefix: String,
    ) -> Self {
        let gate = Gate::before(http);
        Self {
            client: Client::from_conf(config.http_client(gate.clone()).build()),
            gate,
            clock,
            pace,
            prefix,
            made: Mutex::default(),
        }
    }

    /// A separate process: another multiplexer.
    pub(crate) fn queues(&self) -> VirtualQueues {
        let sqs = Sqs::builder(ClientApi::new(&self.client)).clock(self.clock.clone());
        let builder = VirtualQueues::builder(sqs.build()).visibility(self.visibility());
        builder.build().expect("the options are valid")
    }

    /// How long the multiplexer keeps received messages invisible.
    pub(crate) fn visibility(&self) -> Duration {
        match self.pace {
            #[cfg(test)]
            Pace::Paused => Duration::from_secs(30),
            // The usual time is too long in real time.
            #[cfg(not(test))]
            Pace::Real => Duration::from_secs(8),
        }
    }

    /// Creates a real queue, or finds it.
    pub(crate) async fn host(&self, name: &str) -> HostQueueUrl {
        self.host_with(name, &[]).await
    }

    pub(crate) async fn host_with(
        &self,
        name: &str,
        attributes: &[(QueueAttributeName, &str)],
    ) -> HostQueueUrl {
        let name = format!("{}{name}", self.prefix);
        // A receive by the drop-in without these parameters takes them from its host.
        let visibility = self.visibility().as_secs().to_string();
        let mut create = self
            .client
            .create_queue()
            .queue_name(name)
            .attributes(QueueAttributeName::VisibilityTimeout, visibility);
        for (name, value) in attributes {
            create = create.attributes(name.clone(), *value);
        }
        let url = create.send().await.unwrap().queue_url.unwrap();
        self.made.lock().unwrap().push(url.clone());
        url.parse().unwrap()
    }

    /// Sends with a plain client, as another program would.
    pub(crate) async fn send(&self, to: &VirtualQueueUrl, body: &str) {
        let name = text(to.name().as_str());
        let send = self.client.send_message().queue_url(to.host().as_str());
        let send = send.message_attributes(names::VIRTUAL_QUEUE_NAME, name);
        send.message_body(body).send().await.unwrap();
    }

    /// Waits until a real queue has no messages, visible or not.
    pub(crate) async fn emptied(&self, host: &HostQueueUrl) {
        use QueueAttributeName as Name;
        let counts = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
        ];
        let left = async || {
            let get = self.client.get_queue_attributes().queue_url(host.as_str());
            let get = get.set_attribute_names(Some(counts.clone().into()));
            let attributes = get.send().await.unwrap().attributes.unwrap();
            let counts = attributes.values().map(|count| count.parse::<u64>());
            counts.map(Result::unwrap).sum::<u64>()
        };
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            match left().await {
                0 => return,
                left => assert!(Instant::now() < end, "{left} messages are left"),
            }
            pass(Duration::from_millis(50)).await;
        }
    }

    /// The number of calls that reached the server, or would have reached it.
    pub(crate) fn calls(&self) -> u64 {
        self.gate.calls()
    }

    pub(crate) fn calls_of(&self, operation: &str) -> u64 {
        self.gate.calls_of(operation)
    }

    /// From now on this operation is unavailable; `None`: all are available.
    pub(crate) fn close_to(&self, operation: Option<&'static str>) {
        self.gate.close_to(operation);
    }

    /// Panics unless the given number of seconds has passed.
    pub(crate) fn took(&self, start: Instant, seconds: u64) {
        let took = start.elapsed();
        match self.pace {
            #[cfg(test)]
            Pace::Paused => assert_eq!(took.as_secs(), seconds),
            #[cfg(not(test))]
            Pace::Real => {
                let expected = Duration::from_secs(seconds);
                let early = Duration::from_millis(500);
                assert!(
                    took + early >= expected && took <= expected + LATE,
                    "expected {expected:?}, took {took:?}"
                );
            }
        }
    }

    /// Deletes all queues that were created.
    #[cfg(not(test))]
    pub(crate) async fn clear(&self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap());
        for url in made {
            // A check may have deleted the queue.
            let _ = self.client.delete_queue().queue_url(url).send().await;
        }
    }
}

pub(crate) fn text(value: &str) -> MessageAttributeValue {
    let value = MessageAttributeValue::builder().string_value(value);
    value.data_type("String").build().unwrap()
}

/// Lets time pass: Tokio's paused time on local-sqs, or real time on another server, whose clock cannot be moved.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Waits for a condition that other tasks fulfill.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < end, "10 s passed without: {what}");
        pass(Duration::from_millis(10)).await;
    }
}
