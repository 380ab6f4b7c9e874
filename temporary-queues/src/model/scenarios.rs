//! The runs and their checks.

use std::time::Duration;

use super::world::World;
use super::{Report, Scenario};

fn sound(scenario: Scenario) -> Report {
    let report = World::run(scenario);
    let violations = &report.violations;
    assert!(violations.is_empty(), "{violations:?}\n{scenario:?}");
    report
}

/// Shows that the check can fail: watchers that delete every host they read delete live hosts.
#[test]
fn a_ring_that_deletes_live_hosts_is_noticed() {
    let scenario = Scenario::new(1, 10);
    assert!(!World::run_without_verdicts(scenario).violations.is_empty());
    sound(scenario);
}

#[test]
fn one_survivor_of_a_large_fleet_deletes_all_dead_hosts() {
    let report = sound(Scenario {
        dead: 5_000,
        lasts: Duration::from_secs(2 * 3_600),
        ..Scenario::new(6, 1)
    });
    assert_eq!((report.cleaned, report.left), (5_000, 0));
    let calls = report.watching[0];
    assert!(calls < 3 * 5_000 + 1_000, "{calls}");
}

#[test]
#[ignore = "slow without optimization: `cargo xtask test` runs it optimized"]
fn a_hundred_thousand_queues_under_the_prefix() {
    let report = sound(Scenario {
        dead: 100_000,
        lasts: Duration::from_secs(1_800),
        ..Scenario::new(7, 100)
    });
    // 100 owners that each delete 2.5 hosts a second would need 400 s; their shares of the ring differ.
    assert!(report.cleaned > 90_000, "{}", report.cleaned);
}

/// P13 and P14 without faults. Prints its numbers as JSON, for `cargo xtask goals`.
fn counts(owners: usize) {
    let report = sound(Scenario::new(8, owners));
    // From the third minute on.
    let periods = 6.0;
    let total: u64 = report.watching.iter().sum();
    let each = total as f64 / owners as f64 / periods;
    let most = *report.watching.iter().max().unwrap() as f64 / periods;
    let steady = &report.renewals[8..128];
    let rate = steady.iter().sum::<u64>() as f64 / (steady.len() * 15) as f64;
    let mean = 4.0 * owners as f64 / 300.0;
    let burst = *steady.iter().max().unwrap() as f64 / 15.0;
    println!(
        "{{\"owners\":{owners},\"each\":{each},\"most\":{most},\"mean\":{mean},\"rate\":{rate},\"burst\":{burst}}}"
    );
    assert!(each <= 2.2, "{owners}: {each}");
    assert!(most <= 4.0, "{owners}: {most}");
    assert!(rate <= 1.1 * mean, "{owners}: {rate}");
    // With few hosts, many of them may renew in the same 15 s by chance.
    assert!(owners < 1_000 || burst <= 2.0 * mean, "{owners}: {burst}");
}

#[test]
fn watching_and_renewing_cost_each_of_1_000_owners_the_same() {
    counts(10);
    counts(1_000);
}

#[test]
#[ignore = "slow without optimization: `cargo xtask test` runs it optimized"]
fn watching_and_renewing_cost_each_of_10_000_owners_the_same() {
    counts(10_000);
}

/// P13 with dead hosts: half of the processes die at once.
fn half_of_them_die(owners: usize) {
    let report = sound(Scenario {
        killed: Some((600, 0.5)),
        ..Scenario::new(9, owners)
    });
    let (dead, periods) = (report.cleaned, 6.5);
    let calls: u64 = report.watching.iter().sum();
    let allowed = 2.2 * owners as f64 * periods + 4.0 * dead as f64;
    println!(
        "{{\"of_which_half_die\":{owners},\"calls\":{calls},\"dead\":{dead},\"allowed\":{allowed}}}"
    );
    assert!(dead > owners / 3 && report.left == 0, "{report:?}");
    assert!((calls as f64) < allowed, "{calls}, {allowed}");
}

#[test]
fn dead_hosts_cost_at_most_four_calls_each() {
    half_of_them_die(200);
}

#[test]
#[ignore = "slow without optimization: `cargo xtask test` runs it optimized"]
fn dead_hosts_among_10_000_cost_at_most_four_calls_each() {
    half_of_them_die(10_000);
}
