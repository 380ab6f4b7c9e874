//! Replies, and the errors of a request.

use sqs_rpc_transport::BatchOptions;

use crate::double::{Double, Fate};
use crate::support::{Answer, Bed, SECOND, Seen, Stopwatch, on_tokio_time, text};
use sqs_requester::protocol::{ContentType, ErrorCode, TraceContext, VirtualQueueName, names};
use sqs_requester::{Action, Delivery, Json, RequestErrorKind, Requester};
use sqs_virtual_queues::{CreateQueue, VirtualQueues};
use tokio::task::JoinSet;

#[tokio::test(start_paused = true)]
async fn a_reply_comes_back() {
    let bed = Bed::new().await;
    bed.serve(|_, asked| {
        let mut answer =
            Answer::body(format!("re: {}", asked.body())).header("1;rep;ct=text/plain");
        answer.attributes.insert("served-by".into(), "me".into());
        vec![answer]
    });
    let requester = bed.requester();
    let reply = requester.request(&bed.queue, "hello").await.unwrap();
    assert_eq!(reply.body(), "re: hello");
    assert!(reply.content_type().is_some_and(ContentType::is_text));
    assert_eq!(
        reply.attributes().collect::<Vec<_>>(),
        [("served-by", &text("me"))]
    );

    let stats = requester.stats();
    assert_eq!(
        (stats.requests_sent, stats.replies_received, stats.cancelled),
        (1, 1, 0)
    );
    assert_eq!(requester.pending(), 0);
    assert!(requester.shutdown(5 * SECOND).await.is_clean());
    assert_eq!(bed.hosts().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_request_carries_its_attributes_and_header() {
    let bed = Bed::new().await;
    let trace = TraceContext::new(1, 2, 1).unwrap();
    let hook = TraceContext::new(3, 4, 1).unwrap();
    let requester = bed
        .builder()
        .propagate(move || Some(hook.clone()))
        .build()
        .unwrap();
    let request = requester
        .request(&bed.queue, Json("hi"))
        .attribute("tenant", "a")
        .idempotency_key("k");
    let _pending = tokio::spawn(
        request
            .trace_context(trace.clone())
            .timeout(20 * SECOND)
            .send(),
    );
    let asked = bed.next_request().await;
    assert_eq!(
        (asked.body(), asked.attribute("tenant")),
        ("\"hi\"", Some("a"))
    );
    let header = asked.header();
    assert_eq!(header.content_type, Some(ContentType::json()));
    assert_eq!(header.idempotency_key.unwrap().as_str(), "k");
    assert_eq!(header.trace_context, Some(trace));
    assert!(
        header.deadline.expiry().is_some(),
        "SQS's time is known from the answer to CreateQueue"
    );
    assert_eq!(asked.address().0, requester.reply_queue().unwrap().as_str());

    let _pending = tokio::spawn(requester.request(&bed.queue, "x").send());
    let propagated = bed.next_request().await.header();
    assert_eq!(propagated.trace_context.unwrap().trace_id(), 3);
    assert_ne!(propagated.request_id, header.request_id);
}

#[tokio::test(start_paused = true)]
async fn an_error_reply_is_an_error() {
    let bed = Bed::new().await;
    bed.serve(|_, _| {
        vec![Answer::body("no user of that name").header("1;rep;code=login.unknown_user")]
    });
    let requester = bed.requester();
    let error = requester.request(&bed.queue, "hello").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.delivery()),
        (RequestErrorKind::Remote, Delivery::Sent)
    );
    let remote = error.remote().unwrap();
    assert_eq!(remote.code, ErrorCode::from_static("login.unknown_user"));
    assert_eq!(remote.message, "no user of that name");
    assert!(!error.is_retryable());
    assert_eq!(requester.stats().replies_received, 1);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_reply_is_an_error_and_counted() {
    let bed = Bed::new().await;
    bed.serve(|_, _| vec![Answer::body("?").header("2;rep;from=the future")]);
    let requester = bed.requester();
    let error = requester.request(&bed.queue, "hello").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.delivery()),
        (RequestErrorKind::Codec, Delivery::Sent)
    );
    assert_eq!(requester.stats().replies_unreadable, 1);
}

