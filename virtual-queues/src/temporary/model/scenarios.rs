//! The runs, what they show, and what is seen when a mechanism is missing.

use std::time::Duration;

use super::world::World;
use super::{Report, Scenario};

const HOUR: Duration = Duration::from_secs(3_600);

fn sound(scenario: &Scenario) -> Report {
    let report = World::run(scenario.clone());
    assert!(
        report.violations.is_empty(),
        "{:?}\n{scenario:?}",
        report.violations
    );
    report
}

#[test]
fn a_fleet_in_peace_loses_nothing() {
    let report = sound(&Scenario::healthy(1, 50));
    assert_eq!((report.created, report.given_up), (50, 0));
    assert!(report.cleaned.is_empty() && report.left.is_empty());
}

#[test]
fn the_hosts_of_killed_processes_are_gone_within_the_bound() {
    for seed in 0..5 {
        let scenario = Scenario {
            killed: Some((900, 0.3)),
            stale: 60,
            retention: vec![300, 60, 300],
            wrong_clocks: 600,
            idle_watchers: 0.2,
            ..Scenario::healthy(seed, 100)
        };
        let report = sound(&scenario);
        assert!(
            report.cleaned.len() > 15 && report.left.is_empty(),
            "{report:?}"
        );
    }
}

#[test]
fn a_fleet_that_is_replaced_at_once_is_cleaned_by_its_successors() {
    let scenario = Scenario {
        deployed: Some(900),
        stale: 60,
        ..Scenario::healthy(3, 200)
    };
    let report = sound(&scenario);
    assert_eq!((report.cleaned.len(), report.left.len()), (200, 0));
}

#[test]
fn processes_that_live_for_two_minutes_are_kept_up_with() {
    let scenario = Scenario {
        lives: Some(120),
        stale: 60,
        lasts: 2 * HOUR,
        ..Scenario::healthy(4, 50)
    };
    let report = sound(&scenario);
    let alive_and_doubtful = 50 * 10;
    assert!(report.cleaned.len() > 2_000, "{}", report.cleaned.len());
    assert!(
        report.left.len() < alive_and_doubtful,
        "{}",
        report.left.len()
    );
}

#[test]
fn no_live_host_is_deleted_whatever_happens() {
    let mut cleaned = 0;
    for seed in 0..12 {
        cleaned += sound(&Scenario::rough(seed, 40)).cleaned.len();
    }
    assert!(cleaned > 500, "{cleaned}");
}

#[test]
fn a_tenth_of_renewals_of_unknown_outcome_costs_no_host_for_days() {
    for (seed, retention) in [(1, 60), (2, 300), (3, 1_800)] {
        let scenario = Scenario {
            retention: vec![retention],
            unknown_every: Some(10),
            late: 0.5,
            stale: 60,
            wrong_clocks: 900,
            lasts: 48 * HOUR,
            ..Scenario::healthy(seed, 3)
        };
        let report = sound(&scenario);
        assert_eq!(report.given_up, 0, "R = {retention} s");
        // The retry of a renewal may come when half of a lease of 1 minute is over: then a new host takes its place.
        let most = if retention < 300 { 10 } else { 0 };
        assert!(
            report.drained <= most,
            "R = {retention} s: {}",
            report.drained
        );
    }
}

#[test]
fn throttled_tagging_costs_hosts_and_then_the_retention_grows() {
    let scenario = Scenario {
        no_tagging: Some((900, 1_500)),
        ..Scenario::healthy(5, 30)
    };
    let report = sound(&scenario);
    // 10 minutes are two retentions: every host is given up once or twice, and none after that.
    let lost = report.given_up + report.drained;
    assert!((30..=90).contains(&lost), "{lost}");
    let healthy = 30 * 4 * 600 / 300;
    let meanwhile: u64 = report.renewals[60..100].iter().sum();
    assert!(
        meanwhile <= 2 * healthy,
        "{meanwhile} renewals in these minutes, {healthy} when healthy"
    );
    let after: u64 = report.renewals[120..160].iter().sum();
    assert!(after < healthy * 3 / 4, "{after}: the retention has grown");
}

