//! How a command reports a failure: one line on stderr, an exit code, and with `--json` an object on stdout.
//!
//! **Invariant:** texts from other sources stay within this line and cannot control the terminal.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;

use serde_json::{Value, json};

/// The exit codes, for the help.
pub(crate) const EXIT_CODES: &str = "\
Exit codes: 0 success, 1 the responder returned an error, 2 wrong usage or an invalid request, 3 no reply in time, \
4 any other failure, such as an interrupt

With --json a failure is also printed to stdout, as a JSON object: error.kind is one word, error.message is the line on stderr";

type BoxError = Box<dyn Error + Send + Sync>;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// A kind that is more specific than the exit code.
    kind: Option<&'static str>,
    error: BoxError,
    /// Whether the result on stdout already contains the failure.
    pub(crate) in_result: bool,
}

/// The exit codes. They are documented, and scripts depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The responder returned an error.
    Remote = 1,
    /// Wrong usage or an invalid request. Clap uses the same code.
    Usage = 2,
    /// No reply in time.
    Timeout = 3,
    /// Anything else.
    Other = 4,
    /// The reader of the output has closed the pipe, as `head` does. Not a failure, so nothing is printed.
    ReaderGone = 0,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<BoxError>) -> Self {
        Self {
            exit,
            kind: None,
            error: error.into(),
            in_result: false,
        }
    }

    pub(crate) fn usage(error: impl Into<BoxError>) -> Self {
        Self::new(Exit::Usage, error)
    }

    pub(crate) fn other(error: impl Into<BoxError>) -> Self {
        Self::new(Exit::Other, error)
    }

    /// A signal arrived before the command was finished.
    pub(crate) fn interrupted(text: &'static str) -> Self {
        Self {
            kind: Some("interrupted"),
            ..Self::other(text)
        }
    }

    /// Marks the failure as already contained in the result on stdout.
    pub(crate) fn in_result(self) -> Self {
        Self {
            in_result: true,
            ..self
        }
    }

    /// The output could not be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::BrokenPipe => Exit::ReaderGone,
            _ => Exit::Other,
        };
        Self::new(exit, format!("cannot write to stdout: {error}"))
    }

    /// The failure as JSON, for programs.
    pub(crate) fn to_json(&self) -> Value {
        let kind = self.kind.unwrap_or(match self.exit {
            Exit::Remote => "remote",
            Exit::Usage => "usage",
            Exit::Timeout => "timeout",
            Exit::Other | Exit::ReaderGone => "other",
        });
        json!({ "kind": kind, "message": self.to_string() })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error: &(dyn Error + 'static) = &*self.error;
        write!(f, "{}", Chain(error))
    }
}

/// The maximum number of causes in a text, because an error may be its own cause.
const CAUSES: usize = 16;

/// An error and its causes in one line. A cause is left out if the text above it already contains the cause's text.
#[derive(Debug)]
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut above = self.0.to_string();
        write!(f, "{}", OneLine(&above))?;
        let mut cause = self.0.source();
        for _ in 0..CAUSES {
            let Some(error) = cause else { break };
            let text = error.to_string();
            if !above.contains(&text) {
                write!(f, ": {}", OneLine(&text))?;
                above = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}

/// A text with escaped control characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| {
            if char.is_control() {
                write!(f, "{}", char.escape_default())
            } else {
                f.write_char(char)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Layer>>);

    impl fmt::Display for Layer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Layer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1
                .as_deref()
                .map(|layer| layer as &(dyn Error + 'static))
        }
    }

    fn chain(texts: &[&'static str]) -> String {
        let chain = texts
            .iter()
            .rev()
            .fold(None, |below, text| Some(Box::new(Layer(text, below))));
        Failure::other(*chain.unwrap()).to_string()
    }

    #[test]
    fn causes_follow_in_one_line_without_repetition() {
        assert_eq!(
            chain(&["cannot send", "no connection", "refused"]),
            "cannot send: no connection: refused"
        );
        assert_eq!(
            chain(&["cannot send: refused", "refused", "by the peer"]),
            "cannot send: refused: by the peer"
        );
    }

    #[test]
    fn an_error_that_is_its_own_cause_ends() {
        #[derive(Debug)]
        struct Snake;
        impl fmt::Display for Snake {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bites")
            }
        }
        impl Error for Snake {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(self)
            }
        }
        assert_eq!(Failure::other(Snake).to_string(), "bites");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(chain(&["a\nb\u{1b}[2J"]), "a\\nb\\u{1b}[2J");
    }
}
