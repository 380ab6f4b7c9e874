//! Invalid arguments, environments and pipes.

use std::process::{Output, Stdio};

use crate::support::{Local, assert_code, run, seen};
use serde_json::Value;

#[test]
fn a_closed_stdout_ends_a_command_silently() {
    let local = Local::start();
    for arguments in [&["queues"][..], &["queues", "--json"], &["sweep", "--once"]] {
        let mut command = local.command(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let nothing = String::new;
        assert_eq!(
            seen(&output),
            (Some(0), nothing(), nothing()),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_closed_stderr_does_not_change_the_exit_code() {
    let local = Local::start();
    for (arguments, code) in [
        (&["queues", "--prefix", "a b"][..], 2),
        (&["-v", "queues"], 0),
        (&["local", "--queue", "a b"], 2),
    ] {
        let mut command = local.command(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stderr.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(seen(&output).0, Some(code), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_failed_write_to_stdout_is_code_4() {
    let local = Local::start();
    let full = std::fs::File::create("/dev/full").unwrap();
    let mut command = local.command(&["queues"]);
    let child = command.stdout(full).stderr(Stdio::piped()).spawn();
    let output = child.unwrap().wait_with_output().unwrap();
    let (_, stderr) = assert_code(&output, 4);
    assert!(
        stderr.starts_with("sqs-rpc: cannot write to stdout: "),
        "{stderr}"
    );
}

#[test]
fn an_invalid_endpoint_is_code_2() {
    let local = Local::start();
    let queue_url = local.queue_url.as_str();
    for arguments in [
        &["queues"][..],
        &["sweep"],
        &["request", "--queue-url", queue_url, "hello"],
        &["serve", "--queue-url", queue_url, "--", "cat"],
    ] {
        let (before, after) = arguments.split_at(1);
        let all = [before, &["--endpoint-url", "localhost:9324"], after].concat();
        let (_, stderr) = assert_code(&local.run(&all), 2);
        assert!(stderr.contains("found \"localhost:9324\""), "{stderr}");
    }
    let bench = local.run(&["bench", "rpc", "--endpoint-url", "localhost:9324"]);
    let (_, stderr) = assert_code(&bench, 2);
    assert!(stderr.contains("found \"localhost:9324\""), "{stderr}");
    let mut command = local.command(&["queues"]);
    let output = command.env("AWS_ENDPOINT_URL_SQS", "localhost").output();
    let (_, stderr) = assert_code(&output.unwrap(), 2);
    assert!(stderr.contains("found \"localhost\""), "{stderr}");
}

#[test]
fn an_invalid_log_filter_is_code_2() {
    let local = Local::start();
    let mut command = local.command(&["queues"]);
    let output = command.env("RUST_LOG", "=[").output().unwrap();
    let (_, stderr) = assert_code(&output, 2);
    assert_eq!(
        stderr,
        "sqs-rpc: expected a log filter in RUST_LOG, such as info or warn,sqs_rpc=debug, found \"=[\"\n"
    );
}

#[test]
fn the_longest_times_do_not_break_the_server() {
    let forever = "500000000000y";
    for option in ["--settling", "--delivery", "--stale-tags"] {
        let local = Local::start_with(&[option, forever]);
        assert_eq!(local.queue_names(), ["jobs"], "{option}");
    }
    for date in ["ahead", "behind", "wavering"] {
        let local = Local::start_with(&["--date", &format!("{date}:{forever}")]);
        assert_eq!(local.queue_names(), ["jobs"], "{date}");
        assert_eq!(local.queue_names(), ["jobs"], "{date}");
    }
}

#[test]
fn the_version_is_that_of_the_command() {
    let (stdout, _) = assert_code(&run(&["--version"]), 0);
    assert_eq!(stdout, format!("sqs-rpc {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_invalid_region_is_code_2_before_the_first_call() {
    let local = Local::start_with(&["--log"]);
    local
        .process
        .stderr
        .until(|line| line.contains("CreateQueue jobs"));
    // The queue's URL contains no region, so the region of the environment is used.
    let queue_url = local.queue_url.as_str();
    for region in ["", "bad region", "-x"] {
        for arguments in [
            &["queues"][..],
            &["sweep"],
            &["request", "--queue-url", queue_url, "hello"],
            &["serve", "--queue-url", queue_url, "--", "cat"],
            &["bench", "rpc", "--on-aws"],
        ] {
            let mut command = local.command(arguments);
            let output = command.env("AWS_REGION", region).output().unwrap();
            let (_, stderr) = assert_code(&output, 2);
            let found = format!("such as us-east-1, found {region:?}");
            assert!(stderr.contains(&found), "{arguments:?}: {stderr}");
        }
    }
    local.process.terminate();
    let (_, log) = local.process.wait();
    assert!(log.is_empty(), "{log:?}");
}

/// The error on stdout, which must equal the line on stderr.
#[track_caller]
fn json_error(output: &Output, code: i32) -> Value {
    let (stdout, stderr) = assert_code(output, code);
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    let object: Value = serde_json::from_str(&stdout).unwrap();
    let error = object["error"].clone();
    let message = error["message"].as_str().unwrap();
    assert!(!message.is_empty(), "{error}");
    if stderr.starts_with("sqs-rpc: ") {
        assert_eq!(stderr, format!("sqs-rpc: {message}\n"));
    } else {
        assert!(stderr.starts_with("error: "), "{stderr}");
        let first = message.split(": ").next().unwrap();
        assert!(stderr.contains(first), "{stderr} {message}");
    }
    error
}

#[test]
fn with_json_wrong_usage_is_an_object() {
    let local = Local::start();
    let queue_url = local.queue_url.as_str();
    for arguments in [
        &["request", "--json", "--queue-url", "jobs", "hello"][..],
        &["request", "--json", "hello"],
        &[
            "request",
            "--json",
            "--queue-url",
            queue_url,
            "--timeout",
            "1",
            "hello",
        ],
        &["request", "--json", "--queue-url", queue_url, "a\u{1}b"],
        &["queues", "--json", "--prefix", "a.b"],
        &["queues", "--json", "--nonsense"],
        &["sweep", "--json", "--prefix", "a.b"],
        &["bench", "rpc", "--json", "--rate", "0"],
        &["local", "--json", "--queue", "a b"],
        &["local", "--json", "--port", "70000"],
    ] {
        let error = json_error(&local.run(arguments), 2);
        let kind = error["kind"].as_str().unwrap();
        assert!(["usage", "invalid_request"].contains(&kind), "{error}");
    }
    // Help is not a failure, and --json of another command is ignored.
    assert_code(&run(&["request", "--json", "--help"]), 0);
    let (stdout, _) = assert_code(&run(&["serve", "--", "jq", "--json"]), 2);
    assert_eq!(stdout, "");
}

#[test]
fn with_json_an_error_has_all_its_causes() {
    let local = Local::start();
    // No server listens on this port.
    let nowhere = ["--endpoint-url", "http://127.0.0.1:1"];
    let queue_url = local.queue_url.as_str();
    let request = [
        "request",
        "--json",
        "--timeout",
        "60s",
        "--queue-url",
        queue_url,
    ];
    let error = json_error(
        &local.run(&[&request[..], &nowhere, &["hello"]].concat()),
        4,
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("refused"), "{message}");
    assert_eq!(error["delivery"], "not_sent");
}

#[test]
fn a_silent_server_is_reported_and_interrupts_are_code_4() {
    let local = Local::start_with(&["--latency", "1h"]);
    for (arguments, examined) in [
        (&["queues", "--json"][..], Value::Null),
        (&["sweep", "--json"], 0.into()),
    ] {
        let waiting = local.start_command(arguments);
        waiting
            .stderr
            .until(|line| line.contains("no answer from SQS for 5s"));
        waiting.terminate();
        let (status, stdout, stderr) = waiting.wait_for_all();
        assert_eq!(status.code(), Some(4), "{stderr:?}");
        let said = ["sqs-rpc: interrupted before all hosts were examined"];
        assert_eq!(stderr, said);
        assert_eq!(stdout.len(), 1, "{stdout:?}");
        let object: Value = serde_json::from_str(&stdout[0]).unwrap();
        assert_eq!(object["error"]["kind"], "interrupted");
        assert_eq!(object["examined"], examined);
    }
    let waiting = local.start_command(&["sweep"]);
    waiting.stderr.until(|line| line.contains("no answer"));
    waiting.hang_up();
    let (status, stdout, _) = waiting.wait_for_all();
    assert_eq!(status.code(), Some(4));
    assert_eq!(stdout, ["incomplete: 0 hosts, 0 deleted"]);
}
