//! How unkind the SQS is: what the real one does sometimes, or on a bad day.
//!
//! Owns the options and the dice. Everything is drawn from one seeded generator that is separate from the one that
//! makes ids, so that switching a fault on changes no id.

mod chance;
mod latency;

pub(crate) use chance::Chance;
pub use latency::Latency;

use crate::engine::Action;
use std::time::Duration;

/// What goes wrong, and how often. By default nothing does.
///
/// A probability is between 0, never, and 1, always; values outside of that count as the nearer end. All draws come from
/// [`Builder::seed`](crate::Builder::seed), so the same calls in the same order meet the same faults.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use aws_sdk_sqs::config::retry::RetryConfig;
/// use aws_sdk_sqs::error::ProvideErrorMetadata as _;
/// use local_sqs::{Behaviour, LocalSqs, engine::Action};
///
/// let sqs = LocalSqs::start();
/// let queue = sqs.create_queue("jobs").await?;
/// let config = sqs.sdk_config().retry_config(RetryConfig::disabled()).build();
/// let client = aws_sdk_sqs::Client::from_conf(config);
///
/// sqs.set_behaviour(Behaviour::default().throttled(1.0).only([Action::TagQueue]));
/// let error = client.tag_queue().queue_url(&queue).tags("k", "v").send().await.expect_err("throttled");
/// assert_eq!(error.code(), Some("RequestThrottled"));
/// client.list_queue_tags().queue_url(&queue).send().await?;
///
/// sqs.set_behaviour(Behaviour::default());
/// client.tag_queue().queue_url(&queue).tags("k", "v").send().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Behaviour {
    pub(crate) latency: Latency,
    pub(crate) delivery: Latency,
    pub(crate) settling: Duration,
    pub(crate) deletion: Duration,
    pub(crate) stale_tags: Duration,
    pub(crate) date: Date,
    pub(crate) duplicates: f64,
    pub(crate) reordering: f64,
    pub(crate) missed: f64,
    pub(crate) count_error: f64,
    pub(crate) throttled: f64,
    pub(crate) unavailable: f64,
    pub(crate) lost_answers: f64,
    pub(crate) failed_entries: f64,
    pub(crate) most_in_flight: usize,
    pub(crate) only: Vec<Action>,
}

/// What the `Date` header of an answer says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Date {
    /// SQS's time.
    #[default]
    Exact,
    /// SQS's time and this much more.
    Ahead(Duration),
    /// SQS's time less this much.
    Behind(Duration),
    /// Off by up to this much in either direction, by another amount in each answer.
    Wavering(Duration),
    /// There is none.
    Absent,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            latency: Latency::None,
            delivery: Latency::None,
            settling: Duration::ZERO,
            deletion: Duration::ZERO,
            stale_tags: Duration::ZERO,
            date: Date::Exact,
            duplicates: 0.0,
            reordering: 0.0,
            missed: 0.0,
            count_error: 0.0,
            throttled: 0.0,
            unavailable: 0.0,
            lost_answers: 0.0,
            failed_entries: 0.0,
            most_in_flight: 120_000,
            only: Vec::new(),
        }
    }
}

impl Behaviour {
    /// The real SQS on a normal day: calls and deliveries take their time, new queues rest for a second, tags are up to a
    /// minute old, sends to a queue that is being deleted vanish, a few messages come twice or out of order, short
    /// polls miss some, counts are approximate.
    pub fn like_aws() -> Self {
        Self::default()
            .latency(Latency::aws_call())
            .delivery(Latency::aws_delivery())
            .settling(Duration::from_secs(1))
            .deletion(Duration::from_secs(60))
            .stale_tags(Duration::from_secs(60))
            .duplicates(0.001)
            .reordering(0.05)
            .missed(0.3)
            .count_error(0.1)
    }

    /// How long each call takes; half of it passes before its effect, half after it. Default: none. Long ones run into
    /// the client's time-outs. Needs a tokio runtime.
    pub fn latency(mut self, latency: Latency) -> Self {
        self.latency = latency;
        self
    }

    /// How long it takes from a send to a standard queue until the message can be received. Default: none. Meanwhile it
    /// counts as delayed.
    pub fn delivery(mut self, delivery: Latency) -> Self {
        self.delivery = delivery;
        self
    }

    /// For how long a new queue does not exist for those who use it; SQS asks to wait for one second. Default: zero.
    /// Queues that were made before this is set are not concerned.
    pub fn settling(mut self, settling: Duration) -> Self {
        self.settling = settling;
        self
    }

    /// For how long sends to a deleted queue are accepted and vanish. Default: zero. SQS says up to 60 s, and more than
    /// that counts as 60 s.
    pub fn deletion(mut self, deletion: Duration) -> Self {
        self.deletion = deletion;
        self
    }

    /// How old the tags may be that `ListQueueTags` answers; each answer's age is drawn anew. Default: zero.
    pub fn stale_tags(mut self, age: Duration) -> Self {
        self.stale_tags = age;
        self
    }

    /// What the `Date` header says. Default: [`Date::Exact`].
    pub fn date(mut self, date: Date) -> Self {
        self.date = date;
        self
    }

    /// The probability that a message of a standard queue can be received again at once. Default: 0. At 1 no message is
    /// ever hidden.
    pub fn duplicates(mut self, probability: f64) -> Self {
        self.duplicates = probability;
        self
    }

    /// The probability that a receive from a standard queue takes not the oldest message but one of the 32 behind it.
    /// Default: 0.
    pub fn reordering(mut self, probability: f64) -> Self {
        self.reordering = probability;
        self
    }

    /// The probability that a receive from a standard queue finds fewer messages than there are: a short poll perhaps
    /// none, a long one at least one. Default: 0.
    pub fn missed(mut self, probability: f64) -> Self {
        self.missed = probability;
        self
    }

    /// By which part the approximate numbers of messages are wrong at most: 0.1 is ten per cent in either direction.
    /// Default: 0. At 1 they are between nothing and twice the truth.
    pub fn count_error(mut self, part: f64) -> Self {
        self.count_error = part;
        self
    }

    /// The probability that a call is refused with `RequestThrottled`, with no effect. Default: 0.
    pub fn throttled(mut self, probability: f64) -> Self {
        self.throttled = probability;
        self
    }

    /// The probability that a call is refused with `ServiceUnavailable`, state 503, with no effect. Default: 0.
    pub fn unavailable(mut self, probability: f64) -> Self {
        self.unavailable = probability;
        self
    }

    /// The probability that a call has its effect and its connection breaks before the answer. Default: 0.
    pub fn lost_answers(mut self, probability: f64) -> Self {
        self.lost_answers = probability;
        self
    }

    /// The probability that an entry of a batch fails, with no effect; SQS is to blame. Default: 0.
    pub fn failed_entries(mut self, probability: f64) -> Self {
        self.failed_entries = probability;
        self
    }

    /// How many messages of a queue are in flight at most. Default: 120,000, SQS's quota. Beyond it a short poll of a
    /// standard queue is refused with `OverLimit`, and every other receive finds nothing; at 0 nothing is ever received.
    pub fn most_in_flight(mut self, most: usize) -> Self {
        self.most_in_flight = most;
        self
    }

    /// Which actions are throttled, unavailable, or lose their answers. Default, and of none: all.
    pub fn only(mut self, actions: impl IntoIterator<Item = Action>) -> Self {
        self.only = actions.into_iter().collect();
        self
    }

    pub(crate) fn concerns(&self, action: Action) -> bool {
        self.only.is_empty() || self.only.contains(&action)
    }
}
