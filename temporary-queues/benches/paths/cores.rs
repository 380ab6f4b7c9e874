//! Hot paths through pure cores that are private: `instructions.rs` compiles their files as its own modules.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use sqs_rpc_protocol::SqsTime;
use sqs_rpc_transport::{Moment, Random};

use crate::deadlines::Deadlines;
use crate::lease::{Claim, Lease, Reading, Renewal, Stamp, Standing};
use crate::ring::{Listed, Step, Watch, WatchOptions};

const R: Duration = Duration::from_secs(300);
const P: Duration = Duration::from_secs(300);
const PREFIX: &str = "bench-";
const HOSTS: usize = 50;
const TIME_OUT: Duration = Duration::from_secs(30);
/// The time between two requests.
const APART: Duration = Duration::from_micros(30);

/// One period of a process among 50 hosts, all alive: one list, one read of a host's tags.
pub fn walk() -> impl FnMut() {
    let random = Random::seeded(1);
    let name = || format!("{PREFIX}{}-1", random.uuid());
    let hosts: Vec<_> = (0..HOSTS)
        .map(|_| name())
        .map(|name| {
            Listed::new(
                name.clone(),
                format!("http://localhost/000000000000/{name}"),
            )
        })
        .collect();
    let options = WatchOptions {
        prefix: PREFIX.into(),
        process: Arc::from(random.uuid().to_string()),
        period: P,
        pace: Duration::ZERO,
        deletes: true,
    };
    let mut now = Moment::default();
    let mut watch = Watch::new(options, now, random);
    move || {
        loop {
            match watch.step(now, |_| false) {
                Step::Wait(until) => {
                    now = until;
                    return;
                }
                Step::List(_) => watch.listed(hosts.clone(), now),
                Step::Read(_) => {
                    let date = sqs_time(now);
                    watch.read(&tags(date), Some(date), now);
                }
                Step::Delete(_) => watch.deleted(now),
            }
        }
    }
}

/// An owner's check of its claim, as before each use of a host.
pub fn claim() -> impl FnMut() {
    let at = |now| Reading {
        now,
        wall: UNIX_EPOCH + now.since_start(),
    };
    let made = Moment::from_start(Duration::from_secs(1));
    let creation = Renewal {
        key: 0,
        stamp: Some(sqs_time(made)),
        retention: R,
        began: at(made),
    };
    let mut claim = Claim::new(creation, 20, Some(sqs_time(made)), &Random::seeded(1))
        .expect("stamp and date are the same");
    let now = made + R / 4;
    move || {
        let standing = claim.standing(at(now), |_| Some(sqs_time(now)));
        assert_eq!(standing, Standing::Firm);
    }
}

/// Adds a deadline, and removes the deadline of a request that was answered meanwhile, beside this number of others.
/// With `prompt` the removed deadline is one of the last ten; otherwise deadlines are removed in scattered order.
pub fn deadline(others: usize, prompt: bool) -> impl FnMut() {
    let mut deadlines = Deadlines::new();
    let mut now = Moment::default();
    let mut add = move |deadlines: &mut Deadlines<()>| {
        now += APART;
        deadlines.add(now + TIME_OUT, ())
    };
    let pending: Vec<_> = (0..others).map(|_| add(&mut deadlines)).collect();
    let last: VecDeque<_> = (0..10).map(|_| add(&mut deadlines)).collect();
    let (mut pending, mut last, mut at) = (pending, last, 0);
    move || {
        let added = add(&mut deadlines);
        let answered = if prompt {
            last.push_back(added);
            last.pop_front()
        } else {
            // Steps by a prime, so that all entries are visited and consecutive ones are not neighbors.
            at = (at + 104_729) % pending.len();
            Some(std::mem::replace(&mut pending[at], added))
        };
        if let Some(answered) = answered {
            deadlines.remove(answered);
        }
    }
}

fn sqs_time(now: Moment) -> SqsTime {
    let millis = u64::try_from(now.since_start().as_millis()).unwrap_or(u64::MAX);
    SqsTime::from_millis(millis)
}

fn tags(stamp: SqsTime) -> HashMap<String, String> {
    let lease = Lease {
        stamp: Stamp::Sqs(stamp),
        retention: R,
        watches: true,
    };
    lease.tags(0, stamp.as_millis()).into()
}
