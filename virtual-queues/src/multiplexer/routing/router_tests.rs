use std::collections::HashMap as Map;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName};
use sqs_rpc_protocol::{SqsTime, names};

use super::super::buffered::{Extension, Fate};
use super::super::decisions::TakenAny;
use super::*;

#[path = "fifo_tests.rs"]
mod fifo;

const PROCESS: ProcessPrefix = ProcessPrefix::from_bits(7);
const OTHER: ProcessPrefix = ProcessPrefix::from_bits(8);

const ORPHAN_AGE: Duration = Duration::from_secs(300);

/// How long a poll hides messages.
const VISIBILITY: Duration = Duration::from_secs(60);

fn at(secs: u64) -> Moment {
    Moment::from_start(Duration::from_secs(secs))
}

fn router() -> Router<u32> {
    let limits = Limits {
        names: 1_000,
        queue_messages: 3,
        host_messages: 5,
        host_bytes: 1 << 20,
    };
    Router::new(RouterOptions {
        process: PROCESS,
        limits,
        visibility: VISIBILITY,
        in_order: false,
        orphan_age: ORPHAN_AGE,
    })
}

fn name(text: &str) -> VirtualQueueName {
    VirtualQueueName::try_from(text).unwrap()
}

fn reply_name(process: ProcessPrefix, n: u128) -> VirtualQueueName {
    CorrelationId::new(process, n).to_name()
}

/// The id of a request of this process.
fn reply_id(n: u128) -> CorrelationId {
    CorrelationId::new(PROCESS, n)
}

fn message(to: &VirtualQueueName, id: &str, receives: u32) -> Message {
    let attribute = MessageAttributeValue::builder()
        .data_type("String")
        .string_value(to.as_str())
        .build()
        .unwrap();
    Message::builder()
        .message_id(id)
        .body("b")
        .receipt_handle(format!("{id}#{receives}"))
        .attributes(
            MessageSystemAttributeName::ApproximateReceiveCount,
            receives.to_string(),
        )
        .attributes(MessageSystemAttributeName::SentTimestamp, "1000000")
        .message_attributes(names::VIRTUAL_QUEUE_NAME, attribute)
        .build()
}

fn arrives(router: &mut Router<u32>, to: &VirtualQueueName, id: &str) -> Routed<u32> {
    router.route(
        message(to, id, 1),
        Arrival {
            received: at(0),
            visible_until: at(100),
            server_now: None,
        },
    )
}

fn arrival_until(visible: u64) -> Arrival {
    Arrival {
        received: at(0),
        visible_until: at(visible),
        server_now: None,
    }
}

/// A message arrives that SQS hides until `visible`.
fn arrives_until(router: &mut Router<u32>, to: &VirtualQueueName, id: &str, visible: u64) {
    let routed = router.route(message(to, id, 1), arrival_until(visible));
    assert!(matches!(routed, Routed::Buffered(_)));
}

/// The extensions that are due at `now`, in one call.
fn due_extensions(router: &mut Router<u32>, now: u64) -> Vec<Extension> {
    match router.next_due(at(now)) {
        Some(Due::Extend(due)) => due,
        other => panic!("{other:?}"),
    }
}

fn handles(extensions: &[Extension]) -> Vec<&str> {
    let handles = extensions.iter().map(|it| it.receipt_handle.as_str());
    handles.collect()
}

/// The ids of the messages whose extension is due at `now`.
fn extensions(router: &mut Router<u32>, now: u64) -> Vec<String> {
    let due = due_extensions(router, now);
    let ids = handles(&due)
        .into_iter()
        .map(|handle| handle.split('#').next().unwrap().to_owned());
    ids.collect()
}

/// Counts its wakes.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A receiver that is polled by hand.
struct Hand {
    name: VirtualQueueName,
    ticket: Option<Ticket>,
    woken: Arc<Woken>,
    short: bool,
}

impl Hand {
    fn new(name: &VirtualQueueName) -> Self {
        Self {
            name: name.clone(),
            ticket: None,
            woken: Arc::default(),
            short: false,
        }
    }

    fn short(name: &VirtualQueueName) -> Self {
        Self {
            short: true,
            ..Self::new(name)
        }
    }

