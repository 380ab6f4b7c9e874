//! Figures out of what commands print.
//!
//! Pure. Invariant: what is not found is an error that says what was looked for.

use serde_json::Value;
use sqs_rpc_interop::Failure;

/// The line of `sqs-rpc bench --json` for a scenario and a contestant.
pub(crate) fn outcome(printed: &str, scenario: &str, contestant: &str) -> Result<Value, Failure> {
    let lines = printed
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut found =
        lines.filter(|line| line["scenario"] == scenario && line["contestant"] == contestant);
    found
        .next()
        .ok_or_else(|| format!("no line for {scenario}, {contestant}"))
}

/// A number in such a line.
pub(crate) fn number(outcome: &Value, pointer: &str) -> Result<f64, Failure> {
    let value = outcome.pointer(pointer).and_then(Value::as_f64);
    value.ok_or_else(|| format!("no number {pointer}"))
}

/// The first number that follows `mark` in the line that begins with `start`.
///
/// For programs that print for people: `P8   idle virtual queue at 1,000,000: 331 B (goal 512)`.
pub(crate) fn after(printed: &str, start: &str, mark: &str) -> Result<f64, Failure> {
    let missing = || format!("no line {start:?} with a number after {mark:?}");
    let lines = printed.lines().filter(|line| line.starts_with(start));
    let rest = lines
        .filter_map(|line| line.split_once(mark))
        .map(|(_, rest)| rest.trim_start())
        .next()
        .ok_or_else(missing)?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(rest.len());
    rest[..end].parse().map_err(|_| missing())
}

/// The numbers in the table line of so many hosts, as the model of the ring prints it.
pub(crate) fn ring(printed: &str, hosts: u32) -> Result<[f64; 5], Failure> {
    let start = format!("| {hosts} |");
    let line = printed
        .lines()
        .find_map(|line| line.split_once(&start).map(|(_, rest)| rest));
    let cells = line.map(|rest| {
        let cells = rest
            .split('|')
            .map(str::trim)
            .filter(|cell| !cell.is_empty());
        cells
            .map(|cell| cell.parse().unwrap_or(f64::NAN))
            .collect::<Vec<f64>>()
    });
    match cells.as_deref() {
        Some(&[each, most, mean, rate, burst]) => Ok([each, most, mean, rate, burst]),
        _ => Err(format!("no line of five numbers for {hosts} hosts")),
    }
}

/// Calls that were made, and calls that are allowed, in the line about dead hosts.
pub(crate) fn dead_hosts(printed: &str) -> Result<(f64, f64), Failure> {
    let line = printed
        .lines()
        .find(|line| line.ends_with("allowed") && line.contains("dead"))
        .ok_or("no line about dead hosts")?;
    let numbers: Vec<f64> = line
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers.as_slice() {
        [_hosts, calls, _periods, _dead, allowed] => Ok((*calls, *allowed)),
        _ => Err(format!("{line:?} has not five numbers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_bench_is_found_by_scenario_and_contestant() {
        let printed = "not JSON\n\
            {\"scenario\":\"a\",\"contestant\":\"sqs-rpc\",\"p50_ms\":1.5,\"fill\":{\"X\":9}}\n\
            {\"scenario\":\"a\",\"contestant\":\"bare-sdk\",\"p50_ms\":1.0}\n";
        let ours = outcome(printed, "a", "sqs-rpc").unwrap();
        assert_eq!(number(&ours, "/p50_ms"), Ok(1.5));
        assert_eq!(number(&ours, "/fill/X"), Ok(9.0));
        assert!(number(&ours, "/p99_ms").is_err());
        assert!(outcome(printed, "b", "sqs-rpc").is_err());
    }

    #[test]
    fn a_number_for_people_is_found_behind_its_mark() {
        let printed = "P10  create + delete at 1,000,000: 812 ns, 1231527 a second (goal 1,000,000)\n\
            P10  the same at 10: 310 ns; ratio 2.62 (goal 1)\n";
        assert_eq!(after(printed, "P10", "ns, "), Ok(1_231_527.0));
        assert_eq!(after(printed, "P10", "ratio "), Ok(2.62));
        assert!(after(printed, "P11", "ratio ").is_err());
    }

    #[test]
    fn the_table_of_the_ring_is_read() {
        // The harness puts the name of a test before what it prints.
        let printed = "test a ... | 10 | 1.97 | 2.3 | 0.13 | 0.13 | 0.40 |\n\
            | 1000 | 2.13 | 3.2 | 13.33 | 13.32 | 15.07 |\n\
            200: 1700 calls in 6.5 periods, 95 dead; 3240 allowed\nok\n";
        assert_eq!(ring(printed, 10), Ok([1.97, 2.3, 0.13, 0.13, 0.40]));
        assert_eq!(ring(printed, 1_000).unwrap()[4], 15.07);
        assert!(ring(printed, 10_000).is_err());
        assert_eq!(dead_hosts(printed), Ok((1_700.0, 3_240.0)));
    }
}
