//! W3C Trace Context: `traceparent` and `tracestate`.
//!
//! Owns their validation, after <https://www.w3.org/TR/trace-context/>. Does not make spans.
//! Invariant: ids are never zero, as the standard requires.

use crate::{Excerpt, hex, text::parsed_text};
use std::{fmt, sync::Arc};

/// The longest `tracestate` that is sent, in characters: the minimum that the standard asks to
/// propagate.
const MAX_STATE: usize = 512;
/// The maximum number of members of a `tracestate`.
const MAX_MEMBERS: usize = 32;
/// The length of a `traceparent` of version 00. Later versions begin with a text of this length.
const PARENT_CHARS: usize = 55;

/// The trace that a request belongs to. Becomes the parent of the responder's span.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::TraceContext;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context = TraceContext::parse(text)?;
/// assert_eq!(context.trace_id(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
/// assert!(context.is_sampled());
/// assert_eq!(context.traceparent(), text);
/// # Ok::<(), sqs_rpc_protocol::TraceContextError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
    state: Option<TraceState>,
}

/// A valid `tracestate`: what vendors add to a trace. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TraceState(Arc<str>);

impl TraceContext {
    /// A context with these ids, or `None` if an id is zero, which the standard forbids.
    pub fn new(trace_id: u128, parent_id: u64, flags: u8) -> Option<Self> {
        (trace_id != 0 && parent_id != 0).then_some(Self {
            trace_id,
            parent_id,
            flags,
            state: None,
        })
    }

    /// Reads a `traceparent`.
    ///
    /// From a version later than 00, only the fields of version 00 are read, as the standard says.
    ///
    /// # Errors
    ///
    /// [`TraceContextError`] if the text is malformed or an id is zero.
    pub fn parse(traceparent: &str) -> Result<Self, TraceContextError> {
        Self::from_traceparent(traceparent).ok_or_else(|| TraceContextError::Parent {
            found: Excerpt::of(traceparent),
        })
    }

    /// The same context with a `tracestate`.
    #[must_use]
    pub fn with_state(self, state: TraceState) -> Self {
        Self {
            state: Some(state),
            ..self
        }
    }

    /// The `traceparent`, of version 00.
    pub fn traceparent(&self) -> String {
        format!(
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id, self.parent_id, self.flags
        )
    }

    /// The `tracestate`.
    pub fn tracestate(&self) -> Option<&TraceState> {
        self.state.as_ref()
    }

    /// The trace's id; never zero.
    pub const fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The id of the span that sent the request; never zero.
    pub const fn parent_id(&self) -> u64 {
        self.parent_id
    }

    /// The flags.
    pub const fn flags(&self) -> u8 {
        self.flags
    }

    /// Whether the trace is recorded: the lowest flag.
    pub const fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    fn from_traceparent(text: &str) -> Option<Self> {
        let (known, more) = text.split_at_checked(PARENT_CHARS)?;
        let mut parts = known.split('-');
        let version = hex::parse(parts.next()?, 2)?;
        let context = Self::new(
            hex::parse(parts.next()?, 32)?,
            hex::parse_u64(parts.next()?)?,
            u8::try_from(hex::parse(parts.next()?, 2)?).ok()?,
        )?;
        let well_formed = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.is_empty() || more.starts_with('-'),
        };
        well_formed.then_some(context)
    }
}

impl TraceState {
    /// Reads a `tracestate`: 1 to 32 members `key=value`, at most 512 characters.
    ///
    /// # Errors
    ///
    /// [`TraceContextError::State`] if the text is malformed.
    pub fn parse(text: &str) -> Result<Self, TraceContextError> {
        let mut members = text.split(',');
        let valid = text.len() <= MAX_STATE
            && members.clone().count() <= MAX_MEMBERS
            && members.all(|member| {
                member
                    .trim_matches([' ', '\t'])
                    .split_once('=')
                    .is_some_and(|(k, v)| is_key(k) && is_value(v))
            });
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(TraceContextError::State {
                found: Excerpt::of(text),
            })
        }
    }

    /// The `tracestate`'s text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

parsed_text!(TraceState, TraceContextError);

impl std::str::FromStr for TraceContext {
    type Err = TraceContextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.traceparent())
    }
}

fn is_key(key: &str) -> bool {
    (1..=256).contains(&key.len())
        && key.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && key
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@'))
}

fn is_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && !value.ends_with(' ')
        && value
            .bytes()
            .all(|b| matches!(b, b' '..=b'~') && !matches!(b, b',' | b'='))
}

/// A text that is not a `traceparent` or not a `tracestate`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceContextError {
    /// The `traceparent` is malformed.
    #[error(
        "{found} is not a traceparent: expected 00, then 32, 16 and 2 lower-case hex digits, separated by dashes, and no id of zeros"
    )]
    Parent {
        /// What was found instead.
        found: Excerpt,
    },
    /// The `tracestate` is malformed.
    #[error(
        "{found} is not a tracestate: expected 1 to 32 members key=value, separated by commas, at most 512 characters in all"
    )]
    State {
        /// What was found instead.
        found: Excerpt,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn traceparents_are_validated() {
        let known = TraceContext::parse(&format!("00-{TRACE}-{SPAN}-00")).unwrap();
        assert!(!known.is_sampled());
        for later in [
            format!("01-{TRACE}-{SPAN}-00"),
            format!("fe-{TRACE}-{SPAN}-00-more"),
        ] {
            assert_eq!(TraceContext::parse(&later).unwrap(), known, "{later}");
        }
        let zeros = |n: usize| "0".repeat(n);
        for refused in [
            String::new(),
            format!("00-{TRACE}-{SPAN}-0"),
            format!("00-{TRACE}-{SPAN}-00-"),
            format!("ff-{TRACE}-{SPAN}-00"),
            format!("01-{TRACE}-{SPAN}-00more"),
            format!("00-{}-{SPAN}-00", zeros(32)),
            format!("00-{TRACE}-{}-00", zeros(16)),
            format!("00-{}-{SPAN}-00", TRACE.to_uppercase()),
            format!("00_{TRACE}_{SPAN}_00"),
            format!("00-{TRACE}-{SPAN}-é"),
        ] {
            assert!(TraceContext::parse(&refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn tracestates_are_validated() {
        let member = "k=v,";
        for allowed in [
            "a=b",
            "a=b,c@d=e f",
            "a=b , c=d",
            "0a_-*/=!",
            &member.repeat(32)[..127],
        ] {
            assert!(TraceState::parse(allowed).is_ok(), "{allowed}");
        }
        let too_many = &member.repeat(33)[..131];
        let too_long = format!("a={}", "x".repeat(256));
        for refused in [
            "",
            "a",
            "=b",
            "a=",
            "A=b",
            "a=b,",
            "a=b=c",
            "a=é",
            "a=\n",
            too_many,
            &format!("{too_long},b={too_long}"),
        ] {
            assert!(TraceState::parse(refused).is_err(), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(trace_id in 1..=u128::MAX, parent_id in 1..=u64::MAX, flags: u8) {
            let context = TraceContext::new(trace_id, parent_id, flags).unwrap();
            prop_assert_eq!(TraceContext::parse(&context.traceparent()), Ok(context));
        }

        #[test]
        fn never_panics(text in prop_oneof![any::<String>(), "\\PC{50,60}", "[0-9a-f-]{54,57}"]) {
            let _ = TraceContext::parse(&text);
            let _ = TraceState::parse(&text);
        }
    }
}
