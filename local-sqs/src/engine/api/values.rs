//! Values that requests and answers share.

use aws_smithy_types::base64;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes, encoded as base64 text on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob(pub Arc<[u8]>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        base64::decode(text.as_ref())
            .map(|bytes| Self(bytes.into()))
            .map_err(D::Error::custom)
    }
}

/// The value of a message attribute, or of a message system attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MessageAttribute {
    /// The bytes, if the type is `Binary`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<Blob>,
    /// `String`, `Number` or `Binary`, optionally with a custom label after a dot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_type: Option<Arc<str>>,
    /// The text, if the type is `String` or `Number`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub string_value: Option<Arc<str>>,
    /// Not implemented by SQS.
    #[serde(skip_serializing)]
    pub binary_list_values: Option<Vec<Blob>>,
    /// Not implemented by SQS.
    #[serde(skip_serializing)]
    pub string_list_values: Option<Vec<String>>,
}
