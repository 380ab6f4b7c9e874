//! What this process holds: memory and threads, as the system counts them.
//!
//! Where the system does not say (it does on Linux), there is no answer rather than a guess.

/// What is held at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resources {
    /// Bytes of memory that are in use.
    pub(super) resident: u64,
    /// Threads of the system.
    pub(super) threads: u64,
}

/// What this process holds now; `None` where the system does not say.
pub(super) fn resources() -> Option<Resources> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse(status: &str) -> Option<Resources> {
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some(Resources {
        resident: number("VmRSS:")? * 1024,
        threads: number("Threads:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_numbers_are_found() {
        let status = "Name:\tsqs-rpc\nVmHWM:\t   99 kB\nVmRSS:\t   12 kB\nThreads:\t3\n";
        let expected = Resources {
            resident: 12 * 1024,
            threads: 3,
        };
        assert_eq!(parse(status), Some(expected));
        assert_eq!(parse("Threads:\t3\n"), None);
    }
}
