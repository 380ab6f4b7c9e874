//! The race scenarios, each run in every order.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use sqs_rpc_protocol::CorrelationId;

use super::explorer::{Run, explore};
use super::world::{START, World};
use crate::multiplexer::routing::Fate;
use crate::{
    CreateQueue, ExpectError, HandlerLimits, Host, PendingError, QueueError, VirtualQueue,
};

/// The results of the actors, in the order in which they ended.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<(&'static str, String)>>>);

impl Log {
    fn note(&self, who: &'static str, what: impl Into<String>) {
        self.0.borrow_mut().push((who, what.into()));
    }

    fn of(&self, who: &str) -> Option<String> {
        let log = self.0.borrow();
        log.iter()
            .find(|(name, _)| *name == who)
            .map(|(_, what)| what.clone())
    }

    /// The number of actors with this result.
    fn count(&self, what: &str) -> usize {
        self.0.borrow().iter().filter(|(_, it)| it == what).count()
    }
}

const GONE: &str = "gone";

/// Adds a receive. Its log entry is the id of its message, or why there is none.
fn receive(run: &Run, log: &Log, who: &'static str, queue: &VirtualQueue, wait: Duration) -> usize {
    let (log, receive) = (log.clone(), queue.receive().wait(wait));
    run.actor(who, async move {
        let what = match receive.send().await {
            Ok(messages) => match messages.as_slice() {
                [] => "nothing".to_owned(),
                [message] => message.message_id().unwrap().to_owned(),
                more => panic!("{} messages, one was requested", more.len()),
            },
            Err(QueueError::DoesNotExist(_)) => GONE.to_owned(),
            Err(error) => panic!("{error}"),
        };
        log.note(who, what);
    })
}

const LONG: Duration = Duration::from_secs(20);

/// The maximum number of deviations of a run. One deviation places one event anywhere; two place two events, or one
/// event before a lock.
const DEVIATIONS: usize = 2;

#[test]
fn a_receive_is_dropped_as_a_message_arrives() {
    let orders = explore(DEVIATIONS, |run| {
        let (world, log) = (World::new(run, |it| it), Log::default());
        let queue = world.queue("q");
        let a = receive(run, &log, "a", &queue, LONG);
        run.may_drop("a is dropped", a);
        world.brings(run, "m comes", &[("q", "m")]);
        move || {
            world.check_polls();
            // If no poll began before `a` was dropped, there was no message.
            let came = world.queues.stats().messages_received as usize;
            let had = usize::from(log.of("a").is_some());
            assert_eq!(had + queue.buffered().unwrap(), came);
        }
    });
    assert!(orders > 100, "{orders}");
}

#[test]
fn a_queue_is_deleted_while_receives_wait() {
    let orders = explore(DEVIATIONS, |run| {
        let (world, log) = (World::new(run, |it| it), Log::default());
        let queue = world.queue("q");
        receive(run, &log, "a", &queue, LONG);
        receive(run, &log, "b", &queue, LONG);
        world.brings(run, "m comes", &[("q", "m")]);
        let deleted = queue.clone();
        run.event("delete", || true, move || deleted.delete_queue().unwrap());
        move || {
            world.check_polls();
            let had = log.count("m");
            assert_eq!(log.count(GONE) + had, 2, "no receive is left waiting");
            assert!(had <= 1);
            let state = world.shared.lock();
            assert_eq!(
                (state.router.demand(), state.router.next_alarm()),
                (0, None)
            );
        }
    });
    assert!(orders > 100, "{orders}");
}

#[test]
fn two_receives_of_one_group_and_a_delete() {
    let orders = explore(DEVIATIONS, |run| {
        let world = World::on(run, "h.fifo", |it| it);
        let log = Log::default();
        let queue = world.queue("q");
        receive(run, &log, "a", &queue, LONG);
        receive(run, &log, "b", &queue, LONG);
        world.brings(run, "m and n come", &[("q", "m"), ("q", "n")]);
        let (had, shared) = (log.clone(), Arc::clone(&world.shared));
        let (before, name) = (log.clone(), queue.url().name().clone());
        run.event(
            "m is deleted",
            move || had.count("m") == 1,
            move || {
                assert_eq!(before.count("n"), 0, "m is in flight");
                shared.note_in_hand(&name, "m", Fate::Deleted);
            },
        );
        move || {
            world.check_polls();
            assert_eq!((log.count("m"), log.count("n")), (1, 1));
        }
    });
    assert!(orders > 100, "{orders}");
}

