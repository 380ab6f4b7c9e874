//! An SDK client for the Query protocol: its JSON requests become forms, and the XML answers become JSON.
//!
//! No SDK for Rust supports this protocol, but the contract suite needs a client for it. The names of lists and maps
//! are from the service's model. They are written again on purpose, so that this file does not repeat a mistake in the
//! server's tables.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use form_urlencoded::Serializer;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value, json};

/// Adds the translation in front of another HTTP client.
pub(crate) fn in_query(inner: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(InQuery { inner })
}

#[derive(Clone, Debug)]
struct InQuery {
    inner: SharedHttpClient,
}

#[derive(Debug)]
struct Connector(SharedHttpConnector);

impl HttpClient for InQuery {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(self.inner.http_connector(settings, components)))
    }
}

impl HttpConnector for Connector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let target = request
            .headers()
            .get("x-amz-target")
            .expect("a JSON request");
        let action = target.trim_start_matches("AmazonSQS.").to_owned();
        let body = request.body().bytes().expect("a body in memory");
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            panic!("the body of a JSON request is an object");
        };
        let mut form = Serializer::new(String::new());
        form.append_pair("Action", &action)
            .append_pair("Version", "2012-11-05");
        write_members(&mut form, &action, "", &members);
        let form = form.finish();
        request.headers_mut().remove("x-amz-target");
        let headers = request.headers_mut();
        headers.insert("content-type", "application/x-www-form-urlencoded");
        headers.insert("content-length", form.len().to_string());
        *request.body_mut() = SdkBody::from(form);
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move { Ok(translated(&action, answer.await?).await) })
    }
}

