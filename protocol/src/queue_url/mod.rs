//! Where messages go: the URLs of host queues and of virtual queues.
//!
//! Owns their syntax and parts: account, region, name. Does not know whether a queue exists.
//! [`ReturnAddressPolicy`](crate::ReturnAddressPolicy) decides whether a reply may be sent to a URL.
//! Invariant: a value of a type here is well-formed, and its text is exactly the text that was parsed.
//! Two URLs are equal if they mean the same queue; tables of queues use [`HostKey`]s as keys.

mod endpoint;
mod error;
mod host;
mod key;
mod name;
mod virtual_url;

pub use error::{QueueUrlError, QueueUrlErrorKind};
pub use host::HostQueueUrl;
pub use key::HostKey;
pub use name::{VirtualQueueName, VirtualQueueNameError};
pub use virtual_url::VirtualQueueUrl;

use crate::text::parsed_text;

/// The URL of a real queue, or of a virtual queue on a host queue.
///
/// Cheap to clone. Two URLs are equal if they mean the same queue: see [`HostQueueUrl`].
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::QueueUrl;
///
/// let host = QueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/login")?;
/// assert!(host.as_virtual().is_none());
/// let replies = QueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/hosts-1#r42")?;
/// assert_eq!(replies.as_virtual().unwrap().name().as_str(), "r42");
/// assert_eq!(replies.host().queue_name(), "hosts-1");
/// # Ok::<(), sqs_rpc_protocol::QueueUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum QueueUrl {
    /// A real queue.
    Host(HostQueueUrl),
    /// A virtual queue: `<host queue URL>#<name>`.
    Virtual(VirtualQueueUrl),
}

impl QueueUrl {
    /// Reads a URL; a URL with a `#` is the URL of a virtual queue.
    ///
    /// # Errors
    ///
    /// [`QueueUrlError`], which shows what is wrong and what is allowed.
    pub fn parse(text: &str) -> Result<Self, QueueUrlError> {
        if text.contains('#') {
            VirtualQueueUrl::parse(text).map(Self::Virtual)
        } else {
            HostQueueUrl::parse(text).map(Self::Host)
        }
    }

    /// The URL's text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Host(url) => url.as_str(),
            Self::Virtual(url) => url.as_str(),
        }
    }

    /// The real queue: this queue itself, or the host of the virtual queue.
    pub fn host(&self) -> &HostQueueUrl {
        match self {
            Self::Host(url) => url,
            Self::Virtual(url) => url.host(),
        }
    }

    /// The URL of the virtual queue; `None` for a real queue.
    pub fn as_virtual(&self) -> Option<&VirtualQueueUrl> {
        match self {
            Self::Host(_) => None,
            Self::Virtual(url) => Some(url),
        }
    }
}

impl From<HostQueueUrl> for QueueUrl {
    fn from(url: HostQueueUrl) -> Self {
        Self::Host(url)
    }
}

impl From<VirtualQueueUrl> for QueueUrl {
    fn from(url: VirtualQueueUrl) -> Self {
        Self::Virtual(url)
    }
}

impl TryFrom<QueueUrl> for HostQueueUrl {
    type Error = QueueUrlError;

    fn try_from(url: QueueUrl) -> Result<Self, Self::Error> {
        match url {
            QueueUrl::Host(url) => Ok(url),
            QueueUrl::Virtual(url) => Err(QueueUrlError::host(
                url.as_str(),
                QueueUrlErrorKind::Fragment,
            )),
        }
    }
}

impl TryFrom<QueueUrl> for VirtualQueueUrl {
    type Error = QueueUrlError;

    fn try_from(url: QueueUrl) -> Result<Self, Self::Error> {
        match url {
            QueueUrl::Virtual(url) => Ok(url),
            QueueUrl::Host(url) => Err(QueueUrlError::virtual_url(
                url.as_str(),
                QueueUrlErrorKind::NoVirtualName,
            )),
        }
    }
}

parsed_text!(QueueUrl, QueueUrlError);

impl std::fmt::Debug for QueueUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host(url) => url.fmt(f),
            Self::Virtual(url) => url.fmt(f),
        }
    }
}

/// Strategies for property tests of this crate.
#[cfg(test)]
pub(crate) mod arbitrary {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn host() -> impl Strategy<Value = HostQueueUrl> {
        let authority = prop_oneof![
            Just("sqs.eu-west-1.amazonaws.com".to_owned()),
            Just("queue.amazonaws.com".to_owned()),
            Just("[::1]:9324".to_owned()),
            "[a-z0-9]{1,10}(\\.[a-z]{2,3})?(:[1-9][0-9]{0,3})?",
        ];
        let path = prop_oneof![
            Just(String::new()),
            Just("queue/eu-west-1/".to_owned()),
            "[a-z0-9_.-]{1,9}/"
        ];
        let name = "[A-Za-z0-9_-]{1,75}(\\.fifo)?";
        (
            prop_oneof![Just("http"), Just("https")],
            authority,
            path,
            "[0-9]{12}",
            name,
        )
            .prop_map(|(scheme, authority, path, account, name)| {
                format!("{scheme}://{authority}/{path}{account}/{name}")
            })
            .prop_filter_map("a path of dots", |url| HostQueueUrl::parse(&url).ok())
    }

    pub(crate) fn name() -> impl Strategy<Value = VirtualQueueName> {
        "[A-Za-z0-9_-]{1,80}".prop_map(|name| VirtualQueueName::parse(&name).unwrap())
    }

    pub(crate) fn url() -> impl Strategy<Value = QueueUrl> {
        (host(), proptest::option::of(name())).prop_map(|(host, name)| match name {
            None => QueueUrl::Host(host),
            Some(name) => QueueUrl::Virtual(VirtualQueueUrl::new(&host, &name)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(url in arbitrary::url()) {
            prop_assert_eq!(QueueUrl::parse(url.as_str()), Ok(url.clone()));
            prop_assert_eq!(QueueUrl::try_from(url.to_string()), Ok(url));
        }

        #[test]
        fn never_panics(
            text in prop_oneof![
                any::<String>(),
                "https?://\\PC{0,40}",
                "https?://[a-z@:#?/\\[\\].0-9]{0,20}/[0-9]{11,13}/[a-z.#?/]{0,10}",
            ]
        ) {
            match QueueUrl::parse(&text) {
                Ok(url) => prop_assert_eq!(url.as_str(), &text),
                Err(error) => prop_assert!(error.to_string().len() < 1_000),
            }
        }

        #[test]
        fn a_damaged_url_never_panics(url in arbitrary::url(), at: prop::sample::Index, with: char) {
            let mut chars: Vec<char> = url.as_str().chars().collect();
            let at = at.index(chars.len());
            chars[at] = with;
            let _ = QueueUrl::parse(&chars.into_iter().collect::<String>());
        }
    }
}
