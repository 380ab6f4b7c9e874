//! `AddPermission` and `RemovePermission`, and the permissions of other accounts in a queue's policy.
//!
//! Reads and writes the queue's `Policy`. Supports actions, and accounts as principals, but no conditions: a statement
//! with conditions allows nothing here.

use super::api::{Action, Output, Request, requests};
use super::error::ErrorKind;
use super::name::QueueName;
use super::{Caller, Engine, SqsError};
use serde_json::{Value, json};

/// The maximum number of actions in a statement of an SQS policy.
const MOST_ACTIONS: usize = 7;

/// Actions that only the owner of a queue may use, whatever the policy says.
const OWNERS_ONLY: [Action; 12] = [
    Action::AddPermission,
    Action::CancelMessageMoveTask,
    Action::CreateQueue,
    Action::DeleteQueue,
    Action::ListMessageMoveTasks,
    Action::ListQueueTags,
    Action::ListQueues,
    Action::RemovePermission,
    Action::SetQueueAttributes,
    Action::StartMessageMoveTask,
    Action::TagQueue,
    Action::UntagQueue,
];

impl Engine {
    /// Checks whether the caller has permission for a request to another account's queue. Its own queues need no
    /// permission from the policy.
    pub(super) fn check_owner(&self, caller: &Caller, request: &Request) -> Result<(), SqsError> {
        let action = request.action();
        let name = match request {
            Request::GetQueueUrl(request) => {
                let owner = request
                    .queue_owner_aws_account_id
                    .as_deref()
                    .unwrap_or(&caller.account);
                QueueName {
                    account: owner.into(),
                    ..QueueName::of(caller, request.queue_name.as_deref().unwrap_or_default())
                }
            }
            request => match request
                .queue_url()
                .map(|url| QueueName::from_url(caller, url))
            {
                Some(Ok(name)) => name,
                // The action itself reports the error.
                Some(Err(_)) | None => return Ok(()),
            },
        };
        if name.account == caller.account {
            return Ok(());
        }
        let Some(queue) = self.by_name.get(&name).and_then(|id| self.queues.get(id)) else {
            return Err(SqsError::no_such_queue());
        };
        let policy = queue.settings.policy();
        if allows(policy.as_ref(), &caller.account, action) {
            return Ok(());
        }
        Err(SqsError::access_denied(caller, action.name(), &name.arn()))
    }

    pub(super) fn add_permission(
        &mut self,
        caller: &Caller,
        request: requests::AddPermission,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let label = checked_label(request.label)?;
        let accounts = request.aws_account_ids.filter(|list| !list.is_empty());
        let accounts = accounts.ok_or_else(|| SqsError::missing("AWSAccountIds"))?;
        let actions = request.actions.filter(|list| !list.is_empty());
        let actions = checked_actions(&actions.ok_or_else(|| SqsError::missing("Actions"))?)?;

        let now = self.now;
        let queue = self.queue_mut(id)?;
        let arn = queue.name.arn();
        let mut policy = queue.settings.policy().unwrap_or_else(|| {
            json!({ "Version": "2008-10-17", "Id": format!("{arn}/SQSDefaultPolicy"), "Statement": [] })
        });
        if statements(&policy).any(|statement| statement["Sid"] == label) {
            return Err(SqsError::invalid_value(label, "Label", "Already exists."));
        }
        let principals: Vec<_> = accounts
            .iter()
            .map(|account| format!("arn:aws:iam::{account}:root"))
            .collect();
        let statement = json!({
            "Sid": label,
            "Effect": "Allow",
            "Principal": { "AWS": one_or_many(&principals) },
            "Action": one_or_many(&actions),
            "Resource": arn,
        });
        match &mut policy["Statement"] {
            Value::Array(statements) => statements.push(statement),
            // A single statement may stand without a list.
            alone @ Value::Object(_) => *alone = json!([alone.take(), statement]),
            none => *none = json!([statement]),
        }
        queue.settings.replace_policy(Some(&policy));
        queue.modified = now;
        Ok(Output::EMPTY)
    }

    pub(super) fn remove_permission(
        &mut self,
        caller: &Caller,
        request: requests::RemovePermission,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let label = checked_label(request.label)?;
        let now = self.now;
        let queue = self.queue_mut(id)?;
        let mut policy = queue.settings.policy().unwrap_or_default();
        let left: Vec<_> = statements(&policy)
            .filter(|statement| statement["Sid"] != label)
            .cloned()
            .collect();
        if left.len() == statements(&policy).count() {
            return Err(SqsError::invalid_value(label, "Label", "can't find label."));
        }
        let empty = left.is_empty();
        policy["Statement"] = Value::Array(left);
        queue
            .settings
            .replace_policy(Some(&policy).filter(|_| !empty));
        queue.modified = now;
        Ok(Output::EMPTY)
    }
}

