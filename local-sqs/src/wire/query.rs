//! The older Query protocol: requests are forms, answers are XML.
//!
//! It has the same contents as the JSON protocol with other names: lists and maps are flattened into numbered
//! parameters. The tables below convert a form to the members of the JSON protocol, and the members of an answer to
//! elements.

mod form;
mod xml;

use super::{Incoming, Outgoing};
use crate::driver::Answer;
use crate::engine::{Action, ErrorKind, Request, SqsError};
use form::Form;
use serde_json::{Map, Value};

/// Flattened lists of texts: the name of the parameter, and the member.
const LISTS: [(&str, &str); 6] = [
    ("AttributeName", "AttributeNames"),
    ("MessageSystemAttributeName", "MessageSystemAttributeNames"),
    ("MessageAttributeName", "MessageAttributeNames"),
    ("TagKey", "TagKeys"),
    ("AWSAccountId", "AWSAccountIds"),
    ("ActionName", "Actions"),
];

/// Flattened maps: the name of the parameter, the member, and the name of the key.
const MAPS: [(&str, &str, &str); 5] = [
    ("Attribute", "Attributes", "Name"),
    ("Tag", "Tags", "Key"),
    ("Tags", "Tags", "Key"),
    ("MessageAttribute", "MessageAttributes", "Name"),
    ("MessageSystemAttribute", "MessageSystemAttributes", "Name"),
];

const NUMBERS: [&str; 6] = [
    "DelaySeconds",
    "MaxNumberOfMessages",
    "MaxNumberOfMessagesPerSecond",
    "MaxResults",
    "VisibilityTimeout",
    "WaitTimeSeconds",
];

/// All versions of this API; all SDKs send the last version.
const VERSIONS: [&str; 4] = ["2008-01-01", "2009-02-01", "2011-10-01", "2012-11-05"];

/// The suffix of the parameter names of batch entries.
const ENTRY: &str = "BatchRequestEntry";

/// Reads a request: its action and its members are form parameters in the body or in the query of the URL.
pub(super) fn decode(incoming: &Incoming<'_>) -> Result<Request, SqsError> {
    let mut form = Form::default();
    for part in [incoming.query.as_bytes(), incoming.body] {
        form.extend(part)
            .map_err(|_| malformed("a parameter of the form is not UTF-8"))?;
    }
    let name = form.take("Action").ok_or_else(|| {
        SqsError::new(
            ErrorKind::MissingAction,
            "The request must contain the parameter Action.",
        )
    })?;
    let action = Action::from_name(&name).ok_or_else(|| {
        SqsError::new(
            ErrorKind::InvalidAction,
            format!("The action {name} is not valid for this endpoint."),
        )
    })?;
    if let Some(version) = form
        .take("Version")
        .filter(|it| !VERSIONS.contains(&it.as_str()))
    {
        let text = format!(
            "The requested version ( {version} ) is not valid; expected one of {}.",
            VERSIONS.join(", ")
        );
        return Err(SqsError::new(ErrorKind::NoSuchVersion, text));
    }
    let mut members = members(form)?;
    // Older SDKs send requests to the queue's own URL.
    if !members.contains_key("QueueUrl") && incoming.path.trim_matches('/').contains('/') {
        let url = format!("{}{}", incoming.origin, incoming.path);
        members.insert("QueueUrl".to_owned(), Value::String(url));
    }
    action
        .decode(Value::Object(members))
        .map_err(|error| malformed(&error.to_string()))
}

/// Writes an answer.
pub(super) fn encode(action: Option<Action>, answer: &Answer) -> Outgoing {
    let (status, body) = match &answer.result {
        Ok(output) => (200, xml::success(action, output, &answer.request_id)),
        Err(error) => (
            error.kind().status(),
            xml::failure(error, &answer.request_id),
        ),
    };
    let headers = vec![("content-type", "text/xml".to_owned())];
    Outgoing {
        status,
        headers,
        body: body.into_bytes(),
    }
}

fn members(form: Form) -> Result<Map<String, Value>, SqsError> {
    let mut members = Map::new();
    for (name, form) in form.into_parts() {
        if let Some((_, member)) = LISTS.iter().find(|(list, _)| *list == name) {
            members.insert(
                (*member).to_owned(),
                form.into_list().filter_map(Form::into_text).collect(),
            );
        } else if let Some((_, member, key)) = MAPS.iter().find(|(map, ..)| *map == name) {
            members.insert((*member).to_owned(), Value::Object(map(form, key)?));
        } else if name.ends_with(ENTRY) {
            let entries = form
                .into_list()
                .map(|entry| members_of_entry(entry).map(Value::Object));
            members.insert(
                "Entries".to_owned(),
                Value::Array(entries.collect::<Result<_, _>>()?),
            );
        } else if let Some(text) = form.into_text() {
            let value = if NUMBERS.contains(&name.as_str()) {
                number(&name, &text)?
            } else {
                Value::String(text)
            };
            members.insert(name, value);
        }
    }
    Ok(members)
}

