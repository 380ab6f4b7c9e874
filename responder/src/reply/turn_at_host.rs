//! Waits for a reply's turn at its host.
//!
//! Owns: the lock around [`FailingHosts`], and waking the waiting replies. Does not own: whose turn it is. Invariant: an
//! attempt that is dropped at any time, waiting or in flight, leaves its place.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sqs_rpc_protocol::{HostKey, HostQueueUrl};
use sqs_rpc_transport::{Fault, FaultKind, Moment, Sqs, mutant};
use tokio::sync::Notify;

use super::failing_hosts::{AttemptEnd, FailingHosts, HostIs, Ticket, Turn};

/// The turns at all hosts of one sender.
#[derive(Debug)]
pub(super) struct Turns {
    sqs: Sqs,
    outages: Mutex<FailingHosts>,
    /// Wakes all waiting replies, in the order of their arrival.
    changed: Notify,
}

/// One attempt to send one reply, from its wait to its end.
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

    /// Waits until a reply of this size may be sent. If the host works, this is at once. Otherwise `on_wait` is called
    /// before each wait. `first` is when the reply's first attempt began. `None`: other replies have found that the
    /// host does not exist.
    ///
    /// Cancel safe: dropping the future leaves the place to the next reply.
    pub(super) async fn wait(
        &self,
        host: &HostQueueUrl,
        bytes: usize,
        first: Moment,
        mut on_wait: impl FnMut(),
    ) -> Option<Attempt<'_>> {
        let ticket = self.outages().ticket();
        let mut attempt = Attempt {
            turns: self,
            host: self.sqs.host_key(host),
            ticket,
            is_out: false,
        };
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Enabled before the question, so that no change is missed.
            changed.as_mut().enable();
            let turn = self
                .outages()
                .turn(&attempt.host, ticket, bytes, first, self.now());
            match turn {
                _ if mutant!("each-reply-by-itself") => return Some(attempt),
                Turn::Go => {
                    attempt.is_out = true;
                    return Some(attempt);
                }
                Turn::Missing => return None,
                Turn::Wait => {
                    on_wait();
                    changed.await;
                }
                Turn::WaitUntil(at) => {
                    on_wait();
                    let _ = self.sqs.clock().timeout_at(at, changed).await;
                }
            }
        }
    }

    fn outages(&self) -> MutexGuard<'_, FailingHosts> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        self.sqs.clock().now()
    }
}

impl Attempt<'_> {
    /// Ends the attempt with this result, and returns the host's state. If the host [fails](HostIs::Failing), the next
    /// attempt waits for its turn, so the caller need not wait before it.
    pub(super) fn ended<T>(mut self, result: &Result<T, Fault>) -> HostIs {
        self.end(match result {
            Ok(_) => AttemptEnd::Answered,
            Err(fault) if fault.is_temporary() => AttemptEnd::Failed,
            Err(fault) => match fault.kind() {
                // The call was not made, so it tells nothing about the host.
                FaultKind::NotMade | FaultKind::Closed => AttemptEnd::Dropped,
                FaultKind::QueueNotFound => AttemptEnd::Missing,
                _ => AttemptEnd::Answered,
            },
        });
        if mutant!("each-reply-by-itself") {
            return HostIs::Well;
        }
        self.turns.outages().is(&self.host, self.turns.now())
    }

    fn end(&mut self, how: AttemptEnd) {
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
        self.end(AttemptEnd::Dropped);
    }
}
