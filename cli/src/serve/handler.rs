//! Handles one request: starts the command, waits for its end, and replies.
//!
//! **Invariant:** at the deadline the command is killed, and its concurrency slot is free for another request.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use sqs_rpc::responder::{Reply, Request};
use sqs_rpc::{ErrorCode, ReplyError};

use super::answer;
use super::process::{Process, RunError};
use crate::clock::Stopwatch;

/// Handles requests by running a command.
#[derive(Debug)]
pub(crate) struct CommandHandler {
    program: OsString,
    arguments: Vec<OsString>,
    expose_stderr: bool,
}

impl CommandHandler {
    /// Makes a handler from a program and its arguments.
    ///
    /// # Errors
    /// The program does not exist or is not executable. Checked here, before the first request is received.
    pub(crate) fn new(command_line: Vec<OsString>, expose_stderr: bool) -> Result<Self, String> {
        let mut words = command_line.into_iter();
        let program = words
            .next()
            .filter(|it| !it.is_empty())
            .ok_or("expected a command, found none")?;
        let found = which::which(&program).map_err(|error| {
            format!(
                "cannot start {}: {}",
                program.display(),
                why(&program, error)
            )
        })?;
        Ok(Self {
            program: found.into_os_string(),
            arguments: words.collect(),
            expose_stderr,
        })
    }

    pub(crate) async fn handle(&self, request: Request) -> Result<Reply, ReplyError> {
        let one_way = request.return_address().is_none();
        let mut process = self.start(&request).map_err(|error| {
            tracing::error!(program = ?self.program, %error, "the command cannot be started");
            ReplyError::internal(error)
        })?;

        let deadline = request.deadline().clone();
        let message_id = request.message_id().to_owned();
        let watch = Stopwatch::start();
        tracing::debug!(message_id, "request received, running its command");
        let finished = tokio::select! {
            biased;
            finished = process.run(request.into_body()) => finished,
            () = deadline.passed() => {
                drop(process);
                tracing::warn!(message_id, "the command was killed at the deadline");
                return Err(ReplyError::new(ErrorCode::EXPIRED, "the command did not finish before the deadline"));
            }
        };
        match finished {
            Ok(finished) => {
                let (status, printed) = (finished.status, finished.stdout.len());
                tracing::debug!(message_id, %status, printed, elapsed = ?watch.elapsed(), "the command has ended");
                if !finished.status.success() {
                    tracing::warn!(message_id, status = %finished.status, "the command failed");
                }
                answer::to(&finished, one_way)
            }
            Err(RunError::TooLong) => Err(ReplyError::new(
                ErrorCode::REPLY_TOO_LARGE,
                "the output of the command is too large for a message",
            )),
            Err(RunError::Io(error)) => Err(ReplyError::internal(error)),
        }
    }

    fn start(&self, request: &Request) -> std::io::Result<Process> {
        let remaining = request.deadline().remaining();
        let variables = [
            ("SQS_RPC_MESSAGE_ID", Some(request.message_id().to_owned())),
            (
                "SQS_RPC_REQUEST_ID",
                request.request_id().map(|id| id.to_string()),
            ),
            (
                "SQS_RPC_DEADLINE_MS",
                remaining.map(|time| time.as_millis().to_string()),
            ),
        ];
        Process::start(
            &self.program,
            &self.arguments,
            variables,
            self.expose_stderr,
        )
    }
}

/// Why a program cannot be started.
fn why(program: &OsStr, error: which::Error) -> String {
    let path = Path::new(program);
    match path.metadata() {
        // A name without a path is searched for in PATH, so the file of this name does not matter.
        _ if path.components().count() < 2 => error.to_string(),
        Ok(found) if found.is_dir() => "it is a directory".to_owned(),
        Ok(_) => "it is not executable".to_owned(),
        Err(error) => error.to_string(),
    }
}
