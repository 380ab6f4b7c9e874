//! Long polls wait exactly as long as they should.

use crate::support::{now, over_http};
use aws_sdk_sqs::Client;
use aws_smithy_async::time::TimeSource;
use local_sqs::LocalSqs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

async fn receive(client: &Client, url: &str) -> Vec<String> {
    let received = client
        .receive_message()
        .queue_url(url)
        .wait_time_seconds(20)
        .send()
        .await
        .expect("received");
    received
        .messages()
        .iter()
        .map(|message| message.body().unwrap_or_default().to_owned())
        .collect()
}

/// A clock for the SDK that follows tokio's clock, because the SDK's stalled-stream protection uses both.
#[derive(Debug)]
struct TokioTime(Instant);

impl TimeSource for TokioTime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.0.elapsed()
    }
}

/// The SDK treats a request whose body is not read for 5 s as stalled, unless this protection is disabled. By default
/// it is enabled.
#[tokio::test(start_paused = true)]
async fn stalled_stream_protection_lets_a_poll_wait() {
    let sqs = LocalSqs::start();
    let url = sqs.create_queue("jobs").await.expect("made");
    let config = sqs.sdk_config().time_source(TokioTime(now())).build();
    let started = now();
    assert_eq!(receive(&Client::from_conf(config), &url).await, [""; 0]);
    assert_eq!(started.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn an_empty_poll_lasts_its_whole_wait() {
    let sqs = LocalSqs::start();
    let url = sqs.create_queue("jobs").await.expect("made");
    let started = now();
    assert_eq!(receive(&sqs.client(), &url).await, [""; 0]);
    assert_eq!(started.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_send_wakes_the_polls_in_order_of_their_arrival() {
    let sqs = LocalSqs::start();
    let url = sqs.create_queue("jobs").await.expect("made");
    let client = sqs.client();
    let (first, second) = (receive(&client, &url), receive(&client, &url));
    let send = async {
        for body in ["a", "b"] {
            tokio::time::sleep(Duration::from_secs(3)).await;
            client
                .send_message()
                .queue_url(&url)
                .message_body(body)
                .send()
                .await
                .expect("sent");
        }
    };
    let started = now();
    let (first, second, ()) = tokio::join!(first, second, send);
    assert_eq!(
        (first, second),
        (vec!["a".to_owned()], vec!["b".to_owned()])
    );
    assert_eq!(started.elapsed(), Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn a_poll_wakes_when_a_visibility_timeout_ends() {
    let sqs = LocalSqs::start();
    let url = sqs.create_queue("jobs").await.expect("made");
    let client = sqs.client();
    client
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .send()
        .await
        .expect("sent");
    let taken = client
        .receive_message()
        .queue_url(&url)
        .visibility_timeout(7)
        .send()
        .await
        .expect("received");
    assert_eq!(taken.messages().len(), 1);
    let started = now();
    assert_eq!(receive(&client, &url).await, ["x"]);
    assert_eq!(started.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_shortened_visibility_timeout_wakes_a_waiting_poll() {
    let sqs = LocalSqs::start();
    let url = sqs.create_queue("jobs").await.expect("made");
    let client = sqs.client();
    client
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .delay_seconds(1)
        .send()
        .await
        .expect("sent");
    let started = now();
    let taken = client
        .receive_message()
        .queue_url(&url)
        .wait_time_seconds(20)
        .visibility_timeout(600);
    let taken = taken.send().await.expect("received");
    assert_eq!(
        started.elapsed().as_secs(),
        1,
        "the end of a delay wakes a poll, too"
    );
    let handle = taken.messages()[0].receipt_handle().expect("a handle");
    let shorten = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let change = client
            .change_message_visibility()
            .queue_url(&url)
            .receipt_handle(handle)
            .visibility_timeout(3);
        change.send().await.expect("changed");
    };
    let (received, ()) = tokio::join!(receive(&client, &url), shorten);
    assert_eq!(received, ["x"]);
    assert_eq!(started.elapsed().as_secs(), 1 + 2 + 3);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_poll_takes_nothing_and_the_next_poll_wakes() {
    let sqs = LocalSqs::start();
    let url = sqs.create_queue("jobs").await.expect("made");
    let client = sqs.client();
    client
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .delay_seconds(5)
        .send()
        .await
        .expect("sent");
    let started = now();
    // The first poll, which wakes for the queue's events, is dropped.
    let first = tokio::time::timeout(Duration::from_secs(2), receive(&client, &url));
    let (first, second) = tokio::join!(first, receive(&client, &url));
    assert!(first.is_err());
    assert_eq!(second, ["x"]);
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_queue_ends_its_polls() {
    let sqs = LocalSqs::start();
    let url = sqs.create_queue("jobs").await.expect("made");
    let client = sqs.client();
    let poll = client
        .receive_message()
        .queue_url(&url)
        .wait_time_seconds(20)
        .send();
    let delete = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        client
            .delete_queue()
            .queue_url(&url)
            .send()
            .await
            .expect("deleted");
    };
    let started = now();
    let (polled, ()) = tokio::join!(poll, delete);
    let error = polled
        .expect_err("the queue was deleted")
        .into_service_error();
    assert!(error.is_queue_does_not_exist());
    assert_eq!(started.elapsed().as_secs(), 1);
}

#[tokio::test]
async fn over_http_a_send_wakes_a_poll() {
    let (sqs, server, client) = over_http().await;
    let url = sqs.create_queue("jobs").await.expect("made");
    let polled = tokio::spawn({
        let (client, url) = (client.clone(), url.clone());
        async move { receive(&client, &url).await }
    });
    while sqs.calls().of("ReceiveMessage") == 0 {
        tokio::task::yield_now().await;
    }
    client
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .send()
        .await
        .expect("sent");
    assert_eq!(polled.await.expect("no panic"), ["x"]);
    server.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_ends_polls_without_messages() {
    let (sqs, server, client) = over_http().await;
    let url = sqs.create_queue("jobs").await.expect("made");
    let polled = tokio::spawn({
        let url = url.clone();
        async move { receive(&client, &url).await }
    });
    while sqs.calls().of("ReceiveMessage") == 0 {
        tokio::task::yield_now().await;
    }
    server.shutdown().await;
    assert_eq!(polled.await.expect("no panic"), [""; 0]);
    sqs.client()
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .send()
        .await
        .expect("sent");
    assert_eq!(
        receive(&sqs.client(), &url).await,
        ["x"],
        "the ended poll took no message"
    );
}
