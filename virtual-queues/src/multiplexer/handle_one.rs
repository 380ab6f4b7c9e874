//! Runs a handler for one message: the message stays invisible while the handler runs, and is deleted when it
//! succeeds.

use std::pin::pin;

use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_transport::{Counter, Panicked, UserCode};

use super::hub::Hub;
use super::routing::Fate;

/// Runs a handler, and meanwhile extends the visibility timeout of its message.
///
/// A received message has at least half of its visibility timeout left, so it is extended every third of the timeout.
/// Messages that were received together are extended together, in one call.
///
/// A panic of a handler, also in a destructor, affects nothing else: its message is redelivered as after an error.
pub(super) async fn handle<E>(
    shared: &Hub,
    queue: &VirtualQueueName,
    code: UserCode,
    receipt_handle: Option<String>,
    handler: impl Future<Output = Result<(), E>>,
) {
    let (clock, counters) = (shared.sqs.clock(), shared.sqs.counters());
    let visibility = shared.options.visibility;
    let mut handler = pin!(code.run(counters, handler));
    let mut extend_at = clock.now() + visibility / 3;
    let outcome = loop {
        tokio::select! {
            biased;
            outcome = &mut handler => break outcome,
            () = clock.sleep_until(extend_at) => {
                extend_at = clock.now() + visibility / 3;
                if let Some(handle) = receipt_handle.clone() {
                    let until = clock.now() + visibility;
                    shared.lock().polls.extended(&handle, until);
                    shared.note_in_hand(queue, &handle, Fate::HiddenUntil(until));
                    shared.outbox.change_visibility_later(&shared.url, handle, visibility);
                }
            }
        }
    };
    match outcome {
        Ok(Ok(())) => {
            let Some(handle) = receipt_handle else { return };
            if shared.url.is_fifo() && !delete_first(shared, &handle).await {
                return;
            }
            let now = clock.now();
            shared.update(|state| state.polls.settled_by_handle(&handle, now));
            shared.note_in_hand(queue, &handle, Fate::Deleted);
            if !shared.url.is_fifo() {
                shared.outbox.delete_later(&shared.url, handle);
            }
        }
        Ok(Err(error)) => {
            counters.count(Counter::HandlerErrors);
            code.drop(counters, error);
        }
        // The panic is already logged and counted.
        Err(Panicked) => {}
    }
}

/// Deletes a message before the next message of its group is handed out. If the delete fails, the message is
/// redelivered, and must not follow the next message. Returns whether the message is deleted.
async fn delete_first(shared: &Hub, receipt_handle: &str) -> bool {
    let mut deleting = Deleting {
        shared,
        receipt_handle: Some(receipt_handle),
    };
    let deleted = shared
        .outbox
        .delete(&shared.url, receipt_handle.to_owned())
        .await;
    deleting.receipt_handle = None;
    deleted.is_ok()
}

/// A message whose handler succeeded. If the wait for its delete is dropped, it is deleted in the background.
struct Deleting<'a> {
    shared: &'a Hub,
    receipt_handle: Option<&'a str>,
}

impl Drop for Deleting<'_> {
    fn drop(&mut self) {
        if let Some(handle) = self.receipt_handle {
            let Self { shared, .. } = self;
            shared.outbox.delete_later(&shared.url, handle.to_owned());
        }
    }
}
