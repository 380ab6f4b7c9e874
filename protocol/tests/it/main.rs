//! The golden vectors: what every implementation of the protocol must read and refuse in the same way.
//!
//! The files in `tests/vectors` say in their heads how they are to be read.

mod deadlines;
mod headers;
mod queue_urls;
mod return_addresses;

/// The lines of a vector file with their numbers, without comments and empty lines.
///
/// Blanks at the end of a line count: a refused value may be empty.
fn vectors(file: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = file
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}