/// The members of a batch entry. Nested entries are removed, which ends the recursion.
fn members_of_entry(mut entry: Form) -> Result<Map<String, Value>, SqsError> {
    entry.remove_parts(|name| name.ends_with(ENTRY));
    members(entry)
}

fn map(form: Form, key: &str) -> Result<Map<String, Value>, SqsError> {
    let mut map = Map::new();
    for mut entry in form.into_list() {
        let name = entry
            .take(key)
            .ok_or_else(|| malformed("a map's entry has no name"))?;
        let value = match entry.take_part("Value") {
            Some(value) if value.has_parts() => {
                let texts = value
                    .into_parts()
                    .filter_map(|(name, value)| Some((name, value.into_text()?.into())));
                Value::Object(texts.collect())
            }
            value => Value::String(value.and_then(Form::into_text).unwrap_or_default()),
        };
        map.insert(name, value);
    }
    Ok(map)
}

fn number(name: &str, text: &str) -> Result<Value, SqsError> {
    text.trim()
        .parse::<i64>()
        .map(Value::from)
        .map_err(|_| malformed(&format!("{name} is no number")))
}

fn malformed(reason: &str) -> SqsError {
    SqsError::new(ErrorKind::SerializationException, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn incoming<'a>(path: &'a str, body: &'a str) -> Incoming<'a> {
        let (origin, body) = ("http://h".to_owned(), body.as_bytes());
        Incoming {
            method: "POST",
            header: &|_| None,
            origin,
            path,
            query: "",
            body,
        }
    }

    fn read(body: &str) -> Result<Request, SqsError> {
        decode(&incoming("/", body))
    }

    #[test]
    fn lists_maps_and_entries_are_read() {
        let body = "Action=SendMessageBatch&QueueUrl=http%3A%2F%2Fh%2F1%2Fq&Version=2012-11-05\
                    &SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.2.MessageBody=two\
                    &SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=one+1\
                    &SendMessageBatchRequestEntry.1.DelaySeconds=3\
                    &SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=k\
                    &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=Binary\
                    &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.BinaryValue=AQI%3D";
        let Ok(Request::SendMessageBatch(batch)) = read(body) else {
            panic!("no batch")
        };
        assert_eq!(batch.queue_url.as_deref(), Some("http://h/1/q"));
        let [a, b] = &batch.entries.expect("entries")[..] else {
            panic!("two entries")
        };
        assert_eq!(
            (a.id.as_deref(), a.message_body.as_deref(), a.delay_seconds),
            (Some("a"), Some("one 1"), Some(3))
        );
        assert_eq!(
            (b.id.as_deref(), b.message_body.as_deref(), b.delay_seconds),
            (Some("b"), Some("two"), None)
        );
        let attributes = a.message_attributes.as_ref().expect("one");
        assert_eq!(
            attributes["k"].binary_value.as_ref().map(|bytes| &*bytes.0),
            Some(&[1, 2][..])
        );
    }

    #[test]
    fn attributes_and_tags_of_a_queue_are_maps() {
        let body = "Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5\
                    &Tag.1.Key=team&Tag.1.Value=a&Tag.2.Key=empty&Tag.2.Value=";
        let Ok(Request::CreateQueue(request)) = read(body) else {
            panic!("no request")
        };
        assert_eq!(request.attributes.expect("one")["DelaySeconds"], "5");
        let tags = request.tags.expect("two");
        assert_eq!((tags["team"].as_str(), tags["empty"].as_str()), ("a", ""));
    }

    #[test]
    fn the_path_names_the_queue_if_queue_url_is_missing() {
        let incoming = incoming("/000000000000/q", "Action=PurgeQueue");
        let request = decode(&incoming).expect("readable");
        assert_eq!(request.queue_url(), Some("http://h/000000000000/q"));
    }

    #[test]
    fn malformed_requests_are_refused() {
        for (body, kind) in [
            ("", ErrorKind::MissingAction),
            ("Action=Nonsense", ErrorKind::InvalidAction),
            (
                "Action=ReceiveMessage&WaitTimeSeconds=x",
                ErrorKind::SerializationException,
            ),
            (
                "Action=CreateQueue&Attribute.1.Value=5",
                ErrorKind::SerializationException,
            ),
        ] {
            assert_eq!(read(body).expect_err(body).kind(), kind, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_form_is_refused_or_read_without_a_panic(body in "(Action=[A-Z][a-zA-Z]{0,20})?([&=.%+0-9a-zA-Z]{0,200})") {
            let _ = read(&body);
        }
    }
}
