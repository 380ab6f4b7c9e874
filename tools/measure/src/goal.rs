//! The goals, and the figures that decide whether they are reached.

use serde::Serialize;
use sqs_rpc_interop::Failure;

use crate::java::{Contestant, Report, Rpc};
use crate::source::{ALONE, HALF_LOAD, IDLE, JAVA, MANY, OUTAGE, PENDING, RING, SCALE, Sources};

/// One goal: a row of the table.
#[derive(Debug)]
pub(crate) struct Goal {
    /// `P1` to `P16`.
    pub(crate) id: &'static str,
    /// What is measured.
    pub(crate) what: &'static str,
    /// The goal as a text for people; the limits of the figures express the same.
    pub(crate) wanted: &'static str,
    /// The commands that measure it.
    pub(crate) commands: &'static [&'static str],
    /// Runs the commands and returns the figures.
    pub(crate) measure: fn(&mut Sources) -> Result<Vec<Figure>, Failure>,
}

/// A measured number and its limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    /// The name of the number, with its unit.
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) limit: Limit,
}

/// The limit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
    /// No limit: the figure is for comparison.
    None,
}

/// The ratio up to which two costs count as "the same", because of other load on the machine.
const SAME: f64 = 1.2;
/// The name of this project among the contestants.
const OURS: &str = "sqs-rpc";
const OURS_TO_JAVA: [Contestant; 2] = [Contestant::SqsRpc, Contestant::Java];
const OURS_TO_BARE: [Contestant; 2] = [Contestant::SqsRpc, Contestant::BareSdk];
const CALLERS: usize = 256;

