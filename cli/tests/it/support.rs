//! Starts and stops the command.
//!
//! Every process is killed by its id when its handle is dropped. No test sleeps: tests wait for a line, the end of an
//! output, or the end of a process, each with a limit after which the test fails instead of hanging.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::operation::create_queue::builders::CreateQueueFluentBuilder;
use serde_json::Value;

/// Longer than all that these tests wait for takes, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// The command with these arguments, without AWS variables in its environment.
fn sqs_rpc(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sqs-rpc"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("AWS_") || name == "RUST_LOG" {
            command.env_remove(name.as_ref());
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the command to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    output(sqs_rpc(arguments))
}

/// An SQS on a free port, with one queue.
pub(crate) struct Local {
    pub(crate) process: Running,
    pub(crate) endpoint: String,
    pub(crate) queue_url: String,
    pub(crate) region: String,
    /// Id and secret.
    pub(crate) key: (String, String),
    /// The JSON that the server printed when it was ready.
    pub(crate) introduction: Value,
}

impl Local {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(options: &[&str]) -> Self {
        let mut arguments = vec!["--queue", "jobs"];
        arguments.extend(options);
        Self::start_alone(&arguments)
    }

    /// Starts a server without a queue; `queue_url` is the URL of `jobs`, even if this queue does not exist.
    pub(crate) fn start_alone(options: &[&str]) -> Self {
        let mut arguments = vec!["local", "--port", "0", "--json"];
        arguments.extend(options);
        let process = Running::start(sqs_rpc(&arguments));
        let lines = process.stdout.until(|_| true);
        let introduction: Value = serde_json::from_str(&lines[0]).unwrap();
        let text = |name: &str| introduction[name].as_str().unwrap().to_owned();
        let endpoint = text("endpoint_url");
        let queue_url = format!("{endpoint}/{}/jobs", text("account"));
        Self {
            process,
            endpoint,
            queue_url,
            region: text("region"),
            key: ("local".to_owned(), "local".to_owned()),
            introduction,
        }
    }

    /// Creates a queue with tags.
    pub(crate) fn create(&self, name: &str, tags: Vec<(&str, String)>) {
        let made = self.call(|client| {
            let make = client.create_queue().queue_name(name);
            let tag = |make: CreateQueueFluentBuilder, (key, value)| make.tags(key, value);
            tags.into_iter().fold(make, tag).send()
        });
        made.unwrap();
    }

    /// Runs the command to its end, with the environment that `local` printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        output(self.command(arguments))
    }

    pub(crate) fn call<F: Future>(&self, call: impl FnOnce(aws_sdk_sqs::Client) -> F) -> F::Output {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .retry_config(RetryConfig::disabled())
            .credentials_provider(Credentials::new(
                &self.key.0,
                &self.key.1,
                None,
                None,
                "test",
            ))
            .endpoint_url(&self.endpoint)
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(call(aws_sdk_sqs::Client::from_conf(config)))
    }

    /// The names of all queues.
    pub(crate) fn queue_names(&self) -> Vec<String> {
        let listed = self.call(|client| client.list_queues().send()).unwrap();
        let name = |url: &String| url.rsplit('/').next().unwrap().to_owned();
        listed.queue_urls().iter().map(name).collect()
    }

    /// The command, with the environment that `local` printed.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = sqs_rpc(arguments);
        command
            .env("AWS_ENDPOINT_URL_SQS", &self.endpoint)
            .env("AWS_REGION", &self.region)
            .env("AWS_ACCESS_KEY_ID", &self.key.0)
            .env("AWS_SECRET_ACCESS_KEY", &self.key.1);
        command
    }

    /// Serves the queue with a shell script; `options` go before it.
    pub(crate) fn serve(&self, options: &[&str], script: &str) -> Running {
        self.serve_command(options, &["sh", "-c", script])
    }

    /// Serves the queue with a command.
    pub(crate) fn serve_command(&self, options: &[&str], command: &[&str]) -> Running {
        let arguments = [
            &["serve", "--queue-url", &self.queue_url],
            options,
            &["--"],
            command,
        ]
        .concat();
        let serving = Running::start(self.command(&arguments));
        serving.stderr.until(|line| line.contains("serving http"));
        serving
    }

    /// Starts the command with the environment that `local` printed.
    pub(crate) fn start_command(&self, arguments: &[&str]) -> Running {
        Running::start(self.command(arguments))
    }

    /// Sends a request to the queue and waits for the end of the command.
    pub(crate) fn request(&self, arguments: &[&str]) -> Output {
        output(self.request_command(arguments))
    }

    /// Sends a request with a body on stdin.
    pub(crate) fn request_with_stdin(&self, arguments: &[&str], stdin: &[u8]) -> Output {
        let mut command = self.request_command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Starts a request without waiting for its end.
    pub(crate) fn start_request(&self, arguments: &[&str]) -> Running {
        Running::start(self.request_command(arguments))
    }

    fn request_command(&self, arguments: &[&str]) -> Command {
        let mut all = vec!["request", "--queue-url", &self.queue_url];
        all.extend(arguments);
        self.command(&all)
    }
}

