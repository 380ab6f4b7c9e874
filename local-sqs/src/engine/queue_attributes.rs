//! The attributes of a queue that can be set: their ranges, defaults and shown values.
//!
//! Knows no other queues: `queues.rs` checks whether a dead-letter queue exists. Ranges and defaults are from the API
//! reference, `SetQueueAttributes`.

use super::SqsError;
use super::error::ErrorKind;
use super::name::QueueName;
use serde_json::Value;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The values of a queue's attributes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct QueueAttributes {
    pub(super) fifo: bool,
    pub(super) delay_seconds: u32,
    pub(super) maximum_message_size: u32,
    pub(super) retention_seconds: u32,
    pub(super) receive_wait_seconds: u32,
    pub(super) visibility_seconds: u32,
    pub(super) redrive: Option<Redrive>,
    pub(super) redrive_allow: Option<RedriveAllow>,
    pub(super) content_based_deduplication: bool,
    pub(super) deduplicates_by_group: bool,
    policy: Option<String>,
    kms_key: Option<String>,
    kms_reuse_seconds: u32,
    sse_managed: bool,
    throughput_by_group: bool,
}

/// The dead-letter queue for messages that were received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redrive {
    /// The text as it was given, which is shown unchanged.
    raw: String,
    pub(super) target: QueueName,
    pub(super) max_receives: u32,
}

/// Which queues may use this queue as their dead-letter queue.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RedriveAllow {
    raw: Value,
    allowed: Allowed,
}

#[derive(Clone, Debug, PartialEq)]
enum Allowed {
    All,
    None,
    Queues(Vec<QueueName>),
}

impl RedriveAllow {
    pub(super) fn allows(&self, source: &QueueName) -> bool {
        match &self.allowed {
            Allowed::All => true,
            Allowed::None => false,
            Allowed::Queues(queues) => queues.contains(source),
        }
    }
}

