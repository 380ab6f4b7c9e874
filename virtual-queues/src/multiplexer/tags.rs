//! Tags of a virtual queue: kept in memory, within SQS's limits.

use std::collections::BTreeMap;

use sqs_rpc_protocol::Excerpt;

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;

const MOST: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// Tags that SQS would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// No tag is given.
    #[error("no tags are given; at least one is needed")]
    None,
    /// The queue would have more than 50.
    #[error("the queue would have {0} tags; allowed are {MOST}")]
    TooMany(usize),
    /// A key is empty or too long.
    #[error("tag key {key} has {length} characters; allowed are 1 to {LONGEST_KEY}")]
    Key {
        /// The beginning of the key.
        key: Excerpt,
        /// The number of characters.
        length: usize,
    },
    /// A value is too long.
    #[error("the value of tag {key} has {length} characters; allowed are 0 to {LONGEST_VALUE}")]
    Value {
        /// The key.
        key: Excerpt,
        /// The number of characters of the value.
        length: usize,
    },
    /// A key or its value has a character that is not allowed.
    #[error("tag {0} has a forbidden character; allowed are letters, digits, space and `_.:/=+-@`")]
    Character(Excerpt),
    /// The key begins with the prefix that is reserved for AWS.
    #[error("tag key {0} begins with `aws:`, which is not allowed")]
    AwsPrefix(Excerpt),
}

/// Whether `added` may be added to the tags that a queue has.
pub(super) fn check(existing: &Tags, added: &Tags) -> Result<(), TagError> {
    for (key, value) in added {
        let excerpt = || Excerpt::of(key);
        let length = key.chars().count();
        if !(1..=LONGEST_KEY).contains(&length) {
            return Err(TagError::Key {
                key: excerpt(),
                length,
            });
        }
        let length = value.chars().count();
        if length > LONGEST_VALUE {
            return Err(TagError::Value {
                key: excerpt(),
                length,
            });
        }
        if !key.chars().chain(value.chars()).all(is_allowed) {
            return Err(TagError::Character(excerpt()));
        }
        let prefix = key.get(..4).unwrap_or_default();
        if prefix.eq_ignore_ascii_case("aws:") {
            return Err(TagError::AwsPrefix(excerpt()));
        }
    }
    let new = added.keys().filter(|key| !existing.contains_key(*key));
    let all = existing.len() + new.count();
    if all > MOST {
        return Err(TagError::TooMany(all));
    }
    Ok(())
}

fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(tags: &[(&str, &str)]) -> Tags {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        tags.iter().map(owned).collect()
    }

    fn refused(key: &str, value: &str) -> String {
        check(&Tags::new(), &tags(&[(key, value)]))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn tags_that_sqs_would_refuse_are_refused() {
        let long = "k".repeat(129);
        assert!(refused(&long, "").ends_with("has 129 characters; allowed are 1 to 128"));
        assert!(refused("", "").ends_with("has 0 characters; allowed are 1 to 128"));
        assert!(
            refused("k", &"v".repeat(257)).ends_with("has 257 characters; allowed are 0 to 256")
        );
        assert!(refused("k", "#").contains("forbidden character"));
        assert!(refused("AWS:k", "").contains("`aws:`"));
        let all = tags(&[("ü k_.:/=+-@1", ""), (&"k".repeat(128), &"v".repeat(256))]);
        assert_eq!(check(&Tags::new(), &all), Ok(()));
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
