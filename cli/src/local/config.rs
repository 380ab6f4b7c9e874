//! Reads the file of `--config`: a table for each queue.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::queues::{self, QueueSpec};

/// Reads the queues of a TOML file. Errors contain the line number.
pub(super) fn read(file: &Path) -> Result<Vec<QueueSpec>, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    parse(&text, &file.display().to_string())
}

pub(super) fn parse(text: &str, file: &str) -> Result<Vec<QueueSpec>, String> {
    let place = |span: Range<usize>| {
        let before = text.get(..span.start).unwrap_or(text);
        format!("{file}, line {}", before.matches('\n').count() + 1)
    };
    let refuse = |span: Range<usize>, error: String| format!("{}: {error}", place(span));
    let root = DeTable::parse(text)
        .map_err(|error| refuse(error.span().unwrap_or_default(), error.message().to_owned()))?;
    let mut found = Vec::new();
    for (key, value) in root.get_ref() {
        let DeValue::Table(tables) = value.get_ref() else {
            return Err(refuse(key.span(), not_queues(key.get_ref(), value)));
        };
        if key.get_ref() != "queues" {
            return Err(refuse(key.span(), not_queues(key.get_ref(), value)));
        }
        for (name, value) in tables {
            let DeValue::Table(table) = value.get_ref() else {
                let text = format!(
                    "expected a table [queues.{0}], found {1} {0}",
                    name.get_ref(),
                    kind(value)
                );
                return Err(refuse(name.span(), text));
            };
            let mut queue = QueueSpec {
                name: name.get_ref().clone().into_owned(),
                attributes: BTreeMap::new(),
                tags: BTreeMap::new(),
                origin: place(name.span()),
            };
            fill(&mut queue, table).map_err(|(span, error)| refuse(span, error))?;
            found.push((name.span().start, queue));
        }
    }
    // In the order of the file, not sorted by name.
    found.sort_by_key(|(start, _)| *start);
    Ok(found.into_iter().map(|(_, queue)| queue).collect())
}

fn not_queues(name: &str, value: &Spanned<DeValue<'_>>) -> String {
    let kind = kind(value);
    format!("expected a table for each queue, such as [queues.jobs], found {kind} {name}")
}

/// The kind of a value, for errors.
fn kind(value: &Spanned<DeValue<'_>>) -> &'static str {
    match value.get_ref() {
        DeValue::Table(_) => "the table",
        DeValue::Array(_) => "the array (as [[...]] makes one)",
        DeValue::String(_) => "the string",
        DeValue::Integer(_) | DeValue::Float(_) => "the number",
        DeValue::Boolean(_) => "the boolean",
        DeValue::Datetime(_) => "the date",
    }
}

/// The place of an error and its text.
type Wrong = (Range<usize>, String);

fn fill(queue: &mut QueueSpec, table: &DeTable<'_>) -> Result<(), Wrong> {
    for (key, value) in table {
        let name = key.get_ref().clone().into_owned();
        match value.get_ref() {
            DeValue::Table(tags) if name == queues::TAGS => {
                for (key, value) in tags {
                    let value = scalar(key.get_ref(), value)?;
                    queue.tags.insert(key.get_ref().clone().into_owned(), value);
                }
            }
            DeValue::Table(_) if name == "fifo" => {
                let text = format!(
                    "expected [queues.\"{0}.fifo\"], with quotes, found [queues.{0}.fifo]",
                    queue.name
                );
                return Err((key.span(), text));
            }
            _ if name == queues::TAGS => {
                let found = kind(value);
                let text = format!(
                    "expected a table of tags, such as Tags = {{ team = \"billing\" }}, found {found} Tags"
                );
                return Err((key.span(), text));
            }
            _ if !queues::is_attribute(&name) => {
                let names = queues::attribute_names();
                let text = format!(
                    "expected one of the attributes {names}, or a table Tags, found {name:?}"
                );
                return Err((key.span(), text));
            }
            _ => {
                queue.attributes.insert(name.clone(), scalar(&name, value)?);
            }
        }
    }
    Ok(())
}

/// A value as a string, because all attributes of SQS are strings.
fn scalar(name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, Wrong> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Boolean(boolean) => Ok(boolean.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        other => Err((
            value.span(),
            format!(
                "expected a string, a decimal number, true or false for {name}, found {}",
                other.type_str()
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_a_queue() {
        let text = "\
# ours
[queues.jobs]
VisibilityTimeout = 1_0
DeadLetterQueue = \"dead.fifo\"
Tags = { team = \"a\" }

[queues.\"dead.fifo\"]
ContentBasedDeduplication = true
";
        let queues = parse(text, "f").unwrap();
        assert_eq!(queues.len(), 2);
        assert_eq!(queues[0].name, "jobs");
        assert_eq!(queues[0].attributes["VisibilityTimeout"], "10");
        assert_eq!(queues[0].tags["team"], "a");
        assert_eq!(queues[1].name, "dead.fifo");
        assert_eq!(queues[1].attributes["ContentBasedDeduplication"], "true");
        assert_eq!(queues[1].origin, "f, line 7");
        assert_eq!(parse("", "f"), Ok(Vec::new()));
        assert_eq!(parse("queues = {}", "f"), Ok(Vec::new()));
    }

    #[test]
    fn an_error_has_the_line_and_what_was_expected() {
        for (text, expected) in [
            ("[queues.a]\nx = = 1", "f, line 2: "),
            (
                "queues = 1",
                "f, line 1: expected a table for each queue, such as [queues.jobs], found the number queues",
            ),
            (
                "[[queues]]\nname = \"a\"",
                "f, line 1: expected a table for each queue, such as [queues.jobs], found the array (as [[...]] makes one) queues",
            ),
            (
                "[[queues.a]]",
                "f, line 1: expected a table [queues.a], found the array (as [[...]] makes one) a",
            ),
            (
                "[queues.a]\nTags = \"x\"",
                "f, line 2: expected a table of tags, such as Tags = { team = \"billing\" }, found the string Tags",
            ),
            ("[queues.a]\n\n[queues.a]", "f, line 3: "),
            ("\nport = 1", "f, line 2: expected a table for each queue"),
            ("[queue.a]", "f, line 1: expected a table for each queue"),
            ("[queues]\na = 1", "f, line 2: expected a table [queues.a]"),
            (
                "[queues.a]\nVisibility = 1",
                "f, line 2: expected one of the attributes ContentBasedDeduplication, ",
            ),
            (
                "[queues.a]\nVisibilityTimeout = 1.5",
                "f, line 2: expected a string, a decimal number, true or false for VisibilityTimeout, found float",
            ),
            (
                "[queues.a]\nVisibilityTimeout = 0x10",
                "f, line 2: expected",
            ),
            ("[queues.a.Tags]\nb = []", "f, line 2: expected"),
            ("[queues.a.fifo]", "f, line 1: expected [queues.\"a.fifo\"]"),
        ] {
            let error = parse(text, "f").unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        let error = parse("[queues.a]\nVisibility = 1", "f").unwrap_err();
        let end = "MaxReceiveCount, or a table Tags, found \"Visibility\"";
        assert!(error.ends_with(end), "{error}");
    }
}
