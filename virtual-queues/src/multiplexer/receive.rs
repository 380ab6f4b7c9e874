//! Receiving from a virtual queue.

use std::future::{IntoFuture, poll_fn};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use futures::future::BoxFuture;
use sqs_rpc_protocol::VirtualQueueUrl;
use sqs_rpc_protocol::limits::{MAX_POLL_WAIT, MAX_RECEIVED, MAX_VISIBILITY};

use super::defaults::ReceiveDefaults;
use super::error::QueueError;
use super::hub::Hub;
use super::queue::VirtualQueue;
use super::returned_parts::{Selection, SystemSelection, present};
use super::routing::{Fate, Received, Taken, Ticket};

/// A receive to be awaited. Created by [`VirtualQueue::receive`](super::VirtualQueue::receive).
///
/// # Cancel safety
/// Dropping the future at any time loses nothing: a message leaves the buffer in the same poll that returns it.
#[derive(Debug)]
#[must_use = "a receive does nothing unless it is awaited"]
pub struct Receive {
    queue: VirtualQueue,
    max: usize,
    /// `None`: the host's own wait.
    wait: Option<Duration>,
    visibility: Visibility,
    attributes: Selection,
    system_attributes: SystemSelection,
}

/// The visibility timeout of received messages.
#[derive(Debug, Clone, Copy)]
enum Visibility {
    /// The remaining time of the poll's visibility timeout.
    Left,
    AsHost,
    For(Duration),
}

impl VirtualQueue {
    /// Receives up to 10 messages: set options on the result, then await it.
    pub fn receive(&self) -> Receive {
        Receive::new(self.clone())
    }
}

impl Receive {
    fn new(queue: VirtualQueue) -> Self {
        Self {
            queue,
            max: 1,
            wait: Some(MAX_POLL_WAIT),
            visibility: Visibility::Left,
            attributes: Selection::of(["All"]),
            system_attributes: SystemSelection::of([MessageSystemAttributeName::All]),
        }
    }

    /// The maximum number of messages to return: 1 to 10. Default 1, as in SQS.
    pub const fn max(mut self, messages: usize) -> Self {
        self.max = messages;
        self
    }

    /// How long to wait for a message: 0 to 20 s, default 20 s. With 0 it returns buffered messages, or the messages
    /// of one short poll of the host, which all such receives share.
    pub const fn wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Waits for the host's own `ReceiveMessageWaitTimeSeconds`, as a receive from SQS without a wait does.
    ///
    /// The first receive that needs this setting, or that of [`visibility_as_host`](Self::visibility_as_host), reads
    /// both from the host in one call, with a timeout of 5 s. If the call fails, this receive waits for 0 s, SQS's
    /// own default. Later receives read again: the next receive after the first failure, then one receive every 5 s.
    pub const fn wait_as_host(mut self) -> Self {
        self.wait = None;
        self
    }

    /// The message attributes to return: names, `All`, or prefixes such as `tenant.*`. Default: all. The attribute
    /// that names the virtual queue is never returned.
    pub fn attributes(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.attributes = Selection::of(names);
        self
    }

    /// The system attributes to return. Default: all.
    pub fn system_attributes(
        mut self,
        names: impl IntoIterator<Item = MessageSystemAttributeName>,
    ) -> Self {
        self.system_attributes = SystemSelection::of(names);
        self
    }

    /// How long the messages stay invisible from now on: 0 to 12 h, in whole seconds. Default: the remaining time of
    /// [`VirtualQueuesBuilder::visibility`](super::VirtualQueuesBuilder::visibility). If a buffered message has less
    /// than half of this time left, its timeout starts again. Setting this option costs a call in the background,
    /// unless the time is within a second of the poll's visibility timeout.
    pub const fn visibility(mut self, visibility: Duration) -> Self {
        self.visibility = Visibility::For(visibility);
        self
    }

    /// Hides the messages for the host's own `VisibilityTimeout`, as a receive from SQS without a visibility timeout
    /// does. It is read as described at [`wait_as_host`](Self::wait_as_host). If the read fails, the timeout is 30 s,
    /// SQS's own default.
    pub const fn visibility_as_host(mut self) -> Self {
        self.visibility = Visibility::AsHost;
        self
    }

