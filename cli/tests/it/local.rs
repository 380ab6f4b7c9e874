//! `sqs-rpc local`.

use crate::support::{Local, assert_code, run};

#[test]
fn it_prints_where_it_is_and_ends_cleanly_when_told() {
    let local = Local::start();
    assert!(
        local.endpoint.starts_with("http://127.0.0.1:"),
        "{}",
        local.endpoint
    );
    assert_eq!(
        local.queue_url,
        format!("{}/000000000000/jobs", local.endpoint)
    );

    local.process.terminate();
    let (status, stderr) = local.process.wait();
    assert!(status.success(), "{status}: {stderr:?}");
    assert_eq!(stderr, [""; 0]);
}

#[test]
fn a_taken_port_is_an_error_that_says_what_to_do() {
    let local = Local::start();
    let port = local.endpoint.rsplit(':').next().unwrap();
    let (stdout, stderr) = assert_code(&run(&["local", "--port", port]), 4);
    assert_eq!(stdout, "");
    let expected = format!(
        "sqs-rpc: port {port} is taken: choose another with --port, or any free one with --port 0\n"
    );
    assert_eq!(stderr, expected);
}

#[test]
fn a_name_that_no_queue_can_have_is_an_error() {
    let (stdout, stderr) = assert_code(&run(&["local", "--port", "0", "--queue", "a b"]), 2);
    assert_eq!(stdout, "");
    assert!(stderr.starts_with("sqs-rpc: queue \"a b\": "), "{stderr}");
}
