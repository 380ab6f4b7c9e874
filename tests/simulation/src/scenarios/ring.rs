//! The ring: owners that watch each other's hosts, and other queues under the prefix.

use std::collections::{BTreeMap, BTreeSet};

use local_sqs::engine::Action;

use super::mix::{Mix, SECOND, Scenario, nothing_else};
use crate::coverage::Fault;
use crate::owners::{Face, Foreign, ForeignKind, LONGER, RING};
use crate::plan::{Item, REQUESTS, Role, What};
use crate::world::Report;

pub(super) const F7: Scenario = Scenario {
    name: "f7",
    about: "watchers die, and new processes start between watchers and the hosts that they watch, again and again",
    fill: f7,
    expect: nothing_else,
};

fn f7(mix: &mut Mix) {
    mix.lasts(1_200);
    let count = mix.dice.between(4, 10);
    let owners = mix.owners(count);
    for owner in owners {
        if mix.dice.happens(0.3) {
            // This owner does not watch, so walks pass over it.
            set(mix, owner, |plan| plan.watches = false);
            continue;
        }
        let mut at = mix.dice.millis(30_000, 300_000);
        while at < SECOND * 1_100 {
            mix.step(at, owner, What::Kill);
            at += mix.dice.millis(500, 30_000);
            mix.step(at, owner, What::Restart);
            at += mix.dice.millis(30_000, 500_000);
        }
    }
}

pub(super) const F9: Scenario = Scenario {
    name: "f9",
    about: "leases that are missing, malformed, in the future, Java's, or counts",
    fill: f9,
    expect: nothing_else,
};

fn f9(mix: &mut Mix) {
    mix.lasts(700);
    let count = mix.dice.between(2, 5);
    mix.owners(count);
    foreign(mix, RING, ForeignKind::Untagged, 2);
    for form in 0..9 {
        foreign(mix, RING, ForeignKind::Malformed(form), 1);
    }
    let ahead = SECOND * mix.dice.between(130, 900) as u32;
    foreign(mix, RING, ForeignKind::Future(ahead), 2);
    if mix.dice.happens(0.5) {
        foreign(mix, RING, ForeignKind::Beat, 12);
    }
    if mix.dice.happens(0.5) {
        let until = SECOND * mix.dice.between(100, 600) as u32;
        let wrong = mix.dice.between(0, 2_000) as i64 - 1_000;
        foreign(mix, RING, ForeignKind::Java { until, wrong }, 2);
    }
    foreign(mix, RING, ForeignKind::Dead, 2);
}

pub(super) const F10: Scenario = Scenario {
    name: "f10",
    about: "40 to 10,000 dead hosts under the prefix, sometimes 1,000 queues that must stay, and few live owners",
    fill: f10,
    expect: nothing_else,
};

fn f10(mix: &mut Mix) {
    // Deletions are checked after this time. Large numbers are rare because their runs take long.
    mix.lasts(60);
    let owners = mix.dice.between(1, 3);
    let dead = match mix.dice.below(400) {
        0 => 10_000,
        1..20 => 3_000,
        20..200 => *mix.dice.pick(&[999, 1_000, 1_001]),
        _ => mix.dice.between(40, 600) as u32,
    };
    mix.owners(owners);
    foreign(mix, RING, ForeignKind::Dead, dead);
    foreign(mix, LONGER, ForeignKind::Dead, dead / 10);
    if dead < 100 {
        // More queues than one list shows, none of which may be deleted.
        let kept = mix.dice.between(1_000, 1_200) as u32;
        foreign(mix, RING, ForeignKind::Untagged, kept);
    }
}

pub(super) const F11: Scenario = Scenario {
    name: "f11",
    about: "dead hosts are deleted even if they contain messages",
    fill: f11,
    expect: nothing_else,
};

