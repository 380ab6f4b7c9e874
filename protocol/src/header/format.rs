//! What the text of a header begins with, and its bounds.

use std::fmt;

/// The version that is written, and the only one that is understood.
pub const VERSION: u16 = 1;

/// The longest header, in bytes. A longer one is refused; none that this crate writes is longer.
pub const MAX_HEADER_BYTES: usize = 3_072;

/// Enough for any version to come, and few enough to look for duplicates by comparing.
pub(super) const MAX_FIELDS: usize = 32;

/// Whether a header is a request's or a reply's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderKind {
    /// On a request: `req`.
    Request,
    /// On a reply: `rep`.
    Reply,
}

impl HeaderKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Request => "req",
            Self::Reply => "rep",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "req" => Some(Self::Request),
            "rep" => Some(Self::Reply),
            _ => None,
        }
    }
}

impl fmt::Display for HeaderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Reply => "reply",
        })
    }
}
