//! [`InMemoryReplyStore`]: the reply store of one process.
//!
//! Owns: the entries, their ends, and the choice of entries to forget when there are too many. Invariant: the entries
//! never exceed either bound.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{self, BoxFuture};
use sqs_rpc_transport::{Clock, Moment, mutant};

use super::{Begun, Completed, Fingerprint, Holder, ReplyKey, ReplyStore};
use crate::Reply;
use crate::reply_error::BoxError;

/// How soon to ask again about a request that is being handled. Asking is cheap in memory. On average half of this time
/// is added to the latency of a duplicate in another responder with the same store.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Keeps the replies of this process, up to a number and a size. Cheap to clone; clones share the replies.
///
/// A reply is forgotten when its age ends, or to make room at a bound: then the reply whose age ends first is forgotten,
/// either of those with an idempotency key or of those without, whichever are more. Therefore a flood of requests
/// without keys leaves half of the room to replies with keys. A reply that is larger than the bound is not kept. Keys
/// that are held are not forgotten before their lease ends; if they alone reach the bound, further requests are handled
/// without an entry.
///
/// # Examples
///
/// ```
/// use sqs_responder::{InMemoryReplyStore, Responder};
///
/// # let local = local_sqs::LocalSqs::start();
/// # let sqs = local.client();
/// let responder = Responder::builder(sqs)
///     .reply_store(InMemoryReplyStore::new(1_000, 1024 * 1024))
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct InMemoryReplyStore {
    kept: Arc<Mutex<Kept>>,
    clock: Clock,
}

#[derive(Default)]
struct Kept {
    max_entries: usize,
    max_bytes: usize,
    /// The number of the next entry, which distinguishes entries that end at the same moment.
    next: u64,
    entries: HashMap<ReplyKey, StoreEntry>,
    /// The ends of leases.
    held: Ends,
    /// The ends of ages: without an idempotency key, and with one.
    done: [Done; 2],
}

type Ends = BTreeMap<(Moment, u64), ReplyKey>;

/// Replies of one kind of key.
#[derive(Default)]
struct Done {
    ends: Ends,
    bytes: usize,
}

struct StoreEntry {
    fingerprint: Fingerprint,
    holder: Holder,
    /// The entry's key in `held` or in `done`.
    end: (Moment, u64),
    /// `None` while the key is held.
    reply: Option<Reply>,
}

impl InMemoryReplyStore {
    /// Makes a store with a maximum number of entries, and a maximum number of bytes of bodies and attributes. With zero
    /// entries nothing is kept, and every request is handled. With zero bytes no reply is kept.
    #[must_use]
    pub fn new(max_entries: usize, max_bytes: usize) -> Self {
        let kept = Kept {
            max_entries,
            max_bytes,
            ..Kept::default()
        };
        Self {
            kept: Arc::new(Mutex::new(kept)),
            clock: Clock::system(),
        }
    }

    /// Sets the clock for leases and ages. Default: Tokio's clock. The responder's default store has the clock of the
    /// responder's [`Sqs`](sqs_rpc_transport::Sqs).
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The number of kept replies.
    #[must_use]
    pub fn len(&self) -> usize {
        self.with(|kept, now| {
            kept.end(now);
            kept.done.iter().map(|done| done.ends.len()).sum()
        })
    }

    /// Whether no reply is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with<T>(&self, work: impl FnOnce(&mut Kept, Moment) -> T) -> T {
        let now = self.clock.now();
        work(
            &mut self.kept.lock().unwrap_or_else(PoisonError::into_inner),
            now,
        )
    }
}

impl Default for InMemoryReplyStore {
    /// 10,000 entries, 16 MiB.
    fn default() -> Self {
        Self::new(10_000, 16 * 1024 * 1024)
    }
}

