//! Which file of a crate imports which.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::source::{Mention, Role, mentions};

/// The name of the root module.
const ROOT: &str = "crate";

/// A file imports what another one defines.
#[derive(Debug, Clone)]
pub(super) struct Import {
    /// The module of the file that imports.
    pub(super) from: String,
    /// The module of the file that defines.
    pub(super) to: String,
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) path: String,
}

/// The imports between files of the crate with this root file: one for each pair of files.
pub(super) fn imports(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<Import> {
    let mut tree = Tree::default();
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    tree.add(ROOT, root, folder, read);
    tree.imports()
}

/// The modules of a crate.
#[derive(Default)]
struct Tree {
    /// Module to the module of its file: another one if it is written `mod name { }`.
    modules: HashMap<String, String>,
    /// Module of a file to its path and what stands in it.
    files: BTreeMap<String, (String, Vec<Mention>)>,
    /// Module and name to what the name was imported from.
    names: HashMap<(String, String), Vec<String>>,
    /// Module to what it imports with `*`.
    globs: HashMap<String, Vec<Vec<String>>>,
    defined: HashSet<String>,
}

impl Tree {
    /// Adds a file and its modules. Files of its modules are in `folder`.
    fn add(
        &mut self,
        module: &str,
        file: &str,
        folder: &str,
        read: &dyn Fn(&str) -> Option<String>,
    ) {
        let Some(text) = read(file) else { return };
        self.modules.insert(module.to_owned(), module.to_owned());
        let found = mentions(&text);
        for it in &found {
            let place = child(module, &it.inside);
            let name = child(&place, &it.path);
            match &it.role {
                Role::Module { inline: true } => {
                    self.modules.insert(name, module.to_owned());
                }
                Role::Module { inline: false } => {
                    let folder = [&[folder.to_owned()], &it.inside[..], &it.path[..]]
                        .concat()
                        .join("/");
                    self.add(&name, &format!("{folder}.rs"), &folder, read);
                    self.add(&name, &format!("{folder}/mod.rs"), &folder, read);
                }
                Role::Import { name, .. } if name == "*" => {
                    let path = it.path[..it.path.len() - 1].to_vec();
                    self.globs.entry(place).or_default().push(path);
                }
                Role::Import { name, .. } => {
                    self.names.insert((place, name.clone()), it.path.clone());
                }
                Role::Definition => {
                    self.defined.insert(name);
                }
                Role::Code => {}
            }
        }
        self.files
            .insert(module.to_owned(), (file.to_owned(), found));
    }

    fn imports(&self) -> Vec<Import> {
        let mut imports = BTreeMap::new();
        for (from, (file, mentions)) in &self.files {
            for it in mentions {
                let place = child(from, &it.inside);
                let Some(to) = self.imported(&place, it) else {
                    continue;
                };
                if to != from {
                    imports.entry((from, to)).or_insert_with(|| Import {
                        from: from.clone(),
                        to: to.clone(),
                        file: file.clone(),
                        line: it.line,
                        path: it.path.join("::"),
                    });
                }
            }
        }
        imports.into_values().collect()
    }

    /// The module of the file that defines what is imported or used here.
    fn imported(&self, place: &str, it: &Mention) -> Option<&String> {
        let counts = match &it.role {
            Role::Code => true,
            Role::Import { public, .. } => !public,
            Role::Definition | Role::Module { .. } => false,
        };
        // The import of a module only names the module: the items that are used from the module count.
        let (module, is_item) = self.resolve(place, &it.path, 16)?;
        self.modules.get(&module).filter(|_| counts && is_item)
    }

    /// Follows a path through imports and re-exports. Returns a module and `false`, or the module that defines the item and `true`.
    /// `hops` is the maximum number of imports to follow.
    fn resolve(&self, from: &str, path: &[String], hops: usize) -> Option<(String, bool)> {
        let hops = hops.checked_sub(1)?;
        let mut at = from.to_owned();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some(ROOT) => (at, rest) = (ROOT.to_owned(), &path[1..]),
            Some("self") => rest = &path[1..],
            Some("super") => {}
            _ if !self.knows(from, path.first()?) => return None,
            _ => {}
        }
        while let Some((name, tail)) = rest.split_first() {
            let inner = format!("{at}::{name}");
            if name == "super" {
                at = at.rsplit_once("::")?.0.to_owned();
            } else if self.modules.contains_key(&inner) {
                at = inner;
            } else if let Some(origin) = self.names.get(&(at.clone(), name.clone())) {
                return self.resolve(&at, &[origin, tail].concat(), hops);
            } else if self.defined.contains(&inner) {
                return Some((at, true));
            } else {
                let globs = self.globs.get(&at).into_iter().flatten();
                let found = |it: &Vec<String>| self.resolve(&at, &[it, rest].concat(), hops);
                return globs.clone().find_map(found).or(Some((at.clone(), true)));
            }
            rest = tail;
        }
        Some((at, false))
    }

    /// Whether a path that begins with this name leads into the crate.
    fn knows(&self, module: &str, name: &str) -> bool {
        self.modules.contains_key(&format!("{module}::{name}"))
            || self
                .names
                .contains_key(&(module.to_owned(), name.to_owned()))
    }
}

fn child(module: &str, path: &[String]) -> String {
    let mut child = module.to_owned();
    for name in path {
        child.push_str("::");
        child.push_str(name);
    }
    child
}
