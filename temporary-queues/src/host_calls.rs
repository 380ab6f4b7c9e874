//! The calls in the life of a temporary host. Each has a timeout and returns SQS's time from the answer.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::operation::create_queue::builders::CreateQueueInputBuilder;
use aws_sdk_sqs::operation::delete_queue::builders::DeleteQueueInputBuilder;
use aws_sdk_sqs::operation::list_queue_tags::builders::ListQueueTagsInputBuilder;
use aws_sdk_sqs::operation::list_queues::builders::ListQueuesInputBuilder;
use aws_sdk_sqs::operation::tag_queue::builders::TagQueueInputBuilder;
use sqs_rpc_protocol::{HostQueueUrl, SqsTime};
use sqs_rpc_transport::{Action, Delivery, Fault, FaultKind, Moment, Sqs};

use super::attributes::HostAttributes;
use super::ring::Listed;

/// The timeout of a call.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// SQS's time from the answer, and the result of the call.
pub(super) type Dated<T> = (Option<SqsTime>, Result<T, Fault>);

/// SQS created the queue, but its answer has no valid queue URL.
#[derive(Debug, thiserror::Error)]
#[error("expected a queue URL in the answer to CreateQueue, found none or an invalid one")]
struct NoUrl;

/// Creates a queue. The attributes and tags are part of the same call, so that a crash never leaves a queue without them.
pub(super) async fn create(
    sqs: &Sqs,
    name: &str,
    attributes: &HostAttributes,
    tags: impl IntoIterator<Item = (String, String)>,
) -> Dated<HostQueueUrl> {
    let mut input = CreateQueueInputBuilder::default().queue_name(name);
    for (name, value) in attributes.all() {
        input = input.attributes(name, value);
    }
    for (key, value) in tags {
        input = input.tags(key, value);
    }
    let call = sqs.dated(Action::CreateQueue, LIMIT, |api| api.create_queue(input));
    let (date, made) = call.await;
    let url = made.and_then(|output| {
        let url = output.queue_url().map(HostQueueUrl::parse);
        url.and_then(Result::ok).ok_or_else(|| {
            let (kind, delivery) = (FaultKind::Unreadable, Delivery::Sent);
            Fault::local(Action::CreateQueue, kind, delivery, NoUrl)
        })
    });
    (date, url)
}

/// Writes tags in one attempt, with the timeout `limit`.
pub(super) async fn tag(
    sqs: &Sqs,
    url: &str,
    tags: impl IntoIterator<Item = (String, String)>,
    limit: Duration,
) -> Dated<()> {
    let mut input = TagQueueInputBuilder::default().queue_url(url);
    for (key, value) in tags {
        input = input.tags(key, value);
    }
    let call = sqs.dated(Action::TagQueue, limit, |api| api.tag_queue(input));
    let (date, tagged) = call.await;
    (date, tagged.map(drop))
}

/// Deletes a queue, by `end` at the latest. A queue that does not exist counts as deleted.
pub(super) async fn delete(sqs: &Sqs, url: &str, end: Moment) -> Result<(), Fault> {
    match try_delete(sqs, url, end).await {
        Err(fault) if fault.kind() != FaultKind::QueueNotFound => Err(fault),
        _ => Ok(()),
    }
}

/// Like [`delete`], but a queue that does not exist is an error.
pub(super) async fn try_delete(sqs: &Sqs, url: &str, end: Moment) -> Result<(), Fault> {
    let input = DeleteQueueInputBuilder::default().queue_url(url);
    let limit = end.since(sqs.clock().now());
    let call = sqs.dated(Action::DeleteQueue, limit, |api| api.delete_queue(input));
    let (_, deleted) = call.await;
    deleted.map(drop)
}

/// The queues whose names begin with `prefix`, at most 1,000.
pub(super) async fn list(sqs: &Sqs, prefix: &str) -> Dated<Vec<Listed>> {
    let input = ListQueuesInputBuilder::default().queue_name_prefix(prefix);
    let call = sqs.dated(Action::ListQueues, LIMIT, |api| api.list_queues(input));
    let (date, listed) = call.await;
    let queues = listed.map(|output| {
        let urls = output.queue_urls.unwrap_or_default().into_iter();
        urls.filter_map(|url| {
            let name = url.rsplit('/').next()?.to_owned();
            Some(Listed::new(name, url))
        })
        .collect()
    });
    (date, queues)
}

/// The tags of a queue.
pub(super) async fn tags(sqs: &Sqs, url: &str) -> Dated<HashMap<String, String>> {
    let input = ListQueueTagsInputBuilder::default().queue_url(url);
    let call = sqs.dated(Action::ListQueueTags, LIMIT, |api| {
        api.list_queue_tags(input)
    });
    let (date, read) = call.await;
    (date, read.map(|output| output.tags.unwrap_or_default()))
}
