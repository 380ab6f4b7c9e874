//! Tags of queues.
//!
//! The limits are from the Developer Guide, "Tagging Amazon SQS queues", and from the tagging rules common to all of AWS.

use super::api::{outputs, requests};
use super::{Caller, Engine, Output, SqsError};
use std::collections::BTreeMap;

const MOST: usize = 50;

impl Engine {
    pub(super) fn list_tags(
        &mut self,
        caller: &Caller,
        request: &requests::ListQueueTags,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let age = self.chance.duration_up_to(self.behaviour.stale_tags);
        let as_of = self.now.minus(age);
        let queue = self.queue(id)?;
        Ok(Output::Tags(outputs::Tags {
            tags: queue.tags.as_of(as_of).clone(),
        }))
    }

    pub(super) fn tag(
        &mut self,
        caller: &Caller,
        request: requests::TagQueue,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let tags = request
            .tags
            .filter(|tags| !tags.is_empty())
            .ok_or_else(|| SqsError::missing("Tags"))?;
        let (now, oldest) = (self.now, self.now.minus(self.behaviour.stale_tags));
        let queue = self.queue_mut(id)?;
        check(queue.tags.latest(), &tags)?;
        queue.tags.change(now, oldest, |all| all.extend(tags));
        Ok(Output::EMPTY)
    }

    pub(super) fn untag(
        &mut self,
        caller: &Caller,
        request: &requests::UntagQueue,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let keys = request
            .tag_keys
            .as_ref()
            .filter(|keys| !keys.is_empty())
            .ok_or_else(|| SqsError::missing("TagKeys"))?;
        let (now, oldest) = (self.now, self.now.minus(self.behaviour.stale_tags));
        let queue = self.queue_mut(id)?;
        queue
            .tags
            .change(now, oldest, |all| all.retain(|key, _| !keys.contains(key)));
        Ok(Output::EMPTY)
    }
}

/// Checks whether tags may be added to the existing tags of a queue.
pub(super) fn check(
    existing: &BTreeMap<String, String>,
    added: &BTreeMap<String, String>,
) -> Result<(), SqsError> {
    let new = added
        .keys()
        .filter(|key| !existing.contains_key(*key))
        .count();
    if existing.len() + new > MOST {
        return Err(SqsError::invalid(format!(
            "Too many tags: a queue can have {MOST}."
        )));
    }
    for (key, value) in added {
        if key.is_empty() || key.chars().count() > 128 || !key.chars().all(allowed) {
            return Err(SqsError::invalid_value(
                key,
                "TagKey",
                "It must have 1 to 128 letters, digits, spaces or _.:/=+-@.",
            ));
        }
        if [key, value]
            .iter()
            .any(|it| it.to_ascii_lowercase().starts_with("aws:"))
        {
            return Err(SqsError::invalid_value(
                key,
                "TagKey",
                "The prefix aws: is reserved.",
            ));
        }
        if value.chars().count() > 256 || !value.chars().all(allowed) {
            return Err(SqsError::invalid_value(
                value,
                "TagValue",
                "It must have at most 256 letters, digits, spaces or _.:/=+-@.",
            ));
        }
    }
    Ok(())
}

fn allowed(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags<K: Into<String>>(
        pairs: impl IntoIterator<Item = (K, &'static str)>,
    ) -> BTreeMap<String, String> {
        pairs
            .into_iter()
            .map(|(key, value)| (key.into(), value.to_owned()))
            .collect()
    }

    #[test]
    fn a_queue_has_at_most_fifty_tags() {
        let fifty = tags((0..50).map(|i| (i.to_string(), "x")));
        assert_eq!(check(&BTreeMap::new(), &fifty), Ok(()));
        assert_eq!(
            check(&fifty, &tags([("0", "y")])),
            Ok(()),
            "an overwritten tag is not a new tag"
        );
        assert!(check(&fifty, &tags([("50", "x")])).is_err());
    }

    #[test]
    fn lengths_and_characters_of_tags_are_checked() {
        for (key, value, ok) in [
            ("k".repeat(128), "", true),
            ("k".repeat(129), "", false),
            (String::new(), "v", false),
            ("__Idle.Client:x/y=1+2-3@4".into(), "a b", true),
            ("a#b".into(), "v", false),
            ("a".into(), "a#b", false),
            ("aws:x".into(), "v", false),
        ] {
            assert_eq!(
                check(&BTreeMap::new(), &tags([(key.clone(), value)])).is_ok(),
                ok,
                "{key}"
            );
        }
    }
}
