//! Prints outcomes: a table for people, or one line of JSON per outcome for programs.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};

use super::contestant::Name;
use super::outcome::{Outcome, Rpc};
use crate::console::print;
use crate::failure::Failure;

const HEAD: [&str; 11] = [
    "load",
    "body",
    "contestant",
    "RPC/s",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "calls/RPC",
    "send fill",
    "CPU us/RPC",
    "$/million",
];

/// Prints a line of JSON for each outcome.
pub(super) fn json(outcomes: &[Outcome]) -> Result<(), Failure> {
    for outcome in outcomes {
        let line = serde_json::to_string(outcome).map_err(Failure::other)?;
        print(&format!("{line}\n"))?;
    }
    Ok(())
}

/// Prints what was measured, and a table of all outcomes with the ratios of compared contestants.
pub(super) fn table(what: &str, outcomes: &[Outcome]) -> Result<(), Failure> {
    let table = render(outcomes);
    print(&format!("{what}\n{table}\n"))
}

fn render(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header(HEAD);
    for outcome in outcomes {
        table.add_row(row(outcome));
        if let Some(ratio) = ratio(outcomes, outcome) {
            table.add_row(ratio);
        }
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(outcome: &Outcome) -> Vec<String> {
    let contestant = match outcome.polls {
        Some(polls) => format!("{}, {polls} polls", outcome.contestant),
        None => outcome.contestant.to_string(),
    };
    let mut row = vec![
        outcome.load.to_string(),
        format!("{} B", outcome.payload),
        contestant,
    ];
    row.extend(figures(&outcome.rpc));
    row
}

fn figures(rpc: &Rpc) -> [String; 8] {
    let or_nothing = |value: Option<String>| value.unwrap_or_default();
    let fill = rpc.fill.get("SendMessageBatch");
    [
        format!("{:.0}", rpc.rpc_per_second),
        format!("{:.1}", rpc.p50_ms),
        format!("{:.1}", rpc.p99_ms),
        format!("{:.1}", rpc.p999_ms),
        format!("{:.3}", rpc.calls_per_rpc),
        or_nothing(fill.map(|fill| format!("{fill:.1}"))),
        or_nothing(rpc.cpu_us_per_rpc.map(|cpu| format!("{cpu:.0}"))),
        format!("{:.3}", rpc.dollars_per_million_rpc),
    ]
}

/// The row after a compared contestant: the framework's figures as multiples of the contestant's.
fn ratio(outcomes: &[Outcome], other: &Outcome) -> Option<Vec<String>> {
    if other.contestant == Name::SqsRpc {
        return None;
    }
    let ours = outcomes.iter().find(|it| {
        (it.contestant, it.payload) == (Name::SqsRpc, other.payload) && it.load == other.load
    })?;
    let (ours, theirs) = (&ours.rpc, &other.rpc);
    let times = |ours: f64, theirs: f64| format!("x {:.2}", ours / theirs);
    let cpu = ours.cpu_us_per_rpc.zip(theirs.cpu_us_per_rpc);
    Some(vec![
        String::new(),
        String::new(),
        format!("sqs-rpc / {}", other.contestant),
        times(ours.rpc_per_second, theirs.rpc_per_second),
        times(ours.p50_ms, theirs.p50_ms),
        times(ours.p99_ms, theirs.p99_ms),
        times(ours.p999_ms, theirs.p999_ms),
        times(ours.calls_per_rpc, theirs.calls_per_rpc),
        String::new(),
        cpu.map_or_else(String::new, |(ours, theirs)| times(ours, theirs)),
        times(ours.dollars_per_million_rpc, theirs.dollars_per_million_rpc),
    ])
}
