//! The world's reports to the oracle about a process: a pause, its end, or a new setting of its clock.

use std::time::Duration;

use super::Oracle;
use crate::link::Link;
use crate::process::LifeId;

impl Oracle {
    /// A process is paused, with or without its clocks.
    pub(crate) fn stands_still(&self, life: LifeId) {
        let now = self.0.time.now();
        self.lock().conditions.falls_asleep(life, now);
    }

    /// A process continues after a pause.
    pub(crate) fn moves_again(&self, life: LifeId) {
        let now = self.0.time.now();
        self.lock().conditions.wakes_up(life, now);
    }

    /// Whether a process was ever paused.
    pub(crate) fn has_stood_still(&self, link: &Link) -> bool {
        let conditions = &self.lock().conditions;
        conditions.slept_since(link.life.process, Duration::ZERO)
    }

    /// The wall clock of a process is set.
    pub(crate) fn clock_is_set(&self, life: LifeId) {
        let now = self.0.time.now();
        self.lock().conditions.is_set(life, now);
    }
}
