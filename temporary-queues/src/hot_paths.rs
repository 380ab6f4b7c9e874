//! Gives `benches/` access to the pure cores of this module, which are private. Not part of the API.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use sqs_rpc_protocol::SqsTime;
use sqs_rpc_transport::{Moment, Random};

use super::lease::{Claim, Lease, Reading, Renewal, Stamp, Standing};
use super::ring::{Listed, Step, Watch, WatchOptions};

const R: Duration = Duration::from_secs(300);
const P: Duration = Duration::from_secs(300);
const PREFIX: &str = "bench-";
const HOSTS: usize = 50;

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
