//! A user's work with a temporary queue.

use sqs_temporary_queues::{CreateTemporary, TemporaryQueues};

use crate::coverage::Check;
use crate::link::Link;
use crate::oracle::Oracle;

/// Creates a temporary queue, sends a message to it, receives and deletes the message, and deletes the queue.
pub(crate) async fn use_queue(
    temporary: TemporaryQueues,
    link: Link,
    oracle: Oracle,
    body: String,
    must_succeed: Option<Check>,
) {
    oracle.note(format_args!("{} makes a queue for {body}", link.life));
    oracle.works(&link, 1);
    let must_succeed = must_succeed.filter(|_| !oracle.is_unaware(link.life));
    let used = round_trip(&temporary, &body).await;
    oracle.works(&link, -1);
    let text = used.as_ref().err().cloned().unwrap_or_default();
    oracle.note(format_args!("{body} ends: {text}"));
    if let Some(check) = must_succeed {
        oracle.check(check, used.is_ok(), || {
            format!("{body} of {} ended with {text}", link.life)
        });
    }
}

async fn round_trip(temporary: &TemporaryQueues, body: &str) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let queue = temporary
        .create(CreateTemporary::random())
        .await
        .map_err(|error| text(&error))?;
    queue.send(body).await.map_err(|error| text(&error))?;
    let received = queue.receive().await.map_err(|error| text(&error))?;
    let message = received
        .first()
        .ok_or("expected a message, received none")?;
    if message.body() != Some(body) {
        return Err(format!("expected {body:?}, received {:?}", message.body()));
    }
    let handle = message
        .receipt_handle()
        .ok_or("expected a receipt handle, found none")?;
    queue.delete(handle).await.map_err(|error| text(&error))?;
    queue.delete_queue().map_err(|error| text(&error))
}
