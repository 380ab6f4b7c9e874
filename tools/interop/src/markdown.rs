//! Tables in Markdown, which are also readable in a terminal.

/// A table with a head and a line for each row.
#[must_use]
pub fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let line = |cells: [String; N]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.map(str::to_owned)) + "|" + &"---|".repeat(N) + "\n";
    text.extend(rows.into_iter().map(line));
    text
}
