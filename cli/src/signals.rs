//! Signals that ask the process to end.
//!
//! **Invariant:** after [`Signals::listen`], these signals no longer end the process by themselves; the caller must end
//! it.

use std::io;

/// Ctrl-C; SIGTERM and SIGHUP on Unix; Ctrl-Break and the closing of the console on Windows.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    /// `None` if the process was started with SIGHUP ignored, as `nohup` does.
    #[cfg(unix)]
    hang_up: Option<tokio::signal::unix::Signal>,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
    #[cfg(windows)]
    terminate: tokio::signal::windows::CtrlBreak,
    #[cfg(windows)]
    hang_up: Option<tokio::signal::windows::CtrlClose>,
}

impl Signals {
    /// Starts to catch signals; [`next`](Self::next) returns them.
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: if hang_up_is_ignored() {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            },
        })
    }

    #[cfg(windows)]
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
        Ok(Self {
            interrupt: ctrl_c()?,
            terminate: ctrl_break()?,
            hang_up: Some(ctrl_close()?),
        })
    }

    /// Waits for the next signal. Dropping the future loses no signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            Some(_) = hung_up(&mut self.hang_up) => {}
        }
    }
}

#[cfg(unix)]
async fn hung_up(signal: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    signal.as_mut()?.recv().await
}

#[cfg(windows)]
async fn hung_up(signal: &mut Option<tokio::signal::windows::CtrlClose>) -> Option<()> {
    signal.as_mut()?.recv().await
}

/// Whether this process was started with SIGHUP ignored. Without unsafe code, only Linux reports it.
#[cfg(unix)]
fn hang_up_is_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hang_up(&status))
}

/// Reads `SigIgn` of proc_pid_status(5): a bit for each signal, and SIGHUP is the first.
#[cfg(unix)]
fn ignores_hang_up(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 != 0)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_of_the_mask_is_sighup() {
        assert!(ignores_hang_up("Name:\tx\nSigIgn:\t0000000000001001\n"));
        for other in ["SigIgn:\t0000000000001000\nSigBlk:\t1", "SigIgn:\tx", ""] {
            assert!(!ignores_hang_up(other), "{other}");
        }
    }
}
