//! One line a request, for who wants to watch.

use crate::engine::{Action, Error, Output, Request};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What became of one request. Its `Display` is one line with no body and no receipt handle in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trace {
    /// The action.
    pub action: Action,
    /// The name of the queue; `*` if it is about none.
    pub queue: String,
    /// How many messages came, or how many entries of a batch succeeded; none of other actions.
    pub count: Option<usize>,
    /// How many entries of a batch failed.
    pub failed: usize,
    /// The code of the error, if it failed.
    pub error: Option<&'static str>,
    /// How long it took, on SQS's clock.
    pub took: Duration,
}

impl Trace {
    pub(crate) fn new(request: &Request) -> Self {
        Self {
            action: request.action(),
            queue: request.resource(),
            count: None,
            failed: 0,
            error: None,
            took: Duration::ZERO,
        }
    }

    pub(crate) fn ended(mut self, result: &Result<Output, Error>, took: Duration) -> Self {
        let (count, failed) = match result {
            Ok(Output::Messages(output)) => (Some(output.messages.len()), 0),
            Ok(Output::SentBatch(batch)) => (Some(batch.successful.len()), batch.failed.len()),
            Ok(Output::Batch(batch)) => (Some(batch.successful.len()), batch.failed.len()),
            Ok(Output::Queues(output)) => (Some(output.queue_urls.len()), 0),
            _ => (None, 0),
        };
        (self.count, self.failed, self.took) = (count, failed, took);
        self.error = result.as_ref().err().map(|error| error.kind().query_code());
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
            error,
            took,
        } = self;
        write!(f, "{action} {queue} {}", error.unwrap_or("ok"))?;
        if let Some(count) = count {
            write!(f, " {count}")?;
        }
        if *failed > 0 {
            write!(f, " failed {failed}")?;
        }
        write!(f, " {} ms", took.as_millis())
    }
}

/// Who watches.
#[derive(Clone)]
pub(crate) struct Watcher(pub(crate) Arc<dyn Fn(&Trace) + Send + Sync>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}