/// All goals, in order.
pub(crate) const GOALS: [Goal; 16] = [
    Goal {
        id: "P1",
        what: "API calls per RPC, 256 concurrent, 1 KiB",
        wanted: "<= 0.66",
        commands: &[MANY, JAVA],
        measure: |sources| {
            let calls = sources.rpc(MANY, OURS)?.of("calls_per_rpc")?;
            let mut figures = vec![at_most("calls", calls, 0.66)];
            let calls = |rpc: &Rpc| rpc.calls_per_rpc;
            let report = sources.java()?;
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
            let many = sources.rpc(MANY, OURS)?;
            Ok(vec![
                at_least("sends", many.of("fill/SendMessageBatch")?, 9.0),
                at_least("receives", many.of("fill/ReceiveMessage")?, 9.0),
                at_least("deletes", many.of("fill/DeleteMessageBatch")?, 9.0),
            ])
        },
    },
    Goal {
        id: "P3",
        what: "RPC latency at concurrency 1, p50",
        wanted: "<= 1.05 x bare SDK",
        commands: &[ALONE, JAVA],
        measure: |sources| {
            let ours = sources.rpc(ALONE, OURS)?.of("p50_ms")?;
            let bare = sources.rpc(ALONE, "bare-sdk")?.of("p50_ms")?;
            let mut figures = vec![at_most("x in the model", ours / bare, 1.05)];
            let (report, p50) = (sources.java()?, |rpc: &Rpc| rpc.p50_ms);
            figures.extend(on_each_server(report, 1, OURS_TO_BARE, p50, |ratio| {
                at_most("x", ratio, 1.05)
            })?);
            Ok(figures)
        },
    },
    Goal {
        id: "P4",
        what: "p99 at half of the saturated load",
        wanted: "<= 1.5 x unbatched p99",
        commands: &[MANY, HALF_LOAD],
        measure: |sources| {
            let half = sources.rpc(MANY, OURS)?.of("rpc_per_second")? / 2.0;
            let command = format!("{HALF_LOAD} {half:.0}");
            let ours = sources.rpc(&command, OURS)?.of("p99_ms")?;
            let unbatched = sources.rpc(&command, "unbatched")?.of("p99_ms")?;
            Ok(vec![at_most("x", ours / unbatched, 1.5)])
        },
    },
    Goal {
        id: "P5",
        what: "RPC per second at 256 concurrent, over HTTP",
        wanted: ">= 12 x Java, >= 0.8 x bare SDK",
        commands: &[JAVA],
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
        commands: &[IDLE, JAVA],
        measure: |sources| {
            let idle = sources.said(IDLE, &[])?;
            let mut figures = vec![
                at_most("calls", idle.of("calls")?, 80.0),
                at_most("receives", idle.of("receives")?, 0.0),
                at_most("later", idle.of("later")?, 0.0),
            ];
            for idle in &sources.java()?.java_idle {
                let name = format!("of Java's on {}", idle.server);
                figures.push(for_information(&name, idle.requester_an_hour()));
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
            let pending = sources.said(PENDING, &[])?;
            let one = pending.of("threads_with_1")?;
            let all = pending.of("threads_with_all")?;
            Ok(vec![
                for_information("with 1", one),
                at_most("with 100,000", all, one),
            ])
        },
    },
    Goal {
        id: "P8",
        what: "memory of an idle virtual queue, at 1,000,000",
        wanted: "<= 512 B",
        commands: &[SCALE],
        measure: |sources| {
            let scale = sources.said(SCALE, &[])?;
            Ok(vec![at_most("B", scale.of("queue_bytes")?, 512.0)])
        },
    },
    Goal {
        id: "P9",
        what: "memory of a pending request, at 100,000",
        wanted: "<= 1 KiB",
        commands: &[SCALE, PENDING],
        measure: |sources| {
            let slot = sources.said(SCALE, &[])?.of("pending_bytes")?;
            let all = sources.said(PENDING, &[])?.of("resident_bytes")?;
            Ok(vec![
                at_most("B", slot, 1024.0),
                for_information(
                    "B resident, with the caller's future and memory still held after the send",
                    all,
                ),
            ])
        },
    },
    Goal {
        id: "P10",
        what: "create + delete a virtual queue",
        wanted: ">= 1,000,000 per second and core; same cost at 10 and 1,000,000 queues",
        commands: &[SCALE],
        measure: |sources| {
            let scale = sources.said(SCALE, &[])?;
            let many = scale.of("create_delete_ns")?;
            let ratio = many / scale.of("create_delete_among_10_ns")?;
            Ok(vec![
                at_least("per second", 1e9 / many, 1_000_000.0),
                at_most("x the cost at 10", ratio, SAME),
            ])
        },
    },
    Goal {
        id: "P11",
        what: "dispatch of a reply with 100,000 pending",
        wanted: "<= 1.5 x with 1",
        commands: &[SCALE],
        measure: |sources| {
            let scale = sources.said(SCALE, &[])?;
            let ratio = scale.of("reply_among_many_ns")? / scale.of("reply_alone_ns")?;
            Ok(vec![at_most("x", ratio, 1.5)])
        },
    },
    Goal {
        id: "P12",
        what: "CPU per RPC, both sides",
        wanted: "<= 1.25 x bare SDK making the same batched calls",
        commands: &[JAVA],
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
        what: "calls for watching per period, N live owners, D dead hosts",
        wanted: "<= 2.2 N + 4 D; at most 4 per owner without dead hosts; the same per owner at 10 and 10,000",
        commands: &[RING],
        measure: |sources| {
            let mut figures = Vec::new();
            for owners in [10, 1_000, 10_000] {
                let ring = sources.said(RING, &[("owners", owners.into())])?;
                let name = format!("per owner, {owners} owners");
                figures.push(at_most(&name, ring.of("each")?, 2.2));
                let name = format!("most of one owner, {owners} owners");
                figures.push(at_most(&name, ring.of("most")?, 4.0));
            }
            let same = figures[4].value / figures[0].value;
            figures.push(at_most("x from 10 to 10,000", same, SAME));
            let dead = sources.said(RING, &[("of_which_half_die", 10_000.into())])?;
            let (calls, allowed) = (dead.of("calls")?, dead.of("allowed")?);
            figures.push(at_most("in total, with dead hosts", calls, allowed));
            Ok(figures)
        },
    },
    Goal {
        id: "P14",
        what: "renewals, N hosts",
        wanted: "4 N / R per second, no burst above twice the mean",
        commands: &[RING],
        measure: |sources| {
            let mut figures = Vec::new();
            for owners in [1_000, 10_000] {
                let ring = sources.said(RING, &[("owners", owners.into())])?;
                let mean = ring.of("mean")?;
                // Intervals are random around a quarter of R.
                let rate = ring.of("rate")? / mean;
                figures.push(at_most(&format!("x 4 N / R, {owners}"), rate, 1.01));
                let burst = ring.of("burst")? / mean;
                figures.push(at_most(&format!("x in a burst, {owners}"), burst, 2.0));
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
            let calls = sources.said(OUTAGE, &[])?.of("calls")?;
            Ok(vec![at_most("calls", calls, 60.0)])
        },
    },
    Goal {
        id: "P16",
        what: "10,000 deadlines at once",
        wanted: "CPU <= 2 x that of 10,000 replies",
        commands: &[SCALE],
        measure: |sources| {
            let scale = sources.said(SCALE, &[])?;
            let ratio = scale.of("deadline_ns")? / scale.of("reply_ns")?;
            Ok(vec![at_most("x", ratio, 2.0)])
        },
    },
];

/// The ratio of two contestants on each server, as a figure with a limit.
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
            let ratio = ratio.ok_or_else(|| {
                format!("expected runs of both contestants on {server}, found none")
            })?;
            let mut limited = limited(ratio);
            limited.name = format!("{} on {server}", limited.name);
            Ok(limited)
        })
        .collect::<Result<_, Failure>>()?;
    if figures.is_empty() {
        return Err("expected servers in the report of `java`, found none".to_owned());
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
    /// Whether the value is within the limit; never for NaN with a limit.
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
    fn goals_are_numbered_and_have_commands() {
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
