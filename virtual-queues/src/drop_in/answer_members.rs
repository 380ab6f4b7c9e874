//! The members of each answer, and its HTTP response.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{Message, SendMessageBatchResultEntry};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde::Serialize;

use super::refusal::Refusal;
use super::values::Value;

/// An answer, as JSON.
pub(super) type Body = serde_json::Value;

macro_rules! answers {
    ($($name:ident { $($(#[$meta:meta])* $member:ident: $kind:ty,)* })*) => {
        $(
            #[derive(Debug, Serialize)]
            #[serde(rename_all = "PascalCase")]
            pub(super) struct $name { $($(#[$meta])* pub(super) $member: $kind,)* }
        )*
    };
}

answers! {
    Empty {}
    QueueUrl { queue_url: String, }
    Attributes { attributes: BTreeMap<String, String>, }
    Tags { tags: BTreeMap<String, String>, }
    Sent {
        message_id: String,
        #[serde(rename = "MD5OfMessageBody")]
        md5_of_message_body: String,
        #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
        md5_of_message_attributes: Option<String>,
        #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
        md5_of_message_system_attributes: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sequence_number: Option<String>,
    }
    Received {
        // Omitted if there are no messages, as in SQS's answers.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        messages: Vec<Shown>,
    }
    Shown {
        message_id: Option<String>,
        receipt_handle: Option<String>,
        #[serde(rename = "MD5OfBody")]
        md5_of_body: Option<String>,
        body: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        attributes: Option<BTreeMap<String, String>>,
        #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
        md5_of_message_attributes: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message_attributes: Option<BTreeMap<String, Value>>,
    }
    Failed { id: String, sender_fault: bool, code: String, message: String, }
}

/// The answer to a batch.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchAnswer<T> {
    pub(super) successful: Vec<Done<T>>,
    pub(super) failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Done<T> {
    pub(super) id: String,
    #[serde(flatten)]
    pub(super) members: T,
}

impl Sent {
    /// SQS's answer for the message, with the digest of the caller's own attributes. SQS's digest covers all
    /// attributes, including the virtual queue's name.
    pub(super) fn new(sent: SendMessageBatchResultEntry, attributes: Option<String>) -> Self {
        Self {
            message_id: sent.message_id,
            md5_of_message_body: sent.md5_of_message_body,
            md5_of_message_attributes: attributes,
            md5_of_message_system_attributes: sent.md5_of_message_system_attributes,
            sequence_number: sent.sequence_number,
        }
    }
}

impl From<Vec<Message>> for Received {
    fn from(messages: Vec<Message>) -> Self {
        Self {
            messages: messages.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Message> for Shown {
    fn from(message: Message) -> Self {
        let attributes = message.attributes.map(|all| {
            let all = all.into_iter();
            all.map(|(name, value)| (name.as_str().to_owned(), value))
                .collect()
        });
        let message_attributes = message.message_attributes.map(|all| {
            let all = all.into_iter();
            all.map(|(name, value)| (name, value.into())).collect()
        });
        Self {
            message_id: message.message_id,
            receipt_handle: message.receipt_handle,
            md5_of_body: message.md5_of_body,
            body: message.body,
            attributes,
            md5_of_message_attributes: message.md5_of_message_attributes,
            message_attributes,
        }
    }
}

/// The response to a call. It has no `Date`, because only SQS's own answers contain SQS's time.
pub(super) fn respond(result: Result<Body, Refusal>, request_id: String) -> HttpResponse {
    let (status, body, query_error) = match result {
        Ok(body) => (200, body, None),
        Err(refusal) => (
            refusal.status(),
            refusal.body(),
            Some(refusal.query_error()),
        ),
    };
    let status = StatusCode::try_from(status).expect("all statuses of this module are valid");
    let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
    let headers = response.headers_mut();
    headers.insert("content-type", "application/x-amz-json-1.0");
    headers.insert("x-amzn-requestid", request_id);
    if let Some(code) = query_error {
        headers.insert("x-amzn-query-error", code);
    }
    response
}
