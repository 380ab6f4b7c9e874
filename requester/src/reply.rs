//! [`Reply`]: the reply to a request that succeeded.

use std::fmt;

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use sqs_rpc_protocol::{ContentType, names};

/// The reply to a request that succeeded.
///
/// The requester deletes the reply's message from SQS. `Debug` shows neither the body nor the values of attributes.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use sqs_requester::Requester;
/// # mod responder { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/echo.rs")); }
/// # let local = local_sqs::LocalSqs::start();
/// # let queue_url = local.create_queue("echo").await?;
/// # tokio::spawn(responder::echo(local.client(), queue_url.clone()));
/// # let requester = Requester::new(&local.client());
/// let reply = requester.request(&queue_url, "hello").await?;
/// assert_eq!(reply.body(), "hello");
/// assert_eq!(reply.content_type(), None);
/// assert_eq!(reply.attribute("tenant"), None);
/// # requester.shutdown(std::time::Duration::from_secs(1)).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Reply {
    message: Message,
    content_type: Option<ContentType>,
}

impl Reply {
    pub(crate) const fn new(message: Message, content_type: Option<ContentType>) -> Self {
        Self {
            message,
            content_type,
        }
    }

    /// The body; empty if the message has none.
    #[must_use]
    pub fn body(&self) -> &str {
        self.message.body().unwrap_or_default()
    }

    /// The content type that the responder states, if it states one.
    #[must_use]
    pub fn content_type(&self) -> Option<&ContentType> {
        self.content_type.as_ref()
    }

    /// The responder's own message attributes, in no particular order. Attributes of the protocol are left out.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &MessageAttributeValue)> {
        let all = self.message.message_attributes().into_iter().flatten();
        all.map(|(name, value)| (name.as_str(), value))
            .filter(|(name, _)| !names::is_reserved(name))
    }

    /// The value of one of the responder's attributes, if the attribute exists and has type `String` or `Number`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        if names::is_reserved(name) {
            return None;
        }
        self.message.message_attributes()?.get(name)?.string_value()
    }

    /// The whole message, as it was received. Do not use its receipt handle: the requester deletes the message.
    #[must_use]
    pub fn into_message(self) -> Message {
        self.message
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.attributes().map(|(name, _)| name).collect();
        f.debug_struct("Reply")
            .field("body_bytes", &self.body().len())
            .field("content_type", &self.content_type)
            .field("attributes", &names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> MessageAttributeValue {
        MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value)
            .build()
            .unwrap()
    }

    #[test]
    fn protocol_attributes_are_hidden_and_debug_shows_no_content() {
        let message = Message::builder()
            .body("canary")
            .receipt_handle("canary")
            .message_attributes(names::HEADER, text("1;rep"))
            .message_attributes(names::VIRTUAL_QUEUE_NAME, text("v"))
            .message_attributes("tenant", text("canary"))
            .build();
        let reply = Reply::new(message, None);
        assert_eq!(
            reply.attributes().map(|(name, _)| name).collect::<Vec<_>>(),
            ["tenant"]
        );
        assert_eq!(
            (reply.attribute("tenant"), reply.attribute(names::HEADER)),
            (Some("canary"), None)
        );
        let shown = format!("{reply:?}");
        assert!(
            shown.contains("tenant") && !shown.contains("canary"),
            "{shown}"
        );
    }
}
