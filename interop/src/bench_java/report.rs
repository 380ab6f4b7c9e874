//! What was seen, as JSON for programs and as tables for people.
//!
//! Invariant: a ratio is between runs on one server, of one report.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Machine;
use crate::clock::unix_seconds;
use crate::{Failure, Folders};

const FULL: &str = "bench-java.json";
const QUICK: &str = "bench-java-quick.json";
/// The load that most goals speak of.
const MANY: usize = 256;

/// All runs of one `cargo xtask bench-java`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// When it began, in seconds since 1970.
    pub unix_seconds: u64,
    /// Whether it was a short one, whose numbers mean little.
    pub quick: bool,
    /// Where.
    pub machine: Machine,
    /// Every load on every contestant.
    pub runs: Vec<Run>,
    /// Java's ends without a request, on each server.
    pub java_idle: Vec<Idle>,
    /// Calls of this project's requester with a live host, in an hour without a request, in virtual time.
    pub idle_hour: u64,
}

/// One load on one contestant.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Run {
    /// Name and version.
    pub server: String,
    /// At a time.
    pub callers: usize,
    /// Bytes of a body.
    pub payload: usize,
    /// Who.
    pub contestant: Contestant,
    /// From 1.
    pub round: usize,
    /// What was seen.
    #[serde(flatten)]
    pub rpc: Rpc,
}

/// Who is measured.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contestant {
    /// This project.
    SqsRpc,
    /// Plain calls of the AWS SDK for Rust, ten messages to a call.
    BareSdk,
    /// The Java Temporary Queue Client.
    Java,
}

/// The figures of a load, in the words of `sqs-rpc bench --json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rpc {
    /// That were answered; all are.
    pub requests: u64,
    /// Answered requests a second.
    pub rpc_per_second: f64,
    /// Median latency.
    pub p50_ms: f64,
    /// Latency that one in a hundred exceeds.
    pub p99_ms: f64,
    /// Attempts of API calls, of both ends.
    pub calls_per_rpc: f64,
    /// Processor time of the process with both ends.
    pub cpu_us_per_rpc: f64,
    /// The most threads of the system at a time.
    pub os_threads: Option<u64>,
    /// Attempts by action.
    pub calls: BTreeMap<String, u64>,
}

/// Java's ends without a request.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Idle {
    /// Name and version.
    #[serde(default)]
    pub server: String,
    /// For how long they were watched.
    pub seconds: u64,
    /// The requester's calls by action.
    pub requester: BTreeMap<String, u64>,
    /// The responder's.
    pub responder: BTreeMap<String, u64>,
}

impl Idle {
    /// The requester's calls in an hour, from those that were counted.
    pub fn requester_an_hour(&self) -> f64 {
        self.an_hour(&self.requester)
    }

    fn an_hour(&self, calls: &BTreeMap<String, u64>) -> f64 {
        calls.values().sum::<u64>() as f64 * 3_600.0 / self.seconds as f64
    }
}

impl Report {
    pub(super) fn begin(quick: bool, machine: Machine) -> Self {
        Self {
            unix_seconds: unix_seconds(),
            quick,
            machine,
            runs: Vec::new(),
            java_idle: Vec::new(),
            idle_hour: 0,
        }
    }

