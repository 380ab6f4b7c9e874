//! Replies that were given, so that a request that SQS delivers once more is not handled once more.
//!
//! Owns: what names a request ([`ReplyKey`]), the seam to a store ([`ReplyCache`]) and the store that is used by
//! default ([`InMemoryReplyCache`]). Does not own: requests that are being handled right now. Invariant: the store in
//! memory stays under both of its bounds.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{self, BoxFuture};
use sqs_rpc_protocol::{HostQueueUrl, IdempotencyKey, RequestId};

use crate::reply_error::BoxError;
use crate::{Reply, Request};

/// What makes two requests the same: their queue, and the first that they have of idempotency key, request id, and
/// SQS's message id (Java's requester sends neither of the others).
///
/// Its `Display` is a text of its own for each key, for a store that has keys of text. An idempotency key is chosen by
/// requesters: whoever may send requests and knows a key is given the reply that belongs to it.
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
///     "request:0000000000000000000000000000000a@https://sqs.eu-west-1.amazonaws.com/123456789012/login",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyKey {
    queue: HostQueueUrl,
    id: Id,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Id {
    Idempotency(IdempotencyKey),
    Request(RequestId),
    Message(Arc<str>),
}

/// Where replies are kept.
///
/// The default keeps them in memory, which helps against duplicates that reach the same process. A store that all
/// processes share (a table with conditional writes, say) helps against all. It is asked once per request before the
/// handler runs and told once after, within the request's concurrency slot.
///
/// A reply is not kept if the request is to be delivered again: if it could not be decoded, or is one-way and failed
/// with `internal` or a panic. Under an idempotency key neither such failures are kept, nor codes that say that a retry
/// may help ([`ErrorCode::is_retryable`](crate::ErrorCode::is_retryable)): the requester who tries again is served again.
///
/// # Errors
///
/// An error of [`find`](Self::find) is logged, and the request is handled; one of [`store`](Self::store) is logged.
pub trait ReplyCache: fmt::Debug + Send + Sync + 'static {
    /// The reply that was kept for this request.
    fn find<'a>(&'a self, key: &'a ReplyKey) -> BoxFuture<'a, Result<Option<Reply>, BoxError>>;

    /// Keeps a reply. The first one that was kept for a key should stay.
    fn store<'a>(
        &'a self,
        key: &'a ReplyKey,
        reply: &'a Reply,
    ) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// Keeps the newest replies of this process, up to a number and a size.
///
/// When either bound is met the oldest replies are forgotten first. There is no age: a reply whose request is long
/// gone only takes room. A reply larger than the bound is not kept.
///
/// # Examples
///
/// ```
/// use sqs_responder::{InMemoryReplyCache, Responder};
///
/// # let local = local_sqs::LocalSqs::start();
/// # let sqs = local.client();
/// let responder = Responder::builder(sqs)
///     .reply_cache(InMemoryReplyCache::new(1_000, 1024 * 1024))
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct InMemoryReplyCache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    max_replies: usize,
    max_bytes: usize,
    bytes: usize,
    replies: HashMap<ReplyKey, Reply>,
    /// The keys of `replies`, oldest first.
    order: VecDeque<ReplyKey>,
}

impl ReplyKey {
    /// The key of requests with this idempotency key.
    #[must_use]
    pub fn of_idempotency_key(queue: &HostQueueUrl, key: &IdempotencyKey) -> Self {
        Self {
            queue: queue.clone(),
            id: Id::Idempotency(key.clone()),
        }
    }

    /// The key of the request with this id.
    #[must_use]
    pub fn of_request(queue: &HostQueueUrl, id: RequestId) -> Self {
        Self {
            queue: queue.clone(),
            id: Id::Request(id),
        }
    }

    /// The key of a message that carries no id of ours.
    #[must_use]
    pub fn of_message(queue: &HostQueueUrl, message_id: &str) -> Self {
        Self {
            queue: queue.clone(),
            id: Id::Message(message_id.into()),
        }
    }
}

impl ReplyKey {
    /// Whether the requester chose it, to try the same thing again.
    pub(crate) const fn is_idempotency_key(&self) -> bool {
        matches!(self.id, Id::Idempotency(_))
    }
}

impl From<&Request> for ReplyKey {
    fn from(request: &Request) -> Self {
        let queue = request.queue();
        match (request.idempotency_key(), request.request_id()) {
            (Some(key), _) => Self::of_idempotency_key(queue, key),
            (None, Some(id)) => Self::of_request(queue, id),
            (None, None) => Self::of_message(queue, request.message_id()),
        }
    }
}

impl fmt::Display for ReplyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Id::Idempotency(key) => write!(f, "key:{key}"),
            Id::Request(id) => write!(f, "request:{id}"),
            Id::Message(id) => write!(f, "message:{id}"),
        }?;
        write!(f, "@{}", self.queue)
    }
}

impl InMemoryReplyCache {
    /// A cache of at most this many replies, and of at most this many bytes of bodies and attributes. Zero of either
    /// keeps none.
    #[must_use]
    pub fn new(max_replies: usize, max_bytes: usize) -> Self {
        Self(Mutex::new(Kept {
            max_replies,
            max_bytes,
            ..Kept::default()
        }))
    }

