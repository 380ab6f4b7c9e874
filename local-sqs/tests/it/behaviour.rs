//! Each delay and fault, as a client sees it.

use crate::support::{now, over_http};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use local_sqs::engine::Action;
use local_sqs::{Behaviour, Date, Latency, LocalSqs};
use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

/// An SQS, a client without retries, and a queue that was created before the faults were enabled.
async fn with(behaviour: Behaviour) -> (LocalSqs, Client, String) {
    let sqs = LocalSqs::builder()
        .seed(11)
        .start_time(UNIX_EPOCH + Duration::from_secs(1_000_000))
        .build();
    let url = sqs.create_queue("jobs").await.expect("made");
    sqs.set_behaviour(behaviour);
    let config = sqs
        .sdk_config()
        .retry_config(RetryConfig::disabled())
        .build();
    (sqs, Client::from_conf(config), url)
}

async fn send(client: &Client, url: &str, body: &str) {
    client
        .send_message()
        .queue_url(url)
        .message_body(body)
        .send()
        .await
        .expect("sent");
}

async fn receive(client: &Client, url: &str, most: i32) -> Vec<String> {
    let received = client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(most)
        .send()
        .await
        .expect("received");
    received
        .messages()
        .iter()
        .map(|message| message.body().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_its_latency() {
    let (_, client, url) =
        with(Behaviour::default().latency(Latency::Fixed(Duration::from_millis(70)))).await;
    let started = now();
    send(&client, &url, "x").await;
    assert_eq!(started.elapsed(), Duration::from_millis(70));
}

#[tokio::test(start_paused = true)]
async fn a_message_arrives_after_its_delivery_time() {
    let (_, client, url) =
        with(Behaviour::default().delivery(Latency::Fixed(Duration::from_millis(300)))).await;
    send(&client, &url, "x").await;
    assert_eq!(receive(&client, &url, 1).await, [""; 0]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(receive(&client, &url, 1).await, ["x"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_queue_cannot_be_used_until_it_has_settled() {
    let (sqs, client, _) = with(Behaviour::default().settling(Duration::from_secs(1))).await;
    let url = sqs.create_queue("new").await.expect("made");
    let error = client
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .send()
        .await
        .expect_err("too soon");
    assert!(error.into_service_error().is_queue_does_not_exist());
    tokio::time::sleep(Duration::from_secs(1)).await;
    send(&client, &url, "x").await;
}

#[tokio::test(start_paused = true)]
async fn settling_does_not_affect_existing_queues() {
    let (sqs, client, url) = with(Behaviour::default()).await;
    sqs.set_behaviour(Behaviour::default().settling(Duration::from_secs(1)));
    send(&client, &url, "x").await;
}

#[tokio::test(start_paused = true)]
async fn sends_to_a_queue_being_deleted_are_lost() {
    let (_, client, url) = with(Behaviour::default().deletion(Duration::from_secs(30))).await;
    client
        .delete_queue()
        .queue_url(&url)
        .send()
        .await
        .expect("deleted");
    send(&client, &url, "x").await;
    let entry = SendMessageBatchRequestEntry::builder()
        .id("a")
        .message_body("x")
        .build()
        .expect("complete");
    let batch = client
        .send_message_batch()
        .queue_url(&url)
        .entries(entry)
        .send()
        .await
        .expect("sent");
    assert_eq!((batch.successful().len(), batch.failed().len()), (1, 0));
    let error = client
        .receive_message()
        .queue_url(&url)
        .send()
        .await
        .expect_err("gone");
    assert!(error.into_service_error().is_queue_does_not_exist());
    tokio::time::sleep(Duration::from_secs(30)).await;
    let error = client
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .send()
        .await
        .expect_err("gone");
    assert!(error.into_service_error().is_queue_does_not_exist());
}

#[tokio::test(start_paused = true)]
async fn stale_tags_are_read_until_their_maximum_age() {
    let (_, client, url) = with(Behaviour::default().stale_tags(Duration::from_secs(60))).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    client
        .tag_queue()
        .queue_url(&url)
        .tags("k", "v")
        .send()
        .await
        .expect("tagged");
    let seen = async || {
        let tags = client
            .list_queue_tags()
            .queue_url(&url)
            .send()
            .await
            .expect("listed");
        tags.tags().is_some_and(|tags| tags.contains_key("k"))
    };
    tokio::time::sleep(Duration::from_secs(30)).await;
    let mut seen_half_way = BTreeSet::new();
    for _ in 0..50 {
        seen_half_way.insert(seen().await);
    }
    assert_eq!(seen_half_way, [false, true].into());
    tokio::time::sleep(Duration::from_secs(30)).await;
    for _ in 0..50 {
        assert!(seen().await);
    }
}

#[tokio::test(start_paused = true)]
async fn the_date_header_follows_its_setting() {
    async fn date(behaviour: Behaviour) -> Option<String> {
        let (_, client, _) = with(behaviour).await;
        let error = client
            .list_queue_tags()
            .queue_url("https://h/0/none")
            .send()
            .await
            .expect_err("none");
        error
            .raw_response()?
            .headers()
            .get("date")
            .map(str::to_owned)
    }
    let exact = Some("Mon, 12 Jan 1970 13:46:40 GMT".to_owned());
    assert_eq!(date(Behaviour::default()).await, exact);
    let ahead = Behaviour::default().date(Date::Ahead(Duration::from_secs(20)));
    assert_eq!(
        date(ahead).await,
        Some("Mon, 12 Jan 1970 13:47:00 GMT".to_owned())
    );
    let behind = Behaviour::default().date(Date::Behind(Duration::from_secs(40)));
    assert_eq!(
        date(behind).await,
        Some("Mon, 12 Jan 1970 13:46:00 GMT".to_owned())
    );
    assert_eq!(date(Behaviour::default().date(Date::Absent)).await, None);
    assert_ne!(
        date(Behaviour::default().date(Date::Wavering(Duration::from_secs(500)))).await,
        exact
    );
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_received_again_at_once() {
    let (_, client, url) = with(Behaviour::default().duplicates(1.0)).await;
    send(&client, &url, "x").await;
    assert_eq!(receive(&client, &url, 10).await, ["x"]);
    assert_eq!(receive(&client, &url, 10).await, ["x"]);
}

#[tokio::test(start_paused = true)]
async fn reordered_messages_all_arrive() {
    let (_, client, url) = with(Behaviour::default().reordering(0.5)).await;
    let sent: Vec<_> = (10..60).map(|number| number.to_string()).collect();
    for body in &sent {
        send(&client, &url, body).await;
    }
    let mut received = Vec::new();
    while received.len() < sent.len() {
        received.extend(receive(&client, &url, 10).await);
    }
    assert_ne!(received, sent);
    received.sort();
    assert_eq!(received, sent);
}

#[tokio::test(start_paused = true)]
async fn a_receive_may_miss_messages() {
    let (_, client, url) = with(Behaviour::default().missed(1.0)).await;
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    for _ in 0..40 {
        for (wait, found) in [0, 1].into_iter().zip(&mut found) {
            client
                .purge_queue()
                .queue_url(&url)
                .send()
                .await
                .expect("purged");
            tokio::time::sleep(Duration::from_secs(60)).await;
            send(&client, &url, "x").await;
            send(&client, &url, "x").await;
            let received = client
                .receive_message()
                .queue_url(&url)
                .max_number_of_messages(2);
            let received = received
                .wait_time_seconds(wait)
                .send()
                .await
                .expect("received");
            found.insert(received.messages().len());
        }
    }
    assert_eq!(
        found,
        [[0, 1, 2].into(), [1, 2].into()],
        "a long poll asks all servers"
    );
}

#[tokio::test(start_paused = true)]
async fn counts_are_wrong_by_at_most_the_given_part() {
    let (_, client, url) = with(Behaviour::default().count_error(0.5)).await;
    for _ in 0..10 {
        send(&client, &url, "x").await;
    }
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let attributes = client
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(name.clone())
            .send();
        let attributes = attributes.await.expect("described");
        seen.insert(
            attributes.attributes().expect("one")[&name]
                .parse::<u32>()
                .expect("a number"),
        );
    }
    assert!(
        seen.len() > 2 && seen.iter().all(|count| (5..=15).contains(count)),
        "{seen:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_has_no_effect() {
    for (behaviour, code) in [
        (Behaviour::default().throttled(1.0), "RequestThrottled"),
        (Behaviour::default().unavailable(1.0), "ServiceUnavailable"),
    ] {
        let (sqs, client, url) = with(behaviour).await;
        let error = client
            .send_message()
            .queue_url(&url)
            .message_body("x")
            .send()
            .await
            .expect_err("refused");
        assert_eq!(error.code(), Some(code));
        sqs.set_behaviour(Behaviour::default());
        assert_eq!(receive(&client, &url, 1).await, [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_lost_answer_has_its_effect() {
    let (_, client, url) = with(
        Behaviour::default()
            .lost_answers(1.0)
            .only([Action::SendMessage]),
    )
    .await;
    let error = client
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .send()
        .await
        .expect_err("lost");
    assert!(
        matches!(error, SdkError::DispatchFailure(ref failure) if failure.is_io()),
        "{error:?}"
    );
    assert_eq!(receive(&client, &url, 1).await, ["x"]);
}

#[tokio::test]
async fn over_http_a_lost_answer_breaks_its_connection() {
    let (sqs, server, client) = over_http().await;
    let config = client
        .config()
        .to_builder()
        .retry_config(RetryConfig::disabled())
        .build();
    let client = Client::from_conf(config);
    let url = sqs.create_queue("jobs").await.expect("made");
    sqs.set_behaviour(
        Behaviour::default()
            .lost_answers(1.0)
            .only([Action::SendMessage]),
    );
    let error = client
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .send()
        .await
        .expect_err("lost");
    assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
    assert_eq!(receive(&client, &url, 1).await, ["x"]);
    server.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_entry_has_no_effect_and_no_sender_fault() {
    let (_, client, url) = with(Behaviour::default().failed_entries(0.5)).await;
    let entry = |id: i32| {
        SendMessageBatchRequestEntry::builder()
            .id(id.to_string())
            .message_body(id.to_string())
            .build()
            .expect("complete")
    };
    let batch = client
        .send_message_batch()
        .queue_url(&url)
        .set_entries(Some((0..10).map(entry).collect()));
    let batch = batch.send().await.expect("sent");
    assert!(
        !batch.failed().is_empty() && batch.failed().iter().all(|failed| !failed.sender_fault())
    );
    let received = receive(&client, &url, 10).await;
    let accepted: Vec<_> = batch
        .successful()
        .iter()
        .map(|entry| entry.id().to_owned())
        .collect();
    assert_eq!(received, accepted);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_meets_the_same_faults() {
    async fn run(seed: u64) -> Vec<bool> {
        let sqs = LocalSqs::builder()
            .seed(seed)
            .behaviour(Behaviour::default().throttled(0.5))
            .build();
        let config = sqs
            .sdk_config()
            .retry_config(RetryConfig::disabled())
            .build();
        let client = Client::from_conf(config);
        let mut fates = Vec::new();
        for _ in 0..64 {
            fates.push(client.list_queues().send().await.is_ok());
        }
        fates
    }
    assert_eq!(run(1).await, run(1).await);
    assert_ne!(run(1).await, run(2).await);
}

#[tokio::test(start_paused = true)]
async fn like_aws_loses_no_message() {
    let (_, client, url) = with(Behaviour::like_aws()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for number in 0..200 {
        send(&client, &url, &number.to_string()).await;
    }
    let mut seen = BTreeSet::new();
    while seen.len() < 200 {
        let received = client
            .receive_message()
            .queue_url(&url)
            .max_number_of_messages(10)
            .wait_time_seconds(20);
        for message in received.send().await.expect("received").messages() {
            seen.insert(message.body().unwrap_or_default().to_owned());
            let delete = client.delete_message().queue_url(&url);
            delete
                .receipt_handle(message.receipt_handle().unwrap_or_default())
                .send()
                .await
                .expect("deleted");
        }
    }
}