    pub(super) fn write(&self, folders: &Folders) -> Result<PathBuf, Failure> {
        let file = folders
            .installed
            .join(if self.quick { QUICK } else { FULL });
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
    pub fn read(folders: &Folders) -> Result<Self, Failure> {
        let file = folders.installed.join(FULL);
        let problem = |error: &dyn fmt::Display| format!("cannot read {}: {error}", file.display());
        let json = std::fs::read_to_string(&file).map_err(|error| problem(&error))?;
        serde_json::from_str(&json).map_err(|error| problem(&error))
    }

    /// How long ago it began, in whole minutes.
    #[must_use]
    pub fn age_minutes(&self) -> u64 {
        unix_seconds().saturating_sub(self.unix_seconds) / 60
    }

    /// The servers, in order of appearance.
    #[must_use]
    pub fn servers(&self) -> Vec<&str> {
        let mut servers: Vec<&str> = Vec::new();
        for run in &self.runs {
            if !servers.contains(&run.server.as_str()) {
                servers.push(&run.server);
            }
        }
        servers
    }

    /// The faster of the rounds.
    #[must_use]
    pub fn best(&self, server: &str, callers: usize, contestant: Contestant) -> Option<&Rpc> {
        let runs = self.runs.iter().filter(|run| {
            (run.server.as_str(), run.callers, run.contestant) == (server, callers, contestant)
        });
        runs.map(|run| &run.rpc)
            .max_by(|a, b| a.rpc_per_second.total_cmp(&b.rpc_per_second))
    }

    /// A figure of one contestant as a multiple of another's.
    #[must_use]
    pub fn ratio(
        &self,
        server: &str,
        callers: usize,
        [one, other]: [Contestant; 2],
        figure: impl Fn(&Rpc) -> f64,
    ) -> Option<f64> {
        let one = self.best(server, callers, one)?;
        Some(figure(one) / figure(self.best(server, callers, other)?))
    }

    /// Every load and every contestant, a line each.
    pub(super) fn table(&self) -> String {
        let mut text = String::from(
            "| server | callers | who | RPC/s | p50 ms | p99 ms | calls/RPC | CPU us/RPC | OS threads |\n\
             |---|---|---|---|---|---|---|---|---|\n",
        );
        for server in self.servers() {
            for callers in self.callers() {
                for contestant in Contestant::ALL {
                    let Some(rpc) = self.best(server, callers, contestant) else {
                        continue;
                    };
                    let threads = rpc.os_threads.map_or_else(String::new, |it| it.to_string());
                    let _ = writeln!(
                        text,
                        "| {server} | {callers} | {contestant} | {:.0} | {:.1} | {:.1} | {:.2} | {:.0} | {threads} |",
                        rpc.rpc_per_second,
                        rpc.p50_ms,
                        rpc.p99_ms,
                        rpc.calls_per_rpc,
                        rpc.cpu_us_per_rpc,
                    );
                }
            }
        }
        text
    }

    fn callers(&self) -> Vec<usize> {
        let mut callers: Vec<_> = self.runs.iter().map(|run| run.callers).collect();
        callers.sort_unstable();
        callers.dedup();
        callers
    }

    /// What stands in `docs/benchmarks.md`.
    pub(super) fn section(&self) -> String {
        let mut text = format!(
            "Made by `cargo xtask bench-java` on {}.\nVersions: {}.\n\n{}\n",
            self.machine.describe(),
            self.machine.versions(),
            self.table()
        );
        text.push_str("| goal | what | ");
        text.push_str(&self.servers().join(" | "));
        text.push_str(" |\n|---|---|");
        text.push_str(&"---|".repeat(self.servers().len()));
        text.push('\n');
        for (goal, what, cell) in RATIOS {
            let cells: Vec<_> = self
                .servers()
                .into_iter()
                .map(|server| cell(self, server).unwrap_or_else(|| "not measured".to_owned()))
                .collect();
            let _ = writeln!(text, "| {goal} | {what} | {} |", cells.join(" | "));
        }
        text
    }

    fn compared(
        &self,
        server: &str,
        [one, other]: [Contestant; 2],
        figure: fn(&Rpc) -> f64,
        digits: usize,
    ) -> Option<String> {
        let ratio = self.ratio(server, MANY, [one, other], figure)?;
        let (one, other) = (
            figure(self.best(server, MANY, one)?),
            figure(self.best(server, MANY, other)?),
        );
        Some(format!("{one:.digits$} / {other:.digits$} = x {ratio:.2}"))
    }

    fn threads(&self, server: &str, contestant: Contestant) -> Option<String> {
        let at = |callers| self.best(server, callers, contestant)?.os_threads;
        Some(format!("{} and {}", at(1)?, at(MANY)?))
    }
}

impl Contestant {
    const ALL: [Self; 3] = [Self::SqsRpc, Self::BareSdk, Self::Java];
    const WITH_JAVA: [Self; 2] = [Self::SqsRpc, Self::Java];
    const WITH_BARE: [Self; 2] = [Self::SqsRpc, Self::BareSdk];
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

type Cell = fn(&Report, &str) -> Option<String>;

/// Goal, what is compared, and how one cell is made.
const RATIOS: [(&str, &str, Cell); 9] = [
    (
        "P1",
        "API calls per RPC, 256 callers: sqs-rpc / Java",
        |report, server| report.compared(server, Contestant::WITH_JAVA, |rpc| rpc.calls_per_rpc, 2),
    ),
    (
        "P5",
        "RPC per second, 256 callers: sqs-rpc / Java",
        |report, server| {
            report.compared(server, Contestant::WITH_JAVA, |rpc| rpc.rpc_per_second, 0)
        },
    ),
    (
        "P5",
        "RPC per second, 256 callers: sqs-rpc / bare SDK",
        |report, server| {
            report.compared(server, Contestant::WITH_BARE, |rpc| rpc.rpc_per_second, 0)
        },
    ),
    (
        "P5",
        "p50 in ms, 256 callers: sqs-rpc / Java",
        |report, server| report.compared(server, Contestant::WITH_JAVA, |rpc| rpc.p50_ms, 1),
    ),
    (
        "P6",
        "API calls in an idle hour: sqs-rpc (in virtual time) / Java (counted for two minutes, times 30)",
        |report, server| {
            let idle = report.java_idle.iter().find(|idle| idle.server == server)?;
            let java = idle.requester_an_hour();
            Some(format!(
                "{} / {java:.0} = x {:.3} (its responder: {:.0})",
                report.idle_hour,
                report.idle_hour as f64 / java,
                idle.an_hour(&idle.responder)
            ))
        },
    ),
    (
        "P7",
        "OS threads with 1 and 256 callers: sqs-rpc",
        |report, server| report.threads(server, Contestant::SqsRpc),
    ),
    (
        "P7",
        "OS threads with 1 and 256 callers: Java",
        |report, server| report.threads(server, Contestant::Java),
    ),
    (
        "P12",
        "CPU us per RPC, both ends, 256 callers: sqs-rpc / bare SDK",
        |report, server| {
            report.compared(server, Contestant::WITH_BARE, |rpc| rpc.cpu_us_per_rpc, 0)
        },
    ),
    (
        "P12",
        "CPU us per RPC, both ends, 256 callers: sqs-rpc / Java",
        |report, server| {
            report.compared(server, Contestant::WITH_JAVA, |rpc| rpc.cpu_us_per_rpc, 0)
        },
    ),
];

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
            idle_hour: 75,
        }
    }

    #[test]
    fn the_faster_round_of_each_counts() {
        let rate = |rpc: &Rpc| rpc.rpc_per_second;
        let ratio = report().ratio("one", 256, Contestant::WITH_JAVA, rate);
        assert_eq!(ratio, Some(10.0));
        assert_eq!(
            report().ratio("two", 256, Contestant::WITH_JAVA, rate),
            None
        );
    }

    #[test]
    fn the_section_has_each_goal_and_says_what_was_not_measured() {
        let section = report().section();
        for line in [
            "| P5 | RPC per second, 256 callers: sqs-rpc / Java | 6000 / 600 = x 10.00 |",
            "| P6 | API calls in an idle hour: sqs-rpc (in virtual time) / Java (counted for two minutes, times 30) | 75 / 1500 = x 0.050 (its responder: 180) |",
            "| P7 | OS threads with 1 and 256 callers: Java | 7 and 7 |",
            "| P7 | OS threads with 1 and 256 callers: sqs-rpc | not measured |",
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
