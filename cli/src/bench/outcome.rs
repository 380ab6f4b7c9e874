//! The figures of one run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::calls::Calls;
use super::contestant::Name;
use super::load::Timing;
use super::resources::resources;

/// What SQS charges for a million calls of a standard queue, in dollars (its pricing page, us-east-1).
const DOLLARS_PER_MILLION_CALLS: f64 = 0.40;
/// The actions whose calls carry several messages.
const BATCHED: [&str; 3] = ["SendMessageBatch", "ReceiveMessage", "DeleteMessageBatch"];

/// What one run showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Outcome {
    pub(super) scenario: String,
    pub(super) contestant: Name,
    /// Long polls on each queue, of a contestant with a fixed number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) polls: Option<usize>,
    #[serde(flatten)]
    pub(super) figures: Figures,
    /// Calls by action.
    pub(super) calls: BTreeMap<String, u64>,
}

/// What there is to say beside the calls.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Figures {
    /// Of a load of requests.
    Rpc(Box<Rpc>),
    /// Of a time in which calls are all that there is to see.
    Calls {
        /// All of them.
        total: u64,
    },
    /// Of something else: each by its name, with its unit in it.
    Other {
        /// By name.
        figures: BTreeMap<&'static str, f64>,
    },
}

/// The figures of a load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Rpc {
    pub(super) requests: u64,
    pub(super) rpc_per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    pub(super) calls_per_rpc: f64,
    /// Messages a call, by action.
    pub(super) fill: BTreeMap<String, f64>,
    pub(super) dollars_per_million_rpc: f64,
    /// Of both ends, in microseconds; `None` where SQS itself is in the same process.
    pub(super) cpu_us_per_rpc: Option<f64>,
    /// Threads of the system at the end of the load; `None` where it does not say.
    pub(super) os_threads: Option<u64>,
}

impl Outcome {
    /// Of a time without a load.
    pub(super) fn of_calls(scenario: impl Into<String>, contestant: Name, calls: &Calls) -> Self {
        let total = calls.total();
        Self {
            scenario: scenario.into(),
            contestant,
            polls: None,
            figures: Figures::Calls { total },
            calls: calls.by_action(),
        }
    }

    /// Of something else than requests and their replies.
    pub(super) fn of_figures(
        scenario: impl Into<String>,
        contestant: Name,
        figures: BTreeMap<&'static str, f64>,
        calls: &Calls,
    ) -> Self {
        Self {
            scenario: scenario.into(),
            contestant,
            polls: None,
            figures: Figures::Other { figures },
            calls: calls.by_action(),
        }
    }

    /// Of a load.
    pub(super) fn of_load(
        scenario: impl Into<String>,
        contestant: Name,
        timing: &Timing,
        calls: &Calls,
        cpu: Option<Duration>,
    ) -> Self {
        let requests = timing.latencies.len();
        let per_rpc = |n: f64| n / requests as f64;
        let quantile = |q| timing.latencies.value_at_quantile(q) as f64 / 1_000.0;
        let fill = BATCHED
            .iter()
            .filter_map(|&action| Some((action.to_owned(), calls.fill(action)?)));
        let rpc = Rpc {
            requests,
            rpc_per_second: requests as f64 / timing.elapsed.as_secs_f64(),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            p999_ms: quantile(0.999),
            calls_per_rpc: per_rpc(calls.total() as f64),
            fill: fill.collect(),
            dollars_per_million_rpc: per_rpc(calls.billed() as f64) * DOLLARS_PER_MILLION_CALLS,
            cpu_us_per_rpc: cpu.map(|cpu| per_rpc(cpu.as_secs_f64() * 1e6)),
            os_threads: resources().map(|held| held.threads),
        };
        Self {
            scenario: scenario.into(),
            contestant,
            polls: None,
            figures: Figures::Rpc(Box::new(rpc)),
            calls: calls.by_action(),
        }
    }

    /// The figures of a load, if it was one.
    pub(super) fn rpc(&self) -> Option<&Rpc> {
        match &self.figures {
            Figures::Rpc(rpc) => Some(rpc),
            Figures::Calls { .. } | Figures::Other { .. } => None,
        }
    }
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
    fn figures_are_those_of_one_request() {
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
        let outcome = Outcome::of_load("four", Name::SqsRpc, &timing, &calls, cpu);
        let rpc = outcome.rpc().unwrap();
        assert_eq!((rpc.requests, rpc.rpc_per_second), (4, 2.0));
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
