//! One process: its hosts, its watch, its clocks. What it does is [`World`](super::world::World)'s.

use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::SqsTime;

use super::clocks::Clocks;
use super::{Mutant, Scenario};
use crate::sqs::{Moment, Random, ServerClock};
use crate::temporary::lease::{Claim, Lease, Reading, Renewal, Retention, Stamp, Standing};
use crate::temporary::ring::{Watch, WatchOptions};

pub(super) const PREFIX: &str = "sqs-rpc-";

pub(super) struct Process {
    pub(super) uuid: Arc<str>,
    pub(super) random: Random,
    pub(super) clocks: Clocks,
    pub(super) server_clock: ServerClock,
    pub(super) hosts: Vec<Held>,
    pub(super) retention: Retention,
    pub(super) watch: Option<Watch>,
    pub(super) alive: bool,
    /// A call of the watch is out.
    pub(super) walking: bool,
    /// A creation, or the call before it, is out.
    pub(super) creating: bool,
    /// Nothing is created before.
    pub(super) create_not_before: Moment,
    pub(super) next_number: u32,
    /// Only the newest wake counts.
    pub(super) turn: u64,
    /// When SQS made its last answer with a date that arrived here, in true time.
    pub(super) told: u64,
    /// When a pause of both clocks ended, until an answer shows it.
    pub(super) unaware_since: Option<u64>,
}

/// A host that it holds.
pub(super) struct Held {
    pub(super) name: Arc<str>,
    pub(super) claim: Claim,
    pub(super) renewing: bool,
    /// Renewals that have begun.
    pub(super) renewals: u64,
    /// Those that were answered.
    pub(super) acknowledged: usize,
    /// Its renewals have ended ([`Mutant::HeartbeatDies`]).
    pub(super) silent: bool,
}

impl Process {
    pub(super) fn new(index: usize, scenario: &Scenario, world: &Random, now: u64) -> Self {
        let random = Random::seeded(world.bits64());
        let wrong = scenario.wrong_clocks * 1_000;
        let offset = (random.bits64() % (2 * wrong as u64 + 1)) as i64 - wrong;
        let drift = if wrong == 0 {
            0
        } else {
            (random.bits64() % 401) as i64 - 200
        };
        let clocks = Clocks::new(offset, drift);
        let uuid: Arc<str> = random.uuid().to_string().into();
        let watches = random.below(Duration::from_secs(1)).as_secs_f64() >= scenario.idle_watchers;
        let watch = watches.then(|| {
            let options = WatchOptions {
                prefix: PREFIX.into(),
                process: Arc::clone(&uuid),
                period: Duration::from_secs(scenario.period),
                pace: Duration::from_millis(200),
                deletes: true,
            };
            Watch::new(options, clocks.read(now).now, random.clone())
        });
        let retention = scenario.retention[index % scenario.retention.len()];
        Self {
            uuid,
            random,
            clocks,
            server_clock: ServerClock::new(),
            hosts: Vec::new(),
            retention: Retention::new(Duration::from_secs(retention)),
            watch,
            alive: true,
            walking: false,
            creating: false,
            create_not_before: Moment::default(),
            next_number: 0,
            turn: 0,
            told: 0,
            unaware_since: None,
        }
    }

    pub(super) fn watches(&self, now: Moment) -> bool {
        self.watch
            .as_ref()
            .is_some_and(|watch| watch.is_watching(now))
    }

    /// SQS's time, if it is known.
    pub(super) fn stamp(&self, at: Reading) -> Option<SqsTime> {
        self.server_clock.earliest(at.now, at.wall)
    }

    pub(super) fn lease(&self, renewal: &Renewal) -> Lease {
        Lease {
            stamp: renewal.stamp.map_or(Stamp::Beat(0), Stamp::Sqs),
            retention: renewal.retention,
            watches: self.watches(renewal.began.now),
        }
    }

    /// How good the claim to a host is, as this process sees it.
    pub(super) fn standing(&mut self, host: usize, at: Reading, mutant: Mutant) -> Standing {
        let (clock, claim) = (&self.server_clock, &mut self.hosts[host].claim);
        match mutant {
            Mutant::NoFence => Standing::Firm,
            Mutant::MonotonicFence => {
                let wall = std::time::UNIX_EPOCH;
                claim.standing(Reading { wall, ..at }, |_| None)
            }
            _ => claim.standing(at, |since| clock.proven_since(since, at.now)),
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.hosts.iter().position(|host| *host.name == *name)
    }
}
