//! The allowed contents of messages, and that a message is received as it was sent.

use super::subject::{
    INVALID_VALUE, MISSING, Outcome, Subject, disagreement, ensure, ensure_code, ensure_eq,
};
use crate::engine::api::{Blob, MessageAttribute};
use crate::engine::digest::{md5_of, md5_of_attributes};
use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::primitives::Blob as SdkBlob;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, MessageSystemAttributeNameForSends,
    MessageSystemAttributeValue, QueueAttributeName,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The longest message: 1 MiB.
const LONGEST: usize = 1_048_576;

fn text(data_type: &str, value: &str) -> Result<MessageAttributeValue, super::Disagreement> {
    let value = MessageAttributeValue::builder()
        .data_type(data_type)
        .string_value(value)
        .build();
    value.map_err(|error| disagreement(error.to_string()))
}

fn bytes(value: &[u8]) -> Result<MessageAttributeValue, super::Disagreement> {
    let value = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(SdkBlob::new(value))
        .build();
    value.map_err(|error| disagreement(error.to_string()))
}

fn send(subject: &Subject, url: &str, body: &str) -> SendMessageFluentBuilder {
    subject
        .client()
        .send_message()
        .queue_url(url)
        .message_body(body)
}

async fn receive_all_of(subject: &Subject, url: &str) -> Result<Message, super::Disagreement> {
    let receive = subject
        .client()
        .receive_message()
        .queue_url(url)
        .wait_time_seconds(5);
    let receive = receive
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::All);
    let messages = receive.send().await?.messages.unwrap_or_default();
    messages
        .into_iter()
        .next()
        .ok_or_else(|| disagreement("expected a message within 5 s, found none"))
}

pub(super) async fn answer_has_the_digests(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let sent = send(subject, &url, "höllo").message_attributes("b", text("String", "é")?);
    let sent = sent
        .message_attributes("a", bytes(&[0, 255])?)
        .send()
        .await?;
    ensure_eq(
        sent.md5_of_message_body(),
        Some(md5_of("höllo".as_bytes()).as_str()),
        "MD5OfMessageBody",
    )?;
    let named = |name: &str| -> Arc<str> { name.into() };
    let mut attributes = BTreeMap::new();
    attributes.insert(
        named("a"),
        MessageAttribute {
            data_type: Some("Binary".into()),
            binary_value: Some(Blob([0, 255].as_slice().into())),
            ..MessageAttribute::default()
        },
    );
    attributes.insert(
        named("b"),
        MessageAttribute {
            data_type: Some("String".into()),
            string_value: Some("é".into()),
            ..MessageAttribute::default()
        },
    );
    let digest = md5_of_attributes(&attributes);
    ensure_eq(
        sent.md5_of_message_attributes().map(str::to_owned),
        digest.clone(),
        "MD5OfMessageAttributes",
    )?;
    let received = receive_all_of(subject, &url).await?;
    ensure_eq(received.message_id(), sent.message_id(), "MessageId")?;
    ensure_eq(
        received.md5_of_body(),
        sent.md5_of_message_body(),
        "MD5OfBody",
    )?;
    ensure_eq(
        received.md5_of_message_attributes().map(str::to_owned),
        digest,
        "MD5OfMessageAttributes, received",
    )
}

pub(super) async fn attributes_are_received_as_sent(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    for (name, value) in [
        ("a", text("String", "x")?),
        ("b.c", text("Number.int", "-1")?),
        ("d", text("String.json", "{}")?),
    ] {
        send(subject, &url, "x")
            .message_attributes(name, value.clone())
            .send()
            .await?;
        let received = receive_all_of(subject, &url).await?;
        let seen = received
            .message_attributes()
            .and_then(|attributes| attributes.get(name))
            .cloned();
        ensure_eq(seen, Some(value), name)?;
    }
    Ok(())
}

pub(super) async fn binary_attributes_are_received_as_sent(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let value = bytes(&(0..=255).collect::<Vec<u8>>())?;
    send(subject, &url, "x")
        .message_attributes("a", value.clone())
        .send()
        .await?;
    let received = receive_all_of(subject, &url).await?;
    let seen = received
        .message_attributes()
        .and_then(|attributes| attributes.get("a"))
        .cloned();
    ensure_eq(seen, Some(value), "binary attribute")
}

pub(super) async fn whitespace_and_unicode_are_received_as_sent(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    for body in [
        "\t\n\r\r\n ",
        " <a href=\"x\">&amp;</a> ",
        "\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}\u{85}\u{2028}",
    ] {
        send(subject, &url, body).send().await?;
        ensure_eq(
            receive_all_of(subject, &url).await?.body(),
            Some(body),
            "body",
        )?;
    }
    Ok(())
}

