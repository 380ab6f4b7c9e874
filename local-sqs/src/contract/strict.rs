//! Requests that look harmless but are refused. The rules are from the API reference and the Developer Guide, unless a
//! check names another source.

use super::subject::{INVALID_ATTRIBUTE, INVALID_VALUE, Outcome, Subject, ensure_code, ensure_eq};
use aws_sdk_sqs::types::QueueAttributeName as Name;

/// Tries to create a queue that must be refused.
async fn refused<const N: usize>(
    subject: &Subject,
    attributes: [(Name, &str); N],
    codes: &[&str],
) -> Outcome {
    let mut create = subject
        .client()
        .create_queue()
        .queue_name(subject.new_name());
    for (name, value) in attributes {
        create = create.attributes(name, value);
    }
    ensure_code(create.send().await, codes)
}

pub(super) async fn two_kinds_of_encryption_exclude_each_other(subject: &Subject) -> Outcome {
    let both = [
        (Name::KmsMasterKeyId, "alias/aws/sqs"),
        (Name::SqsManagedSseEnabled, "true"),
    ];
    refused(subject, both, INVALID_ATTRIBUTE).await
}

pub(super) async fn policy_must_be_valid(subject: &Subject) -> Outcome {
    for policy in [
        "{}",
        r#"{"Statement":[]}"#,
        r#"{"Statement":{"Effect":"Allow"}}"#,
    ] {
        refused(subject, [(Name::Policy, policy)], INVALID_ATTRIBUTE).await?;
    }
    Ok(())
}

pub(super) async fn dead_letter_queue_has_the_same_account_and_region(
    subject: &Subject,
) -> Outcome {
    let arn = subject.arn(&subject.queue().await?).await?;
    let parts: Vec<_> = arn.split(':').collect();
    for (place, other) in [(3, "eu-south-2"), (4, "210987654321")] {
        let mut parts = parts.clone();
        parts[place] = other;
        let policy = redrive(&parts.join(":"));
        refused(
            subject,
            [(Name::RedrivePolicy, policy.as_str())],
            INVALID_VALUE,
        )
        .await?;
    }
    Ok(())
}

pub(super) async fn queue_is_not_its_own_dead_letter_queue(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let policy = redrive(&subject.arn(&url).await?);
    let change = subject.client().set_queue_attributes().queue_url(url);
    let changed = change.attributes(Name::RedrivePolicy, policy).send().await;
    ensure_code(changed, INVALID_VALUE)
}

pub(super) async fn redrive_policy_is_returned_as_given(subject: &Subject) -> Outcome {
    let arn = subject.arn(&subject.queue().await?).await?;
    let policy = format!(r#"{{ "maxReceiveCount": "3", "deadLetterTargetArn": "{arn}" }}"#);
    let url = subject
        .queue_with([(Name::RedrivePolicy, policy.as_str())])
        .await?;
    ensure_eq(
        subject.attribute(&url, Name::RedrivePolicy).await?,
        Some(policy),
        "RedrivePolicy",
    )
}

fn redrive(target: &str) -> String {
    format!(r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":3}}"#)
}
