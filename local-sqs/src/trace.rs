//! One line for each request, for logs.

use crate::engine::{Action, Output, Request, SqsError};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

/// The maximum number of characters of a queue's name that are shown.
const LONGEST: usize = 200;

/// The outcome of one request. Its `Display` is one line without bodies and receipt handles.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trace {
    /// The action; `None` for a malformed request.
    pub action: Option<Action>,
    /// The name of the queue; `*` if the request has no queue.
    pub queue: String,
    /// The number of received messages, listed queues or succeeded entries of a batch; `None` for other actions.
    pub count: Option<usize>,
    /// The number of failed entries of a batch.
    pub failed: usize,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The code of the error, if the request failed.
    pub error: Option<&'static str>,
    /// Whether the answer was lost because of [`Behaviour::lost_answers`](crate::Behaviour::lost_answers).
    pub lost: bool,
    /// The duration of the request on SQS's clock.
    pub took: Duration,
}

impl Trace {
    pub(crate) fn new(request: &Request) -> Self {
        Self {
            action: Some(request.action()),
            queue: request.resource(),
            ..Self::UNKNOWN
        }
    }

    const UNKNOWN: Self = Self {
        action: None,
        queue: String::new(),
        count: None,
        failed: 0,
        status: 200,
        error: None,
        lost: false,
        took: Duration::ZERO,
    };

    /// The trace of bytes that are not a request of the API.
    pub(crate) fn refused(error: &SqsError) -> Self {
        Self {
            queue: "*".to_owned(),
            status: error.kind().status(),
            error: Some(error.kind().query_code()),
            ..Self::UNKNOWN
        }
    }

    pub(crate) fn ended(
        mut self,
        result: &Result<Output, SqsError>,
        lost: bool,
        took: Duration,
    ) -> Self {
        let (count, failed) = match result {
            Ok(Output::Messages(output)) => (Some(output.messages.len()), 0),
            Ok(Output::SentBatch(batch)) => (Some(batch.successful.len()), batch.failed.len()),
            Ok(Output::Batch(batch)) => (Some(batch.successful.len()), batch.failed.len()),
            Ok(Output::Queues(output)) => (Some(output.queue_urls.len()), 0),
            _ => (None, 0),
        };
        (self.count, self.failed, self.took) = (count, failed, took);
        (self.error, self.lost) = (None, lost);
        if let Err(error) = result {
            self.error = Some(error.kind().query_code());
            self.status = error.kind().status();
        }
        self
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            action,
            queue,
            count,
            failed,
            status,
            error,
            lost,
            took,
        } = self;
        let action = action.map_or("-", Action::name);
        write!(
            f,
            "{action} {} {status} {}",
            OneLine(queue),
            error.unwrap_or("ok")
        )?;
        if let Some(count) = count {
            write!(f, " {count}")?;
        }
        if *failed > 0 {
            write!(f, " failed {failed}")?;
        }
        if *lost {
            f.write_str(" answer lost")?;
        }
        write!(f, " {} ms", took.as_millis())
    }
}

/// A text of a caller with escaped control characters, so that it stays in one line and cannot control a terminal.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().take(LONGEST).try_for_each(|char| {
            if char.is_control() {
                write!(f, "{}", char.escape_default())
            } else {
                f.write_char(char)
            }
        })
    }
}

/// The function that is called for each request.
#[derive(Clone)]
pub(crate) struct Watcher(pub(crate) Arc<dyn Fn(&Trace) + Send + Sync>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}
