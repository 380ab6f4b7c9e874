//! Each mechanism, taken out: then something must be seen to fail, which holds with it.

use std::time::Duration;

use super::world::World;
use super::{Mutant, Report, Scenario};

/// The seeds of a mechanism's runs.
const SEEDS: std::ops::Range<u64> = 0..6;

fn runs(scenario: impl Fn(u64) -> Scenario, mutant: Mutant) -> Vec<Report> {
    let run = |seed| {
        let scenario = scenario(seed);
        World::run(Scenario { mutant, ..scenario })
    };
    SEEDS.map(run).collect()
}

/// Sees that `fails` never holds for the whole, and holds for some seed without the mechanism.
fn takes_out(mutant: Mutant, scenario: fn(u64) -> Scenario, fails: fn(&Report) -> bool) {
    assert!(
        !runs(scenario, Mutant::None).iter().any(fails),
        "it fails as it is"
    );
    assert!(
        runs(scenario, mutant).iter().any(fails),
        "{mutant:?} is not noticed"
    );
}

fn unsafe_or_late(report: &Report) -> bool {
    !report.violations.is_empty()
}

fn pauses(seed: u64) -> Scenario {
    Scenario {
        pauses: 1_200,
        stale: 60,
        lasts: Duration::from_secs(2 * 3_600),
        ..Scenario::healthy(seed, 30)
    }
}

#[test]
fn without_a_fence_live_hosts_are_deleted() {
    takes_out(Mutant::NoFence, pauses, unsafe_or_late);
}

#[test]
fn with_a_fence_by_the_monotonic_clock_alone_live_hosts_are_deleted() {
    takes_out(Mutant::MonotonicFence, pauses, unsafe_or_late);
}

#[test]
fn with_verdicts_by_the_local_wall_clock_live_hosts_are_deleted() {
    let clocks = |seed| Scenario {
        wrong_clocks: 600,
        ..Scenario::healthy(seed, 20)
    };
    takes_out(Mutant::LocalWallVerdict, clocks, unsafe_or_late);
}

#[test]
fn without_memory_of_unknown_renewals_live_hosts_are_deleted() {
    let late = |seed| Scenario {
        retention: vec![60],
        lost: 0.25,
        late: 1.0,
        pauses: 200,
        lasts: Duration::from_secs(2 * 3_600),
        ..Scenario::healthy(seed, 15)
    };
    takes_out(Mutant::ForgetsUnknown, late, unsafe_or_late);
}

#[test]
fn without_the_other_keys_live_hosts_are_deleted() {
    let late = |seed| Scenario {
        retention: vec![60],
        lost: 0.25,
        late: 1.0,
        lasts: Duration::from_secs(2 * 3_600),
        ..Scenario::healthy(seed, 15)
    };
    takes_out(Mutant::FirstKeyOnly, late, unsafe_or_late);
}

#[test]
fn with_a_fence_that_counts_unknown_renewals_live_hosts_are_deleted() {
    let never = |seed| Scenario {
        retention: vec![60],
        lost: 0.8,
        late: 0.1,
        lasts: Duration::from_secs(2 * 3_600),
        ..Scenario::healthy(seed, 15)
    };
    takes_out(Mutant::UnknownCounts, never, unsafe_or_late);
}

#[test]
fn without_a_pause_for_blocked_keys_hosts_are_given_up() {
    takes_out(Mutant::ReusesBlockedKeys, every_tenth, |report| {
        report.given_up > 0
    });
}

fn every_tenth(seed: u64) -> Scenario {
    Scenario {
        unknown_every: Some(10),
        late: 0.5,
        lasts: Duration::from_secs(6 * 3_600),
        ..Scenario::healthy(seed, 8)
    }
}

#[test]
fn a_walk_that_stops_at_who_does_not_watch_leaves_hosts_for_ever() {
    let idle = |seed| Scenario {
        idle_watchers: 0.5,
        killed: Some((600, 0.3)),
        ..Scenario::healthy(seed, 40)
    };
    takes_out(Mutant::StopsAtNonWatching, idle, unsafe_or_late);
}

#[test]
fn a_walk_that_a_stamp_in_the_future_stops_leaves_hosts_for_ever() {
    let future = |seed| Scenario {
        dead: 40,
        future_stamps: true,
        ..Scenario::healthy(seed, 5)
    };
    takes_out(Mutant::FutureStopsWalk, future, unsafe_or_late);
}

#[test]
fn tags_that_are_set_after_the_creation_leave_hosts_for_ever() {
    let crashes = |seed| Scenario {
        lost: 0.05,
        lives: Some(300),
        lasts: Duration::from_secs(2 * 3_600),
        ..Scenario::healthy(seed, 30)
    };
    takes_out(Mutant::TagsAfterwards, crashes, |report| {
        report.left.iter().any(|age| *age > 3_600)
    });
}

#[test]
fn renewals_that_end_with_the_first_throttling_lose_hosts() {
    let throttled = |seed| Scenario {
        throttled: 0.1,
        ..Scenario::healthy(seed, 30)
    };
    takes_out(Mutant::HeartbeatDies, throttled, |report| {
        report.given_up > 0
    });
}

#[test]
fn a_list_of_one_page_leaves_hosts_for_ever() {
    let many = |mutant| {
        let scenario = Scenario {
            mutant,
            killed: Some((200, 0.2)),
            lasts: Duration::from_secs(2_400),
            ..Scenario::healthy(1, 1_300)
        };
        World::run(scenario)
    };
    assert_eq!(many(Mutant::None).left.len(), 0);
    assert!(!many(Mutant::OnePage).left.is_empty());
}

#[test]
fn a_process_that_never_looks_at_its_own_strays_leaves_them_while_it_lives() {
    let lost = |seed| Scenario {
        lost: 0.1,
        late: 1.0,
        lasts: Duration::from_secs(2 * 3_600),
        ..Scenario::healthy(seed, 20)
    };
    takes_out(Mutant::SkipsStrays, lost, |report| {
        report.left.iter().any(|age| *age > 3_600)
    });
}
