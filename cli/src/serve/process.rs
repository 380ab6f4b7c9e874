//! A command while it runs.
//!
//! Owns: its processes, its pipes. Does not own: what its end means.
//!
//! **Invariant:** when it is dropped before its end, the processes that it started are killed; on Unix also when it has ended.

use std::ffi::{OsStr, OsString};
use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use sqs_rpc::protocol::limits::MAX_MESSAGE_BYTES;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::stderr::{self, Tail};

/// After the end of a command, its pipes are read for this long at most. Everything that it wrote is in them already, but a
/// process that left its group may hold them open.
const LAST_READ: Duration = Duration::from_millis(100);

/// A command that was started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// The group that the command leads, until it was killed.
    group: Option<Group>,
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
        #[cfg(windows)]
        command.creation_flags(CREATE_NEW_PROCESS_GROUP);
        let child = command.spawn()?;
        Ok(Self {
            group: group(&child),
            child,
        })
    }

    /// Gives it the body and waits for its end, and not for that of the processes that it started: those are killed then.
    /// Dropping the future leaves it running.
    pub(crate) async fn run(&mut self, body: String) -> Result<Finished, RunError> {
        let (stdin, stdout) = (self.child.stdin.take(), self.child.stdout.take());
        let stderr = self.child.stderr.take();
        let keeps_stderr = stderr.is_some();
        let (mut printed, mut tail) = (Vec::new(), Tail::default());
        let status = {
            // At the same time, since each pipe that nobody serves can block the command.
            let pipes = async {
                tokio::try_join!(
                    async { write(stdin, body).await.map_err(RunError::Io) },
                    read(stdout, &mut printed),
                    async {
                        stderr::follow(stderr, &mut tail)
                            .await
                            .map_err(RunError::Io)
                    },
                )
            };
            let mut pipes = pin!(pipes);
            let early = tokio::select! {
                biased;
                served = &mut pipes => {
                    served?;
                    None
                }
                status = self.child.wait() => Some(status.map_err(RunError::Io)?),
            };
            match early {
                None => self.child.wait().await.map_err(RunError::Io)?,
                Some(status) => {
                    kill_group(&mut self.group);
                    if let Ok(served) = tokio::time::timeout(LAST_READ, pipes).await {
                        served?;
                    }
                    status
                }
            }
        };
        kill_group(&mut self.group);
        Ok(Finished {
            status,
            stdout: printed,
            stderr: keeps_stderr.then_some(tail),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        #[cfg(windows)]
        kill_tree(&mut self.group);
        kill_group(&mut self.group);
    }
}

#[cfg(unix)]
type Group = rustix::process::Pid;
/// The command's own id. It is nobody else's as long as the [`Child`] is there.
#[cfg(windows)]
type Group = u32;

#[cfg(unix)]
fn group(child: &Child) -> Option<Group> {
    Group::from_raw(i32::try_from(child.id()?).ok()?)
}

#[cfg(windows)]
fn group(child: &Child) -> Option<Group> {
    child.id()
}

/// Kills what is left of a group, once: later its number may be that of another group.
#[cfg(unix)]
fn kill_group(group: &mut Option<Group>) {
    if let Some(group) = group.take() {
        // It fails only if the whole group has gone already.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// What a command that has ended left behind, Windows does not know any more.
#[cfg(windows)]
fn kill_group(group: &mut Option<Group>) {
    *group = None;
}

/// As the flag is named in the Windows API, "Process Creation Flags".
#[cfg(windows)]
const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;

/// Kills a command that still runs, and what it has started. It has to be done before the command itself ends, and without
/// unsafe code a program of Windows has to do it; it takes some milliseconds.
#[cfg(windows)]
fn kill_tree(group: &mut Option<Group>) {
    if let Some(id) = group.take() {
        let mut kill = std::process::Command::new("taskkill");
        kill.args(["/T", "/F", "/PID"]).arg(id.to_string());
        let quiet = kill.stdin(Stdio::null()).stdout(Stdio::null());
        // If it fails, the child is killed all the same, as every child that is dropped.
        let _ = quiet.stderr(Stdio::null()).status();
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

async fn read(stdout: Option<ChildStdout>, bytes: &mut Vec<u8>) -> Result<(), RunError> {
    if let Some(stdout) = stdout {
        let limit = MAX_MESSAGE_BYTES as u64 + 1;
        stdout
            .take(limit)
            .read_to_end(bytes)
            .await
            .map_err(RunError::Io)?;
    }
    if bytes.len() > MAX_MESSAGE_BYTES {
        Err(RunError::TooLong)
    } else {
        Ok(())
    }
}