    fn look(&mut self, router: &mut Router<u32>, max: usize) -> Received {
        let waker = Waker::from(Arc::clone(&self.woken));
        let received = router.receive(&self.name, self.ticket, max, self.short, at(1), &waker);
        if let Received::Wait(ticket) = received {
            self.ticket = Some(ticket);
        }
        received
    }

    fn gets(&mut self, router: &mut Router<u32>, max: usize) -> Vec<String> {
        match self.look(router, max) {
            Received::Messages(taken) => ids(taken.iter().map(|taken| &taken.message)),
            other => panic!("{other:?}"),
        }
    }

    fn waits(&mut self, router: &mut Router<u32>) {
        assert!(matches!(self.look(router, 10), Received::Wait(_)));
    }

    fn leaves(self, router: &mut Router<u32>) {
        if let Some(waker) = self
            .ticket
            .and_then(|ticket| router.leave(&self.name, ticket, at(1)))
        {
            waker.wake();
        }
    }

    fn was_woken(&self) -> bool {
        self.woken.0.swap(0, Ordering::Relaxed) > 0
    }
}

fn ids<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<String> {
    messages
        .into_iter()
        .map(|message| message.message_id().unwrap().to_owned())
        .collect()
}

#[test]
fn a_reply_goes_to_its_own_request_only() {
    let mut router = router();
    for n in 0..3 {
        router.expect(reply_id(n), at(30), n as u32).unwrap();
    }
    assert!(matches!(
        arrives(&mut router, &reply_name(PROCESS, 1), "m"),
        Routed::Reply(1, _)
    ));
    assert_eq!(router.pending(), 2);
}

#[test]
fn second_replies_are_duplicates_and_expired_ones_late() {
    let mut router = router();
    let [answered, forgotten, timed_out] = [1, 2, 3].map(|n| reply_name(PROCESS, n));
    for n in [1, 2, 3] {
        router.expect(reply_id(n), at(30), 0).unwrap();
    }
    assert!(matches!(
        arrives(&mut router, &answered, "m"),
        Routed::Reply(..)
    ));
    assert!(matches!(
        arrives(&mut router, &answered, "m2"),
        Routed::Duplicate(_)
    ));

    assert!(router.forget(reply_id(2)) && !router.forget(reply_id(2)));
    assert!(matches!(
        arrives(&mut router, &forgotten, "m3"),
        Routed::Late(_)
    ));

    assert!(router.next_due(at(29)).is_none());
    assert!(matches!(router.next_due(at(30)), Some(Due::TimedOut(0))));
    assert!(
        router.next_due(at(30)).is_none(),
        "answered and forgotten requests have no alarm"
    );
    assert!(matches!(
        arrives(&mut router, &timed_out, "m4"),
        Routed::Late(_)
    ));
}

#[test]
fn a_dropped_request_leaves_nothing_behind() {
    let mut router = router();
    for n in 0..100_000 {
        router.expect(reply_id(n), at(30), 0).unwrap();
        assert!(router.forget(reply_id(n)));
    }
    assert_eq!(
        (router.pending(), router.demand(), router.next_alarm()),
        (0, 0, None)
    );
    assert!(router.replies.sizes().1 < 4_096);
}

#[test]
fn the_table_gives_memory_back_after_a_burst() {
    let mut router = Router::<u32>::new(RouterOptions {
        limits: Limits {
            names: 1_000_000,
            ..router().options.limits
        },
        ..router().options
    });
    (0..100_000).for_each(|n| router.expect(reply_id(n), at(30), 0).unwrap());
    (0..100_000).for_each(|n| assert!(router.forget(reply_id(n))));
    assert!(router.replies.sizes().1 < 4_096);
}

#[test]
fn foreign_replies_are_put_back_for_growing_times() {
    let mut router = router();
    let foreign = reply_name(OTHER, 1);
    let mut put_back = |receives, server_now| {
        let arrival = Arrival {
            received: at(0),
            visible_until: at(100),
            server_now,
        };
        match router.route(message(&foreign, "m", receives), arrival) {
            Routed::Foreign(after, _) => Some(after.as_secs()),
            Routed::Late(_) => None,
            other => panic!("{other:?}"),
        }
    };
    let times: Vec<_> = [1, 2, 3, 8, 9, 1_000]
        .map(|receives| put_back(receives, None).unwrap())
        .into();
    assert_eq!(times, [2, 4, 8, 256, 300, 300]);
    // Sent at 1,000 s in SQS's time.
    assert!(put_back(1, Some(SqsTime::from_millis(1_900_000))).is_some());
    assert_eq!(
        put_back(1, Some(SqsTime::from_millis(1_900_001))),
        None,
        "a quarter of an hour old"
    );
}

