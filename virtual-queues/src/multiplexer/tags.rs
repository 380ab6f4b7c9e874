//! Tags of a virtual queue: kept in memory, within SQS's limits.

use std::collections::BTreeMap;

use sqs_rpc_protocol::limits::{self, MAX_TAGS};

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;

/// Tags that SQS would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagsError {
    /// No tag is given.
    #[error("no tags are given; at least one is needed")]
    None,
    /// The queue would have more than 50.
    #[error("the queue would have {0} tags; allowed are {MAX_TAGS}")]
    TooMany(usize),
    /// A key or a value is not allowed.
    #[error(transparent)]
    Tag(#[from] limits::TagError),
}

/// Whether `added` may be added to the tags that a queue has.
pub(super) fn check(existing: &Tags, added: &Tags) -> Result<(), TagsError> {
    for (key, value) in added {
        limits::check_tag(key, value)?;
    }
    let new = added.keys().filter(|key| !existing.contains_key(*key));
    let all = existing.len() + new.count();
    if all > MAX_TAGS {
        return Err(TagsError::TooMany(all));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(tags: &[(&str, &str)]) -> Tags {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        tags.iter().map(owned).collect()
    }

    #[test]
    fn each_tag_is_checked() {
        let refused = check(&Tags::new(), &tags(&[("k", "v"), ("k#", "")]));
        assert!(matches!(refused, Err(TagsError::Tag(_))), "{refused:?}");
    }

    #[test]
    fn fifty_tags_are_allowed_and_values_can_change() {
        let fifty: Tags = (0..50).map(|n| (n.to_string(), String::new())).collect();
        assert_eq!(check(&fifty, &tags(&[("7", "new")])), Ok(()));
        assert_eq!(
            check(&fifty, &tags(&[("50", "")])).unwrap_err().to_string(),
            "the queue would have 51 tags; allowed are 50"
        );
    }
}
