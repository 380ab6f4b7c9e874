//! Attributes of queues.

use super::subject::{
    INVALID_ATTRIBUTE, INVALID_VALUE, Outcome, Subject, disagreement, ensure, ensure_code,
    ensure_eq, handle,
};
use aws_sdk_sqs::types::QueueAttributeName as Name;
use std::time::Duration;

pub(super) async fn defaults_are_those_of_the_reference(subject: &Subject) -> Outcome {
    let name = subject.new_name();
    let url = subject.named_queue(&name, []).await?;
    let all = subject
        .client()
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(Name::All)
        .send()
        .await?;
    let all = all
        .attributes()
        .ok_or_else(|| disagreement("no attributes"))?;
    for (attribute, expected) in [
        (Name::DelaySeconds, "0"),
        (Name::MaximumMessageSize, "1048576"),
        (Name::MessageRetentionPeriod, "345600"),
        (Name::ReceiveMessageWaitTimeSeconds, "0"),
        (Name::VisibilityTimeout, "30"),
        (Name::ApproximateNumberOfMessages, "0"),
        (Name::ApproximateNumberOfMessagesDelayed, "0"),
        (Name::ApproximateNumberOfMessagesNotVisible, "0"),
        (Name::SqsManagedSseEnabled, "true"),
    ] {
        ensure_eq(
            all.get(&attribute).map(String::as_str),
            Some(expected),
            attribute.as_str(),
        )?;
    }
    for absent in [
        Name::Policy,
        Name::RedrivePolicy,
        Name::FifoQueue,
        Name::KmsMasterKeyId,
    ] {
        ensure(
            !all.contains_key(&absent),
            format_args!("{} is shown though it is not set", absent.as_str()),
        )?;
    }
    let arn = all
        .get(&Name::QueueArn)
        .map(String::as_str)
        .unwrap_or_default();
    ensure(
        arn.starts_with("arn:aws:sqs:") && arn.ends_with(&name),
        format_args!("the ARN is {arn}"),
    )?;
    let created = all
        .get(&Name::CreatedTimestamp)
        .and_then(|text| text.parse::<u64>().ok());
    ensure(
        created.is_some_and(|seconds| (1..100_000_000_000).contains(&seconds)),
        "CreatedTimestamp is not a time in seconds",
    )
}

pub(super) async fn attributes_are_selected_by_name(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let get = subject.client().get_queue_attributes().queue_url(&url);
    let some = get
        .clone()
        .attribute_names(Name::DelaySeconds)
        .attribute_names(Name::Policy)
        .send()
        .await?;
    let names: Vec<_> = some
        .attributes()
        .into_iter()
        .flat_map(|it| it.keys().cloned())
        .collect();
    ensure_eq(
        names,
        vec![Name::DelaySeconds],
        "names of the returned attributes",
    )?;
    let none = get.send().await?;
    ensure(
        none.attributes().is_none_or(|it| it.is_empty()),
        "returned attributes without asking",
    )
}

pub(super) async fn unknown_names_are_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let get = subject
        .client()
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(Name::from("Nonsense"));
    ensure_code(get.send().await, &["InvalidAttributeName"])?;
    let set = subject
        .client()
        .set_queue_attributes()
        .queue_url(&url)
        .attributes(Name::from("Nonsense"), "1");
    ensure_code(set.send().await, &["InvalidAttributeName"])
}

pub(super) async fn set_changes_returned_values(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let set = subject.client().set_queue_attributes().queue_url(&url);
    set.attributes(Name::VisibilityTimeout, "7")
        .attributes(Name::DelaySeconds, "1")
        .send()
        .await?;
    ensure_eq(
        subject
            .attribute(&url, Name::VisibilityTimeout)
            .await?
            .as_deref(),
        Some("7"),
        "VisibilityTimeout",
    )?;
    ensure_eq(
        subject
            .attribute(&url, Name::DelaySeconds)
            .await?
            .as_deref(),
        Some("1"),
        "DelaySeconds",
    )?;
    ensure_eq(
        subject
            .attribute(&url, Name::MessageRetentionPeriod)
            .await?
            .as_deref(),
        Some("345600"),
        "the rest",
    )
}

pub(super) async fn set_checks_ranges(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    for (name, values) in [
        (Name::DelaySeconds, ["-1", "901", "x"]),
        (Name::MaximumMessageSize, ["1023", "1048577", "x"]),
        (Name::MessageRetentionPeriod, ["59", "1209601", "x"]),
        (Name::ReceiveMessageWaitTimeSeconds, ["-1", "21", "x"]),
        (Name::VisibilityTimeout, ["-1", "43201", "x"]),
    ] {
        for value in values {
            let set = subject
                .client()
                .set_queue_attributes()
                .queue_url(&url)
                .attributes(name.clone(), value);
            ensure_code(set.send().await, INVALID_ATTRIBUTE)
                .map_err(|seen| disagreement(format!("{} = {value}: {seen}", name.as_str())))?;
        }
    }
    Ok(())
}

