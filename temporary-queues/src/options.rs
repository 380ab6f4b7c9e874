//! The options of [`TemporaryQueues`](super::TemporaryQueues).

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::limits::{
    MAX_QUEUE_NAME, MAX_RETENTION, MIN_RETENTION, NEW_QUEUE_WAIT, check_tag,
};
use sqs_rpc_protocol::names::DEFAULT_HOST_PREFIX;
use sqs_rpc_transport::InvalidOption;
use sqs_virtual_queues::VirtualQueues;

use super::attributes::HostAttributes;
use super::lease;
use aws_sdk_sqs::types::QueueAttributeName;

/// A UUID, a dash, 10 digits and `.fifo` follow the prefix.
const MAX_PREFIX: usize = MAX_QUEUE_NAME - 36 - 1 - 10 - 5;
const PERIOD: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(12 * 60 * 60);
const IDLE_TIME: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(7 * 24 * 60 * 60);
const NEW_HOST_WAIT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(60);
const MESSAGE_RETENTION: RangeInclusive<Duration> = MIN_RETENTION..=MAX_RETENTION;
/// The other tags that a queue can have ([`MAX_TAGS`](sqs_rpc_protocol::limits::MAX_TAGS)) are for the tags of this crate.
const MAX_USER_TAGS: usize = 40;

/// Sets up [`TemporaryQueues`](super::TemporaryQueues). Created by
/// [`TemporaryQueues::builder`](super::TemporaryQueues::builder).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use sqs_temporary_queues::TemporaryQueues;
/// use sqs_virtual_queues::VirtualQueues;
///
/// # let local = local_sqs::LocalSqs::start();
/// let queues = VirtualQueues::builder(&local.client()).build()?;
/// let temporary = TemporaryQueues::builder(&queues)
///     .prefix("frontend-")
///     .tag("team", "identity")
///     .lease_retention(Duration::from_secs(600))
///     .build()?;
///
/// let error = TemporaryQueues::builder(&queues).watch_period(Duration::from_secs(1)).build().unwrap_err();
/// assert_eq!(error.to_string(), "watch_period is 1s: 60s to 43200s is allowed");
/// # Ok::<(), sqs_rpc_transport::InvalidOption>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct TemporaryQueuesBuilder {
    pub(super) queues: VirtualQueues,
    pub(super) options: Options,
}

#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) prefix: Arc<str>,
    pub(super) tags: Vec<(String, String)>,
    /// The default attributes of hosts.
    pub(super) attributes: HostAttributes,
    pub(super) message_retention: Option<Duration>,
    pub(super) lease_retention: Duration,
    pub(super) period: Duration,
    pub(super) watches: bool,
    pub(super) idle_time: Duration,
    /// The time from the creation of a host until its first use.
    pub(super) new_host_wait: Duration,
}

impl TemporaryQueuesBuilder {
    pub(super) fn new(queues: VirtualQueues) -> Self {
        Self {
            queues,
            options: Options {
                prefix: DEFAULT_HOST_PREFIX.into(),
                tags: Vec::new(),
                attributes: HostAttributes::default(),
                message_retention: None,
                lease_retention: Duration::from_secs(300),
                period: Duration::from_secs(300),
                watches: true,
                idle_time: Duration::from_secs(900),
                new_host_wait: NEW_QUEUE_WAIT,
            },
        }
    }

    /// The beginning of each host's name. Default `sqs-rpc-`; 1 to 28 letters, digits, `-` and `_`. A random UUID and a
    /// number follow. Processes with the same prefix watch each other's hosts. IAM policies can grant permissions by prefix.
    pub fn prefix(mut self, prefix: impl Into<Arc<str>>) -> Self {
        self.options.prefix = prefix.into();
        self
    }

    /// Adds a tag to every host. At most 40 tags; keys of 1 to 128 and values of 0 to 256 letters, digits, spaces and
    /// `_.:/=+-@`. Default: only the tags of this crate.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.tags.push((key.into(), value.into()));
        self
    }

    /// Encrypts hosts with this KMS key: an id, alias or ARN. Every sender to a host then needs permission to use the key.
    /// Default: SQS's own key, which is free.
    pub fn kms_key(mut self, key: impl Into<String>) -> Self {
        let name = QueueAttributeName::KmsMasterKeyId;
        self.options.attributes.set(&name, key.into());
        self
    }

    /// The queue policy of hosts, as JSON: which other accounts and roles may use them, and how. Default: none, so that
    /// only identities of the own account that have permission may use them.
    pub fn policy(mut self, policy: impl Into<String>) -> Self {
        let name = QueueAttributeName::Policy;
        self.options.attributes.set(&name, policy.into());
        self
    }

    /// How long SQS keeps a message on a host. Default: SQS's own, 4 days; 1 minute to 14 days, in whole seconds.
    pub fn message_retention(mut self, retention: Duration) -> Self {
        self.options.message_retention = Some(retention);
        self
    }

    /// R: how long a host outlives the last renewal of its lease. Default 5 minutes; 1 minute to 12 hours, in whole
    /// seconds. A longer time means fewer calls (four in this time), and the host of a killed process stays longer.
    pub fn lease_retention(mut self, retention: Duration) -> Self {
        self.options.lease_retention = retention;
        self
    }

    /// P: how often to check the hosts that follow in the ring. Default 5 minutes; 1 minute to 12 hours.
    pub fn watch_period(mut self, period: Duration) -> Self {
        self.options.period = period;
        self
    }

    /// Whether to watch the hosts of other processes. Default: yes. If not, this process calls ListQueues only once at the
    /// start, never ListQueueTags, and DeleteQueue only for its own hosts. Another process must then watch its hosts.
    pub fn watch(mut self, watch: bool) -> Self {
        self.options.watches = watch;
        self
    }

    /// How long a host without virtual queues and pending requests is kept. Default 15 minutes; 1 minute to 7 days. The host
    /// is deleted within 1.25 times this time, and a new host is created when one is needed.
    pub fn idle_time(mut self, time: Duration) -> Self {
        self.options.idle_time = time;
        self
    }

    /// How long to wait before a new host is used. Default 1 s, as SQS requires; 0 to 60 s. With less than 1 s, the first
    /// messages may get lost.
    pub fn new_host_wait(mut self, wait: Duration) -> Self {
        self.options.new_host_wait = wait;
        self
    }
}

