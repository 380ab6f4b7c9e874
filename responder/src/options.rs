//! The options of a responder.
//!
//! Owns: every default and every bound. Invariant: an [`Options`] that passed [`check`](Options::check) needs no further
//! check.

use std::ops::RangeInclusive;
use std::time::Duration;

use sqs_rpc_protocol::limits::{MAX_POLL_WAIT, MAX_VISIBILITY};
use sqs_rpc_protocol::{HostQueueUrl, ReturnAddressPolicy};
use sqs_rpc_transport::{BatchOptions, Counters, Moment, Prefer};

use crate::store::guarded::UserStore;
use crate::{InMemoryReplyStore, InvalidOption};

const CONCURRENCY: RangeInclusive<usize> = 1..=100_000;
const MAX_POLLS: RangeInclusive<usize> = 1..=1_000;
const VISIBILITY: RangeInclusive<Duration> = Duration::from_secs(1)..=MAX_VISIBILITY;
const REPLY_STORE_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(60);
const KEEP: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 60 * 60);
/// Twice the longest time for which a message that is not deleted stays hidden (`serve/hide_time.rs`).
const KEEP_REPLIES: Duration = Duration::from_secs(30 * 60);
const POLL_WAIT: RangeInclusive<Duration> = Duration::from_secs(1)..=MAX_POLL_WAIT;
/// At most the time for which a request can be hidden while it is handled.
const HANDLER_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=MAX_VISIBILITY;
const GRACE: RangeInclusive<Duration> = Duration::ZERO..=MAX_VISIBILITY;

/// The time of a handler for a request without a deadline, with [`HandlerTimeout::AfterDeadline`].
const WITHOUT_DEADLINE: Duration = Duration::from_secs(60 * 60);

/// How long a handler may take. After that time the handler is dropped: its slot is free, and its requester, if it still
/// waits, gets an error with code [`expired`](sqs_rpc_protocol::ErrorCode::EXPIRED).
///
/// Default: 5 s after the request's deadline.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use sqs_responder::{HandlerTimeout, Responder};
///
/// # let local = local_sqs::LocalSqs::start();
/// # let client = local.client();
/// let timeout = |secs| HandlerTimeout::AfterStart(Duration::from_secs(secs));
/// let responder = Responder::builder(client.clone()).handler_timeout(timeout(30)).build()?;
/// # drop(responder);
/// let refused = Responder::builder(client).handler_timeout(timeout(50_000)).build();
/// assert_eq!(refused.unwrap_err().to_string(), "handler_timeout is 50000s: 1ms to 43200s is allowed");
/// # Ok::<(), sqs_responder::InvalidOption>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandlerTimeout {
    /// Until this long after the request's deadline; 0 to 12 h. For a request without a deadline (from a Java
    /// requester), one hour after the handler's start.
    AfterDeadline(Duration),
    /// Until this long after the handler's start, whatever the deadline; 1 ms to 12 h.
    AfterStart(Duration),
    /// No timeout. SQS hides the request for at most 12 h, and redelivers it then.
    None,
}

impl Default for HandlerTimeout {
    fn default() -> Self {
        Self::AfterDeadline(Duration::from_secs(5))
    }
}

impl HandlerTimeout {
    /// When a handler that starts `now` is dropped.
    pub(crate) fn until(self, now: Moment, deadline: Option<Moment>) -> Option<Moment> {
        match self {
            Self::AfterDeadline(grace) => {
                Some(deadline.map_or(now + WITHOUT_DEADLINE, |at| at + grace))
            }
            Self::AfterStart(time) => Some(now + time),
            Self::None => None,
        }
    }

    fn check(self) -> Result<(), InvalidOption> {
        match self {
            Self::AfterDeadline(grace) => {
                InvalidOption::unless_within("handler_timeout", &grace, &GRACE)
            }
            Self::AfterStart(time) => {
                InvalidOption::unless_within("handler_timeout", &time, &HANDLER_TIMEOUT)
            }
            Self::None => Ok(()),
        }
    }
}

