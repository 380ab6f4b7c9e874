//! `cargo xtask bench-java`: the Java Temporary Queue Client, this project and plain SDK calls, with the same load on the same
//! servers, in turn.
//!
//! | module | question |
//! |---|---|
//! | this file | which program runs when, and with which arguments? |
//! | `report` | what are the results and ratios? |
//! | `machine` | on which machine were they measured? |
//!
//! Owns the order of the runs. Does not own the loads: `java/client/Load.java` for Java, and `sqs-rpc bench rpc` for
//! the others. Both count the attempts of their SDK clients with an interceptor, on any server.
//!
//! Invariant: each contestant runs in its own process, and no two at the same time; a contestant that cannot be run is a
//! failure.

mod machine;
mod report;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::process::Command;

pub(crate) use machine::Machine;
pub(crate) use report::{Contestant, Idle, Report, Rpc, Run};

use sqs_rpc_interop::foreign::Foreign;
use sqs_rpc_interop::install::{self, Installed, Piece};
use sqs_rpc_interop::local::{client, point_at};
use sqs_rpc_interop::process::{Background, free_port, output};
use sqs_rpc_interop::{Failure, Folders};

use crate::page::replace_section;

/// Timeout of one program.
const WITHIN: Duration = Duration::from_secs(240);
const PAYLOAD: usize = 1024;
/// How long Java's idle ends are measured. A poll takes 20 s and a heartbeat is sent every 5 s, so two minutes contain
/// several of each; the count is extrapolated to an hour.
const IDLE: Duration = Duration::from_secs(120);

/// The number of concurrent callers, and the number of requests of each contestant.
#[derive(Clone, Copy, Debug)]
struct Load {
    callers: usize,
    requests: usize,
    java_requests: usize,
    /// Java's warm-up requests: the JIT compiler needs a few thousand calls.
    java_warm_up: usize,
    /// Java's concurrent polls of the request queue. At a low load, more than one only costs calls.
    java_polls: usize,
}

const LOADS: [Load; 3] = [
    Load {
        callers: 1,
        requests: 1_000,
        java_requests: 500,
        java_warm_up: 300,
        java_polls: 1,
    },
    Load {
        callers: 32,
        requests: 6_000,
        java_requests: 3_000,
        java_warm_up: 2_000,
        java_polls: 4,
    },
    Load {
        callers: 256,
        requests: 16_000,
        java_requests: 4_000,
        java_warm_up: 3_000,
        java_polls: 4,
    },
];
/// How often each load runs on each contestant, in turn; the fastest run counts.
const ROUNDS: usize = 2;

/// Runs all loads and writes the results. If `quick`, runs a tenth of the load and does not change the documentation.
pub(crate) async fn run(quick: bool, folders: &Folders) -> Result<(), Failure> {
    let installed = &install::all(&[Piece::ElasticMq, Piece::JavaClient], folders).await?;
    let bench = Bench {
        quick,
        installed,
        program: folders.release("sqs-rpc"),
    };
    let mut report = Report::begin(quick, Machine::look(&bench.program).await?);

    println!("on ElasticMQ 1.7.1");
    let elastic_mq = Foreign::ElasticMq.start(installed).await?;
    bench
        .loads("ElasticMQ 1.7.1", &elastic_mq.url, &mut report)
        .await?;
    println!("on sqs-rpc local");
    let local = Local::start(folders, &installed.log("sqs-rpc")).await?;
    bench
        .loads("sqs-rpc local", &local.url, &mut report)
        .await?;

    println!("idle");
    // Both use hardly any CPU time, so they do not disturb each other.
    let (on_elastic_mq, on_local) = tokio::join!(
        bench.java_idle("ElasticMQ 1.7.1", &elastic_mq.url),
        bench.java_idle("sqs-rpc local", &local.url)
    );
    report.java_idle = vec![on_elastic_mq?, on_local?];
    elastic_mq.end().await;
    local.end().await;

    let file = report.write(folders)?;
    println!("\n{}", report.table());
    println!("written: {}", file.display());
    if !quick {
        replace_section("bench-java", &report.section())?;
    }
    Ok(())
}

struct Bench<'a> {
    quick: bool,
    installed: &'a Installed,
    /// The path of `sqs-rpc`, built in release mode.
    program: PathBuf,
}

/// `sqs-rpc local` in a separate process.
pub(crate) struct Local {
    pub(crate) url: String,
    process: Background,
}

impl Local {
    pub(crate) async fn start(folders: &Folders, log: &Path) -> Result<Self, Failure> {
        let port = free_port().await?;
        let mut command = Command::new(folders.release("sqs-rpc"));
        command.args(["local", "--port", &port.to_string()]);
        let mut process = Background::start("sqs-rpc", &mut command, log)?;
        process.listens(port, WITHIN).await?;
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            process,
        })
    }

    pub(crate) async fn end(self) {
        self.process.end().await;
    }
}

