//! The rules of SQS for the tags of a queue.

use crate::Excerpt;

/// Maximum number of tags on one queue (Developer Guide, "Amazon SQS queue quotas").
pub const MAX_TAGS: usize = 50;

/// Maximum number of characters in the key of a tag (Developer Guide, "Amazon SQS queue quotas").
pub const MAX_TAG_KEY: usize = 128;

/// Maximum number of characters in the value of a tag (Developer Guide, "Amazon SQS queue quotas").
pub const MAX_TAG_VALUE: usize = 256;

/// Checks that SQS accepts this tag.
///
/// # Errors
///
/// [`TagError`].
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::limits::check_tag;
///
/// assert_eq!(check_tag("team", "identity"), Ok(()));
/// assert_eq!(
///     check_tag("aws:team", "").unwrap_err().to_string(),
///     "tag key \"aws:team\" begins with `aws:`, which is not allowed",
/// );
/// ```
pub fn check_tag(key: &str, value: &str) -> Result<(), TagError> {
    let excerpt = || Excerpt::of(key);
    let length = key.chars().count();
    if !(1..=MAX_TAG_KEY).contains(&length) {
        return Err(TagError::Key {
            key: excerpt(),
            length,
        });
    }
    let length = value.chars().count();
    if length > MAX_TAG_VALUE {
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
    Ok(())
}

fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

/// A tag that SQS refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// The key is empty or too long.
    #[error("tag key {key} has {length} characters; allowed are 1 to {MAX_TAG_KEY}")]
    Key {
        /// The beginning of the key.
        key: Excerpt,
        /// The number of characters.
        length: usize,
    },
    /// The value is too long.
    #[error("the value of tag {key} has {length} characters; allowed are 0 to {MAX_TAG_VALUE}")]
    Value {
        /// The key.
        key: Excerpt,
        /// The number of characters of the value.
        length: usize,
    },
    /// The key or the value has a character that is not allowed.
    #[error("tag {0} has a forbidden character; allowed are letters, digits, space and `_.:/=+-@`")]
    Character(Excerpt),
    /// The key begins with the prefix that is reserved for AWS.
    #[error("tag key {0} begins with `aws:`, which is not allowed")]
    AwsPrefix(Excerpt),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(key: &str, value: &str) -> String {
        check_tag(key, value).unwrap_err().to_string()
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
        assert!(refused("k\n", "v").contains("forbidden character"));
        assert!(refused("AWS:k", "").contains("`aws:`"));
        assert_eq!(check_tag("ü k_.:/=+-@1", ""), Ok(()));
        assert_eq!(check_tag(&"k".repeat(128), &"v".repeat(256)), Ok(()));
    }
}