fn f11(mix: &mut Mix) {
    mix.lasts(200);
    let count = mix.dice.between(2, 5);
    let owners = mix.owners(count);
    with_messages(mix, RING, ForeignKind::Dead, 5, 20);
    // The owner is killed while requests are pending, so their replies are orphans.
    let at = mix.dice.millis(60_000, 120_000);
    mix.ask(
        owners[0],
        at.as_secs() - 5,
        20,
        5,
        &[crate::oracle::Kind::Sleep(6_000)],
    );
    mix.step(at, owners[0], What::Kill);
}

pub(super) const F12: Scenario = Scenario {
    name: "f12",
    about: "counts of messages are wrong by nine tenths: no decision depends on them",
    fill: f12,
    expect: nothing_else,
};

fn f12(mix: &mut Mix) {
    f11(mix);
    mix.fault(Fault::WrongCounts, 0, 200, &[], 0.9);
}

pub(super) const F48: Scenario = Scenario {
    name: "f48",
    about: "a live watcher that is stuck, and dead hosts with stamps in the future",
    fill: f48,
    expect: nothing_else,
};

fn f48(mix: &mut Mix) {
    // The stuck watcher declares itself after three periods and a renewal. Then R, the verdict and the next watcher's walk.
    let bound = 180 + 60 + 120 + 180 + 2 * 72 + 60;
    mix.lasts(200 + bound + 20);
    mix.wide_responder(REQUESTS);
    let count = mix.dice.between(3, 7);
    let owners: Vec<_> = (0..count)
        .map(|_| {
            mix.owner(|plan| {
                plan.retention = plan.retention.min(SECOND * 120);
                plan.period = SECOND * 60;
            })
        })
        .collect();
    let until = mix.plan.length.as_secs();
    for &owner in &owners {
        mix.works(owner, 0, until);
    }
    let fault = *mix
        .dice
        .pick(&[Fault::Throttled, Fault::Denied, Fault::Unavailable]);
    let actions = [Action::ListQueues, Action::ListQueueTags];
    let actions = match mix.dice.below(3) {
        0 => &actions[..1],
        1 => &actions[1..],
        _ => &actions[..],
    };
    let from = mix.dice.between(30, 90);
    mix.fault(fault, from, until, actions, 1.0);
    if let Some(Item::Window(window)) = mix.plan.items.last_mut() {
        window.process = Some(owners[0]);
    }
    foreign(mix, RING, ForeignKind::Future(SECOND * 100_000), 3);
    for &owner in &owners[2..] {
        if mix.dice.happens(0.5) {
            let at = mix.dice.millis(100_000, 190_000);
            mix.step(at, owner, What::Kill);
        }
    }
    if mix.alone {
        mix.step(
            SECOND * (200 + bound as u32),
            usize::MAX,
            What::CleanSince(SECOND * bound as u32),
        );
    }
}

pub(super) const S8: Scenario = Scenario {
    name: "s8",
    about: "queues that are not hosts of this prefix: a longer prefix, no tags, tags of a dead host under another name",
    fill: s8,
    expect: nothing_else,
};

fn s8(mix: &mut Mix) {
    mix.lasts(400);
    let count = mix.dice.between(2, 5);
    mix.owners(count);
    foreign(mix, LONGER, ForeignKind::Dead, 3);
    foreign(mix, RING, ForeignKind::Untagged, 3);
    for form in 0..5 {
        foreign(mix, RING, ForeignKind::Misnamed(form), 1);
    }
    let rude = mix.owner(|plan| plan.prefix = LONGER);
    // This owner's ring has dead hosts that must not be deleted in this run, so it does not watch.
    set(mix, rude, |plan| plan.watches = false);
    mix.works(rude, 10, 390);
}

pub(super) const S9: Scenario = Scenario {
    name: "s9",
    about: "tags that another program has written: flags, times, a retention of 100 years",
    fill: s9,
    expect: nothing_else,
};