fn write_members(
    form: &mut Serializer<'_, String>,
    action: &str,
    path: &str,
    members: &Map<String, Value>,
) {
    for (name, value) in members {
        match (name.as_str(), value) {
            (
                "AttributeNames"
                | "MessageSystemAttributeNames"
                | "MessageAttributeNames"
                | "TagKeys"
                | "Actions"
                | "AWSAccountIds",
                Value::Array(list),
            ) => {
                let element = match name.as_str() {
                    "Actions" => "ActionName",
                    "AWSAccountIds" => "AWSAccountId",
                    plural => plural.trim_end_matches('s'),
                };
                for (index, item) in list.iter().enumerate() {
                    let item = item.as_str().expect("a list of texts");
                    form.append_pair(&format!("{path}{element}.{}", index + 1), item);
                }
            }
            ("Entries", Value::Array(entries)) => {
                for (index, entry) in entries.iter().enumerate() {
                    let path = format!("{path}{action}RequestEntry.{}.", index + 1);
                    write_members(form, action, &path, entry.as_object().expect("an entry"));
                }
            }
            (
                "Attributes" | "Tags" | "tags" | "MessageAttributes" | "MessageSystemAttributes",
                Value::Object(map),
            ) => {
                let (element, key) = match name.as_str() {
                    "Tags" | "tags" => ("Tag", "Key"),
                    plural => (plural.trim_end_matches('s'), "Name"),
                };
                for (index, (name, value)) in map.iter().enumerate() {
                    let path = format!("{path}{element}.{}.", index + 1);
                    form.append_pair(&format!("{path}{key}"), name);
                    match value {
                        Value::Object(parts) => {
                            write_members(form, action, &format!("{path}Value."), parts)
                        }
                        value => {
                            form.append_pair(&format!("{path}Value"), &text(value));
                        }
                    }
                }
            }
            (name, value) => {
                form.append_pair(&format!("{path}{name}"), &text(value));
            }
        }
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

async fn translated(action: &str, mut answer: HttpResponse) -> HttpResponse {
    let body = std::mem::replace(answer.body_mut(), SdkBody::taken());
    let body = aws_smithy_types::byte_stream::ByteStream::new(body)
        .collect()
        .await;
    let body = body.expect("a body").into_bytes();
    let root = Element::parse(std::str::from_utf8(&body).expect("text"));
    let json = match root.child("Error") {
        Some(error) => {
            let part = |name| error.child(name).map_or("", |it| it.text.as_str());
            let query = format!("{};{}", part("Code"), part("Type"));
            answer.headers_mut().insert("x-amzn-query-error", query);
            json!({ "__type": part("Code"), "message": part("Message") })
        }
        None => root
            .child(&format!("{action}Result"))
            .map_or_else(|| json!({}), read_members),
    };
    let body = json.to_string();
    let headers = answer.headers_mut();
    headers.insert("content-type", "application/x-amz-json-1.0");
    headers.insert("content-length", body.len().to_string());
    *answer.body_mut() = SdkBody::from(body);
    answer
}

/// An XML element without its attributes.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn parse(xml: &str) -> Self {
        let mut reader = Reader::from_str(xml);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().expect("well-formed XML") {
                Event::Start(start) => open.push(Self::named(start.name().as_ref())),
                Event::Empty(start) => {
                    let empty = Self::named(start.name().as_ref());
                    open.last_mut().expect("the document").children.push(empty);
                }
                Event::End(_) => {
                    let closed = open.pop().expect("an open element");
                    open.last_mut().expect("the document").children.push(closed);
                }
                Event::Text(text) => {
                    open.last_mut().expect("the document").text.push_str(&text);
                }
                Event::GeneralRef(name) => {
                    let last = &mut open.last_mut().expect("the document").text;
                    match name.resolve_char_ref().expect("a reference") {
                        Some(char) => last.push(char),
                        None => {
                            last.push_str(
                                quick_xml::escape::resolve_predefined_entity(&name).expect("known"),
                            );
                        }
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        open.pop()
            .and_then(|mut document| document.children.pop())
            .expect("a root")
    }

    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }
}

/// The members of a structure with the names of the JSON protocol.
fn read_members(parent: &Element) -> Value {
    let mut members = Map::new();
    for child in &parent.children {
        let of_map = |key: &str| {
            let key = child.child(key).expect("a key").text.clone();
            (key, read_value(child.child("Value").expect("a value")))
        };
        let (list, item) = match child.name.as_str() {
            "Message" if !child.children.is_empty() => ("Messages", read_members(child)),
            "QueueUrl" if parent.name == "ListQueuesResult" => ("QueueUrls", read_value(child)),
            "QueueUrl" if parent.name == "ListDeadLetterSourceQueuesResult" => {
                ("queueUrls", read_value(child))
            }
            "BatchResultErrorEntry" => ("Failed", read_members(child)),
            "ListMessageMoveTasksResultEntry" => ("Results", read_members(child)),
            name if name.ends_with("BatchResultEntry") => ("Successful", read_members(child)),
            map @ ("Attribute" | "MessageAttribute" | "Tag") => {
                let (key, value) = of_map(if map == "Tag" { "Key" } else { "Name" });
                let map = members
                    .entry(format!("{map}s"))
                    .or_insert_with(|| json!({}));
                map[key] = value;
                continue;
            }
            name => {
                members.insert(name.to_owned(), read_value(child));
                continue;
            }
        };
        let list = members.entry(list).or_insert_with(|| json!([]));
        list.as_array_mut().expect("a list").push(item);
    }
    Value::Object(members)
}

fn read_value(element: &Element) -> Value {
    if !element.children.is_empty() {
        return read_members(element);
    }
    let text = &element.text;
    match element.name.as_str() {
        "SenderFault" => Value::Bool(text == "true"),
        "StartedTimestamp" | "MaxNumberOfMessagesPerSecond" => {
            text.parse::<i64>().map_or(Value::Null, Value::from)
        }
        name if name.starts_with("ApproximateNumberOfMessages") => {
            text.parse::<i64>().map_or(Value::Null, Value::from)
        }
        _ => Value::String(text.clone()),
    }
}
