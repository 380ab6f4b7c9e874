//! Tests of the whole engine at exact instants, with the time passed as an argument.

use super::api::outputs::Message;
use super::digest::md5_of_attributes;
use super::{Action, Caller, Effect, Engine, ErrorKind, Output, PollId, Submitted, Timestamp};
use crate::engine::behaviour::Behaviour;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};

const URL: &str = "http://h/000000000000/q";

struct Test {
    engine: Engine,
    caller: Caller,
    now: u64,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "tests write JSON values inline"
)]
impl Test {
    fn new(attributes: Value) -> Self {
        let caller = Caller {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            origin: "http://h".into(),
            principal: "me".into(),
        };
        let mut test = Self {
            engine: Engine::new(1),
            caller,
            now: 1_000_000,
        };
        test.make("q", attributes);
        test
    }

    fn make(&mut self, name: &str, attributes: Value) {
        self.done(
            Action::CreateQueue,
            json!({ "QueueName": name, "Attributes": attributes }),
        )
        .expect("made");
    }

    fn submit(&mut self, action: Action, members: Value) -> Submitted {
        let request = action.decode(members).expect("well formed");
        self.engine
            .submit(Timestamp::from_millis(self.now), &self.caller, request)
    }

    fn done(&mut self, action: Action, members: Value) -> Result<Output, ErrorKind> {
        match self.submit(action, members) {
            Submitted::Done(answer) => answer.map_err(|error| error.kind()),
            Submitted::Waiting(poll) => panic!("{action} waits as {poll:?}"),
        }
    }

    fn send(&mut self, body: &str) -> Result<Output, ErrorKind> {
        self.done(
            Action::SendMessage,
            json!({ "QueueUrl": URL, "MessageBody": body }),
        )
    }

    fn receive(&mut self, members: Value) -> Vec<Message> {
        let mut all = json!({ "QueueUrl": URL, "MessageSystemAttributeNames": ["All"] });
        all.as_object_mut()
            .expect("an object")
            .extend(members.as_object().expect("an object").clone());
        messages(self.done(Action::ReceiveMessage, all))
    }

    fn poll(&mut self, wait: u64) -> PollId {
        match self.submit(
            Action::ReceiveMessage,
            json!({ "QueueUrl": URL, "WaitTimeSeconds": wait }),
        ) {
            Submitted::Waiting(poll) => poll,
            Submitted::Done(answer) => panic!("answered {answer:?}"),
        }
    }

    /// Lets time pass, and returns which polls ended, when, and with how many messages.
    fn pass(&mut self, millis: u64) -> Vec<(PollId, u64, usize)> {
        let end = self.now + millis;
        let mut ended = Vec::new();
        while let Some(at) = self
            .engine
            .next_deadline()
            .map(Timestamp::as_millis)
            .filter(|&at| at <= end)
        {
            self.engine.advance(Timestamp::from_millis(at));
            ended.extend(
                self.ended()
                    .into_iter()
                    .map(|(poll, count)| (poll, at, count)),
            );
        }
        self.now = end;
        self.engine.advance(Timestamp::from_millis(end));
        assert!(
            self.ended().is_empty(),
            "an event was due without a deadline"
        );
        ended
    }

    fn ended(&mut self) -> Vec<(PollId, usize)> {
        let answered = |effect| match effect {
            Effect::Answered(poll, answer) => {
                Some((poll, messages(answer.map_err(|error| error.kind())).len()))
            }
            Effect::Earlier(_) => None,
        };
        self.engine
            .effects()
            .into_iter()
            .filter_map(answered)
            .collect()
    }
}

fn messages(answer: Result<Output, ErrorKind>) -> Vec<Message> {
    match answer {
        Ok(Output::Messages(output)) => output.messages,
        other => panic!("no messages: {other:?}"),
    }
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| &*message.body).collect()
}

#[test]
fn idle_queues_have_no_deadline() {
    let mut test = Test::new(json!({}));
    for number in 0..10_000 {
        test.make(&format!("idle-{number}"), json!({}));
    }
    assert_eq!(test.engine.next_deadline(), None);
}

