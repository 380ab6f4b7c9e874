//! No log line has bodies, user attributes, receipt handles or texts of panics.

use std::fmt;
use std::sync::{Arc, Mutex};

use sqs_responder::{Body, ErrorCode, Json, Reply, ReplyError};
use sqs_rpc_protocol::names;
use sqs_rpc_transport::Action;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::bed::{Ask, Bed, DENIED, Running, sleep, temporary_name};

const CANARY: &str = "canary-7f3a";

/// Keeps every field of every span and event of this project's crates, at all levels.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<Vec<String>>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }

    /// Writes the error with all its causes, as subscribers do.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(Some(value), |error| error.source());
        causes.for_each(|cause| self.0.push_str(&format!(" {}={cause}", field.name())));
    }
}

impl Everything {
    /// Records this thread's spans and events, until the guard is dropped.
    fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        // Tracing caches for each callsite whether any subscriber is interested. Without a global subscriber, a test that
        // records nothing could disable a callsite for this test, too. Only the first call sets the global subscriber.
        drop(tracing::subscriber::set_global_default(
            tracing_subscriber::registry(),
        ));
        let everything = Self::default();
        let subscriber = tracing_subscriber::registry().with(everything.clone());
        (everything, tracing::subscriber::set_default(subscriber))
    }

    fn keep(&self, metadata: &tracing::Metadata<'_>, record: impl FnOnce(&mut Fields<'_>)) {
        if metadata.target().starts_with("sqs_") {
            let mut line = format!("{} {}", metadata.level(), metadata.name());
            record(&mut Fields(&mut line));
            self.0.lock().unwrap().push(line);
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for Everything {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        self.keep(attributes.metadata(), |fields| attributes.record(fields));
    }

    fn on_record(
        &self,
        _: &tracing::span::Id,
        values: &tracing::span::Record<'_>,
        _: Context<'_, S>,
    ) {
        let mut line = String::new();
        values.record(&mut Fields(&mut line));
        self.0.lock().unwrap().push(line);
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        self.keep(event.metadata(), |fields| event.record(fields));
    }
}

async fn handle(Body(body): Body) -> Result<Reply, ReplyError> {
    match body.split(' ').next().unwrap() {
        "explicit" => Err(ReplyError::new(ErrorCode::from_static("shown"), CANARY)),
        "large" => Ok(Reply::new(CANARY.repeat(200_000))),
        "invalid" => Ok(Reply::new(format!("{CANARY}\0"))),
        "panic" => panic!("{body}"),
        _ => Ok(Reply::new(body).with_attribute("secret", CANARY)),
    }
}

#[tokio::test(start_paused = true)]
async fn no_log_line_shows_bodies_attributes_or_receipts() {
    let (everything, _guard) = Everything::listen();

    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, handle));
    let typed = bed.local.create_queue("typed").await.unwrap();
    let typing = Running::start(
        bed.responder()
            .serve(&typed, async |Json(n): Json<u32>| Json(n)),
    );

    let ask = |first: &str| {
        bed.ask(&format!("{first} {CANARY}"))
            .attribute("secret", CANARY)
    };
    for first in ["echo", "explicit", "large", "invalid", "panic"] {
        bed.send(&ask(first)).await;
        assert!(bed.reply().await.is_some(), "{first}");
    }
    bed.send(&ask("bad").attribute(names::HEADER, &format!("1;req;id={CANARY}")))
        .await;
    bed.send(&ask("refused").attribute(names::RESPONSE_QUEUE_URL, &bed.requests))
        .await;
    let missing = bed.replies.replace(&temporary_name(0), &temporary_name(5));
    bed.send(&ask("missing").attribute(names::RESPONSE_QUEUE_URL, &missing))
        .await;
    bed.send(&Ask::one_way(CANARY)).await;
    let json = bed
        .client
        .send_message()
        .queue_url(&typed)
        .message_body(format!("\"{CANARY}\""));
    json.message_attributes(names::RESPONSE_QUEUE_URL, crate::bed::string(&bed.replies))
        .send()
        .await
        .unwrap();
    sleep(30).await;
    bed.faults
        .set(|action| (action != Action::ReceiveMessage).then_some(DENIED));
    bed.send(&ask("denied")).await;
    sleep(60).await;
    running.stop().await;
    typing.stop().await;

    let lines = everything.0.lock().unwrap();
    let receipts: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("receipt"))
        .collect();
    assert!(receipts.is_empty(), "{receipts:?}");
    let said: Vec<_> = lines.iter().filter(|line| line.contains(CANARY)).collect();
    assert!(said.is_empty(), "{said:#?}");
    let seen = |text: &str| {
        assert!(
            lines.iter().any(|line| line.contains(text)),
            "{text} is not in {lines:#?}"
        )
    };
    for text in [
        "handle request",
        "the user's code panicked what=\"the handler\"",
        "a request cannot be decoded",
        "a reply was not sent",
    ] {
        seen(text);
    }
}

#[tokio::test(start_paused = true)]
async fn the_span_of_a_request_has_ids_and_trace() {
    let (everything, _guard) = Everything::listen();

    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, handle));
    let trace = |header: &mut sqs_rpc_protocol::RequestHeader| {
        header.trace_context = sqs_responder::TraceContext::new(0xabc, 0xdef, 1);
    };
    let address = format!("{}#the-name", bed.replies);
    bed.send(
        &bed.ask_with("x", 0x77, trace)
            .attribute(names::RESPONSE_QUEUE_URL, &address),
    )
    .await;
    assert!(bed.reply().await.is_some());
    running.stop().await;

    let recorded = everything.0.lock().unwrap().join("\n");
    for field in [
        format!("queue={}", bed.requests),
        format!("request_id={:032x}", 0x77),
        "correlation_id=the-name".to_owned(),
        format!("trace_id={:032x}", 0xabc),
        format!("parent_id={:016x}", 0xdef),
    ] {
        assert!(recorded.contains(&field), "{field} is not in {recorded}");
    }
}
