//! `sqs-rpc serve`: runs a command for each request.
//!
//! | file | question |
//! |---|---|
//! | `handler` | how is one request handled? |
//! | `process` | how does a command run and end? |
//! | `stderr` | what is the last line on stderr? |
//! | `answer` | which reply does the caller get? (pure) |
//!
//! **Invariant:** no command runs longer than the request that it was started for.

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

use sqs_rpc::protocol::limits::MAX_VISIBILITY;
use sqs_rpc::responder::{Request, ServeErrorKind};
use sqs_rpc::{Drained, HostQueueUrl, Responder};
use tokio::sync::oneshot;

use self::handler::CommandHandler;
use crate::connection::Connection;
use crate::console;
use crate::failure::Failure;
use crate::signals::Signals;
use crate::{number, time};

/// How long a poll waits for requests. Shorter than SQS's maximum of 20 s, because a poll is never aborted, and after
/// Ctrl-C the shutdown waits for the poll.
const POLL_WAIT: Duration = Duration::from_secs(5);

/// Serve a queue: run a command for each request
///
/// The command gets the body on stdin, and its stdout is the reply, unchanged. If the command exits with a code other
/// than 0, or prints nothing or a text that SQS does not accept, the caller gets an error. The command inherits stderr.
#[derive(Debug, clap::Args)]
#[command(after_long_help = ENVIRONMENT)]
pub(crate) struct Arguments {
    /// URL of the request queue
    #[arg(long, value_name = "URL")]
    queue_url: String,
    /// Maximum number of concurrent commands [default: the number of CPUs]
    #[arg(long, value_name = "N", value_parser = concurrency)]
    concurrency: Option<usize>,
    /// Visibility timeout of a request; extended while its command runs
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::parse)]
    visibility: Duration,
    /// How long running commands may take to finish after Ctrl-C, SIGTERM or SIGHUP
    #[arg(long, value_name = "TIME", default_value = "25s", value_parser = drain)]
    drain: Duration,
    /// Send callers the last line that a failed command wrote to stderr, instead of its exit code
    #[arg(long)]
    expose_stderr: bool,
    #[command(flatten)]
    connection: Connection,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const ENVIRONMENT: &str = "\
The command inherits the environment, and gets these variables:
  SQS_RPC_MESSAGE_ID   SQS's id of the message, the same if the message is redelivered
  SQS_RPC_REQUEST_ID   the request's id; not set if the sender gave none (Java's client)
  SQS_RPC_DEADLINE_MS  milliseconds until the deadline when the command starts. At the deadline the command is killed,
                       together with the processes that it started. Not set if the sender gave no deadline.

Error codes that the caller gets instead of a reply:
  command.failed         the command exited with a code other than 0, or a signal killed it
  command.no_output      the command printed nothing
  command.not_utf8       the command printed bytes that are not UTF-8
  command.bad_character  the command printed a character that SQS does not accept: U+FFFE, U+FFFF, or a control character
                         (as in color codes) other than tabs and line ends

Ctrl-C, SIGTERM or SIGHUP (Ctrl-Break on Windows) stops receiving and waits for running commands; a second signal stops at once.";

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
            // A dropped sender means the same as a sent message.
            let _ = stopped.await;
        });
    let mut serving = pin!(serve.into_future());
    say(format_args!("serving {queue}; press Ctrl-C to stop"));

    tokio::select! {
        biased;
        outcome = &mut serving => return finish(outcome),
        () = signals.next() => {}
    }
    say(format_args!(
        "waiting up to {:?} for running commands; press Ctrl-C again to stop at once",
        arguments.drain
    ));
    drop(stop);
    tokio::select! {
        biased;
        outcome = &mut serving => finish(outcome),
        () = signals.next() => Err(Failure::other("stopped at once; unfinished requests will be redelivered")),
    }
}

fn finish(outcome: Result<Drained, sqs_rpc::responder::ServeError>) -> Result<(), Failure> {
    match outcome {
        Ok(drained) if drained.is_clean() => {
            say(format_args!("stopped; no command was killed"));
            Ok(())
        }
        Ok(drained) => {
            say(format_args!(
                "stopped; {} commands were killed, {} requests put back into the queue",
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

/// At most the longest time for which a request can be hidden.
fn drain(text: &str) -> Result<Duration, String> {
    time::up_to(text, MAX_VISIBILITY)
}

fn cpus() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Prints a line for a person at the terminal.
fn say(text: std::fmt::Arguments<'_>) {
    console::say(format_args!("sqs-rpc: {text}"));
}
