//! The traits that every parsed text of this crate implements.
//!
//! The rules of a type are in its `parse`. The macros here implement the standard traits by calling
//! `parse`, so that all of them agree.

/// Implements `FromStr` and `TryFrom<&str>` by calling `parse`.
macro_rules! parsed_id {
    ($type:ident, $error:ty) => {
        impl std::str::FromStr for $type {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl TryFrom<&str> for $type {
            type Error = $error;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                Self::parse(text)
            }
        }
    };
}

/// [`parsed_id`], and for types that keep their text also `TryFrom<String>`, and `AsRef<str>` and
/// `Display` by calling `as_str`.
macro_rules! parsed_text {
    ($type:ident, $error:ty) => {
        crate::text::parsed_id!($type, $error);

        impl TryFrom<&String> for $type {
            type Error = $error;

            fn try_from(text: &String) -> Result<Self, Self::Error> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub(crate) use {parsed_id, parsed_text};