pub(super) async fn counts_follow_the_messages(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    for body in ["a", "b", "c"] {
        subject.send(&url, body).await?;
    }
    subject
        .client()
        .send_message()
        .queue_url(&url)
        .message_body("d")
        .delay_seconds(900)
        .send()
        .await?;
    let received = subject.receive_one(&url).await?;
    let expected = |visible, hidden, delayed| {
        [
            (Name::ApproximateNumberOfMessages, visible),
            (Name::ApproximateNumberOfMessagesNotVisible, hidden),
            (Name::ApproximateNumberOfMessagesDelayed, delayed),
        ]
    };
    subject.wait(Duration::from_secs(1)).await;
    for (name, count) in expected("2", "1", "1") {
        ensure_eq(
            subject.attribute(&url, name.clone()).await?.as_deref(),
            Some(count),
            name.as_str(),
        )?;
    }
    subject.delete(&url, handle(&received)?).await?;
    subject.wait(Duration::from_secs(1)).await;
    for (name, count) in expected("2", "0", "1") {
        ensure_eq(
            subject.attribute(&url, name.clone()).await?.as_deref(),
            Some(count),
            name.as_str(),
        )?;
    }
    Ok(())
}

pub(super) async fn policies_are_stored_and_removed(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let statement = r#"{"Sid":"a","Effect":"Allow","Principal":"*","Action":"SQS:SendMessage"}"#;
    let policy = &format!(r#"{{"Version":"2012-10-17","Id":"p","Statement":[{statement}]}}"#);
    let set = subject.client().set_queue_attributes().queue_url(&url);
    set.clone().attributes(Name::Policy, policy).send().await?;
    let shown = subject.attribute(&url, Name::Policy).await?;
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    ensure_eq(shown.as_deref().and_then(parsed), parsed(policy), "policy")?;
    ensure_code(
        set.clone()
            .attributes(Name::Policy, "nonsense")
            .send()
            .await,
        INVALID_ATTRIBUTE,
    )?;
    set.attributes(Name::Policy, "").send().await?;
    ensure_eq(
        subject.attribute(&url, Name::Policy).await?,
        None,
        "policy after its removal",
    )
}

pub(super) async fn encryption_is_stored(subject: &Subject) -> Outcome {
    let url = subject
        .queue_with([(Name::KmsMasterKeyId, "alias/aws/sqs")])
        .await?;
    ensure_eq(
        subject
            .attribute(&url, Name::KmsMasterKeyId)
            .await?
            .as_deref(),
        Some("alias/aws/sqs"),
        "key",
    )?;
    let reuse = subject
        .attribute(&url, Name::KmsDataKeyReusePeriodSeconds)
        .await?;
    ensure_eq(
        reuse.as_deref(),
        Some("300"),
        "KmsDataKeyReusePeriodSeconds",
    )
}

pub(super) async fn redrive_needs_an_existing_queue(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let arn = subject.arn(&url).await?;
    for policy in [
        format!(r#"{{"deadLetterTargetArn":"{arn}-none","maxReceiveCount":3}}"#),
        format!(r#"{{"deadLetterTargetArn":"{arn}"}}"#),
        r#"{"maxReceiveCount":3}"#.to_owned(),
        format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":0}}"#),
        format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":1001}}"#),
        "nonsense".to_owned(),
    ] {
        let set = subject
            .client()
            .set_queue_attributes()
            .queue_url(&url)
            .attributes(Name::RedrivePolicy, &policy);
        ensure_code(
            set.send().await,
            &[INVALID_VALUE, INVALID_ATTRIBUTE].concat(),
        )
        .map_err(|seen| disagreement(format!("{policy}: {seen}")))?;
    }
    Ok(())
}

pub(super) async fn redrive_accepts_a_count_as_text(subject: &Subject) -> Outcome {
    let arn = subject.arn(&subject.queue().await?).await?;
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"3"}}"#);
    let url = subject
        .queue_with([(Name::RedrivePolicy, policy.as_str())])
        .await?;
    let shown = subject
        .attribute(&url, Name::RedrivePolicy)
        .await?
        .unwrap_or_default();
    ensure(
        shown.contains(&arn),
        format_args!("the returned policy is {shown}"),
    )
}
