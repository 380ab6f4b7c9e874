//! AWS's own error documents become errors of the right kinds.

use std::error::Error;
use std::time::Duration;

use aws_sdk_sqs::config::retry::RetryConfig;
use serde_json::json;
use sqs_rpc::transport::Delivery;
use sqs_rpc::{RequestErrorKind as Kind, Requester};
use sqs_rpc_tests::client;
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::TestResult;

const ACCOUNT: &str = "123456789012";

/// A server that has these answers to some actions, and answers every receive with no message after 2 s.
async fn sqs_that_answers(
    answers: impl IntoIterator<Item = (&'static str, ResponseTemplate)>,
) -> MockServer {
    let server = MockServer::start().await;
    for (action, answer) in answers {
        let target = format!("AmazonSQS.{action}");
        Mock::given(method("POST"))
            .and(header("x-amz-target", target))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    let nothing = ResponseTemplate::new(200)
        .set_body_json(json!({}))
        .set_delay(Duration::from_secs(2));
    Mock::given(method("POST"))
        .and(header("x-amz-target", "AmazonSQS.ReceiveMessage"))
        .respond_with(nothing)
        .mount(&server)
        .await;
    server
}

fn error(status: u16, code: &str) -> ResponseTemplate {
    let body = json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": "no" });
    ResponseTemplate::new(status).set_body_json(body)
}

/// A requester whose SDK client retries nothing, so that the tests are quick.
fn requester(server: &MockServer) -> Requester {
    let config = client(&server.uri())
        .config()
        .to_builder()
        .retry_config(RetryConfig::disabled())
        .build();
    let host = format!(
        "{}/{ACCOUNT}/sqs-rpc-00000000-0000-4000-8000-000000000000-0",
        server.uri()
    );
    Requester::builder(aws_sdk_sqs::Client::from_conf(config))
        .reply_queue(&host)
        .build()
        .unwrap()
}

fn queue_url(server: &MockServer) -> String {
    format!("{}/{ACCOUNT}/requests", server.uri())
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() -> TestResult {
    let endless = ResponseTemplate::new(200).set_body_raw(vec![b' '; 65 << 20], "application/json");
    let server = sqs_that_answers([("SendMessageBatch", endless)]).await;
    let error = requester(&server)
        .request(queue_url(&server), "hello")
        .await
        .unwrap_err();
    assert_eq!(error.delivery(), Delivery::Unknown);
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    let last = causes.last().map(String::as_str);
    assert_eq!(last, Some("length limit exceeded"), "{causes:?}");
    Ok(())
}

#[tokio::test]
async fn answers_to_a_send() -> TestResult {
    let cases = [
        (
            error(400, "RequestThrottled"),
            Kind::Throttled,
            Delivery::NotSent,
            true,
        ),
        (
            error(400, "ThrottlingException"),
            Kind::Throttled,
            Delivery::NotSent,
            true,
        ),
        (
            error(400, "KmsThrottled"),
            Kind::Throttled,
            Delivery::NotSent,
            true,
        ),
        (
            error(403, "AccessDeniedException"),
            Kind::AccessDenied,
            Delivery::NotSent,
            false,
        ),
        (
            error(403, "InvalidClientTokenId"),
            Kind::Credentials,
            Delivery::NotSent,
            true,
        ),
        (
            error(400, "ExpiredTokenException"),
            Kind::Credentials,
            Delivery::NotSent,
            true,
        ),
        (
            error(400, "QueueDoesNotExist"),
            Kind::QueueNotFound,
            Delivery::NotSent,
            false,
        ),
        (
            error(503, "ServiceUnavailable"),
            Kind::Send,
            Delivery::Unknown,
            true,
        ),
        (
            error(500, "InternalError"),
            Kind::Send,
            Delivery::Unknown,
            true,
        ),
        (
            ResponseTemplate::new(503).set_body_string("<html>busy</html>"),
            Kind::NotSqs,
            Delivery::Unknown,
            true,
        ),
        (
            ResponseTemplate::new(407).set_body_string("<html>proxy</html>"),
            Kind::NotSqs,
            Delivery::NotSent,
            false,
        ),
        (
            ResponseTemplate::new(413).set_body_string("<html>large</html>"),
            Kind::TooLarge,
            Delivery::NotSent,
            false,
        ),
        (
            ResponseTemplate::new(200).set_body_string("{ not json"),
            Kind::NotSqs,
            Delivery::Unknown,
            true,
        ),
        (
            ResponseTemplate::new(200).set_body_json(json!({})),
            Kind::Send,
            Delivery::Unknown,
            true,
        ),
    ];
    for (answer, kind, delivery, retryable) in cases {
        let shown = format!("{answer:?}");
        let server = sqs_that_answers([
            ("SendMessageBatch", answer.clone()),
            ("SendMessage", answer),
        ])
        .await;
        let error = requester(&server)
            .request(queue_url(&server), "x")
            .timeout(Duration::from_secs(10))
            .await;
        let error = error.unwrap_err();
        assert_eq!(
            (error.kind(), error.delivery(), error.is_retryable()),
            (kind, delivery, retryable),
            "{error:?}\n{shown}"
        );
        if kind == Kind::AccessDenied {
            assert!(error.to_string().contains("sqs:SendMessage"), "{error}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn answers_to_a_creation_of_the_reply_queue() -> TestResult {
    let cases = [
        (error(403, "AccessDeniedException"), Kind::AccessDenied),
        (error(400, "RequestThrottled"), Kind::Throttled),
        (error(503, "ServiceUnavailable"), Kind::Send),
        (error(403, "ExpiredToken"), Kind::Credentials),
        (
            ResponseTemplate::new(407).set_body_string("<html>proxy</html>"),
            Kind::NotSqs,
        ),
    ];
    for (answer, kind) in cases {
        let server = sqs_that_answers([("CreateQueue", answer)]).await;
        let config = client(&server.uri())
            .config()
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .build();
        let requester = Requester::builder(aws_sdk_sqs::Client::from_conf(config)).build()?;
        let error = requester
            .request(queue_url(&server), "x")
            .timeout(Duration::from_secs(3))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.delivery()),
            (kind, Delivery::NotSent),
            "{error:?}"
        );
        if kind == Kind::AccessDenied {
            assert!(error.to_string().contains("sqs:CreateQueue"), "{error}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_connection_is_an_error_and_no_hang() -> TestResult {
    // A port on which nothing listens any more.
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    drop(listener);
    let config = client(&endpoint)
        .config()
        .to_builder()
        .retry_config(RetryConfig::disabled())
        .build();
    let host = format!("{endpoint}/{ACCOUNT}/sqs-rpc-00000000-0000-4000-8000-000000000000-0");
    let requester = Requester::builder(aws_sdk_sqs::Client::from_conf(config))
        .reply_queue(&host)
        .build()?;
    let request = requester
        .request(format!("{endpoint}/{ACCOUNT}/requests"), "x")
        .timeout(Duration::from_secs(10));
    let error = request.await.unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (Kind::Send, true),
        "{error:?}"
    );
    Ok(())
}