/// Names of the attributes of a queue that can be set, in alphabetical order. Only FIFO queues have some of these
/// attributes.
pub const SETTABLE_ATTRIBUTES: [&str; 15] = [
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
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

impl QueueAttributes {
    pub(super) const fn new(fifo: bool) -> Self {
        Self {
            fifo,
            delay_seconds: 0,
            maximum_message_size: 1_048_576,
            retention_seconds: 345_600,
            receive_wait_seconds: 0,
            visibility_seconds: 30,
            redrive: None,
            redrive_allow: None,
            content_based_deduplication: false,
            deduplicates_by_group: false,
            policy: None,
            kms_key: None,
            kms_reuse_seconds: 300,
            sse_managed: true,
            throughput_by_group: false,
        }
    }

    /// Changes one attribute.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        match name {
            "DelaySeconds" => self.delay_seconds = number(name, value, 0..=900)?,
            "MaximumMessageSize" => {
                self.maximum_message_size = number(name, value, 1024..=1_048_576)?
            }
            "MessageRetentionPeriod" => {
                self.retention_seconds = number(name, value, 60..=1_209_600)?
            }
            "ReceiveMessageWaitTimeSeconds" => {
                self.receive_wait_seconds = number(name, value, 0..=20)?
            }
            "VisibilityTimeout" => self.visibility_seconds = number(name, value, 0..=43_200)?,
            "KmsDataKeyReusePeriodSeconds" => {
                self.kms_reuse_seconds = number(name, value, 60..=86_400)?
            }
            "KmsMasterKeyId" => {
                self.kms_key = (!value.is_empty()).then(|| value.to_owned());
                // The two kinds of encryption exclude each other; the kind that is set last is used.
                self.sse_managed &= self.kms_key.is_none();
            }
            "SqsManagedSseEnabled" => {
                self.sse_managed = boolean(name, value)?;
                if self.sse_managed {
                    self.kms_key = None;
                }
            }
            "Policy" => self.policy = policy(name, value)?,
            "RedrivePolicy" => self.redrive = redrive(value)?,
            "RedriveAllowPolicy" => self.redrive_allow = redrive_allow(value)?,
            "FifoQueue" if self.fifo && boolean(name, value)? => {}
            "FifoQueue" if self.fifo => {
                return Err(SqsError::new(
                    ErrorKind::InvalidAttributeValue,
                    "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
                ));
            }
            "ContentBasedDeduplication" if self.fifo => {
                self.content_based_deduplication = boolean(name, value)?
            }
            "DeduplicationScope" if self.fifo => {
                self.deduplicates_by_group = choice(name, value, "queue", "messageGroup")?;
            }
            "FifoThroughputLimit" if self.fifo => {
                self.throughput_by_group = choice(name, value, "perQueue", "perMessageGroupId")?;
            }
            "DeduplicationScope" | "FifoThroughputLimit" => {
                return Err(SqsError::new(
                    ErrorKind::InvalidAttributeName,
                    format!("You can specify the {name} only when FifoQueue is set to true."),
                ));
            }
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    /// Checks that the attributes are consistent, after all are set.
    pub(super) fn check(&self) -> Result<(), SqsError> {
        if self.throughput_by_group && !self.deduplicates_by_group {
            return Err(invalid("FifoThroughputLimit"));
        }
        Ok(())
    }

    /// Each attribute that has a value, by name.
    pub(super) fn shown(&self) -> impl Iterator<Item = (&'static str, String)> {
        SETTABLE_ATTRIBUTES
            .into_iter()
            .filter_map(|name| Some((name, self.show(name)?)))
    }

    /// Whether both have the same value for this attribute.
    pub(super) fn agrees(&self, other: &Self, name: &str) -> bool {
        match name {
            "RedriveAllowPolicy" => self.redrive_allow == other.redrive_allow,
            "Policy" => self.policy() == other.policy(),
            "RedrivePolicy" => {
                let what = |redrive: &Option<Redrive>| {
                    redrive.clone().map(|it| (it.target, it.max_receives))
                };
                what(&self.redrive) == what(&other.redrive)
            }
            _ => self.show(name) == other.show(name),
        }
    }

    pub(super) const fn retention(&self) -> Duration {
        Duration::from_secs(self.retention_seconds as u64)
    }

    pub(super) const fn has_kms_key(&self) -> bool {
        self.kms_key.is_some()
    }

    /// The queue's policy, parsed.
    pub(super) fn policy(&self) -> Option<Value> {
        serde_json::from_str(self.policy.as_deref()?).ok()
    }

    pub(super) fn replace_policy(&mut self, policy: Option<&Value>) {
        self.policy = policy.map(Value::to_string);
    }

    fn show(&self, name: &str) -> Option<String> {
        let in_fifo = |value: &str| self.fifo.then(|| value.to_owned());
        match name {
            "DelaySeconds" => Some(self.delay_seconds.to_string()),
            "MaximumMessageSize" => Some(self.maximum_message_size.to_string()),
            "MessageRetentionPeriod" => Some(self.retention_seconds.to_string()),
            "ReceiveMessageWaitTimeSeconds" => Some(self.receive_wait_seconds.to_string()),
            "VisibilityTimeout" => Some(self.visibility_seconds.to_string()),
            "KmsDataKeyReusePeriodSeconds" => self
                .kms_key
                .is_some()
                .then(|| self.kms_reuse_seconds.to_string()),
            "KmsMasterKeyId" => self.kms_key.clone(),
            "SqsManagedSseEnabled" => Some(self.sse_managed.to_string()),
            "Policy" => self.policy.clone(),
            "RedrivePolicy" => self.redrive.as_ref().map(|redrive| redrive.raw.clone()),
            "RedriveAllowPolicy" => self
                .redrive_allow
                .as_ref()
                .map(|allow| allow.raw.to_string()),
            "FifoQueue" => in_fifo("true"),
            "ContentBasedDeduplication" => in_fifo(if self.content_based_deduplication {
                "true"
            } else {
                "false"
            }),
            "DeduplicationScope" => in_fifo(if self.deduplicates_by_group {
                "messageGroup"
            } else {
                "queue"
            }),
            "FifoThroughputLimit" => in_fifo(if self.throughput_by_group {
                "perMessageGroupId"
            } else {
                "perQueue"
            }),
            _ => None,
        }
    }
}

/// Whether a settable attribute has this name.
pub(super) fn is_name(name: &str) -> bool {
    SETTABLE_ATTRIBUTES.contains(&name)
}

/// The error for an attribute that does not exist, or not for this type of queue.
pub(super) fn unknown(name: &str) -> SqsError {
    SqsError::new(
        ErrorKind::InvalidAttributeName,
        format!("Unknown Attribute {name}."),
    )
}

fn invalid(name: &str) -> SqsError {
    SqsError::new(
        ErrorKind::InvalidAttributeValue,
        format!("Invalid value for the parameter {name}."),
    )
}

/// As [`invalid`], with the expected value.
fn expected(name: &str, what: impl fmt::Display, found: &str) -> SqsError {
    SqsError::new(
        ErrorKind::InvalidAttributeValue,
        format!(
            "Invalid value for the parameter {name}. Reason: Expected {what}, found {found:?}."
        ),
    )
}

fn number(name: &str, value: &str, range: RangeInclusive<u32>) -> Result<u32, SqsError> {
    let (low, high) = (range.start(), range.end());
    value
        .parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            expected(
                name,
                format_args!("a whole number from {low} to {high}"),
                value,
            )
        })
}

