//! Answers of the Query protocol as XML.

use crate::engine::{Action, ErrorKind, Output, SqsError};
use quick_xml::escape::escape;
use serde_json::{Map, Value};

const NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";

/// Flattened maps: the member, its element, and the names of key and value in the element.
const MAPS: [(&str, &str, &str, &str); 3] = [
    ("Attributes", "Attribute", "Name", "Value"),
    ("MessageAttributes", "MessageAttribute", "Name", "Value"),
    ("Tags", "Tag", "Key", "Value"),
];

pub(super) fn success(action: Option<Action>, output: &Output, request_id: &str) -> String {
    let action = action.map_or("", Action::name);
    let mut xml = Xml::default();
    xml.text.push_str("<?xml version=\"1.0\"?>");
    xml.text
        .push_str(&format!("<{action}Response xmlns=\"{NAMESPACE}\">"));
    if !matches!(output, Output::Empty(_)) {
        xml.within(&format!("{action}Result"), |xml| {
            if let Ok(Value::Object(members)) = serde_json::to_value(output) {
                xml.members(action, &members);
            }
        });
    }
    xml.within("ResponseMetadata", |xml| xml.leaf("RequestId", request_id));
    xml.text.push_str(&format!("</{action}Response>"));
    xml.text
}

pub(super) fn failure(error: &SqsError, request_id: &str) -> String {
    let kind = error.kind();
    let mut xml = Xml::default();
    xml.text.push_str(&format!(
        "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"{NAMESPACE}\">"
    ));
    xml.within("Error", |xml| {
        xml.leaf(
            "Type",
            if kind.is_sender_fault() {
                "Sender"
            } else {
                "Receiver"
            },
        );
        xml.leaf("Code", kind.query_code());
        // The text in this protocol has another end, as recorded on Amazon.
        let shortened = match kind {
            ErrorKind::QueueDoesNotExist => error.message().strip_suffix('.'),
            _ => None,
        };
        match shortened {
            Some(text) => xml.leaf("Message", &format!("{text} for this wsdl version.")),
            None => xml.leaf("Message", error.message()),
        }
        xml.text.push_str("<Detail/>");
    });
    xml.leaf("RequestId", request_id);
    xml.text.push_str("</ErrorResponse>");
    xml.text
}

#[derive(Default)]
struct Xml {
    text: String,
}

impl Xml {
    fn members(&mut self, action: &str, members: &Map<String, Value>) {
        for (name, value) in members {
            match value {
                Value::Array(list) => list
                    .iter()
                    .for_each(|item| self.value(action, &element(action, name), item)),
                Value::Object(map) => self.map(action, name, map),
                value => self.value(action, name, value),
            }
        }
    }

    fn map(&mut self, action: &str, name: &str, map: &Map<String, Value>) {
        let Some((_, element, key_name, value_name)) =
            MAPS.iter().find(|(member, ..)| *member == name)
        else {
            return self.within(name, |xml| xml.members(action, map));
        };
        for (key, value) in map {
            self.within(element, |xml| {
                xml.leaf(key_name, key);
                xml.value(action, value_name, value);
            });
        }
    }

    fn value(&mut self, action: &str, name: &str, value: &Value) {
        match value {
            Value::Object(members) => self.within(name, |xml| xml.members(action, members)),
            Value::String(text) => self.leaf(name, text),
            value => self.leaf(name, &value.to_string()),
        }
    }

    fn leaf(&mut self, name: &str, text: &str) {
        // `\r` is escaped, too, because an XML reader would turn it into a line feed, and the digest would be wrong.
        self.within(name, |xml| xml.text.push_str(&escape(text)));
    }

    fn within(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.text.push_str(&format!("<{name}>"));
        content(self);
        self.text.push_str(&format!("</{name}>"));
    }
}

/// The element name of the items of a list.
fn element(action: &str, list: &str) -> String {
    match list {
        "QueueUrls" | "queueUrls" => "QueueUrl".to_owned(),
        "Messages" => "Message".to_owned(),
        "Successful" => format!("{action}ResultEntry"),
        "Failed" => "BatchResultErrorEntry".to_owned(),
        "Results" => format!("{action}ResultEntry"),
        list => list.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ErrorKind;
    use crate::engine::api::outputs;

    #[test]
    fn an_answer_has_its_members_in_elements() {
        let message = outputs::Message {
            message_id: "id".to_owned(),
            receipt_handle: "h".to_owned(),
            md5_of_body: "m".to_owned(),
            body: "a<b>&\"\r\n".into(),
            attributes: [("SentTimestamp", "1".to_owned())].into(),
            ..outputs::Message::default()
        };
        let output = Output::Messages(outputs::Messages {
            messages: vec![message],
        });
        assert_eq!(
            success(Some(Action::ReceiveMessage), &output, "r"),
            "<?xml version=\"1.0\"?><ReceiveMessageResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">\
             <ReceiveMessageResult><Message><Attribute><Name>SentTimestamp</Name><Value>1</Value></Attribute>\
             <Body>a&lt;b&gt;&amp;&quot;&#13;\n</Body><MD5OfBody>m</MD5OfBody><MessageId>id</MessageId>\
             <ReceiptHandle>h</ReceiptHandle></Message></ReceiveMessageResult>\
             <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ReceiveMessageResponse>"
        );
    }

    #[test]
    fn an_answer_with_nothing_has_no_result() {
        let xml = success(Some(Action::PurgeQueue), &Output::EMPTY, "r");
        assert!(!xml.contains("Result"), "{xml}");
        assert!(xml.contains("<RequestId>r</RequestId>"), "{xml}");
    }

    #[test]
    fn an_error_has_its_code() {
        let xml = failure(&SqsError::new(ErrorKind::QueueDoesNotExist, "none"), "r");
        assert!(
            xml.contains("<Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code>"),
            "{xml}"
        );
    }
}
