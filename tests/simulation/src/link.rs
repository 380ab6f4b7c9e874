//! The link between one life of a process and the network.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio_util::sync::CancellationToken;

use crate::process::{Gate, LifeId, ProcessClock};

/// One life of a process, as the network sees it.
#[derive(Debug, Clone)]
pub struct Link {
    /// Who it is.
    pub life: LifeId,
    /// Its clocks.
    pub clock: ProcessClock,
    /// What its tasks run behind.
    pub gate: Gate,
    /// Cancelled when the process is dead and its connections are gone.
    pub gone: CancellationToken,
    /// Cancelled when all tasks of the framework have ended.
    pub ended: CancellationToken,
    /// Set to kill the process as soon as SQS has accepted a reply of its own.
    pub trap: Arc<AtomicBool>,
}

impl Link {
    /// Kills the process. `false` if it was dead already.
    pub fn kill(&self) -> bool {
        let killed = self.gate.kill();
        self.gone.cancel();
        killed
    }
}
