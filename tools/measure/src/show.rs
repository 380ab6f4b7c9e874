//! Verdicts as a table for the terminal, as JSON, and as the table in `docs/benchmarks.md`.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sqs_rpc_interop::markdown::table as table_of;

use crate::goal::{Figure, Limit};
use crate::verdict::{Misses, Verdict};

/// The table for the terminal: a line for each goal, with its figures below.
pub(crate) fn table(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        let goal = verdict.goal;
        let _ = writeln!(
            text,
            "{:<4} {:<12} {}: {}",
            goal.id,
            verdict.word(),
            goal.what,
            goal.wanted
        );
        match &verdict.figures {
            Ok(figures) => {
                for figure in figures {
                    let _ = writeln!(text, "       {}", line(figure));
                }
            }
            Err(failure) => {
                let _ = writeln!(text, "       {failure}");
            }
        }
    }
    let reached = verdicts.iter().filter(|it| it.is_reached()).count();
    let _ = write!(text, "{reached} of {} reached", verdicts.len());
    text
}

/// A goal as a line of JSON.
pub(crate) fn json(verdict: &Verdict) -> Value {
    json!({
        "goal": verdict.goal.id,
        "what": verdict.goal.what,
        "wanted": verdict.goal.wanted,
        "verdict": verdict.word(),
        "figures": verdict.figures.as_ref().ok(),
        "problem": verdict.figures.as_ref().err(),
        "commands": verdict.goal.commands,
    })
}

/// The section for `docs/benchmarks.md`.
pub(crate) fn section(verdicts: &[Verdict], misses: &Misses) -> String {
    let reached = verdicts.iter().filter(|it| it.is_reached()).count();
    let mut commands: Vec<&str> = Vec::new();
    let rows = verdicts.iter().map(|verdict| {
        let goal = verdict.goal;
        let cells: Vec<_> = verdict.figures.iter().flatten().map(cell).collect();
        let by = goal.commands.iter().map(|&command| {
            let known = commands.iter().position(|it| *it == command);
            let place = known.unwrap_or_else(|| {
                commands.push(command);
                commands.len() - 1
            });
            format!("({})", place + 1)
        });
        let by: Vec<_> = by.collect();
        let word = match verdict.word() {
            "reached" => "reached".to_owned(),
            other => format!("**{other}**"),
        };
        let [id, what, wanted] = [goal.id, goal.what, goal.wanted].map(str::to_owned);
        [id, what, wanted, cells.join("<br>"), word, by.join(" ")]
    });
    let table = table_of(["#", "what", "goal", "measured", "", "by"], rows);
    let mut text = format!(
        "Made by `cargo xtask goals`: {reached} of {} reached.\n\n{table}",
        verdicts.len()
    );
    text.push('\n');
    for (place, command) in commands.iter().enumerate() {
        let _ = writeln!(text, "{}. `{command}`", place + 1);
    }
    let missed: Vec<_> = verdicts.iter().filter(|it| !it.is_reached()).collect();
    if !missed.is_empty() {
        text.push_str("\n### Not reached\n");
    }
    for verdict in missed {
        let said = match misses.of(verdict.goal.id) {
            Some(miss) => format!("{} *Next:* {}", miss.reason.trim(), miss.next.trim()),
            None => "no reason is known yet.".to_owned(),
        };
        let _ = writeln!(text, "\n- **{}**: {said}", verdict.goal.id);
    }
    text
}

fn line(figure: &Figure) -> String {
    let wanted = match figure.limit {
        Limit::AtMost(limit) => format!(" (<= {})", rounded(limit)),
        Limit::AtLeast(limit) => format!(" (>= {})", rounded(limit)),
        Limit::None => String::new(),
    };
    let missed = if figure.is_reached() { "" } else { " MISSED" };
    format!("{} {}{wanted}{missed}", rounded(figure.value), figure.name)
}

fn cell(figure: &Figure) -> String {
    let text = format!("{} {}", rounded(figure.value), figure.name);
    if figure.is_reached() {
        text
    } else {
        format!("**{text}**")
    }
}

/// The value with its significant digits.
fn rounded(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() < 0.1 {
        format!("{value:.3}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GOALS;

    fn verdicts() -> Vec<Verdict> {
        let figure = |value, limit| Figure {
            name: "calls".to_owned(),
            value,
            limit,
        };
        vec![
            Verdict::new(&GOALS[0], Ok(vec![figure(0.6512, Limit::AtMost(0.66))])),
            Verdict::new(&GOALS[1], Ok(vec![figure(8.0, Limit::AtLeast(9.0))])),
            Verdict::new(&GOALS[2], Err("it broke".to_owned())),
        ]
    }

    #[test]
    fn the_document_lists_missed_goals_with_reasons() {
        let misses = toml::from_str("[P2]\nreason = 'It is hard.'\nnext = 'Try.'\n").unwrap();
        let section = section(&verdicts(), &misses);
        for part in [
            "1 of 3 reached",
            "| <= 0.66 | 0.65 calls | reached | (1) (2) |",
            "| >= 9.0 | **8 calls** | **missed** | (1) |",
            "| **not measured** |",
            "- **P2**: It is hard. *Next:* Try.",
            "- **P3**: no reason is known yet.",
        ] {
            assert!(section.contains(part), "{part}\n{section}");
        }
    }

    #[test]
    fn terminal_and_json_show_the_same() {
        let table = table(&verdicts());
        assert!(table.contains("8 calls (>= 9) MISSED"), "{table}");
        assert!(table.contains("it broke"), "{table}");
        let second = json(&verdicts()[1]);
        assert_eq!(second["verdict"], "missed");
        assert_eq!(second["figures"][0]["limit"]["at_least"], 9.0);
    }
}
