//! The progress bar on stderr, hidden if stderr is not a terminal, and a line on stderr if there is no progress.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::console::say;
use crate::failure::Failure;

/// After this time without a reply, a line on stderr reports it.
const SILENCE: Duration = Duration::from_secs(10);

const TEMPLATE: &str = "{msg:40} {wide_bar} {pos}/{len} {eta}";

/// Shows the progress of the run.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
    /// Number of replies so far, including those of warm-ups.
    replies: Arc<AtomicU64>,
}

impl Progress {
    pub(super) fn start() -> Result<Self, Failure> {
        let style = ProgressStyle::with_template(TEMPLATE).map_err(Failure::other)?;
        // `ProgressBar` draws nothing if stderr is not a terminal.
        Ok(Self {
            bar: ProgressBar::new(0).with_style(style),
            replies: Arc::default(),
        })
    }

    /// Begins a run with this number of steps.
    pub(super) fn begin(&self, label: &str, steps: u64) {
        self.bar.reset();
        self.bar.set_length(steps);
        self.bar.set_message(label.to_owned());
    }

    /// Returns a function to be called after each reply of a warm-up.
    pub(super) fn warm_up(&self) -> impl Fn() + Clone + Send + 'static {
        let replies = Arc::clone(&self.replies);
        move || {
            replies.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns a function to be called after each step.
    pub(super) fn tick(&self) -> impl Fn() + Clone + Send + 'static {
        let (bar, reply) = (self.bar.clone(), self.warm_up());
        move || {
            bar.inc(1);
            reply();
        }
    }

    /// Reports on stderr, once for each silence, that no reply comes. Never returns.
    pub(super) async fn watch(&self) -> Infallible {
        let replies = || self.replies.load(Ordering::Relaxed);
        let (mut seen, mut said) = (replies(), false);
        loop {
            tokio::time::sleep(SILENCE).await;
            let now = replies();
            if now == seen && !said {
                let line = "sqs-rpc: no reply for 10s; the bench fails when a request has waited for 2m; press Ctrl-C to stop now";
                self.bar.suspend(|| say(line));
            }
            (seen, said) = (now, now == seen);
        }
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
