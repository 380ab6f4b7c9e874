//! Waits for a reply's turn at its host.
//!
//! Owns: the lock around [`Outages`], and telling those who wait. Does not own: whose turn it is. Invariant: an attempt
//! that is dropped at any time, waiting or out, leaves its place.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::{Either, select};
use sqs_rpc_protocol::{HostKey, HostQueueUrl};
use sqs_virtual_queues::mutant;
use sqs_virtual_queues::sqs::{Fault, FaultKind, Moment, Sqs};
use tokio::sync::Notify;

use super::outages::{Ended, HostIs, Outages, Ticket, Turn};

/// The turns at all hosts of one sender.
#[derive(Debug)]
pub(super) struct Turns {
    sqs: Sqs,
    outages: Mutex<Outages>,
    /// Tells everybody who waits, in the order in which they came.
    changed: Notify,
}

/// One attempt to send one reply, from when it waits to its end.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    turns: &'a Turns,
    host: HostKey,
    ticket: Ticket,
    is_out: bool,
}

impl Turns {
    pub(super) fn new(sqs: Sqs) -> Self {
        Self {
            sqs,
            outages: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Waits until a reply of so many bytes may be sent. At a host that works that is at once. Otherwise `on_wait` is called
    /// before the reply waits.
    ///
    /// Cancel safe: dropping it leaves the place to the next.
    pub(super) async fn wait(
        &self,
        host: &HostQueueUrl,
        bytes: usize,
        mut on_wait: impl FnMut(),
    ) -> Attempt<'_> {
        let ticket = self.outages().ticket();
        let mut attempt = Attempt {
            turns: self,
            host: self.sqs.host_key(host),
            ticket,
            is_out: false,
        };
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Before it asks, so that no change is missed.
            changed.as_mut().enable();
            let turn = self
                .outages()
                .turn(&attempt.host, ticket, bytes, self.now());
            match turn {
                _ if mutant!("each-reply-by-itself") => return attempt,
                Turn::Go => {
                    attempt.is_out = true;
                    return attempt;
                }
                Turn::Wait => {
                    on_wait();
                    changed.await;
                }
                Turn::WaitUntil(at) => {
                    on_wait();
                    match select(changed, self.sqs.clock().sleep_until(at)).await {
                        Either::Left(_) | Either::Right(_) => {}
                    }
                }
            }
        }
    }

    fn outages(&self) -> MutexGuard<'_, Outages> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        self.sqs.clock().now()
    }
}

impl Attempt<'_> {
    /// The attempt had this end. If the host [fails](HostIs::Failing), a next attempt will wait for its turn, and need not
    /// wait before that.
    pub(super) fn ended<T>(mut self, result: &Result<T, Fault>) -> HostIs {
        self.end(match result {
            Ok(_) => Ended::Answered,
            Err(fault) if fault.is_temporary() => Ended::Failed,
            Err(fault) => match fault.kind() {
                // Of our own.
                FaultKind::NotMade | FaultKind::Closed => Ended::Dropped,
                FaultKind::QueueNotFound => Ended::Missing,
                _ => Ended::Answered,
            },
        });
        if mutant!("each-reply-by-itself") {
            return HostIs::Well;
        }
        self.turns.outages().is(&self.host, self.turns.now())
    }

    fn end(&mut self, how: Ended) {
        let Self {
            turns,
            host,
            ticket,
            is_out,
        } = self;
        let (now, random) = (turns.now(), turns.sqs.random());
        let changed = if std::mem::take(is_out) {
            turns.outages().ended(host, *ticket, how, now, random)
        } else {
            turns.outages().left(host, *ticket, now, random)
        };
        if changed {
            turns.changed.notify_waiters();
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.end(Ended::Dropped);
    }
}
