//! `sqs-rpc serve`: runs a command for each request.
//!
//! | file | question |
//! |---|---|
//! | `handler` | what happens with one request? |
//! | `process` | how does a command run, and how does it end? |
//! | `stderr` | what did it say last? |
//! | `answer` | what is the caller told? (pure) |
//!
//! **Invariant:** no command outlives the request that it was started for.

mod answer;
mod handler;
mod process;
mod stderr;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sqs_rpc::responder::{Request, ServeErrorKind};
use sqs_rpc::{Drained, HostQueueUrl, Responder};
use tokio::sync::oneshot;

use self::handler::CommandHandler;
use crate::connection::Connection;
use crate::console;
use crate::failure::Failure;
use crate::signals::Signals;
use crate::{number, time};

/// How long a poll waits for requests. Shorter than SQS's 20 s, since a poll is never cut off, and whoever presses Ctrl-C
/// waits for it.
const POLL_WAIT: Duration = Duration::from_secs(5);

/// Serve a queue: run a command for each request
///
/// The command gets the body on stdin, and what it prints is the reply, as it is. If it exits with another code than 0,
/// prints nothing or something that a message cannot carry, the caller gets an error. Its stderr is ours.
#[derive(Debug, clap::Args)]
#[command(after_long_help = ENVIRONMENT)]
pub(crate) struct Arguments {
    /// URL of the request queue
    #[arg(long, value_name = "URL")]
    queue_url: String,
    /// Most commands that run at a time [default: one for each CPU]
    #[arg(long, value_name = "N", value_parser = concurrency)]
    concurrency: Option<usize>,
    /// How long SQS hides a request from others; extended while its command runs
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::parse)]
    visibility: Duration,
    /// How long the commands that run may take after Ctrl-C, SIGTERM or SIGHUP
    #[arg(long, value_name = "TIME", default_value = "25s", value_parser = drain)]
    drain: Duration,
    /// Tell callers the last line that a failed command wrote to stderr; without this, its exit code only
    #[arg(long)]
    expose_stderr: bool,
    #[command(flatten)]
    connection: Connection,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const ENVIRONMENT: &str = "\
The command's environment is ours, and:
  SQS_RPC_MESSAGE_ID   SQS's id of the message, the same if it is delivered again
  SQS_RPC_REQUEST_ID   the request's id, if its sender gave it one (Java's do not)
  SQS_RPC_DEADLINE_MS  milliseconds that are left when the command starts; after that it is killed, together with the
                       processes that it started. Not set if the sender gave no time.

What the caller gets instead of a reply, as the code of its error:
  command.failed         the command exited with another code than 0, or a signal ended it
  command.no_output      it printed nothing
  command.not_utf8       it printed something that is not UTF-8
  command.bad_character  it printed a character that SQS does not take: control characters, as those of colours, but for
                         tabs and ends of lines; U+FFFE and U+FFFF

Ctrl-C, SIGTERM or SIGHUP (Ctrl-Break on Windows) stops receiving and waits for what runs; a second one ends at once.";

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let queue = HostQueueUrl::parse(&arguments.queue_url).map_err(Failure::usage)?;
    let client = arguments.connection.client(&queue).await?;
    let responder = Responder::builder(&client)
        .concurrency(arguments.concurrency.unwrap_or_else(cpus))
        .visibility_timeout(arguments.visibility)
        .poll_wait(POLL_WAIT)
        .build()
        .map_err(Failure::usage)?;
    let handler =
        CommandHandler::new(arguments.command, arguments.expose_stderr).map_err(Failure::usage)?;
    let handler = Arc::new(handler);

    let mut signals = Signals::listen().map_err(Failure::other)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = responder
        .serve(&queue, move |request: Request| {
            let handler = Arc::clone(&handler);
            async move { handler.handle(request).await }
        })
        .drain(arguments.drain)
        .with_graceful_shutdown(async move {
            // Dropped without a word, it means the same.
            let _ = stopped.await;
        });
    let mut serving = pin!(serve.into_future());
    say(format_args!("serving {queue}; Ctrl-C ends it"));

    tokio::select! {
        biased;
        outcome = &mut serving => return finish(outcome),
        () = signals.next() => {}
    }
    say(format_args!(
        "finishing what runs, for {:?} at the most; Ctrl-C again ends at once",
        arguments.drain
    ));
    drop(stop);
    tokio::select! {
        biased;
        outcome = &mut serving => finish(outcome),
        () = signals.next() => Err(Failure::other("ended at once; requests that were not finished are delivered again")),
    }
}

fn finish(outcome: Result<Drained, sqs_rpc::responder::ServeError>) -> Result<(), Failure> {
    match outcome {
        Ok(drained) if drained.is_clean() => {
            say(format_args!("stopped; nothing was cut off"));
            Ok(())
        }
        Ok(drained) => {
            say(format_args!(
                "stopped; {} commands were cut off, {} requests given back",
                drained.abandoned, drained.released
            ));
            Ok(())
        }
        Err(error) if error.kind() == ServeErrorKind::InvalidQueueUrl => Err(Failure::usage(error)),
        Err(error) => Err(Failure::other(error)),
    }
}

fn concurrency(text: &str) -> Result<usize, String> {
    number::within(text, 1..=100_000)
}

/// No longer than a request can be kept from others.
fn drain(text: &str) -> Result<Duration, String> {
    time::up_to(text, Duration::from_secs(12 * 3_600))
}

fn cpus() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// What a person at the terminal needs to know.
fn say(text: std::fmt::Arguments<'_>) {
    console::say(format_args!("sqs-rpc: {text}"));
}
