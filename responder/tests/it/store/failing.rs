//! Stores that fail, panic or hang.

use std::time::Duration;

use super::flaky::{Flaky, Mode};
use super::{Calls, keyed, pairs, replies, sharing};
use crate::bed::{Bed, Running, sleep};

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