fn output(mut command: Command) -> Output {
    let (sender, receiver) = mpsc::channel();
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(LIMIT) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            signal(&id.to_string(), "KILL");
            panic!("{command:?} did not end");
        }
    }
}

/// Starts the command.
pub(crate) fn start(arguments: &[&str]) -> Running {
    Running::start(sqs_rpc(arguments))
}

/// Starts the command with a log filter.
pub(crate) fn start_logging(arguments: &[&str], filter: &str) -> Running {
    let mut command = sqs_rpc(arguments);
    command.env("RUST_LOG", filter);
    Running::start(command)
}

/// Starts the command with SIGHUP ignored, as `nohup` does.
#[cfg(target_os = "linux")]
pub(crate) fn start_without_hang_up(arguments: &[&str]) -> Running {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]);
    command.arg(env!("CARGO_BIN_EXE_sqs-rpc")).args(arguments);
    Running::start(command)
}

/// A process that runs until it is stopped.
pub(crate) struct Running {
    child: Child,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let stdout = Lines::of(child.stdout.take().unwrap());
        let stderr = Lines::of(child.stderr.take().unwrap());
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Sends SIGTERM, as a supervisor does.
    pub(crate) fn terminate(&self) {
        signal(&self.child.id().to_string(), "TERM");
    }

    /// Sends SIGHUP, as a closed terminal does; SIGTERM if these tests themselves run under `nohup`.
    pub(crate) fn hang_up(&self) {
        let name = if ignores_hang_up("self") {
            "TERM"
        } else {
            "HUP"
        };
        signal(&self.child.id().to_string(), name);
    }

    /// Whether the process ignores SIGHUP.
    #[cfg(target_os = "linux")]
    pub(crate) fn ignores_hang_up(&self) -> bool {
        ignores_hang_up(&self.child.id().to_string())
    }

    /// Stops reading the process's stderr: the pipe breaks at the next line.
    pub(crate) fn unread(mut self) -> Self {
        self.stderr = Lines(mpsc::channel().1);
        self
    }

    /// Sends SIGSTOP, so that the process hangs.
    pub(crate) fn stop(&self) {
        signal(&self.child.id().to_string(), "STOP");
    }

    /// Sends SIGKILL, so that the process cannot clean up.
    pub(crate) fn kill(&self) {
        signal(&self.child.id().to_string(), "KILL");
    }

    /// Sends SIGINT to the whole process group, as Ctrl-C in a terminal does.
    pub(crate) fn interrupt(&self) {
        signal(&format!("-{}", self.child.id()), "INT");
    }

    /// Waits for the end of the process and of all processes that share its stderr; returns the rest of stderr.
    pub(crate) fn wait(self) -> (ExitStatus, Vec<String>) {
        let (status, _, stderr) = self.wait_for_all();
        (status, stderr)
    }

    /// As [`wait`](Self::wait), but returns the rest of stdout and of stderr.
    pub(crate) fn wait_for_all(mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        let stderr = self.stderr.to_the_end();
        let status = self.child.wait().unwrap();
        (status, self.stdout.to_the_end(), stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of an output, as they arrive.
pub(crate) struct Lines(Receiver<String>);

impl Lines {
    fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.into_iter().try_for_each(|line| sender.send(line))
        });
        Self(receiver)
    }

    /// All lines up to and including the first wanted line.
    pub(crate) fn until(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.0.recv_timeout(LIMIT) {
                Ok(line) => lines.push(line),
                Err(error) => panic!("{error}; so far: {lines:#?}"),
            }
            if lines.last().is_some_and(|line| wanted(line)) {
                return lines;
            }
        }
    }

    fn to_the_end(&self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.0.recv_timeout(LIMIT) {
                Ok(line) => lines.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => return lines,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("the output does not end: {lines:#?}")
                }
            }
        }
    }
}

/// Whether SIGHUP, the lowest bit of Linux's mask of ignored signals, is set.
fn ignores_hang_up(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|mask| mask.ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']))
}

fn signal(id: &str, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, "--", id])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Exit code, stdout and stderr.
pub(crate) fn seen(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Asserts the exit code, shows the outputs if it differs, and returns them.
#[track_caller]
pub(crate) fn assert_code(output: &Output, code: i32) -> (String, String) {
    let (found, stdout, stderr) = seen(output);
    assert_eq!(found, Some(code), "stdout: {stdout}\nstderr: {stderr}");
    (stdout, stderr)
}
