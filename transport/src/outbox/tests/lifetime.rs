//! Cancellation, shutdown, and the end of the runtime.

use tokio::runtime::Runtime;

use super::fake::Reply;
use super::*;
use crate::stats::Counter;
use crate::{Delivery, FaultKind};

fn assert_closed<T: std::fmt::Debug>(result: Result<T, Fault>, delivery: Delivery) {
    let fault = result.unwrap_err();
    assert_eq!(
        (fault.kind(), fault.delivery()),
        (FaultKind::Closed, delivery)
    );
}

/// Starts a send in its own task, and lets it reach the outbox.
async fn start_send(
    rig: &Rig,
    body: &str,
) -> tokio::task::JoinHandle<Result<SendMessageBatchResultEntry, Fault>> {
    let (outbox, queue, message) = (rig.outbox.clone(), rig.queue.clone(), message(body));
    let send = tokio::spawn(async move { outbox.send(&queue, message).await });
    rig.clock().sleep(Duration::from_millis(1)).await;
    send
}

#[tokio::test(start_paused = true)]
async fn a_send_dropped_while_it_waits_is_not_sent() {
    let rig = Rig::new(|_| Reply::Done);
    let out = start_send(&rig, "out").await;
    let (waiting, kept) = (
        start_send(&rig, "waiting").await,
        start_send(&rig, "kept").await,
    );
    waiting.abort();
    out.abort();
    assert!(kept.await.unwrap().is_ok());
    assert_eq!(rig.fake.batches(), [["out"], ["kept"]]);
    assert_eq!(rig.outbox.unanswered(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_send_makes_room_even_behind_hanging_calls() {
    let options = BatchOptions {
        max_calls_out: 1,
        max_waiting: 2,
        ..BatchOptions::default()
    };
    let rig = Rig::with(options, |_| Reply::Never);
    let _stuck = start_send(&rig, "stuck").await;
    let waiting = start_send(&rig, "waiting").await;
    assert_eq!(rig.outbox.unanswered(), 2);
    waiting.abort();
    rig.clock().sleep(Duration::from_millis(1)).await;
    assert_eq!(rig.outbox.unanswered(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_entry_whose_caller_left_is_not_retried() {
    let rig = Rig::new(|_| Reply::Refused("BatchRequestTooLong", 400));
    let (outbox, queue) = (rig.outbox.clone(), rig.queue.clone());
    let deletes = tokio::spawn(async move {
        let delete = |handle: &str| outbox.delete(&queue, handle.to_owned());
        tokio::join!(delete("a"), delete("b"))
    });
    rig.clock().sleep(Duration::from_millis(1)).await;
    deletes.abort();
    rig.clock().sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.fake.batches(), [["a", "b"]]);
    assert_eq!(rig.outbox.unanswered(), 0);
    assert_eq!(
        rig.sqs.counters().of(Counter::DeletesFailed),
        0,
        "given up by its caller"
    );
}

/// All calls of a lane hang. The lane works again after their timeout.
#[tokio::test(start_paused = true)]
async fn a_lane_works_again_after_calls_that_hung() {
    let limit = Duration::from_secs(30);
    for (name, calls) in [("orders", 8), ("orders.fifo", 1)] {
        let mut rig = Rig::new(replies((0..calls).map(|_| Reply::Never)));
        rig.queue = queue(name);
        let start = rig.clock().now();
        let mut hung = Vec::new();
        for i in 0..calls {
            hung.push(start_send(&rig, &i.to_string()).await);
            rig.clock().sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(rig.fake.batches().len(), calls);
        assert!(rig.send("after").await.is_ok());
        let took = rig.clock().now().since(start);
        assert!(
            limit <= took && took < limit + Duration::from_secs(1),
            "{took:?}"
        );
        for entry in hung {
            let fault = entry.await.unwrap().unwrap_err();
            assert_eq!(
                (fault.kind(), fault.delivery()),
                (FaultKind::TimedOut, Delivery::Unknown)
            );
        }
        let start = rig.clock().now();
        assert!(rig.send("again").await.is_ok());
        assert_eq!(rig.clock().now().since(start), LATENCY);
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_given_up_after_refusal_was_not_sent() {
    let options = BatchOptions {
        max_calls_out: 1,
        ..BatchOptions::default()
    };
    let refused = Reply::Refused("BatchRequestTooLong", 400);
    let rig = Rig::with(options, replies([refused, Reply::Never]));
    let at = rig.clock().now() + Duration::from_secs(1);
    let (results, given_up) = tokio::join!(rig.send_all(2), async {
        rig.clock().sleep(LATENCY * 2).await;
        rig.outbox.shutdown(at).await
    });
    assert_eq!(given_up, 2);
    let deliveries: Vec<_> = results
        .into_iter()
        .map(|result| result.unwrap_err().delivery())
        .collect();
    assert_eq!(deliveries, [Delivery::Unknown, Delivery::NotSent]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_fails_only_its_own_callers() {
    let rig = Rig::new(replies([Reply::Panic]));
    let fault = rig.send("a").await.unwrap_err();
    let told = (fault.kind(), fault.delivery());
    assert_eq!(told, (FaultKind::Panicked, Delivery::Unknown));
    let text = fault.to_string();
    assert!(
        text.contains("panic") && text.contains("credentials provider"),
        "{text}"
    );
    assert!(rig.send("b").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn shutdown_sends_waiting_entries_and_refuses_new_ones() {
    let rig = Rig::new(|_| Reply::Done);
    rig.outbox.delete_later(&rig.queue, "a".to_owned());
    rig.outbox
        .change_visibility_later(&rig.queue, "b".to_owned(), Duration::from_secs(1));
    let start = rig.clock().now();
    assert_eq!(
        rig.outbox.shutdown(start + Duration::from_secs(10)).await,
        0
    );
    assert_eq!(rig.clock().now().since(start), LATENCY);
    let mut batches = rig.fake.batches();
    batches.sort();
    assert_eq!(batches, [["a"], ["b 1"]]);
    assert_eq!(rig.tasks.running(), 0);

    assert_closed(rig.send("late").await, Delivery::NotSent);
    rig.outbox.delete_later(&rig.queue, "late".to_owned());
    assert_eq!(rig.sqs.counters().of(Counter::DeletesFailed), 1);
    assert_eq!(rig.tasks.running(), 0, "refused entries start nothing");
    assert_eq!(rig.outbox.shutdown(rig.clock().now()).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_waiting_for_room_at_shutdown_is_refused() {
    let options = BatchOptions {
        max_waiting: 2,
        ..BatchOptions::default()
    };
    let rig = Rig::with(options, |_| Reply::Done);
    let (results, given_up) = tokio::join!(rig.send_all(3), async {
        rig.clock().sleep(Duration::from_millis(1)).await;
        rig.outbox
            .shutdown(rig.clock().now() + Duration::from_secs(1))
            .await
    });
    assert_eq!(given_up, 0);
    assert_eq!(rig.fake.batches(), [["0", "1"]]);
    let [first, second, third] = results.try_into().unwrap();
    assert!(first.is_ok() && second.is_ok());
    assert_closed(third, Delivery::NotSent);
}

#[tokio::test(start_paused = true)]
async fn shutdown_gives_up_at_its_deadline_and_returns_the_number() {
    let options = BatchOptions {
        max_calls_out: 1,
        ..BatchOptions::default()
    };
    let rig = Rig::with(options, |_| Reply::Never);
    let (out, waiting) = (
        start_send(&rig, "out").await,
        start_send(&rig, "waiting").await,
    );
    rig.outbox.delete_later(&rig.queue, "a".to_owned());
    let at = rig.clock().now() + Duration::from_secs(3);
    assert_eq!(rig.outbox.shutdown(at).await, 3);
    assert_eq!(rig.clock().now(), at);
    assert_closed(out.await.unwrap(), Delivery::Unknown);
    assert_closed(waiting.await.unwrap(), Delivery::NotSent);
    rig.tasks
        .stopped_by(rig.clock(), at)
        .await
        .expect("no task is left, not even that of the call that hangs");
    assert_eq!(rig.sqs.counters().of(Counter::DeletesFailed), 1);
}

#[tokio::test(start_paused = true)]
async fn asking_the_tasks_to_stop_closes_and_flushes() {
    let rig = Rig::new(|_| Reply::Done);
    rig.outbox.delete_later(&rig.queue, "a".to_owned());
    let start = rig.clock().now();
    rig.tasks
        .stopped_by(rig.clock(), start + Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(rig.clock().now().since(start), LATENCY);
    assert_eq!(rig.fake.batches(), [["a"]]);
    assert_closed(rig.send("late").await, Delivery::NotSent);
}

#[tokio::test(start_paused = true)]
async fn unattended_entries_are_sent_after_the_last_outbox_is_dropped() {
    let Rig {
        fake,
        sqs,
        tasks,
        outbox,
        queue,
    } = Rig::new(|_| Reply::Done);
    outbox.delete_later(&queue, "a".to_owned());
    drop(outbox);
    sqs.clock().sleep(LATENCY + Duration::from_millis(1)).await;
    assert_eq!(fake.batches(), [["a"]]);
    assert_eq!(tasks.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_queue_has_no_task() {
    let rig = Rig::new(|_| Reply::Done);
    rig.send("a").await.unwrap();
    let idle = BatchOptions::default().idle;
    rig.clock().sleep(idle - Duration::from_millis(20)).await;
    assert_eq!(rig.tasks.running(), 1);
    rig.clock().sleep(Duration::from_millis(40)).await;
    assert_eq!(rig.tasks.running(), 0);
    rig.send("b").await.unwrap();
    assert_eq!(rig.tasks.running(), 1);
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

#[test]
fn after_the_end_of_the_runtime_entries_are_refused() {
    let (own, callers) = (runtime(), runtime());
    let rig = own.block_on(async { Rig::new(|_| Reply::Done) });
    drop(own);
    callers.block_on(async {
        assert_closed(rig.send("a").await, Delivery::NotSent);
        rig.outbox.delete_later(&rig.queue, "a".to_owned());
        assert_closed(rig.send("b").await, Delivery::NotSent);
    });
    assert_eq!(rig.sqs.counters().of(Counter::DeletesFailed), 1);
    assert_eq!(rig.outbox.unanswered(), 0);
    assert!(rig.fake.batches().is_empty());
}

#[test]
fn the_end_of_the_runtime_closes_all_entries() {
    let (own, callers) = (runtime(), runtime());
    let options = BatchOptions {
        max_calls_out: 1,
        max_waiting: 2,
        ..BatchOptions::default()
    };
    let rig = own.block_on(async { Rig::with(options, |_| Reply::Never) });
    let (mut out, mut waiting) = (Box::pin(rig.send("out")), Box::pin(rig.send("waiting")));
    let mut without_room = Box::pin(rig.send("without room"));
    callers.block_on(async { assert!(futures::poll!(&mut out).is_pending()) });
    own.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
    assert_eq!(rig.fake.batches(), [["out"]]);
    callers.block_on(async {
        assert!(futures::poll!(&mut waiting).is_pending());
        assert!(futures::poll!(&mut without_room).is_pending());
    });
    drop(own);
    callers.block_on(async {
        assert_closed(out.await, Delivery::Unknown);
        assert_closed(waiting.await, Delivery::NotSent);
        assert_closed(without_room.await, Delivery::NotSent);
    });
}
