//! What the engine costs: the same work on a small queue and on a large one, on few queues and on many.
//!
//! A plain program: it prints nanoseconds per operation, and ratios, which are what counts on a machine that others use.

use local_sqs::engine::{Action, Caller, Engine, Output, Request, Submitted, Timestamp};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Instant;

const URL: &str = "http://h/000000000000/q";
const ROUNDS: u32 = 20_000;

struct Bench {
    engine: Engine,
    caller: Caller,
    now: u64,
}

impl Bench {
    fn new(queues: u32, messages: u32) -> Self {
        let caller = Caller {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            origin: "http://h".into(),
            principal: "bench".into(),
        };
        let mut bench = Self {
            engine: Engine::new(1),
            caller,
            now: 1_000_000,
        };
        bench.call(request(Action::CreateQueue, json!({ "QueueName": "q" })));
        for number in 1..queues {
            bench.call(request(
                Action::CreateQueue,
                json!({ "QueueName": format!("idle-{number}") }),
            ));
        }
        let send = request(
            Action::SendMessage,
            json!({ "QueueUrl": URL, "MessageBody": "x".repeat(200) }),
        );
        for _ in 0..messages {
            bench.call(send.clone());
        }
        bench
    }

    fn call(&mut self, request: Request) -> Output {
        self.now += 1;
        match self
            .engine
            .submit(Timestamp::from_millis(self.now), &self.caller, request)
        {
            Submitted::Done(Ok(output)) => output,
            other => panic!("{other:?}"),
        }
    }

    /// One message sent, one received, that one deleted.
    fn cycle(&mut self, send: &Request, receive: &Request) {
        self.call(send.clone());
        let Output::Messages(received) = self.call(receive.clone()) else {
            panic!("no messages")
        };
        let handle = &received.messages[0].receipt_handle;
        black_box(self.call(request(
            Action::DeleteMessage,
            json!({ "QueueUrl": URL, "ReceiptHandle": handle }),
        )));
    }
}

fn request(action: Action, members: Value) -> Request {
    action.decode(members).expect("well formed")
}

/// Nanoseconds per cycle.
#[expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
fn measure(queues: u32, messages: u32) -> f64 {
    let mut bench = Bench::new(queues, messages);
    let send = request(
        Action::SendMessage,
        json!({ "QueueUrl": URL, "MessageBody": "x".repeat(200) }),
    );
    let receive = request(Action::ReceiveMessage, json!({ "QueueUrl": URL }));
    let started = Instant::now();
    for _ in 0..ROUNDS {
        bench.cycle(&send, &receive);
    }
    started.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
}

#[expect(clippy::print_stdout, reason = "this is a program for people")]
fn main() {
    let small = measure(1, 10);
    println!("send, receive, delete with 10 messages: {small:.0} ns");
    for (queues, messages) in [(1, 100_000), (1, 1_000_000), (10_000, 10)] {
        let cost = measure(queues, messages);
        println!(
            "with {queues} queues and {messages} messages: {cost:.0} ns, {:.2} times that",
            cost / small
        );
    }
}
