//! Whether a call concerns a virtual queue.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use sqs_rpc_protocol::{VirtualQueueName, names};
use std::collections::HashMap;

use crate::{VirtualQueue, VirtualQueues};

/// The operation to serve, by its name in the API. `None`: forward the call.
///
/// With `makes_all`, every CreateQueue is served. `target` is the header `x-amz-target`. A malformed body is
/// forwarded, so that SQS refuses it.
pub(super) fn screen(
    queues: &VirtualQueues,
    makes_all: bool,
    target: &str,
    body: &[u8],
) -> Option<String> {
    let operation = target.strip_prefix("AmazonSQS.")?;
    let concerned = match operation {
        "CreateQueue" => makes_all || makes_virtual(body),
        "GetQueueUrl" => names_virtual(queues, makes_all, body),
        _ => body.contains(&b'#') && addresses_virtual(body),
    };
    concerned.then(|| operation.to_owned())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Addressed<'a> {
    #[serde(borrow)]
    queue_url: Option<Cow<'a, str>>,
    /// Message move tasks have this member instead.
    #[serde(borrow)]
    source_arn: Option<Cow<'a, str>>,
}

fn addresses_virtual(body: &[u8]) -> bool {
    serde_json::from_slice::<Addressed<'_>>(body).is_ok_and(|call| {
        let addresses = [call.queue_url, call.source_arn];
        addresses.iter().flatten().any(|text| text.contains('#'))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made<'a> {
    #[serde(borrow)]
    attributes: Option<HashMap<Cow<'a, str>, IgnoredAny>>,
}

fn makes_virtual(body: &[u8]) -> bool {
    serde_json::from_slice::<Made<'_>>(body).is_ok_and(|call| {
        let attributes = call.attributes.unwrap_or_default();
        attributes.contains_key(names::HOST_QUEUE_URL)
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named<'a> {
    #[serde(borrow)]
    queue_name: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "QueueOwnerAWSAccountId")]
    owner: Option<Cow<'a, str>>,
}

fn names_virtual(queues: &VirtualQueues, makes_all: bool, body: &[u8]) -> bool {
    let Ok(call) = serde_json::from_slice::<Named<'_>>(body) else {
        return false;
    };
    let name = call.queue_name.unwrap_or_default();
    named(queues, makes_all, &name).is_some_and(|queue| {
        let account = queue.url().host().account_id();
        call.owner.is_none_or(|owner| owner == account)
    })
}

/// The virtual queue that was created with this name. With `makes_all`, a queue on a FIFO host also has the name with
/// `.fifo` at its end.
pub(super) fn named(queues: &VirtualQueues, makes_all: bool, name: &str) -> Option<VirtualQueue> {
    let base = name.strip_suffix(".fifo").filter(|_| makes_all);
    let queue = queues.find_by_name(&VirtualQueueName::parse(base.unwrap_or(name)).ok()?)?;
    (base.is_none() || queue.url().host().is_fifo()).then_some(queue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_queue_url_with_a_name_is_virtual() {
        assert!(addresses_virtual(
            br#"{"QueueUrl":"http://h/000000000000/q#n"}"#
        ));
        assert!(addresses_virtual(
            br#"{"SourceArn":"arn:aws:sqs:r:000000000000:q#n"}"#
        ));
        assert!(!addresses_virtual(
            br##"{"QueueUrl":"http://h/000000000000/q","MessageBody":"#1 {\"QueueUrl\":\"a#b\"}"}"##
        ));
        assert!(!addresses_virtual(b"#"));
    }

    #[test]
    fn a_create_request_with_a_host_is_served_here() {
        assert!(makes_virtual(
            br#"{"QueueName":"n","Attributes":{"HostQueueUrl":"x"}}"#
        ));
        assert!(!makes_virtual(br#"{"QueueName":"HostQueueUrl"}"#));
        assert!(!makes_virtual(
            br#"{"QueueName":"n","Attributes":{"VisibilityTimeout":"1"},"tags":{"HostQueueUrl":"x"}}"#
        ));
    }
}
