//! Checks that every reply store must pass.
//!
//! A store's own tests call [`all`]. A check panics if the store does something else; the message says what was
//! expected and what was found.
//!
//! # Examples
//!
//! ```
//! use futures::future::BoxFuture;
//! use sqs_responder::InMemoryReplyStore;
//! use sqs_responder::store::contract;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let store = InMemoryReplyStore::new(1_000, 1024 * 1024);
//! // Under Tokio's paused time; for a database, the machine's time, or the database's if it can be set.
//! let wait = |time| -> BoxFuture<'static, ()> { Box::pin(tokio::time::sleep(time)) };
//! contract::all(&store, &wait, 1).await;
//! # }
//! ```

use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use sqs_rpc_protocol::{
    ContentType, ErrorCode, HostQueueUrl, IdempotencyKey, Operation, RequestId, SqsTime,
};

use super::{Begun, Completed, Fingerprint, Holder, ReplyKey, ReplyStore};
use crate::Reply;

/// A function that lets time pass on the store's clock.
pub type Wait<'a> = &'a (dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync);

/// The lease in all checks: 4 s. A check that lets a lease end takes at least this time.
pub const LEASE: Duration = Duration::from_secs(4);

/// The age in all checks but the one that lets it end: an hour.
const AGE: Duration = Duration::from_secs(3_600);

/// Runs all checks, one after the other. Takes at most 30 s if the store uses the machine's clock.
///
/// `run` is part of all keys. If the store keeps its entries between runs, give each run a different number, for
/// example a random one.
///
/// # Panics
///
/// If the store fails a check, or a call returns an error.
pub async fn all(store: &dyn ReplyStore, wait: Wait<'_>, run: u128) {
    a_free_key_is_taken_once(store, run).await;
    one_of_many_at_a_time_takes_the_key(store, run).await;
    its_holder_may_ask_again(store, wait, run).await;
    a_reply_is_kept_as_it_is(store, run).await;
    another_fingerprint_is_a_mismatch(store, run).await;
    an_abandoned_key_is_free(store, run).await;
    only_its_holder_abandons_a_key(store, run).await;
    a_key_freed_without_waiting_was_its_holders(store, run).await;
    a_lease_ends(store, wait, run).await;
    a_late_completer_does_not_overwrite(store, wait, run).await;
    a_late_reply_is_kept_if_nobody_took_over(store, wait, run).await;
    the_first_reply_stays(store, run).await;
    an_age_ends(store, wait, run).await;
    keys_do_not_touch_each_other(store, run).await;
}

/// One key, which several holders use.
struct Bench<'a> {
    store: &'a dyn ReplyStore,
    key: ReplyKey,
}

const BODY: Fingerprint = Fingerprint::from_bytes([7; 32]);
const OTHER_BODY: Fingerprint = Fingerprint::from_bytes([8; 32]);

impl<'a> Bench<'a> {
    fn new(store: &'a dyn ReplyStore, run: u128, check: &str) -> Self {
        let text = format!("{run:032x}-{check}");
        let key = IdempotencyKey::parse(&text).expect("the names of checks are short");
        Self {
            store,
            key: ReplyKey::of_idempotency_key(&queue("q"), &key, None),
        }
    }

    async fn begin_with(&self, fingerprint: Fingerprint, holder: u128) -> Begun {
        let holder = Holder::from_bits(holder);
        let begun = self
            .store
            .begin(&self.key, fingerprint, holder, LEASE)
            .await;
        begun.unwrap_or_else(|error| panic!("begin failed: {error}"))
    }

    async fn begin(&self, holder: u128) -> Begun {
        self.begin_with(BODY, holder).await
    }

    async fn complete_for(&self, holder: u128, reply: &Reply, age: Duration) -> Completed {
        let holder = Holder::from_bits(holder);
        let completed = self
            .store
            .complete(&self.key, BODY, holder, reply, age)
            .await;
        completed.unwrap_or_else(|error| panic!("complete failed: {error}"))
    }

    async fn complete(&self, holder: u128, body: &str) -> Completed {
        self.complete_for(holder, &Reply::new(body), AGE).await
    }

    async fn abandon(&self, holder: u128) {
        let abandoned = self
            .store
            .abandon(&self.key, Holder::from_bits(holder))
            .await;
        abandoned.unwrap_or_else(|error| panic!("abandon failed: {error}"));
    }

    fn abandon_now(&self, holder: u128) {
        self.store.abandon_now(&self.key, Holder::from_bits(holder));
    }

    async fn is_in_progress_for(&self, holder: u128) {
        match self.begin(holder).await {
            Begun::InProgress { ask_again } => assert!(
                ask_again <= LEASE,
                "expected an `ask_again` of at most the lease, {LEASE:?}, found {ask_again:?}"
            ),
            other => panic!("expected that another holder has the key, found {other:?}"),
        }
    }

    async fn is_done_with(&self, body: &str) {
        for holder in [1, 2, 3] {
            match self.begin(holder).await {
                Begun::Done(reply) => assert_eq!(reply.body(), body),
                other => panic!("expected the reply {body:?}, found {other:?}"),
            }
        }
    }
}