impl Options {
    /// Checks all options, and returns them with a lease retention in whole seconds.
    pub(super) fn checked(mut self) -> Result<Self, InvalidOption> {
        check_prefix(&self.prefix)?;
        check_tags(&self.tags)?;
        self.attributes.check_defaults()?;
        if let Some(retention) = self.message_retention {
            InvalidOption::unless_within("message_retention", &retention, &MESSAGE_RETENTION)?;
            let name = QueueAttributeName::MessageRetentionPeriod;
            self.attributes.set(&name, retention.as_secs().to_string());
        }
        InvalidOption::unless_within("lease_retention", &self.lease_retention, &lease::RETENTION)?;
        InvalidOption::unless_within("watch_period", &self.period, &PERIOD)?;
        InvalidOption::unless_within("idle_time", &self.idle_time, &IDLE_TIME)?;
        InvalidOption::unless_within("new_host_wait", &self.new_host_wait, &NEW_HOST_WAIT)?;
        self.lease_retention = Duration::from_secs(self.lease_retention.as_secs());
        Ok(self)
    }
}

/// Checks a prefix of host names.
pub(super) fn check_prefix(prefix: &str) -> Result<(), InvalidOption> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=MAX_PREFIX).contains(&prefix.len()) && prefix.bytes().all(is_name) {
        return Ok(());
    }
    let allowed = format!("1 to {MAX_PREFIX} characters of A-Z, a-z, 0-9, `-` and `_`");
    Err(InvalidOption::new(
        "prefix",
        format_args!("{prefix:?}"),
        allowed,
    ))
}

fn check_tags(tags: &[(String, String)]) -> Result<(), InvalidOption> {
    if tags.len() > MAX_USER_TAGS {
        let found = format!("given {} times", tags.len());
        return Err(InvalidOption::new("tag", found, "up to 40 times"));
    }
    tags.iter()
        .try_for_each(|(key, value)| check_user_tag(key, value))
}

/// Checks that SQS accepts a tag, and that the tag is not a lease tag.
fn check_user_tag(key: &str, value: &str) -> Result<(), InvalidOption> {
    if check_tag(key, value).is_ok() && !lease::is_lease_tag(key) {
        return Ok(());
    }
    let allowed = "a key of 1 to 128 characters that is not a lease tag and does not begin with aws:, and a value of 0 to 256 \
                   characters, of letters, digits, spaces and _.:/=+-@";
    Err(InvalidOption::new(
        "tag",
        format_args!("{key:?} = {value:?}"),
        allowed,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_leaves_room_for_the_longest_name() {
        let longest = "p".repeat(MAX_PREFIX);
        assert_eq!(check_prefix(&longest), Ok(()));
        let uuid = "0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a";
        assert_eq!(format!("{longest}{uuid}-{}.fifo", u32::MAX).len(), 80);
        for refused in ["", "a.b", "a b", "ä", &format!("{longest}p")] {
            let error = check_prefix(refused).unwrap_err().to_string();
            assert!(
                error.contains(&format!("{refused:?}")) && error.contains("1 to 28"),
                "{error}"
            );
        }
    }

    #[test]
    fn tags_are_checked_by_the_rules_of_sqs() {
        for (key, value) in [
            ("team", "a b_.:/=+-@9"),
            ("é", ""),
            (&"k".repeat(128), &"v".repeat(256)),
        ] {
            assert_eq!(check_user_tag(key, value), Ok(()));
        }
        let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
        for (key, value) in [
            ("", "v"),
            ("aws:x", "v"),
            ("SqsRpcLease", "v"),
            ("__IdleQueueRetentionPeriodSeconds", "v"),
            ("k\n", "v"),
            ("k", "a,b"),
            (&long_key, "v"),
            ("k", &long_value),
        ] {
            assert_eq!(
                check_user_tag(key, value).unwrap_err().option(),
                "tag",
                "{key:?} {value:?}"
            );
        }
        let many: Vec<_> = (0..41)
            .map(|i| (format!("tag{i}"), String::new()))
            .collect();
        assert_eq!(check_tags(&many[..40]), Ok(()));
        assert_eq!(
            check_tags(&many).unwrap_err().to_string(),
            "tag is given 41 times: up to 40 times is allowed"
        );
    }
}
