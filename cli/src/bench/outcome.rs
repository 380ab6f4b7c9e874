//! The figures of one run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::calls::Calls;
use super::contestant::Name;
use super::load::{Load, Timing};

/// The price of a million calls of a standard queue in dollars (SQS pricing page, us-east-1).
const DOLLARS_PER_MILLION_CALLS: f64 = 0.40;
/// The actions whose calls carry several messages.
const BATCHED: [&str; 3] = ["SendMessageBatch", "ReceiveMessage", "DeleteMessageBatch"];

/// The result of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Outcome {
    #[serde(flatten)]
    pub(super) load: Load,
    /// Size of a body in bytes.
    pub(super) payload: usize,
    pub(super) contestant: Name,
    /// Number of long polls on each queue, for a contestant with a fixed number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) polls: Option<usize>,
    #[serde(flatten)]
    pub(super) rpc: Rpc,
}

/// The figures of a load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Rpc {
    pub(super) rpc_per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    pub(super) calls_per_rpc: f64,
    /// Average number of messages per call, by action.
    pub(super) fill: BTreeMap<String, f64>,
    pub(super) dollars_per_million_rpc: f64,
    /// CPU time of both ends in microseconds; `None` if SQS itself runs in the same process.
    pub(super) cpu_us_per_rpc: Option<f64>,
    /// Number of operating system threads at the end of the load; `None` if the system does not report it.
    pub(super) os_threads: Option<u64>,
    /// Number of calls by action.
    pub(super) calls: BTreeMap<String, u64>,
}

impl Rpc {
    pub(super) fn new(timing: &Timing, calls: &Calls, cpu: Option<Duration>) -> Self {
        let requests = timing.latencies.len() as f64;
        let per_rpc = |n: f64| n / requests;
        let quantile = |q| timing.latencies.value_at_quantile(q) as f64 / 1_000.0;
        let fill = BATCHED
            .iter()
            .filter_map(|&action| Some((action.to_owned(), calls.fill(action)?)));
        Self {
            rpc_per_second: requests / timing.elapsed.as_secs_f64(),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            p999_ms: quantile(0.999),
            calls_per_rpc: per_rpc(calls.total() as f64),
            fill: fill.collect(),
            dollars_per_million_rpc: per_rpc(calls.billed() as f64) * DOLLARS_PER_MILLION_CALLS,
            cpu_us_per_rpc: cpu.map(|cpu| per_rpc(cpu.as_secs_f64() * 1e6)),
            os_threads: os_threads(),
            calls: calls.by_action(),
        }
    }
}

/// `None` on systems without Linux's `/proc`.
fn os_threads() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mut lines = status.lines();
    let threads = lines.find_map(|line| line.strip_prefix("Threads:"))?;
    threads.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;
    use crate::bench::calls::Count;

    fn calls(counts: &[(&str, u64, u64, u64)]) -> Calls {
        let counts = counts.iter().map(|&(action, calls, entries, billed)| {
            let count = Count {
                calls,
                entries,
                billed,
            };
            (action.to_owned(), count)
        });
        Calls(counts.collect())
    }

    #[test]
    fn figures_are_per_request() {
        let mut latencies = Histogram::new(3).unwrap();
        for micros in [1_000, 2_000, 3_000, 4_000] {
            latencies.record(micros).unwrap();
        }
        let timing = Timing {
            latencies,
            elapsed: Duration::from_secs(2),
        };
        let calls = calls(&[("SendMessageBatch", 1, 8, 3), ("ReceiveMessage", 1, 2, 1)]);
        let cpu = Some(Duration::from_micros(400));
        let rpc = Rpc::new(&timing, &calls, cpu);
        assert_eq!(rpc.rpc_per_second, 2.0);
        assert_eq!(rpc.calls_per_rpc, 0.5);
        assert_eq!(rpc.fill["SendMessageBatch"], 8.0);
        assert!(!rpc.fill.contains_key("DeleteMessageBatch"));
        assert_eq!(
            rpc.dollars_per_million_rpc, 0.4,
            "four billed calls for four requests"
        );
        assert_eq!(rpc.cpu_us_per_rpc, Some(100.0));
        assert!((rpc.p50_ms - 2.0).abs() < 0.01, "{}", rpc.p50_ms);
    }
}
