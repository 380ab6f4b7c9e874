//! Decides when faults take place.
//!
//! A fault has a window of time, the actions and the process that it affects, and a probability for each such call. All
//! decisions are made when a call begins.

use std::time::Duration;

use local_sqs::engine::Action;
use local_sqs::{Behaviour, Latency};
use serde::{Deserialize, Serialize};

use crate::coverage::Fault;
use crate::dice::Dice;

/// How old the `Date` of an answer may be under [`Fault::DateLate`].
pub(crate) const OLDEST_DATE: Duration = Duration::from_secs(20);
const YOUNGEST_LATE_DATE: Duration = Duration::from_secs(5);

/// Draws how old a late `Date` is.
pub(crate) fn age_of_late_date(dice: &mut Dice) -> Duration {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    dice.millis(millis(YOUNGEST_LATE_DATE), millis(OLDEST_DATE))
}

/// A time window of a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The fault.
    pub fault: Fault,
    /// From this true time on.
    #[serde(with = "humantime_serde")]
    pub from: Duration,
    /// Until this true time.
    #[serde(with = "humantime_serde")]
    pub until: Duration,
    /// The affected actions. Empty: all actions.
    #[serde(with = "names")]
    pub actions: Vec<Action>,
    /// The affected process; `None`: all.
    pub process: Option<usize>,
    /// The probability for each call, from 0 to 1.
    pub probability: f64,
    /// The maximum number of times.
    pub most: u32,
}

/// Writes actions as their names.
mod names {
    use local_sqs::engine::Action;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(actions: &[Action], to: S) -> Result<S::Ok, S::Error> {
        let names: Vec<_> = actions.iter().map(|action| action.name()).collect();
        names.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Action>, D::Error> {
        let names = Vec::<String>::deserialize(from)?;
        let action = |name: &String| {
            Action::from_name(name)
                .ok_or_else(|| D::Error::custom(format!("expected an action of SQS, found {name}")))
        };
        names.iter().map(action).collect()
    }
}

/// Whether the network makes this fault. Other faults are steps of the plan.
#[must_use]
pub const fn covers(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::Throttled
            | Fault::Unavailable
            | Fault::FailedAfter
            | Fault::TimedOut
            | Fault::TimedOutAfter
            | Fault::Reset
            | Fault::ResetAfter
            | Fault::Denied
            | Fault::FailedEntry
            | Fault::LostEntry
            | Fault::Hang
            | Fault::HalfOpen
            | Fault::NoAnswer
            | Fault::NoCredentials
            | Fault::ExpiredToken
            | Fault::ProxyPage
            | Fault::DateReplaced
            | Fault::Corrupted
            | Fault::Duplicate
            | Fault::Reordered
            | Fault::QuotaReached
            | Fault::DateMissing
            | Fault::DateLate
            | Fault::DateOff
            | Fault::LandsLate
            | Fault::WrongCounts
    )
}

#[derive(Debug)]
pub(crate) struct Weather {
    windows: Vec<Window>,
    /// One for each window, so that removing a window does not change the others.
    dice: Vec<Dice>,
    /// The open windows of the engine's own faults, as last applied to the engine.
    told: Option<Vec<bool>>,
}

/// The faults of one call.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    /// The fault of the call itself: the first that applies.
    pub(crate) trouble: Option<Fault>,
    /// The fault of the answer's `Date`.
    pub(crate) date: Option<Fault>,
    /// The fault of each entry of a batch, or of each received message.
    pub(crate) parts: [Option<Fault>; 10],
}

impl Weather {
    pub(crate) fn new(seed: u64, windows: Vec<Window>) -> Self {
        let dice = windows
            .iter()
            .map(|window| Dice::new(seed, &format!("{window:?}")))
            .collect();
        Self {
            windows,
            dice,
            told: None,
        }
    }