#[test]
fn a_group_message_is_taken_while_the_buffer_fills() {
    let orders = explore(DEVIATIONS, |run| {
        let world = World::on(run, "h.fifo", |it| it.queue_capacity(1));
        let log = Log::default();
        let (queue, other) = (world.queue("q"), world.queue("other"));
        receive(run, &log, "other", &other, LONG);
        let answer = &[("q", "m"), ("q", "n"), ("q", "o")];
        world.brings(run, "m, n and o come", answer);
        let take = |queue: &VirtualQueue| {
            let taken = queue.receive().wait(Duration::ZERO).send();
            let taken = taken.now_or_never().and_then(Result::ok)?;
            taken.first()?.message_id().map(str::to_owned)
        };
        let (came, name) = (world.queues.clone(), queue.url().name().clone());
        let (taken, shared) = (queue.clone(), Arc::clone(&world.shared));
        run.event(
            "m is received and deleted",
            move || came.stats().messages_received > 0,
            move || {
                if take(&taken).as_deref() == Some("m") {
                    shared.note_in_hand(&name, "m", Fate::Deleted);
                }
            },
        );
        move || {
            // It was put back, or there is room for it after `m` is deleted. `o` must not be received without it.
            assert_ne!(take(&queue).as_deref(), Some("o"));
        }
    });
    assert!(orders > 10, "{orders}");
}

#[test]
fn two_receives_one_message_then_another() {
    let orders = explore(DEVIATIONS, |run| {
        let (world, log) = (World::new(run, |it| it), Log::default());
        let queue = world.queue("q");
        let a = receive(run, &log, "a", &queue, LONG);
        receive(run, &log, "b", &queue, LONG);
        run.may_drop("a is dropped", a);
        world.brings(run, "m comes", &[("q", "m")]);
        world.brings(run, "n comes", &[("q", "n")]);
        move || {
            world.check_polls();
            let came = world.queues.stats().messages_received as usize;
            let had = log.count("m") + log.count("n");
            assert!(log.count("m") <= 1 && log.count("n") <= 1);
            assert_eq!(had + queue.buffered().unwrap(), came);
            assert!(log.of("b").is_some(), "a receive that stays gets a message");
        }
    });
    assert!(orders > 100, "{orders}");
}

#[test]
fn one_full_buffer_does_not_starve_other_queues() {
    let orders = explore(DEVIATIONS, |run| {
        let world = World::new(run, |it| it.queue_capacity(1));
        let log = Log::default();
        let (full, quick) = (world.queue("full"), world.queue("quick"));
        receive(run, &log, "quick", &quick, LONG);
        let late = receive(run, &log, "late", &full, LONG);
        run.may_drop("late is dropped", late);
        world.brings(
            run,
            "three messages for the full queue",
            &[("full", "1"), ("full", "2"), ("full", "3")],
        );
        world.brings(run, "one for each", &[("full", "4"), ("quick", "q")]);
        move || {
            world.check_polls();
            assert_eq!(log.of("quick").as_deref(), Some("q"));
            let stats = world.queues.stats();
            let had = usize::from(log.of("late").is_some());
            let kept = full.buffered().unwrap() + had;
            assert_eq!(
                kept + stats.put_back as usize + 1,
                stats.messages_received as usize
            );
        }
    });
    assert!(orders > 100, "{orders}");
}

#[test]
fn the_last_waiter_leaves_as_a_message_arrives() {
    let orders = explore(DEVIATIONS, |run| {
        let (world, log) = (World::new(run, |it| it), Log::default());
        let queue = world.queue("q");
        let a = receive(run, &log, "a", &queue, LONG);
        run.may_drop("a is dropped", a);
        world.brings(run, "m comes", &[("q", "m")]);
        receive(run, &log, "b", &queue, LONG);
        move || {
            world.check_polls();
            assert_eq!(
                log.count("m"),
                1,
                "the message is not lost, and not handed out twice"
            );
            if log.of("b").is_none() {
                assert!(world.api.is_polled(), "b waits, so the host is polled");
            }
        }
    });
    assert!(orders > 100, "{orders}");
}

#[test]
fn short_polls_end_for_all_receivers_that_joined() {
    let orders = explore(DEVIATIONS, |run| {
        let (world, log) = (World::new(run, |it| it), Log::default());
        let queue = world.queue("q");
        let a = receive(run, &log, "a", &queue, Duration::ZERO);
        receive(run, &log, "b", &queue, Duration::ZERO);
        run.may_drop("a is dropped", a);
        world.brings(run, "m comes", &[("q", "m")]);
        world.brings(run, "nothing comes", &[]);
        world.brings(run, "nothing comes again", &[]);
        move || {
            world.check_polls();
            assert!(log.of("b").is_some(), "b does not wait forever");
            let came = world.queues.stats().messages_received as usize;
            assert_eq!(log.count("m") + queue.buffered().unwrap(), came);
        }
    });
    assert!(orders > 100, "{orders}");
}

