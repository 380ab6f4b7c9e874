//! `sqs-rpc bench`.

use serde_json::Value;

use crate::support::{Local, assert_code, run};

/// What it prints as JSON, a value a line.
fn outcomes(arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["bench"], arguments, &["--json"]].concat();
    let (stdout, _) = assert_code(&run(&arguments), 0);
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect()
}

fn number(outcome: &Value, pointer: &str) -> f64 {
    let value = outcome.pointer(pointer).and_then(Value::as_f64);
    value.unwrap_or_else(|| panic!("no {pointer} in {outcome}"))
}

#[test]
fn in_the_model_many_callers_share_their_calls_and_one_does_not() {
    let outcomes = outcomes(&[
        "rpc",
        "--concurrency",
        "1,64",
        "--payload",
        "64",
        "--requests",
        "640",
    ]);
    let [alone, together] = outcomes.as_slice() else {
        panic!("two runs: {outcomes:?}");
    };
    for outcome in [alone, together] {
        assert_eq!(number(outcome, "/requests"), 640.0);
        assert!(outcome["cpu_us_per_rpc"].is_null(), "SQS is in the process");
    }
    assert!(number(alone, "/calls_per_rpc") > 4.0, "{alone}");
    assert_eq!(number(alone, "/fill/SendMessageBatch"), 1.0);
    assert!(number(together, "/calls_per_rpc") < 2.0, "{together}");
    // Two sends and two deliveries of 10 ms each at the median: no request is faster.
    assert!(number(alone, "/p50_ms") > 20.0, "{alone}");
}

#[test]
fn at_a_rate_requests_come_whether_replies_do_or_not() {
    let outcomes = outcomes(&[
        "rpc",
        "--rate",
        "100",
        "--payload",
        "64",
        "--requests",
        "200",
        "--compare",
        "unbatched",
    ]);
    let [ours, unbatched] = outcomes.as_slice() else {
        panic!("two runs, whatever the numbers of callers: {outcomes:?}");
    };
    assert_eq!(unbatched["contestant"], "unbatched");
    for outcome in [ours, unbatched] {
        assert_eq!(number(outcome, "/rate"), 100.0);
        let reached = number(outcome, "/rpc_per_second");
        assert!((80.0..=101.0).contains(&reached), "{outcome}");
    }
}

#[test]
fn over_http_both_contestants_do_the_same_work_on_the_same_server() {
    let local = Local::start();
    let outcomes = outcomes(&[
        "rpc",
        "--endpoint-url",
        &local.endpoint,
        "--concurrency",
        "4",
        "--payload",
        "64",
        "--requests",
        "40",
        "--compare",
        "bare-sdk",
    ]);
    let names: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome["contestant"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["sqs-rpc", "bare-sdk"]);
    for outcome in &outcomes {
        assert_eq!(number(outcome, "/requests"), 40.0);
        assert!(number(outcome, "/cpu_us_per_rpc") > 0.0);
    }
    assert_eq!(
        local.queue_names(),
        ["jobs"],
        "what the bench made, it deleted"
    );
}

#[test]
fn a_table_says_what_was_run() {
    let run = run(&[
        "bench",
        "rpc",
        "--concurrency",
        "2",
        "--payload",
        "64",
        "--requests",
        "20",
    ]);
    let (stdout, _) = assert_code(&run, 0);
    for part in [
        "a model of Amazon's latencies, in virtual time, seed 1",
        "20 requests in each run",
        "prefer balance",
        "calls/RPC",
        "2 callers",
        "64 B",
    ] {
        assert!(stdout.contains(part), "{part}\n{stdout}");
    }
}

#[test]
fn loads_that_cannot_be_are_refused() {
    for (option, value) in [
        ("--concurrency", "0"),
        ("--payload", "2000000"),
        ("--rate", "0"),
    ] {
        let (_, stderr) = assert_code(&run(&["bench", "rpc", option, value]), 2);
        assert!(stderr.contains("expected"), "{stderr}");
    }
}
