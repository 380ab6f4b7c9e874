//! Creating, finding and deleting virtual queues.

use std::time::Duration;

use super::CheckResult;
use super::face::{Ask, Subject};
use super::site::{pass, until};

super::contract!(
    creating_and_deleting_a_queue_costs_no_call,
    creating_a_name_again_returns_the_same_queue,
    deleting_a_queue_ends_its_waiting_receives,
    an_unused_queue_expires_after_its_changeable_retention,
    another_processs_queue_can_only_be_sent_to,
    a_purge_deletes_buffered_messages,
    a_queue_is_found_by_its_name,
    deleting_a_host_deletes_its_virtual_queues,
    a_dropped_receive_loses_no_message,
);

fn wait(seconds: i32) -> Ask {
    Ask {
        wait: Some(seconds),
        ..Ask::default()
    }
}

async fn creating_and_deleting_a_queue_costs_no_call(subject: &Subject) -> CheckResult {
    let before = subject.site.calls();
    let queue = subject.create("q").await;
    assert_eq!(queue.as_str(), format!("{}#q", subject.host));
    subject.delete_queue(&queue).await?;
    assert!(subject.delete_queue(&queue).await.unwrap_err().is_gone());
    assert_eq!(subject.site.calls() - before, 0);
    Ok(())
}

async fn creating_a_name_again_returns_the_same_queue(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let other = subject.create("other").await;
    subject.tag(&queue, &[("k", "v")]).await?;
    subject.send(&queue, "kept").await?;
    assert!(subject.receive(&other, wait(1)).await?.is_empty());
    let again = subject
        .create_on(&subject.host, "q", &[], &[("k", "other")])
        .await?;
    assert_eq!(again, queue);
    assert_eq!(subject.tags(&queue).await?["k"], "v");
    assert_eq!(subject.receive_one(&queue).await.body(), Some("kept"));
    Ok(())
}

async fn deleting_a_queue_ends_its_waiting_receives(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let delete = async {
        pass(Duration::from_secs(3)).await;
        subject.delete_queue(&queue).await
    };
    let start = tokio::time::Instant::now();
    let (received, deleted) = tokio::join!(subject.receive(&queue, wait(20)), delete);
    deleted?;
    assert!(received.unwrap_err().is_gone());
    subject.site.took(start, 3);
    let error = subject.receive(&queue, wait(20)).await.unwrap_err();
    assert!(error.is_gone());
    assert!(error.text.contains(queue.as_str()), "{error}");
    Ok(())
}

async fn an_unused_queue_expires_after_its_changeable_retention(subject: &Subject) -> CheckResult {
    let retention = [("IdleQueueRetentionPeriodSeconds", "60")];
    let queue = subject
        .create_on(&subject.host, "q", &retention, &[])
        .await?;
    let expired = || subject.queues.stats().queues_expired;
    subject.set_retention(&queue, 4).await?;
    pass(Duration::from_secs(3)).await;
    subject.send(&queue, "in use").await?;
    pass(Duration::from_secs(3)).await;
    assert_eq!(expired(), 0);
    pass(Duration::from_secs(1)).await;
    until("the queue expires", || expired() == 1).await;
    assert!(
        subject
            .receive(&queue, wait(0))
            .await
            .unwrap_err()
            .is_gone()
    );

    let queue = subject
        .create_on(&subject.host, "q", &retention, &[])
        .await?;
    subject.set_retention(&queue, 6).await?;
    pass(Duration::from_secs(5)).await;
    assert_eq!(expired(), 1);
    // A receive in progress is an operation. The first receive finds the message that was sent to the earlier queue
    // of the same name.
    for _ in 0..2 {
        assert!(subject.receive(&queue, wait(10)).await?.len() < 2);
    }
    assert_eq!(expired(), 1);
    Ok(())
}

async fn another_processs_queue_can_only_be_sent_to(subject: &Subject) -> CheckResult {
    let other_process = subject.site.queues();
    let theirs =
        other_process.create(&subject.host, sqs_virtual_queues::CreateQueue::named("t"))?;
    let error = subject.receive(theirs.url(), wait(20)).await.unwrap_err();
    assert!(error.is_gone());
    let sent = subject.send(theirs.url(), "hello").await?;
    let received = theirs.receive().await?;
    assert_eq!(received[0].message_id(), Some(sent.id.as_str()));
    Ok(())
}

async fn a_purge_deletes_buffered_messages(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let other = subject.create("other").await;
    for _ in 0..3 {
        subject.send(&queue, "x").await?;
    }
    assert!(subject.receive(&other, wait(1)).await?.is_empty());
    subject.purge(&queue).await?;
    subject.site.emptied(&subject.host).await;
    assert!(subject.receive(&queue, wait(1)).await?.is_empty());
    Ok(())
}

async fn a_queue_is_found_by_its_name(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    assert_eq!(subject.url_of("q").await?, queue.as_str());
    assert!(subject.url_of("none").await.unwrap_err().is_gone());
    let first = subject.site.host("a-host").await;
    subject.create_on(&first, "q", &[], &[]).await?;
    assert_eq!(subject.url_of("q").await?, format!("{first}#q"));
    Ok(())
}

async fn deleting_a_host_deletes_its_virtual_queues(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    // A host that this process did not create is not expected to settle.
    let delete = subject.site.client.delete_queue();
    delete.queue_url(subject.host.as_str()).send().await?;
    let error = subject.receive(&queue, wait(20)).await.unwrap_err();
    assert!(error.is_gone());
    assert_eq!(subject.queues.stats().hosts_lost, 1);
    assert!(subject.send(&queue, "x").await.unwrap_err().is_gone());
    Ok(())
}

async fn a_dropped_receive_loses_no_message(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    for round in 0..40_u64 {
        // Dropped at increasingly late moments around the arrival of the message.
        let send = async {
            pass(Duration::from_millis(2)).await;
            subject.send(&queue, "x").await.map(drop)
        };
        let give_up = Duration::from_micros(1_000 + round * 100);
        let receive = tokio::time::timeout(give_up, subject.receive(&queue, wait(20)));
        let (received, sent) = tokio::join!(receive, send);
        sent?;
        let message = match received {
            Ok(received) => received?.remove(0),
            Err(_) => subject.receive_one(&queue).await,
        };
        subject.delete(&queue, &message).await?;
    }
    subject.site.emptied(&subject.host).await;
    Ok(())
}
