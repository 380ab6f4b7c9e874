//! A message to be sent, checked before any call.

use std::fmt;
use std::time::Duration;

use aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
};
use sqs_rpc_protocol::limits::{
    AttributeNameError, BodyError, MAX_ATTRIBUTES, MAX_DELAY, MAX_FIFO_ID, MAX_MESSAGE_BYTES,
    check_attribute_name, check_attribute_value, check_body,
};
use sqs_rpc_protocol::{Excerpt, names};
use sqs_rpc_transport::message_size;

/// A message to be sent: body, attributes, and the options of SQS.
///
/// `Debug` shows neither the body nor the attributes' values.
#[derive(Clone, Default)]
#[must_use]
pub struct OutgoingMessage {
    body: String,
    attributes: Vec<(String, MessageAttributeValue)>,
    delay: Option<Duration>,
    group: Option<String>,
    deduplication: Option<String>,
    trace_header: Option<String>,
}

/// A message that SQS or this framework would refuse. No call was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMessage {
    /// The body is empty or contains a forbidden character.
    #[error("the body cannot be sent")]
    Body(#[source] BodyError),
    /// The name of an attribute is malformed or reserved.
    #[error(transparent)]
    AttributeName(#[from] AttributeNameError),
    /// The value of a text attribute is empty or contains a forbidden character.
    #[error("the value of attribute {name} cannot be sent")]
    AttributeValue {
        /// The attribute's name.
        name: String,
        /// What is wrong with its value.
        #[source]
        source: BodyError,
    },
    /// An attribute is given twice.
    #[error("attribute {0} is given twice")]
    AttributeTwice(String),
    /// Too many attributes.
    #[error(
        "{given} attributes are given; allowed are {allowed}, because SQS takes 10 and the protocol needs the rest"
    )]
    TooManyAttributes {
        /// The number of given attributes.
        given: usize,
        /// The maximum number of given attributes.
        allowed: usize,
    },
    /// Body and attributes together are too long.
    #[error("the message has {bytes} bytes with its attributes; allowed are {MAX_MESSAGE_BYTES}")]
    TooLong {
        /// The size of the body, and of names, types and values of all attributes.
        bytes: usize,
    },
    /// The delay is too long.
    #[error("the delay is {} s; allowed are 0 to 900 s", .0.as_secs())]
    Delay(Duration),
    /// A group or de-duplication id has an invalid length or character.
    #[error(
        "{what} has {length} characters or a forbidden one; allowed are 1 to 128 of A-Z, a-z, 0-9 and punctuation"
    )]
    Id {
        /// Which id.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
    },
}

impl OutgoingMessage {
    /// A message with this body and nothing else.
    pub fn new(body: impl Into<String>) -> Self {
        Self {
            body: body.into(),
            ..Self::default()
        }
    }

    /// Adds an attribute of type `String`.
    pub fn attribute(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.message_attribute(name, text_attribute(value))
    }

    /// Adds an attribute of any type.
    pub fn message_attribute(
        mut self,
        name: impl Into<String>,
        value: MessageAttributeValue,
    ) -> Self {
        self.attributes.push((name.into(), value));
        self
    }

    /// The time before the message can be received: 0 to 15 minutes, in whole seconds.
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// The message group: the unit of order on a FIFO queue, the tenant on a standard queue.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// The de-duplication id, on a FIFO queue.
    pub fn deduplication(mut self, id: impl Into<String>) -> Self {
        self.deduplication = Some(id.into());
        self
    }

    /// The AWS X-Ray trace header, the only system attribute that senders can set in SQS.
    pub fn trace_header(mut self, header: impl Into<String>) -> Self {
        self.trace_header = Some(header.into());
        self
    }

