//! Attributes and tags of a queue.

use aws_sdk_sqs::types::QueueAttributeName as Name;

use super::CheckResult;
use super::face::{Ask, Subject};

super::contract!(
    attributes_include_the_hosts_and_the_queues_own,
    the_queues_own_attributes_cost_no_call,
    tags_are_kept_in_memory,
    tags_have_the_limits_of_sqs,
);

async fn attributes_include_the_hosts_and_the_queues_own(subject: &Subject) -> CheckResult {
    let retention = [("IdleQueueRetentionPeriodSeconds", "60")];
    let queue = subject
        .create_on(&subject.host, "q", &retention, &[])
        .await?;
    let other = subject.create("other").await;
    for _ in 0..2 {
        subject.send(&queue, "x").await?;
    }
    let ask = Ask {
        wait: Some(1),
        ..Ask::default()
    };
    assert!(subject.receive(&other, ask).await?.is_empty());

    let all = subject.attributes(&queue, &[Name::All]).await?;
    assert_eq!(all["HostQueueUrl"], subject.host.as_str());
    assert_eq!(all["IdleQueueRetentionPeriodSeconds"], "60");
    assert_eq!(all["ApproximateNumberOfMessages"], "2");
    assert!(all["QueueArn"].ends_with(subject.host.queue_name()));
    let visibility = subject.site.visibility().as_secs().to_string();
    assert_eq!(all["VisibilityTimeout"], visibility);

    let some = [Name::VisibilityTimeout, Name::ApproximateNumberOfMessages];
    let some = subject.attributes(&other, &some).await?;
    assert_eq!(some.len(), 2);
    assert_eq!(some["ApproximateNumberOfMessages"], "0");
    Ok(())
}

async fn the_queues_own_attributes_cost_no_call(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let before = subject.site.calls();
    let own = subject.attributes(&queue, &["HostQueueUrl".into()]).await?;
    assert_eq!(own.len(), 1);
    assert!(subject.attributes(&queue, &[]).await?.is_empty());
    assert_eq!(subject.site.calls() - before, 0);
    Ok(())
}

async fn tags_are_kept_in_memory(subject: &Subject) -> CheckResult {
    let before = subject.site.calls();
    let queue = subject
        .create_on(&subject.host, "q", &[], &[("a", "1")])
        .await?;
    subject.tag(&queue, &[("b", "2"), ("a", "3")]).await?;
    let expected = [("a", "3"), ("b", "2")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(subject.tags(&queue).await?, expected.into());
    subject.untag(&queue, "a").await?;
    subject.untag(&queue, "a").await?;
    assert_eq!(subject.tags(&queue).await?.len(), 1);
    assert_eq!(subject.site.calls() - before, 0);
    Ok(())
}

async fn tags_have_the_limits_of_sqs(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let key = "k".repeat(129);
    let value = "v".repeat(257);
    for (key, value, expected) in [
        (key.as_str(), "", "has 129 characters; allowed are 1 to 128"),
        ("k", &value, "has 257 characters; allowed are 0 to 256"),
        ("k", "#", "letters, digits, space and `_.:/=+-@`"),
        ("aws:k", "", "begins with `aws:`"),
    ] {
        let error = subject.tag(&queue, &[(key, value)]).await.unwrap_err();
        assert_eq!(error.code, "InvalidParameterValue");
        assert!(error.text.contains(expected), "{error}");
    }
    let keys: Vec<_> = (0..51).map(|n| n.to_string()).collect();
    let tags: Vec<_> = keys.iter().map(|key| (key.as_str(), "")).collect();
    subject.tag(&queue, &tags[..50]).await?;
    let error = subject.tag(&queue, &tags[50..]).await.unwrap_err();
    assert_eq!(error.text, "the queue would have 51 tags; allowed are 50");
    assert_eq!(subject.tags(&queue).await?.len(), 50);
    Ok(())
}
