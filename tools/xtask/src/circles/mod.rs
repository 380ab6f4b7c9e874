//! Finds files, and folders, that import each other.
//!
//! Owns the rule: a file imports another file if a `use` or a path in code names an item that the other file defines,
//! through any number of re-exports. `mod` and a re-export are not imports, and everything under `#[cfg(test)]` is ignored.
//! A folder imports another folder if any of its files does.

mod imports;
mod source;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use imports::{Import, imports};

/// The circles of all packages of the workspace, each as a text of several lines.
pub(crate) fn find(workspace: &Path) -> Vec<String> {
    let mut roots = Vec::new();
    crate_roots(workspace, &mut roots);
    roots.sort();
    let read = |path: &str| std::fs::read_to_string(workspace.join(path)).ok();
    roots
        .iter()
        .filter_map(|root| root.strip_prefix(workspace).ok()?.to_str())
        .flat_map(|root| circles(root, &read))
        .collect()
}

fn crate_roots(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.');
        if path.is_dir() && name != "target" && !hidden {
            crate_roots(&path, found);
        } else if path.ends_with("src/lib.rs") || path.ends_with("src/main.rs") {
            found.push(path);
        }
    }
}

/// The circles of one crate: of files first, then of folders that no circle of files explains.
fn circles(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let imports = imports(root, read);
    let files = imports
        .iter()
        .map(|it| (it.from.clone(), it.to.clone(), it));
    let files = connected(&files.collect::<Vec<_>>());
    let mut folders: BTreeMap<String, Vec<Edge<'_>>> = BTreeMap::new();
    for import in &imports {
        if let Some((parent, from, to)) = siblings(&import.from, &import.to) {
            folders.entry(parent).or_default().push((from, to, import));
        }
    }
    let folders = folders.values().flat_map(|edges| connected(edges));
    let folders = folders.filter(|(members, _)| !files.contains_key(members));
    let mut found: Vec<_> = files
        .iter()
        .map(|(members, it)| report("files", members, it))
        .collect();
    found.extend(folders.map(|(members, it)| report("folders", &members, &it)));
    found
}

/// The innermost module that contains both modules, and the two modules directly below it on the way to each.
fn siblings(from: &str, to: &str) -> Option<(String, String, String)> {
    let from: Vec<_> = from.split("::").collect();
    let to: Vec<_> = to.split("::").collect();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let below = |path: &[&str]| Some(path.get(..=shared)?.join("::"));
    Some((from[..shared].join("::"), below(&from)?, below(&to)?))
}

/// Two modules, and the import that connects them.
type Edge<'a> = (String, String, &'a Import);

/// Each set of modules that all reach each other, with the edges inside.
fn connected<'a>(edges: &[Edge<'a>]) -> BTreeMap<BTreeSet<String>, Vec<Edge<'a>>> {
    let reach: BTreeMap<_, _> = edges
        .iter()
        .map(|(from, ..)| (from, reached(from, edges)))
        .collect();
    let reaches = |from: &String, to: &String| reach.get(from).is_some_and(|it| it.contains(to));
    let mut circles: BTreeMap<BTreeSet<String>, Vec<Edge<'a>>> = BTreeMap::new();
    for edge in edges {
        let (from, to, _) = edge;
        if reaches(to, from) {
            let members = reach[from].iter().filter(|it| reaches(it, from));
            circles
                .entry(members.cloned().collect())
                .or_default()
                .push(edge.clone());
        }
    }
    circles
}

/// All modules that can be reached from this module along the edges.
fn reached(from: &String, edges: &[Edge<'_>]) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for (_, to, _) in edges.iter().filter(|(from, ..)| from == module) {
            if reached.insert(to.clone()) {
                open.push(to);
            }
        }
    }
    reached
}

fn report(what: &str, members: &BTreeSet<String>, edges: &[Edge<'_>]) -> String {
    let members: Vec<_> = members.iter().map(String::as_str).collect();
    let mut lines = vec![format!(
        "{what} that import each other: {}",
        members.join(", ")
    )];
    for (_, _, it) in edges {
        lines.push(format!("  {}:{}: {}", it.file, it.line, it.path));
    }
    lines.join("\n")
}
