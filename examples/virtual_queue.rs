//! Virtual queues without requests and replies: two queues on one SQS queue.
//!
//! `cargo run --example virtual_queue`

#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use std::error::Error;
use std::time::Duration;

use local_sqs::LocalSqs;
use sqs_rpc::{CreateQueue, HostQueueUrl, OutgoingMessage, VirtualQueues};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let local = LocalSqs::start();
    let host: HostQueueUrl = local.create_queue("host").await?.parse()?;
    let before = local.calls();

    // Creating a virtual queue makes no API call. `orders` is deleted when nothing has used it for a minute.
    let queues = VirtualQueues::builder(local.client()).build()?;
    let orders = queues.create(
        &host,
        CreateQueue::named("orders").idle_retention(Duration::from_secs(60)),
    )?;
    let invoices = queues.create(&host, CreateQueue::named("invoices"))?;
    println!("{}\n{}", orders.url(), invoices.url());
    assert_eq!(local.calls().since(&before).total(), 0);

    orders
        .send(OutgoingMessage::new("two of them").attribute("customer", "ada"))
        .await?;
    invoices.send("please pay").await?;

    // Each queue gets its own messages, whichever is received from first.
    for (queue, expected) in [(&invoices, "please pay"), (&orders, "two of them")] {
        let received = queue.receive().max(10).wait(Duration::from_secs(5)).await?;
        let [message] = received.as_slice() else {
            return Err("expected one message".into());
        };
        println!(
            "{}: {}",
            queue.url().name(),
            message.body().unwrap_or_default()
        );
        assert_eq!(message.body(), Some(expected));
        // Without this delete the message would be redelivered.
        queue
            .delete(message.receipt_handle().ok_or("no receipt handle")?)
            .await?;
    }

    // Nothing waits for messages any more, so the shutdown only ends the last poll.
    let report = queues.shutdown(Duration::from_secs(1)).await;
    println!("{report:?}\ncalls: {}", local.calls().since(&before));
    Ok(())
}
