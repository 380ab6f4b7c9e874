//! The queues that exist from the start.
//!
//! Owns the syntax of a queue on the command line, and the rules for all queues together. The engine checks the rules
//! of SQS itself, so they are not repeated here.

use std::collections::BTreeMap;

use local_sqs::LocalSqs;
use local_sqs::engine::{Action, SETTABLE_ATTRIBUTES};
use serde_json::{Value, json};

/// The name of another given queue, for messages that were received too often.
pub(super) const DEAD_LETTER_QUEUE: &str = "DeadLetterQueue";
/// How often a message is received before it is moved to the dead-letter queue.
pub(super) const MAX_RECEIVE_COUNT: &str = "MaxReceiveCount";
const REDRIVE_POLICY: &str = "RedrivePolicy";
/// The key of a queue's tags in a file.
pub(super) const TAGS: &str = "Tags";

/// A queue to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueSpec {
    pub(super) name: String,
    /// Attributes of SQS, [`DEAD_LETTER_QUEUE`] and [`MAX_RECEIVE_COUNT`].
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    /// The place where the queue was given, for errors.
    pub(super) origin: String,
}

/// Reads `NAME,ATTRIBUTE=VALUE,...`.
pub(super) fn parse(text: &str) -> Result<QueueSpec, String> {
    let mut parts = text.split(',');
    let name = parts.next().unwrap_or_default();
    let mut queue = QueueSpec {
        name: name.to_owned(),
        attributes: BTreeMap::new(),
        tags: BTreeMap::new(),
        origin: format!("--queue {text}"),
    };
    for part in parts {
        let Some((attribute, value)) = part.split_once('=') else {
            return Err(format!(
                "expected ATTRIBUTE=VALUE after the comma, found {part:?} (put JSON into a file for --config)"
            ));
        };
        check_attribute(attribute)?;
        let before = queue
            .attributes
            .insert(attribute.to_owned(), value.to_owned());
        if before.is_some() {
            return Err(format!("attribute {attribute} is given more than once"));
        }
    }
    Ok(queue)
}

/// Whether a queue can have an attribute of this name.
pub(super) fn is_attribute(name: &str) -> bool {
    [DEAD_LETTER_QUEUE, MAX_RECEIVE_COUNT].contains(&name) || SETTABLE_ATTRIBUTES.contains(&name)
}

/// The names of all attributes that a queue can have, for errors.
pub(super) fn attribute_names() -> String {
    let names = SETTABLE_ATTRIBUTES.join(", ");
    format!("{names}, {DEAD_LETTER_QUEUE} and {MAX_RECEIVE_COUNT}")
}

fn check_attribute(name: &str) -> Result<(), String> {
    if is_attribute(name) {
        return Ok(());
    }
    let names = attribute_names();
    let hint = if name == TAGS {
        " (put tags into a file for --config)"
    } else {
        ""
    };
    Err(format!(
        "expected one of the attributes {names}, found {name:?}{hint}"
    ))
}

/// Checks the rules for all queues together.
pub(super) fn check(queues: &[QueueSpec]) -> Result<(), String> {
    let mut seen: BTreeMap<&str, &QueueSpec> = BTreeMap::new();
    for queue in queues {
        if queue.name.is_empty() {
            return Err(format!("{}: expected a name, found none", queue.origin));
        }
        if let Some(before) = seen.insert(&queue.name, queue) {
            return Err(format!(
                "queue {:?} is given more than once: {} and {}",
                queue.name, before.origin, queue.origin
            ));
        }
    }
    for queue in queues {
        let given = |name: &str| queue.attributes.get(name);
        let refuse = |text: String| Err(format!("{}: {text}", queue.origin));
        let target = match (given(DEAD_LETTER_QUEUE), given(MAX_RECEIVE_COUNT)) {
            (None, None) => continue,
            (Some(target), Some(_)) => target,
            (Some(_), None) => {
                return refuse(format!(
                    "expected {MAX_RECEIVE_COUNT} together with {DEAD_LETTER_QUEUE}, found none"
                ));
            }
            (None, Some(_)) => {
                return refuse(format!(
                    "expected {DEAD_LETTER_QUEUE} together with {MAX_RECEIVE_COUNT}, found none"
                ));
            }
        };
        if given(REDRIVE_POLICY).is_some() {
            return refuse(format!(
                "expected either {DEAD_LETTER_QUEUE} or {REDRIVE_POLICY}, found both"
            ));
        }
        if !seen.contains_key(target.as_str()) {
            let known: Vec<_> = seen.keys().copied().collect();
            return refuse(format!(
                "expected one of the given queues ({}) as {DEAD_LETTER_QUEUE}, found {target:?}",
                known.join(", ")
            ));
        }
    }
    Ok(())
}

