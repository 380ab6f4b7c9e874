//! The parts of a process apart from the code that runs in it: its clocks, and the gate in front of its tasks.

mod clock;
mod gate;

use std::fmt;

pub use clock::ProcessClock;
pub use gate::Gate;

/// One life of a process. Each restart begins another life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LifeId {
    /// The index of the process in the plan.
    pub process: usize,
    /// The number of earlier lives.
    pub life: u32,
}

impl fmt::Display for LifeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}.{}", self.process, self.life)
    }
}