#[test]
fn a_visibility_timeout_ends_at_its_exact_millisecond() {
    let mut test = Test::new(json!({}));
    test.send("x").expect("sent");
    assert_eq!(test.receive(json!({ "VisibilityTimeout": 5 })).len(), 1);
    test.now += 4_999;
    assert!(test.receive(json!({})).is_empty());
    test.now += 1;
    assert_eq!(test.receive(json!({})).len(), 1);
}

#[test]
fn the_digest_covers_only_the_returned_attributes() {
    let mut test = Test::new(json!({}));
    let attribute = json!({ "DataType": "String", "StringValue": "x" });
    let attributes = json!({ "a": attribute, "b": attribute });
    test.done(
        Action::SendMessage,
        json!({ "QueueUrl": URL, "MessageBody": "x", "MessageAttributes": attributes }),
    )
    .expect("sent");
    for (asked, shown) in [("All", 2), ("a", 1), ("none", 0)] {
        let visible = json!({ "MessageAttributeNames": [asked], "VisibilityTimeout": 0 });
        let message = test.receive(visible).remove(0);
        assert_eq!(message.message_attributes.len(), shown, "{asked}");
        let digest = md5_of_attributes(&message.message_attributes);
        assert_eq!(message.md5_of_message_attributes, digest, "{asked}");
    }
}

#[test]
fn a_poll_receives_a_message_visible_at_its_last_instant() {
    let mut test = Test::new(json!({}));
    test.send("x").expect("sent");
    test.receive(json!({ "VisibilityTimeout": 5 }));
    let poll = test.poll(5);
    assert_eq!(test.pass(60_000), [(poll, 1_005_000, 1)]);
}

#[test]
fn one_message_ends_only_the_first_poll() {
    let mut test = Test::new(json!({}));
    let (first, second) = (test.poll(20), test.poll(10));
    test.send("x").expect("sent");
    assert_eq!(test.ended(), [(first, 1)]);
    assert_eq!(test.pass(20_000), [(second, 1_010_000, 0)]);
}

#[test]
fn only_the_first_poll_wakes_for_the_queue() {
    let mut test = Test::new(json!({ "DelaySeconds": "3" }));
    let (first, second) = (test.poll(20), test.poll(20));
    test.send("x").expect("sent");
    let at = |millis| Some(Timestamp::from_millis(millis));
    assert_eq!(test.engine.wake_at(first), at(1_003_000));
    assert_eq!(test.engine.wake_at(second), at(1_020_000));
    test.engine.effects();
    test.engine.cancel(first);
    assert_eq!(test.engine.wake_at(second), at(1_003_000));
    assert!(matches!(test.engine.effects()[..], [Effect::Earlier(poll)] if poll == second));
}

#[test]
fn time_that_goes_backwards_is_ignored() {
    let mut test = Test::new(json!({}));
    test.send("x").expect("sent");
    test.receive(json!({ "VisibilityTimeout": 5 }));
    test.now -= 500_000;
    assert!(test.receive(json!({})).is_empty());
    test.now = 1_005_000;
    assert_eq!(test.receive(json!({})).len(), 1);
}

#[test]
fn a_message_is_hidden_for_at_most_twelve_hours() {
    let mut test = Test::new(json!({}));
    test.send("x").expect("sent");
    let handle = test.receive(json!({}))[0].receipt_handle.clone();
    let hide = |test: &mut Test, seconds: u64| {
        let members =
            json!({ "QueueUrl": URL, "ReceiptHandle": handle, "VisibilityTimeout": seconds });
        test.done(Action::ChangeMessageVisibility, members)
            .map(drop)
    };
    assert_eq!(hide(&mut test, 43_200), Ok(()));
    test.now += 1_000;
    assert_eq!(
        hide(&mut test, 43_200),
        Err(ErrorKind::InvalidParameterValueException)
    );
    assert_eq!(hide(&mut test, 43_199), Ok(()));
}