fn s9(mix: &mut Mix) {
    mix.lasts(400);
    let count = mix.dice.between(2, 5);
    let owners = mix.owners(count);
    for _ in 0..4 {
        let form = mix.dice.below(9) as u8;
        foreign(mix, RING, ForeignKind::Malformed(form), 2);
    }
    foreign(mix, RING, ForeignKind::Future(SECOND * 10_000_000), 2);
    let wrong = mix.dice.between(0, 100_000_000) as i64;
    let until = SECOND * 300;
    foreign(mix, RING, ForeignKind::Java { until, wrong }, 2);
    let at = mix.dice.millis(60_000, 300_000);
    mix.step(at, owners[0], What::Kill);
}

pub(super) const DEPLOY: Scenario = Scenario {
    name: "deploy",
    about: "the whole fleet is killed or shut down at once, and restarts; rarely it has a thousand processes",
    fill: deploy,
    expect: nothing_else,
};

fn deploy(mix: &mut Mix) {
    mix.lasts(420);
    let count = match mix.dice.below(1_000) {
        0 if mix.alone => 1_000,
        1..20 => 60,
        _ => mix.dice.between(3, 12),
    };
    let owners = mix.owners(count);
    let killed = mix.dice.happens(0.6);
    let at = mix.dice.millis(60_000, 200_000);
    for owner in owners {
        let at = at + mix.dice.millis(0, 20_000);
        let what = if killed {
            What::Kill
        } else {
            What::ShutDown(SECOND * 5)
        };
        mix.step(at, owner, what);
        let down = mix.dice.millis(6_000, 40_000);
        mix.step(at + down, owner, What::Restart);
        let from = (at + down).as_secs() + 2;
        mix.works(owner, from, 415);
    }
}

pub(super) const SHORT: Scenario = Scenario {
    name: "short",
    about: "a fleet in which no process lives longer than a few minutes, and none shuts down",
    fill: short,
    expect: swept,
};

fn short(mix: &mut Mix) {
    mix.lasts(1_500);
    mix.wide_responder(REQUESTS);
    for _ in 0..mix.dice.between(4, 8) {
        let owner = mix.owner(|plan| {
            plan.face = Face::Requester;
            plan.retention = SECOND * 60;
        });
        let mut at = 0;
        while at < 1_450 {
            mix.ask(owner, at, 3, 20, &[crate::oracle::Kind::Echo]);
            let lives = mix.dice.between(30, 200);
            at += lives;
            mix.step(SECOND * at as u32, owner, What::Kill);
            mix.step(SECOND * (at + 1) as u32, owner, What::Restart);
            at += 2;
        }
    }
}

fn swept(report: &Report) -> Result<(), String> {
    let swept: u64 = report.stats.values().map(|stats| stats.hosts_swept).sum();
    if swept < 5 {
        return Err(format!("expected at least 5 swept hosts, found {swept}"));
    }
    Ok(())
}

/// Ten owners without faults, and their calls: P13 and P14.
pub(super) const P13: Scenario = Scenario {
    name: "p13",
    about: "ten owners without faults: prints their calls, for docs/leases.md",
    fill: p13,
    expect: p13_expects,
};

/// The same with a thousand owners.
pub(super) const P13_LARGE: Scenario = Scenario {
    name: "p13-1000",
    about: "a thousand owners without faults: prints their calls, for docs/leases.md",
    fill: p13_large,
    expect: p13_expects,
};

/// The number of periods for which calls are counted, from the third minute on.
const COUNTED: u64 = 6;
/// P, and R.
const PERIOD: u64 = 300;

fn p13(mix: &mut Mix) {
    fleet_in_peace(mix, 10);
}

fn p13_large(mix: &mut Mix) {
    fleet_in_peace(mix, 1_000);
}