/// Whether a policy allows the action to another account.
pub(super) fn allows(policy: Option<&Value>, account: &str, action: Action) -> bool {
    let Some(policy) = policy else { return false };
    if OWNERS_ONLY.contains(&action) {
        return false;
    }
    let matching = |effect: &'static str| {
        statements(policy).any(|statement| {
            statement["Effect"] == effect
                && (statement.get("Condition").is_none() || effect == "Deny")
                && names_account(&statement["Principal"], account)
                && names_action(&statement["Action"], action)
        })
    };
    matching("Allow") && !matching("Deny")
}

fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    many(&policy["Statement"])
}

/// The elements of a list, or a single value in place of a list.
fn many(value: &Value) -> impl Iterator<Item = &Value> {
    let (list, one) = match value {
        Value::Array(list) => (list.as_slice(), None),
        Value::Null => (&[][..], None),
        one => (&[][..], Some(one)),
    };
    list.iter().chain(one)
}

fn one_or_many(list: &[String]) -> Value {
    match list {
        [one] => json!(one),
        list => json!(list),
    }
}

fn names_account(principal: &Value, account: &str) -> bool {
    let named = |text: &str| {
        text == "*"
            || text == account
            || text
                .strip_prefix("arn:aws:iam::")
                .and_then(|it| it.strip_suffix(":root"))
                == Some(account)
    };
    *principal == "*" || many(&principal["AWS"]).filter_map(Value::as_str).any(named)
}

fn names_action(actions: &Value, action: Action) -> bool {
    // The permission for an action of a single message includes its batch action.
    let name = action.name().trim_end_matches("Batch");
    many(actions).filter_map(Value::as_str).any(|text| {
        let short = text
            .get(..4)
            .filter(|it| it.eq_ignore_ascii_case("sqs:"))
            .map_or(text, |_| &text[4..]);
        short == "*"
            || short.eq_ignore_ascii_case(name)
            || short.eq_ignore_ascii_case(action.name())
    })
}

fn checked_label(label: Option<String>) -> Result<String, SqsError> {
    let label = label
        .filter(|label| !label.is_empty())
        .ok_or_else(|| SqsError::missing("Label"))?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if label.len() > 80 || !label.bytes().all(allowed) {
        let reason =
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(SqsError::invalid_value(label, "Label", reason));
    }
    Ok(label)
}

/// The actions with the names of a policy.
fn checked_actions(actions: &[String]) -> Result<Vec<String>, SqsError> {
    if actions.len() > MOST_ACTIONS {
        let text = format!(
            "{} Actions were found, maximum allowed is {MOST_ACTIONS}.",
            actions.len()
        );
        return Err(SqsError::new(ErrorKind::OverLimit, text));
    }
    let checked = |name: &String| match Action::from_name(name) {
        Some(action) if OWNERS_ONLY.contains(&action) => {
            let reason = "Only the queue owner is allowed to invoke this action.";
            Err(SqsError::invalid_value(
                format!("SQS:{name}"),
                "ActionName",
                reason,
            ))
        }
        None if name != "*" => {
            let reason = "Please refer to the API reference for the supported actions.";
            Err(SqsError::invalid_value(
                format!("SQS:{name}"),
                "ActionName",
                reason,
            ))
        }
        _ => Ok(format!("SQS:{name}")),
    };
    actions.iter().map(checked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_allows_its_actions_to_its_principals() {
        let policy = json!({ "Statement": {
            "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111111111111:root" }, "Action": ["SQS:SendMessage"]
        } });
        let allows = |account, action| allows(Some(&policy), account, action);
        assert!(allows("111111111111", Action::SendMessage));
        assert!(allows("111111111111", Action::SendMessageBatch));
        assert!(!allows("111111111111", Action::ReceiveMessage));
        assert!(!allows("222222222222", Action::SendMessage));
    }

    #[test]
    fn a_policy_cannot_allow_actions_of_the_owner() {
        let policy =
            json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "*" }] });
        assert!(allows(Some(&policy), "1", Action::PurgeQueue));
        for action in OWNERS_ONLY {
            assert!(!allows(Some(&policy), "1", action), "{action}");
        }
    }

    #[test]
    fn a_deny_takes_precedence_and_conditions_allow_nothing() {
        let allow = json!({ "Effect": "Allow", "Principal": "*", "Action": "sqs:*" });
        let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage" });
        let mut conditional = allow.clone();
        conditional["Condition"] = json!({ "Bool": { "aws:SecureTransport": "true" } });
        assert!(!allows(
            Some(&json!({ "Statement": [allow, deny] })),
            "1",
            Action::SendMessage
        ));
        assert!(!allows(
            Some(&json!({ "Statement": [conditional] })),
            "1",
            Action::SendMessage
        ));
    }
}
