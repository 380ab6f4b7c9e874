//! Receiving, and visibility of messages.

use super::subject::{
    INVALID_VALUE, Outcome, Subject, disagreement, ensure, ensure_code, ensure_eq, only,
};
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeName as System, QueueAttributeName,
};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

const A_MOMENT: Duration = Duration::from_millis(300);
const A_SECOND: Duration = Duration::from_secs(1);

pub(super) async fn parameters_are_checked(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let receive = subject.client().receive_message().queue_url(&url);
    for most in [0, 11, -1] {
        ensure_code(
            receive.clone().max_number_of_messages(most).send().await,
            INVALID_VALUE,
        )?;
    }
    for wait in [-1, 21] {
        ensure_code(
            receive.clone().wait_time_seconds(wait).send().await,
            INVALID_VALUE,
        )?;
    }
    for visibility in [-1, 43_201] {
        ensure_code(
            receive.clone().visibility_timeout(visibility).send().await,
            INVALID_VALUE,
        )?;
    }
    Ok(())
}

pub(super) async fn at_most_ten_messages_are_received(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    for number in 0..12 {
        subject.send(&url, &number.to_string()).await?;
    }
    let mut seen = BTreeSet::new();
    // A short poll may miss messages.
    for _ in 0..20 {
        let messages = subject.receive(&url).await?;
        ensure(
            messages.len() <= 10,
            "a receive returned more than ten messages",
        )?;
        seen.extend(messages.into_iter().filter_map(|message| message.body));
    }
    ensure_eq(seen.len(), 12, "number of messages")?;
    let one = subject
        .client()
        .receive_message()
        .queue_url(&url)
        .send()
        .await?;
    ensure(one.messages().is_empty(), "a hidden message was received")
}

pub(super) async fn received_message_is_hidden(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    subject.send(&url, "x").await?;
    subject.receive_one(&url).await?;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec![],
        "received hidden messages",
    )
}

pub(super) async fn system_attributes_are_selected_by_name(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let receive = subject
        .client()
        .receive_message()
        .queue_url(&url)
        .wait_time_seconds(5);
    let seen = async |receive: aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder| {
        subject.send(&url, "x").await?;
        let message = only(receive.send().await?.messages.unwrap_or_default())?;
        Ok::<HashMap<_, _>, super::Disagreement>(message.attributes.unwrap_or_default())
    };
    ensure(
        seen(receive.clone()).await?.is_empty(),
        "returned attributes without asking",
    )?;
    let all = seen(receive.clone().message_system_attribute_names(System::All)).await?;
    for name in [
        System::SentTimestamp,
        System::SenderId,
        System::ApproximateReceiveCount,
        System::ApproximateFirstReceiveTimestamp,
    ] {
        ensure(
            all.contains_key(&name),
            format_args!("{} is missing", name.as_str()),
        )?;
    }
    ensure_eq(
        all.get(&System::ApproximateReceiveCount)
            .map(String::as_str),
        Some("1"),
        "ApproximateReceiveCount",
    )?;
    let sent = all
        .get(&System::SentTimestamp)
        .and_then(|text| text.parse::<u64>().ok());
    ensure(
        sent.is_some_and(|millis| millis > 100_000_000_000),
        "SentTimestamp is not in milliseconds",
    )?;
    let one = seen(
        receive
            .clone()
            .message_system_attribute_names(System::SentTimestamp),
    )
    .await?;
    ensure_eq(
        one.into_keys().collect(),
        vec![System::SentTimestamp],
        "names of the attributes",
    )?;
    // The older parameter has the same meaning.
    #[expect(deprecated, reason = "clients still send this parameter")]
    let old = seen(receive.attribute_names(QueueAttributeName::from("SentTimestamp"))).await?;
    ensure_eq(
        old.into_keys().collect(),
        vec![System::SentTimestamp],
        "names with the older parameter",
    )
}

