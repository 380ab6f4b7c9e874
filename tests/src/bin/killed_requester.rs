//! A process that sends requests until it is killed: `killed_requester ENDPOINT QUEUE_URL`.
//!
//! It prints a line for each new host, reply and error. The test `kill` starts and kills it.

#![expect(clippy::print_stdout, reason = "the test reads what it prints")]

use std::time::Duration;

use sqs_rpc::Requester;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(endpoint), Some(queue_url)) = (arguments.next(), arguments.next()) else {
        return Err("usage: killed_requester ENDPOINT QUEUE_URL".into());
    };
    let requester = Requester::builder(sqs_rpc_tests::client(&endpoint))
        .lease_retention(MINUTE)
        .watch_period(MINUTE)
        .idle_time(60 * MINUTE)
        .build()?;
    let mut host = None;
    loop {
        let reply = requester
            .request(&queue_url, "hello")
            .timeout(Duration::from_secs(20))
            .await;
        let now = requester.reply_queue();
        if now != host {
            host = now;
            let url = host.as_ref().map_or("none", |url| url.as_str());
            println!("host {url}");
        }
        match reply {
            Ok(_) => println!("reply"),
            Err(error) => println!("error {:?}: {error}", error.kind()),
        }
        // Wall clock, because the process is real.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