/// Creates the queues that [`check`] has accepted.
pub(super) async fn create(
    sqs: &LocalSqs,
    region: &str,
    account: &str,
    queues: &[QueueSpec],
) -> Result<(), String> {
    let call = async |queue: &QueueSpec, action: Action, members: Value| {
        let refused = |error: String| format!("{}: {error}", queue.origin);
        let request = action
            .decode(members)
            .map_err(|error: serde_json::Error| refused(error.to_string()))?;
        let answer = sqs.call(request).await;
        answer.map_err(|error| refused(error.to_string()))
    };
    for queue in queues {
        let mut attributes = queue.attributes.clone();
        attributes.retain(|name, _| {
            ![DEAD_LETTER_QUEUE, MAX_RECEIVE_COUNT, REDRIVE_POLICY].contains(&name.as_str())
        });
        if queue.name.ends_with(".fifo") {
            attributes
                .entry("FifoQueue".to_owned())
                .or_insert_with(|| "true".to_owned());
        }
        let members =
            json!({ "QueueName": queue.name, "Attributes": attributes, "tags": queue.tags });
        call(queue, Action::CreateQueue, members).await?;
    }
    // Redrive policies are set after all queues are created, because a dead-letter queue must exist first.
    for queue in queues {
        let given = |name: &str| queue.attributes.get(name);
        let policy = match (given(DEAD_LETTER_QUEUE), given(MAX_RECEIVE_COUNT)) {
            (Some(target), Some(count)) => json!({
                "deadLetterTargetArn": format!("arn:aws:sqs:{region}:{account}:{target}"),
                "maxReceiveCount": count,
            })
            .to_string(),
            _ => match given(REDRIVE_POLICY) {
                Some(policy) => policy.clone(),
                None => continue,
            },
        };
        let members = json!({
            "QueueUrl": format!("{account}/{}", queue.name),
            "Attributes": { REDRIVE_POLICY: policy },
        });
        call(queue, Action::SetQueueAttributes, members).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Result<Vec<QueueSpec>, String> {
        let queues: Vec<_> = texts.iter().map(|text| parse(text).unwrap()).collect();
        check(&queues).map(|()| queues)
    }

    #[test]
    fn attributes_follow_the_name() {
        let queue = parse("jobs,VisibilityTimeout=10,Policy=a=b").unwrap();
        assert_eq!(queue.name, "jobs");
        assert_eq!(queue.attributes["VisibilityTimeout"], "10");
        assert_eq!(queue.attributes["Policy"], "a=b");
        for (text, part) in [
            ("jobs,Delay=1", "found \"Delay\""),
            ("jobs,Tags=a", "found \"Tags\" (put tags into a file"),
            ("jobs,DelaySeconds", "found \"DelaySeconds\""),
            ("jobs,DelaySeconds=1,DelaySeconds=2", "more than once"),
            ("jobs,", "found \"\""),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn queues_are_checked_together() {
        let dead = "jobs,DeadLetterQueue=dead,MaxReceiveCount=3";
        assert!(all(&[dead, "dead"]).is_ok());
        for (texts, part) in [
            (&[""][..], "expected a name"),
            (&["a", "a"], "queue \"a\" is given more than once"),
            (&[dead, "other"], "(jobs, other)"),
            (&["a,DeadLetterQueue=b", "b"], "expected MaxReceiveCount"),
            (&["a,MaxReceiveCount=3"], "expected DeadLetterQueue"),
            (
                &["a,DeadLetterQueue=b,MaxReceiveCount=3,RedrivePolicy=", "b"],
                "found both",
            ),
        ] {
            let error = all(texts).unwrap_err();
            assert!(error.contains(part), "{texts:?}: {error}");
        }
    }

    async fn made(texts: &[&str]) -> Result<LocalSqs, String> {
        let sqs = LocalSqs::builder()
            .account("111122223333")
            .region("eu-west-1")
            .build();
        let queues = all(texts)?;
        create(&sqs, "eu-west-1", "111122223333", &queues).await?;
        Ok(sqs)
    }

    #[tokio::test]
    async fn dead_letter_queues_may_come_later_and_form_a_circle() {
        let sqs = made(&[
            "a,DeadLetterQueue=b,MaxReceiveCount=3",
            "b,DeadLetterQueue=a,MaxReceiveCount=1000,VisibilityTimeout=7",
        ])
        .await
        .unwrap();
        let attributes = sqs
            .client()
            .get_queue_attributes()
            .queue_url("b")
            .attribute_names("All".into())
            .send()
            .await
            .unwrap()
            .attributes
            .unwrap();
        let of = |name: &str| &attributes[&name.into()];
        assert_eq!(of("VisibilityTimeout"), "7");
        assert!(of("RedrivePolicy").contains("arn:aws:sqs:eu-west-1:111122223333:a"));
    }

    #[tokio::test]
    async fn errors_of_sqs_are_reported_with_the_queue() {
        for (texts, part) in [
            (&["a b"][..], "--queue a b: "),
            (
                &["a,VisibilityTimeout=99999"],
                "from 0 to 43200, found \"99999\"",
            ),
            (&["a,DeadLetterQueue=a,MaxReceiveCount=3"], "itself"),
            (&["a,DeadLetterQueue=b,MaxReceiveCount=0", "b"], "1 to 1000"),
            (
                &["a,DeadLetterQueue=b.fifo,MaxReceiveCount=3", "b.fifo"],
                "same type",
            ),
        ] {
            let error = made(texts).await.unwrap_err();
            assert!(error.contains(part), "{texts:?}: {error}");
        }
    }
}
