//! Who handles a key if processes share a store and some of them end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use sqs_responder::{
    Begun, Body, Completed, Fingerprint, Holder, InMemoryReplyStore, Reply, ReplyKey, ReplyStore,
};
use sqs_rpc_transport::Random;

use super::flaky::{Flaky, Mode};
use super::{BoxError, Calls, keyed, pairs, replies, sharing};
use crate::bed::{Bed, Running, sleep};

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

/// F56: processes that share a store die and restart, and the store fails now and then. For each key, a handler ends
/// once, and every request gets its reply.
#[tokio::test(start_paused = true)]
async fn f56_each_key_is_handled_to_its_end_once() {
    const KEYS: u64 = 8;
    for seed in 1..=3 {
        let bed = Bed::start().await;
        let random = Random::seeded(seed);
        let store = Flaky::new(Mode::Shaky, Mode::ShakyAnswers).with_random(random.clone());
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
