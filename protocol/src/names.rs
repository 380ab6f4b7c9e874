//! The names of message attributes, queue attributes and tags that sqs-rpc and Java's client use.
//!
//! Owns the spelling and nothing else. Invariant: a constant here never changes, because peers of
//! other versions and Java peers read these names.

/// Message attribute (String) of a request: the queue URL that the reply goes to. Java's name.
pub const RESPONSE_QUEUE_URL: &str = "ResponseQueueUrl";

/// Message attribute (String) of every message on a host queue: the name of the virtual queue.
/// Java's name.
pub const VIRTUAL_QUEUE_NAME: &str = "__AmazonSQSVirtualQueuesClient.QueueName";

/// Message attribute (String) with our own [header](crate::Header).
pub const HEADER: &str = "SqsRpc";

/// Queue attribute that makes CreateQueue create a virtual queue: the URL of its host queue. Never
/// sent to SQS.
pub const HOST_QUEUE_URL: &str = "HostQueueUrl";

/// Queue attribute of a temporary queue: the number of seconds without use after which the queue is
/// deleted. Never sent to SQS.
pub const IDLE_RETENTION: &str = "IdleQueueRetentionPeriodSeconds";

/// Tag of a temporary host queue: its retention in seconds. Java's name, for Java's sweepers.
pub const LEASE_RETENTION_TAG: &str = "__IdleQueueRetentionPeriodSeconds";

/// Tag of a temporary host queue: its last heartbeat in ms since 1970. Java's name, for Java's
/// sweepers.
pub const LEASE_HEARTBEAT_TAG: &str = "__AmazonSQSIdleQueueDeletingClient.LastHeartbeatTimestamp";

/// Tag of a temporary host queue: our own lease. Our hosts decide by this tag whether a host is alive.
pub const LEASE_TAG: &str = "SqsRpcLease";

/// The default prefix of the names of our temporary host queues.
///
/// It differs from [`JAVA_HOST_PREFIX`], because Java's sweeper compares the clocks of different
/// machines. With the same prefix, a wrong clock in a Java process could delete our hosts.
pub const DEFAULT_HOST_PREFIX: &str = "sqs-rpc-";

/// The default prefix of the names of Java's temporary host queues.
pub const JAVA_HOST_PREFIX: &str = "__RequesterClientQueues__";

/// Whether a message attribute of this name belongs to the protocol, so that a user may not set it.
///
/// Reserved are [`RESPONSE_QUEUE_URL`] and all names that begin with [`HEADER`] or `__AmazonSQS`, so
/// that later versions and Java's client can add attributes.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::names;
///
/// assert!(names::is_reserved("ResponseQueueUrl"));
/// assert!(!names::is_reserved("tenant"));
/// ```
pub fn is_reserved(name: &str) -> bool {
    name == RESPONSE_QUEUE_URL || name.starts_with(HEADER) || name.starts_with("__AmazonSQS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_message_attributes_are_reserved_and_allowed_by_sqs() {
        for name in [RESPONSE_QUEUE_URL, VIRTUAL_QUEUE_NAME, HEADER] {
            assert!(is_reserved(name), "{name}");
            assert_eq!(crate::limits::check_attribute_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_of_users_are_not_reserved() {
        for name in ["tenant", "responsequeueurl", "QueueName", "X-SqsRpc", ""] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn our_prefix_is_not_within_javas_prefix() {
        assert!(!DEFAULT_HOST_PREFIX.starts_with(JAVA_HOST_PREFIX));
        assert!(!JAVA_HOST_PREFIX.starts_with(DEFAULT_HOST_PREFIX));
    }
}
