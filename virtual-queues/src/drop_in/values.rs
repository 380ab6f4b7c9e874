//! Values of message attributes, in JSON and in the SDK's types.

use std::borrow::Cow;

use aws_sdk_sqs::types::MessageAttributeValue;
use aws_smithy_types::{Blob, base64};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::refusal::{Kind, Refusal};

/// The value of a message attribute, or of a message system attribute.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Value {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) string_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<Base64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_type: Option<String>,
    #[serde(skip_serializing)]
    string_list_values: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    binary_list_values: Option<IgnoredAny>,
}

/// Bytes, encoded as base64 on the wire.
#[derive(Debug)]
struct Base64(Vec<u8>);

impl Value {
    /// Converts to the SDK's type. `name` is the attribute's name.
    pub(super) fn into_sdk(self, name: &str) -> Result<MessageAttributeValue, Refusal> {
        if self.string_list_values.is_some() || self.binary_list_values.is_some() {
            let text = format!(
                "Message attribute {name} has a list of values, which SQS does not implement."
            );
            return Err(Refusal::new(Kind::UnsupportedOperation, text));
        }
        let Some(data_type) = self.data_type.filter(|data_type| !data_type.is_empty()) else {
            let text = format!(
                "Message attribute {name} must have a data type: String, Number or Binary."
            );
            return Err(Refusal::new(Kind::InvalidParameterValue, text));
        };
        if self.string_value.is_some() == self.binary_value.is_some() {
            let text =
                format!("Message attribute {name} must have one value: a string or a binary one.");
            return Err(Refusal::new(Kind::InvalidParameterValue, text));
        }
        Ok(MessageAttributeValue::builder()
            .data_type(data_type)
            .set_string_value(self.string_value)
            .set_binary_value(self.binary_value.map(|bytes| Blob::new(bytes.0)))
            .build()
            .expect("the data type, which is all that is required, is set"))
    }
}

impl Value {
    /// The data type and the size of the value in bytes, which count against SQS's limits.
    pub(super) fn counts_for(&self) -> (&str, usize) {
        let text = self.string_value.as_ref().map_or(0, String::len);
        let binary = self.binary_value.as_ref().map_or(0, |bytes| bytes.0.len());
        (self.data_type.as_deref().unwrap_or_default(), text + binary)
    }
}

impl From<MessageAttributeValue> for Value {
    fn from(value: MessageAttributeValue) -> Self {
        Self {
            string_value: value.string_value,
            binary_value: value.binary_value.map(|bytes| Base64(bytes.into_inner())),
            data_type: Some(value.data_type),
            ..Self::default()
        }
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        base64::decode(text.as_ref())
            .map(Self)
            .map_err(D::Error::custom)
    }
}