fn boolean(name: &str, value: &str) -> Result<bool, SqsError> {
    // SQS accepts upper and lower case.
    value
        .to_ascii_lowercase()
        .parse()
        .map_err(|_| expected(name, "true or false", value))
}

/// Whether the value is the second of the two.
fn choice(name: &str, value: &str, first: &str, second: &str) -> Result<bool, SqsError> {
    if value == first {
        Ok(false)
    } else if value == second {
        Ok(true)
    } else {
        Err(expected(name, format_args!("{first} or {second}"), value))
    }
}

fn policy(name: &str, value: &str) -> Result<Option<String>, SqsError> {
    if value.is_empty() {
        return Ok(None);
    }
    match serde_json::from_str(value) {
        Ok(policy) if is_policy(&policy) => Ok(Some(value.to_owned())),
        _ => Err(invalid(name)),
    }
}

/// Whether a JSON value has the form of a queue's policy: a known version, if any, and statements with effect,
/// principal and action (IAM User Guide, "Grammar of the IAM JSON policy language").
fn is_policy(policy: &Value) -> bool {
    let version = policy.get("Version");
    let known = |version: &Value| *version == "2012-10-17" || *version == "2008-10-17";
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(statement) => std::slice::from_ref(statement),
        None => &[],
    };
    let is_statement = |statement: &Value| {
        let has_one_of = |names: [&str; 2]| names.iter().any(|name| statement.get(name).is_some());
        let effect = statement.get("Effect").and_then(Value::as_str);
        matches!(effect, Some("Allow" | "Deny"))
            && has_one_of(["Principal", "NotPrincipal"])
            && has_one_of(["Action", "NotAction"])
    };
    policy.is_object()
        && version.is_none_or(known)
        && !statements.is_empty()
        && statements.iter().all(is_statement)
}

fn redrive(value: &str) -> Result<Option<Redrive>, SqsError> {
    if value.is_empty() {
        return Ok(None);
    }
    let refuse = |reason: &str| SqsError::invalid_value(value, "RedrivePolicy", reason);
    let Ok(Value::Object(policy)) = serde_json::from_str(value) else {
        return Err(refuse("Redrive policy is not a valid JSON map."));
    };
    if let Some(extra) = policy
        .keys()
        .find(|key| !["deadLetterTargetArn", "maxReceiveCount"].contains(&key.as_str()))
    {
        return Err(refuse(&format!(
            "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount]; not {extra}."
        )));
    }
    let mandatory = |key: &str| {
        let missing = || {
            refuse(&format!(
                "Redrive policy does not contain mandatory attribute: {key}."
            ))
        };
        policy.get(key).ok_or_else(missing)
    };
    let target = mandatory("deadLetterTargetArn")?;
    let target = target
        .as_str()
        .and_then(QueueName::from_arn)
        .ok_or_else(|| refuse("Invalid value for deadLetterTargetArn."))?;
    // A number, or a string that contains a number: the Java client sends a string.
    let count = mandatory("maxReceiveCount")?;
    let parsed = count
        .as_u64()
        .or_else(|| count.as_str()?.parse().ok())
        .and_then(|count| u32::try_from(count).ok());
    let max_receives = parsed.filter(|count| (1..=1000).contains(count)).ok_or_else(|| {
        refuse(&format!("Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive."))
    })?;
    Ok(Some(Redrive {
        raw: value.to_owned(),
        target,
        max_receives,
    }))
}

