//! [`ReplyKey`] identifies a request in a reply store, [`Fingerprint`] covers what else requests with one key must have
//! in common, and [`Holder`] identifies the handler of a request.
//!
//! Owns: the three types and their texts. Does not own: what a store does with them. Invariant: a message id alone is
//! never a key, because a server may use the id again.

use std::fmt;

use std::sync::Arc;

use sha2::{Digest, Sha256};
use sqs_rpc_protocol::{
    ContentType, HostKey, HostQueueUrl, IdempotencyKey, Operation, RequestId, SqsTime,
};
use sqs_rpc_transport::Random;

use crate::Request;

/// The key of a request in a reply store. Two requests are the same if they have the same queue, and the same value of
/// the first item in this list that the request has:
///
/// 1. idempotency key, together with the operation;
/// 2. request id;
/// 3. SQS's message id, together with `SentTimestamp` (Java's requester sends neither of the others).
///
/// The queue is compared by region, account and name, however its URL is spelled. If the URL does not contain the
/// region, the region is `-`.
///
/// `Display` writes a different text for each key, of at most 512 bytes, for a store whose keys are texts.
///
/// # Examples
///
/// ```
/// use sqs_responder::ReplyKey;
/// use sqs_rpc_protocol::{HostQueueUrl, RequestId};
///
/// let queue: HostQueueUrl = "https://sqs.eu-west-1.amazonaws.com/123456789012/login".parse()?;
/// let key = ReplyKey::of_request(&queue, RequestId::from_bits(10));
/// assert_eq!(
///     key.to_string(),
///     "request:0000000000000000000000000000000a@eu-west-1/123456789012/login",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyKey {
    id: Id,
    queue: HostKey,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Id {
    Idempotency(IdempotencyKey, Option<Operation>),
    Request(RequestId),
    Message(Arc<str>, SqsTime),
}

/// A digest of what requests with one [`ReplyKey`] must have in common: body, content type, operation and caller.
///
/// Two requests under one idempotency key that differ in one of these are not the same request: the second is refused with
/// `idempotency_key_reused`, instead of being answered with the reply to the first. The caller is the `SenderId` that SQS
/// writes on a message, up to its first `:`, which is the unique id of an IAM user or role. The name of a role's session is
/// left out, because all instances of a service share one role. So another user or role that guesses a key never gets the
/// reply.
///
/// User attributes are not part of the digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// Identifies the holder of a key: a random number of 128 bits for each request that a responder begins to handle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder(u128);

impl ReplyKey {
    /// The key of requests with this idempotency key and operation.
    #[must_use]
    pub fn of_idempotency_key(
        queue: &HostQueueUrl,
        key: &IdempotencyKey,
        operation: Option<&Operation>,
    ) -> Self {
        Self {
            queue: HostKey::new(queue, None),
            id: Id::Idempotency(key.clone(), operation.cloned()),
        }
    }

    /// The key of the request with this id.
    #[must_use]
    pub fn of_request(queue: &HostQueueUrl, id: RequestId) -> Self {
        Self {
            queue: HostKey::new(queue, None),
            id: Id::Request(id),
        }
    }

    /// The key of a message without an idempotency key and request id. `sent` is its `SentTimestamp`.
    #[must_use]
    pub fn of_message(queue: &HostQueueUrl, message_id: &str, sent: SqsTime) -> Self {
        Self {
            queue: HostKey::new(queue, None),
            id: Id::Message(message_id.into(), sent),
        }
    }

    /// The key of a request. `None` if the request has neither an idempotency key nor a request id, and its server
    /// states no `SentTimestamp`. Such a request cannot be identified for sure, and no store is asked about it.
    #[must_use]
    pub fn of(request: &Request) -> Option<Self> {
        let queue = request.queue();
        if let Some(key) = request.idempotency_key() {
            return Some(Self::of_idempotency_key(queue, key, request.operation()));
        }
        if let Some(id) = request.request_id() {
            return Some(Self::of_request(queue, id));
        }
        let sent = request.sent()?;
        Some(Self::of_message(queue, request.message_id(), sent))
    }

    /// Whether this is an idempotency key, which the requester chose.
    #[must_use]
    pub const fn is_idempotency_key(&self) -> bool {
        matches!(self.id, Id::Idempotency(..))
    }
}

impl fmt::Display for ReplyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            // Neither an operation nor a queue contains an `@`, so the text can be split from its end in only one way.
            Id::Idempotency(key, operation) => {
                let operation = operation.as_ref().map_or("", Operation::as_str);
                write!(f, "key:{key}@{operation}")
            }
            Id::Request(id) => write!(f, "request:{id}"),
            Id::Message(id, sent) => write!(f, "message:{id}:{sent}"),
        }?;
        write!(f, "@{}", self.queue)
    }
}

impl fmt::Debug for ReplyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyKey({self})")
    }
}

