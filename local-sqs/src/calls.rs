//! Counts API calls.

use crate::engine::Action;
use std::collections::BTreeMap;
use std::fmt;

/// The number of calls of each action, including failed calls.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sqs = local_sqs::LocalSqs::start();
/// let queue = sqs.create_queue("jobs").await?;
/// let before = sqs.calls();
///
/// let client = sqs.client();
/// client.send_message().queue_url(&queue).message_body("one").send().await?;
/// client.send_message().queue_url(&queue).message_body("two").send().await?;
/// client.receive_message().queue_url(&queue).send().await?;
///
/// let calls = sqs.calls().since(&before);
/// assert_eq!(calls.of("SendMessage"), 2);
/// assert_eq!(calls.total(), 3);
/// assert_eq!(calls.to_string(), "SendMessage 2, ReceiveMessage 1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    counts: BTreeMap<Action, u64>,
}

impl Calls {
    /// The number of calls of one action, by its name in the API; zero for an unknown name.
    pub fn of(&self, action: &str) -> u64 {
        Action::from_name(action)
            .and_then(|action| self.counts.get(&action))
            .copied()
            .unwrap_or(0)
    }

    /// The number of calls of all actions.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The calls since an earlier count.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |action| earlier.counts.get(action).copied().unwrap_or(0);
        let counts = self
            .counts
            .iter()
            .map(|(action, count)| (*action, count.saturating_sub(before(action))));
        Self {
            counts: counts.filter(|&(_, count)| count > 0).collect(),
        }
    }

    /// Each called action with its count, in order of the actions' names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts
            .iter()
            .map(|(action, &count)| (action.name(), count))
    }

    pub(crate) fn add(&mut self, action: Action) {
        *self.counts.entry(action).or_default() += 1;
    }
}

impl fmt::Display for Calls {
    /// The most frequent action first; `none` without calls.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: Vec<_> = self.iter().collect();
        counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        if counts.is_empty() {
            return f.write_str("none");
        }
        for (place, (action, count)) in counts.into_iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{action} {count}")?;
        }
        Ok(())
    }
}
