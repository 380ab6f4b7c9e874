//! The traits that every parsed text of this crate has.
//!
//! Owns no rule: a type's rules are in its `parse`. The macro only spells out the standard ways to
//! call it, so that all of them agree.

/// `FromStr` and `TryFrom<&str>` by way of `parse`.
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

/// [`parsed_id`], and what else a type can do that keeps its text: `TryFrom<String>`, and
/// `AsRef<str>` and `Display` by way of `as_str`.
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
