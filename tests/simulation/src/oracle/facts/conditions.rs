//! The faults that affect each process, and when.
//!
//! Owns: the windows of faults in the plan, and when each process was paused or had its clock set. A check is left out only
//! for the process and the time that a fault affects.

use std::collections::HashMap;
use std::time::Duration;

use local_sqs::engine::Action;

use crate::coverage::Fault;
use crate::process::LifeId;
use crate::weather::{OLDEST_DATE, Window};

/// How far a wrong `Date` may be ahead: 5 s, and a second because it has whole seconds.
const DATES_OFF: Duration = Duration::from_secs(6);
/// The time after the last failure within which everything is retried: more than the longest back-off of a poll and of the
/// creation of a host, with jitter.
pub(crate) const RECOVERY: Duration = Duration::from_secs(45);

#[derive(Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) windows: Vec<Window>,
    /// The begin and the end of the pauses of each process; `None`: it is still paused.
    pub(crate) slept: HashMap<usize, Vec<(Duration, Option<Duration>)>>,
    /// When the wall clock of each process was set.
    pub(crate) set: HashMap<usize, Vec<Duration>>,
}

impl Conditions {
    pub(crate) fn new(windows: Vec<Window>) -> Self {
        Self {
            windows,
            ..Self::default()
        }
    }

    pub(crate) fn falls_asleep(&mut self, life: LifeId, now: Duration) {
        self.slept
            .entry(life.process)
            .or_default()
            .push((now, None));
    }

    pub(crate) fn wakes_up(&mut self, life: LifeId, now: Duration) {
        let slept = self.slept.entry(life.process).or_default();
        for (_, until) in slept {
            until.get_or_insert(now);
        }
    }

    pub(crate) fn is_set(&mut self, life: LifeId, now: Duration) {
        self.set.entry(life.process).or_default().push(now);
    }

    /// Whether a process was paused at any time since then.
    pub(crate) fn slept_since(&self, process: usize, since: Duration) -> bool {
        let slept = self.slept.get(&process).into_iter().flatten();
        slept
            .map(|(_, until)| *until)
            .any(|until| until.is_none_or(|until| until >= since))
    }

    /// Whether a process was paused, or its clock was set, since then.
    pub(crate) fn disturbed_since(&self, process: usize, since: Duration) -> bool {
        let mut set = self.set.get(&process).into_iter().flatten();
        self.slept_since(process, since) || set.any(|at| *at >= since)
    }

    /// Since when a process has not been paused; `None`: it is paused now.
    pub(crate) fn awake_since(&self, process: usize) -> Option<Duration> {
        let mut slept = self.slept.get(&process).into_iter().flatten();
        slept.try_fold(Duration::ZERO, |since, (_, until)| {
            Some(since.max((*until)?))
        })
    }

    /// How far ahead a process may believe SQS's time to be by now.
    pub(crate) fn dates_ahead(&self, process: usize, now: Duration) -> Duration {
        let off = |window: &Window| window.fault == Fault::DateOff && window.from <= now;
        if self.of(process).any(off) {
            DATES_OFF
        } else {
            Duration::ZERO
        }
    }

    /// How far in the past a process may have believed SQS's time to be at some moment since then.
    pub(crate) fn dates_behind(&self, process: usize, since: Duration, now: Duration) -> Duration {
        let late = |window: &Window| {
            window.fault == Fault::DateLate && window.from <= now && window.until >= since
        };
        if self.of(process).any(late) {
            OLDEST_DATE
        } else {
            Duration::ZERO
        }
    }

    /// Whether successful answers may give a process a wrong SQS time.
    pub(crate) fn is_told_wrong_dates(&self, process: usize, now: Duration) -> bool {
        self.of(process).any(|window| {
            window.fault == Fault::DateReplaced && (window.from..window.until).contains(&now)
        })
    }

    /// Whether a process may have been without SQS's time, or with a wrong one, at any moment since then.
    pub(crate) fn undated_since(&self, process: usize, since: Duration, now: Duration) -> bool {
        let undated = |window: &Window| {
            matches!(
                window.fault,
                Fault::DateMissing | Fault::DateLate | Fault::ProxyPage | Fault::DateReplaced
            )
        };
        self.of(process)
            .any(|window| undated(window) && window.from <= now && window.until >= since)
    }

