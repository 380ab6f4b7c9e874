//! The last operation on a message wins.

use super::fake::Reply;
use super::fake::Said::Failed;
use super::*;
use crate::stats::Counter;

impl Rig {
    fn change_later(&self, handle: &str, seconds: u64) {
        let timeout = Duration::from_secs(seconds);
        self.outbox
            .change_visibility_later(&self.queue, handle.to_owned(), timeout);
    }

    async fn change(&self, handle: &str, seconds: u64) -> Result<(), Fault> {
        let timeout = Duration::from_secs(seconds);
        let handle = handle.to_owned();
        self.outbox
            .change_visibility(&self.queue, handle, timeout)
            .await
    }

    async fn delete(&self, handle: &str) -> Result<(), Fault> {
        self.outbox.delete(&self.queue, handle.to_owned()).await
    }

    /// Waits until all lingering and all calls have ended.
    async fn settle(&self) {
        self.clock().sleep(Duration::from_secs(5)).await;
        assert_eq!(self.outbox.unanswered(), 0);
    }

    /// The start of each call, in latencies.
    fn starts(&self) -> Vec<u128> {
        let calls = self.fake.calls();
        let first = calls[0].at;
        let millis = calls.iter().map(|call| call.at.since(first).as_millis());
        millis.collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_callers_change_replaces_a_lingering_change() {
    let rig = Rig::new(|_| Reply::Done);
    rig.change_later("a", 3600);
    rig.change_later("b", 3600);
    rig.change("a", 0).await.unwrap();
    rig.settle().await;
    let all: Vec<_> = rig.fake.batches().concat();
    assert!(!all.contains(&"a 3600".to_owned()), "{all:?}");
    assert!(all.contains(&"a 0".to_owned()) && all.contains(&"b 3600".to_owned()));
    assert_eq!(rig.sqs.counters().of(Counter::ChangesFailed), 0);
}

#[tokio::test(start_paused = true)]
async fn two_changes_take_effect_in_the_order_asked() {
    let rig = Rig::new(|_| Reply::Done);
    let (first, second, other) =
        tokio::join!(rig.change("a", 30), rig.change("a", 0), rig.change("b", 7));
    assert!(first.is_ok() && second.is_ok() && other.is_ok());
    assert_eq!(rig.fake.batches(), [vec!["a 30", "b 7"], vec!["a 0"]]);
    assert!(rig.starts()[1] >= LATENCY.as_millis(), "after the answer");
}

#[tokio::test(start_paused = true)]
async fn a_delete_drops_waiting_changes() {
    let rig = Rig::new(|_| Reply::Done);
    rig.change_later("a", 3600);
    rig.delete("a").await.unwrap();
    rig.change_later("b", 3600);
    rig.outbox.delete_later(&rig.queue, "b".to_owned());
    rig.settle().await;
    assert_eq!(rig.fake.batches(), [["a"], ["b"]]);
    assert_eq!(rig.sqs.counters().of(Counter::ChangesFailed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_delete_waits_for_a_change_in_flight() {
    let rig = Rig::new(|_| Reply::Done);
    let later = async {
        rig.clock().sleep(Duration::from_millis(2)).await;
        let waits = tokio::join!(rig.change("a", 5), rig.delete("a"), rig.delete("b"));
        assert!(waits.0.is_ok() && waits.1.is_ok() && waits.2.is_ok());
    };
    let (first, ()) = tokio::join!(rig.change("a", 30), later);
    assert!(first.is_ok());
    assert_eq!(rig.fake.batches(), [["a 30"], ["b"], ["a"]]);
    assert!(rig.starts()[2] >= LATENCY.as_millis());
    assert!(rig.starts()[1] < LATENCY.as_millis(), "others do not wait");
}

#[tokio::test(start_paused = true)]
async fn no_unattended_change_follows_a_delete() {
    let rig = Rig::new(|_| Reply::Done);
    rig.outbox.delete_later(&rig.queue, "a".to_owned());
    rig.change_later("a", 0);
    let out = async {
        rig.clock().sleep(Duration::from_millis(2)).await;
        rig.change_later("b", 0);
    };
    let (deleted, ()) = tokio::join!(rig.delete("b"), out);
    assert!(deleted.is_ok());
    rig.settle().await;
    assert_eq!(rig.fake.batches().concat(), ["a", "b"]);
    assert_eq!(rig.sqs.counters().of(Counter::ChangesFailed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_change_is_not_repeated_after_a_newer_word() {
    let failed = Reply::Entries(vec![Failed("InternalError", false)]);
    let rig = Rig::new(replies([failed]));
    rig.change_later("a", 3600);
    rig.clock().sleep(Duration::from_millis(55)).await;
    assert_eq!(rig.fake.batches(), [["a 3600"]], "out");
    rig.change("a", 0).await.unwrap();
    rig.settle().await;
    assert_eq!(rig.fake.batches(), [["a 3600"], ["a 0"]]);
}

#[tokio::test(start_paused = true)]
async fn operations_that_wait_for_their_turn_are_made_at_shutdown() {
    let rig = Rig::new(|_| Reply::Done);
    rig.change_later("a", 30);
    rig.clock().sleep(Duration::from_millis(52)).await;
    rig.outbox.delete_later(&rig.queue, "a".to_owned());
    let at = rig.clock().now() + Duration::from_secs(1);
    assert_eq!(rig.outbox.shutdown(at).await, 0);
    assert_eq!(rig.fake.batches(), [["a 30"], ["a"]]);
}

#[tokio::test(start_paused = true)]
async fn an_operation_whose_caller_left_blocks_no_other() {
    let rig = Rig::new(replies([Reply::Done, Reply::Never]));
    rig.change("x", 1).await.unwrap();
    // The second call hangs until its timeout; the next operation is sent then.
    let out = rig.outbox.clone();
    let queue = rig.queue.clone();
    let hung = tokio::spawn(async move {
        let timeout = Duration::from_secs(30);
        out.change_visibility(&queue, "a".to_owned(), timeout).await
    });
    rig.clock().sleep(Duration::from_millis(1)).await;
    hung.abort();
    rig.clock().sleep(Duration::from_millis(1)).await;
    let start = rig.clock().now();
    rig.delete("a").await.unwrap();
    let took = rig.clock().now().since(start);
    assert!(
        took > Duration::from_secs(29) && took < Duration::from_secs(31),
        "{took:?}"
    );
}