/// A free key is taken, and is then in progress for others.
pub async fn a_free_key_is_taken_once(store: &dyn ReplyStore, run: u128) {
    let bench = Bench::new(store, run, "taken-once");
    assert_eq!(bench.begin(1).await, Begun::Mine);
    bench.is_in_progress_for(2).await;
    bench.is_in_progress_for(3).await;
}

/// Of 20 holders that ask at the same time, exactly one takes the key.
pub async fn one_of_many_at_a_time_takes_the_key(store: &dyn ReplyStore, run: u128) {
    let bench = Bench::new(store, run, "at-a-time");
    let begun = join_all((1..=20).map(|holder| bench.begin(holder))).await;
    let mine = begun.iter().filter(|begun| **begun == Begun::Mine).count();
    assert_eq!(mine, 1, "{begun:?}");
}

/// A holder that asks again, because its first answer may have been lost, still has the key, with a new lease.
pub async fn its_holder_may_ask_again(store: &dyn ReplyStore, wait: Wait<'_>, run: u128) {
    let bench = Bench::new(store, run, "asks-again");
    for _ in 0..3 {
        assert_eq!(bench.begin(1).await, Begun::Mine);
        wait(LEASE / 2).await;
        bench.is_in_progress_for(2).await;
    }
}

/// Every part of a reply is kept.
pub async fn a_reply_is_kept_as_it_is(store: &dyn ReplyStore, run: u128) {
    let busy = ErrorCode::from_static("db.busy");
    let replies = [
        Reply::new("42"),
        Reply::new("{\"a\":\"é😀\\n\"}").with_content_type(ContentType::json()),
        Reply::new("x")
            .with_attribute("unit", "kg")
            .with_attribute("n", "\t"),
        Reply::error(busy.clone(), "try again"),
        Reply::error(busy, "").retryable(),
        Reply::error(ErrorCode::OVERLOADED, "x".repeat(5_000)),
        Reply::new("y".repeat(100_000)),
    ];
    for (n, reply) in replies.iter().enumerate() {
        let bench = Bench::new(store, run, &format!("as-it-is-{n}"));
        assert_eq!(bench.begin(1).await, Begun::Mine);
        let completed = bench.complete_for(1, reply, AGE).await;
        assert_eq!(completed, Completed::Kept);
        for holder in [1, 2] {
            let found = bench.begin(holder).await;
            assert!(
                matches!(&found, Begun::Done(found) if found == reply),
                "expected reply {n} {reply:?}, found {found:?}"
            );
        }
    }
}

/// A request with the key and another fingerprint is refused, both while the first request is handled and afterwards, and
/// changes nothing.
pub async fn another_fingerprint_is_a_mismatch(store: &dyn ReplyStore, run: u128) {
    let bench = Bench::new(store, run, "mismatch");
    assert_eq!(bench.begin(1).await, Begun::Mine);
    for holder in [1, 2] {
        let begun = bench.begin_with(OTHER_BODY, holder).await;
        assert_eq!(begun, Begun::Mismatch);
    }
    bench.is_in_progress_for(2).await;
    assert_eq!(bench.complete(1, "reply").await, Completed::Kept);
    let begun = bench.begin_with(OTHER_BODY, 2).await;
    assert_eq!(begun, Begun::Mismatch);
    bench.is_done_with("reply").await;
}

/// An abandoned key is free for everybody, with any fingerprint.
pub async fn an_abandoned_key_is_free(store: &dyn ReplyStore, run: u128) {
    let bench = Bench::new(store, run, "abandoned");
    assert_eq!(bench.begin(1).await, Begun::Mine);
    for _ in 0..2 {
        bench.abandon(1).await;
    }
    let begun = bench.begin_with(OTHER_BODY, 2).await;
    assert_eq!(begun, Begun::Mine);
}

/// Abandoning a key changes nothing if another holder has the key, or if the key is done.
pub async fn only_its_holder_abandons_a_key(store: &dyn ReplyStore, run: u128) {
    let bench = Bench::new(store, run, "not-abandoned");
    bench.abandon(1).await;
    assert_eq!(bench.begin(1).await, Begun::Mine);
    bench.abandon(2).await;
    bench.is_in_progress_for(2).await;
    assert_eq!(bench.complete(1, "reply").await, Completed::Kept);
    for holder in [1, 2] {
        bench.abandon(holder).await;
    }
    bench.is_done_with("reply").await;
}

/// [`ReplyStore::abandon_now`] changes nothing if another holder has the key, or if the key is done. For the key's own
/// holder it frees the key, or does nothing.
pub async fn a_key_freed_without_waiting_was_its_holders(store: &dyn ReplyStore, run: u128) {
    let bench = Bench::new(store, run, "not-freed");
    bench.abandon_now(1);
    assert_eq!(bench.begin(1).await, Begun::Mine);
    bench.abandon_now(2);
    bench.is_in_progress_for(2).await;
    assert_eq!(bench.complete(1, "reply").await, Completed::Kept);
    for holder in [1, 2] {
        bench.abandon_now(holder);
    }
    bench.is_done_with("reply").await;

    let bench = Bench::new(store, run, "freed");
    assert_eq!(bench.begin(1).await, Begun::Mine);
    bench.abandon_now(1);
    let begun = bench.begin(2).await;
    assert!(
        matches!(begun, Begun::Mine | Begun::InProgress { .. }),
        "expected a key that is free or still held, found {begun:?}"
    );
}