/// The options of a responder, checked.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) concurrency: usize,
    pub(crate) visibility: Duration,
    pub(crate) poll_wait: Duration,
    pub(crate) end_idle_polls: bool,
    pub(crate) max_polls: usize,
    pub(crate) handler_timeout: HandlerTimeout,
    pub(crate) keep_undecodable: bool,
    pub(crate) return_addresses: ReturnAddressPolicy,
    pub(crate) request_queue: Option<HostQueueUrl>,
    pub(crate) reply_store: UserStore,
    pub(crate) reply_store_timeout: Duration,
    pub(crate) keep_keyed_replies: Duration,
    /// `None`: the default that [`keep_replies`](Self::keep_replies) computes.
    pub(crate) keep_replies: Option<Duration>,
    pub(crate) prefer: Prefer,
    pub(crate) batches: BatchOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 64,
            visibility: Duration::from_secs(30),
            poll_wait: MAX_POLL_WAIT,
            end_idle_polls: true,
            max_polls: 8,
            handler_timeout: HandlerTimeout::default(),
            keep_undecodable: false,
            return_addresses: ReturnAddressPolicy::default(),
            request_queue: None,
            reply_store: UserStore::new(InMemoryReplyStore::default(), &Counters::default()),
            reply_store_timeout: Duration::from_secs(5),
            keep_keyed_replies: Duration::from_secs(24 * 60 * 60),
            keep_replies: None,
            prefer: Prefer::default(),
            batches: BatchOptions::default(),
        }
    }
}

impl Options {
    /// Refuses options that are out of range, and rounds times up to the whole seconds that SQS takes.
    pub(crate) fn check(mut self) -> Result<Self, InvalidOption> {
        InvalidOption::unless_within("concurrency", &self.concurrency, &CONCURRENCY)?;
        InvalidOption::unless_within("max_polls", &self.max_polls, &MAX_POLLS)?;
        InvalidOption::unless_within("visibility_timeout", &self.visibility, &VISIBILITY)?;
        InvalidOption::unless_within("poll_wait", &self.poll_wait, &POLL_WAIT)?;
        InvalidOption::unless_within(
            "reply_store_timeout",
            &self.reply_store_timeout,
            &REPLY_STORE_TIMEOUT,
        )?;
        InvalidOption::unless_within("keep_keyed_replies", &self.keep_keyed_replies, &KEEP)?;
        if let Some(keep) = &self.keep_replies {
            InvalidOption::unless_within("keep_replies", keep, &KEEP)?;
        }
        self.handler_timeout.check()?;
        self.visibility = whole_seconds(self.visibility);
        self.poll_wait = whole_seconds(self.poll_wait);
        Ok(self)
    }
}

impl Options {
    /// How long a reply without an idempotency key is kept: longer than SQS may take to redeliver its message.
    pub(crate) fn keep_replies(&self) -> Duration {
        self.keep_replies
            .unwrap_or_else(|| KEEP_REPLIES.max(self.visibility * 2))
    }
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
    fn an_option_out_of_range_is_named_with_its_range() {
        let refused = [
            check(|options| options.concurrency = 100_001),
            check(|options| options.max_polls = 0),
            check(|options| options.visibility = Duration::ZERO),
            check(|options| options.visibility = Duration::from_secs(43_201)),
            check(|options| options.poll_wait = Duration::from_millis(20_001)),
            check(|options| options.reply_store_timeout = Duration::ZERO),
            check(|options| options.keep_replies = Some(Duration::ZERO)),
            check(|options| options.keep_keyed_replies = Duration::MAX),
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
                "reply_store_timeout is 0ns: 1ms to 60s is allowed",
                "keep_replies is 0ns: 1s to 31622400s is allowed",
                "keep_keyed_replies is 18446744073709551615.999999999s: 1s to 31622400s is allowed",
            ]
        );
    }

    #[test]
    fn replies_are_kept_beyond_the_visibility_timeout() {
        let kept = |visibility| {
            let options = check(|options| options.visibility = Duration::from_secs(visibility));
            options.unwrap().keep_replies().as_secs()
        };
        assert_eq!((kept(30), kept(3_600)), (1_800, 7_200));
    }

    #[test]
    fn parts_of_a_second_are_rounded_up() {
        let options = check(|options| options.visibility = Duration::from_millis(1_001)).unwrap();
        assert_eq!(options.visibility, Duration::from_secs(2));
    }
}
