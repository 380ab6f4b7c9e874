//! Reply stores that are shared, and stores that fail, panic or hang.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use sqs_responder::store::contract;
use sqs_responder::{
    Begun, Body, Completed, ContentType, ErrorCode, Fingerprint, Holder, IdempotencyKey,
    InMemoryReplyStore, Reply, ReplyKey, ReplyStore, Responder,
};
use sqs_rpc_protocol::{Operation, RequestHeader, names};
use sqs_rpc_transport::{Clock, Moment, Random};

use crate::bed::{Ask, Bed, Running, deadline, sleep};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How a [`Flaky`] store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Works,
    Fails,
    Hangs,
    /// It panics when it is called, before it returns a future.
    Panics,
    /// Its calls take effect, but never return.
    LosesAnswers,
    /// It fails one call in ten, and loses one answer in fifty.
    Shaky,
    /// It loses one answer in fifty.
    ShakyAnswers,
}

/// A store whose failures can be set. It has no `abandon_now`, like a database.
#[derive(Debug, Clone)]
struct Flaky {
    inner: InMemoryReplyStore,
    begin: Arc<Mutex<Mode>>,
    others: Arc<Mutex<Mode>>,
    random: Random,
}

impl Flaky {
    fn new(begin: Mode, others: Mode) -> Self {
        Self {
            inner: InMemoryReplyStore::default(),
            begin: Arc::new(Mutex::new(begin)),
            others: Arc::new(Mutex::new(others)),
            random: Random::seeded(1),
        }
    }

    fn set(&self, begin: Mode, others: Mode) {
        *self.begin.lock().unwrap() = begin;
        *self.others.lock().unwrap() = others;
    }

    fn spoil<'a, T: Send + 'a>(
        &self,
        mode: &Mutex<Mode>,
        call: BoxFuture<'a, Result<T, BoxError>>,
    ) -> BoxFuture<'a, Result<T, BoxError>> {
        let mut mode = *mode.lock().unwrap();
        if matches!(mode, Mode::Shaky | Mode::ShakyAnswers) {
            mode = match self.random.bits64() % 50 {
                0 => Mode::LosesAnswers,
                1..=5 if mode == Mode::Shaky => Mode::Fails,
                _ => Mode::Works,
            };
        }
        match mode {
            Mode::Shaky | Mode::ShakyAnswers => unreachable!(),
            Mode::Works => call,
            Mode::Fails => Box::pin(async { Err("the database is down".into()) }),
            Mode::Hangs => Box::pin(std::future::pending()),
            Mode::Panics => panic!("a bug in the store"),
            Mode::LosesAnswers => Box::pin(async {
                call.await?;
                std::future::pending().await
            }),
        }
    }
}

impl ReplyStore for Flaky {
    fn begin<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Begun, BoxError>> {
        let call = self.inner.begin(key, fingerprint, holder, lease);
        self.spoil(&self.begin, call)
    }

    fn complete<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        reply: &'a Reply,
        age: Duration,
    ) -> BoxFuture<'a, Result<Completed, BoxError>> {
        let call = self.inner.complete(key, fingerprint, holder, reply, age);
        self.spoil(&self.others, call)
    }

    fn abandon<'a>(
        &'a self,
        key: &'a ReplyKey,
        holder: Holder,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        self.spoil(&self.others, self.inner.abandon(key, holder))
    }
}

/// Counts the calls of handlers, how many run now, and how many ran at the same time at most.
#[derive(Debug, Clone, Default)]
struct Calls(Arc<(AtomicUsize, AtomicUsize, AtomicUsize)>);

impl Calls {
    fn count(&self) -> usize {
        self.0.0.load(SeqCst)
    }

    fn most_at_a_time(&self) -> usize {
        self.0.2.load(SeqCst)
    }

    /// A handler that takes `secs` for every body but `fast`, and answers with the number of its call.
    fn handler(&self, secs: u64) -> impl Fn(Body) -> BoxFuture<'static, String> + Clone + use<> {
        let calls = self.0.clone();
        move |Body(body)| {
            let calls = calls.clone();
            Box::pin(async move {
                let call = calls.0.fetch_add(1, SeqCst) + 1;
                let now = calls.1.fetch_add(1, SeqCst) + 1;
                calls.2.fetch_max(now, SeqCst);
                if body != "fast" {
                    sleep(secs).await;
                }
                calls.1.fetch_sub(1, SeqCst);
                call.to_string()
            })
        }
    }
}

