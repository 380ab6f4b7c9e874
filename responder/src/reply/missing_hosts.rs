//! The hosts that are known not to exist.
//!
//! Owns: which hosts are missing, since when, and when they are forgotten. Does not own: how long sends to a host must
//! fail until it counts as missing (`failing_hosts.rs`). Pure. Invariant: at most [`MOST`] hosts are kept, none of them
//! longer than [`AGE`].
//!
//! A reply to a missing host is still tried once, so a host that is made later under the same name gets its replies.
//! [`AGE`] only limits how long such replies get no second attempt, which a new queue may need in its first second.

use std::collections::HashMap;
use std::time::Duration;

use sqs_rpc_protocol::HostKey;
use sqs_rpc_transport::Moment;

/// The maximum number of hosts that are kept; beyond it the oldest is forgotten. A requester that dies leaves one
/// missing host.
const MOST: usize = 1_000;

/// How long a host counts as missing, from when this became known. Further replies do not lengthen the time, so a host
/// gets its retries back after it, however many replies come.
const AGE: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
pub(super) struct Missing(HashMap<HostKey, Moment>);

impl Missing {
    /// Records that a host is missing.
    pub(super) fn learn(&mut self, host: &HostKey, now: Moment) {
        if self.0.len() >= MOST && !self.0.contains_key(host) {
            self.0.retain(|_, since| is_alive(*since, now));
            let oldest = self.0.iter().min_by_key(|(_, since)| **since);
            if let Some(oldest) = oldest.map(|(host, _)| host.clone())
                && self.0.len() >= MOST
            {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(host.clone(), now);
    }

    /// Since when the host has been known to be missing.
    pub(super) fn since(&self, host: &HostKey, now: Moment) -> Option<Moment> {
        self.0
            .get(host)
            .copied()
            .filter(|since| is_alive(*since, now))
    }

    /// Forgets a host that has answered.
    pub(super) fn exists(&mut self, host: &HostKey) {
        self.0.remove(host);
    }
}

fn is_alive(since: Moment, now: Moment) -> bool {
    now < since + AGE
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqs_rpc_protocol::HostQueueUrl;

    fn key(number: usize) -> HostKey {
        let url = format!("https://sqs.eu-west-1.amazonaws.com/123456789012/q-{number}");
        HostKey::new(&HostQueueUrl::parse(&url).unwrap(), None)
    }

    fn at(millis: u64) -> Moment {
        Moment::from_start(Duration::from_millis(millis))
    }

    #[test]
    fn a_missing_host_is_forgotten_by_age_or_answer() {
        let mut missing = Missing::default();
        missing.learn(&key(1), at(5));
        assert_eq!(missing.since(&key(1), at(20_004)), Some(at(5)));
        assert_eq!(missing.since(&key(1), at(20_005)), None);
        assert_eq!(missing.since(&key(2), at(6)), None);
        missing.exists(&key(1));
        assert_eq!(missing.since(&key(1), at(6)), None);
    }

    #[test]
    fn at_the_bound_the_oldest_is_forgotten() {
        let mut missing = Missing::default();
        for number in 0..=MOST {
            missing.learn(&key(number), at(number as u64));
        }
        let now = at(MOST as u64);
        assert_eq!(missing.0.len(), MOST);
        assert_eq!(missing.since(&key(0), now), None);
        assert_eq!(missing.since(&key(1), now), Some(at(1)));
        assert_eq!(missing.since(&key(MOST), now), Some(now));
        // All hosts that are too old are removed together.
        missing.learn(&key(MOST + 1), at(20_500));
        assert_eq!(missing.0.len(), MOST - 500 + 1);
    }
}
