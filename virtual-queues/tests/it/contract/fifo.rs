//! Virtual queues on a FIFO host.

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as Name};
use sqs_rpc_protocol::VirtualQueueUrl;

use super::CheckResult;
use super::face::{Ask, Letter, Subject};

super::contract!(
    equal_bodies_to_two_queues_both_arrive,
    a_queue_keeps_its_order_and_holds_up_no_other,
    a_group_waits_for_its_message_in_flight,
    a_group_waits_for_all_messages_received_together,
    a_message_made_visible_is_received_before_later_ones,
    the_callers_own_ids_apply_within_the_queue,
);

async fn fifo_queues(subject: &Subject) -> [VirtualQueueUrl; 2] {
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
    // Also twice to the same queue.
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
    // The first message of `a` is in flight, which blocks its group.
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

/// Sends "1", "2" and so on, all in one group.
async fn send_numbers(subject: &Subject, queue: &VirtualQueueUrl, count: usize) {
    let letters = (1..=count).map(|n| Letter::from(n.to_string().as_str()));
    let sent = subject.send_batch(queue, letters.collect()).await;
    assert!(sent.iter().all(Result::is_ok));
}

/// Receives the messages that are available within a second.
async fn receive_now(subject: &Subject, queue: &VirtualQueueUrl) -> Vec<Message> {
    let ask = Ask {
        max: Some(10),
        wait: Some(1),
        system: vec![Name::All],
        ..Ask::default()
    };
    subject.receive(queue, ask).await.unwrap()
}

async fn a_group_waits_for_its_message_in_flight(subject: &Subject) -> CheckResult {
    let [a, _] = fifo_queues(subject).await;
    send_numbers(subject, &a, 3).await;
    let other = Letter {
        group: Some("other".into()),
        ..Letter::from("of another group")
    };
    subject.send(&a, other).await?;
    let first = subject.receive_one(&a).await;
    assert_eq!(first.body(), Some("1"));
    let other = subject.receive_one(&a).await;
    assert_eq!(other.body(), Some("of another group"));
    assert_eq!(receive_now(subject, &a).await, []);
    // Deleting the message of the other group changes nothing.
    subject.delete(&a, &other).await?;
    assert_eq!(receive_now(subject, &a).await, []);
    subject.delete(&a, &first).await?;
    let second = subject.receive_one(&a).await;
    assert_eq!(second.body(), Some("2"));
    assert_eq!(receive_now(subject, &a).await, []);
    // A waiting receive is served as soon as the message is deleted.
    let (third, deleted) = tokio::join!(subject.receive_one(&a), subject.delete(&a, &second));
    deleted?;
    assert_eq!(third.body(), Some("3"));
    subject.delete(&a, &third).await?;
    subject.site.emptied(a.host()).await;
    Ok(())
}

async fn a_group_waits_for_all_messages_received_together(subject: &Subject) -> CheckResult {
    let [a, _] = fifo_queues(subject).await;
    send_numbers(subject, &a, 4).await;
    let ask = Ask {
        max: Some(3),
        wait: Some(20),
        ..Ask::default()
    };
    let received = subject.receive(&a, ask).await?;
    let bodies: Vec<_> = received.iter().filter_map(Message::body).collect();
    assert_eq!(bodies, ["1", "2", "3"]);
    let handles = received.iter().filter_map(Message::receipt_handle);
    let handles: Vec<_> = handles.collect();
    let deleted = subject.delete_batch(&a, &handles[..2]).await;
    assert!(deleted.iter().all(Result::is_ok));
    assert_eq!(receive_now(subject, &a).await, []);
    let deleted = subject.delete_batch(&a, &handles[2..]).await;
    assert!(deleted.iter().all(Result::is_ok));
    let last = subject.receive_one(&a).await;
    assert_eq!(last.body(), Some("4"));
    subject.delete(&a, &last).await?;
    subject.site.emptied(a.host()).await;
    Ok(())
}

async fn a_message_made_visible_is_received_before_later_ones(subject: &Subject) -> CheckResult {
    let [a, _] = fifo_queues(subject).await;
    send_numbers(subject, &a, 3).await;
    let first = subject.receive_one(&a).await;
    let handle = first.receipt_handle().unwrap();
    let changed = subject.change_visibility_batch(&a, &[(handle, 0)]).await;
    assert!(changed.iter().all(Result::is_ok));
    let again = subject.receive_one(&a).await;
    assert_eq!(again.body(), Some("1"));
    assert_eq!(again.message_id(), first.message_id());
    subject.change_visibility(&a, &again, 0).await?;
    for body in ["1", "2", "3"] {
        let message = subject.receive_one(&a).await;
        assert_eq!(message.body(), Some(body));
        subject.delete(&a, &message).await?;
    }
    subject.site.emptied(a.host()).await;
    Ok(())
}

async fn the_callers_own_ids_apply_within_the_queue(subject: &Subject) -> CheckResult {
    let [a, b] = fifo_queues(subject).await;
    let letter = Letter {
        group: Some("g".into()),
        deduplication: Some("d".into()),
        ..Letter::from("x")
    };
    // The second message is a duplicate of the first, the third is not.
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
