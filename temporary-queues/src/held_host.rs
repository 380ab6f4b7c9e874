//! A host that this process holds.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqs_rpc_transport::{Moment, Sqs};
use sqs_virtual_queues::Host;
use tokio::sync::Notify;

use super::attributes::HostAttributes;
use super::lease::{Claim, Reading, Standing};

/// A host in use, with the claim to it.
pub(super) struct Held {
    pub(super) name: Arc<str>,
    pub(super) host: Host,
    pub(super) made_at: Moment,
    pub(super) attributes: HostAttributes,
    claim: Mutex<Claim>,
    /// When a caller last asked for this host, or when it was last seen in use.
    used: Mutex<Moment>,
    /// Wakes the task that keeps this host, because the host was replaced or has ended.
    pub(super) changed: Notify,
}

impl Held {
    pub(super) fn new(
        name: Arc<str>,
        host: Host,
        attributes: HostAttributes,
        claim: Claim,
        now: Moment,
    ) -> Self {
        Self {
            name,
            attributes,
            host,
            made_at: now,
            claim: Mutex::new(claim),
            used: Mutex::new(now),
            changed: Notify::new(),
        }
    }

    /// How good the claim is now. Must be checked before each use of the host.
    pub(super) fn standing(&self, sqs: &Sqs) -> Standing {
        if self.host.ended().is_some() {
            return Standing::GivenUp;
        }
        self.claim_standing(sqs)
    }

    /// How good the claim is by the lease alone, even if the host has ended. Other processes see only the lease.
    pub(super) fn claim_standing(&self, sqs: &Sqs) -> Standing {
        let at = reading(sqs);
        let proven = |since| sqs.proven_since(since);
        self.claim().standing(at, proven)
    }

    pub(super) fn touch(&self, now: Moment) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    pub(super) fn idle_since(&self, now: Moment) -> Option<Moment> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if self.host.is_in_use() {
            *used = now;
            return None;
        }
        Some(*used)
    }

    pub(super) fn claim(&self) -> MutexGuard<'_, Claim> {
        self.claim.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The current times of the monotonic clock and of the wall clock.
pub(super) fn reading(sqs: &Sqs) -> Reading {
    let clock = sqs.clock();
    Reading {
        now: clock.now(),
        wall: clock.wall(),
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