    /// Receives, as a plain future.
    ///
    /// # Errors
    /// [`QueueError::DoesNotExist`] if the queue does not exist, or is deleted meanwhile; [`QueueError::OutOfRange`];
    /// [`QueueError::Closed`]. [`QueueError::Call`] if the host cannot be received from, as with a real queue: at
    /// once if the call is refused or denied; for temporary failures, such as throttling, when the wait ends and the
    /// last poll has failed.
    pub async fn send(self) -> Result<Vec<Message>, QueueError> {
        self.check()?;
        let VirtualQueue { shared, url, .. } = &self.queue;
        let clock = shared.sqs.clock();
        // Checked first, because a missing queue needs no call for the host's defaults.
        let _in_use = self.queue.enter()?;
        let asks = self.wait.is_none() || matches!(self.visibility, Visibility::AsHost);
        let of_host = if asks {
            shared.defaults.get(&shared.sqs, &shared.url).await
        } else {
            ReceiveDefaults::default()
        };
        let wait = self.wait.unwrap_or(of_host.wait);
        let visibility = match self.visibility {
            Visibility::Left => None,
            Visibility::AsHost => Some(of_host.visibility),
            Visibility::For(visibility) => Some(visibility),
        };
        let end = clock.now() + wait;
        let short = wait.is_zero();
        let mut turn = Turn {
            shared,
            url,
            ticket: None,
            failures: shared.lock().health.failures(),
        };
        let taken = poll_fn(|cx| turn.look(self.max, short, cx));
        let taken = if short {
            taken.await?
        } else {
            let taken = clock.timeout_at(end, taken).await;
            taken.unwrap_or_else(|_| shared.nothing_came())?
        };
        let now = clock.now();
        let shown = taken.into_iter().map(|taken| {
            let until = shared.give_time(&taken, visibility, now);
            if let Some(handle) = taken.message.receipt_handle() {
                shared.note_in_hand(url.name(), handle, Fate::HiddenUntil(until));
            }
            present(
                taken.message,
                url,
                &self.attributes,
                &self.system_attributes,
            )
        });
        Ok(shown.collect())
    }

    fn check(&self) -> Result<(), QueueError> {
        let out_of_range = |what, value: String, allowed| {
            Err(QueueError::OutOfRange {
                what,
                value,
                allowed,
            })
        };
        if !(1..=MAX_RECEIVED).contains(&self.max) {
            return out_of_range("max", self.max.to_string(), "1 to 10");
        }
        if let Some(wait) = self.wait.filter(|wait| *wait > MAX_POLL_WAIT) {
            return out_of_range("wait", format!("{} s", wait.as_secs_f64()), "0 to 20 s");
        }
        match self.visibility {
            Visibility::For(visibility) if visibility > MAX_VISIBILITY => out_of_range(
                "visibility",
                format!("{} s", visibility.as_secs_f64()),
                "0 to 12 h",
            ),
            _ => Ok(()),
        }
    }
}

impl IntoFuture for Receive {
    type Output = Result<Vec<Message>, QueueError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A place in a queue's line, which its drop gives up.
struct Turn<'a> {
    shared: &'a Hub,
    url: &'a VirtualQueueUrl,
    ticket: Option<Ticket>,
    /// The number of failed polls of the host when the receive began.
    failures: u64,
}

impl Turn<'_> {
    fn look(
        &mut self,
        max: usize,
        short: bool,
        cx: &Context<'_>,
    ) -> Poll<Result<Vec<Taken>, QueueError>> {
        let now = self.shared.sqs.clock().now();
        let ticket = self.ticket;
        let (received, refusal) = self.shared.update(|state| {
            let name = self.url.name();
            let received = state
                .router
                .receive(name, ticket, max, short, now, cx.waker());
            (received, state.health.refusal_after(self.failures).cloned())
        });
        match received {
            Received::Messages(messages) => Poll::Ready(Ok(messages)),
            Received::Nothing => Poll::Ready(self.shared.nothing_came()),
            Received::Gone => Poll::Ready(Err(self.shared.not_there(self.url))),
            Received::Wait(ticket) => {
                self.ticket = Some(ticket);
                match refusal {
                    Some(fault) => Poll::Ready(Err(QueueError::Call(fault))),
                    None => Poll::Pending,
                }
            }
        }
    }
}

impl Hub {
    /// The result of a receive whose wait has ended: no messages, as from SQS, or the reason why there can be none.
    fn nothing_came(&self) -> Result<Vec<Taken>, QueueError> {
        let state = self.lock();
        match state.health.fault() {
            // If a poll is in flight, the receive waited for that poll, and SQS has no messages yet.
            Some(fault) if state.polls.out() == 0 => Err(QueueError::Call(fault.clone())),
            _ => Ok(Vec::new()),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let now = self.shared.sqs.clock().now();
        let next = self
            .shared
            .update(|state| state.router.leave(self.url.name(), ticket, now));
        if let Some(next) = next {
            next.wake();
        }
    }
}
