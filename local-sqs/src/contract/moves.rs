//! Message move tasks.

use super::subject::{
    INVALID_VALUE, Outcome, Subject, disagreement, ensure, ensure_code, ensure_eq,
};
use aws_sdk_sqs::types::QueueAttributeName;
use std::time::Duration;

const A_SECOND: Duration = Duration::from_secs(1);

/// A queue and its dead-letter queue, which has this number of messages.
async fn dead_letters(
    subject: &Subject,
    count: usize,
) -> Result<(String, String), super::Disagreement> {
    let dead = subject.queue().await?;
    let arn = subject.arn(&dead).await?;
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":1}}"#);
    let url = subject
        .queue_with([(QueueAttributeName::RedrivePolicy, policy.as_str())])
        .await?;
    for number in 0..count {
        subject.send(&url, &number.to_string()).await?;
    }
    let receive = subject
        .client()
        .receive_message()
        .queue_url(&url)
        .max_number_of_messages(10)
        .visibility_timeout(0);
    let mut left = count;
    // The second receive of each message moves the message.
    for _ in 0..(4 * count + 8) {
        if left == 0 {
            return Ok((url, dead));
        }
        receive.clone().send().await?;
        let there = subject
            .attribute(&dead, QueueAttributeName::ApproximateNumberOfMessages)
            .await?;
        left = count
            - there
                .and_then(|text| text.parse().ok())
                .unwrap_or(0)
                .min(count);
    }
    Err(disagreement(
        "messages that were received too often were not moved",
    ))
}

pub(super) async fn dead_letters_are_moved_back(subject: &Subject) -> Outcome {
    let (url, dead) = dead_letters(subject, 2).await?;
    let arn = subject.arn(&dead).await?;
    let started = subject
        .client()
        .start_message_move_task()
        .source_arn(&arn)
        .send()
        .await?;
    ensure(started.task_handle().is_some(), "no task handle")?;
    subject.wait(2 * A_SECOND).await;
    let mut bodies = subject.receive_bodies(&url).await?;
    bodies.extend(subject.receive_bodies(&url).await?);
    bodies.sort();
    ensure_eq(
        bodies,
        vec!["0".to_owned(), "1".to_owned()],
        "messages that were moved back",
    )?;
    let tasks = subject
        .client()
        .list_message_move_tasks()
        .source_arn(&arn)
        .send()
        .await?;
    let [task] = tasks.results() else {
        return Err(disagreement("expected one listed task"));
    };
    let seen = (task.status(), task.approximate_number_of_messages_moved());
    ensure_eq(
        seen,
        (Some("COMPLETED"), 2),
        "status and number of moved messages",
    )
}

pub(super) async fn task_needs_a_dead_letter_queue(subject: &Subject) -> Outcome {
    let arn = subject.arn(&subject.queue().await?).await?;
    let start = subject
        .client()
        .start_message_move_task()
        .source_arn(arn)
        .send()
        .await;
    ensure_code(
        start,
        &[
            INVALID_VALUE,
            &["AWS.SimpleQueueService.UnsupportedOperation"],
        ]
        .concat(),
    )
}

pub(super) async fn task_of_an_unknown_queue_is_refused(subject: &Subject) -> Outcome {
    let arn = format!("{}-none", subject.arn(&subject.queue().await?).await?);
    let start = subject
        .client()
        .start_message_move_task()
        .source_arn(&arn)
        .send()
        .await;
    ensure_code(start, &["ResourceNotFoundException"])?;
    let list = subject
        .client()
        .list_message_move_tasks()
        .source_arn(&arn)
        .send()
        .await;
    ensure_code(list, &["ResourceNotFoundException"])
}

pub(super) async fn one_task_runs_and_can_be_cancelled_once(subject: &Subject) -> Outcome {
    let (_, dead) = dead_letters(subject, 5).await?;
    let arn = subject.arn(&dead).await?;
    let start = subject
        .client()
        .start_message_move_task()
        .source_arn(&arn)
        .max_number_of_messages_per_second(1);
    let started = start.clone().send().await?;
    let handle = started
        .task_handle()
        .ok_or_else(|| disagreement("no task handle"))?;
    let unsupported = [
        "AWS.SimpleQueueService.UnsupportedOperation",
        "UnsupportedOperation",
    ];
    ensure_code(start.send().await, INVALID_VALUE)?;
    subject.wait(A_SECOND).await;
    subject
        .client()
        .cancel_message_move_task()
        .task_handle(handle)
        .send()
        .await?;
    ensure_code(
        subject
            .client()
            .cancel_message_move_task()
            .task_handle(handle)
            .send()
            .await,
        &unsupported,
    )?;
    let tasks = subject
        .client()
        .list_message_move_tasks()
        .source_arn(&arn)
        .max_results(10)
        .send()
        .await?;
    let task = tasks
        .results()
        .first()
        .ok_or_else(|| disagreement("no task is listed"))?;
    ensure(
        matches!(task.status(), Some("CANCELLED" | "CANCELLING")),
        format_args!("the status of a cancelled task is {:?}", task.status()),
    )?;
    ensure(
        task.approximate_number_of_messages_moved() < 5,
        "all messages were moved within a second",
    )?;
    let left = subject.receive(&dead).await?;
    ensure(
        !left.is_empty(),
        "the messages that were not moved are missing",
    )
}
