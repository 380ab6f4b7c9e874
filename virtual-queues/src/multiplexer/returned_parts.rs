//! Selects the parts of a message that a receive returns.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use sqs_rpc_protocol::{VirtualQueueUrl, names};
use sqs_rpc_transport::md5_of_attributes;

use super::address::unscoped;

/// A selection of message attributes by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    all: bool,
    names: BTreeSet<String>,
    prefixes: Vec<String>,
}

/// A selection of system attributes.
#[derive(Debug, Clone, Default)]
pub(super) struct SystemSelection(Vec<MessageSystemAttributeName>);

impl Selection {
    /// Names, `All` or `.*` for all, and prefixes such as `tenant.*`.
    pub(super) fn of(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut selection = Self::default();
        for name in names {
            let name = name.into();
            match name.strip_suffix(".*") {
                Some("") => selection.all = true,
                Some(prefix) => selection.prefixes.push(prefix.to_owned()),
                None if name == "All" => selection.all = true,
                None => drop(selection.names.insert(name)),
            }
        }
        selection
    }

    fn wants(&self, name: &str) -> bool {
        self.all
            || self.names.contains(name)
            || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }
}

impl SystemSelection {
    pub(super) fn of(names: impl IntoIterator<Item = MessageSystemAttributeName>) -> Self {
        Self(names.into_iter().collect())
    }

    fn wants(&self, name: &MessageSystemAttributeName) -> bool {
        self.0.contains(&MessageSystemAttributeName::All) || self.0.contains(name)
    }
}

/// Converts a message of a host to a message of the virtual queue: without the routing attribute, with the requested
/// attributes and their digest, and with the caller's own group and de-duplication id.
pub(super) fn present(
    mut message: Message,
    queue: &VirtualQueueUrl,
    attributes: &Selection,
    system: &SystemSelection,
) -> Message {
    let mut shown = message.message_attributes.take().unwrap_or_default();
    shown.retain(|name, _| name != names::VIRTUAL_QUEUE_NAME && attributes.wants(name));
    message.md5_of_message_attributes = md5_of_attributes(&shown);
    message.message_attributes = (!shown.is_empty()).then_some(shown);

    let mut shown = message.attributes.take().unwrap_or_default();
    shown.retain(|name, _| system.wants(name));
    if queue.host().is_fifo() {
        let ids = [
            MessageSystemAttributeName::MessageGroupId,
            MessageSystemAttributeName::MessageDeduplicationId,
        ];
        for id in ids {
            if let Some(value) = shown.get_mut(&id) {
                *value = unscoped(queue, value).to_owned();
            }
        }
    }
    message.attributes = (!shown.is_empty()).then_some(shown);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multiplexer::message::OutgoingMessage;

    fn presented(
        host: &str,
        attributes: &[&str],
        system: &[MessageSystemAttributeName],
    ) -> Message {
        let own = [(names::VIRTUAL_QUEUE_NAME, "q".to_owned())];
        let sent = OutgoingMessage::new("b")
            .attribute("tenant.id", "1")
            .attribute("x", "2");
        let message = Message::builder()
            .set_message_attributes(
                sent.into_entry(own)
                    .unwrap()
                    .get_message_attributes()
                    .clone(),
            )
            .attributes(MessageSystemAttributeName::MessageGroupId, "q.g")
            .attributes(MessageSystemAttributeName::SenderId, "me")
            .build();
        let url = format!("http://localhost/000000000000/{host}#q");
        let (attributes, system) = (
            Selection::of(attributes.iter().copied()),
            SystemSelection::of(system.iter().cloned()),
        );
        present(message, &url.parse().unwrap(), &attributes, &system)
    }

    fn shown(names: &[&str]) -> Vec<String> {
        let message = presented("h", names, &[]);
        let mut shown: Vec<_> = message.message_attributes.into_iter().flatten().collect();
        shown.sort_by(|a, b| a.0.cmp(&b.0));
        shown.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn attributes_are_selected_by_name_or_prefix() {
        assert!(shown(&[]).is_empty());
        assert_eq!(shown(&["x", "y"]), ["x"]);
        assert_eq!(shown(&["tenant.*"]), ["tenant.id"]);
        for all in ["All", ".*"] {
            assert_eq!(shown(&[all]), ["tenant.id", "x"]);
        }
        assert!(shown(&[names::VIRTUAL_QUEUE_NAME]).is_empty());
    }

    #[test]
    fn the_digest_covers_the_returned_attributes() {
        let message = presented("h", &["x"], &[]);
        let expected = md5_of_attributes(message.message_attributes().unwrap());
        assert!(expected.is_some());
        assert_eq!(message.md5_of_message_attributes, expected);
        assert_eq!(presented("h", &[], &[]).md5_of_message_attributes, None);
    }

    #[test]
    fn requested_system_attributes_have_the_callers_own_group() {
        use MessageSystemAttributeName as Name;
        assert_eq!(presented("h", &[], &[]).attributes, None);
        let group = |host, name| {
            presented(host, &[], &[name]).attributes.unwrap()[&Name::MessageGroupId].clone()
        };
        assert_eq!(group("h.fifo", Name::MessageGroupId), "g");
        assert_eq!(group("h", Name::All), "q.g");
        let sender = presented("h", &[], &[Name::SenderId]).attributes.unwrap();
        assert_eq!(sender.len(), 1);
    }
}
