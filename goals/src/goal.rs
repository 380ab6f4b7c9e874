//! The rows: what is wanted, and which figures decide.

use sqs_rpc_interop::Failure;
use sqs_rpc_interop::bench_java::{Contestant, Report, Rpc};

use crate::reading::{after, dead_hosts, number, outcome, ring};
use crate::source::{
    ALONE, BENCH_JAVA, HALF_LOAD, IDLE, MANY, OUTAGE, PENDING, RING, SCALE, Sources,
};

/// One row.
#[derive(Debug)]
pub(crate) struct Goal {
    /// `P1` to `P16`.
    pub(crate) id: &'static str,
    /// What is measured.
    pub(crate) what: &'static str,
    /// What is wanted, for people; the limits of the figures say it again.
    pub(crate) wanted: &'static str,
    /// Who measures it.
    pub(crate) commands: &'static [&'static str],
    /// Measures it.
    pub(crate) measure: fn(&mut Sources) -> Result<Vec<Figure>, Failure>,
}

/// A number that was measured, and what it has to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    /// What it is, with its unit.
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) limit: Limit,
}

/// What a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
    /// Anything: it stands there for comparison.
    None,
}

/// "The same" for two costs: what a machine that does other things, too, lets one see.
const SAME: f64 = 1.2;
const OURS_TO_JAVA: [Contestant; 2] = [Contestant::SqsRpc, Contestant::Java];
const OURS_TO_BARE: [Contestant; 2] = [Contestant::SqsRpc, Contestant::BareSdk];
const CALLERS: usize = 256;

