use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName};
use sqs_rpc_protocol::{ProcessPrefix, SqsTime, names};
use sqs_rpc_transport::Moment;

use super::super::decisions::Due;
use super::super::router::{Limits, RouterOptions};
use super::*;

/// The time at which the messages were sent, in SQS's time.
const SENT: u64 = 1_000;
const AGE: u64 = 300;

fn at(secs: u64) -> Moment {
    Moment::from_start(Duration::from_secs(secs))
}

fn name(text: &str) -> VirtualQueueName {
    VirtualQueueName::try_from(text).unwrap()
}

fn router(orphan_age: u64) -> Router<u32> {
    Router::new(RouterOptions {
        process: ProcessPrefix::from_bits(7),
        limits: Limits {
            names: 10,
            queue_messages: 3,
            host_messages: 5,
            host_bytes: 1 << 20,
        },
        visibility: Duration::from_secs(60),
        in_order: false,
        orphan_age: Duration::from_secs(orphan_age),
    })
}

fn message(to: &str) -> Message {
    let attribute = MessageAttributeValue::builder()
        .data_type("String")
        .string_value(to)
        .build()
        .unwrap();
    let sent = (SENT * 1_000).to_string();
    Message::builder()
        .message_id("m")
        .body("b")
        .attributes(MessageSystemAttributeName::SentTimestamp, sent)
        .message_attributes(names::VIRTUAL_QUEUE_NAME, attribute)
        .build()
}

/// A message arrives at this SQS time.
fn arrives(router: &mut Router<u32>, message: Message, server_now: Option<u64>) -> Routed<u32> {
    let arrival = Arrival {
        received: at(0),
        visible_until: at(60),
        server_now: server_now.map(|secs| SqsTime::from_millis(secs * 1_000)),
    };
    router.route(message, arrival)
}

#[test]
fn a_young_message_for_an_unknown_queue_is_put_back() {
    let mut router = router(AGE);
    let mut at_time = |now| arrives(&mut router, message("elsewhere"), now);
    let first = Duration::from_secs(2);
    for young in [None, Some(SENT), Some(SENT + AGE)] {
        let routed = at_time(young);
        assert!(
            matches!(&routed, Routed::Unclaimed(after, _) if *after == first),
            "{routed:?}"
        );
    }
    // The other process receives it in every other attempt at best, so it must not stay hidden for long.
    let mut often = message("elsewhere");
    let count = [(
        MessageSystemAttributeName::ApproximateReceiveCount,
        "9".to_owned(),
    )];
    often.attributes = Some(count.into());
    assert!(matches!(
        arrives(&mut router, often, None),
        Routed::Unclaimed(after, _) if after == Duration::from_secs(30)
    ));
    let old = arrives(&mut router, message("elsewhere"), Some(SENT + AGE + 1));
    assert!(matches!(old, Routed::Orphan(Some(_), _)), "{old:?}");
}

#[test]
fn a_put_back_message_is_buffered_once_its_queue_exists() {
    let mut router = router(AGE);
    let early = arrives(&mut router, message("q"), None);
    assert!(matches!(early, Routed::Unclaimed(..)));
    router.create(name("q"), None, at(0)).unwrap();
    let again = arrives(&mut router, message("q"), None);
    assert!(matches!(again, Routed::Buffered(_)));
}

#[test]
fn a_message_for_a_deleted_queue_is_an_orphan() {
    let mut router = router(AGE);
    router.create(name("q"), None, at(0)).unwrap();
    router.delete(&name("q")).unwrap();
    let routed = arrives(&mut router, message("q"), Some(SENT));
    assert!(matches!(routed, Routed::Orphan(Some(_), _)), "{routed:?}");
    // The queue is created again, by this process or by another process that took over.
    router.create(name("q"), None, at(0)).unwrap();
    let routed = arrives(&mut router, message("q"), Some(SENT));
    assert!(matches!(routed, Routed::Buffered(_)), "{routed:?}");
}

#[test]
fn a_message_for_an_expired_queue_is_an_orphan() {
    let mut router = router(AGE);
    let retention = Some(Duration::from_secs(10));
    router.create(name("q"), retention, at(0)).unwrap();
    assert!(matches!(router.next_due(at(10)), Some(Due::Expired(0))));
    let routed = arrives(&mut router, message("q"), Some(SENT));
    assert!(matches!(routed, Routed::Orphan(Some(_), _)), "{routed:?}");
}

#[test]
fn a_message_without_a_queue_may_be_for_another_program() {
    let nameless = Message::builder().message_id("m").body("b").build();
    for message in [nameless, message("no name!")] {
        let routed = arrives(&mut router(AGE), message.clone(), None);
        assert!(matches!(routed, Routed::Unclaimed(..)), "{routed:?}");
        let routed = arrives(&mut router(0), message, None);
        assert!(matches!(routed, Routed::Orphan(None, _)), "{routed:?}");
    }
}

#[test]
fn an_age_of_zero_makes_orphans_without_knowing_the_time() {
    let mut router = router(0);
    let routed = arrives(&mut router, message("elsewhere"), None);
    assert!(matches!(routed, Routed::Orphan(Some(_), _)), "{routed:?}");
}
