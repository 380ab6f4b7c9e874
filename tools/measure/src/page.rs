//! The generated parts of `docs/benchmarks.md`.
//!
//! Invariant: text outside the two marks of a section is not changed.

use sqs_rpc_interop::{Failure, Folders};

/// Replaces the text between `<!-- NAME: begin -->` and `<!-- NAME: end -->` in `docs/benchmarks.md`.
///
/// # Errors
/// The page cannot be read or written, or a mark is missing.
pub(crate) fn replace_section(name: &str, text: &str) -> Result<(), Failure> {
    let page = Folders::new().root().join("docs/benchmarks.md");
    let problem = |why: &dyn std::fmt::Display| format!("{}: {why}", page.display());
    let old = std::fs::read_to_string(&page).map_err(|error| problem(&error))?;
    let new = replaced(&old, name, text).map_err(|missing| problem(&missing))?;
    std::fs::write(&page, new).map_err(|error| problem(&error))?;
    eprintln!("written: {}", page.display());
    Ok(())
}

fn replaced(page: &str, name: &str, text: &str) -> Result<String, Failure> {
    let (begin, end) = (
        format!("<!-- {name}: begin -->\n"),
        format!("<!-- {name}: end -->"),
    );
    let (before, rest) = page
        .split_once(&begin)
        .ok_or_else(|| format!("expected a line {:?}, found none", begin.trim_end()))?;
    let (_, after) = rest
        .split_once(&end)
        .ok_or_else(|| format!("expected a line {end:?}, found none"))?;
    let text = text.trim();
    Ok(format!("{before}{begin}\n{text}\n\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n<!-- y: begin -->\nkept\n<!-- y: end -->\n";

    #[test]
    fn only_the_named_section_is_replaced() {
        let once = replaced(PAGE, "x", "new\n").unwrap();
        assert_eq!(
            once,
            PAGE.replace("old\n", "\nnew\n\n"),
            "the rest is unchanged"
        );
        assert_eq!(replaced(&once, "x", "new"), Ok(once));
    }

    #[test]
    fn a_missing_section_is_an_error() {
        assert!(replaced(PAGE, "z", "new").is_err());
        assert!(replaced("<!-- x: begin -->\n", "x", "new").is_err());
    }
}
