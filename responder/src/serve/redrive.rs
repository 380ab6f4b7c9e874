//! How often SQS delivers a message before it moves it to the dead-letter queue, as far as that is known.
//!
//! Owns: asking for it, and for how long the answer counts. Does not own: what becomes of messages. Only FIFO queues ask, because only
//! there a message that stays holds up others.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::operation::get_queue_attributes::builders::GetQueueAttributesInputBuilder;
use aws_sdk_sqs::types::QueueAttributeName;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_virtual_queues::sqs::{FaultKind, Moment, Sqs};

/// A change of the policy is noticed after so long.
const AGE: Duration = Duration::from_secs(60);

/// What is known of one queue's redrive policy.
#[derive(Debug, Default)]
pub(super) struct Redrive(Mutex<Option<Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    until: Moment,
    /// `None`: there is no policy, or the responder may not know it.
    most: Option<u32>,
}

impl Redrive {
    /// Whether SQS will deliver a message no more after its delivery of this number: its policy moves it.
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
                    "it is not known after how many deliveries a message is moved to the dead-letter queue: requests that are received \
                     behind one that stays are given back, and may be moved as well"
                );
            }
            None
        }
    }
}

/// `maxReceiveCount`, a number or a text, of a policy in JSON.
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