    /// Checks the message, adds the protocol's own attributes, and converts it to a batch entry without an id.
    ///
    /// # Errors
    /// [`InvalidMessage`]. The message is consumed, also on error.
    pub fn into_entry(
        self,
        own: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<SendMessageBatchRequestEntryBuilder, InvalidMessage> {
        self.into_entry_unless(names::is_reserved, own)
    }

    /// Does the same as [`into_entry`](Self::into_entry), but refuses only attributes whose names are `is_ours`.
    pub(super) fn into_entry_unless(
        self,
        is_ours: impl Fn(&str) -> bool,
        own: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<SendMessageBatchRequestEntryBuilder, InvalidMessage> {
        self.check(is_ours)?;
        let own: Vec<_> = own
            .into_iter()
            .map(|(name, value)| (name.to_owned(), text_attribute(value)))
            .collect();
        let allowed = MAX_ATTRIBUTES.saturating_sub(own.len());
        if self.attributes.len() > allowed {
            return Err(InvalidMessage::TooManyAttributes {
                given: self.attributes.len(),
                allowed,
            });
        }
        let attributes = self.attributes.iter().chain(&own);
        let bytes = message_size(&self.body, attributes.map(|(name, value)| (name, value)));
        if bytes > MAX_MESSAGE_BYTES {
            return Err(InvalidMessage::TooLong { bytes });
        }
        let attributes = self.attributes.into_iter().chain(own).collect();
        let trace_header = self.trace_header.map(|header| {
            let value = MessageSystemAttributeValue::builder()
                .data_type("String")
                .string_value(header)
                .build()
                .expect("the data type, which is all that is required, is set");
            [(MessageSystemAttributeNameForSends::AwsTraceHeader, value)].into()
        });
        Ok(SendMessageBatchRequestEntry::builder()
            .message_body(self.body)
            .set_message_system_attributes(trace_header)
            .set_message_attributes(Some(attributes))
            .set_delay_seconds(self.delay.map(|delay| delay.as_secs() as i32))
            .set_message_group_id(self.group)
            .set_message_deduplication_id(self.deduplication))
    }

    fn check(&self, is_ours: impl Fn(&str) -> bool) -> Result<(), InvalidMessage> {
        check_body(&self.body).map_err(InvalidMessage::Body)?;
        for (i, (name, value)) in self.attributes.iter().enumerate() {
            check_attribute_name(name)?;
            if is_ours(name) {
                return Err(AttributeNameError::Reserved(Excerpt::of(name)).into());
            }
            if self.attributes[..i]
                .iter()
                .any(|(earlier, _)| earlier == name)
            {
                return Err(InvalidMessage::AttributeTwice(name.clone()));
            }
            if let Some(text) = value.string_value() {
                check_attribute_value(text).map_err(|source| InvalidMessage::AttributeValue {
                    name: name.clone(),
                    source,
                })?;
            }
        }
        if let Some(delay) = self.delay.filter(|delay| *delay > MAX_DELAY) {
            return Err(InvalidMessage::Delay(delay));
        }
        let ids = [
            ("the message group", &self.group),
            ("the de-duplication id", &self.deduplication),
        ];
        for (what, id) in ids {
            let Some(id) = id else { continue };
            if id.is_empty()
                || id.len() > MAX_FIFO_ID
                || !id.bytes().all(|byte| byte.is_ascii_graphic())
            {
                return Err(InvalidMessage::Id {
                    what,
                    length: id.len(),
                });
            }
        }
        Ok(())
    }
}

impl From<&str> for OutgoingMessage {
    fn from(body: &str) -> Self {
        Self::new(body)
    }
}

impl From<String> for OutgoingMessage {
    fn from(body: String) -> Self {
        Self::new(body)
    }
}

impl fmt::Debug for OutgoingMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.attributes.iter().map(|(name, _)| name).collect();
        f.debug_struct("OutgoingMessage")
            .field("body_bytes", &self.body.len())
            .field("attributes", &names)
            .finish_non_exhaustive()
    }
}

fn text_attribute(value: impl Into<String>) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .expect("the data type, which is all that is required, is set")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: OutgoingMessage) -> Result<(), String> {
        message
            .into_entry([("SqsRpc", "x".into())])
            .map(drop)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn messages_that_sqs_would_refuse_are_refused_first() {
        let with = |n: usize| {
            (0..n).fold(OutgoingMessage::new("b"), |message, i| {
                message.attribute(format!("a{i}"), "v")
            })
        };
        assert_eq!(check(with(9)), Ok(()));
        assert_eq!(
            check(with(10)).unwrap_err(),
            "10 attributes are given; allowed are 9, because SQS takes 10 and the protocol needs the rest"
        );
        assert_eq!(
            check(OutgoingMessage::new("")).unwrap_err(),
            "the body cannot be sent"
        );
        assert!(
            check(OutgoingMessage::new("b").attribute("SqsRpc", "v"))
                .unwrap_err()
                .contains("reserved")
        );
        assert!(
            check(OutgoingMessage::new("b").attribute("a", ""))
                .unwrap_err()
                .contains("attribute a")
        );
        assert!(
            check(
                OutgoingMessage::new("b")
                    .attribute("a", "1")
                    .attribute("a", "2")
            )
            .unwrap_err()
            .contains("twice")
        );
        assert!(
            check(OutgoingMessage::new("b").delay(Duration::from_secs(901)))
                .unwrap_err()
                .contains("901 s")
        );
        assert!(
            check(OutgoingMessage::new("b").group(""))
                .unwrap_err()
                .contains("group")
        );
        assert!(
            check(OutgoingMessage::new("b").deduplication("ü"))
                .unwrap_err()
                .contains("de-duplication")
        );
    }

    #[test]
    fn attributes_count_against_the_size() {
        // "SqsRpc" + "String" + "x" are 13 bytes.
        assert_eq!(
            check(OutgoingMessage::new("b".repeat(MAX_MESSAGE_BYTES - 13))),
            Ok(())
        );
        let error = check(OutgoingMessage::new("b".repeat(MAX_MESSAGE_BYTES - 12))).unwrap_err();
        assert_eq!(
            error,
            "the message has 1048577 bytes with its attributes; allowed are 1048576"
        );
    }

    #[test]
    fn debug_shows_no_content() {
        let shown = format!(
            "{:?}",
            OutgoingMessage::new("canary").attribute("tenant", "canary")
        );
        assert!(
            !shown.contains("canary") && shown.contains("tenant"),
            "{shown}"
        );
    }
}
