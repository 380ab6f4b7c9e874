//! The arguments of handlers, and the replies that their results become.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqs_responder::{
    Attributes, Body, ContentType, Deadline, ErrorCode, FromRef, HandlerTimeout, IdempotencyKey,
    Json, MessageId, Reply, ReplyError, Request, RequestId, State, TraceContext,
};
use sqs_rpc_protocol::{TraceContext as Trace, names};
use sqs_rpc_transport::Sqs;

use crate::bed::{Ask, Bed, Running, deadline, sleep, temporary_name};

#[derive(Deserialize)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Serialize)]
struct Sum {
    sum: i64,
}

#[tokio::test(start_paused = true)]
async fn a_request_is_handled_answered_and_deleted() {
    let bed = Bed::start().await;
    let running = Running::start(
        bed.responder()
            .serve(&bed.requests, async |Json(add): Json<Add>| {
                Json(Sum { sum: add.a + add.b })
            }),
    );
    bed.send(&bed.ask_with(r#"{"a":1,"b":2}"#, 7, |_| {})).await;
    let reply = bed.reply().await.unwrap();
    assert_eq!(reply.body(), r#"{"sum":3}"#);
    assert_eq!(reply.header().request_id, Some(RequestId::from_bits(7)));
    assert_eq!(reply.header().content_type, Some(ContentType::json()));
    assert_eq!(reply.code(), None);
    bed.until_deleted().await;
    assert!(running.stop().await.is_clean());
    let stats = bed.stats();
    assert_eq!(
        (stats.requests_received, stats.handled, stats.replies_sent),
        (1, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_java_request_is_answered_on_its_virtual_queue() {
    let bed = Bed::start().await;
    let running = Running::start(
        bed.responder()
            .serve(&bed.requests, async |Body(body): Body| body),
    );
    let address = format!("{}#reply-1", bed.replies);
    bed.send(&Ask::one_way("echo").attribute(names::RESPONSE_QUEUE_URL, &address))
        .await;
    let reply = bed.reply().await.unwrap();
    assert_eq!(reply.attribute(names::VIRTUAL_QUEUE_NAME), Some("reply-1"));
    assert_eq!((reply.body(), reply.header().request_id), ("echo", None));
    assert!(running.stop().await.is_clean());
}

#[derive(Clone)]
struct App {
    greeting: Greeting,
}

#[derive(Clone)]
struct Greeting(&'static str);

impl FromRef<App> for Greeting {
    fn from_ref(app: &App) -> Self {
        app.greeting.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn every_argument_is_made_from_the_request() {
    #[expect(
        clippy::too_many_arguments,
        reason = "eight are allowed, and here they are"
    )]
    async fn all(
        State(Greeting(greeting)): State<Greeting>,
        State(_): State<App>,
        attributes: Attributes,
        deadline: Deadline,
        id: RequestId,
        key: Option<IdempotencyKey>,
        trace: TraceContext,
        request: Request,
    ) -> String {
        let tenant = attributes.string("tenant").unwrap();
        let remaining = deadline.remaining().unwrap();
        assert!(
            remaining <= Duration::from_secs(20) && remaining > Duration::from_secs(18),
            "{remaining:?}"
        );
        assert_eq!((request.receive_count(), attributes.0.len()), (Some(1), 1));
        format!(
            "{greeting} {tenant} {} {} {:x}",
            id.bits(),
            key.unwrap(),
            trace.trace_id()
        )
    }

    let bed = Bed::start().await;
    let responder = bed
        .builder()
        .state(App {
            greeting: Greeting("hello"),
        })
        .build()
        .unwrap();
    let running = Running::start(responder.serve(&bed.requests, all));
    let ask = bed.ask_with("x", 9, |header| {
        header.deadline = deadline(Duration::from_secs(20));
        header.idempotency_key = Some(IdempotencyKey::parse("order-1").unwrap());
        header.trace_context = Trace::new(0xabc, 1, 0);
    });
    bed.send(&ask.attribute("tenant", "acme")).await;
    assert_eq!(
        bed.reply().await.unwrap().body(),
        "hello acme 9 order-1 abc"
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_an_explicit_error_is_shown_to_the_requester() {
    async fn fail(Body(body): Body) -> Result<Reply, ReplyError> {
        match body.as_str() {
            "hidden" => Err(std::io::Error::other("disk 7 is full"))?,
            "explicit" => Err(ReplyError::new(
                ErrorCode::from_static("login.locked"),
                "come back tomorrow",
            )),
            _ => Ok(Reply::error(ErrorCode::from_static("as.reply"), "so it is")),
        }
    }

    let bed = Bed::start().await;
    let running = Running::start(bed.responder().serve(&bed.requests, fail));
    for (body, code, text) in [
        ("hidden", "internal", "the request could not be handled"),
        ("explicit", "login.locked", "come back tomorrow"),
        ("reply", "as.reply", "so it is"),
    ] {
        bed.send(&bed.ask(body)).await;
        let reply = bed.reply().await.unwrap();
        assert_eq!((reply.code().as_deref(), reply.body()), (Some(code), text));
    }
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!(bed.stats().handler_errors, 3);
}

#[tokio::test(start_paused = true)]
async fn a_panic_becomes_an_error_reply_and_affects_no_other() {
    let bed = Bed::start().await;
    let handler = async |Body(body): Body| {
        assert_ne!(body, "bad", "the secret of the panic");
        body
    };
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    bed.send(&bed.ask("bad")).await;
    let reply = bed.reply().await.unwrap();
    assert_eq!(
        (reply.code().as_deref(), reply.body()),
        (Some("internal"), "the request could not be handled")
    );
    bed.send(&bed.ask("good")).await;
    assert_eq!(bed.reply().await.unwrap().body(), "good");
    bed.until_deleted().await;
    assert!(running.stop().await.is_clean());
    assert_eq!((bed.stats().panics, bed.stats().replies_sent), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_one_way_request_that_fails_is_redelivered() {
    let bed = Bed::start().await;
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let handler = {
        let seen = seen.clone();
        move |Body(body): Body, MessageId(_): MessageId| {
            let seen = seen.clone();
            async move {
                let mut seen = seen.lock().unwrap();
                seen.push(body.clone());
                let breaks = body == "bad" && seen.len() < 3;
                if breaks {
                    Err(std::io::Error::other("not now"))
                } else {
                    Ok(())
                }
            }
        }
    };
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    bed.send(&Ask::one_way("good")).await;
    bed.until("it is handled", |stats| stats.one_way == 1).await;
    bed.send(&Ask::one_way("bad")).await;
    bed.until("it is handled at last", |stats| stats.one_way == 2)
        .await;
    bed.until_deleted().await;
    assert_eq!(*seen.lock().unwrap(), ["good", "bad", "bad"]);
    assert!(bed.reply().await.is_none());
    running.stop().await;
    assert_eq!(
        (
            bed.stats().one_way,
            bed.stats().replies_sent,
            bed.stats().handler_errors
        ),
        (2, 0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_too_large_becomes_an_error_reply() {
    let bed = Bed::start().await;
    let handler = async |Body(body): Body| body.repeat(1024 * 1024);
    let running = Running::start(bed.responder().serve(&bed.requests, handler));
    bed.send(&bed.ask("xy")).await;
    assert_eq!(
        bed.reply().await.unwrap().code().as_deref(),
        Some("reply_too_large")
    );
    bed.until_deleted().await;
    sleep(60).await;
    running.stop().await;
    assert_eq!((bed.stats().handled, bed.stats().replies_too_large), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_reply_over_the_queues_limit_becomes_an_error_reply() {
    let bed = Bed::start().await;
    let small = bed.client.create_queue().queue_name(temporary_name(1));
    let small = small
        .attributes(
            aws_sdk_sqs::types::QueueAttributeName::MaximumMessageSize,
            "1024",
        )
        .send()
        .await;
    let small = small.unwrap().queue_url.unwrap();
    let running = Running::start(
        bed.responder()
            .serve(&bed.requests, async |Body(body): Body| body.repeat(600)),
    );
    bed.send(&Ask::one_way("xy").attribute(names::RESPONSE_QUEUE_URL, &small))
        .await;
    let reply = crate::bed::Reply(bed.receive(&small, 20).await.unwrap());
    assert_eq!(reply.code().as_deref(), Some("reply_too_large"));
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!(bed.stats().replies_too_large, 1);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_concurrency_requests_are_handled_at_once() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    let bed = Bed::start().await;
    let (running_now, most) = (
        std::sync::Arc::new(AtomicUsize::new(0)),
        std::sync::Arc::new(AtomicUsize::new(0)),
    );
    let handler = {
        let (now, most) = (running_now.clone(), most.clone());
        move || {
            let (now, most) = (now.clone(), most.clone());
            async move {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                sleep(1).await;
                now.fetch_sub(1, SeqCst);
                "done"
            }
        }
    };
    for _ in 0..20 {
        bed.send(&bed.ask("x")).await;
    }
    let responder = bed.builder().concurrency(3).build().unwrap();
    let running = Running::start(responder.serve(&bed.requests, handler));
    bed.until_deleted().await;
    running.stop().await;
    assert_eq!((most.load(SeqCst), bed.stats().replies_sent), (3, 20));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_frees_its_slot_after_the_deadline() {
    let bed = Bed::start().await;
    let responder = bed.builder().concurrency(1).build().unwrap();
    let running = Running::start(responder.serve(&bed.requests, async |Body(body): Body| {
        if body == "hangs" {
            std::future::pending::<()>().await;
        }
        body
    }));
    bed.send(&bed.ask_with("hangs", 1, |header| {
        header.deadline = deadline(Duration::from_secs(10));
    }))
    .await;
    sleep(1).await;
    bed.send(&bed.ask("next")).await;
    assert_eq!(bed.reply().await.unwrap().body(), "next");
    bed.until_deleted().await;
    assert_eq!(bed.stats().handlers_expired, 1);
    assert!(running.stop().await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_requester_that_still_waits_gets_expired() {
    let bed = Bed::start().await;
    let timeout = HandlerTimeout::AfterStart(Duration::from_secs(3));
    let responder = bed.builder().handler_timeout(timeout).build().unwrap();
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let running = Running::start(responder.serve(&bed.requests, async |_: Body| {
        let bomb = Bomb;
        std::future::pending::<()>().await;
        drop(bomb);
    }));
    bed.send(&bed.ask("x")).await;
    let reply = bed.reply().await.unwrap();
    assert_eq!(reply.code().as_deref(), Some("expired"));
    bed.until_deleted().await;
    assert_eq!((bed.stats().panics, bed.stats().handlers_expired), (1, 1));
    assert!(running.stop().await.is_clean());
}

/// A bed's SQS with a hook around tasks. The hook drops a task that sets `armed` while it is polled. Only the user's
/// code, which runs in a job, sets it.
fn throwing_away(bed: &Bed, armed: &std::sync::Arc<std::sync::atomic::AtomicBool>) -> Sqs {
    use futures::FutureExt;

    let armed = std::sync::Arc::clone(armed);
    Sqs::builder(sqs_rpc_transport::ClientApi::new(&bed.client))
        .clock(bed.sqs.clock().clone())
        .on_spawn(move |mut task| {
            let armed = std::sync::Arc::clone(&armed);
            std::future::poll_fn(move |cx| {
                let polled = task.poll_unpin(cx);
                let throws = armed.swap(false, std::sync::atomic::Ordering::Relaxed);
                if throws {
                    std::task::Poll::Ready(())
                } else {
                    polled
                }
            })
            .boxed()
        })
        .build()
}

#[tokio::test(start_paused = true)]
async fn a_lost_jobs_message_is_given_back_at_once() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    let bed = Bed::start().await;
    let armed = Arc::new(AtomicBool::new(false));
    let sqs = throwing_away(&bed, &armed);
    let responder = sqs_responder::Responder::builder(sqs)
        .concurrency(1)
        .build()
        .unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let running = Running::start(responder.serve(&bed.requests, {
        let (armed, calls) = (Arc::clone(&armed), Arc::clone(&calls));
        move |Body(body): Body| {
            let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
            armed.store(first, Ordering::Relaxed);
            async move {
                if first {
                    std::future::pending::<()>().await;
                }
                body
            }
        }
    }));
    bed.send(&bed.ask("x")).await;
    let begun = bed.now();
    assert_eq!(bed.reply().await.unwrap().body(), "x");
    let took = bed.now().since(begun);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    bed.until_deleted().await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn polling_goes_on_after_a_polls_task_is_lost() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let bed = Bed::start().await;
    // The first task is a poll.
    let armed = Arc::new(AtomicBool::new(true));
    let sqs = throwing_away(&bed, &armed);
    let responder = sqs_responder::Responder::builder(sqs.clone())
        .build()
        .unwrap();
    let running = Running::start(responder.serve(&bed.requests, async |Body(body): Body| body));
    sleep(1).await;
    bed.send(&bed.ask("x")).await;
    assert_eq!(bed.reply().await.unwrap().body(), "x");
    assert!(!armed.load(Ordering::Relaxed));
    assert_eq!(sqs.counters().snapshot().polls_failed, 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_task_hook_frees_the_slot() {
    use futures::FutureExt;
    use std::sync::atomic::{AtomicBool, Ordering};

    let bed = Bed::start().await;
    let armed = std::sync::Arc::new(AtomicBool::new(false));
    let hook = std::sync::Arc::clone(&armed);
    let sqs = Sqs::builder(sqs_rpc_transport::ClientApi::new(&bed.client))
        .on_spawn(move |task| {
            let hook = std::sync::Arc::clone(&hook);
            async move {
                task.await;
                // The handler sets the flag, so the task that ran the handler panics.
                assert!(!hook.swap(false, Ordering::Relaxed), "the hook panics");
            }
            .boxed()
        })
        .build();
    let responder = sqs_responder::Responder::builder(sqs.clone())
        .concurrency(1)
        .build()
        .unwrap();
    let handler = {
        let armed = std::sync::Arc::clone(&armed);
        move |Body(body): Body| {
            armed.store(body == "lost", Ordering::Relaxed);
            std::future::ready(body)
        }
    };
    let running = Running::start(responder.serve(&bed.requests, handler));
    bed.send(&Ask::one_way("lost")).await;
    sleep(5).await;
    bed.send(&bed.ask("next")).await;
    assert_eq!(bed.reply().await.unwrap().body(), "next");
    assert_eq!(sqs.counters().snapshot().panics, 1);
    running.stop().await;
}