#[test]
fn with_too_many_in_flight_only_short_polls_fail() {
    let mut test = Test::new(json!({}));
    test.engine
        .set_behaviour(Behaviour::default().most_in_flight(12));
    for _ in 0..13 {
        test.send("x").expect("sent");
    }
    let receive = json!({ "MaxNumberOfMessages": 10, "VisibilityTimeout": 600 });
    assert_eq!(test.receive(receive.clone()).len(), 10);
    let last = test.receive(receive);
    assert_eq!(last.len(), 2, "only two more may be in flight");
    assert_eq!(
        test.done(Action::ReceiveMessage, json!({ "QueueUrl": URL })),
        Err(ErrorKind::OverLimit)
    );
    let poll = test.poll(20);
    assert_eq!(test.pass(20_000), [(poll, 1_020_000, 0)]);
    let poll = test.poll(20);
    let delete = json!({ "QueueUrl": URL, "ReceiptHandle": last[0].receipt_handle });
    test.done(Action::DeleteMessage, delete).expect("deleted");
    assert_eq!(test.ended(), [(poll, 1)], "one more may be in flight");
}

#[test]
fn with_too_many_in_flight_a_fifo_queue_returns_nothing() {
    let mut test = Test::new(json!({}));
    test.engine
        .set_behaviour(Behaviour::default().most_in_flight(1));
    test.make(
        "f.fifo",
        json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" }),
    );
    let url = "http://h/000000000000/f.fifo";
    for group in ["a", "b"] {
        let send = json!({ "QueueUrl": url, "MessageBody": group, "MessageGroupId": group });
        test.done(Action::SendMessage, send).expect("sent");
    }
    let receive = json!({ "QueueUrl": url });
    assert_eq!(
        messages(test.done(Action::ReceiveMessage, receive.clone())).len(),
        1
    );
    assert!(messages(test.done(Action::ReceiveMessage, receive)).is_empty());
}

#[test]
fn the_default_quota_is_that_of_sqs() {
    assert_eq!(Behaviour::default().most_in_flight, 120_000);
}

#[test]
fn dead_letters_in_a_circle_are_received_in_each_queue() {
    let mut test = Test::new(json!({}));
    test.make("p", json!({}));
    let redrive = |to: &str| json!({ "RedrivePolicy": json!({ "deadLetterTargetArn": format!("arn:aws:sqs:us-east-1:000000000000:{to}"), "maxReceiveCount": 1 }).to_string() });
    for (queue, to) in [("q", "p"), ("p", "q")] {
        let url = format!("http://h/000000000000/{queue}");
        let set = json!({ "QueueUrl": url, "Attributes": redrive(to) });
        test.done(Action::SetQueueAttributes, set).expect("set");
    }
    test.send("x").expect("sent");
    assert_eq!(test.receive(json!({ "VisibilityTimeout": 0 })).len(), 1);
    // Polls at both queues: moving would never end if a dead letter kept its receive count.
    let url = "http://h/000000000000/p";
    let there = messages(test.done(Action::ReceiveMessage, json!({ "QueueUrl": url })));
    assert!(there.is_empty());
    assert!(
        test.receive(json!({})).is_empty(),
        "moved to the other queue"
    );
    let there = messages(test.done(
        Action::ReceiveMessage,
        json!({ "QueueUrl": url, "VisibilityTimeout": 0 }),
    ));
    assert_eq!(bodies(&there), ["x"]);
}

#[test]
fn a_new_delay_changes_delayed_messages_only_on_fifo_queues() {
    for (fifo, expected) in [(false, 0), (true, 1)] {
        let name = if fifo { "d.fifo" } else { "d" };
        let mut test = Test::new(json!({}));
        let attributes = if fifo {
            json!({ "FifoQueue": "true", "DelaySeconds": "900" })
        } else {
            json!({ "DelaySeconds": "900" })
        };
        test.make(name, attributes);
        let url = format!("http://h/000000000000/{name}");
        let mut send = json!({ "QueueUrl": url, "MessageBody": "x" });
        if fifo {
            send["MessageGroupId"] = json!("g");
            send["MessageDeduplicationId"] = json!("d");
        }
        test.done(Action::SendMessage, send).expect("sent");
        test.now += 1_000;
        let set = json!({ "QueueUrl": url, "Attributes": { "DelaySeconds": "1" } });
        test.done(Action::SetQueueAttributes, set).expect("set");
        let there = messages(test.done(Action::ReceiveMessage, json!({ "QueueUrl": url })));
        assert_eq!(there.len(), expected, "fifo: {fifo}");
    }
}

