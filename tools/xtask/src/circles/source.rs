//! What one file declares, imports and names.

use super::tokens::{Token, tokens};

/// A path in a file: of a `use`, or in code.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    pub(super) line: usize,
    /// The modules of this file, written `mod name { }`, that the path stands in.
    pub(super) inside: Vec<String>,
    pub(super) path: Vec<String>,
    pub(super) role: Role,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// `use`, and the name that it brings. `*` brings all names.
    Import {
        name: String,
        public: bool,
    },
    Code,
    /// A function, type, constant or macro.
    Definition,
    /// `mod name;` or `mod name { }`
    Module {
        inline: bool,
    },
}

/// All paths of a file, in its order.
pub(super) fn mentions(text: &str) -> Vec<Mention> {
    let tokens = tokens(text);
    let mut reader = Reader {
        tokens: &tokens,
        found: Vec::new(),
        inside: Vec::new(),
    };
    reader.file();
    reader.found
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    found: Vec<Mention>,
    inside: Vec<String>,
}

impl Reader<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |it| it.text)
    }

    fn push(&mut self, at: usize, path: Vec<String>, role: Role) {
        self.found.push(Mention {
            line: self.tokens[at].line,
            inside: self.inside.clone(),
            path,
            role,
        });
    }

    fn file(&mut self) {
        let (mut at, mut depth) = (0, 0);
        // The depths at which the modules of `inside` began.
        let mut began = Vec::new();
        while at < self.tokens.len() {
            let name = self.text(at + 1).to_owned();
            match self.text(at) {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if began.last() == Some(&depth) {
                        began.pop();
                        self.inside.pop();
                    }
                }
                "use" => {
                    let public = matches!(self.text(at.wrapping_sub(1)), "pub" | ")");
                    at = self.import(at + 1, Vec::new(), public);
                }
                "mod" => {
                    let inline = self.text(at + 2) == "{";
                    self.push(at, vec![name.clone()], Role::Module { inline });
                    if inline {
                        began.push(depth);
                        self.inside.push(name);
                    }
                    at += 1;
                }
                "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static" => {
                    self.push(at, vec![name], Role::Definition);
                }
                "macro_rules" => {
                    let name = self.text(at + 2).to_owned();
                    self.push(at, vec![name], Role::Definition);
                }
                _ => at = self.code(at),
            }
            at += 1;
        }
    }

    /// Reads the tree of a `use`. Returns the place of its last token.
    fn import(&mut self, mut at: usize, mut path: Vec<String>, public: bool) -> usize {
        let first = at;
        let mut name = None;
        loop {
            match self.text(at) {
                "::" => {}
                "as" => {
                    at += 1;
                    name = Some(self.text(at).to_owned());
                }
                "{" => {
                    while self.text(at) != "}" && at < self.tokens.len() {
                        at = self.import(at + 1, path.clone(), public);
                    }
                    return at + 1;
                }
                "," | ";" | "}" | "" => break,
                "self" if !path.is_empty() => {}
                segment => path.push(segment.to_owned()),
            }
            at += 1;
        }
        if at > first
            && let Some(last) = path.last()
        {
            let name = name.unwrap_or_else(|| last.clone());
            self.push(first, path, Role::Import { name, public });
        }
        at
    }

    /// Reads a path in code. Returns the place of its last token.
    fn code(&mut self, mut at: usize) -> usize {
        let first = at;
        let is_name = |text: &str| text.starts_with(|it: char| it.is_alphabetic() || it == '_');
        if !is_name(self.text(at)) || matches!(self.text(at.wrapping_sub(1)), "::" | ".") {
            return at;
        }
        let mut path = vec![self.text(at).to_owned()];
        while self.text(at + 1) == "::" && is_name(self.text(at + 2)) {
            at += 2;
            path.push(self.text(at).to_owned());
        }
        self.push(first, path, Role::Code);
        at
    }
}
