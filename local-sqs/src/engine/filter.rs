//! The attributes that a receive asks for.

use super::SqsError;
use super::queue_attributes;
use std::collections::BTreeSet;

/// A selection of attributes by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    all: bool,
    names: BTreeSet<String>,
    prefixes: Vec<String>,
}

/// The system attributes of a received message.
pub(super) const SYSTEM_ATTRIBUTES: [&str; 9] = [
    "AWSTraceHeader",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

impl Filter {
    /// A filter of message attributes: names, `All`, `.*` or `*`, and prefixes such as `bar.*`.
    pub(super) fn of_attributes(names: Vec<String>) -> Self {
        let mut filter = Self::default();
        for name in names {
            match name.strip_suffix(".*") {
                Some("") => filter.all = true,
                Some(prefix) => filter.prefixes.push(prefix.to_owned()),
                // The star alone is not documented, but Amazon accepts it (recorded).
                None if name == "All" || name == "*" => filter.all = true,
                None => {
                    filter.names.insert(name);
                }
            }
        }
        filter
    }

    /// A filter of system attributes: names, or `All`.
    pub(super) fn of_system_attributes(names: Vec<String>) -> Result<Self, SqsError> {
        let unknown = names
            .iter()
            .find(|name| *name != "All" && !SYSTEM_ATTRIBUTES.contains(&name.as_str()));
        match unknown {
            Some(name) => Err(queue_attributes::unknown(name)),
            None => Ok(Self {
                all: names.iter().any(|name| name == "All"),
                names: names.into_iter().collect(),
                prefixes: Vec::new(),
            }),
        }
    }

    pub(super) fn wants(&self, name: &str) -> bool {
        self.all
            || self.names.contains(name)
            || self
                .prefixes
                .iter()
                .any(|prefix| name.starts_with(prefix.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(names: &[&str]) -> Filter {
        Filter::of_attributes(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn attributes_are_selected_by_name_prefix_or_all() {
        assert!(!filter(&[]).wants("a"));
        assert!(filter(&["a"]).wants("a") && !filter(&["a"]).wants("ab"));
        assert!(filter(&["a.*"]).wants("ab") && !filter(&["a.*"]).wants("b"));
        assert!(filter(&["All"]).wants("a") && filter(&[".*"]).wants("a"));
        assert!(filter(&["*"]).wants("a"));
    }

    #[test]
    fn unknown_system_attributes_are_refused() {
        let of = |name: &str| Filter::of_system_attributes(vec![name.to_owned()]);
        assert!(
            of("SentTimestamp")
                .is_ok_and(|filter| filter.wants("SentTimestamp") && !filter.wants("SenderId"))
        );
        assert!(of("All").is_ok_and(|filter| filter.wants("SenderId")));
        assert!(of("Policy").is_err());
    }
}
