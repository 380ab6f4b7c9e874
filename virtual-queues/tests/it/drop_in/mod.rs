//! Behavior specific to the drop-in client: its place between the SDK and the user's own config.

mod errors;
mod real_queues;
mod users_config;

use aws_sdk_sqs::Client;
use sqs_virtual_queues::CreateQueue;

use crate::support::{TestResult, World};

/// A drop-in client, the URL of a virtual queue, and the URL of a real queue.
async fn dropped_in(
    world: &World,
    config: aws_sdk_sqs::config::Builder,
) -> (Client, String, String) {
    let client = Client::from_conf(config.build());
    let queues = world.queues();
    let host = world.host("host").await;
    let queue = queues.create(&host, CreateQueue::named("q")).unwrap();
    let real = world.host("real").await;
    (
        queues.client(&client),
        queue.url().to_string(),
        real.to_string(),
    )
}

async fn send(client: &Client, url: &str) -> TestResult {
    client
        .send_message()
        .queue_url(url)
        .message_body("b")
        .send()
        .await?;
    Ok(())
}