fn keyed(bed: &Bed, id: u128, key: &str, body: &str) -> Ask {
    let key = IdempotencyKey::parse(key).unwrap();
    let with_key = |header: &mut RequestHeader| header.idempotency_key = Some(key);
    let address = format!("{}#r{id}", bed.replies);
    bed.ask_with(body, id, with_key)
        .attribute(names::RESPONSE_QUEUE_URL, &address)
}

fn sharing(bed: &Bed, store: &(impl ReplyStore + Clone), concurrency: usize) -> Responder {
    bed.builder()
        .reply_store(store.clone())
        .concurrency(concurrency)
        .build()
        .unwrap()
}

/// Receives all replies until none comes for 20 s. Returns the virtual queue of each, and its code or body.
async fn replies(bed: &Bed) -> Vec<(String, String)> {
    let mut replies = Vec::new();
    while let Some(reply) = bed.reply().await {
        let to = reply
            .attribute(names::VIRTUAL_QUEUE_NAME)
            .unwrap_or_default();
        let what = reply.code().unwrap_or_else(|| reply.body().to_owned());
        replies.push((to.to_owned(), what));
    }
    replies.sort();
    replies
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(to, what): &(&str, &str)| ((*to).to_owned(), (*what).to_owned());
    expected.iter().map(owned).collect()
}

#[tokio::test(start_paused = true)]
async fn two_processes_with_one_store_handle_a_key_once() {
    let bed = Bed::start().await;
    let (store, calls) = (InMemoryReplyStore::default(), Calls::default());
    let running = [(); 2].map(|()| {
        let responder = sharing(&bed, &store, 1);
        Running::start(responder.serve(&bed.requests, calls.handler(100)))
    });
    sleep(1).await;
    for id in 1..=2 {
        bed.send(&keyed(&bed, id, "k", "charge")).await;
    }
    sleep(95).await;
    assert_eq!(replies(&bed).await, pairs(&[("r1", "1"), ("r2", "1")]));
    bed.until_deleted().await;
    for running in running {
        running.stop().await;
    }
    assert_eq!((calls.count(), bed.stats().duplicate_requests), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_second_process_handles_the_key_of_a_dead_one() {
    let bed = Bed::start().await;
    // Like a database, this store does not notice that a process has died.
    let (store, calls) = (Flaky::new(Mode::Works, Mode::Works), Calls::default());
    let dies =
        Running::start(sharing(&bed, &store, 1).serve(&bed.requests, calls.handler(1_000_000)));
    bed.send(&keyed(&bed, 1, "k", "charge")).await;
    bed.until("it is handled", |stats| stats.handled == 1).await;
    dies.drop_it().await;
    let died = bed.now();
    let lives = Running::start(sharing(&bed, &store, 1).serve(&bed.requests, calls.handler(2)));
    bed.send(&keyed(&bed, 2, "k", "charge")).await;
    bed.until("it is handled again", |stats| stats.handled == 2)
        .await;
    let waited = bed.now().since(died).as_secs();
    assert!(
        (25..=31).contains(&waited),
        "until its lease ends: {waited} s"
    );
    assert_eq!(replies(&bed).await, pairs(&[("r1", "2"), ("r2", "2")]));
    bed.until_deleted().await;
    lives.stop().await;
    assert_eq!(calls.count(), 2);
}

/// Logs each call of `abandon_now`.
#[derive(Debug, Clone)]
struct Watched {
    inner: InMemoryReplyStore,
    log: Arc<Mutex<Vec<&'static str>>>,
}

impl ReplyStore for Watched {
    fn begin<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Begun, BoxError>> {
        self.inner.begin(key, fingerprint, holder, lease)
    }

    fn complete<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        reply: &'a Reply,
        age: Duration,
    ) -> BoxFuture<'a, Result<Completed, BoxError>> {
        self.inner.complete(key, fingerprint, holder, reply, age)
    }

    fn abandon<'a>(
        &'a self,
        key: &'a ReplyKey,
        holder: Holder,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        self.inner.abandon(key, holder)
    }

    fn abandon_now(&self, key: &ReplyKey, holder: Holder) {
        self.log.lock().unwrap().push("key freed");
        self.inner.abandon_now(key, holder);
    }
}

