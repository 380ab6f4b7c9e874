//! `sqs-rpc request`: sends a request and prints the reply.

mod output;

use std::io::{self, IsTerminal as _, Read as _};
use std::time::Duration;

use sqs_rpc::requester::Reply;
use sqs_rpc::{QueueUrl, RequestError, RequestErrorKind, Requester};

use crate::clock::Stopwatch;
use crate::connection::Connection;
use crate::console;
use crate::failure::{Exit, Failure};
use crate::signals::Signals;
use crate::time;

/// How long the deletion of the reply queue, which is created for this request alone, may take.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// Send a request to a queue and print the reply
///
/// The body is sent unchanged. The reply is printed unchanged, with a newline added if it does not end in one.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// URL of the request queue
    #[arg(long, value_name = "URL")]
    queue_url: String,
    /// Timeout of the whole command, including one second to create the reply queue
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::parse)]
    timeout: Duration,
    /// Message attribute for the responder; may be given up to 7 times
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// Message group: the order on a FIFO queue, the tenant on a standard queue
    #[arg(long)]
    group: Option<String>,
    /// Print a JSON object with body, attributes and elapsed_ms, or with error, instead of the reply
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    connection: Connection,
    /// Body of the request; if missing or -, it is read from stdin
    body: Option<String>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let queue = QueueUrl::parse(&arguments.queue_url).map_err(Failure::usage)?;
    let body = body(arguments.body)?;
    let client = arguments.connection.client(queue.host()).await?;
    let mut signals = Signals::listen().map_err(Failure::other)?;

    let requester = Requester::builder(&client)
        .build()
        .map_err(Failure::usage)?;
    let mut request = requester.request(&queue, body).timeout(arguments.timeout);
    for (name, value) in arguments.attributes {
        request = request.attribute(name, value);
    }
    if let Some(group) = arguments.group {
        request = request.group(group);
    }

    let watch = Stopwatch::start();
    let outcome = tokio::select! {
        biased;
        outcome = request.send() => Some(outcome),
        () = signals.next() => None,
    };
    let elapsed = watch.elapsed();
    let printed = match &outcome {
        Some(outcome) => print(outcome, elapsed, arguments.json),
        None => Ok(()),
    };
    clean_up(&requester, &mut signals).await;

    match outcome {
        Some(Ok(_)) => printed,
        Some(Err(error)) if arguments.json => Err(failure(error).in_result()),
        Some(Err(error)) => Err(failure(error)),
        None => Err(Failure::interrupted("interrupted before the reply came")),
    }
}

/// Deletes the reply queue; a second signal stops the deletion.
async fn clean_up(requester: &Requester, signals: &mut Signals) {
    tokio::select! {
        biased;
        report = requester.shutdown(CLEAN_UP) => {
            if let Some(queue) = report.left_behind {
                tracing::warn!(%queue, "the reply queue could not be deleted; delete it yourself");
            }
        }
        () = signals.next() => tracing::warn!("the reply queue may not have been deleted"),
    }
}

fn print(
    outcome: &Result<Reply, RequestError>,
    elapsed: Duration,
    json: bool,
) -> Result<(), Failure> {
    let text = match outcome {
        _ if json => output::json(outcome, elapsed),
        Ok(reply) => output::plain(reply.body()),
        Err(_) => return Ok(()),
    };
    console::print(&text)
}

fn failure(error: RequestError) -> Failure {
    let exit = match error.kind() {
        RequestErrorKind::Remote | RequestErrorKind::ReplyTooLarge => Exit::Remote,
        RequestErrorKind::InvalidRequest | RequestErrorKind::TooLarge => Exit::Usage,
        RequestErrorKind::Timeout => Exit::Timeout,
        _ => Exit::Other,
    };
    // The text of the error leaves out the responder's message, which must not appear in logs. On a terminal it is shown.
    match error.remote() {
        Some(remote) if !remote.message.is_empty() => {
            Failure::new(exit, format!("{error}: {}", remote.message))
        }
        _ => Failure::new(exit, error),
    }
}

fn body(given: Option<String>) -> Result<String, Failure> {
    let mut stdin = io::stdin();
    match given {
        Some(body) if body != "-" => return Ok(body),
        None if stdin.is_terminal() => {
            return Err(Failure::usage(
                "expected a body as an argument or on stdin, found none (- reads from the terminal)",
            ));
        }
        _ => {}
    }
    let mut body = String::new();
    match stdin.read_to_string(&mut body) {
        Ok(_) => Ok(body),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(Failure::usage(
            "expected UTF-8 as the body on stdin, found other bytes",
        )),
        Err(error) => Err(Failure::other(format!("cannot read stdin: {error}"))),
    }
}

fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("expected NAME=VALUE, found {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_split_at_its_first_equals_sign() {
        assert_eq!(attribute("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(attribute("=b").is_err());
        assert!(attribute("a").is_err());
    }
}
