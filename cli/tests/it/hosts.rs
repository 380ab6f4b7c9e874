//! `sqs-rpc queues` and `sqs-rpc sweep`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{Local, assert_code};
use serde_json::Value;

const UUID: &str = "0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a";

/// Creates these hosts: dead, alive, lease expired, of Java, without a lease, with an unreadable lease; and a queue
/// that is not a host.
fn some_hosts(local: &Local) -> [String; 6] {
    #[expect(
        clippy::disallowed_methods,
        reason = "the lease of a living host has a current time"
    )]
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let lease = |stamp: u128| vec![("SqsRpcLease", format!("1:s{stamp}:60:w"))];
    let java = vec![
        ("__IdleQueueRetentionPeriodSeconds", "300".to_owned()),
        (
            "__AmazonSQSIdleQueueDeletingClient.LastHeartbeatTimestamp",
            "1".to_owned(),
        ),
    ];
    let names = [0, 1, 2, 3, 4, 5].map(|n| format!("sqs-rpc-{UUID}-{n}"));
    local.create(&names[0], lease(now - 3_610_000));
    local.create(&names[1], lease(now));
    local.create(&names[2], lease(now - 90_000));
    local.create(&names[3], java);
    local.create(&names[4], Vec::new());
    local.create(&names[5], vec![("SqsRpcLease", "2:x".to_owned())]);
    local.create("sqs-rpc-orders", lease(now - 3_600_000));
    names
}

#[test]
fn queues_shows_every_host_and_its_verdict() {
    let local = Local::start();
    let names = some_hosts(&local);
    let (stdout, stderr) = assert_code(&local.run(&["queues"]), 0);
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), 7, "{stdout}");
    assert!(
        lines[0].contains("HOST") && lines[0].contains("VERDICT"),
        "{stdout}"
    );
    for (name, said) in names.iter().zip([
        "dead",
        "alive",
        "lease expired; dead in",
        "watched for a renewal; dead in 6m",
        "it has no lease; never deleted",
        "its lease cannot be read; never deleted",
    ]) {
        let line = lines.iter().find(|line| line.contains(name)).unwrap();
        assert!(line.contains(said), "{line}");
    }
    assert!(
        lines[1].contains("1h") && lines[1].contains("1m"),
        "{stdout}"
    );
    assert_eq!(stderr, "", "no progress bar without a terminal");

    let (stdout, _) = assert_code(&local.run(&["queues", "--json", "--prefix", "sqs-rpc-"]), 0);
    let rows: Vec<Value> = serde_json::from_str(&stdout).unwrap();
    let verdicts: Vec<_> = rows
        .iter()
        .map(|row| row["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(
        verdicts,
        ["dead", "alive", "unknown", "unknown", "unknown", "unknown"]
    );
    assert_eq!(
        (&rows[0]["host"], &rows[0]["messages"]),
        (&names[0].as_str().into(), &0.into())
    );
    assert_eq!(rows[3]["watch_s"], 360);
}

#[test]
fn a_sweep_deletes_exactly_the_hosts_of_its_dry_run() {
    let local = Local::start();
    let names = some_hosts(&local);
    let before = local.queue_names();
    let dry = ["sweep", "--once", "--dry-run"];
    let (stdout, _) = assert_code(&local.run(&dry), 0);
    let dead: Vec<_> = stdout
        .lines()
        .filter(|line| line.starts_with("dead "))
        .collect();
    assert_eq!(dead.len(), 1, "{stdout}");
    assert!(
        dead[0].contains(&names[0]) && dead[0].contains("its lease of 1m was last renewed 1h"),
        "{stdout}"
    );
    let silent = stdout
        .lines()
        .find(|line| line.starts_with(&names[3]))
        .unwrap();
    assert!(
        silent.contains("watched for a renewal; dead in 6m"),
        "{silent}"
    );
    assert_eq!(local.queue_names(), before);

    let (stdout, _) = assert_code(&local.run(&["sweep", "--once", "--json"]), 0);
    let seen: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(seen["examined"], 6);
    assert_eq!(seen["deleted"].as_array().unwrap().len(), 1);
    assert_eq!(seen["deleted"][0]["host"], names[0]);
    let waiting = seen["waiting"].as_array().unwrap();
    assert_eq!(
        waiting.len(),
        2,
        "the host with the expired lease and Java's host: {stdout}"
    );
    let mut left = before;
    left.retain(|name| *name != names[0]);
    assert_eq!(local.queue_names(), left);
}

#[test]
fn without_hosts_nothing_is_listed_and_bad_prefixes_are_refused() {
    let local = Local::start();
    let (stdout, _) = assert_code(&local.run(&["queues"]), 0);
    assert_eq!(stdout, "no temporary queues with prefix sqs-rpc-\n");
    let (stdout, _) = assert_code(&local.run(&["sweep"]), 0);
    assert_eq!(stdout, "0 hosts, 0 deleted\n", "nothing to wait for");
    let (_, stderr) = assert_code(&local.run(&["sweep", "--prefix", "a.b"]), 2);
    assert!(stderr.contains("prefix is \"a.b\""), "{stderr}");
}
