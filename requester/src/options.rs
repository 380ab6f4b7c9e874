//! The options of a requester.
//!
//! Owns: every default and every bound. Invariant: [`Options`] that passed [`check`](Options::check) need no further
//! check.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::TraceContext;
use sqs_rpc_protocol::limits::{MAX_POLL_WAIT, MAX_VISIBILITY};
use sqs_rpc_transport::{BatchOptions, Prefer, UserCode};

use crate::InvalidOption;
use crate::reply_queue::HostOptions;

/// At least the resolution of the deadline in the header, at most the time for which a request can be hidden while it is
/// handled.
pub(crate) const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=MAX_VISIBILITY;
const MAX_PENDING: RangeInclusive<usize> = 1..=1_000_000;
const MAX_POLLS: RangeInclusive<usize> = 1..=1_000;
const POLL_WAIT: RangeInclusive<Duration> = Duration::from_secs(1)..=MAX_POLL_WAIT;
const VISIBILITY: RangeInclusive<Duration> = Duration::from_secs(1)..=MAX_VISIBILITY;

/// The hook that returns the trace context of a request.
pub(crate) type Propagate = dyn Fn() -> Option<TraceContext> + Send + Sync;

/// The options of a requester.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) timeout: Duration,
    pub(crate) max_pending: usize,
    pub(crate) max_polls: usize,
    pub(crate) poll_wait: Duration,
    pub(crate) end_idle_polls: bool,
    pub(crate) visibility: Duration,
    pub(crate) prefer: Prefer,
    pub(crate) batches: BatchOptions,
    /// The hook, and its name for the log.
    pub(crate) propagate: Option<(UserCode, Arc<Propagate>)>,
    pub(crate) host: HostOptions,
    /// The URL of a given reply queue, not yet parsed.
    pub(crate) given_queue: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            max_pending: 100_000,
            max_polls: 8,
            poll_wait: *POLL_WAIT.end(),
            end_idle_polls: true,
            visibility: Duration::from_secs(5),
            prefer: Prefer::default(),
            batches: BatchOptions::default(),
            propagate: None,
            host: HostOptions::default(),
            given_queue: None,
        }
    }
}

impl Options {
    /// Checks every option except those of the reply queue, which [`HostOptions::build`] checks.
    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        InvalidOption::unless_within("timeout", &self.timeout, &TIMEOUT)?;
        InvalidOption::unless_within("max_pending", &self.max_pending, &MAX_PENDING)?;
        InvalidOption::unless_within("max_polls", &self.max_polls, &MAX_POLLS)?;
        InvalidOption::unless_within("poll_wait", &self.poll_wait, &POLL_WAIT)?;
        InvalidOption::unless_within("visibility", &self.visibility, &VISIBILITY)?;
        Ok(())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("timeout", &self.timeout)
            .field("max_pending", &self.max_pending)
            .field("max_polls", &self.max_polls)
            .field("poll_wait", &self.poll_wait)
            .field("end_idle_polls", &self.end_idle_polls)
            .field("visibility", &self.visibility)
            .field("prefer", &self.prefer)
            .field("batches", &self.batches)
            .field("propagate", &self.propagate.is_some())
            .field("host", &self.host)
            .field("given_queue", &self.given_queue)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Options)) -> String {
        let mut options = Options::default();
        change(&mut options);
        options
            .check()
            .map_or_else(|error| error.to_string(), |()| "allowed".to_owned())
    }

    #[test]
    fn defaults_are_allowed() {
        assert_eq!(refused(|_| {}), "allowed");
    }

    #[test]
    fn each_bound_is_allowed_and_one_beyond_is_not() {
        let ms = Duration::from_millis(1);
        for end in [*TIMEOUT.start(), *TIMEOUT.end()] {
            assert_eq!(refused(|o| o.timeout = end), "allowed");
        }
        assert_eq!(
            refused(|o| o.timeout = Duration::ZERO),
            "timeout is 0ns: 1ms to 43200s is allowed"
        );
        assert_eq!(
            refused(|o| o.timeout = *TIMEOUT.end() + ms),
            "timeout is 43200.001s: 1ms to 43200s is allowed"
        );
        assert_eq!(
            refused(|o| o.max_pending = 0),
            "max_pending is 0: 1 to 1000000 is allowed"
        );
        assert_eq!(
            refused(|o| o.max_polls = 1_001),
            "max_polls is 1001: 1 to 1000 is allowed"
        );
        assert_eq!(
            refused(|o| o.poll_wait = *POLL_WAIT.end() + ms),
            "poll_wait is 20.001s: 1s to 20s is allowed"
        );
        assert_eq!(refused(|o| o.poll_wait = *POLL_WAIT.start()), "allowed");
        assert_eq!(
            refused(|o| o.visibility = ms),
            "visibility is 1ms: 1s to 43200s is allowed"
        );
    }
}