    /// Since when no fault affects calls of these actions; `None`: a fault may affect them now.
    pub(crate) fn clear_since(
        &self,
        process: usize,
        actions: &[Action],
        now: Duration,
    ) -> Option<Duration> {
        let hinders = |window: &&Window| {
            let concerned = window.actions.is_empty()
                || window.actions.iter().any(|action| actions.contains(action));
            concerned && window.from <= now && is_trouble(window.fault)
        };
        let ends = self.of(process).filter(hinders).map(|window| window.until);
        let end = ends.max().unwrap_or_default();
        (end <= now).then_some(end)
    }

    /// How long faults have lasted since then.
    pub(crate) fn trouble_since(&self, process: usize, since: Duration, now: Duration) -> Duration {
        self.of(process)
            .filter(|window| is_trouble(window.fault))
            .map(|window| window.until.min(now).saturating_sub(window.from.max(since)))
            .sum()
    }

    fn of(&self, process: usize) -> impl Iterator<Item = &Window> {
        let concerns = move |window: &&Window| window.process.is_none_or(|only| only == process);
        self.windows.iter().filter(concerns)
    }
}

/// Whether a fault makes calls fail, or return less than they should.
const fn is_trouble(fault: Fault) -> bool {
    !matches!(
        fault,
        Fault::Duplicate
            | Fault::Reordered
            | Fault::WrongCounts
            | Fault::DateMissing
            | Fault::DateLate
            | Fault::DateOff
            | Fault::DateReplaced
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn window(fault: Fault, process: Option<usize>, actions: &[Action]) -> Window {
        Window {
            fault,
            from: SECOND * 10,
            until: SECOND * 20,
            actions: actions.to_vec(),
            process,
            probability: 1.0,
            most: u32::MAX,
        }
    }

    fn life(process: usize) -> LifeId {
        LifeId { process, life: 0 }
    }

    #[test]
    fn a_fault_excuses_its_own_process_action_and_time() {
        let poll = [Action::ReceiveMessage];
        let conditions = Conditions::new(vec![window(Fault::Reset, Some(1), &poll)]);
        let clear = |process, actions: &[_], at| {
            let since = conditions.clear_since(process, actions, SECOND * at);
            since.map(|since| since.as_secs())
        };
        assert_eq!(clear(1, &poll, 9), Some(0));
        assert_eq!(clear(1, &poll, 10), None);
        assert_eq!(clear(1, &poll, 20), Some(20));
        assert_eq!(clear(2, &poll, 15), Some(0));
        assert_eq!(clear(1, &[Action::TagQueue], 15), Some(0));
        assert_eq!(
            conditions.trouble_since(1, SECOND * 15, SECOND * 30),
            SECOND * 5
        );
        assert_eq!(
            conditions.trouble_since(2, SECOND * 15, SECOND * 30),
            Duration::ZERO
        );
    }

    #[test]
    fn a_pause_excuses_its_own_process_from_then_on() {
        let mut conditions = Conditions::default();
        conditions.falls_asleep(life(1), SECOND * 5);
        assert!(conditions.slept_since(1, SECOND * 100));
        assert_eq!(conditions.awake_since(1), None);
        conditions.wakes_up(life(1), SECOND * 8);
        assert!(conditions.slept_since(1, SECOND * 8));
        assert!(!conditions.slept_since(1, SECOND * 9));
        assert!(!conditions.slept_since(2, Duration::ZERO));
        assert_eq!(conditions.awake_since(1), Some(SECOND * 8));
        conditions.is_set(life(2), SECOND * 3);
        assert!(conditions.disturbed_since(2, SECOND * 3));
        assert!(!conditions.disturbed_since(2, SECOND * 4));
    }

    #[test]
    fn wrong_dates_excuse_only_checks_that_depend_on_dates() {
        let windows = vec![
            window(Fault::DateOff, None, &[]),
            window(Fault::DateMissing, Some(1), &[]),
            window(Fault::DateLate, Some(1), &[]),
        ];
        let conditions = Conditions::new(windows);
        assert_eq!(
            conditions.clear_since(1, &[], SECOND * 15),
            Some(Duration::ZERO)
        );
        assert_eq!(conditions.dates_ahead(1, SECOND * 9), Duration::ZERO);
        assert_eq!(conditions.dates_ahead(1, SECOND * 10), DATES_OFF);
        assert_eq!(
            conditions.dates_behind(1, SECOND * 20, SECOND * 30),
            OLDEST_DATE
        );
        assert_eq!(
            conditions.dates_behind(1, SECOND * 21, SECOND * 30),
            Duration::ZERO
        );
        assert!(conditions.undated_since(1, SECOND * 20, SECOND * 30));
        assert!(!conditions.undated_since(1, SECOND * 21, SECOND * 30));
        assert!(!conditions.undated_since(2, SECOND * 10, SECOND * 30));
    }
}
