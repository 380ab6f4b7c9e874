//! Each caller gets the answer to its own entry.

use std::sync::{Arc, Mutex};

use super::fake::Said::{Done, Failed, Nothing, OtherMd5};
use super::fake::{Reply, Said};
use super::*;
use crate::stats::Counter;
use crate::{Delivery, FaultKind};

/// A temporary failure within SQS.
const INTERNAL: Said = Failed("InternalError", false);

#[tokio::test(start_paused = true)]
async fn f16_only_retryable_entries_are_retried() {
    let mut said = vec![Done; 10];
    said[3] = INTERNAL;
    said[5] = Failed("InvalidMessageContents", true);
    said[8] = INTERNAL;
    let rig = Rig::new(replies([Reply::Entries(said)]));
    let results = rig.send_all(10).await;
    for (i, result) in results.iter().enumerate() {
        match i {
            5 => assert_eq!(result.as_ref().unwrap_err().kind(), FaultKind::Refused),
            _ => assert_eq!(result.as_ref().unwrap().message_id, format!("id of {i}")),
        }
    }
    let again: Vec<_> = rig.fake.batches().into_iter().skip(1).flatten().collect();
    assert_eq!(again.len(), 2);
    assert!(again.contains(&"3".to_owned()) && again.contains(&"8".to_owned()));
    assert!(
        rig.fake.calls()[1].at.since_start() >= LATENCY + Duration::from_millis(80),
        "after a back-off"
    );
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_fails_three_times_fails_its_caller() {
    let rig = Rig::new(|_| Reply::Entries(vec![INTERNAL]));
    let fault = rig.send("a").await.unwrap_err();
    assert_eq!(
        (fault.kind(), fault.delivery()),
        (FaultKind::Unavailable, Delivery::Unknown)
    );
    assert_eq!(rig.fake.batches().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_stamped_again_for_each_call() {
    let said = || Reply::Entries(vec![INTERNAL]);
    let rig = Rig::new(replies([said(), said()]));
    let (clock, stamps) = (rig.clock().clone(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&stamps);
    let stamp = move |message: &mut SendMessageBatchRequestEntry| {
        assert_eq!(message.message_body, "a");
        noted.lock().unwrap().push(clock.now());
    };
    let sent = rig.outbox.send_stamped(&rig.queue, message("a"), stamp);
    assert!(sent.await.is_ok());
    let calls: Vec<_> = rig.fake.calls().iter().map(|call| call.at).collect();
    assert_eq!((calls.len(), &calls), (3, &*stamps.lock().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn f17_an_entry_in_neither_list_fails_its_caller() {
    let rig = Rig::new(replies([Reply::Entries(vec![Done, Nothing, Done])]));
    let results = rig.send_all(3).await;
    let fault = results[1].as_ref().unwrap_err();
    assert_eq!(
        (fault.kind(), fault.delivery()),
        (FaultKind::Unreadable, Delivery::Unknown)
    );
    assert!(results[0].is_ok() && results[2].is_ok());
    assert_eq!(rig.sqs.counters().of(Counter::EntriesUnanswered), 1);
    assert_eq!(
        rig.fake.batches().len(),
        1,
        "the message may have been sent, so it is not sent again"
    );
}

#[tokio::test(start_paused = true)]
async fn f43_a_refused_batch_is_sent_one_by_one() {
    let guilty = |entries: &[String]| entries.iter().any(|entry| entry == "4");
    let rig = Rig::new(move |entries| match guilty(entries) {
        true => Reply::Refused("AWS.SimpleQueueService.BatchRequestTooLong", 400),
        false => Reply::Done,
    });
    let results = rig.send_all(10).await;
    for (i, result) in results.iter().enumerate() {
        match i {
            4 => assert_eq!(result.as_ref().unwrap_err().kind(), FaultKind::Refused),
            _ => assert!(result.is_ok(), "{i}: {result:?}"),
        }
    }
    let mut expected = vec![texts(0..10)];
    expected.extend((0..10).map(|i| texts([i])));
    assert_eq!(rig.fake.batches(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_call_failing_otherwise_fails_all_its_callers_once() {
    let reasons = [
        ("InternalFailure", 500, FaultKind::Unavailable),
        ("AccessDenied", 403, FaultKind::AccessDenied),
        ("QueueDoesNotExist", 400, FaultKind::QueueNotFound),
        ("RequestThrottled", 400, FaultKind::Throttled),
        ("com.amazonaws.sqs#KmsDisabled", 400, FaultKind::Refused),
        ("KMS.DisabledException", 400, FaultKind::Refused),
        ("KMS.ThrottlingException", 400, FaultKind::Throttled),
        (
            "AWS.SimpleQueueService.UnsupportedOperation",
            400,
            FaultKind::Refused,
        ),
    ];
    for (code, status, kind) in reasons {
        let rig = Rig::new(move |_| Reply::Refused(code, status));
        let kinds: Vec<_> = rig
            .send_all(4)
            .await
            .into_iter()
            .map(|result| result.unwrap_err().kind())
            .collect();
        assert_eq!(kinds, [kind; 4], "{code}");
        assert_eq!(rig.fake.batches().len(), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_accepted_with_another_body_fails_its_caller() {
    let rig = Rig::new(replies([Reply::Entries(vec![Done, OtherMd5])]));
    let results = rig.send_all(2).await;
    assert!(results[0].is_ok());
    let fault = results[1].as_ref().unwrap_err();
    assert_eq!(
        (fault.kind(), fault.delivery()),
        (FaultKind::Unreadable, Delivery::Unknown)
    );
}

#[tokio::test(start_paused = true)]
async fn deletes_and_visibility_changes_are_batched_and_answered_too() {
    let rig = Rig::new(replies([Reply::Entries(vec![
        Done,
        Failed("ReceiptHandleIsInvalid", true),
    ])]));
    let delete = |handle: &str| rig.outbox.delete(&rig.queue, handle.to_owned());
    let (first, second) = tokio::join!(delete("a"), delete("b"));
    assert!(first.is_ok());
    assert_eq!(second.unwrap_err().code(), Some("ReceiptHandleIsInvalid"));
    assert_eq!(rig.sqs.counters().of(Counter::DeletesFailed), 1);

    let change = |handle: &str, seconds| {
        rig.outbox
            .change_visibility(&rig.queue, handle.to_owned(), Duration::from_secs(seconds))
    };
    let (first, second) = tokio::join!(change("a", 30), change("b", 0));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(rig.fake.batches(), [["a", "b"], ["a 30", "b 0"]]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_delete_without_a_caller_is_counted() {
    let rig = Rig::new(replies([Reply::Entries(vec![
        Failed("ReceiptHandleIsInvalid", true),
        INTERNAL,
    ])]));
    rig.outbox.delete_later(&rig.queue, "a".to_owned());
    rig.outbox.delete_later(&rig.queue, "b".to_owned());
    rig.clock().sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.sqs.counters().of(Counter::DeletesFailed), 1);
    assert_eq!(rig.fake.batches(), [vec!["a", "b"], vec!["b"]]);
}

#[tokio::test(start_paused = true)]
async fn a_message_too_large_for_a_batch_is_refused() {
    let options = BatchOptions {
        max_bytes: 100,
        ..BatchOptions::default()
    };
    let rig = Rig::with(options, |_| Reply::Done);
    assert!(rig.send(&"x".repeat(100)).await.is_ok());
    let fault = rig.send(&"x".repeat(101)).await.unwrap_err();
    assert_eq!(
        (fault.kind(), fault.delivery()),
        (FaultKind::Refused, Delivery::NotSent)
    );
    assert_eq!(rig.fake.batches().len(), 1);
}

/// Entries of a FIFO queue fail at random: the messages of each group that SQS accepted are in the order in which
/// they were sent.
#[tokio::test(start_paused = true)]
async fn no_message_of_a_fifo_group_overtakes_another() {
    for seed in 0..50 {
        let random = crate::Random::seeded(seed);
        let taken = Arc::new(Mutex::new(Vec::new()));
        let script = {
            let taken = Arc::clone(&taken);
            move |entries: &[String]| {
                if entries.len() > 1 && random.bits64().is_multiple_of(8) {
                    return Reply::Refused("BatchRequestTooLong", 400);
                }
                let said = entries.iter().map(|entry| match random.bits64() % 4 {
                    0 => INTERNAL,
                    1 => Failed("InvalidMessageContents", true),
                    _ => {
                        taken.lock().unwrap().push(entry.clone());
                        Done
                    }
                });
                Reply::Entries(said.collect())
            }
        };
        let mut rig = Rig::new(script);
        rig.queue = queue("orders.fifo");
        let results = join_all((0..60).map(|i| {
            let message =
                message(&format!("{} {i:02}", i % 3)).message_group_id((i % 3).to_string());
            rig.outbox.send(&rig.queue, message)
        }))
        .await;
        let taken = taken.lock().unwrap().clone();
        assert_eq!(
            results.iter().filter(|result| result.is_ok()).count(),
            taken.len(),
            "seed {seed}"
        );
        assert!(
            rig.fake.calls().iter().any(|call| call.entries.len() == 10),
            "seed {seed}: batches are used"
        );
        for group in ["0", "1", "2"] {
            let of_group: Vec<_> = taken
                .iter()
                .filter(|text| text.starts_with(group))
                .collect();
            assert!(
                of_group.is_sorted(),
                "seed {seed}, group {group}: {of_group:?}"
            );
        }
    }
}
