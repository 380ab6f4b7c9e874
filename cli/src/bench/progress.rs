//! The progress bar on stderr; nothing where stderr is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Failure;

const TEMPLATE: &str = "{msg:40} {wide_bar} {pos}/{len} {eta}";

/// Shows how far the run is.
#[derive(Debug, Clone)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn start() -> Result<Self, Failure> {
        let style = ProgressStyle::with_template(TEMPLATE).map_err(Failure::other)?;
        // It draws nothing where stderr is no terminal.
        Ok(Self(ProgressBar::new(0).with_style(style)))
    }

    /// A run with so many steps.
    pub(super) fn begin(&self, label: &str, steps: u64) {
        self.0.reset();
        self.0.set_length(steps);
        self.0.set_message(label.to_owned());
    }

    /// To be called after each step.
    pub(super) fn tick(&self) -> impl Fn() + Clone + Send + 'static {
        let bar = self.0.clone();
        move || bar.inc(1)
    }

    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}