/// The key of a dead holder is free when its lease has ended, and not before.
pub async fn a_lease_ends(store: &dyn ReplyStore, wait: Wait<'_>, run: u128) {
    let bench = Bench::new(store, run, "lease-ends");
    assert_eq!(bench.begin(1).await, Begun::Mine);
    wait(LEASE * 3 / 4).await;
    bench.is_in_progress_for(2).await;
    wait(LEASE / 4).await;
    assert_eq!(bench.begin(2).await, Begun::Mine);
    bench.is_in_progress_for(1).await;
}

/// A holder whose lease ended and whose key was taken over neither overwrites nor frees the key.
pub async fn a_late_completer_does_not_overwrite(
    store: &dyn ReplyStore,
    wait: Wait<'_>,
    run: u128,
) {
    let bench = Bench::new(store, run, "late");
    assert_eq!(bench.begin(1).await, Begun::Mine);
    wait(LEASE).await;
    assert_eq!(bench.begin(2).await, Begun::Mine);
    assert_eq!(bench.complete(1, "late").await, Completed::Superseded);
    bench.abandon(1).await;
    bench.is_in_progress_for(3).await;
    assert_eq!(bench.complete(2, "second").await, Completed::Kept);
    assert_eq!(bench.complete(1, "late").await, Completed::Superseded);
    bench.is_done_with("second").await;
}

/// The reply of a holder whose lease ended is kept if nobody took over the key.
pub async fn a_late_reply_is_kept_if_nobody_took_over(
    store: &dyn ReplyStore,
    wait: Wait<'_>,
    run: u128,
) {
    let bench = Bench::new(store, run, "not-too-late");
    assert_eq!(bench.begin(1).await, Begun::Mine);
    wait(LEASE * 2).await;
    assert_eq!(bench.complete(1, "reply").await, Completed::Kept);
    bench.is_done_with("reply").await;
}

/// If a reply is completed again, because the answer may have been lost, the first reply stays.
pub async fn the_first_reply_stays(store: &dyn ReplyStore, run: u128) {
    let bench = Bench::new(store, run, "first");
    assert_eq!(bench.begin(1).await, Begun::Mine);
    for body in ["first", "first", "second"] {
        assert_eq!(bench.complete(1, body).await, Completed::Kept);
    }
    assert_eq!(bench.complete(2, "other").await, Completed::Superseded);
    bench.is_done_with("first").await;
}

/// A reply is forgotten when its age ends, and the key is free.
pub async fn an_age_ends(store: &dyn ReplyStore, wait: Wait<'_>, run: u128) {
    let bench = Bench::new(store, run, "age-ends");
    assert_eq!(bench.begin(1).await, Begun::Mine);
    let completed = bench.complete_for(1, &Reply::new("reply"), LEASE).await;
    assert_eq!(completed, Completed::Kept);
    wait(LEASE / 2).await;
    bench.is_done_with("reply").await;
    wait(LEASE / 2).await;
    let begun = bench.begin_with(OTHER_BODY, 2).await;
    assert_eq!(begun, Begun::Mine);
}

/// Keys of different queues, operations and kinds do not affect each other.
pub async fn keys_do_not_touch_each_other(store: &dyn ReplyStore, run: u128) {
    let text = format!("{run:032x}");
    let key = IdempotencyKey::parse(&text).expect("32 digits are a key");
    let (pay, refund) = ("pay".parse::<Operation>(), "refund".parse::<Operation>());
    let request = RequestId::from_bits(run);
    let keys = [
        ReplyKey::of_idempotency_key(&queue("q"), &key, None),
        ReplyKey::of_idempotency_key(&queue("q"), &key, pay.as_ref().ok()),
        ReplyKey::of_idempotency_key(&queue("q"), &key, refund.as_ref().ok()),
        ReplyKey::of_idempotency_key(&queue("p"), &key, None),
        ReplyKey::of_request(&queue("q"), request),
        ReplyKey::of_request(&queue("p"), request),
        ReplyKey::of_message(&queue("q"), &text, SqsTime::from_millis(1)),
        ReplyKey::of_message(&queue("q"), &text, SqsTime::from_millis(2)),
    ];
    let benches = keys.map(|key| Bench { store, key });
    for (n, bench) in benches.iter().enumerate() {
        assert_eq!(bench.begin(1).await, Begun::Mine, "{:?}", bench.key);
        assert_eq!(
            bench.complete(1, &n.to_string()).await,
            Completed::Kept,
            "{:?}",
            bench.key
        );
    }
    for (n, bench) in benches.iter().enumerate() {
        bench.is_done_with(&n.to_string()).await;
    }
}

fn queue(name: &str) -> HostQueueUrl {
    let url = format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}");
    HostQueueUrl::parse(&url).expect("this is the URL of a queue")
}