    /// Replies kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.with(|kept| kept.replies.len())
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for InMemoryReplyCache {
    /// 10,000 replies, 16 MiB.
    fn default() -> Self {
        Self::new(10_000, 16 * 1024 * 1024)
    }
}

impl ReplyCache for InMemoryReplyCache {
    fn find<'a>(&'a self, key: &'a ReplyKey) -> BoxFuture<'a, Result<Option<Reply>, BoxError>> {
        Box::pin(future::ready(Ok(
            self.with(|kept| kept.replies.get(key).cloned())
        )))
    }

    fn store<'a>(
        &'a self,
        key: &'a ReplyKey,
        reply: &'a Reply,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        self.with(|kept| kept.store(key, reply));
        Box::pin(future::ready(Ok(())))
    }
}

impl Kept {
    fn store(&mut self, key: &ReplyKey, reply: &Reply) {
        let size = reply.size();
        if self.max_replies == 0 || size > self.max_bytes || self.replies.contains_key(key) {
            return;
        }
        while self.replies.len() >= self.max_replies || self.bytes > self.max_bytes - size {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some(forgotten) = self.replies.remove(&oldest) {
                self.bytes -= forgotten.size();
            }
        }
        self.bytes += size;
        self.replies.insert(key.clone(), reply.clone());
        self.order.push_back(key.clone());
    }
}

impl fmt::Debug for InMemoryReplyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|kept| {
            f.debug_struct("InMemoryReplyCache")
                .field("replies", &kept.replies.len())
                .field("bytes", &kept.bytes)
                .finish_non_exhaustive()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u128) -> ReplyKey {
        let queue =
            HostQueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/q").unwrap();
        ReplyKey::of_request(&queue, RequestId::from_bits(n))
    }

    async fn bodies(
        cache: &InMemoryReplyCache,
        keys: std::ops::Range<u128>,
    ) -> Vec<Option<String>> {
        let mut bodies = Vec::new();
        for n in keys {
            bodies.push(
                cache
                    .find(&key(n))
                    .await
                    .unwrap()
                    .map(|reply| reply.body().to_owned()),
            );
        }
        bodies
    }

    #[tokio::test]
    async fn the_oldest_is_forgotten_when_there_are_too_many() {
        let cache = InMemoryReplyCache::new(2, 1000);
        for n in 0..3 {
            cache
                .store(&key(n), &Reply::new(n.to_string()))
                .await
                .unwrap();
        }
        assert_eq!(
            bodies(&cache, 0..3).await,
            [None, Some("1".to_owned()), Some("2".to_owned())]
        );
    }

    #[tokio::test]
    async fn as_many_as_needed_are_forgotten_when_they_are_too_large() {
        let cache = InMemoryReplyCache::new(100, 10);
        for n in 0..3 {
            cache.store(&key(n), &Reply::new("xxx")).await.unwrap();
        }
        cache.store(&key(3), &Reply::new("yyyyyyy")).await.unwrap();
        let expected = [
            None,
            None,
            Some("xxx".to_owned()),
            Some("yyyyyyy".to_owned()),
        ];
        assert_eq!(bodies(&cache, 0..4).await, expected);
        cache
            .store(&key(4), &Reply::new("z".repeat(11)))
            .await
            .unwrap();
        assert_eq!(
            (cache.len(), bodies(&cache, 4..5).await),
            (2, vec![None]),
            "too large for the whole cache"
        );
    }

    #[tokio::test]
    async fn the_first_reply_stays_and_counts_once() {
        let cache = InMemoryReplyCache::new(2, 2);
        for body in ["a", "b"] {
            cache.store(&key(1), &Reply::new(body)).await.unwrap();
        }
        cache.store(&key(2), &Reply::new("c")).await.unwrap();
        assert_eq!(
            bodies(&cache, 1..3).await,
            [Some("a".to_owned()), Some("c".to_owned())]
        );
    }

    #[tokio::test]
    async fn a_cache_of_nothing_keeps_nothing() {
        for cache in [
            InMemoryReplyCache::new(0, 1000),
            InMemoryReplyCache::new(10, 0),
        ] {
            cache.store(&key(1), &Reply::new("a")).await.unwrap();
            assert!(cache.is_empty());
        }
    }

    #[test]
    fn keys_of_different_kinds_and_queues_are_spelt_differently() {
        let queue =
            |name: &str| HostQueueUrl::parse(&format!("http://h/123456789012/{name}")).unwrap();
        let text = "0000000000000000000000000000000a";
        let keys = [
            ReplyKey::of_request(&queue("q"), RequestId::from_bits(10)),
            ReplyKey::of_request(&queue("p"), RequestId::from_bits(10)),
            ReplyKey::of_message(&queue("q"), text),
            ReplyKey::of_idempotency_key(&queue("q"), &IdempotencyKey::parse(text).unwrap()),
        ];
        let spelt: std::collections::BTreeSet<_> = keys.iter().map(ReplyKey::to_string).collect();
        assert_eq!(spelt.len(), keys.len());
    }
}
