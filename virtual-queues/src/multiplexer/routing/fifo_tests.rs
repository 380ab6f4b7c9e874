//! Routing on a FIFO host: which messages may leave a buffer, and which must wait.

use super::*;

/// A router of a FIFO host with one virtual queue.
struct Fifo {
    router: Router<u32>,
    queue: VirtualQueueName,
    woken: Arc<Woken>,
    ticket: Option<Ticket>,
}

impl Fifo {
    fn new() -> Self {
        let limits = Limits {
            queue_messages: 20,
            host_messages: 1_000,
            ..router().options.limits
        };
        Self::with(limits)
    }

    fn with(limits: Limits) -> Self {
        let mut router = Router::new(RouterOptions {
            in_order: true,
            limits,
            ..router().options
        });
        let queue = name("q");
        router.create(queue.clone(), None, at(0)).unwrap();
        Self {
            router,
            queue,
            woken: Arc::default(),
            ticket: None,
        }
    }

    fn route(&mut self, group: &str, id: &str, receives: u32, now: u64) -> Routed<u32> {
        let mut message = message(&self.queue, id, receives);
        let attributes = message.attributes.as_mut().unwrap();
        attributes.insert(
            MessageSystemAttributeName::MessageGroupId,
            format!("q.{group}"),
        );
        let arrival = Arrival {
            received: at(now),
            visible_until: at(now) + VISIBILITY - Duration::from_secs(5),
            server_now: None,
        };
        self.router.route(message, arrival)
    }

    /// A poll that returns at this time brings these messages: each has the group's letter and a number.
    fn poll(&mut self, now: u64, ids: &[&str]) {
        self.poll_again(now, 1, ids);
    }

    fn poll_again(&mut self, now: u64, receives: u32, ids: &[&str]) {
        for id in ids {
            match self.route(&id[..1], id, receives, now) {
                Routed::Buffered(waker) => waker.into_iter().for_each(Waker::wake),
                Routed::Again => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The messages that a receiver gets at this time. Without a message it waits.
    fn receive(&mut self, now: u64, max: usize) -> Vec<String> {
        let waker = Waker::from(Arc::clone(&self.woken));
        let (router, ticket) = (&mut self.router, self.ticket);
        match router.receive(&self.queue, ticket, max, false, at(now), &waker) {
            Received::Messages(taken) => {
                if let Some(ticket) = self.ticket.take() {
                    self.router.leave(&self.queue, ticket, at(now));
                }
                ids(taken.iter().map(|taken| &taken.message))
            }
            Received::Wait(ticket) => {
                self.ticket = Some(ticket);
                Vec::new()
            }
            other => panic!("{other:?}"),
        }
    }

    /// The message that the handler of all queues gets at this time.
    fn take_any(&mut self, now: u64) -> Option<String> {
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.router.take_any(at(now), &waker) {
            TakenAny::Message(_, taken) => ids([&taken.message]).pop(),
            _ => None,
        }
    }

    /// Notes what happened to a message, by its receipt handle. Returns whether a receiver is woken.
    fn note(&mut self, handle: &str, fate: Fate, now: u64) -> bool {
        let router = &mut self.router;
        router
            .note_in_hand(&self.queue, handle, fate, at(now))
            .is_some()
    }

    fn delete(&mut self, handle: &str, now: u64) -> bool {
        self.note(handle, Fate::Deleted, now)
    }

    /// The messages that are given back by this time; all extensions succeed.
    fn pass(&mut self, now: u64) -> Vec<String> {
        let mut given_back = Vec::new();
        while let Some(due) = self.router.next_due(at(now)) {
            match due {
                Due::GiveBack(messages) => given_back.extend(ids(&messages)),
                Due::Extend(extensions) => {
                    for extension in extensions {
                        self.router.extended(&extension, Some(at(now) + VISIBILITY));
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        given_back
    }

    /// Does the same as [`pass`](Self::pass), second by second.
    fn pass_from(&mut self, from: u64, to: u64) -> Vec<(u64, Vec<String>)> {
        let given_back = (from..=to).map(|now| (now, self.pass(now)));
        given_back.filter(|(_, ids)| !ids.is_empty()).collect()
    }
}

const NOTHING: [String; 0] = [];

#[test]
fn a_message_in_flight_holds_up_only_its_group() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "a2", "b1", "b2"]);
    assert_eq!(fifo.receive(1, 1), ["a1"]);
    assert_eq!(fifo.receive(1, 1), ["b1"]);
    assert_eq!(fifo.receive(1, 10), NOTHING);
    assert!(
        fifo.router.demand() > 0,
        "a message of another group may arrive"
    );
    fifo.poll(2, &["c1"]);
    assert!(fifo.woken.0.swap(0, Ordering::Relaxed) > 0);
    assert_eq!(fifo.receive(2, 10), ["c1"]);
}

#[test]
fn a_message_is_free_when_all_earlier_ones_are_deleted() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "a2", "a3"]);
    assert_eq!(
        fifo.receive(1, 2),
        ["a1", "a2"],
        "one receive takes several"
    );
    assert_eq!(fifo.receive(1, 1), NOTHING);
    assert!(!fifo.delete("a1#1", 2), "a2 is in flight");
    assert_eq!(fifo.receive(2, 1), NOTHING);
    assert!(fifo.delete("a2#1", 3), "the receiver is woken");
    assert_eq!(fifo.receive(3, 1), ["a3"]);
}

#[test]
fn an_unknown_receipt_handle_frees_nothing() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "a2"]);
    assert_eq!(fifo.receive(1, 1), ["a1"]);
    assert!(!fifo.delete("a2#1", 2));
    assert_eq!(fifo.receive(2, 1), NOTHING);
}