impl ReplyStore for InMemoryReplyStore {
    fn begin<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Begun, BoxError>> {
        Box::pin(future::lazy(move |_| {
            Ok(self.with(|kept, now| kept.begin(key, fingerprint, holder, lease, now)))
        }))
    }

    fn complete<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        reply: &'a Reply,
        age: Duration,
    ) -> BoxFuture<'a, Result<Completed, BoxError>> {
        Box::pin(future::lazy(move |_| {
            Ok(self.with(|kept, now| kept.complete(key, fingerprint, holder, reply, age, now)))
        }))
    }

    fn abandon<'a>(
        &'a self,
        key: &'a ReplyKey,
        holder: Holder,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(future::lazy(move |_| {
            self.with(|kept, now| kept.abandon(key, holder, now));
            Ok(())
        }))
    }

    fn abandon_now(&self, key: &ReplyKey, holder: Holder) {
        // Reads no clock, because without a runtime Tokio's clock shows another time.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.free(key, holder);
    }
}

impl Kept {
    fn begin(
        &mut self,
        key: &ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        lease: Duration,
        now: Moment,
    ) -> Begun {
        self.end(now);
        if let Some(entry) = self.entries.get(key) {
            if entry.fingerprint != fingerprint && !mutant!("fingerprint-ignored") {
                return Begun::Mismatch;
            }
            if let Some(reply) = &entry.reply {
                return Begun::Done(reply.clone());
            }
            if entry.holder != holder {
                let ask_again = ASK_AGAIN.min(entry.end.0.since(now));
                return Begun::InProgress { ask_again };
            }
        }
        self.remove(key);
        self.make_room(0);
        // Without room the request is handled as without a store.
        if self.entries.len() < self.max_entries {
            self.insert(key, fingerprint, holder, None, now + lease);
        }
        Begun::Mine
    }

    fn complete(
        &mut self,
        key: &ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        reply: &Reply,
        age: Duration,
        now: Moment,
    ) -> Completed {
        self.end(now);
        if let Some(entry) = self.entries.get(key) {
            if entry.holder != holder && !mutant!("late-completer-overwrites") {
                return Completed::Superseded;
            }
            if entry.reply.is_some() {
                return Completed::Kept;
            }
        }
        self.remove(key);
        let size = reply.size();
        if self.max_entries > 0 && size <= self.max_bytes && self.max_bytes > 0 {
            self.make_room(size);
            if self.entries.len() < self.max_entries {
                self.insert(key, fingerprint, holder, Some(reply.clone()), now + age);
            }
        }
        Completed::Kept
    }

    fn abandon(&mut self, key: &ReplyKey, holder: Holder, now: Moment) {
        self.end(now);
        self.free(key, holder);
    }

    fn free(&mut self, key: &ReplyKey, holder: Holder) {
        if self
            .entries
            .get(key)
            .is_some_and(|entry| entry.holder == holder && entry.reply.is_none())
        {
            self.remove(key);
        }
    }

    /// Forgets entries whose lease or age has ended.
    fn end(&mut self, now: Moment) {
        while let Some(key) = self.ended(now) {
            self.remove(&key);
        }
    }

    /// A key whose lease or age has ended.
    fn ended(&self, now: Moment) -> Option<ReplyKey> {
        let [plain, keyed] = &self.done;
        [&self.held, &plain.ends, &keyed.ends]
            .into_iter()
            .find_map(|ends| {
                let ((at, _), key) = ends.first_key_value()?;
                (*at <= now).then(|| key.clone())
            })
    }

    /// Forgets replies until one more entry fits, with a reply of this size, or until no reply is left.
    fn make_room(&mut self, size: usize) {
        loop {
            let bytes = self.done[0].bytes + self.done[1].bytes;
            let [plain, keyed] = &self.done;
            let keyed_are_more = if self.entries.len() >= self.max_entries {
                keyed.ends.len() > plain.ends.len()
            } else if bytes > self.max_bytes.saturating_sub(size) {
                keyed.bytes > plain.bytes
            } else {
                return;
            };
            let (first, then) = if keyed_are_more {
                (keyed, plain)
            } else {
                (plain, keyed)
            };
            let oldest = first.ends.values().next().or(then.ends.values().next());
            let Some(oldest) = oldest.cloned() else {
                return;
            };
            self.remove(&oldest);
        }
    }