pub(super) async fn forbidden_characters_are_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    for body in ["\0", "\u{8}", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
        let codes = &[&["InvalidMessageContents"], INVALID_VALUE].concat();
        ensure_code(send(subject, &url, body).send().await, codes)
            .map_err(|seen| disagreement(format!("{body:?}: {seen}")))?;
    }
    Ok(())
}

pub(super) async fn empty_body_is_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    ensure_code(
        send(subject, &url, "").send().await,
        &[MISSING, INVALID_VALUE].concat(),
    )
}

pub(super) async fn ten_attributes_are_accepted_and_eleven_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let mut ten = send(subject, &url, "x");
    for number in 0..10 {
        ten = ten.message_attributes(format!("a{number}"), text("String", "x")?);
    }
    ten.clone().send().await?;
    let received = receive_all_of(subject, &url).await?;
    ensure_eq(
        received.message_attributes().map_or(0, |it| it.len()),
        10,
        "number of attributes",
    )?;
    ensure_code(
        ten.message_attributes("a10", text("String", "x")?)
            .send()
            .await,
        INVALID_VALUE,
    )
}

pub(super) async fn bad_attributes_are_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let long = "n".repeat(257);
    for (name, value) in [
        ("", text("String", "x")?),
        (".a", text("String", "x")?),
        ("a.", text("String", "x")?),
        ("a..b", text("String", "x")?),
        ("a b", text("String", "x")?),
        ("AWS.a", text("String", "x")?),
        ("Amazon.a", text("String", "x")?),
        (long.as_str(), text("String", "x")?),
        ("a", text("", "x")?),
        ("a", text("Text", "x")?),
        ("a", text("String", "")?),
        ("a", text("Number", "one")?),
        ("a", bytes(&[])?),
    ] {
        let sent = send(subject, &url, "x")
            .message_attributes(name, value.clone())
            .send()
            .await;
        let codes = &[INVALID_VALUE, MISSING].concat();
        ensure_code(sent, codes)
            .map_err(|seen| disagreement(format!("{name:?} {value:?}: {seen}")))?;
    }
    Ok(())
}

pub(super) async fn longest_message_is_accepted_and_a_longer_one_refused(
    subject: &Subject,
) -> Outcome {
    let url = subject.queue().await?;
    let longest = "x".repeat(LONGEST);
    send(subject, &url, &longest).send().await?;
    let received = receive_all_of(subject, &url).await?;
    ensure_eq(
        received.body().map(str::len),
        Some(LONGEST),
        "length of the body",
    )?;
    ensure_code(
        send(subject, &url, &format!("{longest}x")).send().await,
        INVALID_VALUE,
    )
}

pub(super) async fn attributes_count_toward_the_length(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    // Name, type and value have 4 + 6 + 5 bytes.
    let body = "x".repeat(LONGEST - 15);
    let fits = send(subject, &url, &body).message_attributes("name", text("String", "value")?);
    fits.send().await?;
    let too_long = send(subject, &url, &body).message_attributes("name", text("String", "value1")?);
    ensure_code(too_long.send().await, INVALID_VALUE)
}

pub(super) async fn maximum_message_size_is_enforced(subject: &Subject) -> Outcome {
    let url = subject
        .queue_with([(QueueAttributeName::MaximumMessageSize, "1024")])
        .await?;
    send(subject, &url, &"x".repeat(1024)).send().await?;
    ensure_code(
        send(subject, &url, &"x".repeat(1025)).send().await,
        INVALID_VALUE,
    )
}

pub(super) async fn delay_is_checked(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    for delay in [-1, 901] {
        ensure_code(
            send(subject, &url, "x").delay_seconds(delay).send().await,
            INVALID_VALUE,
        )?;
    }
    Ok(())
}

pub(super) async fn trace_header_is_received(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793";
    let value = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value(header)
        .build();
    let value = value.map_err(|error| disagreement(error.to_string()))?;
    let sent = send(subject, &url, "x");
    let sent = sent
        .message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, value)
        .send()
        .await?;
    ensure(
        sent.md5_of_message_system_attributes().is_some(),
        "no digest of the system attributes",
    )?;
    let received = receive_all_of(subject, &url).await?;
    let seen = received
        .attributes()
        .and_then(|it| it.get(&MessageSystemAttributeName::AwsTraceHeader));
    ensure_eq(seen.map(String::as_str), Some(header), "AWSTraceHeader")
}

pub(super) async fn group_on_a_standard_queue_is_received(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    send(subject, &url, "x")
        .message_group_id("tenant")
        .send()
        .await?;
    let received = receive_all_of(subject, &url).await?;
    let seen = received
        .attributes()
        .and_then(|it| it.get(&MessageSystemAttributeName::MessageGroupId));
    ensure_eq(seen.map(String::as_str), Some("tenant"), "MessageGroupId")
}

pub(super) async fn deduplication_id_on_a_standard_queue_is_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    ensure_code(
        send(subject, &url, "x")
            .message_deduplication_id("id")
            .send()
            .await,
        INVALID_VALUE,
    )
}
