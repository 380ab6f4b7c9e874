//! How often SQS delivers a message before it moves the message to the dead-letter queue.
//!
//! Owns: reading the number from the queue, and how long the answer is kept. Does not own: what happens to messages.
//! Used for FIFO queues only, because only there a message that stays delays others.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::operation::get_queue_attributes::builders::GetQueueAttributesInputBuilder;
use aws_sdk_sqs::types::QueueAttributeName;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_rpc_transport::{FaultKind, Moment, Sqs};

/// How long the answer is kept. A change of the policy takes effect after at most this time.
const AGE: Duration = Duration::from_secs(60);

/// The redrive policy of one queue, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Redrive(Mutex<Option<Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    until: Moment,
    /// `None` if there is no policy, or the policy could not be read.
    most: Option<u32>,
}

impl Redrive {
    /// Whether the delivery with this number is the message's last before SQS moves it to the dead-letter queue.
    pub(super) async fn is_last(
        &self,
        sqs: &Sqs,
        queue: &HostQueueUrl,
        receive_count: Option<u32>,
    ) -> bool {
        let Some(count) = receive_count else {
            return false;
        };
        let now = sqs.clock().now();
        let known = self.known().filter(|known| now < known.until);
        let most = match known {
            Some(known) => known.most,
            None => {
                let most = ask(sqs, queue).await;
                let until = sqs.clock().now() + AGE;
                *self.known() = Some(Known { until, most });
                most
            }
        };
        most.is_some_and(|most| count >= most)
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(sqs: &Sqs, queue: &HostQueueUrl) -> Option<u32> {
    let input = GetQueueAttributesInputBuilder::default()
        .queue_url(queue.as_str())
        .attribute_names(QueueAttributeName::RedrivePolicy);
    match sqs.get_queue_attributes(input).await {
        Ok(output) => {
            let attributes = output.attributes?;
            max_receive_count(attributes.get(&QueueAttributeName::RedrivePolicy)?)
        }
        Err(fault) => {
            if fault.kind() == FaultKind::AccessDenied {
                tracing::warn!(
                    %queue, %fault,
                    "the redrive policy cannot be read: requests that are received behind one that stays are given back, and may \
                     be moved to the dead-letter queue with it"
                );
            }
            None
        }
    }
}

/// Reads `maxReceiveCount`, a number or a string, from a policy in JSON.
fn max_receive_count(policy: &str) -> Option<u32> {
    let (_, rest) = policy.split_once("\"maxReceiveCount\"")?;
    let number = rest.trim_start_matches([' ', ':', '"', '\t', '\n', '\r']);
    let end = number
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(number.len());
    number[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_receive_count_is_read_as_number_and_as_text() {
        let arn = r#""deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead""#;
        for (policy, count) in [
            (format!(r#"{{{arn},"maxReceiveCount":3}}"#), Some(3)),
            (
                format!(r#"{{"maxReceiveCount" : "1000", {arn}}}"#),
                Some(1000),
            ),
            (format!("{{{arn}}}"), None),
            (r#"{"maxReceiveCount":null}"#.to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(max_receive_count(&policy), count, "{policy}");
        }
    }
}