#[test]
fn receivers_are_served_in_order_of_arrival() {
    let mut router = router();
    let queue = name("q");
    router.create(queue.clone(), None, at(0)).unwrap();
    let (mut first, mut second) = (Hand::new(&queue), Hand::new(&queue));
    first.waits(&mut router);
    second.waits(&mut router);
    let Routed::Buffered(Some(waker)) = arrives(&mut router, &queue, "a") else {
        panic!()
    };
    waker.wake();
    assert!(first.was_woken() && !second.was_woken());
    second.waits(&mut router);
    let mut newcomer = Hand::new(&queue);
    newcomer.waits(&mut router);
    arrives(&mut router, &queue, "b");
    assert_eq!(first.gets(&mut router, 1), ["a"]);
    first.leaves(&mut router);
    assert!(
        second.was_woken(),
        "a receiver that takes a part wakes the next receiver"
    );
    assert_eq!(second.gets(&mut router, 10), ["b"]);
}

#[test]
fn a_receiver_dropped_after_its_wake_loses_nothing() {
    let mut router = router();
    let queue = name("q");
    router.create(queue.clone(), None, at(0)).unwrap();
    let (mut dropped, mut other) = (Hand::new(&queue), Hand::new(&queue));
    dropped.waits(&mut router);
    other.waits(&mut router);
    let Routed::Buffered(Some(waker)) = arrives(&mut router, &queue, "a") else {
        panic!()
    };
    waker.wake();
    dropped.leaves(&mut router);
    assert!(other.was_woken());
    assert_eq!(other.gets(&mut router, 10), ["a"]);
    other.leaves(&mut router);
    assert_eq!((router.load.hungry, router.demand()), (0, 0));
}

#[test]
fn a_full_queue_does_not_stop_the_others() {
    let mut router = router();
    let (full, other) = (name("full"), name("other"));
    for queue in [&full, &other] {
        router.create(queue.clone(), None, at(0)).unwrap();
    }
    for id in ["1", "2", "3"] {
        assert!(matches!(
            arrives(&mut router, &full, id),
            Routed::Buffered(None)
        ));
    }
    let Routed::Full(after, _) = arrives(&mut router, &full, "4") else {
        panic!()
    };
    assert_eq!(after, Duration::from_secs(2));
    for id in ["5", "6"] {
        assert!(matches!(
            arrives(&mut router, &other, id),
            Routed::Buffered(None)
        ));
    }
    // Five messages are buffered: the host is full, except for waiting receivers.
    assert!(router.is_crowded());
    assert!(matches!(
        arrives(&mut router, &other, "7"),
        Routed::Full(..)
    ));
    let mut receiver = Hand::new(&other);
    assert_eq!(receiver.gets(&mut router, 10), ["5", "6"]);
    assert!(!router.is_crowded());
    arrives(&mut router, &full, "8");
    router.create(name("third"), None, at(0)).unwrap();
    for id in ["9", "10"] {
        arrives(&mut router, &name("third"), id);
    }
    let mut waiter = Hand::new(&other);
    waiter.waits(&mut router);
    assert!(router.is_crowded() && router.demand() > 0);
    assert!(matches!(
        arrives(&mut router, &other, "11"),
        Routed::Buffered(Some(_))
    ));
}

#[test]
fn a_message_leaves_its_buffer_when_it_is_visible_again() {
    let mut router = router();
    let queue = name("q");
    router.create(queue.clone(), None, at(0)).unwrap();
    for (id, visible) in [("a", 60), ("b", 65)] {
        arrives_until(&mut router, &queue, id, visible);
    }
    // No extension that is due is made.
    assert_eq!(extensions(&mut router, 45), ["a", "b"]);
    assert_eq!(router.next_alarm(), Some(at(60)));
    assert!(matches!(router.next_due(at(60)), Some(Due::Visible(1))));
    assert_eq!(
        (router.buffered_in(&queue), router.next_alarm()),
        (Some(1), Some(at(65)))
    );
    assert_eq!(Hand::new(&queue).gets(&mut router, 10), ["b"]);
    assert_eq!((router.load, router.next_alarm()), (Load::default(), None));
}