#[test]
fn a_message_behind_one_just_taken_waits() {
    let mut fifo = Fifo::new();
    assert_eq!(fifo.receive(0, 1), NOTHING);
    fifo.poll(0, &["a1"]);
    assert_eq!(fifo.receive(0, 1), ["a1"]);
    assert_eq!(fifo.receive(0, 1), NOTHING);
    fifo.woken.0.store(0, Ordering::Relaxed);
    // The rest of the same poll's answer.
    fifo.poll(0, &["a2"]);
    assert_eq!(fifo.woken.0.load(Ordering::Relaxed), 0);
    assert_eq!(fifo.receive(0, 1), NOTHING);
}

#[test]
fn a_given_back_message_is_received_before_later_ones() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "a2", "a3"]);
    assert_eq!(fifo.receive(1, 1), ["a1"]);
    fifo.note("a1#1", Fate::GivenBack, 2);
    assert_eq!(fifo.receive(2, 1), NOTHING);
    fifo.poll_again(3, 2, &["a1"]);
    assert_eq!(fifo.receive(3, 10), ["a1", "a2", "a3"]);
    assert_eq!(fifo.pass_from(4, 60), []);
}

#[test]
fn a_visible_message_is_received_before_later_ones() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "a2"]);
    assert_eq!(fifo.receive(1, 1), ["a1"]);
    assert_eq!(fifo.pass_from(2, 60), []);
    assert_eq!(fifo.receive(60, 1), NOTHING);
    fifo.poll_again(61, 2, &["a1"]);
    assert_eq!(fifo.receive(61, 1), ["a1"]);
    assert_eq!(fifo.receive(61, 1), NOTHING, "it is in flight again");
    fifo.delete("a1#2", 62);
    assert_eq!(fifo.receive(62, 1), ["a2"]);
}

#[test]
fn later_messages_are_given_back_without_a_redelivery() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "a2", "b1", "a3"]);
    assert_eq!(fifo.receive(1, 1), ["a1"]);
    let given_back = fifo.pass_from(2, 100);
    assert_eq!(given_back, [(65, vec!["a2".to_owned(), "a3".to_owned()])]);
    // They are redelivered in the order that SQS keeps.
    fifo.poll_again(101, 2, &["a2", "a3"]);
    assert_eq!(fifo.receive(101, 10), ["b1", "a2", "a3"]);
}

#[test]
fn a_longer_visibility_holds_up_the_group_for_longer() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "a2"]);
    assert_eq!(fifo.receive(1, 1), ["a1"]);
    fifo.note("a1#1", Fate::HiddenUntil(at(200)), 2);
    assert_eq!(fifo.pass_from(3, 204), []);
    assert_eq!(fifo.receive(204, 1), NOTHING);
    assert_eq!(fifo.pass(205), ["a2"]);
    assert_eq!(fifo.router.buffered(), (0, 0));
}

