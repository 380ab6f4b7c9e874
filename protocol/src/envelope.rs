//! The message attributes of requests and replies.
//!
//! Owns the mapping between attributes and values, in one place for both sides. Does not own messages:
//! decoding reads attributes through a lookup function, and encoding returns pairs. Invariant: decoding
//! an encoded value gives the same value.

use crate::{
    Deadline, HeaderError, QueueUrl, QueueUrlError, ReplyHeader, RequestHeader, RequestId,
    VirtualQueueName, VirtualQueueNameError,
    names::{HEADER, RESPONSE_QUEUE_URL, VIRTUAL_QUEUE_NAME},
};

/// A message attribute as it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The data type, for example `String`.
    pub data_type: &'a str,
    /// The value, unless it is binary.
    pub string_value: Option<&'a str>,
}

/// The protocol's part of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestEnvelope {
    /// Where the reply goes. `None`: a one-way request, for which no reply is expected.
    pub return_address: Option<QueueUrl>,
    /// The header. `None`: the peer sends no header (Java).
    pub header: Option<RequestHeader>,
}

/// The protocol's part of a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyEnvelope {
    /// The virtual queue that receives the reply. `None` if the return address is a real queue.
    pub virtual_queue: Option<VirtualQueueName>,
    /// The header.
    pub header: ReplyHeader,
}

impl<'a> Attribute<'a> {
    /// An attribute of type String.
    pub fn string(value: &'a str) -> Self {
        Self {
            data_type: "String",
            string_value: Some(value),
        }
    }

    /// The value, if the type is String, with or without a custom label (`String.label`).
    fn text(self, name: &'static str) -> Result<&'a str, EnvelopeError> {
        let is_string = self.data_type == "String" || self.data_type.starts_with("String.");
        self.string_value
            .filter(|_| is_string)
            .ok_or(EnvelopeError::DataType { name })
    }
}

impl RequestEnvelope {
    /// The attributes, names and values, all of type String.
    pub fn encode(&self) -> Vec<(&'static str, String)> {
        let address = self
            .return_address
            .as_ref()
            .map(|address| (RESPONSE_QUEUE_URL, address.to_string()));
        let header = self.header.as_ref().map(|header| (HEADER, header.encode()));
        address.into_iter().chain(header).collect()
    }

    /// Reads the attributes of a request; `lookup` finds an attribute by name.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`]. The request cannot be answered; leave it for the dead-letter queue.
    pub fn decode<'a>(
        lookup: impl Fn(&str) -> Option<Attribute<'a>>,
    ) -> Result<Self, EnvelopeError> {
        Ok(Self {
            return_address: text(&lookup, RESPONSE_QUEUE_URL)?
                .map(QueueUrl::parse)
                .transpose()?,
            header: text(&lookup, HEADER)?
                .map(RequestHeader::parse)
                .transpose()?,
        })
    }

    /// Until when the requester waits; [`Deadline::NONE`] without a header.
    pub fn deadline(&self) -> Deadline {
        self.header
            .as_ref()
            .map_or(Deadline::NONE, |header| header.deadline)
    }

    /// The request's id, if it has a header.
    pub fn request_id(&self) -> Option<RequestId> {
        self.header.as_ref().map(|header| header.request_id)
    }
}

impl ReplyEnvelope {
    /// The envelope of a reply to `return_address`. Send the reply to the address's
    /// [`host`](QueueUrl::host).
    pub fn to(return_address: &QueueUrl, header: ReplyHeader) -> Self {
        Self {
            virtual_queue: return_address.as_virtual().map(|url| url.name().clone()),
            header,
        }
    }

    /// The attributes, names and values, all of type String.
    pub fn encode(&self) -> Vec<(&'static str, String)> {
        let name = self
            .virtual_queue
            .as_ref()
            .map(|name| (VIRTUAL_QUEUE_NAME, name.to_string()));
        name.into_iter()
            .chain([(HEADER, self.header.encode())])
            .collect()
    }