#[test]
fn a_shorter_retention_drops_messages_that_are_too_old() {
    let mut test = Test::new(json!({}));
    test.send("x").expect("sent");
    test.now += 120_000;
    test.send("y").expect("sent");
    let set = json!({ "QueueUrl": URL, "Attributes": { "MessageRetentionPeriod": "60" } });
    test.done(Action::SetQueueAttributes, set).expect("set");
    assert_eq!(
        bodies(&test.receive(json!({ "MaxNumberOfMessages": 10 }))),
        ["y"]
    );
}

#[test]
fn the_same_seed_and_calls_give_the_same_answers() {
    let run = || {
        let mut test = Test::new(json!({}));
        (0..20)
            .map(|number| format!("{:?}", test.send(&number.to_string())))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

/// One random action on a queue.
#[derive(Clone, Debug)]
enum Step {
    Send { delay: u64, group: u8 },
    Receive { most: u64, visibility: u64 },
    Poll,
    Delete { receive: usize },
    Hide { receive: usize, seconds: u64 },
    Pass { millis: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3_u64, 0..3_u8).prop_map(|(delay, group)| Step::Send { delay, group }),
        3 => (1..=10_u64, 0..5_u64).prop_map(|(most, visibility)| Step::Receive { most, visibility }),
        1 => Just(Step::Poll),
        2 => (0..50_usize).prop_map(|receive| Step::Delete { receive }),
        2 => (0..50_usize, 0..5_u64).prop_map(|(receive, seconds)| Step::Hide { receive, seconds }),
        2 => (0..3_000_u64).prop_map(|millis| Step::Pass { millis }),
    ];
    proptest::collection::vec(step, 1..80)
}

/// The expected state: for each message id, the instant until which the message is hidden, and its latest handle.
#[derive(Default)]
struct Model {
    hidden_until: HashMap<String, u64>,
    latest: HashMap<String, String>,
    /// The group of each message, and its number in order of sending.
    place: HashMap<String, (u8, usize)>,
    /// All received handles with the ids of their messages.
    handles: Vec<(String, String)>,
    deleted: HashSet<String>,
}

impl Model {
    fn received(
        &mut self,
        now: u64,
        message: &Message,
        visibility: u64,
    ) -> Result<(), TestCaseError> {
        let id = &message.message_id;
        prop_assert!(
            !self.deleted.contains(id),
            "a deleted message was received again"
        );
        prop_assert!(
            self.hidden_until.get(id).is_some_and(|until| *until <= now),
            "a hidden message was received"
        );
        prop_assert!(
            self.handles
                .iter()
                .all(|(handle, _)| *handle != message.receipt_handle),
            "a handle was returned twice"
        );
        self.hidden_until
            .insert(id.clone(), now + visibility * 1000);
        self.latest
            .insert(id.clone(), message.receipt_handle.clone());
        self.handles
            .push((message.receipt_handle.clone(), id.clone()));
        Ok(())
    }

    fn counts(&self, now: u64) -> BTreeMap<&'static str, usize> {
        let of = |wanted: fn(bool, bool) -> bool| {
            let matching = |(id, until): &(&String, &u64)| {
                wanted(**until > now, self.latest.contains_key(*id))
            };
            self.hidden_until.iter().filter(matching).count()
        };
        BTreeMap::from([
            ("ApproximateNumberOfMessages", of(|hidden, _| !hidden)),
            (
                "ApproximateNumberOfMessagesDelayed",
                of(|hidden, received| hidden && !received),
            ),
            (
                "ApproximateNumberOfMessagesNotVisible",
                of(|hidden, received| hidden && received),
            ),
        ])
    }
}