impl Fingerprint {
    /// The fingerprint of a request.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        Self::of_parts(
            request.body(),
            request.content_type(),
            request.operation(),
            request.sender_id(),
        )
    }

    /// The fingerprint of a request with these parts. `sender_id` is the message's `SenderId`.
    #[must_use]
    pub fn of_parts(
        body: &str,
        content_type: Option<&ContentType>,
        operation: Option<&Operation>,
        sender_id: Option<&str>,
    ) -> Self {
        let caller = sender_id.map(|id| id.split_once(':').map_or(id, |(principal, _)| principal));
        let parts = [
            Some(body),
            content_type.map(ContentType::as_str),
            operation.map(Operation::as_str),
            caller,
        ];
        let mut digest = Sha256::new();
        for part in parts {
            // The length comes first, so that different lists of parts differ in the digested bytes. A missing part has
            // a length that no text has.
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            digest.update(length.to_be_bytes());
            digest.update(part.unwrap_or_default());
        }
        Self(digest.finalize().into())
    }

    /// The digest, for a store to keep.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The fingerprint with this digest.
    #[must_use]
    pub const fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A short body can be found from its digest by trying.
        f.write_str("Fingerprint(..)")
    }
}

impl Holder {
    pub(crate) fn random(random: &Random) -> Self {
        Self(random.bits128())
    }

    /// The number, for a store to keep.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }

    /// The holder with this number.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Holder({:032x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn queue(url: &str) -> HostQueueUrl {
        HostQueueUrl::parse(url).unwrap()
    }

    #[test]
    fn keys_of_different_kinds_queues_and_operations_differ_as_texts() {
        let q = |name: &str| {
            queue(&format!(
                "https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"
            ))
        };
        let text = "0000000000000000000000000000000a";
        let key = |text: &str, operation: Option<&str>| {
            let operation = operation.map(|text| Operation::parse(text).unwrap());
            let key = IdempotencyKey::parse(text).unwrap();
            ReplyKey::of_idempotency_key(&q("q"), &key, operation.as_ref())
        };
        let keys = [
            ReplyKey::of_request(&q("q"), RequestId::from_bits(10)),
            ReplyKey::of_request(&q("p"), RequestId::from_bits(10)),
            ReplyKey::of_request(
                &queue("https://sqs.eu-west-2.amazonaws.com/123456789012/q"),
                RequestId::from_bits(10),
            ),
            ReplyKey::of_message(&q("q"), text, SqsTime::from_millis(1)),
            ReplyKey::of_message(&q("q"), text, SqsTime::from_millis(2)),
            key(text, None),
            key(text, Some("pay")),
            key(&format!("{text}@pay"), None),
            key("@", Some("pay")),
        ];
        let spelled: BTreeSet<_> = keys.iter().map(ReplyKey::to_string).collect();
        assert_eq!(spelled.len(), keys.len(), "{spelled:?}");
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    }

    #[test]
    fn a_queue_has_one_key_however_its_url_is_spelled() {
        let keys = [
            "https://sqs.us-east-1.amazonaws.com/123456789012/q",
            "https://queue.amazonaws.com/123456789012/q",
            "https://sqs-fips.us-east-1.amazonaws.com/123456789012/q",
        ]
        .map(|url| ReplyKey::of_request(&queue(url), RequestId::from_bits(1)));
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        assert!(
            keys.iter()
                .all(|key| key.to_string() == keys[0].to_string())
        );
    }

    #[test]
    fn the_longest_key_has_at_most_512_bytes() {
        let name = "q".repeat(80);
        let queue = queue(&format!(
            "https://sqs.ap-southeast-7.amazonaws.com/123456789012/{name}"
        ));
        let key = IdempotencyKey::parse(&"é".repeat(64)).unwrap();
        let operation = Operation::parse(&"o".repeat(128)).unwrap();
        let key = ReplyKey::of_idempotency_key(&queue, &key, Some(&operation));
        assert!(key.to_string().len() <= 512);
    }

    #[test]
    fn a_fingerprint_covers_body_content_type_operation_and_caller() {
        let (json, text) = (ContentType::json(), ContentType::text());
        let (pay, refund) = (
            Operation::parse("pay").unwrap(),
            Operation::parse("refund").unwrap(),
        );
        let of = Fingerprint::of_parts;
        let all = [
            of("a", None, None, None),
            of("b", None, None, None),
            of("a", Some(&json), None, None),
            of("a", Some(&text), None, None),
            of("a", None, Some(&pay), None),
            of("a", None, Some(&refund), None),
            of("a", None, None, Some("pay")),
            of("a", None, None, Some("AIDAEXAMPLE")),
            of("apay", None, None, None),
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn sessions_of_one_role_are_one_caller() {
        let of = |sender| Fingerprint::of_parts("a", None, None, Some(sender));
        assert_eq!(of("AROAEXAMPLE:i-1"), of("AROAEXAMPLE:i-2"));
        assert_ne!(of("AROAEXAMPLE:i-1"), of("AROAOTHER:i-1"));
    }
}
