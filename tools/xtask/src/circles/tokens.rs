//! Splits a Rust file into tokens, without comments, literals and tests.

/// One identifier, `::`, or one character of punctuation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) line: usize,
    pub(super) text: &'a str,
}

/// The tokens of a file, without items under `#[cfg(test)]`.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    without_tests(&all(text))
}

fn all(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        let rest = &text[at..];
        let (length, kept) = next(rest);
        let found = &rest[..length];
        if kept {
            tokens.push(Token { line, text: found });
        }
        line += found.matches('\n').count();
        at += length;
    }
    tokens
}

/// The length of what `rest` begins with, and whether that is a token to keep.
fn next(rest: &str) -> (usize, bool) {
    let first = rest.chars().next().unwrap_or_default();
    let until = |end: &str, from: usize| {
        rest[from..]
            .find(end)
            .map_or(rest.len(), |at| from + at + end.len())
    };
    if rest.starts_with("//") {
        return (until("\n", 2), false);
    }
    if rest.starts_with("/*") {
        return (until("*/", 2), false);
    }
    if let Some(raw) = rest.trim_start_matches(['b', 'c']).strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let opening = rest.len() - raw.len() + hashes + 1;
            return (until(&format!("\"{}", "#".repeat(hashes)), opening), false);
        }
    }
    match first {
        '"' => (quoted(rest, '"'), false),
        // A lifetime has no closing quote after its first character.
        '\'' if rest[1..].starts_with('\\') || rest[1..].chars().nth(1) == Some('\'') => {
            (quoted(rest, '\''), false)
        }
        ':' if rest.starts_with("::") => (2, true),
        _ if is_word(first) => {
            let end = rest.find(|it| !is_word(it)).unwrap_or(rest.len());
            (end, true)
        }
        _ => (first.len_utf8(), !first.is_whitespace()),
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The length of a literal between quotes.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        if character == quote && !escaped {
            return at + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    rest.len()
}

fn without_tests<'a>(all: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < all.len() {
        if starts_with(&all[at..], &["#", "[", "cfg", "(", "test", ")"])
            || starts_with(&all[at..], &["#", "[", "cfg", "(", "all", "(", "test", ","])
        {
            at += item(&all[at..]);
        } else {
            kept.push(all[at]);
            at += 1;
        }
    }
    kept
}

fn starts_with(tokens: &[Token<'_>], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(it, text)| it.text == *text)
}

/// The number of tokens of an item with its attributes: up to its `;`, or the end of its first block.
fn item(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" if depth <= 1 => return at + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}
