//! `sqs-rpc local`: an SQS on this machine.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};

use local_sqs::{LocalSqs, Server};

use crate::failure::Failure;
use crate::signals::Signals;

const REGION: &str = "us-east-1";

/// Run an SQS in memory on this machine, until Ctrl-C; nothing is kept
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Port to listen on, for this machine only; 0 takes a free one
    #[arg(long, default_value_t = 9324)]
    port: u16,
    /// Queue to create; may be given more than once. A name that ends in .fifo makes a FIFO queue
    #[arg(long = "queue", value_name = "NAME")]
    queues: Vec<String>,
    /// Write one line a request to stderr: action, queue, outcome, time; never a body
    #[arg(long)]
    log: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut signals = Signals::listen().map_err(Failure::other)?;
    let mut sqs = LocalSqs::builder().region(REGION);
    if arguments.log {
        // A terminal that is gone is no reason to stop.
        sqs = sqs.trace(|trace| drop(writeln!(io::stderr(), "{trace}")));
    }
    let sqs = sqs.build();
    for name in &arguments.queues {
        sqs.create_queue(name)
            .await
            .map_err(|error| Failure::usage(format!("queue {name:?}: {error}")))?;
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let server = Server::bind(sqs, address)
        .await
        .map_err(|error| cannot_listen(address, &error))?;

    let urls: Vec<String> = arguments
        .queues
        .iter()
        .map(|name| server.queue_url(name))
        .collect();
    print(&introduction(&server.endpoint_url(), &urls)).map_err(Failure::other)?;

    signals.next().await;
    tokio::select! {
        biased;
        // In a hurry.
        () = signals.next() => {}
        () = server.shutdown() => {}
    }
    Ok(())
}

/// What a person needs to begin. Its end shows that the server is ready.
fn introduction(endpoint: &str, queue_urls: &[String]) -> String {
    let mut text = format!("SQS in memory at {endpoint}; Ctrl-C ends it, and nothing is kept\n\n");
    if !queue_urls.is_empty() {
        text.push_str("queues:\n");
        for url in queue_urls {
            let _ = writeln!(text, "  {url}");
        }
        text.push('\n');
    }
    let _ = write!(
        text,
        "for AWS SDKs, the AWS CLI and sqs-rpc in another shell:\n  \
           export AWS_ENDPOINT_URL_SQS={endpoint}\n  \
           export AWS_REGION={REGION}\n  \
           export AWS_ACCESS_KEY_ID=local\n  \
           export AWS_SECRET_ACCESS_KEY=local\n\n\
         version 1 of the AWS CLI wants --endpoint-url {endpoint} in each command, too\n\n\
         ready\n"
    );
    text
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Failure {
    let error: Box<dyn Error + Send + Sync> = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {} is taken: choose another with --port, or any free one with --port 0",
            address.port()
        )
        .into(),
        _ => format!("cannot listen at {address}: {error}").into(),
    };
    Failure::other(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_introduction_can_be_pasted_and_ends_when_ready() {
        let text = introduction(
            "http://127.0.0.1:1",
            &["http://127.0.0.1:1/0/login".to_owned()],
        );
        assert!(text.contains("\n  http://127.0.0.1:1/0/login\n"), "{text}");
        let exports: Vec<_> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("export "))
            .collect();
        assert_eq!(exports.len(), 4);
        assert_eq!(exports[0], "AWS_ENDPOINT_URL_SQS=http://127.0.0.1:1");
        assert!(text.ends_with("\nready\n"));
    }
}