#[test]
fn a_buffered_message_is_extended_before_it_is_visible() {
    let mut router = router();
    let queue = name("q");
    router.create(queue.clone(), None, at(0)).unwrap();
    arrives_until(&mut router, &queue, "a", 60);
    // A step of 5 s earlier, to share calls.
    arrives_until(&mut router, &queue, "b", 64);
    assert_eq!(router.next_alarm(), Some(at(40)));
    assert!(router.next_due(at(39)).is_none());
    let due = due_extensions(&mut router, 40);
    assert_eq!(handles(&due), ["a#1", "b#1"]);
    assert!(due.iter().all(|it| it.visibility == VISIBILITY));
    assert!(
        router.next_due(at(40)).is_none(),
        "the extensions are in progress"
    );
    // Only a successful extension moves the end.
    router.extended(&due[0], Some(at(100)));
    router.extended(&due[1], None);
    assert!(matches!(router.next_due(at(64)), Some(Due::Visible(1))));
    assert_eq!(router.next_alarm(), Some(at(80)));
    assert_eq!(extensions(&mut router, 80), ["a"]);
}

#[test]
fn a_message_handed_out_is_not_extended() {
    let mut router = router();
    let queue = name("q");
    router.create(queue.clone(), None, at(0)).unwrap();
    for id in ["a", "b"] {
        arrives_until(&mut router, &queue, id, 60);
    }
    let due = due_extensions(&mut router, 40);
    assert!(due.iter().all(|it| router.is_to_be_extended(it)));
    assert_eq!(Hand::new(&queue).gets(&mut router, 1), ["a"]);
    // The other message was redelivered, and has another receipt handle.
    router.route(message(&queue, "b", 2), arrival_until(100));
    assert!(!due.iter().any(|it| router.is_to_be_extended(it)));
    router.extended(&due[1], Some(at(500)));
    assert!(router.next_due(at(79)).is_none());
    assert_eq!(extensions(&mut router, 80), ["b"]);
    let taken = |router: &mut Router<u32>| match Hand::new(&queue).look(router, 1) {
        Received::Messages(mut taken) => taken.pop().unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(taken(&mut router).extending);
}

#[test]
fn extensions_end_twelve_hours_after_the_receive() {
    let mut router = router();
    let queue = name("q");
    router.create(queue.clone(), None, at(0)).unwrap();
    arrives_until(&mut router, &queue, "a", 60);
    let (mut now, mut hidden_until) = (0, 0);
    while router.buffered_in(&queue) == Some(1) {
        now = router.next_alarm().unwrap().since_start().as_secs();
        if let Some(Due::Extend(due)) = router.next_due(at(now)) {
            hidden_until = now + due[0].visibility.as_secs();
            router.extended(&due[0], Some(at(hidden_until)));
        }
    }
    assert_eq!((now, hidden_until), (12 * 3_600 - 60, 12 * 3_600 - 60));
    assert_eq!(router.next_alarm(), None);
}

#[test]
fn a_redelivered_message_is_buffered_once_with_its_newest_handle() {
    let mut router = router();
    let queue = name("q");
    router.create(queue.clone(), None, at(0)).unwrap();
    arrives(&mut router, &queue, "a");
    let arrival = Arrival {
        received: at(0),
        visible_until: at(200),
        server_now: None,
    };
    assert!(matches!(
        router.route(message(&queue, "a", 2), arrival),
        Routed::Again
    ));
    let Received::Messages(got) = Hand::new(&queue).look(&mut router, 10) else {
        panic!()
    };
    assert_eq!(
        (got.len(), got[0].message.receipt_handle()),
        (1, Some("a#2"))
    );
}

#[test]
fn short_receives_share_one_poll_that_starts_after_them() {
    let mut router = router();
    let queue = name("q");
    router.create(queue.clone(), None, at(0)).unwrap();
    let (mut first, mut second) = (Hand::short(&queue), Hand::short(&queue));
    first.waits(&mut router);
    second.waits(&mut router);
    assert_eq!(router.demand(), 0, "they start no long poll");
    assert!(router.start_short_poll() && !router.start_short_poll());
    let mut late = Hand::short(&queue);
    late.waits(&mut router);
    router.short_poll_done().into_iter().for_each(Waker::wake);
    assert!(first.was_woken() && second.was_woken() && !late.was_woken());
    assert!(matches!(first.look(&mut router, 10), Received::Nothing));
    late.waits(&mut router);
    assert!(router.start_short_poll(), "the late receiver's own poll");
    arrives(&mut router, &queue, "a");
    first.leaves(&mut router);
    assert_eq!(second.gets(&mut router, 10), ["a"]);
}

#[test]
fn the_handler_of_all_gets_its_next_message_when_done() {
    let mut router = router();
    let queue = name("q");
    router.create(queue.clone(), None, at(0)).unwrap();
    router.handle_all(1, at(0));
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(Arc::clone(&woken));
    let take = |router: &mut Router<u32>| match router.take_any(at(1), &waker) {
        TakenAny::Message(_, taken) => ids([&taken.message]),
        TakenAny::Wait => Vec::new(),
        TakenAny::Closed => panic!("the host is open"),
    };
    for id in ["a", "b"] {
        arrives(&mut router, &queue, id);
    }
    assert_eq!(take(&mut router), ["a"]);
    assert!(
        take(&mut router).is_empty(),
        "the handler already has a message of this queue"
    );
    let next = router.handled(&queue, at(2));
    assert!(next.is_some(), "the handler is woken");
    assert_eq!(take(&mut router), ["b"]);
}

#[test]
fn an_unused_queue_expires_but_not_while_a_receive_waits() {
    let mut router = router();
    let (idle, busy) = (name("idle"), name("busy"));
    for queue in [&idle, &busy] {
        router
            .create(queue.clone(), Some(Duration::from_secs(10)), at(0))
            .unwrap();
    }
    let mut receiver = Hand::new(&busy);
    receiver.waits(&mut router);
    router.touch(&idle, at(5));
    assert!(router.next_due(at(10)).is_none());
    assert!(matches!(router.next_due(at(15)), Some(Due::Expired(0))));
    assert_eq!(
        (router.buffered_in(&idle), router.buffered_in(&busy)),
        (None, Some(0))
    );
    receiver.leaves(&mut router);
    assert!(matches!(router.next_due(at(20)), Some(Due::Expired(0))));
    assert!(matches!(
        Hand::new(&busy).look(&mut router, 1),
        Received::Gone
    ));
}

/// Whether a queue with a retention of 10 s still exists after the actions that are due at `now`.
fn is_there(router: &mut Router<u32>, queue: &VirtualQueueName, now: u64) -> bool {
    while router.next_due(at(now)).is_some() {}
    router.buffered_in(queue).is_some()
}

#[test]
fn an_operation_in_progress_keeps_only_its_own_queue() {
    let mut router = router();
    let (queue, retention) = (name("q"), Some(Duration::from_secs(10)));
    router.create(queue.clone(), retention, at(0)).unwrap();
    let made = router.enter(&queue, at(0)).unwrap();
    assert!(is_there(&mut router, &queue, 100));
    router.exit(&queue, made, at(101));
    assert!(is_there(&mut router, &queue, 110));
    let made = router.enter(&queue, at(110)).unwrap();
    router.delete(&queue).unwrap();
    router.create(queue.clone(), retention, at(120)).unwrap();
    let made_again = router.enter(&queue, at(120)).unwrap();
    router.exit(&queue, made, at(121));
    assert!(is_there(&mut router, &queue, 200));
    router.exit(&queue, made_again, at(200));
    assert!(!is_there(&mut router, &queue, 210));
    assert_eq!(router.enter(&queue, at(210)), None);
}

#[test]
fn a_received_message_is_a_use_until_deleted_or_visible() {
    let mut router = router();
    let (queue, retention) = (name("q"), Some(Duration::from_secs(10)));
    for until_deleted in [true, false] {
        router.create(queue.clone(), retention, at(0)).unwrap();
        router.note_in_hand(&queue, "a", Fate::HiddenUntil(at(60)), at(0));
        router.note_in_hand(&queue, "b", Fate::HiddenUntil(at(30)), at(0));
        assert!(is_there(&mut router, &queue, 59));
        if until_deleted {
            router.note_in_hand(&queue, "a", Fate::Deleted, at(59));
            router.touch(&queue, at(59));
            assert!(is_there(&mut router, &queue, 68));
            assert!(!is_there(&mut router, &queue, 69));
        } else {
            assert!(is_there(&mut router, &queue, 69));
            assert!(!is_there(&mut router, &queue, 70));
        }
    }
}

#[test]
fn received_messages_that_are_visible_again_are_forgotten() {
    let mut router = router();
    let (queue, retention) = (name("q"), Some(Duration::from_secs(1_000_000)));
    router.create(queue.clone(), retention, at(0)).unwrap();
    for n in 0..10_000 {
        let handle = n.to_string();
        router.note_in_hand(&queue, &handle, Fate::HiddenUntil(at(n + 30)), at(n));
    }
    let in_hand = |router: &Router<u32>| {
        router
            .queue(&queue)
            .unwrap()
            .received
            .as_ref()
            .map(|all| all.len())
    };
    assert!(in_hand(&router).unwrap() <= 64);
    router.set_retention(&queue, None, at(10_000));
    router.note_in_hand(&queue, "a", Fate::HiddenUntil(at(10_030)), at(10_000));
    assert_eq!(in_hand(&router), None);
}

#[test]
fn no_queue_expires_while_a_handler_of_all_runs() {
    let mut router = router();
    let (queue, retention) = (name("q"), Some(Duration::from_secs(10)));
    router.create(queue.clone(), retention, at(0)).unwrap();
    router.handle_all(1, at(5));
    assert!(is_there(&mut router, &queue, 1_000));
    router.handle_all(0, at(1_000));
    assert!(is_there(&mut router, &queue, 1_009));
    assert!(!is_there(&mut router, &queue, 1_010));
}

#[test]
fn creating_an_existing_queue_keeps_its_messages() {
    let mut router = router();
    let queue = name("q");
    router.create(queue.clone(), None, at(0)).unwrap();
    arrives(&mut router, &queue, "a");
    router.create(queue.clone(), None, at(1)).unwrap();
    assert_eq!(Hand::new(&queue).gets(&mut router, 10), ["a"]);
}

#[test]
fn a_request_and_a_queue_never_have_one_name() {
    let mut router = router();
    router.expect(reply_id(1), at(30), 0).unwrap();
    assert_eq!(router.expect(reply_id(1), at(30), 1), Err(Refused::Taken));
    let pending = reply_name(PROCESS, 1);
    assert_eq!(router.create(pending, None, at(0)), Err(Refused::Taken));
    let queue = reply_name(PROCESS, 2);
    router.create(queue.clone(), None, at(0)).unwrap();
    assert_eq!(router.expect(reply_id(2), at(30), 1), Err(Refused::Taken));
    assert!(matches!(
        arrives(&mut router, &queue, "a"),
        Routed::Buffered(None)
    ));
}

#[test]
fn deleting_a_queue_wakes_receivers_and_frees_memory() {
    let mut router = router();
    let queue = name("q");
    router
        .create(queue.clone(), Some(Duration::from_secs(10)), at(0))
        .unwrap();
    let mut receiver = Hand::new(&queue);
    receiver.waits(&mut router);
    let (wakers, _) = router.delete(&queue).unwrap();
    wakers.into_iter().for_each(Waker::wake);
    assert!(receiver.was_woken());
    assert!(matches!(receiver.look(&mut router, 1), Received::Gone));
    receiver.leaves(&mut router);
    assert_eq!(
        (router.demand(), router.next_alarm(), router.load),
        (0, None, Load::default())
    );
    assert!(router.delete(&queue).is_none());
}

#[test]
fn a_deleted_queues_receiver_ends_despite_a_new_queue() {
    let mut router = router();
    let queue = name("q");
    router.create(queue.clone(), None, at(0)).unwrap();
    let (mut old, mut new) = (Hand::new(&queue), Hand::new(&queue));
    old.waits(&mut router);
    router.delete(&queue).unwrap();
    router.create(queue.clone(), None, at(0)).unwrap();
    new.waits(&mut router);
    assert!(matches!(old.look(&mut router, 1), Received::Gone));
    old.leaves(&mut router);
    assert!(router.demand() > 0, "the new receiver still waits");
    arrives(&mut router, &queue, "a");
    assert_eq!(new.gets(&mut router, 1), ["a"]);
}

#[test]
fn a_closed_host_ends_everything_and_gives_messages_back() {
    let mut router = router();
    let queue = name("q");
    router.create(queue.clone(), None, at(0)).unwrap();
    let mut receiver = Hand::new(&queue);
    receiver.waits(&mut router);
    for n in [3, 1, 2] {
        router.expect(reply_id(n), at(n as u64), n as u32).unwrap();
    }
    let full = name("full");
    router.create(full.clone(), None, at(0)).unwrap();
    arrives(&mut router, &full, "m");
    let left = router.close();
    assert_eq!(left.pending, [1, 2, 3], "in the order of their deadlines");
    assert_eq!(
        (left.wakers.len(), ids(&left.messages)),
        (1, vec!["m".to_owned()])
    );
    assert!(matches!(
        arrives(&mut router, &queue, "a"),
        Routed::GiveBack(_)
    ));
    assert_eq!(router.expect(reply_id(9), at(30), 0), Err(Refused::Closed));
    assert_eq!(router.create(queue, None, at(0)), Err(Refused::Closed));
    assert_eq!((router.demand(), router.next_alarm()), (0, None));
}

#[test]
fn the_number_of_names_is_limited() {
    let mut router = router();
    for n in 0..1_000 {
        router.expect(reply_id(n), at(30), 0).unwrap();
    }
    assert_eq!(
        router.expect(reply_id(1_000), at(30), 0),
        Err(Refused::Full)
    );
    assert_eq!(router.create(name("q"), None, at(0)), Err(Refused::Full));
}

/// The counts match the tables after any sequence of operations.
#[test]
fn counts_match_the_tables() {
    let random = sqs_rpc_transport::Random::seeded(42);
    let mut router = router();
    let mut hands: Map<u64, Hand> = Map::new();
    let queues: Vec<_> = (0..4).map(|n| name(&format!("q{n}"))).collect();
    for step in 0..20_000u64 {
        let (n, now) = (random.bits64() % 4, at(step / 10));
        let queue = &queues[n as usize];
        match random.bits64() % 8 {
            0 => drop(router.create(queue.clone(), Some(Duration::from_secs(20)), now)),
            1 => drop(router.delete(queue)),
            2 => drop(router.expect(reply_id(u128::from(n)), now + Duration::from_secs(3), 0)),
            3 => drop(router.forget(reply_id(u128::from(n)))),
            4 => {
                let to = if n % 2 == 0 {
                    queue.clone()
                } else {
                    reply_name(PROCESS, u128::from(n))
                };
                let visible_until = now + Duration::from_secs(5);
                drop(router.route(
                    message(&to, &step.to_string(), 1),
                    Arrival {
                        received: at(0),
                        visible_until,
                        server_now: None,
                    },
                ));
            }
            5 => {
                let hand = hands.entry(n).or_insert_with(|| {
                    if step % 3 == 0 {
                        Hand::short(queue)
                    } else {
                        Hand::new(queue)
                    }
                });
                if !matches!(hand.look(&mut router, 2), Received::Wait(_)) {
                    hands.remove(&n).unwrap().leaves(&mut router);
                }
            }
            6 => {
                if let Some(hand) = hands.remove(&n) {
                    hand.leaves(&mut router);
                }
            }
            _ => while router.next_due(now).is_some() {},
        }
        let mut load = Load::default();
        router
            .queues
            .values()
            .for_each(|slot| load.replace(Load::default(), slot.load()));
        assert_eq!(router.load, load);
        assert_eq!(
            router.replies.sizes().0,
            router.pending(),
            "a deadline for each request"
        );
        let alarms = router.queues.values().map(|slot| {
            usize::from(slot.load().messages > 0) + usize::from(slot.retention.is_some())
        });
        assert_eq!(router.due.len(), alarms.sum::<usize>(), "step {step}");
        assert!(
            router.load.messages <= 5 + queues.len()
                && (router.load.messages > 0 || router.load.bytes == 0)
        );
    }
}
