//! A parser for the part of HOCON that ElasticMQ configurations use.
//!
//! Supported are objects, paths as keys, quoted and unquoted values, arrays and comments. A repeated key replaces a
//! value and merges an object. Includes are skipped, and substitutions are kept as text, which the reader of the value
//! refuses.

use std::collections::BTreeMap;

/// Maximum depth of nested objects and arrays.
const DEEPEST: usize = 64;

/// A value, and the line where its key begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Object(BTreeMap<String, Node>),
    /// The elements are dropped, because no setting of a queue is an array.
    Array,
    Text(String),
}

/// An error and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) text: String,
}

impl Wrong {
    pub(super) fn new(line: usize, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { line, text }
    }
}

/// Reads a whole file. The outer braces may be missing.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, Node>, Wrong> {
    let mut parser = Parser {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
        depth: 0,
    };
    parser.skip_space(true);
    let braces = parser.take("{");
    let root = parser.members(if braces { Some('}') } else { None })?;
    parser.skip_space(true);
    match parser.peek() {
        None => Ok(root),
        Some(found) => Err(parser.wrong(format!("expected the end of the file, found {found:?}"))),
    }
}

struct Parser<'a> {
    rest: &'a str,
    line: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.rest = &self.rest[char.len_utf8()..];
        self.line += usize::from(char == '\n');
        Some(char)
    }

    /// Takes the next `bytes` unchanged.
    fn raw(&mut self, bytes: usize) -> &'a str {
        let (text, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.line += text.matches('\n').count();
        text
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest.strip_prefix(token);
        if let Some(rest) = found {
            self.rest = rest;
        }
        found.is_some()
    }

    fn wrong(&self, text: impl Into<String>) -> Wrong {
        Wrong::new(self.line, text)
    }

    /// Whether a comment begins here.
    fn at_comment(&self) -> bool {
        self.rest.starts_with('#') || self.rest.starts_with("//")
    }

    /// Skips spaces and comments, and line ends if `lines` is true.
    fn skip_space(&mut self, lines: bool) {
        loop {
            match self.peek() {
                Some('\n') if !lines => return,
                Some(char) if char.is_whitespace() => {
                    self.next();
                }
                _ if self.at_comment() => {
                    while self.peek().is_some_and(|char| char != '\n') {
                        self.next();
                    }
                }
                _ => return,
            }
        }
    }

    /// Reads the members of an object up to and including its end.
    fn members(&mut self, end: Option<char>) -> Result<BTreeMap<String, Node>, Wrong> {
        let began = self.line;
        let mut members = BTreeMap::new();
        loop {
            self.skip_space(true);
            while self.take(",") {
                self.skip_space(true);
            }
            match (self.peek(), end) {
                (None, None) => return Ok(members),
                (None, Some(_)) => {
                    return Err(Wrong::new(
                        began,
                        "expected a } for this object, found the end of the file",
                    ));
                }
                (found, _) if found == end => {
                    self.next();
                    return Ok(members);
                }
                _ => {}
            }
            let line = self.line;
            let path = self.path()?;
            if let [word] = path.as_slice()
                && word.starts_with("include ")
            {
                // An included file has only defaults of the server.
                continue;
            }
            self.skip_space(false);
            let value = match self.peek() {
                Some('{') => self.value()?,
                Some('=' | ':') => {
                    self.next();
                    self.skip_space(true);
                    self.value()?
                }
                found => {
                    return Err(self.wrong(format!(
                        "expected = or {{ after the key {:?}, found {}",
                        path.join("."),
                        shown(found)
                    )));
                }
            };
            insert(&mut members, &path, Node { line, value });
        }
    }

    /// Reads a key and splits it at its dots. An `include` with its argument is one word.
    fn path(&mut self) -> Result<Vec<String>, Wrong> {
        let mut path = Vec::new();
        let mut part = String::new();
        loop {
            match self.peek() {
                Some('"') => part.push_str(&self.quoted()?),
                Some('.') if !part.starts_with("include ") => {
                    self.next();
                    path.push(std::mem::take(&mut part).trim().to_owned());
                }
                Some('=' | ':' | '{' | '}' | '\n' | ',' | '+') | None => break,
                Some('[' | ']' | '$') => {
                    return Err(self.wrong(format!("expected a key, found {}", shown(self.peek()))));
                }
                _ if self.at_comment() => break,
                Some(char) => {
                    self.next();
                    part.push(char);
                }
            }
        }
        path.push(part.trim().to_owned());
        if path.iter().any(String::is_empty) {
            return Err(self.wrong(format!("expected a key, found {}", shown(self.peek()))));
        }
        Ok(path)
    }

    fn value(&mut self) -> Result<Value, Wrong> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong(format!(
                "expected at most {DEEPEST} nested values, found more"
            )));
        }
        let value = if self.take("{") {
            Value::Object(self.members(Some('}'))?)
        } else if self.take("[") {
            self.array()?;
            Value::Array
        } else {
            Value::Text(self.text()?)
        };
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<(), Wrong> {
        let began = self.line;
        loop {
            self.skip_space(true);
            if self.take(",") {
                continue;
            }
            if self.take("]") {
                return Ok(());
            }
            if self.peek().is_none() {
                return Err(Wrong::new(
                    began,
                    "expected a ] for this array, found the end of the file",
                ));
            }
            self.value()?;
        }
    }

    /// Joins quoted and unquoted pieces up to the end of the value.
    fn text(&mut self) -> Result<String, Wrong> {
        let mut text = String::new();
        // The end of the last quoted piece; the text before it must not be trimmed.
        let mut quoted = None;
        loop {
            match self.peek() {
                Some('"') => {
                    text.push_str(&self.quoted()?);
                    quoted = Some(text.len());
                }
                None | Some('\n' | ',' | '}' | ']') => break,
                _ if self.at_comment() => break,
                Some(found @ ('{' | '[')) => {
                    return Err(self.wrong(format!("expected the end of a value, found {found:?}")));
                }
                // A substitution, kept unchanged with its braces.
                Some('$') if self.rest.starts_with("${") => {
                    let end = self
                        .rest
                        .find('}')
                        .ok_or_else(|| self.wrong("expected a } after ${, found none"))?;
                    text.push_str(self.raw(end + 1));
                }
                Some(char) => {
                    self.next();
                    text.push(char);
                }
            }
        }
        let length = text.trim_end().len().max(quoted.unwrap_or(0));
        text.truncate(length);
        if text.is_empty() && quoted.is_none() {
            return Err(self.wrong(format!("expected a value, found {}", shown(self.peek()))));
        }
        Ok(text)
    }

    fn quoted(&mut self) -> Result<String, Wrong> {
        let began = self.line;
        let unended = || Wrong::new(began, "expected a closing quote, found none");
        if self.take("\"\"\"") {
            let end = self.rest.find("\"\"\"").ok_or_else(unended)?;
            let text = self.raw(end).to_owned();
            self.take("\"\"\"");
            return Ok(text);
        }
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                Some('"') => return Ok(text),
                None | Some('\n') => return Err(unended()),
                Some('\\') => text.push(match self.next() {
                    Some(char @ ('"' | '\\' | '/')) => char,
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    found => {
                        return Err(Wrong::new(
                            began,
                            format!("expected an escape such as \\n, found {}", shown(found)),
                        ));
                    }
                }),
                Some(char) => text.push(char),
            }
        }
    }
}

