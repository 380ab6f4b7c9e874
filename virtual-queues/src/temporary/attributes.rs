//! The attributes of a host: queues with the same ones share it.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_sqs::types::QueueAttributeName;

use crate::InvalidOption;

/// The attributes that a host is made with, in order of name, so that equal sets are equal.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HostAttributes(BTreeMap<String, String>);

/// Why an attribute cannot be set on a temporary queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attribute {name} cannot be set on a temporary queue: {why}")]
pub struct InvalidAttribute {
    pub(super) name: String,
    pub(super) why: &'static str,
}

/// What a host can have.
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
    /// These, and what is given here instead.
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

    /// Refuses an empty key or policy: SQS would take it for none.
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

    /// All that CreateQueue is called with: SQS's own encryption, unless something else was said.
    pub(super) fn all(&self) -> impl Iterator<Item = (QueueAttributeName, String)> {
        let encrypted = ["KmsMasterKeyId", "SqsManagedSseEnabled"]
            .iter()
            .any(|name| self.0.contains_key(*name));
        let default = (!encrypted).then(|| ("SqsManagedSseEnabled".to_owned(), "true".to_owned()));
        // `FifoQueue=false` is refused by SQS.
        let given = self.0.clone().into_iter();
        let given = given.filter(|(name, value)| name != "FifoQueue" || value == "true");
        given
            .chain(default)
            .map(|(name, value)| (QueueAttributeName::from(name.as_str()), value))
    }
}

/// A policy names accounts and roles: not for logs.
impl fmt::Debug for HostAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn check(name: &str) -> Result<(), InvalidAttribute> {
    let why = match name {
        name if ALLOWED.contains(&name) => return Ok(()),
        "RedrivePolicy" => {
            "its host is shared, and a dead-letter queue does not know whose message it has"
        }
        "RedriveAllowPolicy" => "nothing can be moved to it",
        "HostQueueUrl" => "its host is made for it",
        "QueueArn" | "CreatedTimestamp" | "LastModifiedTimestamp" | "All" => "it can only be read",
        name if name.starts_with("ApproximateNumberOf") => "it can only be read",
        _ => "it is not known",
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
    fn hosts_are_encrypted_unless_something_else_is_said() {
        let none = HostAttributes::default();
        assert_eq!(all(&none), ["SqsManagedSseEnabled=true"]);
        let own = none.with([("KmsMasterKeyId", "alias/k")]).unwrap();
        assert_eq!(all(&own), ["KmsMasterKeyId=alias/k"]);
        let off = none.with([("SqsManagedSseEnabled", "false")]).unwrap();
        assert_eq!(all(&off), ["SqsManagedSseEnabled=false"]);
    }

    #[test]
    fn equal_sets_are_equal_in_whatever_order_they_are_given() {
        let none = HostAttributes::default();
        let one = none.with([("DelaySeconds", "1"), ("VisibilityTimeout", "5")]);
        let other = none.with([("VisibilityTimeout", "5"), ("DelaySeconds", "1")]);
        assert_eq!(one, other);
        assert_ne!(one.unwrap(), none);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
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
    fn a_queue_that_is_no_fifo_queue_may_say_so() {
        let said = HostAttributes::default()
            .with([("FifoQueue", "false")])
            .unwrap();
        assert!(!said.is_fifo());
        assert_eq!(all(&said), ["SqsManagedSseEnabled=true"]);
    }
}
