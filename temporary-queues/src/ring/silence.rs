//! The observations of hosts that can only be watched in silence: their leases are judged by whether they change.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_transport::Moment;

/// The maximum number of remembered hosts. Further hosts are remembered when there is room again; until then they are never
/// judged dead.
const MOST: usize = 10_000;

/// The last observations of some hosts. A host that two walks did not pass is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    hosts: HashMap<Arc<str>, Observation>,
    walk: u64,
}

/// A value that changes with each renewal, which shows that the owner is alive.
type Mark = (u64, Duration);

#[derive(Debug)]
struct Observation {
    mark: Mark,
    since: Moment,
    changed: bool,
    walk: u64,
}

/// The result of one observation together with the earlier ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// How long the mark has been the same, as far as is known.
    pub(super) silent: Duration,
    /// Whether the mark has ever changed while it was observed.
    pub(super) changed: bool,
}

impl Silence {
    /// Records the mark that a host shows now.
    pub(super) fn look(&mut self, name: &str, mark: Mark, now: Moment) -> Look {
        let walk = self.walk;
        if let Some(entry) = self.hosts.get_mut(name) {
            entry.walk = walk;
            if entry.mark != mark {
                (entry.mark, entry.since, entry.changed) = (mark, now, true);
            }
            if sqs_rpc_transport::mutant!("silence-not-believed") {
                entry.since = now;
            }
            return Look {
                silent: now.since(entry.since),
                changed: entry.changed,
            };
        }
        if self.hosts.len() < MOST {
            let entry = Observation {
                mark,
                since: now,
                changed: false,
                walk,
            };
            self.hosts.insert(name.into(), entry);
        }
        Look {
            silent: Duration::ZERO,
            changed: false,
        }
    }

    /// A host is gone.
    pub(super) fn forget(&mut self, name: &str) {
        self.hosts.remove(name);
    }

    /// A walk has ended. Hosts that this walk and the one before it did not pass are forgotten: another process watches them.
    pub(super) fn walked(&mut self) {
        let walk = self.walk;
        self.hosts.retain(|_, entry| entry.walk + 1 >= walk);
        self.walk += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Moment {
        Moment::from_start(Duration::from_secs(s))
    }

    const MARK: Mark = (1, Duration::from_secs(300));

    #[test]
    fn hosts_that_walks_no_longer_pass_are_forgotten() {
        let mut silence = Silence::default();
        silence.look("a", MARK, at(0));
        silence.walked();
        silence.walked();
        assert_eq!(
            silence.look("a", MARK, at(60)).silent,
            Duration::from_secs(60)
        );
        silence.walked();
        silence.walked();
        silence.walked();
        assert_eq!(silence.look("a", MARK, at(120)).silent, Duration::ZERO);
    }

    #[test]
    fn a_host_without_room_never_counts_as_silent() {
        let mut silence = Silence::default();
        for i in 0..MOST + 10 {
            silence.look(&i.to_string(), MARK, at(0));
        }
        assert_eq!(silence.hosts.len(), MOST);
        assert_eq!(
            silence.look("10005", MARK, at(9_999)).silent,
            Duration::ZERO
        );
    }

    #[test]
    fn a_longer_retention_is_a_sign_of_life() {
        let mut silence = Silence::default();
        silence.look("a", MARK, at(0));
        let look = silence.look("a", (1, Duration::from_secs(600)), at(9));
        assert!(look.changed && look.silent.is_zero());
    }
}
