//! Sending, receiving, acknowledging.

use aws_sdk_sqs::types::MessageSystemAttributeName;

use super::CheckResult;
use super::face::{Ask, Letter, Subject};
use super::site::text;

super::contract!(
    a_sent_message_is_received_and_deleted,
    an_undeleted_message_is_redelivered_and_counted,
    visibility_can_be_set_to_zero_and_extended,
    a_receive_sets_the_requested_visibility,
    a_receive_returns_up_to_its_maximum,
    attributes_are_filtered_and_digested_as_in_sqs,
    system_attributes_are_filtered,
    each_entry_of_a_sent_batch_has_its_own_answer,
    batches_of_deletes_and_changes_answer_each_entry,
    a_delayed_message_arrives_later,
    two_receives_share_messages,
    a_request_can_be_sent_by_hand,
);

async fn a_sent_message_is_received_and_deleted(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let sent = subject.send(&queue, "hello").await?;
    assert_eq!(sent.md5_of_body, "5d41402abc4b2a76b9719d911017c592");
    let received = subject.receive_one(&queue).await;
    assert_eq!(received.message_id(), Some(sent.id.as_str()));
    assert_eq!(received.body(), Some("hello"));
    assert_eq!(received.md5_of_body(), Some(sent.md5_of_body.as_str()));
    subject.delete(&queue, &received).await?;
    subject.site.emptied(&subject.host).await;
    Ok(())
}

async fn an_undeleted_message_is_redelivered_and_counted(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    subject.send(&queue, "hello").await?;
    let count = MessageSystemAttributeName::ApproximateReceiveCount;
    let first = subject.receive_one(&queue).await;
    assert_eq!(first.attributes().unwrap()[&count], "1");
    let start = tokio::time::Instant::now();
    let visibility = subject.site.visibility().as_secs();
    let ask = Ask {
        wait: Some(visibility as i32 / 2),
        ..Ask::default()
    };
    assert!(subject.receive(&queue, ask).await?.is_empty());
    let again = subject.receive_one(&queue).await;
    subject.site.took(start, visibility);
    assert_eq!(again.message_id(), first.message_id());
    assert_eq!(again.attributes().unwrap()[&count], "2");
    Ok(())
}

async fn visibility_can_be_set_to_zero_and_extended(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    subject.send(&queue, "hello").await?;
    let first = subject.receive_one(&queue).await;
    let start = tokio::time::Instant::now();
    subject.change_visibility(&queue, &first, 0).await?;
    let again = subject.receive_one(&queue).await;
    subject.site.took(start, 0);
    let longer = subject.site.visibility().as_secs() + 2;
    let start = tokio::time::Instant::now();
    subject
        .change_visibility(&queue, &again, longer as i32)
        .await?;
    let ask = Ask {
        wait: Some(longer as i32 / 2),
        ..Ask::default()
    };
    assert!(subject.receive(&queue, ask).await?.is_empty());
    subject.receive_one(&queue).await;
    subject.site.took(start, longer);
    Ok(())
}

async fn a_receive_sets_the_requested_visibility(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    subject.send(&queue, "hello").await?;
    let ask = Ask {
        wait: Some(20),
        visibility: Some(3),
        ..Ask::default()
    };
    assert_eq!(subject.receive(&queue, ask).await?.len(), 1);
    let start = tokio::time::Instant::now();
    subject.receive_one(&queue).await;
    subject.site.took(start, 3);
    Ok(())
}

async fn a_receive_returns_up_to_its_maximum(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    for n in 0..12 {
        subject.site.send(&queue, &n.to_string()).await;
    }
    let receive = async |max| {
        let ask = Ask {
            max,
            wait: Some(1),
            ..Ask::default()
        };
        subject.receive(&queue, ask).await.map(|got| got.len())
    };
    assert_eq!(receive(None).await?, 1);
    assert_eq!(receive(Some(4)).await?, 4);
    // The rest may be received in several polls.
    let mut rest = 7;
    while rest > 0 {
        let got = receive(Some(10)).await?;
        assert!((1..=rest).contains(&got), "{got} of {rest}");
        rest -= got;
    }
    Ok(())
}

async fn attributes_are_filtered_and_digested_as_in_sqs(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let letter = Letter::from("b")
        .attribute("tenant.id", "1")
        .attribute("trace", "2");
    let ask = |attributes: &[&'static str]| Ask {
        wait: Some(20),
        visibility: Some(0),
        attributes: attributes.to_vec(),
        ..Ask::default()
    };
    subject.send(&queue, letter).await?;
    for (asked, expected) in [
        (&[][..], &[][..]),
        (&["trace", "other"], &["trace"]),
        (&["tenant.*"], &["tenant.id"]),
        (&["All"], &["tenant.id", "trace"]),
        (&[".*"], &["tenant.id", "trace"]),
        (&["__AmazonSQSVirtualQueuesClient.QueueName"], &[]),
    ] {
        let received = subject.receive(&queue, ask(asked)).await?.remove(0);
        let attributes = received.message_attributes().cloned().unwrap_or_default();
        let mut names: Vec<_> = attributes.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{asked:?}");
        // SQS's digest of the same attributes on a real queue.
        let real = subject.site.host("real").await;
        let send = subject.site.client.send_message();
        let send = send.queue_url(real.as_str()).message_body("b");
        // No list at all instead of an empty list, because servers treat an empty list differently.
        let attributes = (!attributes.is_empty()).then_some(attributes);
        let told = send.set_message_attributes(attributes).send().await?;
        assert_eq!(
            received.md5_of_message_attributes, told.md5_of_message_attributes,
            "{asked:?}"
        );
    }
    Ok(())
}

