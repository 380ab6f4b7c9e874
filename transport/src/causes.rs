//! The causes of an error.
//!
//! Owns: the maximum number of causes that are followed. **Invariant:** following them ends, even if an error of the
//! user is its own `source`.

use std::error::Error;
use std::fmt;
use std::iter;

/// The maximum number of causes that are followed. Real errors have fewer than ten.
const DEEPEST: usize = 16;

/// The causes of an error, beginning with its `source`: at most 16, because an error may be its own cause.
#[doc(hidden)]
pub fn causes<'a>(error: &'a dyn Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let below = |error: &&'a (dyn Error + 'static)| {
        let error: &'a _ = *error;
        error.source()
    };
    iter::successors(error.source(), below).take(DEEPEST)
}

/// An error and [its causes](causes) as one text.
#[doc(hidden)]
#[derive(Debug)]
pub struct WithCauses<'a>(pub &'a dyn Error);

impl fmt::Display for WithCauses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        causes(self.0).try_for_each(|cause| write!(f, ": {cause}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[derive(Debug)]
    struct ItsOwnCause;

    impl fmt::Display for ItsOwnCause {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("x")
        }
    }

    impl Error for ItsOwnCause {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }

    #[test]
    fn all_causes_are_in_the_text() {
        let bottom = Layer {
            text: "disk 7 is full",
            source: None,
        };
        let top = Layer {
            text: "cannot write",
            source: Some(Box::new(bottom)),
        };
        assert_eq!(WithCauses(&top).to_string(), "cannot write: disk 7 is full");
    }

    #[test]
    fn causes_end_for_an_error_that_is_its_own_cause() {
        assert_eq!(causes(&ItsOwnCause).take(1_000).count(), DEEPEST);
        assert_eq!(WithCauses(&ItsOwnCause).to_string().len(), 1 + DEEPEST * 3);
    }
}
