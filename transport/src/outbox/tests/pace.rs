//! When calls are made.

use super::fake::Reply;
use super::*;
use crate::stats::Counter;

#[tokio::test(start_paused = true)]
async fn entries_of_the_same_turn_share_a_call_without_delay() {
    let rig = Rig::new(|_| Reply::Done);
    let start = rig.clock().now();
    rig.send_all(10).await;
    assert_eq!(rig.fake.batches(), [texts(0..10)]);
    assert_eq!(rig.clock().now().since(start), LATENCY);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_concurrent_sends_fill_their_batches() {
    let rig = Rig::new(|_| Reply::Done);
    // Each send has its own task, as real callers have.
    let sends = (0..1000).map(|i| {
        let (outbox, queue) = (rig.outbox.clone(), rig.queue.clone());
        tokio::spawn(async move { outbox.send(&queue, message(&i.to_string())).await })
    });
    for send in join_all(sends).await {
        send.unwrap().unwrap();
    }
    let fill = 1000.0 / rig.fake.batches().len() as f64;
    assert!(fill >= 9.0, "mean fill {fill}");
}

/// 256 callers, each of which sends again as soon as it has its answer.
#[tokio::test(start_paused = true)]
async fn steady_load_fills_the_batches() {
    let rig = Rig::new(|_| Reply::Done);
    let callers = (0..256).map(|caller| {
        let (outbox, queue) = (rig.outbox.clone(), rig.queue.clone());
        tokio::spawn(async move {
            for i in 0..20 {
                outbox
                    .send(&queue, message(&format!("{caller} {i}")))
                    .await
                    .unwrap();
            }
        })
    });
    join_all(callers)
        .await
        .into_iter()
        .for_each(|caller| caller.unwrap());
    let fill = 256.0 * 20.0 / rig.fake.batches().len() as f64;
    assert!(fill >= 9.0, "mean fill {fill}");
}

/// Arrivals at a constant rate: a low rate, and a rate for which one call at a time is not enough.
#[tokio::test(start_paused = true)]
async fn steady_sends_wait_at_most_the_linger_time() {
    for (per_millisecond, least_fill) in [(1, 5.0), (5, 9.0)] {
        let rig = Rig::new(|_| Reply::Done);
        let mut sends = Vec::new();
        for i in 0..500 {
            let (outbox, queue, clock) =
                (rig.outbox.clone(), rig.queue.clone(), rig.clock().clone());
            sends.push(tokio::spawn(async move {
                let start = clock.now();
                outbox.send(&queue, message(&i.to_string())).await.unwrap();
                clock.now().since(start)
            }));
            if i % per_millisecond == 0 {
                rig.clock().sleep(Duration::from_millis(1)).await;
            }
        }
        for send in sends {
            assert!(send.await.unwrap() <= LATENCY + BatchOptions::default().linger);
        }
        let fill = 500.0 / rig.fake.batches().len() as f64;
        assert!(
            fill >= least_fill,
            "{per_millisecond} a millisecond: mean fill {fill}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn f44_a_hanging_call_holds_up_no_other() {
    let rig = Rig::new(replies([Reply::Never]));
    let (outbox, to) = (rig.outbox.clone(), rig.queue.clone());
    let stuck = tokio::spawn(async move { outbox.send(&to, message("stuck")).await });
    rig.clock().sleep(Duration::from_millis(1)).await;
    for _ in 0..20 {
        let start = rig.clock().now();
        rig.send("other").await.unwrap();
        let took = rig.clock().now().since(start);
        assert!(
            took <= BatchOptions::default().linger + LATENCY + Duration::from_millis(1),
            "{took:?}"
        );
    }
    let start = rig.clock().now();
    rig.outbox
        .send(&queue("another"), message("a"))
        .await
        .unwrap();
    assert_eq!(
        rig.clock().now().since(start),
        LATENCY,
        "queues do not affect each other"
    );
    assert!(!stuck.is_finished());
}

#[tokio::test(start_paused = true)]
async fn unattended_deletes_wait_for_more_deletes() {
    let rig = Rig::new(|_| Reply::Done);
    let start = rig.clock().now();
    for i in 0..14 {
        rig.outbox.delete_later(&rig.queue, i.to_string());
        rig.clock().sleep(Duration::from_millis(1)).await;
    }
    rig.clock().sleep(Duration::from_millis(200)).await;
    let calls = rig.fake.calls();
    assert_eq!(rig.fake.batches(), [texts(0..10), texts(10..14)]);
    let linger = BatchOptions::default().delete_linger;
    assert!(calls[0].at.since(start) < Duration::from_millis(12));
    assert!(calls[1].at.since(start) >= Duration::from_millis(10) + linger);
}

/// SQS returns the next messages of a group only when its earlier messages are deleted.
#[tokio::test(start_paused = true)]
async fn deletes_on_a_fifo_queue_do_not_linger() {
    let mut rig = Rig::new(|_| Reply::Done);
    rig.queue = queue("orders.fifo");
    let start = rig.clock().now();
    for i in 0..3 {
        rig.outbox.delete_later(&rig.queue, i.to_string());
    }
    rig.clock().sleep(Duration::from_millis(2)).await;
    // While the first call is still in flight.
    rig.outbox.delete_later(&rig.queue, "3".to_owned());
    rig.outbox
        .change_visibility_later(&rig.queue, "4".to_owned(), Duration::ZERO);
    rig.clock().sleep(Duration::from_millis(200)).await;
    let times: Vec<_> = rig
        .fake
        .calls()
        .iter()
        .map(|call| call.at.since(start))
        .collect();
    let second = Duration::from_millis(2);
    assert_eq!(times, [Duration::ZERO, second, second]);
    let mut batches = rig.fake.batches();
    batches.sort();
    assert_eq!(
        batches,
        [vec!["0", "1", "2"], vec!["3"], vec!["4 0"]],
        "entries of the same turn share a call"
    );
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_callers_wait_and_unattended_entries_are_dropped() {
    let options = BatchOptions {
        max_waiting: 2,
        ..BatchOptions::default()
    };
    let rig = Rig::with(options, |_| Reply::Done);
    let start = rig.clock().now();
    rig.send_all(6).await;
    assert_eq!(rig.fake.batches(), [texts(0..2), texts(2..4), texts(4..6)]);
    assert_eq!(rig.clock().now().since(start), LATENCY * 3);

    for i in 0..5 {
        rig.outbox.delete_later(&rig.queue, i.to_string());
    }
    assert_eq!(rig.outbox.unanswered(), 2);
    assert_eq!(rig.sqs.counters().of(Counter::DeletesFailed), 3);
}
