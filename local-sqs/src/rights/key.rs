//! Access keys and their rules.

use crate::engine::Action;
use std::fmt;
use std::sync::Arc;

/// An access key with its permissions: none, until [`allow`](Self::allow) adds some.
///
/// If a [`LocalSqs`](crate::LocalSqs) has at least one key, every request must be signed with one of its keys. The age
/// of a signature is not checked, so that tests can pause the clock.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use aws_sdk_sqs::config::Credentials;
/// use aws_sdk_sqs::error::ProvideErrorMetadata as _;
/// use local_sqs::engine::Action;
/// use local_sqs::{AccessKey, LocalSqs};
///
/// let sqs = LocalSqs::builder()
///     .access_key(AccessKey::new("AKIDSENDER", "secret").allow([Action::SendMessage], "jobs-*"))
///     .build();
/// let url = sqs.create_queue("jobs-1").await?;
///
/// let key = Credentials::new("AKIDSENDER", "secret", None, None, "example");
/// let client = aws_sdk_sqs::Client::from_conf(sqs.sdk_config().credentials_provider(key).build());
/// client.send_message().queue_url(&url).message_body("x").send().await?;
/// let error = client.receive_message().queue_url(&url).send().await.expect_err("not allowed");
/// assert_eq!(error.code(), Some("AccessDenied"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct AccessKey {
    id: String,
    secret: String,
    account: Option<Arc<str>>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    /// `None`: all actions.
    actions: Option<Vec<Action>>,
    queues: String,
}

impl AccessKey {
    /// A key without permissions.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: secret.into(),
            account: None,
            rules: Vec::new(),
        }
    }

    /// The account of the key. Default: the account of [`Builder::account`](crate::Builder::account).
    pub fn account(mut self, account: impl Into<Arc<str>>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Allows actions on queues whose names match; `*` stands for any characters. The permission for an action of
    /// single messages includes its batch action, as in IAM. `ListQueues` and `CancelMessageMoveTask` need a rule for
    /// `*`; a `CreateQueue` with tags also needs `TagQueue`.
    pub fn allow(
        mut self,
        actions: impl IntoIterator<Item = Action>,
        queues: impl Into<String>,
    ) -> Self {
        self.rules.push(Rule {
            actions: Some(actions.into_iter().collect()),
            queues: queues.into(),
        });
        self
    }

    /// Allows all actions on all queues.
    pub fn allow_all(mut self) -> Self {
        self.rules.push(Rule {
            actions: None,
            queues: "*".to_owned(),
        });
        self
    }

    /// The id of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    pub(super) fn account_or(&self, default: &Arc<str>) -> Arc<str> {
        self.account.as_ref().unwrap_or(default).clone()
    }

    pub(super) fn allows(&self, action: Action, queue: &str) -> bool {
        let single = |action: Action| action.name().trim_end_matches("Batch");
        let named = |rule: &Rule| {
            let allowed =
                |actions: &Vec<Action>| actions.iter().any(|it| single(*it) == single(action));
            rule.actions.as_ref().is_none_or(allowed)
        };
        self.rules
            .iter()
            .any(|rule| named(rule) && matches(&rule.queues, queue))
    }
}

impl fmt::Debug for AccessKey {
    /// Does not show the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            secret: _,
            account,
            rules,
        } = self;
        f.debug_struct("AccessKey")
            .field("id", id)
            .field("account", account)
            .field("rules", rules)
            .finish_non_exhaustive()
    }
}

/// Whether a name matches a pattern with stars.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("jobs", "jobs", true),
            ("jobs", "jobs2", false),
            ("jobs-*", "jobs-", true),
            ("jobs-*", "jobs-1", true),
            ("jobs-*", "job", false),
            ("*", "", true),
            ("*", "x", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("*.fifo", "x.fifo", true),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let key = AccessKey::new("AKID", "swordfish");
        assert!(!format!("{key:?}").contains("swordfish"));
    }

    #[test]
    fn a_rule_for_a_single_action_includes_its_batch() {
        let key = AccessKey::new("AKID", "s").allow([Action::SendMessage], "*");
        assert!(key.allows(Action::SendMessageBatch, "q"));
        assert!(!key.allows(Action::DeleteMessageBatch, "q"));
    }
}