fn fleet_in_peace(mix: &mut Mix, count: usize) {
    let end = 180 + COUNTED * PERIOD;
    mix.lasts(end + 1);
    mix.wide_responder(REQUESTS);
    for _ in 0..count {
        let owner = mix.owner(|plan| {
            plan.face = Face::Requester;
            (plan.retention, plan.period) = (SECOND * PERIOD as u32, SECOND * PERIOD as u32);
        });
        // Often enough that the host is never idle.
        for at in (0..end).step_by(600) {
            mix.ask(owner, at, 1, 60, &[crate::oracle::Kind::Echo])
                .succeeds();
        }
    }
    mix.step(SECOND * 180, usize::MAX, What::Count(true));
    mix.step(SECOND * end as u32, usize::MAX, What::Count(false));
}

fn p13_expects(report: &Report) -> Result<(), String> {
    let (watching, most, renewals) = p13_counts(report);
    if watching <= 2.2 && most <= 4.0 && renewals <= 1.1 {
        return Ok(());
    }
    Err(format!(
        "expected at most 2.2 calls for watching on average, 4.0 for one owner, and 1.1 of the planned renewals; found \
         {watching:.2}, {most:.1} and {renewals:.2}"
    ))
}

/// The calls for watching per owner and period, the same of the owner with the most, and the renewals relative to 4 / R.
fn p13_counts(report: &Report) -> (f64, f64, f64) {
    let mut owners = BTreeMap::<usize, (u64, u64)>::new();
    for ((owner, action), calls) in &report.owner_calls {
        let (watching, renewals) = owners.entry(*owner).or_default();
        match action {
            Action::ListQueues | Action::ListQueueTags | Action::DeleteQueue => *watching += calls,
            Action::TagQueue => *renewals += calls,
            _ => {}
        }
    }
    let (count, periods) = (owners.len().max(1) as f64, COUNTED as f64);
    let watching: u64 = owners.values().map(|(watching, _)| watching).sum();
    let renewals: u64 = owners.values().map(|(_, renewals)| renewals).sum();
    let most = owners.values().map(|(watching, _)| *watching).max();
    (
        watching as f64 / count / periods,
        most.unwrap_or_default() as f64 / periods,
        renewals as f64 / count / periods / 4.0,
    )
}

/// A row of the table in `docs/leases.md`, for a run that counted calls.
pub(super) fn p13_row(report: &Report) -> Option<String> {
    let (watching, most, renewals) = p13_counts(report);
    let owners = report.owner_calls.keys().map(|(owner, _)| owner);
    let owners = owners.collect::<BTreeSet<_>>().len();
    let mean = 4.0 * owners as f64 / PERIOD as f64;
    let renewals = renewals * mean;
    (owners > 0)
        .then(|| format!("| {owners} | {watching:.2} | {most:.1} | {mean:.2} | {renewals:.2} |"))
}

/// Queues that another program creates in the first 30 seconds.
fn foreign(mix: &mut Mix, prefix: &'static str, kind: ForeignKind, count: u32) {
    with_messages(mix, prefix, kind, count, 0);
}

fn with_messages(
    mix: &mut Mix,
    prefix: &'static str,
    kind: ForeignKind,
    count: u32,
    messages: u32,
) {
    let foreign = Foreign {
        prefix,
        count,
        kind,
        messages,
    };
    let at = mix.dice.millis(0, 30_000);
    mix.step(at, usize::MAX, What::Foreign(foreign));
}

fn set(mix: &mut Mix, process: usize, set: impl FnOnce(&mut crate::owners::OwnerPlan)) {
    let owners = mix.plan.items.iter_mut().filter_map(|item| match item {
        Item::Process(plan) if plan.index == process => Some(plan),
        _ => None,
    });
    for plan in owners {
        if let Role::Owner(owner) = &mut plan.role {
            set(owner);
            return;
        }
    }
}

/// Requests need not succeed, because other faults of the same scenario may affect them.
pub(super) fn may_fail(item: &mut Item) {
    if let Item::Step(step) = item
        && let What::Ask(ask) = &mut step.what
    {
        ask.must_succeed = None;
    }
}
