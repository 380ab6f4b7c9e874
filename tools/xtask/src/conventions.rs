//! Rules for all files of the workspace that no compiler checks.

use std::path::{Path, PathBuf};

use crate::workspace_root as root;

/// All files with this ending below a folder, except files in `target` and hidden folders.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// A page must not name a command that does not exist.
#[test]
fn pages_name_only_existing_commands() {
    let records = root().join("docs/adr");
    for page in files(root(), ".md") {
        // Decision records and the changelog describe the past.
        if page.starts_with(&records) || page.ends_with("CHANGELOG.md") {
            continue;
        }
        let text = std::fs::read_to_string(&page).unwrap();
        for rest in text.split("cargo xtask ").skip(1) {
            let end = rest.find(|it: char| !it.is_ascii_lowercase() && it != '-');
            let name = &rest[..end.unwrap_or(rest.len())];
            let line = format!("\n  {name} ");
            assert!(crate::USAGE.contains(&line), "{}: {name:?}", page.display());
        }
    }
}

/// With a paused clock a sleep costs nothing. On the wall clock it costs its duration, and does not guarantee the
/// awaited event.
#[test]
fn no_test_sleeps_on_the_wall_clock_without_a_reason() {
    for file in files(root(), ".rs") {
        let text = std::fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices("#[tokio::test") {
            let indent = at - text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let (attribute, rest) = text[at..].split_once(']').unwrap();
            // The end of the function is the first closing brace with the attribute's indentation.
            let end = format!("\n{}}}\n", " ".repeat(indent));
            let body = rest.split(&end).next().unwrap_or_default();
            assert!(
                attribute.contains("start_paused")
                    || body.matches("sleep(").count() <= body.matches("// Wall clock").count(),
                "{}: {}",
                file.display(),
                body.trim().lines().next().unwrap_or_default()
            );
        }
    }
}
