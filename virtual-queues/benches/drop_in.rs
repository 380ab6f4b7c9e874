//! The cost of a send and of a receive on a virtual queue through each API (the handle, the drop-in client), with an SQS
//! that costs almost nothing: `cargo bench -p sqs-virtual-queues --bench drop_in`.
//!
//! A plain program. It counts allocations, which are the same on every machine, and microseconds, which are not.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark looks at the clock and talks to its terminal"
)]

mod support;

use std::time::Instant;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;
use sqs_rpc_transport::Sqs;
use sqs_virtual_queues::{CreateQueue, OutgoingMessage, VirtualQueues};
use stats_alloc::Region;

use support::{ALLOCATOR, message};

/// All rounds together must receive fewer than 100,000 messages, because nobody deletes them: with this number in flight,
/// the multiplexer waits until their visibility timeout ends.
const ROUNDS: usize = 2_000;

fn text(value: &str) -> MessageAttributeValue {
    let text = MessageAttributeValue::builder().data_type("String");
    text.string_value(value).build().unwrap()
}

async fn measure<F: Future<Output = ()>>(what: &str, mut once: impl FnMut() -> F) {
    for _ in 0..ROUNDS / 10 {
        once().await;
    }
    let region = Region::new(ALLOCATOR);
    let start = Instant::now();
    for _ in 0..ROUNDS {
        once().await;
    }
    let took = start.elapsed().as_nanos() as f64 / 1e3 / ROUNDS as f64;
    let change = region.change();
    let allocations = (change.allocations + change.reallocations) / ROUNDS;
    println!("{what:34} {allocations:4} allocations, {took:6.1} us");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let sqs = support::InstantSqs::default();
    let queues = VirtualQueues::builder(Sqs::builder(sqs.clone()).build());
    let queues = queues.build().unwrap();
    let host = "http://localhost/000000000000/host".parse().unwrap();
    let queue = queues.create(&host, CreateQueue::named("q")).unwrap();
    let url = queue.url().to_string();
    let local = local_sqs::LocalSqs::start();
    let plain = local.client();
    let body = "b".repeat(200);

    let send = |client: Client| {
        let (url, body) = (url.clone(), body.clone());
        move || {
            let send = client.send_message().queue_url(&url).message_body(&body);
            let send = send.message_attributes("a", text("1"));
            let send = send.message_attributes("b", text("2"));
            async { drop(send.send().await.unwrap()) }
        }
    };
    let receive = |client: Client| {
        let (url, sqs) = (url.clone(), sqs.clone());
        move || {
            sqs.bring((0..10).map(|_| message("q")));
            let receive = client.receive_message().queue_url(&url);
            let receive = receive.max_number_of_messages(10).wait_time_seconds(20);
            async { drop(receive.send().await.unwrap()) }
        }
    };
    let handle = || {
        let message = OutgoingMessage::new(body.as_str());
        let sent = queue.send(message.attribute("a", "1").attribute("b", "2"));
        async { drop(sent.await.unwrap()) }
    };
    measure("send by the handle", handle).await;
    measure("send by the drop-in client", send(queues.client(&plain))).await;
    let by_handle = || {
        sqs.bring((0..10).map(|_| message("q")));
        let receive = queue.receive().max(10);
        async { drop(receive.await.unwrap()) }
    };
    measure("receive 10 by the handle", by_handle).await;
    measure(
        "receive 10 by the drop-in client",
        receive(queues.client(&plain)),
    )
    .await;
}
