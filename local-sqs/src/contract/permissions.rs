//! `AddPermission` and `RemovePermission`.

use super::subject::{INVALID_VALUE, Outcome, Subject, ensure, ensure_code, ensure_eq};
use aws_sdk_sqs::operation::add_permission::builders::AddPermissionFluentBuilder;
use aws_sdk_sqs::types::QueueAttributeName;

fn add(subject: &Subject, url: &str, label: &str, action: &str) -> AddPermissionFluentBuilder {
    let add = subject
        .client()
        .add_permission()
        .queue_url(url)
        .label(label);
    add.aws_account_ids("111122223333").actions(action)
}

pub(super) async fn permission_is_added_to_the_policy_and_removed(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    add(subject, &url, "label", "SendMessage").send().await?;
    let policy = subject
        .attribute(&url, QueueAttributeName::Policy)
        .await?
        .unwrap_or_default();
    for part in ["label", "111122223333", "SendMessage"] {
        ensure(
            policy.contains(part),
            format_args!("{part} is not in the policy {policy}"),
        )?;
    }
    subject
        .client()
        .remove_permission()
        .queue_url(&url)
        .label("label")
        .send()
        .await?;
    let policy = subject
        .attribute(&url, QueueAttributeName::Policy)
        .await?
        .unwrap_or_default();
    ensure(
        !policy.contains("111122223333"),
        format_args!("the policy still is {policy}"),
    )?;
    let again = subject
        .client()
        .remove_permission()
        .queue_url(&url)
        .label("label")
        .send()
        .await;
    ensure_code(again, INVALID_VALUE)
}

pub(super) async fn label_is_unique(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    add(subject, &url, "label", "SendMessage").send().await?;
    ensure_code(
        add(subject, &url, "label", "ReceiveMessage").send().await,
        INVALID_VALUE,
    )?;
    add(subject, &url, "other", "*").send().await?;
    let policy = subject.attribute(&url, QueueAttributeName::Policy).await?;
    ensure_eq(
        policy.is_some_and(|it| it.contains("other") && it.contains("label")),
        true,
        "both statements are in the policy",
    )
}

pub(super) async fn owner_only_actions_cannot_be_allowed(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    for action in [
        "DeleteQueue",
        "SetQueueAttributes",
        "AddPermission",
        "Nonsense",
    ] {
        ensure_code(
            add(subject, &url, "label", action).send().await,
            INVALID_VALUE,
        )?;
    }
    Ok(())
}