impl Bench<'_> {
    /// Runs every load on every contestant, in turn.
    async fn loads(&self, server: &str, url: &str, report: &mut Report) -> Result<(), Failure> {
        let rounds = if self.quick { 1 } else { ROUNDS };
        for load in LOADS.map(|load| if self.quick { load.a_tenth() } else { load }) {
            for round in 1..=rounds {
                let mut note = |contestant, rpc: Rpc| {
                    println!(
                        "  {} callers, {contestant}: {:.0} RPC/s, p50 {:.1} ms, p99 {:.1} ms, {:.2} calls and {:.0} us of CPU per request",
                        load.callers,
                        rpc.rpc_per_second,
                        rpc.p50_ms,
                        rpc.p99_ms,
                        rpc.calls_per_rpc,
                        rpc.cpu_us_per_rpc
                    );
                    report.runs.push(Run {
                        server: server.to_owned(),
                        callers: load.callers,
                        payload: PAYLOAD,
                        contestant,
                        round,
                        rpc,
                    });
                };
                for (contestant, rpc) in self.ours_and_bare(url, load).await? {
                    note(contestant, rpc);
                }
                note(Contestant::Java, self.java(url, load, round).await?);
            }
        }
        Ok(())
    }

    /// Runs the bench of this project, which runs plain SDK calls with several numbers of polls and reports the fastest.
    async fn ours_and_bare(
        &self,
        url: &str,
        load: Load,
    ) -> Result<Vec<(Contestant, Rpc)>, Failure> {
        #[derive(serde::Deserialize)]
        struct Line {
            contestant: Contestant,
            #[serde(flatten)]
            rpc: Rpc,
        }
        let mut command = Command::new(&self.program);
        command
            .args(["bench", "rpc", "--json", "--compare", "bare-sdk"])
            .args(["--endpoint-url", url])
            .args(["--payload", &PAYLOAD.to_string()])
            .args(["--concurrency", &load.callers.to_string()])
            .args(["--requests", &load.requests.to_string()]);
        let printed = output(&mut command, WITHIN).await?;
        let lines = printed.lines().map(|line| {
            let Line { contestant, rpc } = parse("sqs-rpc bench", line)?;
            Ok((contestant, rpc))
        });
        let runs: Vec<_> = lines.collect::<Result<_, Failure>>()?;
        match runs.as_slice() {
            [(Contestant::SqsRpc, _), (Contestant::BareSdk, _)] => Ok(runs),
            _ => Err(format!(
                "expected results of sqs-rpc and bare-sdk from sqs-rpc bench, found:\n{printed}"
            )),
        }
    }

    async fn java(&self, url: &str, load: Load, round: usize) -> Result<Rpc, Failure> {
        let queue = queue(url, &format!("java-{}-{round}", load.callers)).await?;
        let mut java = self.load("load", url, &queue);
        for number in [
            load.callers,
            load.java_requests,
            load.java_warm_up,
            PAYLOAD,
            load.java_polls,
        ] {
            java.arg(number.to_string());
        }
        parse("Load.java", &output(&mut java, WITHIN).await?)
    }

    async fn java_idle(&self, server: &str, url: &str) -> Result<Idle, Failure> {
        let watched = if self.quick { IDLE / 10 } else { IDLE };
        let queue = queue(url, "java-idle").await?;
        let mut java = self.load("idle", url, &queue);
        java.arg(watched.as_secs().to_string());
        let mut idle: Idle = parse("Load.java", &output(&mut java, WITHIN).await?)?;
        idle.server = server.to_owned();
        Ok(idle)
    }

    fn load(&self, what: &str, url: &str, queue: &str) -> Command {
        let programs = self.installed.class_path("programs");
        let jars = self.installed.class_path("client");
        let mut java = Command::new("java");
        java.args([
            "-cp",
            &format!("{programs}:{jars}"),
            "Load",
            what,
            url,
            queue,
        ]);
        point_at(&mut java, url);
        java
    }
}

impl Load {
    fn a_tenth(self) -> Self {
        Self {
            requests: (self.requests / 10).max(2 * self.callers),
            java_requests: (self.java_requests / 10).max(2 * self.callers),
            java_warm_up: self.java_warm_up / 10,
            ..self
        }
    }
}

pub(crate) async fn queue(url: &str, name: &str) -> Result<String, Failure> {
    let made = client(url).create_queue().queue_name(name).send().await;
    made.map_err(|error| format!("queue {name}: {error:?}"))?
        .queue_url
        .ok_or_else(|| format!("queue {name} has no URL"))
}

fn parse<T: DeserializeOwned>(whose: &str, line: &str) -> Result<T, Failure> {
    serde_json::from_str(line)
        .map_err(|error| format!("expected JSON from {whose}, found {line:?}: {error}"))
}
