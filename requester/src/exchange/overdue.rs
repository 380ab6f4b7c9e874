//! [`Overdue`] ends a request that the driver of its host cannot end.
//!
//! Owns: a timer for requests that are awaited on another runtime than the driver's. Does not own: deadlines in general, which
//! the driver of the host keeps for all requests, without a timer for each.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqs_rpc_transport::Moment;
use sqs_virtual_queues::VirtualQueues;
use tokio::runtime::{Handle, Id};

/// How long after its deadline a request ends by itself. Normally, the driver has ended it before.
const GRACE: Duration = Duration::from_millis(500);

/// Completes [`GRACE`] after the deadline if it is polled on another runtime than the one that drives the hosts, because the
/// other runtime may not be driven any more. On the driver's own runtime it never completes and has no timer.
///
/// Each poll checks the current runtime again, because a future may be moved to another runtime while it waits.
pub(super) struct Overdue {
    queues: VirtualQueues,
    /// The runtime on which the request began. It counts while the host has no driver yet.
    began_on: Option<Id>,
    at: Moment,
    /// The timer, and the runtime that it belongs to.
    timer: Option<(Id, BoxFuture<'static, ()>)>,
}

impl Overdue {
    pub(super) fn new(queues: &VirtualQueues, deadline: Moment) -> Self {
        Self {
            queues: queues.clone(),
            began_on: current(),
            at: deadline + GRACE,
            timer: None,
        }
    }
}

fn current() -> Option<Id> {
    Handle::try_current().ok().map(|runtime| runtime.id())
}

impl Future for Overdue {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let home = self.queues.runtime().or(self.began_on);
        // Outside of a runtime there is no timer.
        let Some(here) = current().filter(|here| Some(*here) != home) else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer = match self.timer.take() {
            Some((there, timer)) if there == here => timer,
            _ => self.queues.sqs().clock().sleep_until(self.at),
        };
        let (_, timer) = self.timer.insert((here, timer));
        timer.poll_unpin(context)
    }
}
