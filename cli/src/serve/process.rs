//! A running command.
//!
//! Owns: the processes and pipes of the command. Does not own: the reply.
//!
//! **Invariant:** if a [`Process`] is dropped before the command has ended, the command and the processes that it
//! started are killed. On Unix those processes are also killed when the command ends.

use std::ffi::{OsStr, OsString};
use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use sqs_rpc::protocol::limits::MAX_MESSAGE_BYTES;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::stderr::{self, Tail};

/// After the end of a command, its pipes are read for at most this time. The pipes already have all output of the
/// command, but a process that left the command's process group may keep them open.
const LAST_READ: Duration = Duration::from_millis(100);

/// A started command.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// The process group that the command leads; `None` after it was killed.
    group: Option<Group>,
}

/// A command that has ended by itself.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    /// The end of the command's stderr, if requested.
    pub(crate) stderr: Option<Tail>,
}

/// Why a command has no result.
#[derive(Debug)]
pub(crate) enum RunError {
    /// The output is too large for a message.
    TooLong,
    /// Reading or writing a pipe failed.
    Io(io::Error),
}

impl Process {
    /// Starts the command. A variable without a value is removed from the inherited environment.
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
        // A separate process group can be killed as a whole and does not receive the terminal's Ctrl-C.
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

    /// Writes the body to the command and waits for its end. The processes that it started are not waited for but killed.
    /// Dropping the future leaves the command running.
    pub(crate) async fn run(&mut self, body: String) -> Result<Finished, RunError> {
        let (stdin, stdout) = (self.child.stdin.take(), self.child.stdout.take());
        let stderr = self.child.stderr.take();
        let keeps_stderr = stderr.is_some();
        let (mut printed, mut tail) = (Vec::new(), Tail::default());
        let status = {
            // All pipes are served at the same time, because a full or empty pipe can block the command.
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
/// The process id of the command. It is not reused as long as the [`Child`] exists.
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

/// Kills the remaining processes of a group. Only once, because the id of the group may be reused later.
#[cfg(unix)]
fn kill_group(group: &mut Option<Group>) {
    if let Some(group) = group.take() {
        // This fails only if no process of the group exists any more.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// After the end of a command, Windows cannot find the processes that the command started.
#[cfg(windows)]
fn kill_group(group: &mut Option<Group>) {
    *group = None;
}

/// From the Windows API, "Process Creation Flags".
#[cfg(windows)]
const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;

/// Kills a running command and the processes that it started. This only works before the command ends. Without unsafe
/// code, only the Windows program `taskkill` can do it, which takes some milliseconds.
#[cfg(windows)]
fn kill_tree(group: &mut Option<Group>) {
    if let Some(id) = group.take() {
        let mut kill = std::process::Command::new("taskkill");
        kill.args(["/T", "/F", "/PID"]).arg(id.to_string());
        let quiet = kill.stdin(Stdio::null()).stdout(Stdio::null());
        // If `taskkill` fails, dropping the child still kills the command itself.
        let _ = quiet.stderr(Stdio::null()).status();
    }
}

async fn write(stdin: Option<ChildStdin>, body: String) -> io::Result<()> {
    let Some(mut stdin) = stdin else {
        return Ok(());
    };
    match stdin.write_all(body.as_bytes()).await {
        // A command may ignore its stdin.
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