    fn insert(
        &mut self,
        key: &ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        reply: Option<Reply>,
        at: Moment,
    ) {
        let end = (at, self.next);
        self.next += 1;
        match &reply {
            None => self.held.insert(end, key.clone()),
            Some(reply) => {
                let done = &mut self.done[usize::from(key.is_idempotency_key())];
                done.bytes += reply.size();
                done.ends.insert(end, key.clone())
            }
        };
        let entry = StoreEntry {
            fingerprint,
            holder,
            end,
            reply,
        };
        self.entries.insert(key.clone(), entry);
    }

    fn remove(&mut self, key: &ReplyKey) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        match entry.reply {
            None => self.held.remove(&entry.end),
            Some(reply) => {
                let done = &mut self.done[usize::from(key.is_idempotency_key())];
                done.bytes -= reply.size();
                done.ends.remove(&entry.end)
            }
        };
    }
}

impl fmt::Debug for InMemoryReplyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|kept, _| {
            f.debug_struct("InMemoryReplyStore")
                .field("held", &kept.held.len())
                .field("replies", &(kept.entries.len() - kept.held.len()))
                .field("bytes", &(kept.done[0].bytes + kept.done[1].bytes))
                .finish_non_exhaustive()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use sqs_rpc_protocol::{HostQueueUrl, IdempotencyKey, RequestId};

    const HOUR: Duration = Duration::from_secs(3_600);
    const HOLDER: Holder = Holder::from_bits(1);

    fn queue() -> HostQueueUrl {
        HostQueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/q").unwrap()
    }

    fn plain(n: u128) -> ReplyKey {
        ReplyKey::of_request(&queue(), RequestId::from_bits(n))
    }

    fn keyed(n: u128) -> ReplyKey {
        let key = IdempotencyKey::parse(&n.to_string()).unwrap();
        ReplyKey::of_idempotency_key(&queue(), &key, None)
    }

    fn print() -> Fingerprint {
        Fingerprint::from_bytes([1; 32])
    }

    fn at(secs: u64) -> Moment {
        Moment::from_start(Duration::from_secs(secs))
    }

    fn kept(max_entries: usize, max_bytes: usize) -> Kept {
        Kept {
            max_entries,
            max_bytes,
            ..Kept::default()
        }
    }

    fn complete(kept: &mut Kept, key: &ReplyKey, body: &str, now: Moment) {
        let reply = Reply::new(body);
        let completed = kept.complete(key, print(), HOLDER, &reply, HOUR, now);
        assert_eq!(completed, Completed::Kept);
    }

    /// The numbers whose key has a reply. Changes nothing.
    fn there(kept: &Kept, key: fn(u128) -> ReplyKey, numbers: Range<u128>) -> Vec<u128> {
        let has = |n: &u128| {
            kept.entries
                .get(&key(*n))
                .is_some_and(|entry| entry.reply.is_some())
        };
        numbers.filter(has).collect()
    }

    #[test]
    fn the_oldest_reply_is_forgotten_at_the_maximum_number() {
        let mut kept = kept(2, 1_000);
        for n in 0..3 {
            complete(&mut kept, &plain(n), "x", at(n as u64));
        }
        assert_eq!(there(&kept, plain, 0..3), [1, 2]);
    }

    #[test]
    fn old_replies_are_forgotten_until_a_new_one_fits() {
        let mut kept = kept(100, 10);
        for n in 0..3 {
            complete(&mut kept, &plain(n), "xxx", at(n as u64));
        }
        complete(&mut kept, &plain(3), "yyyyyyy", at(3));
        assert_eq!(there(&kept, plain, 0..4), [2, 3]);
        complete(&mut kept, &plain(4), &"z".repeat(11), at(4));
        assert_eq!(
            there(&kept, plain, 0..5),
            [2, 3],
            "too large for the whole store"
        );
    }

