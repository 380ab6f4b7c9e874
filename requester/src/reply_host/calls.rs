//! The two calls of a reply host's life.

use std::time::Duration;

use aws_sdk_sqs::operation::create_queue::builders::CreateQueueInputBuilder;
use aws_sdk_sqs::operation::delete_queue::builders::DeleteQueueInputBuilder;
use aws_sdk_sqs::types::QueueAttributeName;
use sqs_rpc_protocol::HostQueueUrl;
use sqs_virtual_queues::Action;
use sqs_virtual_queues::sqs::{Delivery, Fault, FaultKind, Moment, Sqs};

use super::HostSpec;

/// For how long an answer to one creation is awaited. Then it is unknown whether the queue was made.
const CREATION: Duration = Duration::from_secs(10);

/// SQS said that it made the queue, and named it in a way that is not understood.
#[derive(Debug, thiserror::Error)]
#[error("CreateQueue answered no queue URL that is understood")]
struct NoUrl;

/// Makes the queue, with its attributes and tags in the one call, so that no crash leaves one without.
pub(super) async fn create(sqs: &Sqs, name: &str, spec: &HostSpec) -> Result<HostQueueUrl, Fault> {
    let mut input = CreateQueueInputBuilder::default()
        .queue_name(name)
        .attributes(
            QueueAttributeName::MessageRetentionPeriod,
            spec.retention.as_secs().to_string(),
        );
    input = match &spec.kms_key {
        Some(key) => input.attributes(QueueAttributeName::KmsMasterKeyId, key),
        None => input.attributes(QueueAttributeName::SqsManagedSseEnabled, "true"),
    };
    for (key, value) in spec.all_tags() {
        input = input.tags(key, value);
    }
    let end = sqs.clock().now() + CREATION;
    let output = by(sqs, end, Action::CreateQueue, sqs.create_queue(input)).await?;
    let url = output
        .queue_url()
        .and_then(|url| HostQueueUrl::parse(url).ok());
    url.ok_or_else(|| {
        Fault::local(
            Action::CreateQueue,
            FaultKind::Unreadable,
            Delivery::Sent,
            NoUrl,
        )
    })
}

/// Deletes the queue. One that does not exist is deleted.
pub(super) async fn delete(sqs: &Sqs, url: &HostQueueUrl, end: Moment) -> Result<(), Fault> {
    let input = DeleteQueueInputBuilder::default().queue_url(url.as_str());
    match by(sqs, end, Action::DeleteQueue, sqs.delete_queue(input)).await {
        Err(fault) if fault.kind() != FaultKind::QueueNotFound => Err(fault),
        _ => Ok(()),
    }
}

async fn by<T>(
    sqs: &Sqs,
    end: Moment,
    action: Action,
    call: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let in_time = sqs.clock().timeout_at(end, call).await;
    in_time.unwrap_or_else(|elapsed| {
        Err(Fault::local(
            action,
            FaultKind::TimedOut,
            Delivery::Unknown,
            elapsed,
        ))
    })
}