async fn system_attributes_are_filtered(subject: &Subject) -> CheckResult {
    use MessageSystemAttributeName as Name;
    let queue = subject.create("q").await;
    subject.send(&queue, "b").await?;
    for (asked, at_least) in [
        (vec![], 0),
        (vec![Name::SentTimestamp], 1),
        (vec![Name::SentTimestamp, Name::SenderId], 2),
        (vec![Name::All], 4),
    ] {
        let only = !asked.contains(&Name::All);
        let ask = Ask {
            wait: Some(20),
            visibility: Some(0),
            system: asked,
            ..Ask::default()
        };
        let received = subject.receive(&queue, ask).await?.remove(0);
        let shown = received.attributes.map_or(0, |attributes| attributes.len());
        assert!(
            shown == at_least || (!only && shown > at_least),
            "{shown}, {at_least}"
        );
    }
    Ok(())
}

async fn each_entry_of_a_sent_batch_has_its_own_answer(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let reserved = Letter::from("b").attribute("__AmazonSQSVirtualQueuesClient.QueueName", "x");
    let letters = vec![Letter::from("0"), reserved, Letter::from("2")];
    let sent = subject.send_batch(&queue, letters).await;
    assert!(sent[0].is_ok() && sent[2].is_ok());
    let problem = sent[1].as_ref().unwrap_err();
    assert_eq!(problem.code, "InvalidParameterValue");
    assert!(problem.text.contains("is reserved"), "{problem}");
    let mut received = Vec::new();
    while received.len() < 2 {
        let message = subject.receive_one(&queue).await;
        received.push(message.body().unwrap().to_owned());
    }
    received.sort();
    assert_eq!(received, ["0", "2"]);
    Ok(())
}

async fn batches_of_deletes_and_changes_answer_each_entry(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let sent = subject
        .send_batch(&queue, vec!["0".into(), "1".into()])
        .await;
    assert!(sent.iter().all(Result::is_ok));
    let first = subject.receive_one(&queue).await;
    let second = subject.receive_one(&queue).await;
    let changed = [
        (first.receipt_handle().unwrap(), 0),
        ("nonsense", 0),
        (second.receipt_handle().unwrap(), 100),
    ];
    let changed = subject.change_visibility_batch(&queue, &changed).await;
    assert!(changed[0].is_ok() && changed[1].is_err() && changed[2].is_ok());
    let again = subject.receive_one(&queue).await;
    assert_eq!(again.message_id(), first.message_id());
    let deleted = [
        again.receipt_handle().unwrap(),
        "nonsense",
        second.receipt_handle().unwrap(),
    ];
    let deleted = subject.delete_batch(&queue, &deleted).await;
    assert!(deleted[0].is_ok() && deleted[2].is_ok());
    assert_eq!(
        deleted[1].as_ref().unwrap_err().code,
        "ReceiptHandleIsInvalid"
    );
    subject.site.emptied(&subject.host).await;
    Ok(())
}

async fn a_delayed_message_arrives_later(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let delayed = Letter {
        delay: Some(7),
        ..Letter::from("b")
    };
    let start = tokio::time::Instant::now();
    subject.send(&queue, delayed).await?;
    subject.receive_one(&queue).await;
    subject.site.took(start, 7);
    Ok(())
}

async fn two_receives_share_messages(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let both = async { tokio::join!(subject.receive_one(&queue), subject.receive_one(&queue)) };
    let send = async {
        subject.send(&queue, "1").await?;
        subject.send(&queue, "2").await
    };
    let ((a, b), sent) = tokio::join!(both, send);
    sent?;
    assert_ne!(a.message_id(), b.message_id());
    // Messages from other senders belong to the queue, too.
    let plain = subject
        .site
        .client
        .send_message()
        .queue_url(subject.host.as_str());
    let name = text(queue.name().as_str());
    let plain = plain.message_attributes(sqs_rpc_protocol::names::VIRTUAL_QUEUE_NAME, name);
    plain.message_body("3").send().await?;
    assert_eq!(subject.receive_one(&queue).await.body(), Some("3"));
    Ok(())
}

async fn a_request_can_be_sent_by_hand(subject: &Subject) -> CheckResult {
    let (requests, replies) = (subject.create("requests").await, subject.create("1").await);
    let request = Letter::from("2 + 2")
        .attribute("ResponseQueueUrl", replies.as_str())
        // Forwarded from elsewhere, by code that copies all attributes.
        .attribute("SqsRpc", "1;r");
    subject.send(&requests, request).await?;
    let request = subject.receive_one(&requests).await;
    let attributes = request.message_attributes().unwrap();
    assert_eq!(attributes["SqsRpc"].string_value(), Some("1;r"));
    let address = attributes["ResponseQueueUrl"].string_value().unwrap();
    subject.send(&address.parse()?, "4").await?;
    let reply = subject.receive_one(&replies).await;
    assert_eq!(reply.body(), Some("4"));
    Ok(())
}
