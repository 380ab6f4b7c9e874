//! `sqs-rpc bench`.

use serde_json::Value;

use crate::support::{Local, Running, assert_code, run, start_logging};

/// The JSON output of the bench: one value per line.
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
fn in_the_model_many_callers_share_calls() {
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
        assert!(
            outcome["cpu_us_per_rpc"].is_null(),
            "SQS runs in this process"
        );
    }
    assert!(number(alone, "/calls_per_rpc") > 4.0, "{alone}");
    assert_eq!(number(alone, "/fill/SendMessageBatch"), 1.0);
    assert!(number(together, "/calls_per_rpc") < 2.0, "{together}");
    // No request is faster than two sends and two deliveries, each with a median of 10 ms.
    assert!(number(alone, "/p50_ms") > 20.0, "{alone}");
}

#[test]
fn with_a_rate_requests_do_not_wait_for_replies() {
    let outcomes = outcomes(&[
        "rpc",
        "--rate",
        "100",
        "--payload",
        "64",
        "--requests",
        "50",
        "--compare",
        "unbatched",
    ]);
    let [ours, unbatched] = outcomes.as_slice() else {
        panic!("expected two runs, for one load: {outcomes:?}");
    };
    assert_eq!(unbatched["contestant"], "unbatched");
    for outcome in [ours, unbatched] {
        assert_eq!(number(outcome, "/rate"), 100.0);
        let reached = number(outcome, "/rpc_per_second");
        assert!((50.0..=101.0).contains(&reached), "{outcome}");
    }
}

#[test]
fn over_http_both_contestants_run_on_one_server() {
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
        "the bench deleted its queues"
    );
}

#[test]
fn a_table_has_the_settings_of_the_run() {
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

/// Starts a bench that runs for a long time, and waits for the start of its first run.
fn endless(place: &[&str]) -> Running {
    let load = [
        "--concurrency",
        "2",
        "--payload",
        "64",
        "--requests",
        "1000000000",
    ];
    let arguments = [&["bench", "rpc", "--json"], place, &load].concat();
    let running = start_logging(&arguments, "warn,sqs_rpc=debug");
    running.stderr.until(|line| line.contains("starting a run"));
    running
}

#[test]
fn an_interrupt_ends_the_bench_and_deletes_its_queues() {
    let local = Local::start();
    for (name, end) in [
        ("TERM", Running::terminate as fn(&Running)),
        ("INT", Running::interrupt),
        ("HUP", Running::hang_up),
    ] {
        let bench = endless(&["--endpoint-url", &local.endpoint]);
        assert_eq!(local.queue_names().len(), 3, "jobs, requests and replies");
        end(&bench);
        let (status, stdout, stderr) = bench.wait_for_all();
        assert_eq!(status.code(), Some(4), "{name}: {stderr:?}");
        let object: Value = serde_json::from_str(&stdout[0]).unwrap();
        assert_eq!(object["error"]["kind"], "interrupted", "{name}");
        assert_eq!(local.queue_names(), ["jobs"], "{name}");
    }
}

#[test]
fn an_interrupt_ends_the_bench_in_the_model() {
    let bench = endless(&[]);
    bench.terminate();
    let (status, stdout, _) = bench.wait_for_all();
    assert_eq!(status.code(), Some(4));
    assert!(stdout[0].contains("interrupted"), "{stdout:?}");
}

#[test]
fn the_server_of_a_bench_always_ends_with_the_bench() {
    for (code, end) in [
        (None, Running::kill as fn(&Running)),
        (Some(4), Running::terminate),
        (Some(4), Running::interrupt),
    ] {
        let bench = endless(&["--on-local"]);
        end(&bench);
        // The server shares stderr with the bench, so stderr ends when both have ended.
        let (status, _, stderr) = bench.wait_for_all();
        assert_eq!(status.code(), code);
        let not_deleted = |line: &String| line.contains("deleted");
        assert!(!stderr.iter().any(not_deleted), "{stderr:?}");
    }
}

#[test]
fn a_bench_reports_a_hanging_server_and_can_be_interrupted() {
    let local = Local::start();
    let bench = endless(&["--endpoint-url", &local.endpoint]);
    local.process.stop();
    let line = "no reply for 10s";
    bench.stderr.until(|said| said.contains(line));
    bench.terminate();
    let (status, stderr) = bench.wait();
    assert_eq!(status.code(), Some(4));
    let said = |text: &str| stderr.iter().any(|line| line.contains(text));
    assert!(said("deleted") && said("interrupted"), "{stderr:?}");
}

#[test]
fn a_bench_that_fails_deletes_its_queues() {
    // The queue is created, but the bench never receives its URL.
    let local = Local::start_with(&["--lost-answers", "1", "--only", "CreateQueue"]);
    let arguments = ["bench", "rpc", "--endpoint-url", &local.endpoint];
    assert_code(&run(&arguments), 4);
    assert_eq!(local.queue_names(), ["jobs"]);
}

#[test]
fn invalid_loads_are_refused() {
    for (option, value, expected) in [
        ("--concurrency", "0", "from 1 to 100000, found \"0\""),
        ("--concurrency", "100001", "from 1 to 100000, found"),
        (
            "--payload",
            "2000000",
            "from 1 to 1000000, found \"2000000\"",
        ),
        ("--requests", "1000000001", "from 1 to 1000000000, found"),
        ("--rate", "0", "from 0.01 to 1000000, found \"0\""),
        ("--rate", "1e10", "from 0.01 to 1000000, found \"1e10\""),
        ("--rate", "NaN", "found \"NaN\""),
        ("--seed", "-1", "found"),
        (
            "--seed",
            "18446744073709551616",
            "from 0 to 18446744073709551615, found",
        ),
        (
            "--endpoint-url",
            "",
            "such as http://127.0.0.1:9324, found \"\"",
        ),
    ] {
        let argument = format!("{option}={value}");
        let (_, stderr) = assert_code(&run(&["bench", "rpc", &argument]), 2);
        assert!(stderr.contains(expected), "{argument}: {stderr}");
    }
}

#[test]
fn a_rate_below_one_is_shown_with_its_fraction() {
    let load = ["--rate", "0.01", "--payload", "64", "--requests", "2"];
    let (stdout, _) = assert_code(&run(&[&["bench", "rpc"], &load[..]].concat()), 0);
    assert!(stdout.contains("0.01 a second"), "{stdout}");
}
