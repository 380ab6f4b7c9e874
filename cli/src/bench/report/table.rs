//! Outcomes as a table.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};

use crate::bench::contestant::Name;
use crate::bench::outcome::{Figures, Outcome, Rpc};

const HEAD: [&str; 10] = [
    "scenario",
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

pub(super) fn render(outcomes: &[Outcome]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header(HEAD);
    for outcome in outcomes {
        table.add_row(row(outcome));
        if let Some(ratio) = ratio(outcomes, outcome) {
            table.add_row(ratio);
        }
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = table.to_string();
    for outcome in outcomes {
        let calls: Vec<_> = outcome
            .calls
            .iter()
            .map(|(action, n)| format!("{action} {n}"))
            .collect();
        text.push_str(&format!(
            "\n{}, {}: {}",
            outcome.scenario,
            contestant(outcome),
            if calls.is_empty() {
                "no call".to_owned()
            } else {
                calls.join(", ")
            }
        ));
        if let Figures::Other { figures } = &outcome.figures {
            for (name, figure) in figures {
                text.push_str(&format!("\n  {figure:.1} {name}"));
            }
        }
    }
    text
}

fn row(outcome: &Outcome) -> Vec<String> {
    let mut row = vec![outcome.scenario.clone(), contestant(outcome)];
    match &outcome.figures {
        Figures::Rpc(rpc) => row.extend(figures(rpc)),
        Figures::Calls { total } => {
            row.extend(std::iter::repeat_n(String::new(), 4));
            row.push(format!("{total} in all"));
        }
        // They have names of their own: below the table.
        Figures::Other { .. } => {}
    }
    row
}

fn contestant(outcome: &Outcome) -> String {
    match outcome.polls {
        Some(polls) => format!("{}, {polls} polls", outcome.contestant),
        None => outcome.contestant.to_string(),
    }
}

fn figures(rpc: &Rpc) -> [String; 8] {
    let fill = rpc.fill.get("SendMessageBatch");
    [
        format!("{:.0}", rpc.rpc_per_second),
        format!("{:.1}", rpc.p50_ms),
        format!("{:.1}", rpc.p99_ms),
        format!("{:.1}", rpc.p999_ms),
        format!("{:.3}", rpc.calls_per_rpc),
        fill.map_or_else(String::new, |fill| format!("{fill:.1}")),
        rpc.cpu_us_per_rpc
            .map_or_else(String::new, |cpu| format!("{cpu:.0}")),
        format!("{:.3}", rpc.dollars_per_million_rpc),
    ]
}

/// After one that was compared: the framework's figures as multiples of its.
fn ratio(outcomes: &[Outcome], other: &Outcome) -> Option<Vec<String>> {
    if other.contestant == Name::SqsRpc {
        return None;
    }
    let ours = outcomes
        .iter()
        .find(|outcome| outcome.contestant == Name::SqsRpc && outcome.scenario == other.scenario)?;
    let (ours, theirs) = (ours.rpc()?, other.rpc()?);
    let times = |ours: f64, theirs: f64| format!("x {:.2}", ours / theirs);
    let cpu = ours.cpu_us_per_rpc.zip(theirs.cpu_us_per_rpc);
    Some(vec![
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
