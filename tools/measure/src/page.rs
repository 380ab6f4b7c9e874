//! The parts of `docs/benchmarks.md` that programs write.
//!
//! Invariant: what is not between the two marks of a section stays as it was.

use sqs_rpc_interop::{Failure, Folders};

/// Writes what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->` in `docs/benchmarks.md` anew.
///
/// # Errors
/// The page cannot be read or written, or lacks one of the marks.
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
        .ok_or_else(|| format!("no line {:?}", begin.trim_end()))?;
    let (_, after) = rest
        .split_once(&end)
        .ok_or_else(|| format!("no line {end:?}"))?;
    let text = text.trim();
    Ok(format!("{before}{begin}\n{text}\n\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n<!-- y: begin -->\nkept\n<!-- y: end -->\n";

    #[test]
    fn only_its_own_section_is_written() {
        let once = replaced(PAGE, "x", "new\n").unwrap();
        assert_eq!(
            once,
            PAGE.replace("old\n", "\nnew\n\n"),
            "the rest stays as it is"
        );
        assert_eq!(replaced(&once, "x", "new"), Ok(once));
    }

    #[test]
    fn a_section_that_is_not_there_is_an_error() {
        assert!(replaced(PAGE, "z", "new").is_err());
        assert!(replaced("<!-- x: begin -->\n", "x", "new").is_err());
    }
}
