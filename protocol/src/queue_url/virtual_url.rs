//! The URL of a virtual queue.
//!
//! Joins host queue and name. Invariant: `as_str` is the host's URL, a `#`, and the name.

use super::{
    HostQueueUrl, QueueUrlError, QueueUrlErrorKind as Kind,
    name::{VirtualQueueName, VirtualQueueNameError},
};
use crate::text::parsed_text;
use std::{fmt, sync::Arc};

/// The URL of a virtual queue: `<host queue URL>#<name>`. Cheap to clone.
///
/// Two URLs are equal if they have the same name on the same host queue, however the host's URL is
/// spelled.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::{HostQueueUrl, VirtualQueueName, VirtualQueueUrl};
///
/// let host: HostQueueUrl = "http://localhost:9324/000000000000/hosts-1".parse()?;
/// let url = VirtualQueueUrl::new(&host, &VirtualQueueName::parse("replies")?);
/// assert_eq!(url.as_str(), "http://localhost:9324/000000000000/hosts-1#replies");
/// assert_eq!(url.host(), &host);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct VirtualQueueUrl {
    host: HostQueueUrl,
    /// The whole text of the name is the URL.
    name: VirtualQueueName,
}

impl VirtualQueueUrl {
    /// The URL of the virtual queue called `name` on `host`.
    pub fn new(host: &HostQueueUrl, name: &VirtualQueueName) -> Self {
        let text = [host.as_str(), name.as_str()].join("#");
        Self::join(host.clone(), text.into())
    }

    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// [`QueueUrlError`], which shows what is wrong and what is allowed.
    pub fn parse(text: &str) -> Result<Self, QueueUrlError> {
        let refuse = |kind| QueueUrlError::virtual_url(text, kind);
        let (host, name) = text
            .split_once('#')
            .ok_or_else(|| refuse(Kind::NoVirtualName))?;
        // `parse_kind`, so that the error shows the whole text and not only the host's URL.
        let host = HostQueueUrl::parse_kind(host).map_err(refuse)?;
        VirtualQueueName::check(name)
            .map_err(|error: VirtualQueueNameError| refuse(error.into()))?;
        Ok(Self::join(host, text.into()))
    }

    /// The URL's text.
    pub fn as_str(&self) -> &str {
        self.name.whole_text()
    }

    /// The host queue that carries the virtual queue.
    pub fn host(&self) -> &HostQueueUrl {
        &self.host
    }

    /// The name of the virtual queue on its host.
    pub fn name(&self) -> &VirtualQueueName {
        &self.name
    }

    fn join(host: HostQueueUrl, text: Arc<str>) -> Self {
        // The length of a host's URL is bounded, so the offset fits.
        let start = u16::try_from(host.as_str().len() + 1).unwrap_or(u16::MAX);
        Self {
            host,
            name: VirtualQueueName::at_end_of(text, start),
        }
    }
}

parsed_text!(VirtualQueueUrl, QueueUrlError);

impl fmt::Debug for VirtualQueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtualQueueUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::super::arbitrary;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn joined_and_parsed_are_equal(host in arbitrary::host(), name in arbitrary::name()) {
            let joined = VirtualQueueUrl::new(&host, &name);
            let parsed = VirtualQueueUrl::parse(joined.as_str());
            prop_assert_eq!(parsed.as_ref(), Ok(&joined));
            prop_assert_eq!(joined.host(), &host);
            prop_assert_eq!(joined.name(), &name);
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = VirtualQueueUrl::parse(&text);
        }
    }

    #[test]
    fn malformed_urls_are_refused_with_the_reason() {
        let kind = |text| VirtualQueueUrl::parse(text).unwrap_err().kind().clone();
        assert_eq!(kind("http://h/123456789012/q"), Kind::NoVirtualName);
        assert!(matches!(
            kind("http://h/123456789012/q#"),
            Kind::VirtualName(_)
        ));
        assert!(matches!(
            kind("http://h/123456789012/q#a#b"),
            Kind::VirtualName(_)
        ));
        assert_eq!(kind("ftp://h/123456789012/q#a"), Kind::Scheme);
    }
}
