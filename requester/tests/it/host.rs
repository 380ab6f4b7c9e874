//! The reply queue.

use crate::double::{Double, Fate};
use crate::support::{Bed, SECOND, Stopwatch, on_tokio_time, until};
use aws_sdk_sqs::types::QueueAttributeName;
use sqs_requester::protocol::{HostQueueUrl, TemporaryQueueName};
use sqs_requester::{Action, Delivery, RequestErrorKind, Requester};
use std::time::Duration;
use tokio::task::JoinSet;

#[tokio::test(start_paused = true)]
async fn a_hundred_first_requests_make_one_host() {
    let bed = Bed::new().await;
    bed.echo();
    let requester = bed.requester();
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        tasks.spawn(requester.request(&bed.queue, "hello").send());
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    assert_eq!(requester.stats().calls.of(Action::CreateQueue), 1);
    assert_eq!(bed.hosts().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_called_before_the_first_request() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(requester.stats().calls.total(), 0);
    assert_eq!(requester.reply_queue(), None);
    requester.ready().await.unwrap();
    let calls = requester.stats().calls;
    assert_eq!(calls.of(Action::CreateQueue), 1);
    // One call asks SQS for its time, and the first check of other hosts may have begun.
    assert!((2..=3).contains(&calls.total()), "{calls}");
}

/// Goal P6. After the idle time there are no calls at all.
#[tokio::test(start_paused = true)]
async fn an_idle_hour_costs_at_most_eighty_calls() {
    let bed = Bed::new().await;
    bed.echo();
    let week = 7 * 24 * 3_600 * SECOND;
    let kept = bed.builder().idle_time(week).build().unwrap();
    kept.request(&bed.queue, "hello").await.unwrap();
    // The poll in flight ends by itself.
    tokio::time::sleep(30 * SECOND).await;
    let before = kept.stats();
    tokio::time::sleep(3_600 * SECOND).await;
    let calls = kept.stats().calls_since(&before);
    assert!((40..=80).contains(&calls.total()), "{calls}");
    assert_eq!(calls.of(Action::ReceiveMessage), 0);
    assert!(kept.reply_queue().is_some());

    let usual = bed.requester();
    usual.request(&bed.queue, "hello").await.unwrap();
    tokio::time::sleep(20 * 60 * SECOND).await;
    assert_eq!(usual.reply_queue(), None);
    let before = usual.stats();
    tokio::time::sleep(3_600 * SECOND).await;
    assert_eq!(usual.stats().calls_since(&before).total(), 0);
    assert_eq!(
        usual.request(&bed.queue, "again").await.unwrap().body(),
        "again"
    );
}

#[tokio::test(start_paused = true)]
async fn the_host_of_a_dead_requester_is_deleted_by_another() {
    let bed = Bed::new().await;
    let (survivor, dead) = (bed.requester(), bed.requester());
    survivor.ready().await.unwrap();
    dead.ready().await.unwrap();
    drop(dead);
    // R + 180 s + 1.2 P. `ready` keeps the survivor from becoming idle.
    for _ in 0..15 {
        tokio::time::sleep(60 * SECOND).await;
        survivor.ready().await.unwrap();
    }
    let kept = survivor.reply_queue().unwrap().to_string();
    assert_eq!(bed.hosts().await, [kept]);
    assert_eq!(survivor.stats().hosts_swept, 1);
}

#[tokio::test(start_paused = true)]
async fn ready_waits_the_first_second_beforehand() {
    let bed = Bed::new().await;
    bed.echo();
    let requester = bed.requester();
    let started = Stopwatch::start();
    requester.ready().await.unwrap();
    assert_eq!(started.elapsed(), SECOND);
    requester.ready().await.unwrap();
    requester.request(&bed.queue, "hello").await.unwrap();
    assert!(started.elapsed() < SECOND + Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_new_host_can_be_set() {
    let bed = Bed::new().await;
    for wait in [Duration::ZERO, 3 * SECOND] {
        let requester = bed.builder().new_host_wait(wait).build().unwrap();
        let started = Stopwatch::start();
        requester.ready().await.unwrap();
        assert_eq!(started.elapsed(), wait);
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_has_its_name_attributes_and_tags() {
    let bed = Bed::new().await;
    let requester = bed
        .builder()
        .prefix("front-")
        .tag("team", "identity")
        .build()
        .unwrap();
    requester.ready().await.unwrap();
    let url = requester.reply_queue().unwrap();
    let name = TemporaryQueueName::parse(url.queue_name()).unwrap();
    assert_eq!((name.prefix, name.number), ("front-", 0));

    let attributes = bed.sqs.get_queue_attributes().queue_url(url.as_str());
    let attributes = attributes
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap();
    let of = |name| attributes.attributes().unwrap().get(&name).cloned();
    assert_eq!(
        of(QueueAttributeName::MessageRetentionPeriod).as_deref(),
        Some("300")
    );
    assert_eq!(
        of(QueueAttributeName::SqsManagedSseEnabled).as_deref(),
        Some("true")
    );
    let tags = bed
        .sqs
        .list_queue_tags()
        .queue_url(url.as_str())
        .send()
        .await
        .unwrap();
    let tags = tags.tags().unwrap();
    assert_eq!(tags["team"], "identity");
    assert!(tags["SqsRpcMadeBy"].starts_with("sqs-virtual-queues/"));
    assert!(tags["SqsRpcLease"].starts_with("1:s"), "{tags:?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_can_have_a_key_and_a_retention() {
    let bed = Bed::new().await;
    let requester = bed
        .builder()
        .kms_key("alias/k")
        .reply_retention(60 * SECOND)
        .build()
        .unwrap();
    requester.ready().await.unwrap();
    let url = requester.reply_queue().unwrap();
    let attributes = bed.sqs.get_queue_attributes().queue_url(url.as_str());
    let attributes = attributes
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap();
    let of = |name| attributes.attributes().unwrap().get(&name).cloned();
    assert_eq!(
        of(QueueAttributeName::MessageRetentionPeriod).as_deref(),
        Some("60")
    );
    assert_eq!(
        of(QueueAttributeName::KmsMasterKeyId).as_deref(),
        Some("alias/k")
    );
}

#[tokio::test(start_paused = true)]
async fn a_deleted_host_fails_pending_requests_and_is_replaced() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    let pending = tokio::spawn(
        requester
            .request(&bed.queue, "hello")
            .timeout(300 * SECOND)
            .send(),
    );
    // The host is no longer new, so an answer that it does not exist means that it is lost.
    tokio::time::sleep(10 * SECOND).await;
    let lost = requester.reply_queue().unwrap();
    bed.sqs
        .delete_queue()
        .queue_url(lost.as_str())
        .send()
        .await
        .unwrap();
    let error = pending.await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.delivery()),
        (RequestErrorKind::HostLost, Delivery::Sent)
    );
    assert!(error.is_retryable());

    bed.echo();
    assert_eq!(
        requester.request(&bed.queue, "again").await.unwrap().body(),
        "again"
    );
    let made = requester.reply_queue().unwrap();
    let name = |url: &HostQueueUrl| url.queue_name().to_owned();
    let (stem, first) = name(&lost)
        .rsplit_once('-')
        .map(|(stem, n)| (stem.to_owned(), n.to_owned()))
        .unwrap();
    assert_eq!((first.as_str(), name(&made)), ("0", format!("{stem}-1")));
    assert_eq!(requester.stats().hosts_lost, 1);
}

#[tokio::test(start_paused = true)]
async fn a_given_reply_queue_is_neither_made_nor_deleted() {
    let bed = Bed::new().await;
    bed.echo();
    let host = bed.local.create_queue("my-replies").await.unwrap();
    let requester = bed.builder().reply_queue(&host).build().unwrap();
    let started = Stopwatch::start();
    assert_eq!(
        requester.request(&bed.queue, "hello").await.unwrap().body(),
        "hello"
    );
    assert!(started.elapsed() < SECOND, "a given queue is not new");
    assert_eq!(requester.reply_queue().unwrap().as_str(), host);
    assert!(requester.shutdown(30 * SECOND).await.is_clean());
    let calls = requester.stats().calls;
    assert_eq!(
        (calls.of(Action::CreateQueue), calls.of(Action::DeleteQueue)),
        (0, 0)
    );
    assert_eq!(bed.hosts().await, [host]);
}

#[tokio::test(start_paused = true)]
async fn a_creation_of_unknown_outcome_is_retried_under_another_name() {
    let bed = Bed::new().await;
    bed.echo();
    let double = Double::new(&bed.sqs);
    double.fate(Action::CreateQueue, [Fate::AnswerLost]);
    let requester = Requester::new(on_tokio_time(double));
    assert_eq!(
        requester.request(&bed.queue, "hello").await.unwrap().body(),
        "hello"
    );
    assert_eq!(bed.hosts().await.len(), 2);
    assert!(
        requester
            .reply_queue()
            .unwrap()
            .queue_name()
            .ends_with("-1")
    );
    let report = requester.shutdown(5 * SECOND).await;
    assert_eq!((report.unconfirmed, report.left_behind), (0, None));
    assert!(bed.hosts().await.is_empty(), "the first host was found");
}

#[tokio::test(start_paused = true)]
async fn a_creation_without_an_answer_times_out_and_is_retried() {
    let bed = Bed::new().await;
    let double = Double::new(&bed.sqs);
    double.fate(Action::CreateQueue, [Fate::Late(3_600 * SECOND)]);
    let requester = Requester::new(on_tokio_time(double));
    let started = Stopwatch::start();
    requester.ready().await.unwrap();
    assert!(started.elapsed() < 12 * SECOND, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_denied_creation_fails_all_requests_and_pauses() {
    let bed = Bed::new().await;
    bed.echo();
    let double = Double::new(&bed.sqs);
    double.fate(Action::CreateQueue, [Fate::Refused("AccessDenied"); 2]);
    let requester = Requester::new(on_tokio_time(double));
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        tasks.spawn(requester.request(&bed.queue, "hello").send());
    }
    for result in tasks.join_all().await {
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.delivery()),
            (RequestErrorKind::AccessDenied, Delivery::NotSent)
        );
        assert_eq!(
            error.to_string(),
            "sqs:CreateQueue was denied (AccessDenied)"
        );
    }
    assert_eq!(requester.stats().calls.of(Action::CreateQueue), 1);
    for _ in 0..100 {
        assert!(requester.request(&bed.queue, "hello").await.is_err());
    }
    assert_eq!(
        requester.stats().calls.of(Action::CreateQueue),
        1,
        "the pause has not passed"
    );
    tokio::time::sleep(SECOND).await;
    assert!(requester.request(&bed.queue, "hello").await.is_err());
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(
        requester
            .request(&bed.queue, "allowed now")
            .await
            .unwrap()
            .body(),
        "allowed now"
    );
}

#[tokio::test(start_paused = true)]
async fn a_throttled_creation_is_retried() {
    let bed = Bed::new().await;
    bed.echo();
    let double = Double::new(&bed.sqs);
    double.fate(Action::CreateQueue, [Fate::Refused("RequestThrottled"); 2]);
    let requester = Requester::new(on_tokio_time(double));
    requester.request(&bed.queue, "hello").await.unwrap();
    assert_eq!(requester.stats().calls.of(Action::CreateQueue), 3);
    assert_eq!(
        requester.shutdown(SECOND).await.unconfirmed,
        0,
        "a refused call has a known outcome"
    );
}

#[tokio::test(start_paused = true)]
async fn two_requesters_never_share_a_host() {
    let bed = Bed::new().await;
    let (a, b) = (Requester::new(&bed.sqs), Requester::new(&bed.sqs));
    a.ready().await.unwrap();
    b.ready().await.unwrap();
    assert_ne!(a.reply_queue(), b.reply_queue());
    assert_eq!(bed.hosts().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_a_host_is_pending() {
    let bed = Bed::new().await;
    let requester = bed.requester();
    let _waits = tokio::spawn(requester.request(&bed.queue, "hello").send());
    until(|| requester.pending() == 1).await;
    assert_eq!(requester.stats().requests_sent, 0);
}

#[tokio::test(start_paused = true)]
async fn two_requesters_on_one_given_queue_get_their_own_replies() {
    let bed = Bed::new().await;
    bed.echo();
    let host = bed.local.create_queue("shared").await.unwrap();
    let given = || bed.builder().reply_queue(&host).build().unwrap();
    let (a, b) = (given(), given());
    let mut tasks = JoinSet::new();
    for i in 0..20 {
        let (requester, body) = (if i % 2 == 0 { &a } else { &b }, i.to_string());
        let request = requester
            .request(&bed.queue, &body)
            .timeout(600 * SECOND)
            .send();
        tasks.spawn(async move { (body, request.await) });
    }
    while let Some(done) = tasks.join_next().await {
        let (body, reply) = done.unwrap();
        assert_eq!(reply.unwrap().body(), body);
    }
    assert!(a.stats().foreign_replies + b.stats().foreign_replies > 0);
}
