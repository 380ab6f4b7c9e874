//! What a process is made of, apart from the code that runs in it: clocks, and the gate before its tasks.

mod clock;
mod gate;

use std::fmt;

pub use clock::ProcessClock;
pub use gate::Gate;

/// One life of a process: it has another after each restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LifeId {
    /// The process's place in the plan.
    pub process: usize,
    /// How often it was started before.
    pub life: u32,
}

impl fmt::Display for LifeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}.{}", self.process, self.life)
    }
}
