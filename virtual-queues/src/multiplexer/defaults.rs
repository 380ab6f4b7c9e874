//! The host queue's own settings, for receives that do not set them.
//!
//! Owns: the host's wait and its visibility timeout, once they were read, and the time of the last failed read.
//!
//! **Invariant:** only the time of a failed read is kept.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::operation::get_queue_attributes::builders::GetQueueAttributesInputBuilder;
use aws_sdk_sqs::types::QueueAttributeName;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_rpc_protocol::limits::MAX_POLL_WAIT;
use sqs_rpc_transport::{Moment, Sqs};
use tokio::sync::OnceCell;

/// The timeout of a read, because a receive waits for the read.
const LIMIT: Duration = Duration::from_secs(5);

/// The pause after a failed read. There is no pause after the first failure, which may have been an accident: the
/// next receive reads again.
const PAUSE: Duration = Duration::from_secs(5);

/// How a receive from the host itself would behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReceiveDefaults {
    pub(super) wait: Duration,
    pub(super) visibility: Duration,
}

impl Default for ReceiveDefaults {
    /// SQS's defaults for a queue whose creator set nothing.
    fn default() -> Self {
        Self {
            wait: Duration::ZERO,
            visibility: Duration::from_secs(30),
        }
    }
}

/// The defaults of one host, read by the first receive that needs them.
#[derive(Debug, Default)]
pub(super) struct HostDefaults {
    known: OnceCell<ReceiveDefaults>,
    failures: Mutex<Failures>,
}

/// Counts the failed reads since the host was opened. Not used after a successful read.
#[derive(Debug, Default)]
struct Failures {
    count: u32,
    last: Moment,
}

impl HostDefaults {
    /// The host's wait and visibility timeout, read in one call. If they cannot be read, the result is SQS's own
    /// defaults, for this receive only.
    ///
    /// Receives that need the defaults at the same time share a read.
    pub(super) async fn get(&self, sqs: &Sqs, host: &HostQueueUrl) -> ReceiveDefaults {
        let read = || async {
            if self.pauses(sqs.clock().now()) {
                return Err(());
            }
            let read = read(sqs, host).await;
            if read.is_none() {
                self.failed(sqs.clock().now());
            }
            read.ok_or(())
        };
        let known = self.known.get_or_try_init(read).await;
        known.copied().unwrap_or_default()
    }

    fn pauses(&self, now: Moment) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.count > 1 && now.since(failures.last) < PAUSE
    }

    fn failed(&self, now: Moment) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
    }
}

async fn read(sqs: &Sqs, host: &HostQueueUrl) -> Option<ReceiveDefaults> {
    let [wait, visibility] = [
        QueueAttributeName::ReceiveMessageWaitTimeSeconds,
        QueueAttributeName::VisibilityTimeout,
    ];
    let input = GetQueueAttributesInputBuilder::default()
        .queue_url(host.as_str())
        .attribute_names(wait.clone())
        .attribute_names(visibility.clone());
    let end = sqs.clock().now() + LIMIT;
    let read = sqs.clock().timeout_at(end, sqs.get_queue_attributes(input));
    let attributes = read.await.ok()?.ok()?.attributes.unwrap_or_default();
    let seconds = |name| attributes.get(name)?.parse().ok().map(Duration::from_secs);
    let default = ReceiveDefaults::default();
    Some(ReceiveDefaults {
        wait: seconds(&wait).unwrap_or(default.wait).min(MAX_POLL_WAIT),
        visibility: seconds(&visibility).unwrap_or(default.visibility),
    })
}