#[test]
fn the_one_survivor_of_a_large_fleet_cleans_up_at_its_pace() {
    let scenario = Scenario {
        dead: 5_000,
        lasts: 2 * HOUR,
        ..Scenario::healthy(6, 1)
    };
    let report = sound(&scenario);
    assert_eq!((report.cleaned.len(), report.left.len()), (5_000, 0));
    let calls = report.watching[0];
    assert!(calls < 3 * 5_000 + 1_000, "{calls}");
}

#[test]
#[ignore = "slow without optimisation: `cargo xtask test` runs it with"]
fn a_hundred_thousand_queues_under_the_prefix() {
    let scenario = Scenario {
        dead: 100_000,
        lasts: Duration::from_secs(1_800),
        ..Scenario::healthy(7, 100)
    };
    let report = World::run(scenario);
    assert!(report.violations.is_empty());
    // 100 owners at 2.5 hosts a second each would need 400 s; they share the ring unevenly.
    assert!(report.cleaned.len() > 90_000, "{}", report.cleaned.len());
}

/// P13 and P14 in peace. Prints a row of the table in `docs/leases.md`.
fn counts(hosts: usize) {
    let scenario = Scenario {
        stale: 60,
        lasts: Duration::from_secs(1_920),
        ..Scenario::healthy(8, hosts)
    };
    let report = sound(&scenario);
    // From the third minute on.
    let periods = 6.0;
    let total: u64 = report.watching.iter().sum();
    let each = total as f64 / hosts as f64 / periods;
    let most = *report.watching.iter().max().unwrap() as f64 / periods;
    let steady = &report.renewals[8..128];
    let rate = steady.iter().sum::<u64>() as f64 / (steady.len() * 15) as f64;
    let mean = 4.0 * hosts as f64 / 300.0;
    let burst = *steady.iter().max().unwrap() as f64 / 15.0;
    println!("| {hosts} | {each:.2} | {most:.1} | {mean:.2} | {rate:.2} | {burst:.2} |");
    assert!(each <= 2.2, "{hosts}: {each}");
    assert!(most <= 4.0, "{hosts}: {most}");
    assert!(rate <= 1.1 * mean, "{hosts}: {rate}");
    // Of a few hosts, some renew in the same 15 s by chance.
    assert!(hosts < 1_000 || burst <= 2.0 * mean, "{hosts}: {burst}");
}

#[test]
fn watching_and_renewing_cost_the_same_for_each_owner_of_10_and_1_000() {
    counts(10);
    counts(1_000);
}

#[test]
#[ignore = "slow without optimisation: `cargo xtask test` runs it with"]
fn watching_and_renewing_cost_the_same_for_each_owner_of_10_000() {
    counts(10_000);
}

/// P13 with dead hosts: a fleet of which many die at once.
fn half_of_them_die(hosts: usize) {
    let scenario = Scenario {
        killed: Some((600, 0.5)),
        stale: 60,
        lasts: Duration::from_secs(1_920),
        ..Scenario::healthy(9, hosts)
    };
    let report = sound(&scenario);
    let (dead, periods) = (report.cleaned.len(), 6.5);
    let total: u64 = report.watching.iter().sum();
    let allowed = 2.2 * hosts as f64 * periods + 4.0 * dead as f64;
    println!("{hosts}: {total} calls in {periods} periods, {dead} dead; {allowed:.0} allowed");
    assert!(
        dead > hosts / 3 && (total as f64) < allowed,
        "{total}, {allowed}"
    );
}

#[test]
fn dead_hosts_cost_four_calls_each_at_the_most() {
    half_of_them_die(200);
}

#[test]
#[ignore = "slow without optimisation: `cargo xtask test` runs it with"]
fn dead_hosts_among_10_000_cost_four_calls_each_at_the_most() {
    half_of_them_die(10_000);
}
