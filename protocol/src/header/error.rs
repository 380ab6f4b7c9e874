//! Why a text is no header.

use super::{HeaderKind, MAX_HEADER_BYTES, VERSION, fields::MAX_FIELDS};
use crate::{ErrorCodeError, Excerpt, RequestIdError};

/// A text that is no [`Header`](super::Header).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// It is longer than [`MAX_HEADER_BYTES`](super::MAX_HEADER_BYTES).
    #[error("the header has {length} bytes, and {MAX_HEADER_BYTES} are allowed")]
    TooLong {
        /// Its bytes.
        length: usize,
    },
    /// It does not begin with a version.
    #[error("the header begins with {found}, not with a version number")]
    Version {
        /// What is there instead.
        found: Excerpt,
    },
    /// It has a version that is not known: the peer is newer.
    #[error("the header has version {found}, and version {VERSION} is understood")]
    UnsupportedVersion {
        /// The version.
        found: Excerpt,
    },
    /// It is neither a request's nor a reply's.
    #[error("the header is of kind {found}, and req and rep are allowed")]
    Kind {
        /// The kind.
        found: Excerpt,
    },
    /// It is a reply's where a request's is expected.
    #[error("the header is a {found}'s, and a {expected}'s is expected")]
    OtherKind {
        /// The kind that it has.
        found: HeaderKind,
        /// The kind that belongs there.
        expected: HeaderKind,
    },
    /// A field is not `name=value`, or its name is malformed.
    #[error(
        "{found} is not a header field: a name of 1 to 16 characters of a-z and 0-9, `=` and a value are allowed"
    )]
    Syntax {
        /// The field.
        found: Excerpt,
    },
    /// There are too many fields.
    #[error("the header has more than {MAX_FIELDS} fields")]
    TooManyFields,
    /// A field is there twice.
    #[error("the header has the field {name} twice")]
    Duplicate {
        /// Its name.
        name: Excerpt,
    },
    /// A field that must be there is not.
    #[error("the header has no field `{name}`")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// The value of a known field is malformed.
    #[error("the header's field `{name}` is malformed")]
    Field {
        /// Its name.
        name: &'static str,
        /// What is wrong with its value.
        source: FieldError,
    },
}

/// What is wrong with the value of a header's field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// It is not well percent-encoded, or not UTF-8 below that.
    #[error(
        "{found} is not percent-encoded UTF-8: printable ASCII without spaces, and % with two hex digits, are allowed"
    )]
    Encoding {
        /// The value.
        found: Excerpt,
    },
    /// It is no number.
    #[error(
        "{found} is not a number: decimal digits up to 18446744073709551615 without a leading zero are allowed"
    )]
    Number {
        /// The value.
        found: Excerpt,
    },
    /// It is neither `1` nor `0`.
    #[error("{found} is not a flag: 1 and 0 are allowed")]
    Flag {
        /// The value.
        found: Excerpt,
    },
    /// It is no request id.
    #[error(transparent)]
    RequestId(#[from] RequestIdError),
    /// It is no error code.
    #[error(transparent)]
    ErrorCode(#[from] ErrorCodeError),
    /// It is no idempotency key.
    #[error(
        "{found} is not an idempotency key: 1 to 128 bytes without control characters are allowed"
    )]
    IdempotencyKey {
        /// The value.
        found: Excerpt,
    },
    /// It is no operation.
    #[error(
        "{found} is not an operation: 1 to 128 characters of A-Z, a-z, 0-9 and `_.:/-` are allowed"
    )]
    Operation {
        /// The value.
        found: Excerpt,
    },
    /// It is no content type.
    #[error(
        "{found} is not a content type: 1 to 128 printable ASCII characters with no space at either end are allowed"
    )]
    ContentType {
        /// The value.
        found: Excerpt,
    },
}
