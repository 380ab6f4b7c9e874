//! `sqs-rpc local`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use aws_sdk_sqs::error::ProvideErrorMetadata as _;

#[cfg(target_os = "linux")]
use crate::support::start_without_hang_up;
use crate::support::{Local, Running, assert_code, run, start};

/// Sends an HTTP request without a body, and returns the whole answer.
fn http(local: &Local, head: &str) -> String {
    let address = local.endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("{head}\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Writes a file for one test and returns its path.
fn file(name: &str, text: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn attributes(local: &Local, queue: &str) -> std::collections::HashMap<String, String> {
    let url = local.queue_url.replace("/jobs", &format!("/{queue}"));
    let got = local.call(|client| {
        let call = client.get_queue_attributes().queue_url(url);
        call.attribute_names("All".into()).send()
    });
    let attributes = got.unwrap().attributes.unwrap();
    let named = |(name, value): (aws_sdk_sqs::types::QueueAttributeName, String)| {
        (name.as_str().to_owned(), value)
    };
    attributes.into_iter().map(named).collect()
}

#[test]
fn the_introduction_is_on_stderr_and_sigterm_ends_the_server() {
    let process = start(&["local", "--port", "0", "--queue", "jobs"]);
    let introduction = process.stderr.until(|line| line == "ready").join("\n");
    assert!(
        introduction.contains("export AWS_ENDPOINT_URL_SQS=http://127.0.0.1:"),
        "{introduction}"
    );
    assert!(
        introduction.contains("/000000000000/jobs\n"),
        "{introduction}"
    );
    process.terminate();
    let (status, stdout, stderr) = process.wait_for_all();
    assert!(status.success(), "{status}: {stderr:?}");
    assert_eq!((stdout, stderr), (vec![], vec![]));
}

#[test]
fn each_signal_ends_the_server() {
    for end in [
        Running::terminate as fn(&Running),
        Running::interrupt,
        Running::hang_up,
    ] {
        let local = Local::start();
        end(&local.process);
        let (status, stderr) = local.process.wait();
        assert!(status.success(), "{status}: {stderr:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_started_with_sighup_ignored_keeps_ignoring_it() {
    let process = start_without_hang_up(&["local", "--port", "0"]);
    process.stderr.until(|line| line == "ready");
    assert!(process.ignores_hang_up());
}

#[test]
fn with_until_stdin_ends_the_server_ends_with_stdin() {
    // Stdin is empty from the start.
    let process = start(&["local", "--port", "0", "--json", "--until-stdin-ends"]);
    let (status, stdout, stderr) = process.wait_for_all();
    assert!(status.success(), "{status}: {stderr:?}");
    assert_eq!(stdout.len(), 1, "{stdout:?}");
}

#[test]
fn with_json_the_introduction_is_one_line() {
    let local = Local::start_with(&["--region", "eu-west-1", "--account", "111122223333"]);
    let url = format!("{}/111122223333/jobs", local.endpoint);
    let expected = serde_json::json!({
        "endpoint_url": local.endpoint,
        "region": "eu-west-1",
        "account": "111122223333",
        "queues": { "jobs": url },
    });
    assert_eq!(local.introduction, expected);
    assert_eq!(
        attributes(&local, "jobs")["QueueArn"],
        "arn:aws:sqs:eu-west-1:111122223333:jobs"
    );
    local.process.terminate();
    let (status, stdout, stderr) = local.process.wait_for_all();
    assert!(status.success(), "{status}: {stderr:?}");
    assert_eq!((stdout, stderr), (vec![], vec![]));
}

#[test]
fn the_server_listens_on_ipv4_and_ipv6() {
    for (host, expected) in [
        ("localhost", "http://127.0.0.1:"),
        ("0.0.0.0", "http://127.0.0.1:"),
        ("::1", "http://[::1]:"),
    ] {
        let local = Local::start_with(&["--host", host]);
        assert!(
            local.endpoint.starts_with(expected),
            "{host}: {}",
            local.endpoint
        );
        let serving = local.serve(&[], "cat");
        let (reply, _) = assert_code(&local.request(&["hello"]), 0);
        assert_eq!(reply, "hello\n");
        serving.terminate();
    }
}

#[test]
fn queues_have_the_attributes_of_command_line_and_file() {
    let config = file(
        "orders.toml",
        "[queues.orders]\nVisibilityTimeout = 7\nDeadLetterQueue = \"dead\"\nMaxReceiveCount = 4\nTags = { team = \"a\" }\n",
    );
    let local = Local::start_with(&[
        "--config",
        &config,
        "--queue",
        "dead,MessageRetentionPeriod=1209600",
        "--queue",
        "strict.fifo,ContentBasedDeduplication=true",
    ]);
    let orders = attributes(&local, "orders");
    assert_eq!(orders["VisibilityTimeout"], "7");
    assert!(
        orders["RedrivePolicy"].contains(":dead\",\"maxReceiveCount\":\"4\""),
        "{orders:?}"
    );
    assert_eq!(
        attributes(&local, "dead")["MessageRetentionPeriod"],
        "1209600"
    );
    assert_eq!(attributes(&local, "strict.fifo")["FifoQueue"], "true");
    assert_eq!(
        local.introduction["queues"].as_object().unwrap().len(),
        4,
        "{}",
        local.introduction
    );
}

#[test]
fn a_configuration_of_elasticmq_is_converted() {
    let conf = file(
        "elasticmq.conf",
        "queues {\n q1 { defaultVisibilityTimeout = 10 seconds\n deadLettersQueue { name = q2, maxReceiveCount = 3 } }\n q2 { }\n}\n",
    );
    let (toml, stderr) = assert_code(&run(&["local", "--convert-elasticmq", &conf]), 0);
    assert_eq!(stderr, "");
    let config = file("converted.toml", &toml);
    let local = Local::start_alone(&["--config", &config]);
    assert_eq!(attributes(&local, "q1")["VisibilityTimeout"], "10");

    let conf = file("copies.conf", "queues {\n q1 {\n copyTo = q2\n }\n}\n");
    let (stdout, stderr) = assert_code(&run(&["local", "--convert-elasticmq", &conf]), 2);
    assert_eq!(stdout, "");
    let expected = format!("sqs-rpc: {conf}, line 3: copyTo is a feature of ElasticMQ");
    assert!(stderr.starts_with(&expected), "{stderr}");
    assert_eq!(stderr.lines().count(), 1);
}

#[test]
fn with_access_keys_requests_must_be_signed() {
    let mut local = Local::start_with(&["--access-key", "AKIDONE:s:1", "--access-key", "TWO:s2"]);
    let refused = local.call(|client| client.list_queues().send());
    assert_eq!(refused.unwrap_err().code(), Some("InvalidClientTokenId"));
    for (id, secret) in [("AKIDONE", "s:1"), ("TWO", "s2")] {
        local.key = (id.to_owned(), secret.to_owned());
        assert_eq!(local.queue_names(), ["jobs"]);
    }
    local.key.1 = "wrong".to_owned();
    let refused = local.call(|client| client.list_queues().send());
    assert_eq!(refused.unwrap_err().code(), Some("SignatureDoesNotMatch"));
}

#[test]
fn the_same_seed_gives_the_same_ids() {
    let sent = || {
        let local = Local::start_with(&["--seed", "7"]);
        let url = local.queue_url.clone();
        let send = local.call(|client| {
            client
                .send_message()
                .queue_url(url)
                .message_body("x")
                .send()
        });
        send.unwrap().message_id.unwrap()
    };
    assert_eq!(sent(), sent());
}

#[test]
fn faults_are_injected_after_the_given_queues_are_created() {
    let local = Local::start_with(&[
        "--like-amazon",
        "--settling",
        "1h",
        "--unavailable",
        "1",
        "--only",
        "ListQueues,TagQueue",
    ]);
    let refused = local.call(|client| client.list_queues().send());
    assert_eq!(refused.unwrap_err().code(), Some("ServiceUnavailable"));
    // The given queue has settled, a new queue has not.
    assert_eq!(attributes(&local, "jobs")["VisibilityTimeout"], "30");
    local.create("new", Vec::new());
    let url = local.queue_url.replace("/jobs", "/new");
    let send = local.call(|client| {
        client
            .send_message()
            .queue_url(url)
            .message_body("x")
            .send()
    });
    assert!(
        send.unwrap_err()
            .into_service_error()
            .is_queue_does_not_exist()
    );
}

#[test]
fn health_and_cors_are_answered() {
    let local = Local::start_with(&["--cors", "http://localhost:3000"]);
    let health = http(&local, "GET /health HTTP/1.1");
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n"), "{health}");
    let preflight = http(
        &local,
        "OPTIONS / HTTP/1.1\r\norigin: http://localhost:3000\r\naccess-control-request-method: POST",
    );
    assert!(preflight.starts_with("HTTP/1.1 204"), "{preflight}");
    assert!(
        preflight.contains("access-control-allow-origin: http://localhost:3000\r\n"),
        "{preflight}"
    );
}

#[test]
fn with_log_each_request_is_a_line_without_its_body() {
    let local = Local::start_with(&["--log"]);
    assert_code(&local.request(&["--timeout", "3s", "canary"]), 3);
    http(&local, "GET /?Action=Nonsense HTTP/1.1");
    local.process.terminate();
    let (_, log) = local.process.wait();
    let sends: Vec<_> = log
        .iter()
        .filter(|line| line.contains("SendMessageBatch jobs 200 ok 1"))
        .collect();
    assert_eq!(sends.len(), 1, "{log:?}");
    // The time has milliseconds.
    let time = sends[0].split(' ').next().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    assert!(sends[0].ends_with(" ms"), "{log:?}");
    assert!(
        log.iter()
            .any(|line| line.contains(" - * 400 InvalidAction")),
        "{log:?}"
    );
    assert!(log.iter().all(|line| !line.contains("canary")), "{log:?}");
}

#[test]
fn a_port_in_use_is_an_error_with_advice() {
    let local = Local::start();
    let port = local.endpoint.rsplit(':').next().unwrap();
    let (stdout, stderr) = assert_code(&run(&["local", "--port", port]), 4);
    assert_eq!(stdout, "");
    let expected = format!(
        "sqs-rpc: port {port} is already in use: choose another port with --port, or a free port with --port 0\n"
    );
    assert_eq!(stderr, expected);
}

#[test]
fn bad_input_is_code_2_before_the_port_is_bound() {
    // The port is in use, so a command that binds it before the check would end with code 4.
    let local = Local::start();
    let port = local.endpoint.rsplit(':').next().unwrap();
    let broken = file("broken.toml", "[queues.a]\nVisibilityTimeout = = 1\n");
    let unknown = file("unknown.toml", "[queues.a]\n\nVisibility = 1\n");
    let jobs = file("jobs.toml", "[queues.jobs]\n");
    for (arguments, part) in [
        (&["--account", "12"][..], "expected 12 digits, found \"12\""),
        (&["--region", "EU"], "such as us-east-1, found \"EU\""),
        (&["--host", "example.com"], "found \"example.com\""),
        (&["--access-key", "AKID"], "expected ID:SECRET"),
        (
            &["--access-key", "A:b", "--access-key", "A:c"],
            "given more than once",
        ),
        (&["--cors", "localhost"], "found \"localhost\""),
        (&["--seed", "x"], "to 18446744073709551615, found \"x\""),
        (
            &["--most-in-flight", "9999999"],
            "from 0 to 120000, found \"9999999\"",
        ),
        (&["--deletion", "1h"], "at most 1m, found \"1h\""),
        (&["--throttled", "2"], "from 0 to 1, found \"2\""),
        (&["--only", "SendMessage"], "--throttled"),
        (&["--queue", "a b"], "--queue a b: "),
        (
            &["--queue", "a,Visibility=1"],
            "VisibilityTimeout, DeadLetterQueue and MaxReceiveCount, found \"Visibility\"",
        ),
        (
            &["--queue", "a,DelaySeconds=901"],
            "expected a whole number from 0 to 900, found \"901\"",
        ),
        (
            &["--queue", "a", "--queue", "a"],
            "queue \"a\" is given more than once",
        ),
        (
            &["--queue", "jobs", "--config", &jobs],
            "line 1 and --queue jobs",
        ),
        (
            &["--queue", "a,DeadLetterQueue=b,MaxReceiveCount=3"],
            "expected one of the given queues (a) as DeadLetterQueue, found \"b\"",
        ),
        (&["--config", &broken], ", line 2: "),
        (&["--config", &unknown], ", line 3: expected one of"),
        (&["--config", "/no/such/file"], "cannot read /no/such/file"),
        (&["--convert-elasticmq", "/no/such/file"], "cannot"),
    ] {
        let mut all = vec!["local", "--port", port];
        all.extend(arguments);
        let (stdout, stderr) = assert_code(&run(&all), 2);
        assert_eq!(stdout, "", "{arguments:?}");
        assert!(
            stderr.to_lowercase().contains(&part.to_lowercase()),
            "{arguments:?}: {stderr}"
        );
    }
    let (_, stderr) = assert_code(&run(&["local", "--port", "70000"]), 2);
    assert!(stderr.contains("70000 is not in 0..=65535"), "{stderr}");
}