#[test]
fn a_shorter_visibility_ends_sooner() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "a2"]);
    assert_eq!(fifo.receive(1, 1), ["a1"]);
    fifo.note("a1#1", Fate::HiddenUntil(at(10)), 2);
    assert_eq!(fifo.pass_from(3, 20), [(15, vec!["a2".to_owned()])]);
}

#[test]
fn a_later_poll_shows_that_earlier_messages_are_gone() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "a2"]);
    assert_eq!(fifo.receive(1, 10), ["a1", "a2"]);
    // Another process deleted them by their receipt handles, so SQS returns the next message.
    fifo.poll(5, &["a3"]);
    assert_eq!(fifo.receive(5, 10), ["a3"]);
}

#[test]
fn a_redelivered_message_is_not_held_up_by_later_ones() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "a2", "a3"]);
    assert_eq!(fifo.receive(1, 2), ["a1", "a2"]);
    fifo.note("a1#1", Fate::GivenBack, 2);
    fifo.poll_again(3, 2, &["a1"]);
    // SQS was recorded to do the same.
    assert_eq!(fifo.receive(3, 10), ["a1"]);
    fifo.delete("a1#2", 4);
    assert_eq!(fifo.receive(4, 10), NOTHING, "a2 is in flight");
    fifo.delete("a2#1", 5);
    assert_eq!(fifo.receive(5, 10), ["a3"]);
}

#[test]
fn messages_wait_for_an_earlier_one_that_left_the_buffer() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "b1", "a2", "a3", "b2"]);
    // The extension of a2 fails.
    let due = due_extensions(&mut fifo.router, 40);
    for extension in &due {
        let worked = extension.receipt_handle != "a2#1";
        fifo.router.extended(extension, worked.then(|| at(100)));
    }
    assert!(matches!(
        fifo.router.next_due(at(56)),
        Some(Due::Visible(1))
    ));
    assert_eq!(fifo.receive(56, 10), ["a1", "b1", "b2"]);
    fifo.delete("a1#1", 57);
    assert_eq!(fifo.receive(57, 10), NOTHING, "a3 is behind a2");
    fifo.poll_again(60, 2, &["a2"]);
    assert_eq!(fifo.receive(60, 10), ["a2", "a3"]);
}

#[test]
fn the_handler_of_all_queues_keeps_the_group_order() {
    let mut fifo = Fifo::new();
    fifo.router.handle_all(3, at(0));
    fifo.poll(0, &["a1", "a2", "b1"]);
    assert_eq!(fifo.take_any(1).as_deref(), Some("a1"));
    assert_eq!(fifo.take_any(1).as_deref(), Some("b1"));
    assert_eq!(fifo.take_any(1), None);
    assert!(fifo.router.demand() > 0);
    assert!(fifo.delete("a1#1", 2), "the handler is woken");
    assert_eq!(fifo.take_any(2).as_deref(), Some("a2"));
}

#[test]
fn a_buffer_full_of_held_up_messages_accepts_free_ones() {
    let mut fifo = Fifo::with(router().options.limits);
    fifo.poll(0, &["a1", "a2", "a3"]);
    assert_eq!(fifo.receive(1, 1), ["a1"]);
    let full = fifo.route("a", "a4", 1, 0);
    assert!(matches!(full, Routed::Buffered(_)), "{full:?}");
    let full = fifo.route("a", "a5", 1, 0);
    assert!(matches!(full, Routed::Full(..)), "{full:?}");
    let full = fifo.route("b", "b1", 1, 2);
    assert!(matches!(full, Routed::Full(..)), "nobody waits: {full:?}");
    assert_eq!(fifo.receive(2, 1), NOTHING);
    let full = fifo.route("a", "a5", 1, 0);
    assert!(matches!(full, Routed::Full(..)), "not free: {full:?}");
    fifo.poll(2, &["b1"]);
    assert_eq!(fifo.receive(2, 1), ["b1"]);
}

#[test]
fn a_purge_and_a_close_remove_held_up_messages() {
    for close in [true, false] {
        let mut fifo = Fifo::new();
        fifo.poll(0, &["a1", "a2", "a3"]);
        assert_eq!(fifo.receive(1, 1), ["a1"]);
        let messages = if close {
            fifo.router.close().messages
        } else {
            fifo.router.purge(&fifo.queue, at(2)).unwrap()
        };
        assert_eq!(ids(&messages), ["a2", "a3"]);
        assert_eq!(fifo.pass_from(3, 100), []);
    }
}

