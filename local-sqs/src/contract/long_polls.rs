//! Long polls: the events that end a poll, and when.

use super::subject::{
    NO_SUCH_QUEUE, Outcome, Subject, ensure, ensure_code, ensure_eq, handle, only,
};
use crate::clock::stopwatch;
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::types::QueueAttributeName;
use std::time::Duration;

const A_SECOND: Duration = Duration::from_secs(1);
/// The maximum delay that is accepted from a server.
const SOON: Duration = Duration::from_millis(900);

fn poll(subject: &Subject, url: &str) -> ReceiveMessageFluentBuilder {
    subject
        .client()
        .receive_message()
        .queue_url(url)
        .wait_time_seconds(20)
}

fn ensure_about(seen: Duration, expected: Duration, what: &str) -> Outcome {
    // The clocks of two processes differ, so a slightly earlier end is accepted.
    let early = seen + Duration::from_millis(50) < expected;
    ensure(
        !early && seen < expected + SOON,
        format_args!("{what} after {seen:?}, not {expected:?}"),
    )
}

pub(super) async fn poll_waits_for_a_message(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let elapsed = stopwatch();
    let send = async {
        subject.wait(A_SECOND).await;
        subject.send(&url, "x").await
    };
    let (polled, sent) = tokio::join!(poll(subject, &url).send(), send);
    sent?;
    ensure_eq(
        only(polled?.messages.unwrap_or_default())?.body(),
        Some("x"),
        "body",
    )?;
    ensure_about(elapsed(), A_SECOND, "the poll ended")
}

pub(super) async fn empty_poll_waits_its_whole_time(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let elapsed = stopwatch();
    let polled = poll(subject, &url).wait_time_seconds(1).send().await?;
    ensure(
        polled.messages().is_empty(),
        "a poll of an empty queue returned a message",
    )?;
    ensure_about(elapsed(), A_SECOND, "the poll ended")
}

pub(super) async fn wait_of_the_queue_is_the_default(subject: &Subject) -> Outcome {
    let url = subject
        .queue_with([(QueueAttributeName::ReceiveMessageWaitTimeSeconds, "1")])
        .await?;
    let elapsed = stopwatch();
    subject
        .client()
        .receive_message()
        .queue_url(&url)
        .send()
        .await?;
    ensure_about(elapsed(), A_SECOND, "the poll ended")?;
    let elapsed = stopwatch();
    subject
        .client()
        .receive_message()
        .queue_url(&url)
        .wait_time_seconds(0)
        .send()
        .await?;
    ensure_about(elapsed(), Duration::ZERO, "the short poll ended")
}

pub(super) async fn end_of_a_visibility_timeout_wakes_a_poll(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    subject.send(&url, "x").await?;
    only(
        poll(subject, &url)
            .visibility_timeout(1)
            .send()
            .await?
            .messages
            .unwrap_or_default(),
    )?;
    let elapsed = stopwatch();
    only(
        poll(subject, &url)
            .send()
            .await?
            .messages
            .unwrap_or_default(),
    )?;
    ensure_about(elapsed(), A_SECOND, "the poll ended")
}

pub(super) async fn end_of_a_delay_wakes_a_poll(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let elapsed = stopwatch();
    subject
        .client()
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .delay_seconds(1)
        .send()
        .await?;
    let message = only(
        poll(subject, &url)
            .send()
            .await?
            .messages
            .unwrap_or_default(),
    )?;
    ensure_about(elapsed(), A_SECOND, "the poll ended")?;
    subject.delete(&url, handle(&message)?).await
}

pub(super) async fn deletion_ends_a_poll(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let elapsed = stopwatch();
    let delete = async {
        subject.wait(A_SECOND).await;
        subject.client().delete_queue().queue_url(&url).send().await
    };
    let (polled, deleted) = tokio::join!(poll(subject, &url).send(), delete);
    deleted?;
    ensure_code(polled, NO_SUCH_QUEUE)?;
    ensure_about(elapsed(), A_SECOND, "the poll ended")
}