    #[test]
    fn many_replies_without_keys_leave_half_the_room_to_others() {
        for (mut kept, body) in [
            (kept(10, 1_000_000), "x"),
            (kept(1_000_000, 100), "0123456789"),
        ] {
            for n in 0..10 {
                complete(&mut kept, &keyed(n), body, at(0));
            }
            for n in 0..1_000 {
                complete(&mut kept, &plain(n), body, at(1));
            }
            assert_eq!(there(&kept, keyed, 0..10).len(), 5);
            assert_eq!(there(&kept, plain, 0..1_000), [995, 996, 997, 998, 999]);
        }
    }

    #[test]
    fn held_keys_are_bounded_and_kept_before_replies() {
        let mut kept = kept(3, 1_000);
        let begin = |kept: &mut Kept, n, holder| {
            kept.begin(&plain(n), print(), Holder::from_bits(holder), HOUR, at(0))
        };
        complete(&mut kept, &plain(9), "x", at(0));
        for n in 0..10 {
            assert_eq!(begin(&mut kept, n, 1), Begun::Mine);
            assert!(kept.entries.len() <= 3);
        }
        for n in 0..3 {
            assert!(matches!(begin(&mut kept, n, 2), Begun::InProgress { .. }));
        }
        assert_eq!(begin(&mut kept, 3, 2), Begun::Mine, "there was no room");
    }

    #[test]
    fn a_key_can_be_freed_without_waiting() {
        let store = InMemoryReplyStore::default();
        let key = plain(1);
        let begin = |holder| store.with(|kept, now| kept.begin(&key, print(), holder, HOUR, now));
        let other = Holder::from_bits(2);
        assert_eq!(begin(HOLDER), Begun::Mine);
        store.abandon_now(&key, other);
        assert!(matches!(begin(other), Begun::InProgress { .. }));
        store.abandon_now(&key, HOLDER);
        assert_eq!(begin(other), Begun::Mine);
    }

    #[test]
    fn a_store_without_room_keeps_nothing() {
        for mut kept in [kept(0, 1_000), kept(10, 0)] {
            complete(&mut kept, &plain(1), "a", at(0));
            assert_eq!(there(&kept, plain, 0..2), [0; 0]);
        }
        let mut kept = kept(0, 1_000);
        for holder in [1, 2] {
            let holder = Holder::from_bits(holder);
            let begun = kept.begin(&plain(1), print(), holder, HOUR, at(0));
            assert_eq!(begun, Begun::Mine);
        }
    }

    #[test]
    fn ended_entries_are_removed_completely() {
        let mut kept = kept(100, 1_000);
        for n in 0..10 {
            complete(&mut kept, &plain(n), "xx", at(0));
            complete(&mut kept, &keyed(n), "xx", at(0));
            kept.begin(&plain(100 + n), print(), HOLDER, HOUR, at(0));
        }
        kept.abandon(&plain(1_000), HOLDER, at(3_600));
        assert!(kept.entries.is_empty() && kept.held.is_empty());
        assert!(
            kept.done
                .iter()
                .all(|done| done.ends.is_empty() && done.bytes == 0)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn it_passes_the_contract() {
        let store = InMemoryReplyStore::default();
        let wait = |time| -> BoxFuture<'static, ()> {
            Box::pin(async move { tokio::time::sleep(time).await })
        };
        super::super::contract::all(&store, &wait, 1).await;
        super::super::contract::all(&store, &wait, 2).await;
        let shared: Arc<dyn ReplyStore> = Arc::new(store);
        super::super::contract::all(&shared, &wait, 3).await;
    }
}