pub(super) async fn attributes_are_filtered_by_name_and_prefix(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    for (asked, expected) in [
        (&[][..], &[][..]),
        (&["a"], &["a"]),
        (&["none"], &[]),
        (&["b.*"], &["b.c", "b.d"]),
        (&["a", "b.d"], &["a", "b.d"]),
        (&["All"], &["a", "b.c", "b.d"]),
        (&[".*"], &["a", "b.c", "b.d"]),
    ] {
        let mut send = subject
            .client()
            .send_message()
            .queue_url(&url)
            .message_body("x");
        for name in ["a", "b.c", "b.d"] {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value("x")
                .build();
            send = send.message_attributes(
                name,
                value.map_err(|error| disagreement(error.to_string()))?,
            );
        }
        send.send().await?;
        let mut receive = subject
            .client()
            .receive_message()
            .queue_url(&url)
            .wait_time_seconds(5);
        for name in asked {
            receive = receive.message_attribute_names(*name);
        }
        let message = only(receive.send().await?.messages.unwrap_or_default())?;
        let mut names: Vec<_> = message
            .message_attributes
            .unwrap_or_default()
            .into_keys()
            .collect();
        names.sort();
        ensure_eq(
            names.iter().map(String::as_str).collect::<Vec<_>>(),
            expected.to_vec(),
            &format!("asked for {asked:?}"),
        )?;
    }
    Ok(())
}

pub(super) async fn visibility_ends(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    subject.send(&url, "x").await?;
    let receive = subject
        .client()
        .receive_message()
        .queue_url(&url)
        .wait_time_seconds(5)
        .visibility_timeout(1);
    let first = only(receive.send().await?.messages.unwrap_or_default())?;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec![],
        "received hidden messages",
    )?;
    subject.wait(A_SECOND + A_MOMENT).await;
    let second = subject.receive_one(&url).await?;
    ensure_eq(second.message_id(), first.message_id(), "MessageId")?;
    ensure(
        second.receipt_handle() != first.receipt_handle(),
        "two receives have the same receipt handle",
    )
}

pub(super) async fn visibility_zero_hides_nothing(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    subject.send(&url, "x").await?;
    let receive = subject
        .client()
        .receive_message()
        .queue_url(&url)
        .wait_time_seconds(5)
        .max_number_of_messages(10);
    let first = receive.visibility_timeout(0).send().await?;
    ensure_eq(first.messages().len(), 1, "number of messages")?;
    ensure_eq(subject.receive_one(&url).await?.body(), Some("x"), "body")
}

pub(super) async fn delayed_message_is_received_after_its_delay(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    subject
        .client()
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .delay_seconds(1)
        .send()
        .await?;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec![],
        "received delayed messages",
    )?;
    subject.wait(A_SECOND + A_MOMENT).await;
    ensure_eq(subject.receive_one(&url).await?.body(), Some("x"), "body")
}

pub(super) async fn delay_of_the_queue_is_the_default(subject: &Subject) -> Outcome {
    let url = subject
        .queue_with([(QueueAttributeName::DelaySeconds, "1")])
        .await?;
    subject.send(&url, "later").await?;
    let now = subject
        .client()
        .send_message()
        .queue_url(&url)
        .message_body("now")
        .delay_seconds(0);
    now.send().await?;
    ensure_eq(subject.receive_one(&url).await?.body(), Some("now"), "body")?;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec![],
        "received delayed messages",
    )?;
    subject.wait(A_SECOND + A_MOMENT).await;
    ensure_eq(
        subject.receive_one(&url).await?.body(),
        Some("later"),
        "body",
    )
}

pub(super) async fn receive_count_and_first_time_are_kept(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    subject.send(&url, "x").await?;
    let receive = subject
        .client()
        .receive_message()
        .queue_url(&url)
        .wait_time_seconds(5)
        .visibility_timeout(1);
    let receive = receive.message_system_attribute_names(System::All);
    let seen = async || {
        let message = only(receive.clone().send().await?.messages.unwrap_or_default())?;
        let attributes = message.attributes.unwrap_or_default();
        let of = |name| attributes.get(&name).cloned().unwrap_or_default();
        Ok::<_, super::Disagreement>((
            of(System::ApproximateReceiveCount),
            of(System::ApproximateFirstReceiveTimestamp),
        ))
    };
    let (count, first) = seen().await?;
    ensure_eq(count.as_str(), "1", "ApproximateReceiveCount")?;
    subject.wait(A_SECOND + A_MOMENT).await;
    ensure_eq(
        seen().await?,
        ("2".to_owned(), first),
        "count and first time of the second receive",
    )
}

pub(super) async fn retention_ends_a_message(subject: &Subject) -> Outcome {
    let url = subject
        .queue_with([(QueueAttributeName::MessageRetentionPeriod, "60")])
        .await?;
    subject.send(&url, "x").await?;
    subject.wait(Duration::from_secs(59)).await;
    let receive = subject
        .client()
        .receive_message()
        .queue_url(&url)
        .visibility_timeout(0);
    ensure_eq(
        receive.send().await?.messages().len(),
        1,
        "messages a second before the end",
    )?;
    subject.wait(Duration::from_secs(3)).await;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec![],
        "messages after the end",
    )
}
