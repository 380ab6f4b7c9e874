//! The link between one life of a process and the network.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio_util::sync::CancellationToken;

use crate::process::{Gate, LifeId, ProcessClock};

/// One life of a process, as the network sees it.
#[derive(Debug, Clone)]
pub struct Link {
    /// The life.
    pub life: LifeId,
    /// Its clocks.
    pub clock: ProcessClock,
    /// The gate in front of its tasks.
    pub gate: Gate,
    /// Cancelled when the process is dead and its connections are gone.
    pub gone: CancellationToken,
    /// Cancelled when all tasks of the framework have ended.
    pub ended: CancellationToken,
    /// Set to kill the process as soon as SQS has accepted its next reply.
    pub trap: Arc<AtomicBool>,
}

impl Link {
    /// Kills the process. Returns `false` if it was already dead.
    pub fn kill(&self) -> bool {
        let killed = self.gate.kill();
        self.gone.cancel();
        killed
    }
}
