//! Why a text is not a header.

use super::format::{HeaderKind, MAX_FIELDS, MAX_HEADER_BYTES, VERSION};
use crate::{ErrorCodeError, Excerpt, RequestIdError};

/// A text that is not a [`Header`](super::Header).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The text is longer than [`MAX_HEADER_BYTES`](super::MAX_HEADER_BYTES).
    #[error("the header has {length} bytes, at most {MAX_HEADER_BYTES} are allowed")]
    TooLong {
        /// The length of the header in bytes.
        length: usize,
    },
    /// The text does not begin with a version.
    #[error("expected a version number at the beginning of the header, found {found}")]
    Version {
        /// The text that was found instead.
        found: Excerpt,
    },
    /// The version is unknown: the peer is newer.
    #[error("expected header version {VERSION}, found {found}")]
    UnsupportedVersion {
        /// The version.
        found: Excerpt,
    },
    /// The kind is neither request nor reply.
    #[error("expected header kind req or rep, found {found}")]
    Kind {
        /// The kind.
        found: Excerpt,
    },
    /// The header has the other kind than expected: a reply instead of a request.
    #[error("expected the header of a {expected}, found the header of a {found}")]
    OtherKind {
        /// The kind of the header.
        found: HeaderKind,
        /// The expected kind.
        expected: HeaderKind,
    },
    /// A field is not `name=value`, or its name is malformed.
    #[error(
        "{found} is not a header field: expected a name of 1 to 16 characters of a-z and 0-9, `=` and a value"
    )]
    Syntax {
        /// The field.
        found: Excerpt,
    },
    /// There are too many fields.
    #[error("the header has more than {MAX_FIELDS} fields")]
    TooManyFields,
    /// A field occurs twice.
    #[error("the header has the field {name} twice")]
    Duplicate {
        /// Its name.
        name: Excerpt,
    },
    /// A required field is missing.
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
        /// What is wrong with the value.
        source: FieldError,
    },
}

/// What is wrong with the value of a header's field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The value is not correctly percent-encoded, or the decoded bytes are not UTF-8.
    #[error(
        "{found} is not percent-encoded UTF-8: expected printable ASCII without spaces, and % with two hex digits"
    )]
    Encoding {
        /// The value.
        found: Excerpt,
    },
    /// The value is not a number.
    #[error(
        "{found} is not a number: expected decimal digits up to 18446744073709551615 without a leading zero"
    )]
    Number {
        /// The value.
        found: Excerpt,
    },
    /// The value is neither `1` nor `0`.
    #[error("{found} is not a flag: expected 1 or 0")]
    Flag {
        /// The value.
        found: Excerpt,
    },
    /// The value is not a request id.
    #[error(transparent)]
    RequestId(#[from] RequestIdError),
    /// The value is not an error code.
    #[error(transparent)]
    ErrorCode(#[from] ErrorCodeError),
    /// The value is not an idempotency key.
    #[error(
        "{found} is not an idempotency key: expected 1 to 128 bytes without control characters"
    )]
    IdempotencyKey {
        /// The value.
        found: Excerpt,
    },
    /// The value is not an operation.
    #[error(
        "{found} is not an operation: expected 1 to 128 characters of A-Z, a-z, 0-9 and `_.:/-`"
    )]
    Operation {
        /// The value.
        found: Excerpt,
    },
    /// The value is not a content type.
    #[error(
        "{found} is not a content type: expected 1 to 128 printable ASCII characters with no space at either end"
    )]
    ContentType {
        /// The value.
        found: Excerpt,
    },
}
