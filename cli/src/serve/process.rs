//! A command while it runs.
//!
//! Owns: its processes, its pipes. Does not own: what its end means.
//!
//! **Invariant:** dropped before its end, it is killed, together with the processes that it started (on Unix).

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{ExitStatus, Stdio};

use sqs_rpc::protocol::limits::MAX_MESSAGE_BYTES;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::stderr::{self, Tail};

/// A command that was started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

/// A command that came to its end by itself.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    /// The end of its stderr, if that was asked for.
    pub(crate) stderr: Option<Tail>,
}

/// Why a command has no result.
#[derive(Debug)]
pub(crate) enum RunError {
    /// It printed more than fits into a message.
    TooLong,
    /// Its pipes failed.
    Io(io::Error),
}

impl Process {
    /// Starts it. A variable without a value is not set, whatever our own environment has.
    pub(crate) fn start<const N: usize>(
        program: &OsStr,
        arguments: &[OsString],
        variables: [(&str, Option<String>); N],
        keep_stderr: bool,
    ) -> io::Result<Self> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if keep_stderr {
                Stdio::piped()
            } else {
                Stdio::inherit()
            })
            .kill_on_drop(true);
        for (name, value) in variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        // A group of its own: it can be killed as a whole, and the terminal's Ctrl-C does not reach it.
        #[cfg(unix)]
        command.process_group(0);
        Ok(Self {
            child: command.spawn()?,
        })
    }

    /// Gives it the body and waits for its end. Dropping the future leaves it running.
    pub(crate) async fn run(&mut self, body: String) -> Result<Finished, RunError> {
        let (stdin, stdout) = (self.child.stdin.take(), self.child.stdout.take());
        let stderr = self.child.stderr.take();
        // At the same time, since each pipe that nobody serves can block it.
        let ((), stdout, stderr) = tokio::try_join!(
            async { write(stdin, body).await.map_err(RunError::Io) },
            read(stdout),
            async { stderr::follow(stderr).await.map_err(RunError::Io) },
        )?;
        let status = self.child.wait().await.map_err(RunError::Io)?;
        Ok(Finished {
            status,
            stdout,
            stderr,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Without an id it has ended and was waited for; the group may then be somebody else's.
        #[cfg(unix)]
        if let Some(group) = self
            .child
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?))
        {
            // It fails only if the whole group has gone already.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

async fn write(stdin: Option<ChildStdin>, body: String) -> io::Result<()> {
    let Some(mut stdin) = stdin else {
        return Ok(());
    };
    match stdin.write_all(body.as_bytes()).await {
        // It need not read what it does not want to know.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

async fn read(stdout: Option<ChildStdout>) -> Result<Vec<u8>, RunError> {
    let mut bytes = Vec::new();
    if let Some(stdout) = stdout {
        let limit = MAX_MESSAGE_BYTES as u64 + 1;
        stdout
            .take(limit)
            .read_to_end(&mut bytes)
            .await
            .map_err(RunError::Io)?;
    }
    if bytes.len() > MAX_MESSAGE_BYTES {
        Err(RunError::TooLong)
    } else {
        Ok(bytes)
    }
}
