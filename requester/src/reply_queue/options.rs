//! The options of the reply queues that a requester makes.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use sqs_rpc_protocol::limits::{MAX_RETENTION, MIN_RETENTION};
use sqs_temporary_queues::{TemporaryQueues, TemporaryQueuesBuilder};
use sqs_virtual_queues::VirtualQueues;

use crate::InvalidOption;

const RETENTION: RangeInclusive<Duration> = MIN_RETENTION..=MAX_RETENTION;

/// Sets one option of the builder.
type Change = Box<dyn FnOnce(TemporaryQueuesBuilder) -> TemporaryQueuesBuilder>;

/// The options of a reply queue that the requester makes. `None` means the default of [`TemporaryQueuesBuilder`].
#[derive(Clone)]
pub(crate) struct HostOptions {
    pub(crate) prefix: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) kms_key: Option<String>,
    pub(crate) policy: Option<String>,
    /// How long SQS keeps a reply.
    pub(crate) retention: Duration,
    pub(crate) lease_retention: Option<Duration>,
    pub(crate) watch_period: Option<Duration>,
    pub(crate) watch: bool,
    pub(crate) idle_time: Option<Duration>,
    pub(crate) new_host_wait: Option<Duration>,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            prefix: None,
            tags: Vec::new(),
            kms_key: None,
            policy: None,
            retention: Duration::from_secs(300),
            lease_retention: None,
            watch_period: None,
            watch: true,
            idle_time: None,
            new_host_wait: None,
        }
    }
}

impl HostOptions {
    /// Checks all options, and makes the handle of the temporary queues. Makes no call to SQS.
    pub(crate) fn build(&self, queues: &VirtualQueues) -> Result<TemporaryQueues, InvalidOption> {
        InvalidOption::unless_within("reply_retention", &self.retention, &RETENTION)?;
        type Builder = TemporaryQueuesBuilder;
        let mut builder = TemporaryQueues::builder(queues)
            .message_retention(self.retention)
            .watch(self.watch);
        for (key, value) in &self.tags {
            builder = builder.tag(key, value);
        }
        let texts = [
            self.prefix
                .clone()
                .map(|prefix| change(|b: Builder| b.prefix(prefix))),
            self.kms_key
                .clone()
                .map(|key| change(|b: Builder| b.kms_key(key))),
            self.policy
                .clone()
                .map(|policy| change(|b: Builder| b.policy(policy))),
        ];
        let times = [
            self.lease_retention
                .map(|time| change(move |b: Builder| b.lease_retention(time))),
            self.watch_period
                .map(|time| change(move |b: Builder| b.watch_period(time))),
            self.idle_time
                .map(|time| change(move |b: Builder| b.idle_time(time))),
            self.new_host_wait
                .map(|time| change(move |b: Builder| b.new_host_wait(time))),
        ];
        let changes = texts.into_iter().chain(times).flatten();
        changes
            .fold(builder, |builder, change| change(builder))
            .build()
    }
}

fn change(
    change: impl FnOnce(TemporaryQueuesBuilder) -> TemporaryQueuesBuilder + 'static,
) -> Change {
    Box::new(change)
}

/// Leaves out the policy, because it names accounts and roles.
impl fmt::Debug for HostOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostOptions")
            .field("prefix", &self.prefix)
            .field("retention", &self.retention)
            .field("lease_retention", &self.lease_retention)
            .field("watch_period", &self.watch_period)
            .field("watch", &self.watch)
            .field("idle_time", &self.idle_time)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(set: impl FnOnce(&mut HostOptions)) -> String {
        let local = local_sqs::LocalSqs::start();
        let queues = VirtualQueues::builder(local.client()).build().unwrap();
        let mut options = HostOptions::default();
        set(&mut options);
        let built = options.build(&queues);
        built.map_or_else(|error| error.to_string(), |_| "allowed".to_owned())
    }

    #[test]
    fn each_option_reaches_the_hosts_and_is_checked() {
        let minute = Duration::from_secs(60);
        let ms = Duration::from_millis(1);
        assert_eq!(refused(|_| {}), "allowed");
        assert_eq!(refused(|o| o.retention = minute), "allowed");
        assert_eq!(
            refused(|o| o.retention = minute - ms),
            "reply_retention is 59.999s: 60s to 1209600s is allowed"
        );
        assert_eq!(
            refused(|o| o.lease_retention = Some(minute - ms)),
            "lease_retention is 59.999s: 60s to 43200s is allowed"
        );
        assert_eq!(
            refused(|o| o.watch_period = Some(43_201 * minute / 60)),
            "watch_period is 43201s: 60s to 43200s is allowed"
        );
        assert_eq!(
            refused(|o| o.idle_time = Some(ms)),
            "idle_time is 1ms: 60s to 604800s is allowed"
        );
        assert_eq!(
            refused(|o| o.new_host_wait = Some(Duration::ZERO)),
            "allowed"
        );
        assert_eq!(
            refused(|o| o.new_host_wait = Some(minute + ms)),
            "new_host_wait is 60.001s: 0ns to 60s is allowed"
        );
        assert_eq!(
            refused(|o| o.kms_key = Some(String::new())),
            "kms_key is empty: a key id, alias or ARN is allowed"
        );
        assert_eq!(
            refused(|o| o.policy = Some(String::new())),
            "policy is empty: a JSON document is allowed"
        );
        assert!(refused(|o| o.prefix = Some("a.b".to_owned())).starts_with("prefix is \"a.b\""));
        let tags = (0..41).map(|i| (format!("tag{i}"), String::new()));
        assert_eq!(
            refused(|o| o.tags = tags.collect()),
            "tag is given 41 times: up to 40 times is allowed"
        );
    }
}