#[tokio::test(start_paused = true)]
async fn the_second_reply_is_deleted_and_counted() {
    let bed = Bed::new().await;
    bed.serve(|_, _| vec![Answer::body("first"), Answer::body("second")]);
    let requester = bed.requester();
    let host = {
        requester.ready().await.unwrap();
        requester.reply_queue().unwrap()
    };
    assert_eq!(
        requester.request(&bed.queue, "hello").await.unwrap().body(),
        "first"
    );
    // The poll in flight, or the next one, receives the second reply.
    let _ = requester.request(&bed.queue, "hello").await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert!(requester.stats().duplicate_replies >= 1);
    assert!(bed.depth(host.as_str()).await <= 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_to_a_virtual_queue() {
    let bed = Bed::new().await;
    let queues = VirtualQueues::builder(&bed.sqs).build().unwrap();
    let host = bed.queue.parse().unwrap();
    let queue = queues.create(&host, CreateQueue::named("login")).unwrap();
    let requester = bed.requester();
    let pending = tokio::spawn(requester.request(queue.url(), "hello").send());
    let received = queue.receive().await.unwrap();
    let asked = crate::support::Asked {
        message: received.into_iter().next().unwrap(),
    };
    // A virtual queue hides the attribute with its own name.
    assert_eq!(asked.attribute(names::VIRTUAL_QUEUE_NAME), None);
    crate::support::reply(&bed.sqs, &asked, Answer::body("hi")).await;
    assert_eq!(pending.await.unwrap().unwrap().body(), "hi");
}

#[tokio::test(start_paused = true)]
async fn equal_requests_to_a_fifo_queue_all_arrive() {
    let bed = Bed::with_queue("requests.fifo").await;
    bed.echo();
    let requester = bed.requester();
    let mut tasks = JoinSet::new();
    for i in 0..20 {
        let request = requester.request(&bed.queue, "same");
        tasks.spawn(if i % 2 == 0 {
            request.group("g").send()
        } else {
            request.send()
        });
    }
    let replies = tasks.join_all().await;
    assert_eq!(replies.iter().filter(|reply| reply.is_ok()).count(), 20);
}

#[tokio::test(start_paused = true)]
async fn every_reply_goes_to_its_own_request() {
    let bed = Bed::new().await;
    bed.echo();
    bed.echo();
    let requesters: Vec<_> = (0..4).map(|_| Requester::new(&bed.sqs)).collect();
    let mut tasks = JoinSet::new();
    for i in 0..200 {
        let request = requesters[i % 4].request(&bed.queue, format!("{i}"));
        tasks.spawn(async move { (i, request.await) });
    }
    while let Some(done) = tasks.join_next().await {
        let (i, reply) = done.unwrap();
        assert_eq!(reply.unwrap().body(), i.to_string());
    }
    for requester in &requesters {
        let stats = requester.stats();
        assert_eq!(
            (stats.replies_received, stats.orphans, stats.foreign_replies),
            (50, 0, 0)
        );
    }
    let hosts: std::collections::BTreeSet<_> = requesters
        .iter()
        .map(|r| r.reply_queue().unwrap().to_string())
        .collect();
    assert_eq!(hosts.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_reply_may_arrive_before_the_answer_to_the_send() {
    let bed = Bed::new().await;
    bed.echo();
    let double = Double::new(&bed.sqs);
    double.fate(Action::SendMessageBatch, [Fate::Late(20 * SECOND)]);
    let requester = Requester::new(on_tokio_time(double));
    requester.ready().await.unwrap();
    let started = Stopwatch::start();
    let reply = requester.request(&bed.queue, "hello").await.unwrap();
    assert_eq!(reply.body(), "hello");
    assert!(started.elapsed() < SECOND);
    assert_eq!(requester.stats().requests_sent, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_send_ends_the_request_and_frees_its_slot() {
    let bed = Bed::new().await;
    for (fate, kind, delivery) in [
        (
            Fate::Refused("AccessDenied"),
            RequestErrorKind::AccessDenied,
            Delivery::NotSent,
        ),
        (
            Fate::Refused("ThrottlingException"),
            RequestErrorKind::Throttled,
            Delivery::NotSent,
        ),
        (
            Fate::Refused("QueueDoesNotExist"),
            RequestErrorKind::QueueNotFound,
            Delivery::NotSent,
        ),
        (Fate::AnswerLost, RequestErrorKind::Send, Delivery::Unknown),
    ] {
        let double = Double::new(&bed.sqs);
        double.fate(Action::SendMessageBatch, [fate]);
        let requester = Requester::new(on_tokio_time(double));
        let error = requester.request(&bed.queue, "hello").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.delivery()),
            (kind, delivery),
            "{fate:?}"
        );
        assert_eq!(
            (requester.pending(), requester.stats().requests_sent),
            (0, 0),
            "{fate:?}"
        );
        if kind == RequestErrorKind::AccessDenied {
            assert_eq!(
                error.to_string(),
                "sqs:SendMessage was denied (AccessDenied)"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn polls_denied_for_a_minute_end_the_request() {
    let bed = Bed::new().await;
    let double = Double::new(&bed.sqs);
    double.fate(Action::ReceiveMessage, [Fate::Refused("AccessDenied"); 20]);
    let requester = Requester::new(on_tokio_time(double));
    let began = Stopwatch::start();
    let request = requester.request(&bed.queue, "hello").timeout(300 * SECOND);
    let error = request.await.unwrap_err();
    let took = began.elapsed();
    assert!(took >= 60 * SECOND, "{took:?}");
    assert_eq!(
        (error.kind(), error.delivery()),
        (RequestErrorKind::AccessDenied, Delivery::Sent)
    );
    assert_eq!(
        error.action().map(Action::permission),
        Some("sqs:ReceiveMessage")
    );
}

#[tokio::test(start_paused = true)]
async fn a_poll_waits_no_longer_than_poll_wait() {
    let bed = Bed::new().await;
    let requester = bed
        .builder()
        .poll_wait(5 * SECOND)
        .build()
        .expect("allowed");
    let request = requester.request(&bed.queue, "hello").timeout(21 * SECOND);
    request.await.unwrap_err();
    let polls = bed.local.calls().of("ReceiveMessage");
    assert!((4..=5).contains(&polls), "{polls}");
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_while_the_credentials_are_refused() {
    for code in ["ExpiredTokenException", "InvalidSignatureException"] {
        let bed = Bed::new().await;
        bed.echo();
        let double = Double::new(&bed.sqs);
        double.fate(Action::ReceiveMessage, [Fate::Refused(code); 9]);
        let requester = Requester::new(on_tokio_time(double));
        let began = Stopwatch::start();
        let request = requester.request(&bed.queue, "hello").timeout(300 * SECOND);
        let reply = request.await.expect("answered");
        assert_eq!(reply.body(), "hello");
        // Nine polls, each at most 5 s after the previous one.
        let took = began.elapsed();
        assert!(took > 20 * SECOND && took < 45 * SECOND, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_to_a_guessed_name_is_an_orphan() {
    let bed = Bed::new().await;
    let seen = Seen::new();
    let shown = seen.clone();
    bed.serve(move |_, asked| {
        shown.push(asked.address().1.to_owned());
        Vec::new()
    });
    let requester = bed.requester();
    let pending = tokio::spawn(
        requester
            .request(&bed.queue, "hello")
            .timeout(10 * SECOND)
            .send(),
    );
    tokio::time::sleep(2 * SECOND).await;
    let name = seen.all().pop().unwrap();
    // The real name with another last digit.
    let (rest, last) = name.split_at(name.len() - 1);
    let guess = format!("{rest}{}", if last == "0" { "1" } else { "0" });
    let guess = VirtualQueueName::parse(&guess).unwrap();
    let host = requester.reply_queue().unwrap();
    let forged = bed
        .sqs
        .send_message()
        .queue_url(host.as_str())
        .message_body("forged");
    forged
        .message_attributes(names::VIRTUAL_QUEUE_NAME, text(guess.as_str()))
        .send()
        .await
        .unwrap();
    assert_eq!(
        pending.await.unwrap().unwrap_err().kind(),
        RequestErrorKind::Timeout
    );
    let stats = requester.stats();
    assert_eq!(
        (stats.replies_received, stats.orphans + stats.late_replies),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_lost_with_a_poll_is_redelivered_in_time() {
    let bed = Bed::new().await;
    bed.echo();
    let double = Double::new(&bed.sqs);
    double.fate(Action::ReceiveMessage, [Fate::AnswerLost]);
    let requester = Requester::new(on_tokio_time(double));
    requester.ready().await.unwrap();
    let started = Stopwatch::start();
    let reply = requester
        .request(&bed.queue, "hello")
        .timeout(10 * SECOND)
        .await
        .unwrap();
    assert_eq!(reply.body(), "hello");
    assert!(started.elapsed() >= 5 * SECOND, "the default visibility");
}

#[tokio::test(start_paused = true)]
async fn a_request_above_the_users_own_limit_is_too_large() {
    let bed = Bed::new().await;
    let mut batches = BatchOptions::default();
    batches.max_bytes = 2_000;
    let requester = bed.builder().batches(batches).build().unwrap();
    let error = requester
        .request(&bed.queue, "x".repeat(2_000))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.delivery()),
        (RequestErrorKind::TooLarge, Delivery::NotSent)
    );
    assert_eq!(requester.stats().calls.of(Action::SendMessageBatch), 0);
}