#[tokio::test(start_paused = true)]
async fn a_drop_frees_the_keys_of_dropped_handlers() {
    struct Cut(Arc<Mutex<Vec<&'static str>>>);
    impl Drop for Cut {
        fn drop(&mut self) {
            self.0.lock().unwrap().push("handler dropped");
        }
    }

    let bed = Bed::start().await;
    let log = Arc::new(Mutex::new(Vec::new()));
    let store = Watched {
        inner: InMemoryReplyStore::default(),
        log: Arc::clone(&log),
    };
    let builder = bed.builder().visibility_timeout(Duration::from_secs(1));
    let responder = builder.reply_store(store).build().unwrap();
    let cut = Arc::clone(&log);
    let never = move || {
        let cut = Cut(Arc::clone(&cut));
        async move {
            std::future::pending::<()>().await;
            drop(cut);
        }
    };
    let dropped = Running::start(responder.serve(&bed.requests, never));
    bed.send(&keyed(&bed, 1, "k", "charge")).await;
    bed.until("it is handled", |stats| stats.handled == 1).await;
    dropped.drop_it().await;
    let at = bed.now();
    let again = Running::start(responder.serve(&bed.requests, async || "again"));
    assert_eq!(bed.reply().await.unwrap().body(), "again");
    let took = bed.now().since(at);
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(*log.lock().unwrap(), ["handler dropped", "key freed"]);
    again.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_frees_the_keys_of_dropped_handlers() {
    let bed = Bed::start().await;
    let (store, calls) = (InMemoryReplyStore::default(), Calls::default());
    let serve = sharing(&bed, &store, 1)
        .serve(&bed.requests, calls.handler(1_000_000))
        .drain(Duration::from_secs(5));
    let stops = Running::start(serve);
    bed.send(&keyed(&bed, 1, "k", "charge")).await;
    bed.until("it is handled", |stats| stats.handled == 1).await;
    assert_eq!(stops.stop().await.abandoned, 1);
    let stopped = bed.now();
    let goes_on = Running::start(sharing(&bed, &store, 1).serve(&bed.requests, calls.handler(0)));
    assert_eq!(bed.reply().await.unwrap().body(), "2");
    assert!(bed.now().since(stopped) < Duration::from_secs(1));
    goes_on.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_with_another_request_is_refused_and_deleted() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let running = Running::start(bed.responder().serve(&bed.requests, calls.handler(3)));
    bed.send(&keyed(&bed, 1, "order-17", "create")).await;
    sleep(1).await;
    // Another request with the key arrives while the first is handled, and again afterwards.
    bed.send(&keyed(&bed, 2, "order-17", "cancel")).await;
    sleep(5).await;
    bed.send(&keyed(&bed, 3, "order-17", "cancel")).await;
    bed.send(&keyed(&bed, 4, "order-17", "create")).await;
    let reused = "idempotency_key_reused";
    assert_eq!(
        replies(&bed).await,
        pairs(&[("r1", "1"), ("r2", reused), ("r3", reused), ("r4", "1")])
    );
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!((calls.count(), bed.stats().keys_reused), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn one_key_may_be_used_by_several_operations() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let running = Running::start(bed.responder().serve(&bed.requests, calls.handler(0)));
    for (id, operation) in [(1, "pay"), (2, "refund"), (3, "pay")] {
        let ask = bed.ask_with("x", id, |header| {
            header.idempotency_key = Some(IdempotencyKey::parse("k").unwrap());
            header.operation = Some(Operation::parse(operation).unwrap());
        });
        bed.send(&ask).await;
        let expected = if operation == "pay" { "1" } else { "2" };
        assert_eq!(bed.reply().await.unwrap().body(), expected);
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_one_way_request_with_a_reused_key_stays() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let running = Running::start(bed.responder().serve(&bed.requests, calls.handler(0)));
    for body in ["create", "cancel"] {
        let mut header = RequestHeader::new(sqs_rpc_protocol::RequestId::from_bits(1));
        header.idempotency_key = Some(IdempotencyKey::parse("k").unwrap());
        bed.send(&Ask::one_way(body).attribute(names::HEADER, &header.encode()))
            .await;
        sleep(1).await;
    }
    bed.until("it is refused", |stats| stats.keys_reused == 1)
        .await;
    sleep(1).await;
    assert_eq!(
        bed.left().await,
        (0, 1),
        "hidden, for its dead-letter queue"
    );
    running.stop().await;
    assert_eq!(calls.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn duplicates_that_wait_for_a_key_occupy_no_slot() {
    for shared in [false, true] {
        let bed = Bed::start().await;
        let (store, calls) = (InMemoryReplyStore::default(), Calls::default());
        let mut running = Vec::new();
        if shared {
            // Another process has the key.
            let other = sharing(&bed, &store, 1);
            running.push(Running::start(
                other.serve(&bed.requests, calls.handler(20)),
            ));
            bed.send(&keyed(&bed, 100, "k", "slow")).await;
            bed.until("the key is held", |stats| stats.handled == 1)
                .await;
        }
        let responder = sharing(&bed, &store, 8);
        running.push(Running::start(
            responder.serve(&bed.requests, calls.handler(20)),
        ));
        for id in 0..9 {
            bed.send(&keyed(&bed, id, "k", "slow")).await;
        }
        sleep(1).await;
        let asked = bed.now();
        bed.send(&bed.ask_with("fast", 50, |_| {})).await;
        assert_eq!(bed.reply().await.unwrap().body(), "2");
        let took = bed.now().since(asked);
        assert!(took < Duration::from_millis(500), "{took:?}");
        let answered = replies(&bed).await;
        assert_eq!(answered.len(), 9 + usize::from(shared));
        assert!(answered.iter().all(|(_, body)| body == "1"));
        bed.until_deleted().await;
        for running in running {
            running.stop().await;
        }
        assert_eq!(calls.count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn many_requests_with_one_key_are_answered_soon() {
    let bed = Bed::start().await;
    let store = InMemoryReplyStore::default();
    for id in 0..50 {
        bed.send(&keyed(&bed, id, "k", "slow")).await;
    }
    let sent = bed.now();
    let handler = async || {
        tokio::time::sleep(Duration::from_millis(700)).await;
        "done"
    };
    let running =
        [(); 2].map(|()| Running::start(sharing(&bed, &store, 8).serve(&bed.requests, handler)));
    bed.until("all are answered", |stats| stats.replies_sent == 50)
        .await;
    let took = bed.now().since(sent);
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(bed.stats().handled, 1);
    for running in running {
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn duplicates_beyond_the_bound_are_given_back_and_answered_later() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let responder = bed.builder().concurrency(2).build().unwrap();
    let running = Running::start(responder.serve(&bed.requests, calls.handler(20)));
    for id in 0..20 {
        bed.send(&keyed(&bed, id, "k", "slow")).await;
    }
    sleep(5).await;
    // One request is handled, two wait, and the others were given back three times each.
    let stats = bed.stats();
    assert_eq!((stats.duplicates_put_back, calls.count()), (3 * 17, 1));
    sleep(60).await;
    assert_eq!(replies(&bed).await.len(), 20);
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!(calls.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn requests_back_from_outside_do_not_exceed_the_concurrency() {
    let bed = Bed::start().await;
    let (store, calls) = (InMemoryReplyStore::default(), Calls::default());
    let dies =
        Running::start(sharing(&bed, &store, 4).serve(&bed.requests, calls.handler(1_000_000)));
    for id in 0..4 {
        bed.send(&keyed(&bed, id, &format!("k{id}"), "x")).await;
    }
    bed.until("all keys are held", |stats| stats.handled == 4)
        .await;
    let calls = Calls::default();
    let lives = Running::start(sharing(&bed, &store, 4).serve(&bed.requests, calls.handler(30)));
    for id in 10..14 {
        bed.send(&keyed(&bed, id, &format!("k{}", id - 10), "x"))
            .await;
    }
    sleep(2).await;
    dies.drop_it().await;
    for id in 20..40 {
        bed.send(&bed.ask_with("x", id, |_| {})).await;
    }
    bed.until("all are handled", |stats| stats.replies_sent >= 28)
        .await;
    lives.stop().await;
    assert_eq!((calls.count(), calls.most_at_a_time()), (24, 4));
}

#[tokio::test(start_paused = true)]
async fn an_expired_duplicate_is_dropped() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let running = Running::start(bed.responder().serve(&bed.requests, calls.handler(60)));
    for id in 1..=2 {
        let ask = bed.ask_with("x", id, |header| {
            header.idempotency_key = Some(IdempotencyKey::parse("k").unwrap());
            header.deadline = deadline(Duration::from_secs(if id == 1 { 100 } else { 10 }));
        });
        bed.send(&ask).await;
    }
    bed.until("it expired", |stats| stats.expired == 1).await;
    sleep(1).await;
    assert_eq!(bed.left().await, (0, 1), "the first is still handled");
    sleep(50).await;
    assert_eq!(replies(&bed).await.len(), 1);
    running.stop().await;
    assert_eq!(calls.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_key_are_handled_while_the_store_fails() {
    for (mode, longest) in [
        (Mode::Fails, 0),
        (Mode::Panics, 0),
        (Mode::Hangs, 10),
        (Mode::LosesAnswers, 10),
    ] {
        let bed = Bed::start().await;
        let calls = Calls::default();
        let store = Flaky::new(mode, mode);
        let running =
            Running::start(sharing(&bed, &store, 8).serve(&bed.requests, calls.handler(1)));
        let asked = bed.now();
        bed.send(&bed.ask_with("x", 1, |_| {})).await;
        assert_eq!(bed.reply().await.unwrap().body(), "1", "{mode:?}");
        let took = bed.now().since(asked).as_secs();
        assert!(took <= longest + 1, "{mode:?}: {took} s");
        bed.until_deleted().await;
        running.stop().await;
        let stats = bed.stats();
        assert!(stats.reply_store_failed > 0, "{mode:?}");
        assert_eq!(stats.panics > 0, mode == Mode::Panics);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_does_not_slow_down_a_service() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let store = Flaky::new(Mode::Hangs, Mode::Hangs);
    let running = Running::start(sharing(&bed, &store, 8).serve(&bed.requests, calls.handler(0)));
    let asked = bed.now();
    for id in 0..300 {
        bed.send(&bed.ask_with("x", id, |_| {})).await;
    }
    bed.until("all are answered", |stats| stats.replies_sent == 300)
        .await;
    let took = bed.now().since(asked);
    assert!(took < Duration::from_secs(12), "{took:?}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn requests_with_keys_are_given_back_while_the_store_fails() {
    for mode in [Mode::Fails, Mode::Panics, Mode::Hangs, Mode::LosesAnswers] {
        let bed = Bed::start().await;
        let calls = Calls::default();
        let store = Flaky::new(mode, mode);
        let running =
            Running::start(sharing(&bed, &store, 1).serve(&bed.requests, calls.handler(1)));
        bed.send(&keyed(&bed, 1, "k", "x")).await;
        bed.until("it is given back", |stats| stats.duplicates_put_back == 1)
            .await;
        // The slot is free. Let the store work again.
        store.set(Mode::Works, Mode::Works);
        bed.send(&bed.ask_with("fast", 2, |_| {})).await;
        assert_eq!(bed.reply().await.unwrap().body(), "1", "{mode:?}");
        assert_eq!(calls.count(), 1);
        sleep(60).await;
        assert_eq!(replies(&bed).await, pairs(&[("r1", "2")]), "{mode:?}");
        bed.until_deleted().await;
        running.stop().await;
        assert_eq!(calls.count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_after_the_handler_loses_no_reply() {
    for mode in [Mode::Fails, Mode::Panics, Mode::Hangs, Mode::LosesAnswers] {
        let bed = Bed::start().await;
        let calls = Calls::default();
        let store = Flaky::new(Mode::Works, mode);
        let running =
            Running::start(sharing(&bed, &store, 8).serve(&bed.requests, calls.handler(1)));
        let asked = bed.now();
        bed.send(&keyed(&bed, 1, "k", "x")).await;
        assert_eq!(bed.reply().await.unwrap().body(), "1", "{mode:?}");
        let took = bed.now().since(asked).as_secs();
        assert!(took <= 7, "{mode:?}: {took} s");
        // The key is held until the lease ends; or, if only the answer was lost, the reply was kept.
        bed.send(&keyed(&bed, 2, "k", "x")).await;
        sleep(40).await;
        let again = if mode == Mode::LosesAnswers { "1" } else { "2" };
        assert_eq!(replies(&bed).await, pairs(&[("r2", again)]), "{mode:?}");
        bed.until_deleted().await;
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_outlives_its_lease_does_not_overwrite() {
    let bed = Bed::start().await;
    let (first, second) = (Calls::default(), Calls::default());
    let store = Flaky::new(Mode::Works, Mode::Works);
    let slow = Running::start(sharing(&bed, &store, 1).serve(&bed.requests, first.handler(120)));
    bed.send(&keyed(&bed, 1, "k", "x")).await;
    bed.until("it is handled", |stats| stats.handled == 1).await;
    store.set(Mode::Hangs, Mode::Works);
    sleep(90).await;
    store.set(Mode::Works, Mode::Works);
    let handler = second.handler(5);
    let quick = Running::start(
        sharing(&bed, &store, 1).serve(&bed.requests, move |body: Body| {
            let reply = handler(body);
            async move { format!("second {}", reply.await) }
        }),
    );
    bed.send(&keyed(&bed, 2, "k", "x")).await;
    sleep(60).await;
    bed.send(&keyed(&bed, 3, "k", "x")).await;
    let answered = replies(&bed).await;
    assert_eq!(
        answered,
        pairs(&[("r1", "1"), ("r2", "second 1"), ("r3", "second 1")])
    );
    slow.stop().await;
    quick.stop().await;
    assert_eq!(bed.stats().replies_superseded, 1);
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_kept_for_a_day_under_a_key() {
    let bed = Bed::start().await;
    let calls = Calls::default();
    let running = Running::start(bed.responder().serve(&bed.requests, calls.handler(0)));
    for (id, pause, expected) in [(1, 0, "1"), (2, 23, "1"), (3, 2, "2")] {
        sleep(pause * 3_600).await;
        bed.send(&keyed(&bed, id, "k", "x")).await;
        assert_eq!(bed.reply().await.unwrap().body(), expected);
    }
    // Without a key, for minutes.
    for (minutes, expected) in [(0, "3"), (29, "3"), (2, "4")] {
        sleep(minutes * 60).await;
        bed.send(&bed.ask_with("x", 9, |_| {})).await;
        assert_eq!(bed.reply().await.unwrap().body(), expected);
    }
    running.stop().await;
}

/// F56: processes that share a store die and restart, and the store fails now and then. For each key, a handler ends
/// once, and every request gets its reply.
#[tokio::test(start_paused = true)]
async fn f56_each_key_is_handled_to_its_end_once() {
    const KEYS: u64 = 8;
    for seed in 1..=3 {
        let bed = Bed::start().await;
        let random = Random::seeded(seed);
        let store = Flaky {
            random: random.clone(),
            ..Flaky::new(Mode::Shaky, Mode::ShakyAnswers)
        };
        let ended = Arc::new(Mutex::new(Vec::new()));
        let start = || {
            let (ended, random) = (ended.clone(), random.clone());
            let handler = move |Body(body): Body| {
                let (ended, secs) = (ended.clone(), random.bits64() % 70);
                async move {
                    sleep(secs).await;
                    ended.lock().unwrap().push(body.clone());
                    format!("{body} in {secs} s")
                }
            };
            Running::start(sharing(&bed, &store, 4).serve(&bed.requests, handler))
        };
        let mut running = vec![start(), start(), start()];
        for id in 0..3 * KEYS {
            let key = format!("k{}", id % KEYS);
            bed.send(&keyed(&bed, id.into(), &key, &key)).await;
            sleep(random.bits64() % 4).await;
            if random.bits64().is_multiple_of(8) {
                running.remove(0).drop_it().await;
                running.push(start());
            }
        }
        bed.until_deleted().await;
        let answered = replies(&bed).await;
        for running in running {
            running.stop().await;
        }
        let mut ended = ended.lock().unwrap().clone();
        ended.sort();
        let mut keys: Vec<_> = (0..KEYS).map(|key| format!("k{key}")).collect();
        keys.sort();
        assert_eq!(ended, keys, "seed {seed}");
        let mut of_keys = BTreeMap::new();
        for (to, reply) in &answered {
            let id: u64 = to[1..].parse().unwrap();
            let first = of_keys.entry(id % KEYS).or_insert(reply);
            assert_eq!(*first, reply, "seed {seed}");
        }
        let asked: std::collections::BTreeSet<_> = answered.iter().map(|(to, _)| to).collect();
        assert_eq!(asked.len() as u64, 3 * KEYS, "seed {seed}");
    }
}

/// A store as a user would write it from the documentation: rows of text, each method one conditional write.
#[derive(Debug)]
struct Rows(Clock, Mutex<BTreeMap<String, Row>>);

#[derive(Debug, Clone)]
struct Row {
    fingerprint: [u8; 32],
    holder: u128,
    end: Moment,
    reply: Option<String>,
}

impl Rows {
    /// Writes the row if there is none, or if `may` allows it for the existing row. Otherwise returns the existing row.
    fn write(
        &self,
        key: &ReplyKey,
        row: Option<Row>,
        may: impl FnOnce(&Row) -> bool,
    ) -> Result<(), Row> {
        let mut rows = self.1.lock().unwrap();
        let now = self.0.now();
        match rows.get(&key.to_string()) {
            Some(found) if found.end > now && !may(found) => return Err(found.clone()),
            _ => {}
        }
        match row {
            Some(row) => rows.insert(key.to_string(), row),
            None => rows.remove(&key.to_string()),
        };
        Ok(())
    }
}

impl ReplyStore for Rows {
    fn begin<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Begun, BoxError>> {
        Box::pin(async move {
            let row = Row {
                fingerprint: fingerprint.to_bytes(),
                holder: holder.to_bits(),
                end: self.0.now() + lease,
                reply: None,
            };
            let may = |found: &Row| {
                (found.holder, found.fingerprint) == (holder.to_bits(), fingerprint.to_bytes())
                    && found.reply.is_none()
            };
            Ok(match self.write(key, Some(row), may) {
                Ok(()) => Begun::Mine,
                Err(found) if found.fingerprint != fingerprint.to_bytes() => Begun::Mismatch,
                Err(Row {
                    reply: None, end, ..
                }) => Begun::InProgress {
                    ask_again: end.since(self.0.now()).min(Duration::from_millis(500)),
                },
                Err(Row {
                    reply: Some(text), ..
                }) => Begun::Done(reply_of(&text)),
            })
        })
    }

    fn complete<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        reply: &'a Reply,
        age: Duration,
    ) -> BoxFuture<'a, Result<Completed, BoxError>> {
        Box::pin(async move {
            let row = Row {
                fingerprint: fingerprint.to_bytes(),
                holder: holder.to_bits(),
                end: self.0.now() + age,
                reply: Some(text_of(reply)),
            };
            let may = |found: &Row| found.holder == holder.to_bits() && found.reply.is_none();
            Ok(match self.write(key, Some(row), may) {
                Err(found) if found.holder != holder.to_bits() => Completed::Superseded,
                _ => Completed::Kept,
            })
        })
    }

    fn abandon<'a>(
        &'a self,
        key: &'a ReplyKey,
        holder: Holder,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let may = |found: &Row| found.holder == holder.to_bits() && found.reply.is_none();
            drop(self.write(key, None, may));
            Ok(())
        })
    }
}

fn text_of(reply: &Reply) -> String {
    let attributes: Vec<_> = reply.attributes().collect();
    serde_json::json!({
        "body": reply.body(),
        "code": reply.error_code().map(ErrorCode::as_str),
        "retryable": reply.is_retryable(),
        "content_type": reply.content_type().map(ContentType::as_str),
        "attributes": attributes,
    })
    .to_string()
}

fn reply_of(text: &str) -> Reply {
    let parts: serde_json::Value = serde_json::from_str(text).unwrap();
    let body = parts["body"].as_str().unwrap();
    let mut reply = match parts["code"].as_str() {
        Some(code) => Reply::error(code.parse().unwrap(), body),
        None => Reply::new(body),
    };
    if parts["retryable"] == true {
        reply = reply.retryable();
    }
    if let Some(content_type) = parts["content_type"].as_str() {
        reply = reply.with_content_type(content_type.parse().unwrap());
    }
    for attribute in parts["attributes"].as_array().unwrap() {
        let part = |i: usize| attribute[i].as_str().unwrap();
        reply = reply.with_attribute(part(0), part(1));
    }
    reply
}

#[tokio::test(start_paused = true)]
async fn a_store_written_from_the_documentation_passes_the_contract() {
    let wait = |time| -> BoxFuture<'static, ()> { Box::pin(tokio::time::sleep(time)) };
    contract::all(&Rows(Clock::system(), Mutex::default()), &wait, 1).await;
}
