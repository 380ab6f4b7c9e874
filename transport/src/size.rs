//! The size of a message in bytes.

use aws_sdk_sqs::types::MessageAttributeValue;
use sqs_rpc_protocol::limits;

/// The number of bytes that SQS counts for a message, sent or received: its body, and for each message attribute the
/// name, the data type and the value, text or binary. System attributes do not count (SQS). Like all limits and counts
/// of message bytes, the function uses [`limits::message_size`].
///
/// # Examples
/// ```
/// use std::collections::HashMap;
/// use sqs_rpc_transport::message_size;
///
/// assert_eq!(message_size("body", &HashMap::new()), 4);
/// ```
pub fn message_size<'a>(
    body: &str,
    attributes: impl IntoIterator<Item = (&'a String, &'a MessageAttributeValue)>,
) -> usize {
    let attributes = attributes.into_iter();
    limits::message_size(
        body,
        attributes.map(|(name, value)| (&**name, value.data_type(), value_size(value))),
    )
}

fn value_size(value: &MessageAttributeValue) -> usize {
    let texts = value.string_value().into_iter().map(str::len);
    let listed = value.string_list_values().iter().map(String::len);
    let binaries = value.binary_value().into_iter();
    let binaries = binaries.chain(value.binary_list_values());
    texts
        .chain(listed)
        .chain(binaries.map(|binary| binary.as_ref().len()))
        .sum()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_smithy_types::Blob;

    use super::*;

    #[test]
    fn names_types_text_and_binary_values_count() {
        let value = || MessageAttributeValue::builder();
        let string = value().data_type("String").string_value("abc");
        let binary = value().data_type("Binary").binary_value(Blob::new([0; 5]));
        let lists = value().data_type("L").string_list_values("ab");
        let lists = lists.binary_list_values(Blob::new([0; 3]));
        let attributes: HashMap<_, _> = [("na", string), ("n", binary), ("l", lists)]
            .map(|(name, value)| (name.to_owned(), value.build().unwrap()))
            .into();
        let size = message_size("body", &attributes);
        assert_eq!(size, 4 + (2 + 6 + 3) + (1 + 6 + 5) + (1 + 1 + 2 + 3));
    }
}
