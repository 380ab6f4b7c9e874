//! Runs third-party programs to their end or in the background.
//!
//! Invariant: a background program is killed when its [`Background`] is dropped, by its id and never by its name.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::Failure;

/// A background program. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Background {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

/// Runs a program to its end, with a timeout, and returns its output.
///
/// # Errors
/// The program cannot be run, fails, or exceeds the timeout.
pub async fn output(command: &mut Command, within: Duration) -> Result<String, Failure> {
    let shown = show(command);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(within, command.output())
        .await
        .map_err(|_| format!("`{shown}` did not end within {} s", within.as_secs()))?
        .map_err(|error| format!("`{shown}` cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!(
        "`{shown}` failed ({}):\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    ))
}

impl Background {
    /// Starts a program with its output in the file `log` and a closed input.
    ///
    /// # Errors
    /// The program cannot be run, or the log cannot be written.
    pub fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Self, Failure> {
        let file = || {
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(log)
                .map_err(|error| format!("cannot write {}: {error}", log.display()))
        };
        // Remove the log of an earlier run, which would only confuse.
        let _ = std::fs::remove_file(log);
        command.stdin(Stdio::null()).stdout(file()?).stderr(file()?);
        Ok(Self {
            name,
            child: spawn(command)?,
            log: log.to_owned(),
        })
    }

    /// Waits until the program accepts connections.
    ///
    /// # Errors
    /// The program ends, or does not listen in time.
    pub async fn listens(&mut self, port: u16, within: Duration) -> Result<(), Failure> {
        let connected = async {
            loop {
                if TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                    .await
                    .is_ok()
                {
                    return Ok(());
                }
                let ended = self.child.try_wait().map_err(|error| error.to_string())?;
                if let Some(status) = ended {
                    return Err(format!("ended: {status}"));
                }
                // Wall clock: a third-party program gives no other sign that it is ready.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let problem = match timeout(within, connected).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(problem)) => problem,
            Err(_) => format!("does not listen after {} s", within.as_secs()),
        };
        Err(format!(
            "{} {problem}; see {}",
            self.name,
            self.log.display()
        ))
    }

    /// Kills the program, and waits for its end.
    pub async fn end(mut self) {
        // The program has no state to save, so an error does not matter.
        let _ = self.child.kill().await;
    }
}

/// A program that communicates line by line. It ends when its input is closed, and is killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Conversation {
    shown: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Conversation {
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        let shown = show(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn(command)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.ok_or("a program has no output")?;
        Ok(Self {
            shown,
            child,
            input,
            lines: lines(output),
        })
    }

    /// Waits for the next line, which must be `expected`.
    pub(crate) async fn says(&mut self, expected: &str, within: Duration) -> Result<(), Failure> {
        let line = timeout(within, self.lines.next_line())
            .await
            .map_err(|_| {
                format!(
                    "`{}`: expected {expected:?}, found no line in time",
                    self.shown
                )
            })?
            .map_err(|error| format!("`{}`: {error}", self.shown))?;
        match line {
            Some(line) if line == expected => Ok(()),
            line => Err(format!(
                "`{}`: expected {expected:?}, found {line:?}",
                self.shown
            )),
        }
    }

    /// Closes the input of the program, and waits for its end.
    pub(crate) async fn finish(mut self, within: Duration) -> Result<(), Failure> {
        drop(self.input.take());
        let status = timeout(within, self.child.wait())
            .await
            .map_err(|_| format!("`{}` did not end", self.shown))?
            .map_err(|error| format!("`{}`: {error}", self.shown))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`{}` failed: {status}", self.shown))
        }
    }
}

/// A free port. If another program takes it before the server starts, the server fails to start, which is reported.
///
/// # Errors
/// The system has no free port.
pub async fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    listener
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

fn spawn(command: &mut Command) -> Result<Child, Failure> {
    let spawned = command.kill_on_drop(true).spawn();
    spawned.map_err(|error| format!("`{}` cannot be run: {error}", show(command)))
}

fn lines<R: AsyncRead>(output: R) -> Lines<BufReader<R>> {
    BufReader::new(output).lines()
}

/// The program and its arguments, shortened if long.
fn show(command: &Command) -> String {
    const MOST: usize = 300;
    let command = command.as_std();
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn failed_and_missing_programs_are_failures() {
        let failed = output(Command::new("sh").args(["-c", "echo why; exit 3"]), SOON).await;
        assert!(failed.is_err_and(|it| it.contains("why") && it.contains("exit status: 3")));
        let absent = output(&mut Command::new("no-such-program"), SOON).await;
        assert!(absent.is_err_and(|it| it.contains("cannot be run")));
        let said = output(Command::new("echo").arg("yes"), SOON).await;
        assert_eq!(said, Ok("yes\n".to_owned()));
    }

    #[tokio::test]
    async fn a_server_that_ends_at_once_is_a_failure() {
        let folder = std::env::temp_dir().join(format!("interop-{}", std::process::id()));
        let mut server = Background::start("server", &mut Command::new("true"), &folder).unwrap();
        let port = free_port().await.unwrap();
        let listens = server.listens(port, SOON).await;
        assert!(listens.is_err_and(|it| it.contains("ended")));
        let _ = std::fs::remove_file(folder);
    }

    #[tokio::test]
    async fn a_conversation_ends_with_its_input() {
        let mut cat =
            Conversation::start(Command::new("sh").args(["-c", "echo ready; cat"])).unwrap();
        cat.says("ready", SOON).await.unwrap();
        cat.finish(SOON).await.unwrap();
    }
}
