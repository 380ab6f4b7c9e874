//! The results, as JSON for programs and as tables for people.
//!
//! Invariant: a ratio compares runs of the same report on the same server.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sqs_rpc_interop::{Failure, Folders, markdown};

use super::Machine;

const FULL: &str = "bench-java.json";
const QUICK: &str = "bench-java-quick.json";

/// All runs of one `cargo xtask bench-java`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Report {
    /// The start of the report, in seconds since 1970.
    pub(crate) unix_seconds: u64,
    /// Whether this was a quick run, whose numbers are not meaningful.
    pub(crate) quick: bool,
    /// The machine.
    pub(crate) machine: Machine,
    /// All runs of loads on contestants.
    pub(crate) runs: Vec<Run>,
    /// Java's idle ends, on each server.
    pub(crate) java_idle: Vec<Idle>,
}

/// One load on one contestant.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Run {
    /// Name and version.
    pub(crate) server: String,
    /// Number of concurrent callers.
    pub(crate) callers: usize,
    /// Size of a body in bytes.
    pub(crate) payload: usize,
    /// The contestant.
    pub(crate) contestant: Contestant,
    /// The number of the round, from 1.
    pub(crate) round: usize,
    /// The figures.
    #[serde(flatten)]
    pub(crate) rpc: Rpc,
}

/// A contestant.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contestant {
    /// This project.
    SqsRpc,
    /// Plain calls of the AWS SDK for Rust, with batches of ten messages.
    BareSdk,
    /// The Java Temporary Queue Client.
    Java,
}

/// The figures of a load, with the keys of `sqs-rpc bench --json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Rpc {
    /// Number of answered requests, which are all requests.
    pub(crate) requests: u64,
    /// Answered requests per second.
    pub(crate) rpc_per_second: f64,
    /// Median latency.
    pub(crate) p50_ms: f64,
    /// The 99th percentile of the latency.
    pub(crate) p99_ms: f64,
    /// Attempts of API calls of both ends, per request.
    pub(crate) calls_per_rpc: f64,
    /// CPU time of the process with both ends, per request.
    pub(crate) cpu_us_per_rpc: f64,
    /// The maximum number of operating system threads.
    pub(crate) os_threads: Option<u64>,
    /// Attempts by action.
    pub(crate) calls: BTreeMap<String, u64>,
}

/// The calls of Java's ends without requests.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Idle {
    /// Name and version.
    #[serde(default)]
    pub(crate) server: String,
    /// How long the calls were counted.
    pub(crate) seconds: u64,
    /// The requester's calls by action.
    pub(crate) requester: BTreeMap<String, u64>,
    /// The responder's calls by action.
    pub(crate) responder: BTreeMap<String, u64>,
}

impl Idle {
    /// The requester's calls per hour, extrapolated from the counted calls.
    pub(crate) fn requester_an_hour(&self) -> f64 {
        self.an_hour(&self.requester)
    }

    fn an_hour(&self, calls: &BTreeMap<String, u64>) -> f64 {
        calls.values().sum::<u64>() as f64 * 3_600.0 / self.seconds as f64
    }
}

impl Report {
    pub(crate) fn begin(quick: bool, machine: Machine) -> Self {
        Self {
            unix_seconds: unix_seconds(),
            quick,
            machine,
            runs: Vec::new(),
            java_idle: Vec::new(),
        }
    }

    pub(crate) fn write(&self, folders: &Folders) -> Result<PathBuf, Failure> {
        let file = folders.kept(if self.quick { QUICK } else { FULL });
        let problem =
            |error: &dyn fmt::Display| format!("cannot write {}: {error}", file.display());
        let json = serde_json::to_string_pretty(self).map_err(|error| problem(&error))?;
        std::fs::write(&file, json).map_err(|error| problem(&error))?;
        Ok(file)
    }

    /// The last full report.
    ///
    /// # Errors
    /// There is no report, or it is from another version of this program.
    pub(crate) fn read(folders: &Folders) -> Result<Self, Failure> {
        let file = folders.kept(FULL);
        let problem = |error: &dyn fmt::Display| format!("cannot read {}: {error}", file.display());
        let json = std::fs::read_to_string(&file).map_err(|error| problem(&error))?;
        serde_json::from_str(&json).map_err(|error| problem(&error))
    }

    /// The age of the report in whole minutes.
    pub(crate) fn age_minutes(&self) -> u64 {
        unix_seconds().saturating_sub(self.unix_seconds) / 60
    }

    /// The servers, in order of appearance.
    pub(crate) fn servers(&self) -> Vec<&str> {
        let mut servers: Vec<&str> = Vec::new();
        for run in &self.runs {
            if !servers.contains(&run.server.as_str()) {
                servers.push(&run.server);
            }
        }
        servers
    }

    /// The fastest of the rounds.
    pub(crate) fn best(
        &self,
        server: &str,
        callers: usize,
        contestant: Contestant,
    ) -> Option<&Rpc> {
        let runs = self.runs.iter().filter(|run| {
            (run.server.as_str(), run.callers, run.contestant) == (server, callers, contestant)
        });
        runs.map(|run| &run.rpc)
            .max_by(|a, b| a.rpc_per_second.total_cmp(&b.rpc_per_second))
    }

