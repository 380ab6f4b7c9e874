//! Outcomes as a picture: latency and calls a request, side by side, as an SVG file.

use std::fmt::Write as _;
use std::path::Path;

use crate::bench::outcome::{Outcome, Rpc};
use crate::failure::Failure;

const ROW: usize = 22;
const LABEL: usize = 300;
const BARS: usize = 340;
const GAP: usize = 40;
const TOP: usize = 40;

/// What a bar shows.
type Figure = fn(&Rpc) -> f64;

/// Writes the picture; outcomes without a load are not in it.
pub(in crate::bench) fn chart(outcomes: &[Outcome], file: &Path) -> Result<(), Failure> {
    std::fs::write(file, render(outcomes))
        .map_err(|error| Failure::other(format!("cannot write {}: {error}", file.display())))
}

fn render(outcomes: &[Outcome]) -> String {
    let rows: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| Some((outcome, outcome.rpc()?)))
        .collect();
    let width = LABEL + 2 * (BARS + GAP);
    let height = TOP + rows.len() * ROW + 10;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let panels: [(&str, Figure); 2] = [
        ("p99 latency, ms", |rpc| rpc.p99_ms),
        ("API calls a request", |rpc| rpc.calls_per_rpc),
    ];
    for (i, (title, figure)) in panels.into_iter().enumerate() {
        let left = LABEL + i * (BARS + GAP);
        let most = rows.iter().map(|(_, rpc)| figure(rpc)).fold(0.0, f64::max);
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"20\" font-weight=\"bold\">{title}</text>"
        );
        for (row, (outcome, rpc)) in rows.iter().enumerate() {
            let y = TOP + row * ROW;
            let value = figure(rpc);
            // Room for the figure behind the bar.
            let length = if most > 0.0 {
                value / most * (BARS - 60) as f64
            } else {
                0.0
            };
            let colour = outcome.contestant.colour();
            let text_y = y + 12;
            if i == 0 {
                let _ = writeln!(
                    svg,
                    "<text x=\"0\" y=\"{text_y}\">{}, {}</text>",
                    outcome.scenario, outcome.contestant
                );
            }
            let _ = writeln!(
                svg,
                "<rect x=\"{left}\" y=\"{y}\" width=\"{length:.1}\" height=\"16\" fill=\"{colour}\"/>\n\
                 <text x=\"{:.1}\" y=\"{text_y}\">{value:.2}</text>",
                left as f64 + length + 4.0
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::bench::contestant::Name;
    use crate::bench::outcome::Figures;

    fn outcome(contestant: Name, p99_ms: f64) -> Outcome {
        let rpc = Rpc {
            requests: 1,
            rpc_per_second: 1.0,
            p50_ms: 1.0,
            p99_ms,
            p999_ms: 1.0,
            calls_per_rpc: 0.5,
            fill: BTreeMap::new(),
            dollars_per_million_rpc: 0.2,
            cpu_us_per_rpc: None,
            os_threads: None,
        };
        Outcome {
            scenario: "one".to_owned(),
            contestant,
            polls: None,
            figures: Figures::Rpc(Box::new(rpc)),
            calls: BTreeMap::new(),
        }
    }

    #[test]
    fn the_longest_bar_is_that_of_the_largest_figure() {
        let svg = render(&[outcome(Name::SqsRpc, 5.0), outcome(Name::BareSdk, 10.0)]);
        let bars: Vec<_> = svg
            .lines()
            .filter_map(|line| line.strip_prefix("<rect x=")?.split("width=\"").nth(1))
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        assert_eq!(bars, ["140.0", "280.0", "280.0", "280.0"]);
    }
}