#[test]
fn a_queue_expires_as_a_message_is_sent() {
    let retention = Duration::from_secs(5);
    let (accepted, refused) = (Rc::new(RefCell::new(0)), Rc::new(RefCell::new(0)));
    explore(DEVIATIONS, |run| {
        let (world, log) = (World::new(run, |it| it), Log::default());
        let queue = world.queue_with(CreateQueue::named("q").idle_retention(retention));
        let (sent, sending) = (log.clone(), queue.clone());
        run.actor("send", async move {
            if let Err(QueueError::DoesNotExist(_)) = sending.send("b").await {
                sent.note("send", GONE);
            }
        });
        world.passes(run, retention - Duration::from_secs(1));
        world.passes(run, Duration::from_secs(1));
        let (accepted, refused) = (Rc::clone(&accepted), Rc::clone(&refused));
        move || {
            let taken = world.queues.outbox().unwrap().unanswered();
            let exists = queue.buffered().is_some();
            match log.of("send").as_deref() {
                Some(GONE) => {
                    assert!(
                        taken == 0 && !exists,
                        "the send was refused because the queue had expired"
                    );
                    *refused.borrow_mut() += 1;
                }
                _ => {
                    assert_eq!(taken, 1, "the send was accepted");
                    *accepted.borrow_mut() += 1;
                    let used = START + retention;
                    // A send at the very end counts as a use, if it was accepted.
                    let alarm = world.shared.lock().router.next_alarm();
                    assert!(!exists || alarm > Some(used), "{alarm:?}");
                }
            }
        }
    });
    assert!(*accepted.borrow() > 0 && *refused.borrow() > 0);
}

#[test]
fn a_queue_is_created_as_it_is_deleted() {
    let orders = explore(DEVIATIONS, |run| {
        let (world, log) = (World::new(run, |it| it), Log::default());
        let queue = world.queue("q");
        receive(run, &log, "old", &queue, LONG);
        world.brings(run, "m comes", &[("q", "m")]);
        let (making, deleting) = (Rc::clone(&world), queue.clone());
        run.event("create", || true, move || drop(making.queue("q")));
        let deleted = log.clone();
        run.event(
            "delete",
            || true,
            move || {
                deleting.delete_queue().unwrap();
                deleted.note("delete", "done");
            },
        );
        let (making, created) = (Rc::clone(&world), log.clone());
        run.event(
            "create again",
            || true,
            move || {
                making.queue("q");
                created.note("create again", "done");
            },
        );
        move || {
            world.check_polls();
            let stats = world.queues.stats();
            match log.of("old").as_deref() {
                Some("m") => assert_eq!(stats.orphans, 0),
                Some(GONE) => {
                    // The message is in the new queue, is an orphan, or was in the old queue's buffer and will be
                    // redelivered.
                    let waits = queue.buffered().unwrap_or(0) as u64;
                    assert!(waits + stats.orphans <= stats.messages_received);
                }
                other => panic!("the old receive ended with {other:?}"),
            }
        }
    });
    assert!(orders > 100, "{orders}");
}

#[test]
fn an_existing_queue_is_created_again_as_a_message_arrives() {
    explore(DEVIATIONS, |run| {
        let (world, log) = (World::new(run, |it| it), Log::default());
        let queue = world.queue("q");
        receive(run, &log, "a", &queue, LONG);
        world.brings(run, "m comes", &[("q", "m")]);
        let making = Rc::clone(&world);
        run.event("create", || true, move || drop(making.queue("q")));
        move || {
            world.check_polls();
            assert_eq!(log.of("a").as_deref(), Some("m"));
        }
    });
}

#[test]
fn a_host_is_deleted_while_in_use() {
    let orders = explore(DEVIATIONS, |run| {
        let (world, log) = (World::new(run, |it| it), Log::default());
        let queue = world.queue("q");
        let a = receive(run, &log, "a", &queue, LONG);
        run.may_drop("a is dropped", a);
        receive(run, &log, "b", &queue, Duration::ZERO);
        await_reply(run, &world, &log);
        world.host_is_gone(run);
        move || {
            assert_eq!(log.of("reply").as_deref(), Some("lost"));
            assert!(matches!(log.of("b").as_deref(), Some(GONE | "nothing")));
            if let Some(a) = log.of("a") {
                assert_eq!(a, GONE);
            }
            assert_eq!(queue.buffered(), None);
            assert_eq!(world.queues.stats().hosts_lost, 1);
        }
    });
    assert!(orders > 100, "{orders}");
}

fn reply_id(world: &World) -> CorrelationId {
    CorrelationId::new(world.queues.process(), 7)
}