    pub(crate) fn draw(&mut self, now: Duration, action: Action, process: usize) -> Fate {
        let mut fate = Fate::default();
        for (window, dice) in self.windows.iter_mut().zip(&mut self.dice) {
            if !window.befalls(now, action, process) {
                continue;
            }
            if let Some(parts) = parts(window.fault, action) {
                for part in &mut fate.parts[..parts] {
                    if dice.happens(window.probability) && window.most > 0 {
                        window.most -= 1;
                        part.get_or_insert(window.fault);
                    }
                }
            } else if dice.happens(window.probability) {
                let place = match window.fault {
                    Fault::DateMissing | Fault::DateLate | Fault::DateOff | Fault::DateReplaced => {
                        &mut fate.date
                    }
                    _ => &mut fate.trouble,
                };
                if place.is_none() {
                    *place = Some(window.fault);
                    window.most -= 1;
                }
            }
        }
        fate
    }

    /// The engine's behavior from now on, if it has changed.
    pub(crate) fn new_behaviour(&mut self, now: Duration) -> Option<Behaviour> {
        let is_open = |window: &Window| is_of_engine(window.fault) && window.is_open(now);
        let open = self.windows.iter().map(is_open);
        if let Some(told) = &self.told
            && open.clone().eq(told.iter().copied())
        {
            return None;
        }
        let open: Vec<_> = open.collect();
        let mut behaviour = Behaviour::default()
            .delivery(Latency::aws_delivery())
            .settling(Duration::from_secs(1))
            .deletion(Duration::from_secs(60))
            .missed(0.3)
            .count_error(0.1)
            .stale_tags(Duration::from_secs(60));
        let windows = self.windows.iter().zip(&open).filter(|(_, open)| **open);
        for (window, _) in windows {
            behaviour = match window.fault {
                Fault::Duplicate => behaviour.duplicates(window.probability),
                Fault::Reordered => behaviour.reordering(window.probability),
                Fault::WrongCounts => behaviour.count_error(window.probability),
                Fault::QuotaReached => behaviour.most_in_flight(window.most as usize),
                _ => behaviour,
            };
        }
        self.told = Some(open);
        Some(behaviour)
    }

    /// Whether a window of this fault is open now.
    pub(crate) fn is_on(&self, fault: Fault, now: Duration) -> bool {
        self.windows
            .iter()
            .any(|window| window.fault == fault && window.is_open(now))
    }
}

impl Window {
    fn is_open(&self, now: Duration) -> bool {
        self.from <= now && now < self.until
    }

    fn befalls(&self, now: Duration, action: Action, process: usize) -> bool {
        let concerned = self.actions.is_empty() || self.actions.contains(&action);
        let possible = match self.fault {
            Fault::HalfOpen => action == Action::ReceiveMessage,
            Fault::LandsLate => matches!(
                action,
                Action::CreateQueue | Action::TagQueue | Action::DeleteQueue
            ),
            Fault::Hang => action != Action::ReceiveMessage,
            fault => !is_of_engine(fault),
        };
        self.most > 0
            && possible
            && concerned
            && self.process.is_none_or(|only| only == process)
            && self.is_open(now)
    }
}

const fn is_of_engine(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::Duplicate | Fault::Reordered | Fault::QuotaReached | Fault::WrongCounts
    )
}

/// The number of parts of a call that a fault of single entries or messages can affect; `None`: it affects the whole call.
const fn parts(fault: Fault, action: Action) -> Option<usize> {
    let batch = matches!(
        action,
        Action::SendMessageBatch
            | Action::DeleteMessageBatch
            | Action::ChangeMessageVisibilityBatch
    );
    match (fault, action) {
        (Fault::FailedEntry | Fault::LostEntry, _) => Some(if batch { 10 } else { 0 }),
        (Fault::Corrupted, Action::ReceiveMessage) => Some(10),
        (Fault::Corrupted, _) => Some(0),
        _ => None,
    }
}