fn redrive_allow(value: &str) -> Result<Option<RedriveAllow>, SqsError> {
    if value.is_empty() {
        return Ok(None);
    }
    let refuse = |reason: &str| SqsError::invalid_value(value, "RedriveAllowPolicy", reason);
    let raw: Value = serde_json::from_str(value)
        .map_err(|_| refuse("Redrive allow policy is not a valid JSON map."))?;
    let sources = raw.get("sourceQueueArns");
    let allowed = match (
        raw.get("redrivePermission").and_then(Value::as_str),
        sources,
    ) {
        (Some("allowAll"), None) => Allowed::All,
        (Some("denyAll"), None) => Allowed::None,
        (Some("byQueue"), Some(Value::Array(arns))) if (1..=10).contains(&arns.len()) => {
            let queues = arns
                .iter()
                .map(|arn| arn.as_str().and_then(QueueName::from_arn))
                .collect::<Option<_>>();
            Allowed::Queues(queues.ok_or_else(|| refuse("Invalid value for sourceQueueArns."))?)
        }
        _ => {
            return Err(refuse(
                "Amazon SQS can't create the redrive allow policy. Check its attributes.",
            ));
        }
    };
    Ok(Some(RedriveAllow { raw, allowed }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Result<QueueAttributes, ErrorKind> {
        let mut settings = QueueAttributes::new(false);
        settings
            .set(name, value)
            .map(|()| settings)
            .map_err(|error| error.kind())
    }

    #[test]
    fn numbers_have_the_ranges_of_the_api_reference() {
        for (name, low, high) in [
            ("DelaySeconds", 0, 900),
            ("MaximumMessageSize", 1024, 1_048_576),
            ("MessageRetentionPeriod", 60, 1_209_600),
            ("ReceiveMessageWaitTimeSeconds", 0, 20),
            ("VisibilityTimeout", 0, 43_200),
            ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
        ] {
            for inside in [low, high] {
                assert!(set(name, &inside.to_string()).is_ok(), "{name} {inside}");
            }
            for outside in [
                (low - 1).to_string(),
                (high + 1).to_string(),
                "x".into(),
                String::new(),
            ] {
                assert_eq!(
                    set(name, &outside),
                    Err(ErrorKind::InvalidAttributeValue),
                    "{name} {outside}"
                );
            }
        }
    }

    #[test]
    fn max_receive_count_is_a_number_or_a_string() {
        let arn = "arn:aws:sqs:us-east-1:000000000000:dead";
        for count in ["3", "\"3\""] {
            let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{count}}}"#);
            let redrive = set("RedrivePolicy", &policy)
                .expect("valid")
                .redrive
                .expect("set");
            assert_eq!(
                (redrive.max_receives, redrive.target.arn().as_str()),
                (3, arn)
            );
        }
        for count in ["0", "1001", "-1", "\"x\"", "null"] {
            let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{count}}}"#);
            assert_eq!(
                set("RedrivePolicy", &policy),
                Err(ErrorKind::InvalidParameterValueException),
                "{count}"
            );
        }
    }

    #[test]
    fn an_empty_policy_removes_the_policy() {
        let policy = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:*"}}"#;
        let mut settings = set("Policy", policy).expect("valid");
        settings.set("Policy", "").expect("valid");
        assert_eq!(settings, QueueAttributes::new(false));
    }

    #[test]
    fn a_malformed_policy_is_refused() {
        for policy in [
            "[]",
            "{}",
            "x",
            r#"{"Version":"2012-10-17"}"#,
            r#"{"Version":"2013-01-01","Statement":{"Effect":"Allow","Principal":"*","Action":"*"}}"#,
            r#"{"Statement":[]}"#,
            r#"{"Statement":{"Effect":"allow","Principal":"*","Action":"*"}}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"*"}]}"#,
        ] {
            let refused = set("Policy", policy).expect_err(policy);
            assert_eq!(refused, ErrorKind::InvalidAttributeValue, "{policy}");
        }
    }

    #[test]
    fn fifo_attributes_are_unknown_to_a_standard_queue() {
        for name in [
            "FifoQueue",
            "ContentBasedDeduplication",
            "DeduplicationScope",
            "FifoThroughputLimit",
            "Nonsense",
        ] {
            assert_eq!(
                set(name, "true"),
                Err(ErrorKind::InvalidAttributeName),
                "{name}"
            );
        }
    }

    #[test]
    fn the_two_kinds_of_encryption_exclude_each_other() {
        let mut settings = set("KmsMasterKeyId", "alias/aws/sqs").expect("valid");
        assert_eq!(
            settings.show("SqsManagedSseEnabled").as_deref(),
            Some("false")
        );
        settings.set("SqsManagedSseEnabled", "true").expect("valid");
        assert_eq!(settings.show("KmsMasterKeyId"), None);
    }
}