/// Adds a pending request, with a deadline of 5 s.
fn await_reply(run: &Run, world: &Rc<World>, log: &Log) -> usize {
    let (world, log) = (Rc::clone(world), log.clone());
    run.actor("reply", async move {
        let host = Host::new(Arc::clone(&world.shared), Arc::clone(&world.queues.0));
        let deadline = START + Duration::from_secs(5);
        let outcome = match host.expect_reply(reply_id(&world), deadline) {
            Ok(pending) => pending.await,
            Err(ExpectError::Ended(why)) => Err(why),
            Err(error) => panic!("{error}"),
        };
        let what = match outcome {
            Ok(_) => "replied",
            Err(PendingError::TimedOut) => "late",
            Err(PendingError::HostLost) => "lost",
            Err(error) => panic!("{error}"),
        };
        log.note("reply", what);
    })
}

/// The reply arrives, at any time at which a poll is in flight.
fn reply_comes(run: &Run, world: &Rc<World>) {
    let name = reply_id(world).to_name().as_str().to_owned().leak();
    let message: &'static [(&'static str, &'static str)] = vec![(&*name, "r")].leak();
    world.brings(run, "the reply comes", message);
}

#[test]
fn a_reply_races_its_deadline_and_the_drop() {
    reply_against_drop(true);
}

#[test]
fn a_reply_races_the_drop_of_its_request() {
    reply_against_drop(false);
}

fn reply_against_drop(with_deadline: bool) {
    let orders = explore(DEVIATIONS, |run| {
        let (world, log) = (World::new(run, |it| it), Log::default());
        let reply = await_reply(run, &world, &log);
        run.may_drop("the request is dropped", reply);
        reply_comes(run, &world);
        if with_deadline {
            world.passes(run, Duration::from_secs(5));
        }
        move || {
            let stats = world.queues.stats();
            let told = log.count("replied") + log.count("late");
            assert!(told <= 1);
            assert_eq!(
                stats.replies_received + stats.late_replies,
                stats.messages_received
            );
            if log.count("replied") == 1 {
                assert_eq!(stats.replies_received, 1);
            }
            let deleted = world.queues.outbox().unwrap().unanswered() as u64;
            assert_eq!(
                deleted, stats.messages_received,
                "the reply is deleted in any case"
            );
            assert_eq!(world.shared.lock().router.pending(), 0);
        }
    });
    assert!(orders > 60, "{orders}");
}

#[test]
fn a_handler_of_all_is_dropped_as_a_message_arrives() {
    let orders = explore(DEVIATIONS, |run| {
        let (world, log) = (World::new(run, |it| it), Log::default());
        let queue = world.queue("q");
        let (queues, handled) = (world.queues.clone(), log.clone());
        let handler = run.actor("handler", async move {
            let work = |_, message: aws_sdk_sqs::types::Message| {
                handled.note("handler", message.message_id().unwrap());
                std::future::ready(Ok::<_, ()>(()))
            };
            queues.for_each(HandlerLimits::default(), work).await;
        });
        run.may_drop("the handler is dropped", handler);
        receive(run, &log, "a", &queue, LONG);
        world.brings(run, "m comes", &[("q", "m")]);
        world.brings(run, "n comes", &[("q", "n")]);
        move || {
            world.check_polls();
            let came = world.queues.stats().messages_received as usize;
            assert_eq!(
                log.count("m") + log.count("n") + queue.buffered().unwrap(),
                came,
                "each message is handled, received, or in the buffer"
            );
            assert!(log.of("a").is_some() || came < 2 || log.count("m") + log.count("n") == 2);
        }
    });
    assert!(orders > 100, "{orders}");
}

#[test]
fn a_handler_of_all_queues_misses_nothing() {
    let orders = explore(DEVIATIONS, |run| {
        let (world, log) = (World::new(run, |it| it), Log::default());
        let (one, two) = (world.queue("1"), world.queue("2"));
        let (queues, handled) = (world.queues.clone(), log.clone());
        run.actor("handler", async move {
            let work = |_, message: aws_sdk_sqs::types::Message| {
                handled.note("handler", message.message_id().unwrap());
                async {
                    tokio::task::yield_now().await;
                    Ok::<_, ()>(())
                }
            };
            queues.for_each(HandlerLimits::default(), work).await;
        });
        world.brings(
            run,
            "two for the first",
            &[("1", "a"), ("1", "b"), ("2", "c")],
        );
        world.brings(run, "one more", &[("2", "d")]);
        move || {
            world.check_polls();
            for id in ["a", "b", "c", "d"] {
                assert_eq!(log.count(id), 1, "{id}");
            }
            assert_eq!((one.buffered(), two.buffered()), (Some(0), Some(0)));
        }
    });
    assert!(orders > 100, "{orders}");
}
