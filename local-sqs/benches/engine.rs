//! The cost of the engine: the same work on small and large queues, and on few and many queues.
//!
//! A plain program: it prints nanoseconds per operation, and ratios. On a machine with other load, only the ratios are
//! meaningful.

use local_sqs::engine::{Action, Caller, Engine, Output, Request, Submitted, Timestamp};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Instant;

const URL: &str = "http://h/000000000000/q";
const ROUNDS: u32 = 15;
const CYCLES: u32 = 2_000;

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

    /// Sends a message, receives a message, and deletes the received message.
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

    /// Nanoseconds per cycle.
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    fn measure(&mut self) -> f64 {
        let send = request(
            Action::SendMessage,
            json!({ "QueueUrl": URL, "MessageBody": "x".repeat(200) }),
        );
        let receive = request(Action::ReceiveMessage, json!({ "QueueUrl": URL }));
        let started = Instant::now();
        for _ in 0..CYCLES {
            self.cycle(&send, &receive);
        }
        started.elapsed().as_nanos() as f64 / f64::from(CYCLES)
    }
}

fn request(action: Action, members: Value) -> Request {
    action.decode(members).expect("well formed")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::print_stdout, reason = "this is a program for people")]
fn main() {
    let sizes = [(1, 10), (1, 100_000), (1, 1_000_000), (10_000, 10)];
    let mut benches = sizes.map(|(queues, messages)| Bench::new(queues, messages));
    // The measurements take turns, so that other load on the machine affects all of them equally.
    let rounds: Vec<[f64; 4]> = (0..ROUNDS)
        .map(|_| benches.each_mut().map(Bench::measure))
        .collect();
    for (place, (queues, messages)) in sizes.into_iter().enumerate() {
        let cost = median(rounds.iter().map(|round| round[place]).collect());
        let ratio = median(rounds.iter().map(|round| round[place] / round[0]).collect());
        println!(
            "send, receive, delete with {queues} queues and {messages} messages: {cost:.0} ns, {ratio:.2} times the first line"
        );
    }
}
