use super::*;
use crate::lease::{Lease, Stamp};
use sqs_rpc_protocol::names;

const P: Duration = Duration::from_secs(300);
const R: u64 = 300;

fn at(s: u64) -> Moment {
    Moment::from_start(Duration::from_secs(s))
}

fn sqs(s: u64) -> SqsTime {
    SqsTime::from_millis((1_800_000_000 + s) * 1_000)
}

fn uuid(place: u32) -> String {
    format!("{place:08x}-6d1e-4c55-9a35-000000000007")
}

fn host(place: u32) -> Listed {
    let name = format!("p-{}-0", uuid(place));
    Listed::new(&*name, &*name)
}

fn watch(process: &str) -> Watch {
    let options = WatchOptions {
        prefix: "p-".into(),
        process: process.into(),
        period: P,
        pace: Duration::from_millis(200),
        deletes: true,
    };
    Watch::new(options, at(0), Random::seeded(1))
}

/// Advances the time to the next step that is not a wait.
fn next(watch: &mut Watch, now: &mut Moment) -> Step {
    loop {
        match watch.step(*now, |_| false) {
            Step::Wait(until) => *now = until,
            step => return step,
        }
    }
}

fn lease(stamp: u64, watches: bool) -> HashMap<String, String> {
    let lease = Lease {
        stamp: Stamp::Sqs(sqs(stamp)),
        retention: Duration::from_secs(R),
        watches,
    };
    lease.tags(0, 0).into()
}

#[test]
fn walks_begin_within_ten_seconds_and_then_once_a_period() {
    let mut watch = watch(&uuid(5));
    let mut now = at(0);
    let mut starts = Vec::new();
    for _ in 0..20 {
        assert_eq!(next(&mut watch, &mut now), Step::List("p-".to_owned()));
        starts.push(now);
        watch.listed(vec![host(10), host(20)], now);
        assert_eq!(next(&mut watch, &mut now), Step::Read(host(10)));
        watch.read(&lease(1_000, true), Some(sqs(1_000)), now);
        assert!(
            matches!(watch.step(now, |_| false), Step::Wait(_)),
            "the owner of 10 watches 20"
        );
    }
    assert!(starts[0] < at(10));
    for pair in starts.windows(2) {
        let between = pair[1].since(pair[0]);
        assert!((240..=360).contains(&between.as_secs()), "{between:?}");
    }
    assert_eq!(watch.finished(), 20);
}

#[test]
fn a_walk_stops_only_at_a_living_owner_that_watches() {
    let mut watch = watch(&uuid(5));
    let mut now = at(0);
    next(&mut watch, &mut now);
    let hosts = [10, 20, 30, 40, 50, 60, 70].map(host);
    watch.listed(hosts.to_vec(), now);
    let looks = [
        (lease(1_000, false), 1_000, false),
        (lease(1_000, true), 1_400, false),
        (lease(9_000, true), 1_000, false),
        (HashMap::new(), 1_000, false),
        (lease(1_000, true), 1_421, true),
        (lease(1_000, true), 1_300, false),
    ];
    for (expected, (tags, date, dead)) in hosts.iter().zip(looks) {
        assert_eq!(next(&mut watch, &mut now), Step::Read(expected.clone()));
        watch.read(&tags, Some(sqs(date)), now);
        if dead {
            assert_eq!(next(&mut watch, &mut now), Step::Delete(expected.clone()));
            watch.deleted(now);
        }
    }
    assert_eq!(watch.finished(), 0);
    assert!(matches!(watch.step(now, |_| false), Step::Wait(_)));
    assert_eq!(watch.finished(), 1);
}

#[test]
fn held_hosts_are_skipped_and_own_leftovers_are_judged() {
    let mut watch = watch(&uuid(10));
    let mut now = at(0);
    next(&mut watch, &mut now);
    let stray = Listed::new(format!("p-{}-1", uuid(10)), "url");
    watch.listed(vec![host(10), stray.clone(), host(20)], now);
    let held = |name: &str| *name == *host(10).name;
    assert_eq!(watch.step(now, held), Step::Read(stray.clone()));
    watch.read(&lease(0, true), Some(sqs(1_000)), now);
    assert_eq!(watch.step(now, held), Step::Delete(stray));
}

#[test]
fn a_dry_run_judges_all_hosts_and_deletes_none() {
    let mut watch = watch("");
    watch.options.deletes = false;
    let mut now = at(0);
    assert_eq!(
        watch.step(now, |_| false),
        Step::List("p-".to_owned()),
        "at once"
    );
    watch.listed(vec![host(10), host(20)], now);
    next(&mut watch, &mut now);
    let judged = watch.read(&lease(0, true), Some(sqs(1_000)), now).unwrap();
    assert_eq!((judged.0, judged.2), (host(10), Verdict::Dead));
    assert_eq!(next(&mut watch, &mut now), Step::Read(host(20)));
    let judged = watch.read(&lease(1_000, true), Some(sqs(1_000)), now);
    assert_eq!(judged.unwrap().2, Verdict::Alive { watches: true });
    assert!(matches!(watch.step(now, |_| false), Step::Wait(_)));
}

