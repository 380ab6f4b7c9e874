//! `sqs-rpc request`, mostly failures; requests with a reply are in `serve`.

use crate::support::{Local, assert_code, run};
use serde_json::Value;

#[test]
fn no_reply_in_time_is_code_3() {
    let local = Local::start();
    let (stdout, stderr) = assert_code(&local.request(&["--timeout", "5s", "hello"]), 3);
    assert_eq!(stdout, "");
    assert_eq!(stderr, "sqs-rpc: no reply within 5s\n");
}

#[test]
fn with_json_a_timeout_shows_whether_the_request_was_sent() {
    let local = Local::start();
    // The reply queue needs one second, so the request is not sent within 100 ms.
    for (timeout, least, delivery) in [("100ms", 100, "not_sent"), ("5s", 5_000, "sent")] {
        let (stdout, _) = assert_code(
            &local.request(&["--timeout", timeout, "--json", "hello"]),
            3,
        );
        let object: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(object["error"]["kind"], "timeout");
        assert_eq!(object["error"]["delivery"], delivery);
        assert_eq!(object["error"]["retryable"], true);
        assert!(object["elapsed_ms"].as_u64().unwrap() >= least, "{object}");
    }
}

#[test]
fn an_invalid_queue_url_is_code_2() {
    let (_, stderr) = assert_code(&run(&["request", "--queue-url", "jobs", "hello"]), 2);
    assert!(
        stderr.contains("\"jobs\" is not the URL of a host queue"),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_request_that_sqs_would_refuse_is_code_2() {
    let local = Local::start();
    for (arguments, said) in [
        (&["--attribute", "__AmazonSQSx=1", "hello"][..], "reserved"),
        (&[""], "empty"),
        (&["a\u{1}b"], "U+0001"),
    ] {
        let (_, stderr) = assert_code(&local.request(arguments), 2);
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    let (_, stderr) = assert_code(&local.request_with_stdin(&[], b"\xff"), 2);
    assert!(stderr.contains("expected UTF-8"), "{stderr}");
}

#[test]
fn invalid_options_are_code_2() {
    assert_code(&run(&["request", "hello"]), 2);
    let url = "http://127.0.0.1:1/000000000000/jobs";
    let (_, stderr) = assert_code(
        &run(&["request", "--queue-url", url, "--timeout", "30", "hello"]),
        2,
    );
    assert!(stderr.contains("unit needed"), "{stderr}");
    let (_, stderr) = assert_code(
        &run(&["request", "--queue-url", url, "--attribute", "a", "hello"]),
        2,
    );
    assert!(stderr.contains("NAME=VALUE"), "{stderr}");
}

#[test]
fn a_queue_that_does_not_exist_is_code_4() {
    let mut local = Local::start();
    local.queue_url = format!("{}/000000000000/nowhere", local.endpoint);
    let (_, stderr) = assert_code(&local.request(&["hello"]), 4);
    assert!(stderr.contains("does not exist"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}
