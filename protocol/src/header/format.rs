//! The beginning of a header's text (version and kind), and the bounds of a header.

use std::fmt;

/// The version that this crate writes, and the only version that it reads.
pub const VERSION: u16 = 1;

/// The longest header, in bytes. A longer header is refused, and this crate writes no longer header.
pub const MAX_HEADER_BYTES: usize = 3_072;

/// Enough for later versions, and few enough to find duplicates by comparing all pairs.
pub(super) const MAX_FIELDS: usize = 32;

/// Whether a header belongs to a request or to a reply.
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
