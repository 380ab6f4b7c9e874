//! What a user may set, and what is refused.
//!
//! Owns: every default and every bound. Invariant: an [`Options`] that passed [`check`](Options::check) needs no
//! further look.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::{HostQueueUrl, ReturnAddressPolicy};
use sqs_virtual_queues::sqs::BatchOptions;

use crate::{InMemoryReplyCache, ReplyCache};

const CONCURRENCY: RangeInclusive<usize> = 1..=100_000;
const MAX_POLLS: RangeInclusive<usize> = 1..=1_000;
const VISIBILITY: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(12 * 60 * 60);
const POLL_WAIT: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(20);

/// The options of a responder, checked.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) concurrency: usize,
    pub(crate) visibility: Duration,
    pub(crate) poll_wait: Duration,
    pub(crate) max_polls: usize,
    pub(crate) return_addresses: ReturnAddressPolicy,
    pub(crate) request_queue: Option<HostQueueUrl>,
    pub(crate) reply_cache: Arc<dyn ReplyCache>,
    pub(crate) batches: BatchOptions,
}

/// An option with a value that is not allowed.
///
/// # Examples
///
/// ```
/// use sqs_responder::Responder;
///
/// # let local = local_sqs::LocalSqs::start();
/// # let sqs = local.client();
/// let error = Responder::builder(sqs).concurrency(0).build().unwrap_err();
/// assert_eq!(error.to_string(), "concurrency is 0: 1 to 100000 is allowed");
/// assert_eq!(error.option(), "concurrency");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidOption {
    option: &'static str,
    found: String,
    allowed: String,
}

impl InvalidOption {
    /// The option's name: that of the builder's method.
    #[must_use]
    pub const fn option(&self) -> &'static str {
        self.option
    }
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is {}: {} is allowed",
            self.option, self.found, self.allowed
        )
    }
}

impl std::error::Error for InvalidOption {}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 64,
            visibility: Duration::from_secs(30),
            poll_wait: Duration::from_secs(20),
            max_polls: 8,
            return_addresses: ReturnAddressPolicy::default(),
            request_queue: None,
            reply_cache: Arc::new(InMemoryReplyCache::default()),
            batches: BatchOptions::default(),
        }
    }
}

impl Options {
    /// Refuses what is out of range, and rounds up to the whole seconds that SQS takes.
    pub(crate) fn check(mut self) -> Result<Self, InvalidOption> {
        within("concurrency", &self.concurrency, &CONCURRENCY)?;
        within("max_polls", &self.max_polls, &MAX_POLLS)?;
        within(
            "visibility_timeout",
            &Shown(self.visibility),
            &shown(&VISIBILITY),
        )?;
        within("poll_wait", &Shown(self.poll_wait), &shown(&POLL_WAIT))?;
        self.visibility = whole_seconds(self.visibility);
        self.poll_wait = whole_seconds(self.poll_wait);
        Ok(self)
    }
}

/// A duration that is shown as it is written in code: `30s`.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Shown(Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

const fn shown(range: &RangeInclusive<Duration>) -> RangeInclusive<Shown> {
    Shown(*range.start())..=Shown(*range.end())
}

fn within<T: PartialOrd + fmt::Display>(
    option: &'static str,
    found: &T,
    allowed: &RangeInclusive<T>,
) -> Result<(), InvalidOption> {
    if allowed.contains(found) {
        return Ok(());
    }
    let allowed = format!("{} to {}", allowed.start(), allowed.end());
    Err(InvalidOption {
        option,
        found: found.to_string(),
        allowed,
    })
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs() + u64::from(duration.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Options)) -> Result<Options, String> {
        let mut options = Options::default();
        change(&mut options);
        options.check().map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_allowed() {
        assert!(check(|_| {}).is_ok());
    }

    #[test]
    fn what_is_out_of_range_is_named_with_what_is_allowed() {
        let refused = [
            check(|options| options.concurrency = 100_001),
            check(|options| options.max_polls = 0),
            check(|options| options.visibility = Duration::ZERO),
            check(|options| options.visibility = Duration::from_secs(43_201)),
            check(|options| options.poll_wait = Duration::from_millis(20_001)),
        ];
        let texts: Vec<_> = refused.into_iter().map(Result::unwrap_err).collect();
        assert_eq!(
            texts,
            [
                "concurrency is 100001: 1 to 100000 is allowed",
                "max_polls is 0: 1 to 1000 is allowed",
                "visibility_timeout is 0ns: 1s to 43200s is allowed",
                "visibility_timeout is 43201s: 1s to 43200s is allowed",
                "poll_wait is 20.001s: 1s to 20s is allowed",
            ]
        );
    }

    #[test]
    fn parts_of_a_second_are_rounded_up() {
        let options = check(|options| options.visibility = Duration::from_millis(1_001)).unwrap();
        assert_eq!(options.visibility, Duration::from_secs(2));
    }
}
