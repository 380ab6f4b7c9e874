//! Converts the queues of an ElasticMQ configuration to a file for `--config`.
//!
//! The keys are from ElasticMQ's README, "Automatically creating queues on startup". Features that SQS does not have are
//! refused, so that nothing is lost silently. Settings of the server are listed in comments of the output.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::hocon::{self, Node, Value, Wrong};
use super::queues::{DEAD_LETTER_QUEUE, MAX_RECEIVE_COUNT};
use crate::failure::OneLine;

const KEYS: &str = "defaultVisibilityTimeout, delay, receiveMessageWait, deadLettersQueue, fifo, contentBasedDeduplication and tags";

/// Converts a file to TOML.
pub(super) fn convert(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    toml_of(&text)
        .map_err(|Wrong { line, text }| format!("{}, line {line}: {text}", file.display()))
}

fn toml_of(text: &str) -> Result<String, Wrong> {
    let mut root = hocon::parse(text)?;
    let queues = root.remove("queues");
    let mut all = toml::Table::new();
    for (name, node) in queues
        .map(|node| object(node, "queues"))
        .transpose()?
        .unwrap_or_default()
    {
        let line = node.line;
        let (name, queue) = queue(name, node)?;
        if all.contains_key(&name) {
            return Err(Wrong::new(line, format!("queue {name:?} occurs twice")));
        }
        all.insert(name, queue.into());
    }
    let mut text = String::from("# For `sqs-rpc local --config`.\n");
    for (name, node) in &root {
        let _ = match (name.as_str(), &node.value) {
            ("aws", Value::Object(aws)) => {
                let value = |name| match aws.get(name).map(|node| &node.value) {
                    Some(Value::Text(text)) => text.as_str(),
                    _ => "",
                };
                writeln!(
                    text,
                    "# Give these on the command line: --region {:?} --account {:?}",
                    value("region"),
                    value("accountId")
                )
            }
            _ => writeln!(
                text,
                "# Left out, because it is a setting of the server: {}",
                OneLine(name)
            ),
        };
    }
    for (name, queue) in all {
        let table = toml::Table::from_iter([(
            "queues".to_owned(),
            toml::Table::from_iter([(name, queue)]).into(),
        )]);
        let _ = write!(text, "\n{table}");
    }
    Ok(text)
}

/// Converts a queue to its name and its table.
fn queue(name: String, node: Node) -> Result<(String, toml::Table), Wrong> {
    let mut keys = object(node, &name)?;
    let fifo = match keys.remove("fifo") {
        Some(node) => boolean(node, "fifo")?,
        None => false,
    };
    let mut table = toml::Table::new();
    for (key, node) in keys {
        let line = node.line;
        let seconds = |name: &str, node| Ok((name.to_owned(), whole_seconds(node, &key)?.into()));
        match key.as_str() {
            "defaultVisibilityTimeout" => table.extend([seconds("VisibilityTimeout", node)?]),
            "delay" => table.extend([seconds("DelaySeconds", node)?]),
            "receiveMessageWait" => table.extend([seconds("ReceiveMessageWaitTimeSeconds", node)?]),
            "contentBasedDeduplication" => {
                // SQS refuses this attribute on a standard queue, even with the value false.
                let value = boolean(node, &key)?;
                if fifo {
                    table.insert("ContentBasedDeduplication".to_owned(), value.into());
                } else if value {
                    return Err(Wrong::new(
                        line,
                        "expected fifo = true together with contentBasedDeduplication = true, found none",
                    ));
                }
            }
            "deadLettersQueue" => {
                let (target, most) = dead_letters(object(node, &key)?, line, fifo)?;
                table.insert(DEAD_LETTER_QUEUE.to_owned(), target.into());
                table.insert(MAX_RECEIVE_COUNT.to_owned(), most.into());
            }
            "tags" => {
                let mut tags = toml::Table::new();
                for (tag, node) in object(node, &key)? {
                    let value = string(node, &tag)?;
                    tags.insert(tag, value.into());
                }
                table.insert("Tags".to_owned(), tags.into());
            }
            "copyTo" | "moveTo" => {
                return Err(Wrong::new(
                    line,
                    format!(
                        "{key} is a feature of ElasticMQ that SQS does not have: remove it, and send to both queues yourself"
                    ),
                ));
            }
            _ => {
                return Err(Wrong::new(
                    line,
                    format!("expected one of {KEYS}, found {key:?}"),
                ));
            }
        }
    }
    Ok((with_suffix(name, fifo), table))
}

