//! The golden vectors: texts that every implementation of the protocol must read and refuse in the same way.
//!
//! The head of each file in `tests/vectors` describes the format.

mod deadlines;
mod headers;
mod queue_urls;
mod return_addresses;

/// The lines of a vector file with their numbers, without comments and empty lines.
///
/// Spaces at the end of a line count: a refused value may be empty.
fn vectors(file: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = file
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}