#[test]
fn given_back_messages_are_returned_at_the_close() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "a2"]);
    assert_eq!(fifo.receive(1, 1), ["a1"]);
    fifo.note("a1#1", Fate::GivenBack, 2);
    // This poll is later than the alarm.
    assert_eq!(fifo.receive(8, 1), NOTHING);
    assert_eq!(fifo.router.next_alarm(), Some(at(0)), "due at once");
    assert_eq!(ids(&fifo.router.close().messages), ["a2"]);
}

#[test]
fn messages_that_are_never_deleted_take_little_memory() {
    let mut fifo = Fifo::new();
    for n in 0..5_000_u64 {
        let id = format!("a{n}");
        let routed = fifo.route(&n.to_string(), &id, 1, n);
        assert!(matches!(routed, Routed::Buffered(_)));
        assert_eq!(fifo.receive(n, 1), [id]);
    }
    let order = fifo.router.queue(&fifo.queue).unwrap().order.as_ref();
    assert!(order.unwrap().len() <= 128);
}

#[test]
fn a_redelivered_message_is_extended_in_time() {
    let mut fifo = Fifo::new();
    fifo.poll(0, &["a1", "a2", "b1", "b2"]);
    assert_eq!(fifo.receive(1, 1), ["a1"]);
    assert_eq!(fifo.receive(1, 1), ["b1"]);
    fifo.note("a1#1", Fate::HiddenUntil(at(1_000)), 2);
    fifo.note("b1#1", Fate::HiddenUntil(at(31)), 2);
    // a2 is extended at 35 s, and the next alarm is found at 36 s.
    assert_eq!(fifo.pass_from(3, 36), [(36, vec!["b2".to_owned()])]);
    assert_eq!(fifo.router.next_alarm(), Some(at(75)));
    fifo.poll_again(37, 2, &["a1"]);
    // Hidden for 55 s, minus a third of the timeout, rounded to the end of a step of 5 s.
    assert_eq!(fifo.router.next_alarm(), Some(at(70)));
}

#[test]
fn counts_match_the_messages_after_random_operations() {
    let random = sqs_rpc_transport::Random::seeded(7);
    let upto = |most: u64| random.bits64() % most;
    let mut fifo = Fifo::new();
    let (mut handles, mut received) = (Map::new(), Vec::<String>::new());
    let mut taken = 0;
    for step in 0..20_000_u64 {
        let now = step / 4;
        match upto(8) {
            0 | 1 => {
                let group = ["a", "b", "c", "d"][upto(4) as usize];
                let id = format!("{group}{}", upto(30));
                drop(fifo.route(group, &id, 2 + step as u32, now));
                handles.insert(id.clone(), format!("{id}#{}", 2 + step));
            }
            2 => {
                let bodies = fifo.receive(now, 1 + upto(3) as usize);
                taken += bodies.len();
                received.extend(bodies);
            }
            3..=5 if !received.is_empty() => {
                let at = upto(received.len() as u64) as usize;
                let fate = match upto(4) {
                    0 => Fate::GivenBack,
                    1 => Fate::HiddenUntil(self::at(now + upto(100))),
                    _ => Fate::Deleted,
                };
                fifo.note(&handles[&received.swap_remove(at)], fate, now);
            }
            6 if upto(20) == 0 => drop(fifo.router.purge(&fifo.queue, at(now))),
            _ => while fifo.router.next_due(at(now)).is_some() {},
        }
        let slot = fifo.router.queue(&fifo.queue).unwrap();
        slot.order.as_ref().unwrap().check(slot.messages.iter());
        assert!(slot.messages.iter().is_sorted_by_key(|it| it.number));
        let bytes: usize = slot.messages.iter().map(|it| it.bytes).sum();
        assert_eq!(fifo.router.buffered(), (slot.messages.len(), bytes));
        let hungry = usize::from(fifo.ticket.is_some() && slot.free() == 0);
        assert_eq!(slot.load().hungry, hungry);
    }
    assert!(taken > 1_000, "{taken}");
}
