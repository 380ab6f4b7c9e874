//! What reply hosts are called and tagged.

use sqs_rpc_protocol::names::DEFAULT_HOST_PREFIX;
use std::time::Duration;

use crate::InvalidOption;

/// SQS's limit is 80; a UUID, a dash and 10 digits follow the prefix.
const MAX_PREFIX: usize = 80 - 36 - 1 - 10;

/// The tag by which people recognise a queue that this crate made.
const MADE_BY: (&str, &str) = (
    "SqsRpcMadeBy",
    concat!("sqs-requester/", env!("CARGO_PKG_VERSION")),
);

/// What a reply host is made with.
#[derive(Debug, Clone)]
pub(crate) struct HostSpec {
    pub(crate) prefix: String,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) kms_key: Option<String>,
    pub(crate) retention: Duration,
    /// How long a new queue is not used.
    pub(crate) settling: Duration,
}

impl Default for HostSpec {
    fn default() -> Self {
        Self {
            prefix: DEFAULT_HOST_PREFIX.to_owned(),
            tags: Vec::new(),
            kms_key: None,
            retention: Duration::from_secs(300),
            settling: Duration::from_secs(1),
        }
    }
}

impl HostSpec {
    /// All tags: ours first, so that a user's of the same key wins.
    pub(super) fn all_tags(&self) -> impl Iterator<Item = (&str, &str)> {
        let users = self
            .tags
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        [MADE_BY].into_iter().chain(users)
    }
}

/// Checks what names shall begin with.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), InvalidOption> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=MAX_PREFIX).contains(&prefix.len()) && prefix.bytes().all(is_name) {
        return Ok(());
    }
    let allowed = format!("1 to {MAX_PREFIX} characters of A-Z, a-z, 0-9, `-` and `_`");
    Err(InvalidOption::new(
        "prefix",
        format_args!("{prefix:?}"),
        allowed,
    ))
}

/// Checks that SQS takes a tag.
pub(crate) fn check_tag(key: &str, value: &str) -> Result<(), InvalidOption> {
    let is_allowed = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    let is_aws = key
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    let fits = |text: &str, max: usize| text.chars().count() <= max && text.chars().all(is_allowed);
    if !key.is_empty() && !is_aws && fits(key, 128) && fits(value, 256) {
        return Ok(());
    }
    let allowed = "a key of 1 to 128 characters that does not begin with aws:, and a value of 0 to 256, of letters, digits, \
                   spaces and _.:/=+-@";
    Err(InvalidOption::new(
        "tag",
        format_args!("{key:?} = {value:?}"),
        allowed,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_leaves_room_for_the_highest_number() {
        let longest = "p".repeat(MAX_PREFIX);
        assert_eq!(check_prefix(&longest), Ok(()));
        let name = format!(
            "{longest}{}-{}",
            "0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a",
            u32::MAX
        );
        assert_eq!(name.len(), 80);
        for refused in ["", "a.b", "a b", "ä", &format!("{longest}p")] {
            let error = check_prefix(refused).unwrap_err().to_string();
            assert!(
                error.contains(&format!("{refused:?}")) && error.contains("1 to 33"),
                "{error}"
            );
        }
    }

    #[test]
    fn tags_as_sqs_takes_them() {
        for (key, value) in [
            ("team", "a b_.:/=+-@9"),
            ("é", ""),
            (&"k".repeat(128), &"v".repeat(256)),
        ] {
            assert_eq!(check_tag(key, value), Ok(()));
        }
        let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
        for (key, value) in [
            ("", "v"),
            ("aws:x", "v"),
            ("k\n", "v"),
            ("k", "a,b"),
            (&long_key, "v"),
            ("k", &long_value),
        ] {
            assert_eq!(
                check_tag(key, value).unwrap_err().option(),
                "tag",
                "{key} = {value}"
            );
        }
    }

    #[test]
    fn a_users_tag_wins_over_ours() {
        let spec = HostSpec {
            tags: vec![("SqsRpcMadeBy".into(), "me".into())],
            ..HostSpec::default()
        };
        assert_eq!(spec.all_tags().last(), Some(("SqsRpcMadeBy", "me")));
    }
}