#[test]
fn a_long_walk_is_paced_and_lengthens_the_period() {
    let mut watch = watch(&uuid(0));
    let mut now = at(0);
    next(&mut watch, &mut now);
    let (began, hosts) = (now, (1..900).map(host).collect::<Vec<_>>());
    watch.listed(hosts.clone(), now);
    let mut reads = 0;
    for expected in &hosts {
        assert_eq!(next(&mut watch, &mut now), Step::Read(expected.clone()));
        reads += 1;
        // Each read takes a second: the walk takes three periods.
        now += Duration::from_secs(1);
        watch.read(&HashMap::new(), Some(sqs(1_000)), now);
        assert!(watch.is_watching(now));
    }
    assert_eq!(reads, hosts.len());
    assert!(now.since(began) > P * 3);
    let Step::Wait(until) = watch.step(now + Duration::from_secs(1), |_| false) else {
        panic!("the walk has ended")
    };
    assert!(until.since(now) >= P * 4 / 5);
    assert!(now.since(began) >= Duration::from_millis(200) * 884 + Duration::from_secs(899));
}

#[test]
fn a_throttled_walk_waits_and_continues_where_it_was() {
    let mut watch = watch(&uuid(5));
    let mut now = at(0);
    next(&mut watch, &mut now);
    watch.listed(vec![host(10), host(20)], now);
    assert_eq!(next(&mut watch, &mut now), Step::Read(host(10)));
    watch.failed(Failure::Temporary, now);
    let before = now;
    assert_eq!(
        next(&mut watch, &mut now),
        Step::Read(host(10)),
        "the walk continues where it was"
    );
    assert!(now.since(before) >= Duration::from_secs(8));
    let mut calls = 0;
    while now < at(3_600) {
        next(&mut watch, &mut now);
        watch.failed(Failure::Temporary, now);
        calls += 1;
    }
    // Without failures: 24.
    assert!(calls <= 48, "{calls}");
    assert!(
        !watch.is_watching(at(3_600)),
        "three periods without progress"
    );
    watch.listed(Vec::new(), at(3_600));
    assert!(watch.is_watching(at(3_600)));
}

#[test]
fn an_unreadable_host_is_skipped_after_three_attempts() {
    let mut watch = watch(&uuid(5));
    let mut now = at(0);
    next(&mut watch, &mut now);
    watch.listed(vec![host(10), host(20)], now);
    for _ in 0..3 {
        assert_eq!(next(&mut watch, &mut now), Step::Read(host(10)));
        watch.failed(Failure::Temporary, now);
    }
    assert_eq!(next(&mut watch, &mut now), Step::Read(host(20)));
}

#[test]
fn without_permission_the_process_does_not_count_as_watching() {
    let mut denied = watch(&uuid(5));
    let mut now = at(0);
    next(&mut denied, &mut now);
    denied.failed(Failure::Denied, now);
    assert!(!denied.is_watching(now));
    let before = now;
    assert!(matches!(next(&mut denied, &mut now), Step::List(_)));
    assert!(now.since(before) >= P * 4 / 5, "no hot loop");
    denied.listed(vec![host(10)], now);
    next(&mut denied, &mut now);
    denied.read(&lease(0, true), Some(sqs(1_000)), now);
    assert_eq!(next(&mut denied, &mut now), Step::Delete(host(10)));
    denied.failed(Failure::Denied, now);
    let _ = denied.step(now + P, |_| false);
    assert_eq!(denied.finished(), 1);
    assert!(!denied.is_watching(now), "it can walk but not delete");
    next(&mut denied, &mut now);
    denied.listed(vec![host(10)], now);
    next(&mut denied, &mut now);
    denied.read(&lease(0, true), Some(sqs(1_000)), now);
    next(&mut denied, &mut now);
    denied.deleted(now);
    assert!(denied.is_watching(now));
}

#[test]
fn a_host_that_is_gone_is_skipped() {
    let mut watch = watch(&uuid(5));
    let mut now = at(0);
    next(&mut watch, &mut now);
    watch.listed(vec![host(10), host(20)], now);
    next(&mut watch, &mut now);
    watch.gone(now);
    assert_eq!(next(&mut watch, &mut now), Step::Read(host(20)));
    watch.read(&lease(0, true), Some(sqs(1_000)), now);
    watch.gone(now);
    assert!(matches!(watch.step(now, |_| false), Step::Wait(_)));
}

#[test]
fn a_java_host_is_dead_only_after_its_silence() {
    let mut watch = watch(&uuid(5));
    let java = |heartbeat: &str| -> HashMap<String, String> {
        [
            (names::LEASE_RETENTION_TAG.to_owned(), "300".to_owned()),
            (names::LEASE_HEARTBEAT_TAG.to_owned(), heartbeat.to_owned()),
        ]
        .into()
    };
    let mut now = at(0);
    let mut looks = Vec::new();
    loop {
        match next(&mut watch, &mut now) {
            Step::List(_) => watch.listed(vec![host(10)], now),
            Step::Read(_) => {
                looks.push(now);
                watch.read(&java("1"), Some(sqs(0)), now);
            }
            Step::Delete(_) => break,
            Step::Wait(_) => unreachable!("`next` skips waits"),
        }
    }
    assert!(now.since(looks[0]) > Duration::from_secs(360), "{looks:?}");
    assert_eq!(looks.len(), 3, "{looks:?}");
}
