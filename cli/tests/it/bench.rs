//! `sqs-rpc bench`.

use std::path::Path;

use serde_json::Value;

use crate::support::{Local, assert_code, run};

/// What it prints as JSON, a value a line.
fn outcomes(arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["bench", "--json"], arguments].concat();
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
fn an_idle_hour_has_no_receive_and_an_outage_no_hot_loop() {
    let outcomes = outcomes(&["idle-hour", "outage"]);
    let [live, later, outage] = outcomes.as_slice() else {
        panic!("three runs: {outcomes:?}");
    };
    assert!(
        number(live, "/total") > 30.0,
        "its lease is renewed: {live}"
    );
    assert_eq!(live["calls"].get("ReceiveMessage"), None);
    assert_eq!(number(later, "/total"), 0.0, "its host is gone: {later}");
    let calls = number(outage, "/total");
    assert!(calls > 0.0 && calls < 1_000.0, "{outage}");
}

#[test]
fn over_http_both_contestants_do_the_same_work_on_the_same_server() {
    let local = Local::start();
    let outcomes = outcomes(&[
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
fn a_table_and_a_chart_are_for_people() {
    let chart = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench.svg");
    let chart = chart.to_str().unwrap();
    let (stdout, _) = assert_code(
        &run(&[
            "bench",
            "rpc",
            "--concurrency",
            "2",
            "--payload",
            "64",
            "--requests",
            "20",
            "--chart",
            chart,
        ]),
        0,
    );
    assert!(stdout.contains("calls/RPC"), "{stdout}");
    assert!(stdout.contains("2 callers, 64 B"), "{stdout}");
    let svg = std::fs::read_to_string(chart).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("2 callers, 64 B"));
}

#[test]
fn what_takes_an_hour_is_refused_where_an_hour_is_an_hour() {
    let (_, stderr) = assert_code(&run(&["bench", "--on-local", "idle-hour"]), 2);
    assert_eq!(
        stderr,
        "sqs-rpc: idle-hour runs in the model only, where an hour takes a moment\n"
    );
}