/// All rows, in order.
pub(crate) const GOALS: [Goal; 16] = [
    Goal {
        id: "P1",
        what: "API calls per RPC, 256 concurrent, 1 KiB",
        wanted: "<= 0.66",
        commands: &[MANY, BENCH_JAVA],
        measure: |sources| {
            let mut figures = vec![at_most(
                "calls",
                number(&many(sources)?, "/calls_per_rpc")?,
                0.66,
            )];
            let report = sources.java()?;
            let calls = |rpc: &Rpc| rpc.calls_per_rpc;
            figures.extend(for_comparison(report, "of Java's", OURS_TO_JAVA, calls)?);
            Ok(figures)
        },
    },
    Goal {
        id: "P2",
        what: "mean batch fill when at least 10 messages are ready",
        wanted: ">= 9.0",
        commands: &[MANY],
        measure: |sources| {
            let many = many(sources)?;
            let fill = |name: &str, action: &str| {
                Ok::<_, Failure>(at_least(
                    name,
                    number(&many, &format!("/fill/{action}"))?,
                    9.0,
                ))
            };
            Ok(vec![
                fill("sends", "SendMessageBatch")?,
                fill("receives", "ReceiveMessage")?,
                fill("deletes", "DeleteMessageBatch")?,
            ])
        },
    },
    Goal {
        id: "P3",
        what: "RPC latency at concurrency 1, p50",
        wanted: "<= 1.05 x bare SDK",
        commands: &[ALONE, BENCH_JAVA],
        measure: |sources| {
            let printed = sources.printed(ALONE)?;
            let p50 = |contestant| {
                let outcome = outcome(printed, "1 callers, 1024 B", contestant)?;
                number(&outcome, "/p50_ms")
            };
            let ratio = p50("sqs-rpc")? / p50("bare-sdk")?;
            let mut figures = vec![at_most("x in the model", ratio, 1.05)];
            let report = sources.java()?;
            figures.extend(on_each_server(
                report,
                1,
                OURS_TO_BARE,
                |rpc| rpc.p50_ms,
                |ratio| at_most("x", ratio, 1.05),
            )?);
            Ok(figures)
        },
    },
    Goal {
        id: "P4",
        what: "p99 at half of the saturated load",
        wanted: "<= 1.5 x unbatched p99",
        commands: &[HALF_LOAD],
        measure: |sources| {
            let printed = sources.printed(HALF_LOAD)?;
            let p99 = |contestant| number(&outcome(printed, "half load", contestant)?, "/p99_ms");
            Ok(vec![at_most("x", p99("sqs-rpc")? / p99("unbatched")?, 1.5)])
        },
    },
    Goal {
        id: "P5",
        what: "RPC per second at 256 concurrent, over HTTP",
        wanted: ">= 12 x Java, >= 0.8 x bare SDK",
        commands: &[BENCH_JAVA],
        measure: |sources| {
            let report = sources.java()?;
            let rate = |rpc: &Rpc| rpc.rpc_per_second;
            let mut figures = on_each_server(report, CALLERS, OURS_TO_JAVA, rate, |ratio| {
                at_least("x Java", ratio, 12.0)
            })?;
            figures.extend(on_each_server(
                report,
                CALLERS,
                OURS_TO_BARE,
                rate,
                |ratio| at_least("x bare SDK", ratio, 0.8),
            )?);
            Ok(figures)
        },
    },
    Goal {
        id: "P6",
        what: "API calls in an idle hour, one requester with a live host",
        wanted: "<= 80, of which 0 ReceiveMessage; 0 once the host's idle time has passed",
        commands: &[IDLE, BENCH_JAVA],
        measure: |sources| {
            let printed = sources.printed(IDLE)?;
            let live = outcome(printed, "idle hour", "sqs-rpc")?;
            let later = outcome(printed, "the hour after the host's idle time", "sqs-rpc")?;
            let receives = number(&live, "/calls/ReceiveMessage").unwrap_or(0.0);
            let mut figures = vec![
                at_most("calls", number(&live, "/total")?, 80.0),
                at_most("receives", receives, 0.0),
                at_most("later", number(&later, "/total")?, 0.0),
            ];
            let report = sources.java()?;
            for idle in &report.java_idle {
                figures.push(Figure {
                    name: format!("of Java's on {}", idle.server),
                    value: idle.requester_an_hour(),
                    limit: Limit::None,
                });
            }
            Ok(figures)
        },
    },
    Goal {
        id: "P7",
        what: "OS threads, 1 and 100,000 pending",
        wanted: "the same",
        commands: &[PENDING],
        measure: |sources| {
            let printed = sources.printed(PENDING)?;
            let threads = |scenario| {
                let outcome = outcome(printed, scenario, "sqs-rpc")?;
                number(&outcome, "/figures/OS threads")
            };
            let one = threads("1 pending")?;
            Ok(vec![
                for_information("with 1", one),
                at_most("with 100,000", threads("100000 pending")?, one),
            ])
        },
    },
    Goal {
        id: "P8",
        what: "memory of an idle virtual queue, at 1,000,000",
        wanted: "<= 512 B",
        commands: &[SCALE],
        measure: |sources| {
            let printed = sources.printed(SCALE)?;
            Ok(vec![at_most("B", after(printed, "P8 ", ": ")?, 512.0)])
        },
    },
    Goal {
        id: "P9",
        what: "memory of a pending request, at 100,000",
        wanted: "<= 1 KiB",
        commands: &[SCALE, PENDING],
        measure: |sources| {
            let slot = after(sources.printed(SCALE)?, "P9 ", ": ")?;
            let all = outcome(sources.printed(PENDING)?, "100000 pending", "sqs-rpc")?;
            Ok(vec![
                at_most("B", slot, 1024.0),
                for_information(
                    "B resident, with the caller's future and what sending left behind",
                    number(&all, "/figures/resident bytes a request")?,
                ),
            ])
        },
    },
    Goal {
        id: "P10",
        what: "create + delete a virtual queue",
        wanted: ">= 1,000,000 a second a core; same cost at 10 and 1,000,000 queues",
        commands: &[SCALE],
        measure: |sources| {
            let printed = sources.printed(SCALE)?;
            Ok(vec![
                at_least("a second", after(printed, "P10 ", "ns, ")?, 1_000_000.0),
                at_most("x the cost at 10", after(printed, "P10 ", "ratio ")?, SAME),
            ])
        },
    },
    Goal {
        id: "P11",
        what: "dispatch of a reply with 100,000 pending",
        wanted: "<= 1.5 x with 1",
        commands: &[SCALE],
        measure: |sources| {
            let printed = sources.printed(SCALE)?;
            Ok(vec![at_most("x", after(printed, "P11 ", "ratio ")?, 1.5)])
        },
    },
    Goal {
        id: "P12",
        what: "CPU per RPC, both sides",
        wanted: "<= 1.25 x bare SDK making the same batched calls",
        commands: &[BENCH_JAVA],
        measure: |sources| {
            let report = sources.java()?;
            let cpu = |rpc: &Rpc| rpc.cpu_us_per_rpc;
            let mut figures = on_each_server(report, CALLERS, OURS_TO_BARE, cpu, |ratio| {
                at_most("x bare SDK", ratio, 1.25)
            })?;
            figures.extend(for_comparison(report, "x Java", OURS_TO_JAVA, cpu)?);
            Ok(figures)
        },
    },
    Goal {
        id: "P13",
        what: "calls for watching, a period, N live owners, D dead hosts",
        wanted: "<= 2.2 N + 4 D; no owner over 4 in peace; the same per owner at 10 and 10,000",
        commands: &[RING],
        measure: |sources| {
            let printed = sources.printed(RING)?;
            let mut figures = Vec::new();
            for hosts in [10, 1_000, 10_000] {
                let [each, most, ..] = ring(printed, hosts)?;
                figures.push(at_most(&format!("an owner of {hosts}"), each, 2.2));
                figures.push(at_most(&format!("most of one of {hosts}"), most, 4.0));
            }
            let same = figures[4].value / figures[0].value;
            figures.push(at_most("x from 10 to 10,000", same, SAME));
            let (calls, allowed) = dead_hosts(printed)?;
            figures.push(at_most("in all, with dead hosts", calls, allowed));
            Ok(figures)
        },
    },
    Goal {
        id: "P14",
        what: "renewals, N hosts",
        wanted: "4 N / R a second, no burst over twice the mean",
        commands: &[RING],
        measure: |sources| {
            let printed = sources.printed(RING)?;
            let mut figures = Vec::new();
            for hosts in [1_000, 10_000] {
                let [_, _, mean, rate, burst] = ring(printed, hosts)?;
                // Intervals are drawn by chance around a quarter of R.
                figures.push(at_most(&format!("x 4 N / R, {hosts}"), rate / mean, 1.01));
                figures.push(at_most(
                    &format!("x in a burst, {hosts}"),
                    burst / mean,
                    2.0,
                ));
            }
            Ok(figures)
        },
    },
    Goal {
        id: "P15",
        what: "API calls of one requester and one responder in a 10 minute total outage",
        wanted: "<= 60",
        commands: &[OUTAGE],
        measure: |sources| {
            let printed = sources.printed(OUTAGE)?;
            let outage = outcome(printed, "10 minutes of outage", "sqs-rpc")?;
            Ok(vec![at_most("calls", number(&outage, "/total")?, 60.0)])
        },
    },
    Goal {
        id: "P16",
        what: "10,000 deadlines at once",
        wanted: "CPU <= 2 x that of 10,000 replies",
        commands: &[SCALE],
        measure: |sources| {
            let printed = sources.printed(SCALE)?;
            Ok(vec![at_most("x", after(printed, "P16 ", "ratio ")?, 2.0)])
        },
    },
];

