//! The clocks of one process.

use std::time::{Duration, UNIX_EPOCH};

use crate::sqs::Moment;
use crate::temporary::lease::Reading;

/// Where everybody's time begins.
pub(super) const EPOCH: u64 = 1_800_000_000_000;

/// True time in ms is given; local time comes out.
#[derive(Debug, Clone)]
pub(super) struct Clocks {
    pub(super) wall_offset: i64,
    /// Ticks too many in a million.
    pub(super) drift: i64,
    mono_lost: u64,
    wall_lost: u64,
    pub(super) pause: Option<Pause>,
}

/// A time in which the process does nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pause {
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) mono_stops: bool,
    pub(super) wall_stops: bool,
}

impl Clocks {
    pub(super) const fn new(wall_offset: i64, drift: i64) -> Self {
        Self {
            wall_offset,
            drift,
            mono_lost: 0,
            wall_lost: 0,
            pause: None,
        }
    }

    pub(super) fn read(&self, true_ms: u64) -> Reading {
        let lost = |stops: fn(&Pause) -> bool| {
            let pause = self.pause.filter(stops);
            pause.map_or(0, |pause| true_ms.min(pause.until) - pause.from)
        };
        let mono_lost = self.mono_lost + lost(|pause| pause.mono_stops);
        let wall_lost = self.wall_lost + lost(|pause| pause.wall_stops);
        let ticks = true_ms as i64 + true_ms as i64 * self.drift / 1_000_000;
        let wall = EPOCH as i64 + ticks + self.wall_offset - wall_lost as i64;
        Reading {
            now: Moment::from_start(Duration::from_millis(
                (ticks as u64).saturating_sub(mono_lost),
            )),
            wall: UNIX_EPOCH + Duration::from_millis(wall as u64),
        }
    }

    /// Whether both stand still.
    pub(super) fn is_frozen(&self) -> bool {
        self.pause
            .is_some_and(|pause| pause.mono_stops && pause.wall_stops)
    }

    /// The pause is over.
    pub(super) fn resume(&mut self) {
        if let Some(pause) = self.pause.take() {
            let length = pause.until - pause.from;
            self.mono_lost += length * u64::from(pause.mono_stops);
            self.wall_lost += length * u64::from(pause.wall_stops);
        }
    }

    /// When the local clock will show this, in true time, if it does not stop.
    pub(super) fn when(&self, moment: Moment, true_ms: u64) -> u64 {
        let left = moment.since(self.read(true_ms).now).as_millis() as u64;
        // A little more, so that a clock that is slow has got there.
        true_ms + left + left / 1_000 + 1
    }
}
