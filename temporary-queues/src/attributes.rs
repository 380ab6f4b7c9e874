//! The attributes of a host. Queues with the same attributes share a host.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_sqs::types::QueueAttributeName;
use sqs_rpc_transport::InvalidOption;

/// The attributes that a host is created with, sorted by name, so that the order in which they were given does not matter.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HostAttributes(BTreeMap<String, String>);

/// Why an attribute cannot be set on a temporary queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attribute {name} cannot be set on a temporary queue: {why}")]
pub struct InvalidAttribute {
    pub(super) name: String,
    pub(super) why: &'static str,
}

/// The attributes that a host can have.
const ALLOWED: &[&str] = &[
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "ReceiveMessageWaitTimeSeconds",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

impl InvalidAttribute {
    /// The attribute's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl HostAttributes {
    /// A copy of these attributes in which the `given` ones are added or replaced.
    pub(super) fn with<'a>(
        &self,
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, InvalidAttribute> {
        let mut all = self.clone();
        for (name, value) in given {
            check(name)?;
            all.0.insert(name.to_owned(), value.to_owned());
        }
        Ok(all)
    }

    pub(super) fn set(&mut self, name: &QueueAttributeName, value: String) {
        self.0.insert(name.as_str().to_owned(), value);
    }

    /// Refuses an empty key or policy, because SQS would read it as "none".
    pub(super) fn check_defaults(&self) -> Result<(), InvalidOption> {
        let is_empty = |name: &str| self.0.get(name).is_some_and(String::is_empty);
        if is_empty("KmsMasterKeyId") {
            let allowed = "a key id, alias or ARN";
            return Err(InvalidOption::new("kms_key", "empty", allowed));
        }
        if is_empty("Policy") {
            return Err(InvalidOption::new("policy", "empty", "a JSON document"));
        }
        Ok(())
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.0.get("FifoQueue").is_some_and(|value| value == "true")
    }

    /// All attributes for CreateQueue. Encryption is SQS's own unless another was set.
    pub(super) fn all(&self) -> impl Iterator<Item = (QueueAttributeName, String)> {
        let encrypted = ["KmsMasterKeyId", "SqsManagedSseEnabled"]
            .iter()
            .any(|name| self.0.contains_key(*name));
        let default = (!encrypted).then(|| ("SqsManagedSseEnabled".to_owned(), "true".to_owned()));
        // SQS refuses `FifoQueue=false`.
        let given = self.0.clone().into_iter();
        let given = given.filter(|(name, value)| name != "FifoQueue" || value == "true");
        given
            .chain(default)
            .map(|(name, value)| (QueueAttributeName::from(name.as_str()), value))
    }
}

/// Prints no values, because a policy names accounts and roles, which do not belong in logs.
impl fmt::Debug for HostAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn check(name: &str) -> Result<(), InvalidAttribute> {
    let why = match name {
        name if ALLOWED.contains(&name) => return Ok(()),
        "RedrivePolicy" => {
            "virtual queues share the host, and a dead-letter queue cannot tell their messages apart"
        }
        "RedriveAllowPolicy" => "a temporary queue cannot be a dead-letter queue",
        "HostQueueUrl" => "the host of a temporary queue is created automatically",
        "QueueArn" | "CreatedTimestamp" | "LastModifiedTimestamp" | "All" => {
            "the attribute is read-only"
        }
        name if name.starts_with("ApproximateNumberOf") => "the attribute is read-only",
        _ => "the attribute is unknown",
    };
    Err(InvalidAttribute {
        name: name.to_owned(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(attributes: &HostAttributes) -> Vec<String> {
        attributes
            .all()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn hosts_are_encrypted_by_sqs_unless_another_encryption_is_set() {
        let none = HostAttributes::default();
        assert_eq!(all(&none), ["SqsManagedSseEnabled=true"]);
        let own = none.with([("KmsMasterKeyId", "alias/k")]).unwrap();
        assert_eq!(all(&own), ["KmsMasterKeyId=alias/k"]);
        let off = none.with([("SqsManagedSseEnabled", "false")]).unwrap();
        assert_eq!(all(&off), ["SqsManagedSseEnabled=false"]);
    }

    #[test]
    fn sets_of_attributes_are_equal_in_any_order() {
        let none = HostAttributes::default();
        let one = none.with([("DelaySeconds", "1"), ("VisibilityTimeout", "5")]);
        let other = none.with([("VisibilityTimeout", "5"), ("DelaySeconds", "1")]);
        assert_eq!(one, other);
        assert_ne!(one.unwrap(), none);
    }

    #[test]
    fn attributes_that_cannot_be_set_are_refused_by_name() {
        for name in [
            "RedrivePolicy",
            "RedriveAllowPolicy",
            "HostQueueUrl",
            "QueueArn",
            "ApproximateNumberOfMessages",
            "All",
            "Colour",
        ] {
            let error = HostAttributes::default().with([(name, "x")]).unwrap_err();
            assert_eq!(error.name(), name);
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("attribute {name} cannot be set"))
            );
        }
    }

    #[test]
    fn fifo_queue_false_is_accepted_and_not_sent() {
        let said = HostAttributes::default()
            .with([("FifoQueue", "false")])
            .unwrap();
        assert!(!said.is_fifo());
        assert_eq!(all(&said), ["SqsManagedSseEnabled=true"]);
    }
}