fn many(sources: &mut Sources) -> Result<serde_json::Value, Failure> {
    outcome(sources.printed(MANY)?, "256 callers, 1024 B", "sqs-rpc")
}

/// A ratio on each server, with a limit of its own.
fn on_each_server(
    report: &Report,
    callers: usize,
    contestants: [Contestant; 2],
    figure: impl Fn(&Rpc) -> f64,
    limited: impl Fn(f64) -> Figure,
) -> Result<Vec<Figure>, Failure> {
    let servers = report.servers().into_iter();
    let figures: Vec<_> = servers
        .map(|server| {
            let ratio = report.ratio(server, callers, contestants, &figure);
            let ratio = ratio.ok_or_else(|| format!("nothing to compare on {server}"))?;
            let mut limited = limited(ratio);
            limited.name = format!("{} on {server}", limited.name);
            Ok(limited)
        })
        .collect::<Result<_, Failure>>()?;
    if figures.is_empty() {
        return Err("bench-java knows no server".to_owned());
    }
    Ok(figures)
}

fn for_comparison(
    report: &Report,
    name: &str,
    contestants: [Contestant; 2],
    figure: impl Fn(&Rpc) -> f64,
) -> Result<Vec<Figure>, Failure> {
    on_each_server(report, CALLERS, contestants, figure, |ratio| {
        for_information(name, ratio)
    })
}

fn at_most(name: &str, value: f64, limit: f64) -> Figure {
    Figure {
        name: name.to_owned(),
        value,
        limit: Limit::AtMost(limit),
    }
}

fn at_least(name: &str, value: f64, limit: f64) -> Figure {
    Figure {
        limit: Limit::AtLeast(limit),
        ..at_most(name, value, limit)
    }
}

fn for_information(name: &str, value: f64) -> Figure {
    Figure {
        limit: Limit::None,
        ..at_most(name, value, 0.0)
    }
}

impl Figure {
    /// Whether it is what it has to be. No number never is.
    pub(crate) fn is_reached(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.value <= limit,
            Limit::AtLeast(limit) => self.value >= limit,
            Limit::None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_are_numbered_and_each_names_its_command() {
        for (i, goal) in GOALS.iter().enumerate() {
            assert_eq!(goal.id, format!("P{}", i + 1));
            assert!(!goal.commands.is_empty(), "{}", goal.id);
        }
    }

    #[test]
    fn a_limit_is_reached_or_not() {
        assert!(at_most("", 2.0, 2.0).is_reached());
        assert!(!at_most("", 2.1, 2.0).is_reached());
        assert!(at_least("", 2.0, 2.0).is_reached());
        assert!(!at_least("", 1.9, 2.0).is_reached());
        assert!(!at_least("", f64::NAN, 2.0).is_reached());
        assert!(!at_most("", f64::NAN, 2.0).is_reached());
    }
}