    /// The ratio of a figure of two contestants.
    pub(crate) fn ratio(
        &self,
        server: &str,
        callers: usize,
        [one, other]: [Contestant; 2],
        figure: impl Fn(&Rpc) -> f64,
    ) -> Option<f64> {
        let one = self.best(server, callers, one)?;
        Some(figure(one) / figure(self.best(server, callers, other)?))
    }

    /// A table with a line for each load and contestant, and a table of Java's idle ends.
    pub(crate) fn table(&self) -> String {
        const LOADS: [&str; 9] = [
            "server",
            "callers",
            "who",
            "RPC/s",
            "p50 ms",
            "p99 ms",
            "calls/RPC",
            "CPU us/RPC",
            "OS threads",
        ];
        const IDLE: [&str; 3] = [
            "Java, idle",
            "requester's calls per hour",
            "responder's calls per hour",
        ];
        let mut loads = Vec::new();
        for server in self.servers() {
            for callers in self.callers() {
                for contestant in Contestant::ALL {
                    let Some(rpc) = self.best(server, callers, contestant) else {
                        continue;
                    };
                    loads.push([
                        server.to_owned(),
                        callers.to_string(),
                        contestant.to_string(),
                        format!("{:.0}", rpc.rpc_per_second),
                        format!("{:.1}", rpc.p50_ms),
                        format!("{:.1}", rpc.p99_ms),
                        format!("{:.2}", rpc.calls_per_rpc),
                        format!("{:.0}", rpc.cpu_us_per_rpc),
                        rpc.os_threads.map_or_else(String::new, |it| it.to_string()),
                    ]);
                }
            }
        }
        let idle = self.java_idle.iter().map(|idle| {
            let an_hour = |calls| format!("{:.0}", idle.an_hour(calls));
            let (requester, responder) = (an_hour(&idle.requester), an_hour(&idle.responder));
            [idle.server.clone(), requester, responder]
        });
        markdown::table(LOADS, loads) + "\n" + &markdown::table(IDLE, idle)
    }

    fn callers(&self) -> Vec<usize> {
        let mut callers: Vec<_> = self.runs.iter().map(|run| run.callers).collect();
        callers.sort_unstable();
        callers.dedup();
        callers
    }

    /// The section for `docs/benchmarks.md`.
    pub(crate) fn section(&self) -> String {
        format!(
            "Made by `cargo xtask bench-java` on {}.\nVersions: {}.\n\n{}\n",
            self.machine.describe(),
            self.machine.versions(),
            self.table()
        )
    }
}

fn unix_seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

impl Contestant {
    const ALL: [Self; 3] = [Self::SqsRpc, Self::BareSdk, Self::Java];
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SqsRpc => "sqs-rpc",
            Self::BareSdk => "bare SDK",
            Self::Java => "Java",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(contestant: Contestant, callers: usize, round: usize, rate: f64) -> Run {
        Run {
            server: "one".to_owned(),
            callers,
            payload: 1024,
            contestant,
            round,
            rpc: Rpc {
                requests: 10,
                rpc_per_second: rate,
                p50_ms: 1.0,
                p99_ms: 2.0,
                calls_per_rpc: 6_000.0 / rate,
                cpu_us_per_rpc: 100_000.0 / rate,
                os_threads: Some(7),
                calls: BTreeMap::new(),
            },
        }
    }

    fn report() -> Report {
        let calls = |n| BTreeMap::from([("ReceiveMessage".to_owned(), n)]);
        Report {
            unix_seconds: 0,
            quick: false,
            machine: Machine {
                cores: 2,
                memory_gib: None,
                processor: "x".to_owned(),
                system: "linux".to_owned(),
                versions: vec![("Java".to_owned(), "17".to_owned())],
            },
            runs: vec![
                run(Contestant::SqsRpc, 256, 1, 6_000.0),
                run(Contestant::BareSdk, 256, 1, 8_000.0),
                run(Contestant::Java, 256, 1, 500.0),
                run(Contestant::SqsRpc, 256, 2, 4_000.0),
                run(Contestant::Java, 256, 2, 600.0),
                run(Contestant::Java, 1, 1, 100.0),
            ],
            java_idle: vec![Idle {
                server: "one".to_owned(),
                seconds: 120,
                requester: calls(50),
                responder: calls(6),
            }],
        }
    }

    #[test]
    fn the_fastest_round_counts() {
        let rate = |rpc: &Rpc| rpc.rpc_per_second;
        let both = [Contestant::SqsRpc, Contestant::Java];
        assert_eq!(report().ratio("one", 256, both, rate), Some(10.0));
        assert_eq!(report().ratio("two", 256, both, rate), None);
    }

    #[test]
    fn the_section_has_best_runs_and_the_idle_hour() {
        let section = report().section();
        for line in [
            "| one | 256 | sqs-rpc | 6000 | 1.0 | 2.0 | 1.00 | 17 | 7 |",
            "| one | 256 | Java | 600 |",
            "| one | 1500 | 180 |",
        ] {
            assert!(section.contains(line), "{line}\n{section}");
        }
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let json = serde_json::to_string(&report()).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report());
    }
}
