//! Shared test utilities.

use std::time::{Duration, UNIX_EPOCH};

use local_sqs::LocalSqs;
use sqs_rpc_transport::{ClientApi, Clock, Sqs};
use sqs_virtual_queues::VirtualQueues;

pub(crate) type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A local SQS, and virtual queues on it, with clocks that advance together.
pub(crate) struct World {
    pub(crate) local: LocalSqs,
    pub(crate) client: aws_sdk_sqs::Client,
    pub(crate) clock: Clock,
}

impl World {
    pub(crate) fn new() -> Self {
        let wall = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let local = LocalSqs::builder().start_time(wall).build();
        let client = local.client();
        Self {
            local,
            client,
            clock: Clock::tokio(wall),
        }
    }

    pub(crate) fn queues(&self) -> VirtualQueues {
        let sqs = Sqs::builder(ClientApi::new(&self.client)).clock(self.clock.clone());
        let queues = VirtualQueues::builder(sqs.build()).build();
        queues.expect("the defaults are valid")
    }

    pub(crate) fn calls(&self, action: &str) -> u64 {
        self.local.calls().of(action)
    }
}

/// Lets every task run until all wait, and then lets `time` pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Waits for a condition that other tasks fulfill, for at most an hour of virtual time.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..360_000 {
        if condition() {
            return;
        }
        pass(Duration::from_millis(10)).await;
    }
    panic!("an hour passed without: {what}");
}
