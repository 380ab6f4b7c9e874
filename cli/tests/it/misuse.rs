//! Arguments, environments and pipes that are not as they should be.

use std::process::Stdio;

use crate::support::{Local, assert_code, seen};

#[test]
fn a_reader_that_has_gone_ends_a_command_without_a_word() {
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
fn a_terminal_that_has_gone_changes_no_exit_code() {
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
fn an_output_that_cannot_be_written_is_code_4() {
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
fn an_endpoint_that_is_no_url_is_code_2() {
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
fn a_filter_for_logs_that_is_none_is_code_2() {
    let local = Local::start();
    let mut command = local.command(&["queues"]);
    let output = command.env("RUST_LOG", "=[").output().unwrap();
    let (_, stderr) = assert_code(&output, 2);
    assert_eq!(
        stderr,
        "sqs-rpc: expected what to log in RUST_LOG, such as info or warn,sqs_rpc=debug, found \"=[\"\n"
    );
}

#[test]
fn the_longest_times_make_no_server_fail() {
    let forever = "500000000000y";
    for option in ["--settling", "--delivery", "--stale-tags", "--deletion"] {
        let local = Local::start_with(&[option, forever]);
        assert_eq!(local.queue_names(), ["jobs"], "{option}");
    }
    for date in ["ahead", "behind", "wavering"] {
        let local = Local::start_with(&["--date", &format!("{date}:{forever}")]);
        assert_eq!(local.queue_names(), ["jobs"], "{date}");
        assert_eq!(local.queue_names(), ["jobs"], "{date}");
    }
}
