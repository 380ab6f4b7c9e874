//! The older Query protocol on the wire, because no SDK for Rust supports it.

use crate::support::over_http;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Posts a form, and returns status, headers and body.
async fn post(address: SocketAddr, path: &str, form: &str) -> (u16, String, String) {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("read");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|text| text.parse().ok())
        .expect("a status");
    (status, head.to_ascii_lowercase(), body.to_owned())
}

/// The text of the first element of this name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[tokio::test]
async fn a_message_is_received_as_sent() {
    let (_sqs, server, _) = over_http().await;
    let at = server.local_addr();
    let form = "Action=CreateQueue&Version=2012-11-05&QueueName=jobs&Attribute.1.Name=VisibilityTimeout\
                &Attribute.1.Value=7&Tag.1.Key=team&Tag.1.Value=a";
    let (status, head, body) = post(at, "/", form).await;
    assert_eq!(status, 200, "{body}");
    assert!(
        head.contains("content-type: text/xml") && head.contains("\r\ndate: "),
        "{head}"
    );
    assert_eq!(
        element(&body, "QueueUrl"),
        Some(server.queue_url("jobs").as_str())
    );

    let form = "Action=SendMessage&MessageBody=a%3Cb%3E%0D%0A&MessageAttribute.1.Name=k\
                &MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=v";
    let (_, _, body) = post(at, "/000000000000/jobs", form).await;
    assert!(element(&body, "MD5OfMessageAttributes").is_some(), "{body}");
    let id = element(&body, "MessageId").expect("an id").to_owned();

    let form = "Action=ReceiveMessage&AttributeName.1=All&MessageAttributeName.1=All&MaxNumberOfMessages=10";
    let (_, _, body) = post(at, "/000000000000/jobs", form).await;
    let result = element(&body, "ReceiveMessageResult")
        .and_then(|it| element(it, "Message"))
        .expect("a message");
    assert_eq!(element(result, "MessageId"), Some(id.as_str()));
    assert_eq!(element(result, "Body"), Some("a&lt;b&gt;&#13;\n"));
    let attribute = element(result, "MessageAttribute").expect("an attribute");
    assert_eq!(
        (
            element(attribute, "Name"),
            element(attribute, "StringValue")
        ),
        (Some("k"), Some("v"))
    );

    let handle = element(result, "ReceiptHandle").expect("a handle");
    let entry = form_urlencoded::Serializer::new(String::new())
        .append_pair("Action", "DeleteMessageBatch")
        .append_pair("DeleteMessageBatchRequestEntry.1.Id", "good")
        .append_pair("DeleteMessageBatchRequestEntry.1.ReceiptHandle", handle)
        .append_pair("DeleteMessageBatchRequestEntry.2.Id", "bad")
        .append_pair("DeleteMessageBatchRequestEntry.2.ReceiptHandle", "nonsense")
        .finish();
    let (_, _, body) = post(at, "/000000000000/jobs", &entry).await;
    assert_eq!(
        element(&body, "DeleteMessageBatchResultEntry").and_then(|it| element(it, "Id")),
        Some("good")
    );
    let failed = element(&body, "BatchResultErrorEntry").expect("a failure");
    let seen = (
        element(failed, "Id"),
        element(failed, "Code"),
        element(failed, "SenderFault"),
    );
    assert_eq!(
        seen,
        (Some("bad"), Some("ReceiptHandleIsInvalid"), Some("true"))
    );
    server.shutdown().await;
}

#[tokio::test]
async fn the_trace_header_of_http_is_added_to_the_message() {
    let (sqs, server, client) = over_http().await;
    let url = sqs.create_queue("jobs").await.expect("made");
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    let path = format!("/000000000000/jobs HTTP/1.1\r\nx-amzn-trace-id: {trace}\r\nx-rest:");
    let (status, ..) = post(
        server.local_addr(),
        &path,
        "Action=SendMessage&MessageBody=x",
    )
    .await;
    assert_eq!(status, 200);
    let name = aws_sdk_sqs::types::MessageSystemAttributeName::AwsTraceHeader;
    let receive = client.receive_message().queue_url(url);
    let receive = receive.message_system_attribute_names(name.clone());
    let received = receive.send().await.expect("received");
    let attributes = received.messages()[0].attributes().expect("some");
    assert_eq!(attributes[&name], trace);
    server.shutdown().await;
}

#[tokio::test]
async fn an_error_is_an_xml_document() {
    let (_sqs, server, _) = over_http().await;
    let form = "Action=GetQueueUrl&QueueName=none";
    let (status, _, body) = post(server.local_addr(), "/", form).await;
    assert_eq!(status, 400);
    let error = element(&body, "Error").expect("an error");
    let seen = (element(error, "Type"), element(error, "Code"));
    assert_eq!(
        seen,
        (
            Some("Sender"),
            Some("AWS.SimpleQueueService.NonExistentQueue")
        )
    );
    assert_eq!(
        element(error, "Message"),
        Some("The specified queue does not exist for this wsdl version.")
    );
    let (status, _, body) = post(server.local_addr(), "/", "").await;
    assert_eq!(
        (status, element(&body, "Code")),
        (400, Some("MissingAction"))
    );
    server.shutdown().await;
}