/// Adds the suffix `.fifo` to the name of a FIFO queue, as ElasticMQ does.
fn with_suffix(name: String, fifo: bool) -> String {
    if fifo && !name.ends_with(".fifo") {
        name + ".fifo"
    } else {
        name
    }
}

fn dead_letters(
    mut keys: BTreeMap<String, Node>,
    line: usize,
    fifo: bool,
) -> Result<(String, i64), Wrong> {
    let mut take = |key: &str| {
        let missing = || {
            Wrong::new(
                line,
                format!("expected {key} in deadLettersQueue, found none"),
            )
        };
        keys.remove(key).ok_or_else(missing)
    };
    let name = string(take("name")?, "name")?;
    let count = take("maxReceiveCount")?;
    let count_line = count.line;
    let count = string(count, "maxReceiveCount")?;
    let count = count
        .parse()
        .ok()
        .filter(|count| (1..=1000).contains(count))
        .ok_or_else(|| {
            Wrong::new(
                count_line,
                format!(
                    "expected a whole number from 1 to 1000 as maxReceiveCount, found {count:?}"
                ),
            )
        })?;
    if let Some((key, node)) = keys.into_iter().next() {
        return Err(Wrong::new(
            node.line,
            format!("expected name and maxReceiveCount, found {key:?}"),
        ));
    }
    Ok((with_suffix(name, fifo), count))
}

fn object(node: Node, key: &str) -> Result<BTreeMap<String, Node>, Wrong> {
    match node.value {
        Value::Object(members) => Ok(members),
        Value::Array => Err(Wrong::new(
            node.line,
            format!("expected an object as {key}, found an array"),
        )),
        Value::Text(text) => Err(Wrong::new(
            node.line,
            format!("expected an object as {key}, found {text:?}"),
        )),
    }
}

fn string(node: Node, key: &str) -> Result<String, Wrong> {
    match node.value {
        Value::Text(text) if text.contains("${") => Err(Wrong::new(
            node.line,
            format!(
                "expected a plain value as {key}, found the substitution {text:?}: replace it by its value"
            ),
        )),
        Value::Text(text) => Ok(text),
        Value::Object(_) | Value::Array => Err(Wrong::new(
            node.line,
            format!("expected a plain value as {key}, found an object or an array"),
        )),
    }
}

fn boolean(node: Node, key: &str) -> Result<bool, Wrong> {
    let line = node.line;
    // All spellings that HOCON allows.
    match string(node, key)?.as_str() {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        found => Err(Wrong::new(
            line,
            format!("expected true or false as {key}, found {found:?}"),
        )),
    }
}

