//! Delays and faults: what the real SQS does sometimes, or on a bad day.
//!
//! Owns the options and the random decisions. All decisions come from one seeded generator. A separate generator makes
//! ids, so that enabling a fault changes no id.

mod chance;
mod latency;

pub(crate) use chance::Chance;
pub use latency::Latency;

use crate::engine::Action;
use std::time::Duration;

/// Delays and faults, and how often they happen. By default there are none.
///
/// A probability is between 0 (never) and 1 (always); values outside count as the nearer bound. All random decisions
/// depend on [`Builder::seed`](crate::Builder::seed), so the same calls in the same order meet the same faults.
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

/// The `Date` header of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Date {
    /// SQS's time.
    #[default]
    Exact,
    /// SQS's time plus this duration.
    Ahead(Duration),
    /// SQS's time minus this duration.
    Behind(Duration),
    /// SQS's time plus or minus a random duration up to this; drawn anew for each answer.
    Wavering(Duration),
    /// No header.
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
    /// The real SQS on a normal day: calls and deliveries take time, a new queue can be used after a second, tags are
    /// up to a minute old, sends to a queue that is being deleted are lost, a few messages arrive twice or out of
    /// order, short polls miss some messages, and counts are approximate.
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

    /// How long each call takes; half of the time passes before the effect, half after it. Default: none. Long
    /// latencies exceed the client's timeouts. Needs a tokio runtime.
    pub fn latency(mut self, latency: Latency) -> Self {
        self.latency = latency;
        self
    }

    /// The time from a send to a standard queue until the message can be received. Default: none. Until then the
    /// message counts as delayed.
    pub fn delivery(mut self, delivery: Latency) -> Self {
        self.delivery = delivery;
        self
    }

    /// How long after its creation calls do not find a new queue; SQS's documentation requires to wait one second.
    /// Default: zero. Does not apply to queues that already exist.
    pub fn settling(mut self, settling: Duration) -> Self {
        self.settling = settling;
        self
    }

    /// How long sends to a deleted queue are accepted and lost. Default: zero. SQS documents up to 60 s; larger values
    /// count as 60 s.
    pub fn deletion(mut self, deletion: Duration) -> Self {
        self.deletion = deletion;
        self
    }

    /// The maximum age of the tags that `ListQueueTags` returns; the age is drawn anew for each answer. Default: zero.
    pub fn stale_tags(mut self, age: Duration) -> Self {
        self.stale_tags = age;
        self
    }

    /// The `Date` header of answers. Default: [`Date::Exact`].
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

    /// The probability that a receive from a standard queue returns one of the next 32 messages instead of the oldest.
    /// Default: 0.
    pub fn reordering(mut self, probability: f64) -> Self {
        self.reordering = probability;
        self
    }

    /// The probability that a receive from a standard queue finds fewer messages than the queue has: a short poll
    /// possibly none, a long poll at least one. Default: 0.
    pub fn missed(mut self, probability: f64) -> Self {
        self.missed = probability;
        self
    }

    /// The maximum relative error of the approximate numbers of messages: 0.1 is ten per cent in either direction.
    /// Default: 0. At 1 the numbers are between zero and twice the true number.
    pub fn count_error(mut self, part: f64) -> Self {
        self.count_error = part;
        self
    }

    /// The probability that a call is refused with `RequestThrottled`, with no effect. Default: 0.
    pub fn throttled(mut self, probability: f64) -> Self {
        self.throttled = probability;
        self
    }

    /// The probability that a call is refused with `ServiceUnavailable`, status 503, with no effect. Default: 0.
    pub fn unavailable(mut self, probability: f64) -> Self {
        self.unavailable = probability;
        self
    }

    /// The probability that a call has its effect but the connection breaks before the answer. Default: 0.
    pub fn lost_answers(mut self, probability: f64) -> Self {
        self.lost_answers = probability;
        self
    }

    /// The probability that an entry of a batch fails with no effect, as a fault of SQS. Default: 0.
    pub fn failed_entries(mut self, probability: f64) -> Self {
        self.failed_entries = probability;
        self
    }

    /// The maximum number of messages of a queue in flight. Default: 120,000, SQS's quota. At the maximum, a short poll
    /// of a standard queue is refused with `OverLimit`, and every other receive finds nothing; at 0 nothing is ever
    /// received.
    pub fn most_in_flight(mut self, most: usize) -> Self {
        self.most_in_flight = most;
        self
    }

    /// The actions that are throttled, unavailable, or lose their answers. Default, and for an empty list: all.
    pub fn only(mut self, actions: impl IntoIterator<Item = Action>) -> Self {
        self.only = actions.into_iter().collect();
        self
    }

    pub(crate) fn concerns(&self, action: Action) -> bool {
        self.only.is_empty() || self.only.contains(&action)
    }
}
