//! Virtual queues on a FIFO host.

use aws_sdk_sqs::types::MessageSystemAttributeName as Name;

use super::CheckResult;
use super::face::{Letter, Subject};

super::contract!(
    equal_bodies_to_two_queues_both_arrive,
    a_queue_keeps_its_order_and_holds_up_no_other,
    the_callers_own_ids_count_within_the_queue,
);

async fn fifo_queues(subject: &Subject) -> [sqs_rpc_protocol::VirtualQueueUrl; 2] {
    use aws_sdk_sqs::types::QueueAttributeName;
    let attributes = [
        (QueueAttributeName::FifoQueue, "true"),
        (QueueAttributeName::ContentBasedDeduplication, "true"),
    ];
    let host = subject.site.host_with("h.fifo", &attributes).await;
    let create = async |name| subject.create_on(&host, name, &[], &[]).await.unwrap();
    [create("a").await, create("b").await]
}

async fn equal_bodies_to_two_queues_both_arrive(subject: &Subject) -> CheckResult {
    let [a, b] = fifo_queues(subject).await;
    // And twice to the same queue, too.
    for queue in [&a, &b, &a] {
        subject.send(queue, "same").await?;
    }
    for queue in [&a, &b, &a] {
        let message = subject.receive_one(queue).await;
        assert_eq!(message.body(), Some("same"));
        subject.delete(queue, &message).await?;
    }
    subject.site.emptied(a.host()).await;
    Ok(())
}

async fn a_queue_keeps_its_order_and_holds_up_no_other(subject: &Subject) -> CheckResult {
    let [a, b] = fifo_queues(subject).await;
    let letters = (0..10)
        .map(|n| Letter::from(n.to_string().as_str()))
        .collect();
    assert!(
        subject
            .send_batch(&a, letters)
            .await
            .iter()
            .all(Result::is_ok)
    );
    let first = subject.receive_one(&a).await;
    assert_eq!(first.body(), Some("0"));
    // The first of `a` is in flight, which blocks its group.
    subject.send(&b, "through").await?;
    let other = subject.receive_one(&b).await;
    assert_eq!(other.body(), Some("through"));
    subject.delete(&a, &first).await?;
    for n in 1..10 {
        let next = subject.receive_one(&a).await;
        assert_eq!(next.body(), Some(n.to_string().as_str()));
        subject.delete(&a, &next).await?;
    }
    Ok(())
}

async fn the_callers_own_ids_count_within_the_queue(subject: &Subject) -> CheckResult {
    let [a, b] = fifo_queues(subject).await;
    let letter = Letter {
        group: Some("g".into()),
        deduplication: Some("d".into()),
        ..Letter::from("x")
    };
    // The second is a duplicate of the first, the third is not.
    for queue in [&a, &a, &b] {
        subject.send(queue, letter.clone()).await?;
    }
    let message = subject.receive_one(&a).await;
    let shown = message.attributes().unwrap();
    assert_eq!(shown[&Name::MessageGroupId], "g");
    assert_eq!(shown[&Name::MessageDeduplicationId], "d");
    let other = subject.receive_one(&b).await;
    assert_eq!(other.body(), Some("x"));
    subject.delete(&a, &message).await?;
    subject.delete(&b, &other).await?;
    subject.site.emptied(a.host()).await;
    Ok(())
}
