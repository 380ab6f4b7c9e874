//! The trace of a run: all events in order, one line for each.
//!
//! Two runs of one seed are the same if their traces are the same byte for byte. Comparing the hashes is cheap; the lines
//! are kept only for a reader. A campaign of thousands of seeds keeps neither, because a seed that fails is run again.
//! Writing the lines costs a run a twelfth of its instructions.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The part of a run's trace that is kept. The run does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: no line is written.
    Nothing,
    /// The hash.
    Hash,
    /// The hash and the lines.
    Lines,
}

/// A log of events. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct Trace {
    keep: Keep,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    hash: u64,
    events: u64,
    /// The buffer for the current line, reused so that a run does not allocate for its trace.
    line: String,
    lines: Vec<String>,
}

impl Trace {
    /// An empty trace.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        Self {
            keep,
            inner: Arc::new(Mutex::new(Inner {
                hash: 0xcbf2_9ce4_8422_2325,
                events: 0,
                line: String::new(),
                lines: Vec::new(),
            })),
        }
    }

    /// Writes an event at this true time.
    pub fn note(&self, at: Duration, what: fmt::Arguments<'_>) {
        if self.keep == Keep::Nothing {
            return;
        }
        let mut inner = self.lock();
        let mut line = std::mem::take(&mut inner.line);
        line.clear();
        // Writing to a string does not fail.
        let (secs, millis) = (at.as_secs(), at.subsec_millis());
        let _ = write!(line, "{secs:>6}.{millis:03} {what}");
        inner.hash = line.bytes().chain([b'\n']).fold(inner.hash, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        inner.events += 1;
        if self.keep == Keep::Lines {
            inner.lines.push(line.clone());
        }
        inner.line = line;
    }

    /// The hash of all lines, and their number. If nothing is kept, the hash of no line.
    #[must_use]
    pub fn hash(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.hash, inner.events)
    }

    /// The lines, if they were kept.
    #[must_use]
    pub fn take_lines(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().lines)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
