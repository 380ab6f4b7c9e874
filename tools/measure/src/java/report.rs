//! What was seen, as JSON for programs and as tables for people.
//!
//! Invariant: a ratio is between runs on one server, of one report.

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
    /// When it began, in seconds since 1970.
    pub(crate) unix_seconds: u64,
    /// Whether it was a short one, whose numbers mean little.
    pub(crate) quick: bool,
    /// Where.
    pub(crate) machine: Machine,
    /// Every load on every contestant.
    pub(crate) runs: Vec<Run>,
    /// Java's ends without a request, on each server.
    pub(crate) java_idle: Vec<Idle>,
}

/// One load on one contestant.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Run {
    /// Name and version.
    pub(crate) server: String,
    /// At a time.
    pub(crate) callers: usize,
    /// Bytes of a body.
    pub(crate) payload: usize,
    /// Who.
    pub(crate) contestant: Contestant,
    /// From 1.
    pub(crate) round: usize,
    /// What was seen.
    #[serde(flatten)]
    pub(crate) rpc: Rpc,
}

/// Who is measured.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contestant {
    /// This project.
    SqsRpc,
    /// Plain calls of the AWS SDK for Rust, ten messages to a call.
    BareSdk,
    /// The Java Temporary Queue Client.
    Java,
}

/// The figures of a load, in the words of `sqs-rpc bench --json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Rpc {
    /// That were answered; all are.
    pub(crate) requests: u64,
    /// Answered requests a second.
    pub(crate) rpc_per_second: f64,
    /// Median latency.
    pub(crate) p50_ms: f64,
    /// Latency that one in a hundred exceeds.
    pub(crate) p99_ms: f64,
    /// Attempts of API calls, of both ends.
    pub(crate) calls_per_rpc: f64,
    /// Processor time of the process with both ends.
    pub(crate) cpu_us_per_rpc: f64,
    /// The most threads of the system at a time.
    pub(crate) os_threads: Option<u64>,
    /// Attempts by action.
    pub(crate) calls: BTreeMap<String, u64>,
}

/// Java's ends without a request.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Idle {
    /// Name and version.
    #[serde(default)]
    pub(crate) server: String,
    /// For how long they were watched.
    pub(crate) seconds: u64,
    /// The requester's calls by action.
    pub(crate) requester: BTreeMap<String, u64>,
    /// The responder's.
    pub(crate) responder: BTreeMap<String, u64>,
}

impl Idle {
    /// The requester's calls in an hour, from those that were counted.
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
    /// There is none, or it is of another version of this program.
    pub(crate) fn read(folders: &Folders) -> Result<Self, Failure> {
        let file = folders.kept(FULL);
        let problem = |error: &dyn fmt::Display| format!("cannot read {}: {error}", file.display());
        let json = std::fs::read_to_string(&file).map_err(|error| problem(&error))?;
        serde_json::from_str(&json).map_err(|error| problem(&error))
    }

    /// How long ago it began, in whole minutes.
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

    /// The faster of the rounds.
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

    /// A figure of one contestant as a multiple of another's.
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

    /// Every load and every contestant, a line each, and Java's idle ends.
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
            "requester's calls an hour",
            "responder's calls an hour",
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

    /// What stands in `docs/benchmarks.md`.
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
    fn the_faster_round_of_each_counts() {
        let rate = |rpc: &Rpc| rpc.rpc_per_second;
        let both = [Contestant::SqsRpc, Contestant::Java];
        assert_eq!(report().ratio("one", 256, both, rate), Some(10.0));
        assert_eq!(report().ratio("two", 256, both, rate), None);
    }

    #[test]
    fn the_section_has_the_best_of_each_load_and_the_idle_hour() {
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
    fn it_is_read_as_it_was_written() {
        let json = serde_json::to_string(&report()).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report());
    }
}
