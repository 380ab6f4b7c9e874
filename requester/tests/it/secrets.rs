//! Secrets are never logged; and the spans of requests.

use crate::support::{Answer, Bed, SECOND};
use sqs_requester::{IntoBody as _, Json, Request};
use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps every span and event of this project's crates, at all levels, as text.
#[derive(Debug, Default, Clone)]
pub(crate) struct Recorder(Arc<Records>);

#[derive(Debug, Default)]
struct Records {
    text: Mutex<String>,
    warnings: AtomicU64,
    spans: AtomicU64,
    /// The number of spans that are entered now. Only tests with one thread read it.
    entered: AtomicU64,
}

impl Recorder {
    pub(crate) fn start(&self) -> DefaultGuard {
        // Tracing caches for each callsite whether any subscriber is interested. Without a global subscriber, a test that
        // records nothing could disable a callsite for this test, too. Only the first call sets the global subscriber.
        drop(tracing::subscriber::set_global_default(Self::default()));
        tracing::subscriber::set_default(self.clone())
    }

    pub(crate) fn warnings(&self) -> u64 {
        self.0.warnings.load(Ordering::Relaxed)
    }

    fn text(&self) -> String {
        self.0.text.lock().expect("not poisoned").clone()
    }

    fn line(&self, name: &str, record: impl FnOnce(&mut dyn Visit)) {
        let mut text = self.0.text.lock().expect("not poisoned");
        text.push_str(name);
        record(&mut Fields(&mut text));
        text.push('\n');
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("a String takes all");
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("sqs_")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.line(span.metadata().name(), |fields| span.record(fields));
        Id::from_u64(self.0.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.line("", |fields| values.record(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if *event.metadata().level() == Level::WARN {
            self.0.warnings.fetch_add(1, Ordering::Relaxed);
        }
        let within = if self.0.entered.load(Ordering::Relaxed) > 0 {
            "in a span"
        } else {
            "alone"
        };
        self.line(
            &format!("{} {within}", event.metadata().level()),
            |fields| event.record(fields),
        );
    }

    fn enter(&self, _: &Id) {
        self.0.entered.fetch_add(1, Ordering::Relaxed);
    }

    fn exit(&self, _: &Id) {
        self.0.entered.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_and_attributes_appear_in_no_log_and_no_debug() {
    let recorder = Recorder::default();
    let _recording = recorder.start();
    let bed = Bed::new().await;
    bed.serve(|_, asked| match asked.body() {
        "canary error" => vec![Answer::body("canary").header("1;rep;code=internal")],
        "canary unreadable" => vec![Answer::body("canary").header("9;canary")],
        "canary silence" => vec![],
        _ => {
            let mut answer = Answer::body("canary");
            answer.attributes.insert("tenant".into(), "canary".into());
            vec![answer]
        }
    });
    let requester = bed.requester();
    let mut shown = String::new();
    for body in [
        "canary",
        "canary error",
        "canary unreadable",
        "canary silence",
        "canary \u{0}",
    ] {
        let request = Request::new(&bed.queue, body)
            .attribute("tenant", "canary")
            .timeout(5 * SECOND);
        writeln!(shown, "{request:?} {:?}", body.into_body()).unwrap();
        match requester.send(request).await {
            Ok(reply) => {
                let error = reply.json::<u32>().unwrap_err();
                writeln!(shown, "{reply:?} {error} {error:?}").unwrap();
            }
            Err(error) => writeln!(shown, "{error} {error:?}").unwrap(),
        }
    }
    writeln!(shown, "{requester:?} {:?}", Json("canary")).unwrap();
    requester.shutdown(SECOND).await;

    let logged = recorder.text();
    assert!(
        logged.contains("the reply was received") && logged.contains("the request failed"),
        "{logged}"
    );
    for text in [logged, shown] {
        assert!(!text.contains("canary"), "{text}");
        assert!(!text.to_lowercase().contains("receipt"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_request_is_a_span_with_its_queue_and_ids() {
    let recorder = Recorder::default();
    let _recording = recorder.start();
    let bed = Bed::new().await;
    let requester = bed.requester();
    let _pending = tokio::spawn(requester.request(&bed.queue, "hello").send());
    let asked = bed.next_request().await;
    let (queue, id) = (&bed.queue, asked.header().request_id);
    let span = format!(
        "request queue={queue:?} correlation_id={} request_id={id}\n",
        asked.address().1
    );
    assert_eq!(
        recorder.text().matches(&span).count(),
        1,
        "{}",
        recorder.text()
    );
    tokio::task::yield_now().await;
    assert!(
        recorder
            .text()
            .contains("DEBUG in a span message=the request was sent\n"),
        "{}",
        recorder.text()
    );
}