fn shown(found: Option<char>) -> String {
    match found {
        None => "the end of the file".to_owned(),
        Some('\n') => "the end of the line".to_owned(),
        Some(char) => format!("{char:?}"),
    }
}

fn insert(members: &mut BTreeMap<String, Node>, path: &[String], node: Node) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    let line = node.line;
    let node = if rest.is_empty() {
        node
    } else {
        let mut inner = BTreeMap::new();
        insert(&mut inner, rest, node);
        let value = Value::Object(inner);
        Node { line, value }
    };
    match (members.get_mut(name), node) {
        (
            Some(Node {
                value: Value::Object(before),
                ..
            }),
            Node {
                value: Value::Object(more),
                ..
            },
        ) => {
            for (name, node) in more {
                insert(before, &[name], node);
            }
        }
        (_, node) => {
            members.insert(name.clone(), node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'a>(members: &'a BTreeMap<String, Node>, path: &str) -> &'a str {
        let mut parts = path.split('/');
        let mut node = &members[parts.next().unwrap()];
        for part in parts {
            let Value::Object(members) = &node.value else {
                panic!("{path}: {node:?}")
            };
            node = &members[part];
        }
        match &node.value {
            Value::Text(text) => text,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn the_forms_of_a_value_are_read() {
        let read = parse(
            "include classpath(\"application.conf\")\n\
             include \"a.b\"\n\
             a = 10 seconds // why\n\
             b : \"x # y\" # c\n\
             c { d = 1, e = 2 }\n\
             c.f = 3\n\
             c { d = 4 }\n\
             \"g.h\" = \"\"\n\
             i = [1, [2], { j = 3 }]\n\
             k =\n  l\n\
             m = \"\"\"n\"o\"\"\"\n\
             p = ${Q}\n\
             r = \"10\" seconds\n\
             s = \"t \\\"u\\\"\"\n",
        )
        .unwrap();
        for (path, expected) in [
            ("a", "10 seconds"),
            ("b", "x # y"),
            ("c/d", "4"),
            ("c/e", "2"),
            ("c/f", "3"),
            ("g.h", ""),
            ("k", "l"),
            ("m", "n\"o"),
            ("p", "${Q}"),
            ("r", "10 seconds"),
            ("s", "t \"u\""),
        ] {
            assert_eq!(text(&read, path), expected, "{path}");
        }
        assert_eq!(read["i"].value, Value::Array);
        assert_eq!(parse("{ a = 1 }").map(|read| read.len()), Ok(1));
        assert_eq!(parse(""), Ok(BTreeMap::new()));
    }

    #[test]
    fn an_error_has_its_line() {
        for (source, line, part) in [
            ("a {\n b = 1\n", 1, "expected a } for this object"),
            ("a = 1\nb", 2, "expected = or { after the key \"b\""),
            ("a = [1,\n2", 1, "expected a ]"),
            ("\na = \"x\n", 2, "quote"),
            ("a = 1\n}", 2, "found '}'"),
            ("{ a = 1 }\nb = 2", 2, "the end of the file"),
            ("a = ,", 1, "expected a value"),
            ("a = b {", 1, "the end of a value"),
            ("= 1", 1, "expected a key"),
            ("a = \"\\q\"", 1, "escape"),
            ("a = ${b", 1, "expected a }"),
            ("a += 1", 1, "found '+'"),
        ] {
            let wrong = parse(source).unwrap_err();
            assert_eq!(wrong.line, line, "{source}: {wrong:?}");
            assert!(wrong.text.contains(part), "{source}: {wrong:?}");
        }
        let deep = "a = ".to_owned() + &"[".repeat(100_000);
        assert!(parse(&deep).unwrap_err().text.contains("at most 64"));
    }
}
