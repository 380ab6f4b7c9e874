//! The error of a builder that was given a value out of range.

use std::fmt;
use std::ops::RangeInclusive;

/// An option with a value that is not allowed. Nothing was created and no call was made.
///
/// The builders of the requester and the responder return this error, too.
///
/// # Examples
///
/// ```
/// use sqs_rpc_transport::InvalidOption;
///
/// let error = InvalidOption::unless_within("concurrency", &0, &(1..=100)).unwrap_err();
/// assert_eq!(error.to_string(), "concurrency is 0: 1 to 100 is allowed");
/// assert_eq!(error.option(), "concurrency");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidOption {
    option: &'static str,
    found: String,
    allowed: String,
}

impl InvalidOption {
    /// An error that names the option, its value and the allowed values.
    #[must_use]
    pub fn new(option: &'static str, found: impl fmt::Display, allowed: impl fmt::Display) -> Self {
        Self {
            option,
            found: found.to_string(),
            allowed: allowed.to_string(),
        }
    }

    /// Checks that a number or a duration is within its range.
    ///
    /// # Errors
    ///
    /// An [`InvalidOption`] if `found` is outside of `allowed`.
    pub fn unless_within<T: PartialOrd + fmt::Debug>(
        option: &'static str,
        found: &T,
        allowed: &RangeInclusive<T>,
    ) -> Result<(), Self> {
        if allowed.contains(found) {
            return Ok(());
        }
        // `Debug` prints a duration as code writes it (`30s`), and a number unchanged.
        let range = format_args!("{:?} to {:?}", allowed.start(), allowed.end()).to_string();
        Err(Self::new(option, format_args!("{found:?}"), range))
    }

    /// The option's name, which is the name of the builder's method.
    #[must_use]
    pub const fn option(&self) -> &'static str {
        self.option
    }
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            option,
            found,
            allowed,
        } = self;
        write!(f, "{option} is {found}: {allowed} is allowed")
    }
}

impl std::error::Error for InvalidOption {}
