//! The hot paths: the work for each request, queue, poll or period. One list, for measuring time and for counting
//! instructions.

mod cores;

use std::hint::black_box;
use std::time::Duration;

use futures::future::join_all;
use sqs_rpc_protocol::{
    CorrelationId, HostQueueUrl, QueueUrl, ReplyEnvelope, ReplyHeader, RequestEnvelope,
    RequestHeader, RequestId,
};
use sqs_rpc_transport::{Moment, PollController, PollOptions, Sqs};
use sqs_virtual_queues::{CreateQueue, Host, VirtualQueues};
use tokio::runtime::Runtime;

use self::cores::{claim, deadline, walk};
use crate::support::{self, message};

/// A hot path.
pub struct Path {
    /// The name, for bounds and filters.
    pub name: &'static str,
    /// The number of repetitions when instructions are counted, large enough to average out random differences.
    pub times: u32,
    /// Prepares the path. The returned function runs it once and can be called again and again.
    pub prepare: fn() -> Box<dyn FnMut()>,
}

/// All hot paths.
pub const PATHS: [Path; 12] = [
    Path {
        name: "request-envelope",
        times: 2_000,
        prepare: request_envelope,
    },
    Path {
        name: "reply-envelope",
        times: 2_000,
        prepare: reply_envelope,
    },
    Path {
        name: "ten-replies",
        times: 300,
        prepare: || replies_among(0),
    },
    Path {
        name: "ten-replies-among-10000",
        times: 300,
        prepare: || replies_among(10_000),
    },
    Path {
        name: "queue-created-and-deleted",
        times: 1_000,
        prepare: || queue_created_and_deleted(10),
    },
    Path {
        name: "the-same-among-90000-queues",
        times: 1_000,
        prepare: || queue_created_and_deleted(90_000),
    },
    Path {
        name: "ten-deletes-in-a-batch",
        times: 300,
        prepare: ten_deletes,
    },
    Path {
        name: "prompt-deadline-of-a-million",
        times: 10_000,
        prepare: || Box::new(deadline(1_000_000, true)),
    },
    Path {
        name: "any-deadline-of-a-million",
        times: 10_000,
        prepare: || Box::new(deadline(1_000_000, false)),
    },
    Path {
        name: "poll-started-and-returned",
        times: 10_000,
        prepare: poll,
    },
    Path {
        name: "claim-checked",
        times: 10_000,
        prepare: || Box::new(claim()),
    },
    Path {
        name: "period-of-watching",
        times: 300,
        prepare: || Box::new(walk()),
    },
];

const HOST: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/bench-host";
const PENDING_FOR: Duration = Duration::from_secs(3_600);

/// A request envelope, written by a requester and read by a responder.
fn request_envelope() -> Box<dyn FnMut()> {
    let address = QueueUrl::parse(&format!("{HOST}#0123456789abcdef-{}", "0".repeat(32)));
    let envelope = RequestEnvelope {
        return_address: Some(address.unwrap()),
        header: Some(RequestHeader::new(RequestId::from_bits(7))),
    };
    Box::new(move || {
        let attributes = black_box(&envelope).encode();
        let read = RequestEnvelope::decode(|name| find(&attributes, name));
        assert!(black_box(read).is_ok());
    })
}

/// A reply envelope, written by a responder and read by a requester.
fn reply_envelope() -> Box<dyn FnMut()> {
    let address = QueueUrl::parse(&format!("{HOST}#0123456789abcdef-{}", "0".repeat(32))).unwrap();
    Box::new(move || {
        let header = ReplyHeader::ok(RequestId::from_bits(7));
        let attributes = ReplyEnvelope::to(black_box(&address), header).encode();
        let read = ReplyEnvelope::decode(|name| find(&attributes, name));
        assert!(black_box(read).is_ok());
    })
}

fn find<'a>(
    attributes: &'a [(&'static str, String)],
    name: &str,
) -> Option<sqs_rpc_protocol::Attribute<'a>> {
    let found = attributes.iter().find(|(known, _)| *known == name)?;
    Some(sqs_rpc_protocol::Attribute::string(&found.1))
}

/// A requester's host on an SQS that costs almost nothing.
struct World {
    runtime: Runtime,
    sqs: support::InstantSqs,
    queues: VirtualQueues,
    url: HostQueueUrl,
    host: Host,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let sqs = support::InstantSqs::default();
        let url: HostQueueUrl = HOST.parse().unwrap();
        let (queues, host) = {
            let _inside = runtime.enter();
            let queues = VirtualQueues::builder(Sqs::builder(sqs.clone()).build());
            let queues = queues.build().unwrap();
            let host = queues.host(&url).unwrap();
            (queues, host)
        };
        Self {
            runtime,
            sqs,
            queues,
            url,
            host,
        }
    }

    fn id(&self) -> CorrelationId {
        let random = self.queues.sqs().random();
        CorrelationId::new(self.queues.process(), random.uuid().as_u128())
    }
}

/// Ten requests wait, one poll returns their replies, and the replies are deleted. `others`: the number of further requests
/// that keep waiting.
fn replies_among(others: usize) -> Box<dyn FnMut()> {
    let world = World::new();
    let deadline = world.queues.sqs().clock().now() + PENDING_FOR;
    let waiting: Vec<_> = {
        let _inside = world.runtime.enter();
        let expect = |_| world.host.expect_reply(world.id(), deadline).unwrap();
        (0..others).map(expect).collect()
    };
    Box::new(move || {
        // Moves `waiting` into this closure, so that these requests wait as long as it exists.
        black_box(&waiting);
        world.runtime.block_on(async {
            let expect = |_| world.host.expect_reply(world.id(), deadline).unwrap();
            let pending: Vec<_> = (0..10).map(expect).collect();
            let names = pending.iter().map(|pending| pending.url().name().as_str());
            world.sqs.bring(names.map(message).collect::<Vec<_>>());
            for outcome in join_all(pending).await {
                assert!(outcome.is_ok());
            }
        });
    })
}

fn queue_created_and_deleted(among: usize) -> Box<dyn FnMut()> {
    let world = World::new();
    {
        let _inside = world.runtime.enter();
        for _ in 0..among {
            world
                .queues
                .create(&world.url, CreateQueue::random())
                .unwrap();
        }
    }
    Box::new(move || {
        let _inside = world.runtime.enter();
        let queue = world.queues.create(&world.url, CreateQueue::random());
        queue.unwrap().delete_queue().unwrap();
    })
}

fn ten_deletes() -> Box<dyn FnMut()> {
    let world = World::new();
    let outbox = {
        let _inside = world.runtime.enter();
        world.queues.outbox().unwrap()
    };
    Box::new(move || {
        // Captures all of `world`, because the multiplexer ends with its last handle.
        let world = &world;
        world.runtime.block_on(async {
            let delete = |_| outbox.delete(&world.url, "handle".to_owned());
            for outcome in join_all((0..10).map(delete)).await {
                outcome.unwrap();
            }
        });
    })
}

/// A full poll, whose messages are then deleted.
fn poll() -> Box<dyn FnMut()> {
    let mut controller = PollController::new(PollOptions::default());
    controller.set_demand(usize::MAX / 2);
    let mut now = Moment::default();
    Box::new(move || {
        now += Duration::from_millis(10);
        if let Some(size) = controller.start(now) {
            controller.returned(size, now, size, now, now + Duration::from_secs(30));
            controller.settled(size);
        }
        black_box(controller.next_start());
    })
}
