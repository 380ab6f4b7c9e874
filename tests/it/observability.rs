//! Spans, and secrets that must not be logged.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqs_rpc::{Body, Json, ReplyError, TraceContext};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{Sum, TestResult, World, pass};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Keeps all log lines of this project's crates, at all levels, until the guard is dropped.
    fn keep(&self) -> tracing::subscriber::DefaultGuard {
        // Tracing caches for each callsite whether any subscriber is interested. Without a global subscriber, a test that
        // records nothing could disable a callsite for this test, too. Only the first call sets the global subscriber.
        drop(tracing::subscriber::set_global_default(
            tracing_subscriber::registry(),
        ));
        let ours = [
            "sqs_rpc",
            "sqs_requester",
            "sqs_responder",
            "sqs_virtual_queues",
            "sqs_temporary_queues",
            "sqs_rpc_protocol",
            "sqs_rpc_transport",
        ];
        let ours = ours.map(|target| (target, LevelFilter::TRACE));
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(self.clone())
            .with_ansi(false)
            .with_span_events(FmtSpan::FULL);
        tracing::subscriber::set_default(
            tracing_subscriber::registry()
                .with(lines)
                .with(Targets::new().with_targets(ours)),
        )
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn both_sides_have_spans_with_correlation_id_and_queue() -> TestResult {
    let log = Log::default();
    let _kept = log.keep();
    let world = World::new().await;
    let (requester, _server) = (world.requester(), world.serve(&world.responder()));
    let error = requester
        .request(&world.queue_url, Json(Sum::Divide(1, 0)))
        .await
        .unwrap_err();
    let id = error.correlation_id().unwrap().to_string();
    let text = log.text();
    for span in ["sqs_requester", "sqs_responder"] {
        let lines: Vec<_> = text
            .lines()
            .filter(|line| line.contains(&id) && line.contains(span))
            .collect();
        assert!(
            lines.iter().any(|line| line.contains(&world.queue_url)),
            "{span}: {lines:#?}"
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_trace_context_reaches_the_handler_and_its_span() -> TestResult {
    let log = Log::default();
    let _kept = log.keep();
    let world = World::new().await;
    let responder = world.responder();
    let show = async |context: sqs_rpc::responder::Request| -> Result<String, ReplyError> {
        Ok(context
            .trace_context()
            .map(TraceContext::traceparent)
            .unwrap_or_default())
    };
    let server = tokio::spawn(responder.serve(&world.queue_url, show).into_future());
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let context = TraceContext::parse(parent)?;
    let reply = world
        .requester()
        .request(&world.queue_url, "x")
        .trace_context(context)
        .await?;
    assert_eq!(reply.body(), parent);
    let text = log.text();
    assert!(
        text.lines().any(|line| line.contains("sqs_responder")
            && line.contains("0af7651916cd43dd8448eb211c80319c"))
    );
    server.abort();
    Ok(())
}

/// S10: a canary text is in every place that holds a secret, and appears in no log line.
#[tokio::test(start_paused = true)]
async fn s10_bodies_handles_and_tokens_are_in_no_log_line() -> TestResult {
    const CANARY: &str = "canary-7f3a";
    async fn sing(Body(body): Body) -> Result<String, ReplyError> {
        match body.as_str() {
            "canary-7f3a error" => Err(io::Error::other("no secret here").into()),
            "canary-7f3a panic" => panic!("as asked"),
            _ => Ok(body),
        }
    }
    let log = Log::default();
    let _kept = log.keep();
    let world = World::new().await;
    let responder = world.responder();
    let (requester, server) = (
        world.requester(),
        tokio::spawn(responder.serve(&world.queue_url, sing).into_future()),
    );
    let send = |body: &str| {
        let request = requester
            .request(&world.queue_url, body)
            .attribute("token", CANARY);
        request
            .idempotency_key(CANARY)
            .timeout(Duration::from_secs(30))
            .send()
    };
    assert_eq!(send(CANARY).await?.body(), CANARY);
    for body in ["canary-7f3a error", "canary-7f3a panic"] {
        let error = requester.request(&world.queue_url, body).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(CANARY));
    }
    // An undecodable request, a refused one, an orphan, a timeout.
    let host = world.other_queues().await.remove(0);
    for (name, value) in [
        ("SqsRpc", CANARY),
        (
            "ResponseQueueUrl",
            "https://sqs.us-east-1.amazonaws.com/000000000000/x",
        ),
    ] {
        let value = aws_sdk_sqs::types::MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value)
            .build()?;
        let send = world
            .client
            .send_message()
            .queue_url(&world.queue_url)
            .message_body(CANARY);
        send.message_attributes(name, value).send().await?;
    }
    world
        .client
        .send_message()
        .queue_url(&host)
        .message_body(CANARY)
        .send()
        .await?;
    let unserved = world.local.create_queue("unserved").await?;
    let error = requester
        .request(&unserved, CANARY)
        .timeout(Duration::from_secs(3))
        .await
        .unwrap_err();
    assert!(!format!("{error} {error:?}").contains(CANARY));
    requester.shutdown(Duration::from_secs(5)).await;
    pass(Duration::from_secs(60)).await;
    server.abort();

    let text = log.text();
    assert!(text.lines().count() > 20, "the test saw a log:\n{text}");
    let sung: Vec<_> = text.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(sung.is_empty(), "{sung:#?}");
    // The local SQS's receipt handles are long and opaque. None of them may appear either.
    let receive = world
        .client
        .receive_message()
        .queue_url(&world.queue_url)
        .visibility_timeout(0);
    if let Some(message) = receive
        .send()
        .await?
        .messages
        .and_then(|mut messages| messages.pop())
    {
        let handle = message.receipt_handle.unwrap();
        assert!(!text.contains(&handle[..20.min(handle.len())]));
    }
    Ok(())
}