fn whole_seconds(node: Node, key: &str) -> Result<i64, Wrong> {
    let line = node.line;
    let text = string(node, key)?;
    let unit_at = text.find(|char: char| !char.is_ascii_digit());
    let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
    // The units of HOCON; a number without a unit is in milliseconds.
    let unit = match unit.trim() {
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => "ms",
        "s" | "second" | "seconds" => "s",
        "m" | "minute" | "minutes" => "m",
        "h" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => "none",
    };
    let time = humantime::parse_duration(&format!("{number}{unit}")).ok();
    time.filter(|time| time.subsec_nanos() == 0)
        .and_then(|time| i64::try_from(time.as_secs()).ok())
        .ok_or_else(|| {
            Wrong::new(
                line,
                format!("expected whole seconds as {key}, such as 10 seconds, found {text:?}"),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::config;

    /// The configuration in ElasticMQ's README, without `copyTo` and `moveTo`.
    const README: &str = r#"
include classpath("application.conf")

// What is the outside visible address of this ElasticMQ node
node-address {
    protocol = http
    host = localhost
    port = 9324
    context-path = ""
}

rest-sqs {
    enabled = true
    bind-port = 9324
    bind-hostname = "0.0.0.0"
    // Possible values: relaxed, strict
    sqs-limits = strict
}

generate-node-address = false

queues {
  queue1 {
    defaultVisibilityTimeout = 10 seconds
    delay = 5 seconds
    receiveMessageWait = 0 seconds
    deadLettersQueue {
      name = "queue1-dead-letters"
      maxReceiveCount = 3 // from 1 to 1000
    }
    fifo = false
    contentBasedDeduplication = false
    tags {
      tag1 = "tagged1"
      tag2 = "tagged2"
    }
  }
  queue1-dead-letters { }
  orders { fifo = true, contentBasedDeduplication = true, deadLettersQueue { name = dead, maxReceiveCount = 1 } }
  "dead.fifo" { fifo = true }
}

aws {
    region = us-west-2
    accountId = 000000000000
}
"#;

    #[test]
    fn the_configuration_of_the_readme_is_converted() {
        let expected = r#"# For `sqs-rpc local --config`.
# Give these on the command line: --region "us-west-2" --account "000000000000"
# Left out, because it is a setting of the server: generate-node-address
# Left out, because it is a setting of the server: node-address
# Left out, because it is a setting of the server: rest-sqs

[queues."dead.fifo"]

[queues."orders.fifo"]
ContentBasedDeduplication = true
DeadLetterQueue = "dead.fifo"
MaxReceiveCount = 1

[queues.queue1]
DeadLetterQueue = "queue1-dead-letters"
DelaySeconds = 5
MaxReceiveCount = 3
ReceiveMessageWaitTimeSeconds = 0
VisibilityTimeout = 10

[queues.queue1.Tags]
tag1 = "tagged1"
tag2 = "tagged2"

[queues.queue1-dead-letters]
"#;
        let toml = toml_of(README).unwrap();
        assert_eq!(toml, expected);
        let queues = config::parse(&toml, "f").unwrap();
        assert_eq!(super::super::queues::check(&queues), Ok(()));
    }

    #[test]
    fn unsupported_settings_are_refused_with_their_line() {
        for (keys, part) in [
            ("copyTo = \"a\"", "copyTo is a feature of ElasticMQ"),
            ("moveTo = a", "moveTo is a feature of ElasticMQ"),
            ("visibility = 1", "expected one of defaultVisibilityTimeout"),
            ("delay = 1500", "found \"1500\""),
            ("delay = soon", "expected whole seconds as delay"),
            ("delay = ${DELAY}", "substitution"),
            ("fifo = perhaps", "expected true or false as fifo"),
            ("contentBasedDeduplication = true", "expected fifo = true"),
            ("deadLettersQueue { name = a }", "expected maxReceiveCount"),
            (
                "deadLettersQueue { name = a, maxReceiveCount = 0 }",
                "1 to 1000",
            ),
            (
                "deadLettersQueue { name = a, maxReceiveCount = 1, x = 1 }",
                "found \"x\"",
            ),
            ("tags = [a]", "found an array"),
        ] {
            let wrong = toml_of(&format!("queues {{\n q {{\n {keys}\n }}\n}}")).unwrap_err();
            assert_eq!(wrong.line, 3, "{keys}: {wrong:?}");
            assert!(wrong.text.contains(part), "{keys}: {wrong:?}");
        }
        let twice = "queues {\n a { fifo = true }\n \"a.fifo\" { fifo = true }\n}";
        assert!(toml_of(twice).unwrap_err().text.contains("twice"));
    }

    #[test]
    fn times_are_read_with_the_units_of_hocon() {
        for (text, expected) in [
            ("10 seconds", 10),
            ("10s", 10),
            ("2 minutes", 120),
            ("2m", 120),
            ("1 hour", 3_600),
            ("3000", 3),
            ("\"5 seconds\"", 5),
            ("5000 millis", 5),
            ("5000 milliseconds", 5),
        ] {
            let toml = toml_of(&format!("queues {{ q {{ delay = {text} }} }}"));
            let toml = toml.unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
            assert!(
                toml.contains(&format!("DelaySeconds = {expected}\n")),
                "{text}: {toml}"
            );
        }
    }
}
