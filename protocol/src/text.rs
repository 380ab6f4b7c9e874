//! The traits that every parsed text of this crate has.
//!
//! Owns no rule: a type's rules are in its `parse`. The macro only spells out the standard ways to
//! call it, so that all of them agree.

/// `FromStr`, `TryFrom<&str>`, `TryFrom<String>`, `AsRef<str>` and `Display` by way of `parse` and
/// `as_str`.
macro_rules! parsed_text {
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

/// `FromStr` by way of `parse`, for the ids that are numbers and not text inside.
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

pub(crate) use {parsed_id, parsed_text};
