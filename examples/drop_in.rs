//! Code for the SDK's own client, before and after the change to virtual queues. Two lines differ.
//!
//! `cargo run --example drop_in`

#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use std::error::Error;

use aws_sdk_sqs::Client;
use local_sqs::LocalSqs;
use sqs_rpc::VirtualQueues;

const CUSTOMERS: [&str; 5] = ["ada", "grace", "edsger", "barbara", "tony"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let local = LocalSqs::start();
    let start = local.calls();
    before(&local).await?;
    let on_real_queues = local.calls().since(&start);

    let start = local.calls();
    after(&local).await?;
    let on_virtual_queues = local.calls().since(&start);

    println!(
        "{} calls with a real queue for each customer",
        on_real_queues.total()
    );
    println!(
        "{} calls with a virtual queue for each customer",
        on_virtual_queues.total()
    );
    // Only the host is created and deleted with calls; the customers' queues need none.
    assert_eq!(on_real_queues.of("CreateQueue"), 5);
    assert_eq!(on_virtual_queues.of("CreateQueue"), 1);
    assert_eq!(on_virtual_queues.of("DeleteQueue"), 1);
    assert!(on_virtual_queues.total() < on_real_queues.total());
    Ok(())
}

async fn before(local: &LocalSqs) -> Result<(), Box<dyn Error>> {
    let client = local.client();
    for customer in CUSTOMERS {
        let create = client.create_queue().queue_name(customer);
        let queue = create.send().await?.queue_url.unwrap_or_default();
        notify(&client, &queue, customer).await?;
        client.delete_queue().queue_url(&queue).send().await?;
    }
    Ok(())
}

async fn after(local: &LocalSqs) -> Result<(), Box<dyn Error>> {
    let client = local.client();
    let host = client.create_queue().queue_name("customers").send().await?;
    let host = host.queue_url.unwrap_or_default();

    // The first line that differs: this client also accepts the URLs of virtual queues.
    let client = VirtualQueues::builder(&client).build()?.client(&client);
    for customer in CUSTOMERS {
        let create = client.create_queue().queue_name(customer);
        // The second line that differs: this queue is a virtual queue on the host.
        let create = create.attributes("HostQueueUrl".into(), &host);
        let queue = create.send().await?.queue_url.unwrap_or_default();
        assert_eq!(queue, format!("{host}#{customer}"));
        notify(&client, &queue, customer).await?;
        client.delete_queue().queue_url(&queue).send().await?;
    }

    client.delete_queue().queue_url(&host).send().await?;
    Ok(())
}

/// Existing code, which does not know about virtual queues.
async fn notify(client: &Client, queue: &str, customer: &str) -> Result<(), Box<dyn Error>> {
    let body = format!("hello, {customer}");
    let send = client.send_message().queue_url(queue).message_body(&body);
    send.send().await?;

    let receive = client.receive_message().queue_url(queue);
    let received = receive.wait_time_seconds(20).send().await?;
    let [message] = received.messages() else {
        return Err("expected one message".into());
    };
    assert_eq!(message.body(), Some(body.as_str()));

    let delete = client.delete_message().queue_url(queue);
    let handle = message.receipt_handle().unwrap_or_default();
    delete.receipt_handle(handle).send().await?;
    Ok(())
}
