//! What is in no log line: bodies, attributes of users, receipt handles, texts of panics.

use std::fmt;
use std::sync::{Arc, Mutex};

use sqs_responder::{Body, ErrorCode, Json, Reply, ReplyError};
use sqs_rpc_protocol::names;
use sqs_virtual_queues::Action;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::bed::{Ask, Bed, DENIED, Running, sleep, temporary_name};

const CANARY: &str = "canary-7f3a";

/// Keeps every field of every span and event of our crates, at every level.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<Vec<String>>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl Everything {
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
        _ => Ok(Reply::new(body).attribute("secret", CANARY)),
    }
}

#[tokio::test(start_paused = true)]
async fn no_line_shows_what_is_said() {
    let everything = Everything::default();
    let subscriber = tracing_subscriber::registry().with(everything.clone());
    let _guard = tracing::subscriber::set_default(subscriber);

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
    // A malformed header is quoted in its error, cut short; it is the one thing of a requester that is.
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
        "the handler panicked",
        "a request cannot be decoded",
        "a reply was not sent",
    ] {
        seen(text);
    }
}