    /// Reads the attributes of a reply; `lookup` finds an attribute by name.
    ///
    /// A reply without a header, or with a copy of the request's header, is a success: see
    /// [`ReplyHeader::from_attribute`].
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`]. Whether the request succeeded is then not known.
    pub fn decode<'a>(
        lookup: impl Fn(&str) -> Option<Attribute<'a>>,
    ) -> Result<Self, EnvelopeError> {
        Ok(Self {
            virtual_queue: virtual_queue_name(&lookup)?,
            header: ReplyHeader::from_attribute(text(&lookup, HEADER)?)?,
        })
    }
}

/// The virtual queue that a message on a host queue is for; `None` if the message has no such attribute.
///
/// # Errors
///
/// [`EnvelopeError`] if the attribute is not a valid name. The message is an orphan.
pub fn virtual_queue_name<'a>(
    lookup: impl Fn(&str) -> Option<Attribute<'a>>,
) -> Result<Option<VirtualQueueName>, EnvelopeError> {
    Ok(text(&lookup, VIRTUAL_QUEUE_NAME)?
        .map(VirtualQueueName::parse)
        .transpose()?)
}

fn text<'a>(
    lookup: &impl Fn(&str) -> Option<Attribute<'a>>,
    name: &'static str,
) -> Result<Option<&'a str>, EnvelopeError> {
    lookup(name)
        .map(|attribute| attribute.text(name))
        .transpose()
}

/// Attributes that are not a valid envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// An attribute of the protocol has another type than String.
    #[error("the attribute {name} is not of type String")]
    DataType {
        /// Its name.
        name: &'static str,
    },
    /// The return address is not a queue URL.
    #[error("the return address (attribute ResponseQueueUrl) is malformed")]
    ReturnAddress(#[from] QueueUrlError),
    /// The name of the virtual queue is malformed.
    #[error("the name of the virtual queue is malformed")]
    VirtualQueueName(#[from] VirtualQueueNameError),
    /// The header is malformed, has a later version, or has the other kind.
    #[error("the header (attribute SqsRpc) is not valid")]
    Header(#[from] HeaderError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorCode, header, queue_url};
    use proptest::{option::of, prelude::*};

    type Pairs = Vec<(&'static str, String)>;

    fn lookup<'a>(pairs: &'a Pairs) -> impl Fn(&str) -> Option<Attribute<'a>> {
        |name| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| Attribute::string(value))
        }
    }

    fn pairs(pairs: &[(&'static str, &str)]) -> Pairs {
        pairs
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect()
    }

    proptest! {
        #[test]
        fn requests_round_trip(return_address in of(queue_url::arbitrary::url()), header in of(header::arbitrary::request())) {
            let envelope = RequestEnvelope { return_address, header };
            prop_assert_eq!(RequestEnvelope::decode(lookup(&envelope.encode())), Ok(envelope));
        }

        #[test]
        fn replies_round_trip(address in queue_url::arbitrary::url(), header in header::arbitrary::reply()) {
            let envelope = ReplyEnvelope::to(&address, header);
            prop_assert_eq!(ReplyEnvelope::decode(lookup(&envelope.encode())), Ok(envelope));
        }

        #[test]
        fn never_panics(data_type in "String(\\.x)?|Number|Binary|\\PC{0,8}", value in of(any::<String>())) {
            let attribute = Attribute { data_type: &data_type, string_value: value.as_deref() };
            let _ = RequestEnvelope::decode(|_| Some(attribute));
            let _ = ReplyEnvelope::decode(|_| Some(attribute));
        }
    }

    #[test]
    fn a_java_request_has_an_address_and_no_deadline() {
        let java = pairs(&[(
            RESPONSE_QUEUE_URL,
            "https://sqs.eu-west-1.amazonaws.com/123456789012/h#r",
        )]);
        let envelope = RequestEnvelope::decode(lookup(&java)).unwrap();
        assert!(envelope.return_address.is_some() && envelope.header.is_none());
        assert!(envelope.deadline().is_none());
    }

    #[test]
    fn a_java_reply_is_success() {
        let java = pairs(&[(VIRTUAL_QUEUE_NAME, "r")]);
        let envelope = ReplyEnvelope::decode(lookup(&java)).unwrap();
        assert_eq!(envelope.header, ReplyHeader::default());
        assert_eq!(envelope.virtual_queue.unwrap().as_str(), "r");
    }

    #[test]
    fn a_request_without_attributes_is_one_way() {
        assert_eq!(
            RequestEnvelope::decode(|_| None),
            Ok(RequestEnvelope::default())
        );
    }

    #[test]
    fn other_types_are_refused_and_labels_are_allowed() {
        for (data_type, string_value) in [
            ("Number", Some("1")),
            ("Binary", None),
            ("String", None),
            ("Stringx", Some("1;req")),
        ] {
            let error = RequestEnvelope::decode(|_| {
                Some(Attribute {
                    data_type,
                    string_value,
                })
            })
            .unwrap_err();
            assert_eq!(
                error,
                EnvelopeError::DataType {
                    name: RESPONSE_QUEUE_URL
                },
                "{data_type}"
            );
        }
        let labelled = Attribute {
            data_type: "String.url",
            string_value: Some("http://h/123456789012/q"),
        };
        assert!(
            RequestEnvelope::decode(|name| (name == RESPONSE_QUEUE_URL).then_some(labelled))
                .is_ok()
        );
    }

    #[test]
    fn each_attribute_has_its_own_error() {
        let request =
            |name, value| RequestEnvelope::decode(lookup(&pairs(&[(name, value)]))).unwrap_err();
        assert!(matches!(
            request(RESPONSE_QUEUE_URL, "nonsense"),
            EnvelopeError::ReturnAddress(_)
        ));
        let newer = request(HEADER, "2;req;whatever");
        assert!(matches!(
            newer,
            EnvelopeError::Header(HeaderError::UnsupportedVersion { .. })
        ));
        let reply = ReplyHeader::error(None, ErrorCode::INTERNAL).encode();
        assert!(matches!(
            request(HEADER, &reply),
            EnvelopeError::Header(HeaderError::OtherKind { .. })
        ));
        let reply =
            |name, value| ReplyEnvelope::decode(lookup(&pairs(&[(name, value)]))).unwrap_err();
        assert!(matches!(
            reply(VIRTUAL_QUEUE_NAME, "a b"),
            EnvelopeError::VirtualQueueName(_)
        ));
        assert!(matches!(
            reply(HEADER, "2;rep"),
            EnvelopeError::Header(HeaderError::UnsupportedVersion { .. })
        ));
    }
}