fn live(steps: Vec<Step>, fifo: bool) -> Result<(), TestCaseError> {
    let attributes = if fifo {
        json!({ "FifoQueue": "true" })
    } else {
        json!({})
    };
    let mut test = Test::new(json!({}));
    test.make(
        "life.fifo".trim_end_matches(if fifo { "" } else { ".fifo" }),
        attributes,
    );
    let url = if fifo {
        "http://h/000000000000/life.fifo"
    } else {
        "http://h/000000000000/life"
    };
    let mut model = Model::default();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Send { delay, group } => {
                let mut send = json!({ "QueueUrl": url, "MessageBody": number.to_string() });
                if fifo {
                    send["MessageGroupId"] = json!(group.to_string());
                    send["MessageDeduplicationId"] = json!(number.to_string());
                } else {
                    send["DelaySeconds"] = json!(delay);
                }
                let Ok(Output::Sent(sent)) = test.done(Action::SendMessage, send) else {
                    panic!("not sent")
                };
                let until = if fifo {
                    test.now
                } else {
                    test.now + delay * 1000
                };
                model.place.insert(sent.message_id.clone(), (group, number));
                model.hidden_until.insert(sent.message_id, until);
            }
            Step::Receive { most, visibility } => {
                let in_flight_before: Vec<_> = model
                    .latest
                    .keys()
                    .filter(|id| model.hidden_until[*id] > test.now)
                    .map(|id| model.place[id])
                    .collect();
                let receive = json!({ "QueueUrl": url, "MaxNumberOfMessages": most, "VisibilityTimeout": visibility });
                let received = messages(test.done(Action::ReceiveMessage, receive));
                prop_assert!(received.len() as u64 <= most);
                let ready = model.counts(test.now)["ApproximateNumberOfMessages"];
                prop_assert!(
                    fifo || received.len() == ready.min(most as usize),
                    "not all ready messages were received"
                );
                for message in &received {
                    if fifo {
                        let (group, number) = model.place[&message.message_id];
                        let mut before = in_flight_before.iter();
                        prop_assert!(
                            before.all(|(other, older)| *other != group || *older > number),
                            "a message did not wait for an older message of its group"
                        );
                    }
                    model.received(test.now, message, visibility)?;
                }
                if fifo {
                    let mut last = HashMap::new();
                    for message in &received {
                        let sent: usize = message.body.parse().expect("a number");
                        let before = last.insert(model.place[&message.message_id].0, sent);
                        prop_assert!(
                            before.is_none_or(|before| before < sent),
                            "a group is out of order"
                        );
                    }
                }
            }
            Step::Poll => {
                let poll = json!({ "QueueUrl": url, "WaitTimeSeconds": 1, "VisibilityTimeout": 1 });
                match test.submit(Action::ReceiveMessage, poll) {
                    Submitted::Done(answer) => {
                        let received = messages(answer.map_err(|error| error.kind()));
                        model.received(test.now, &received[0], 1)?;
                    }
                    Submitted::Waiting(poll) => test.engine.cancel(poll),
                }
            }
            Step::Delete { receive } => {
                let Some((handle, id)) = model.handles.get(receive).cloned() else {
                    continue;
                };
                let deleted = test.done(
                    Action::DeleteMessage,
                    json!({ "QueueUrl": url, "ReceiptHandle": handle }),
                );
                let latest = model.latest.get(&id) == Some(&handle);
                let in_flight = model
                    .hidden_until
                    .get(&id)
                    .is_some_and(|until| *until > test.now);
                if latest && deleted.is_ok() {
                    prop_assert!(!fifo || in_flight);
                    model.latest.remove(&id);
                    model.hidden_until.remove(&id);
                    model.deleted.insert(id);
                } else if !fifo {
                    prop_assert!(deleted.is_ok());
                }
            }
            Step::Hide { receive, seconds } => {
                let Some((handle, id)) = model.handles.get(receive).cloned() else {
                    continue;
                };
                let hide = json!({ "QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": seconds });
                let hidden = test.done(Action::ChangeMessageVisibility, hide).is_ok();
                prop_assert_eq!(hidden, model.latest.get(&id) == Some(&handle));
                if hidden {
                    model.hidden_until.insert(id, test.now + seconds * 1000);
                }
            }
            Step::Pass { millis } => {
                test.pass(millis);
            }
        }
        let describe = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
        let Ok(Output::QueueAttributes(described)) =
            test.done(Action::GetQueueAttributes, describe)
        else {
            panic!("none")
        };
        for (name, count) in model.counts(test.now) {
            prop_assert_eq!(&described.attributes[name], &count.to_string(), "{}", name);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_standard_queue_agrees_with_the_model(steps in steps()) {
        live(steps, false)?;
    }

    #[test]
    fn a_fifo_queue_agrees_with_the_model(steps in steps()) {
        live(steps, true)?;
    }
}
