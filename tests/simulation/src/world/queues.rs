//! The queues that exist from the beginning, their messages, and messages from other programs.

use std::time::Duration;

use local_sqs::engine::api::{MessageAttribute, requests};
use local_sqs::engine::{Output, Request as EngineRequest};
use sqs_rpc_protocol::{Deadline, QueueUrl, RequestEnvelope, RequestHeader, RequestId, SqsTime};

use super::{MOST_RECEIVES, World};
use crate::plan::{BARE, FIFO, FIFO_HOSTS, HOSTS, REQUESTS};

/// The name of a temporary host that never existed.
const DEAD_HOST: &str = "sqs-rpc-00000000-0000-4000-8000-00000000dead-0";

impl World<'_> {
    pub(super) fn make_queues(&self) {
        let arn = "arn:aws:sqs:us-east-1:000000000000:dead";
        let most = self.plan.redriven.unwrap_or(MOST_RECEIVES);
        let redrive = |dead: &str| {
            let policy =
                format!("{{\"deadLetterTargetArn\":\"{arn}{dead}\",\"maxReceiveCount\":{most}}}");
            ("RedrivePolicy", policy)
        };
        let mut fifo = vec![("FifoQueue", "true".to_owned())];
        let mut standard = Vec::new();
        self.make_queue("dead", &[]);
        if self.plan.redriven.is_some() {
            self.make_queue("dead.fifo", &fifo);
            standard.push(redrive(""));
            fifo.push(redrive(".fifo"));
        }
        self.make_queue(REQUESTS, &[redrive("")]);
        self.make_queue(FIFO, &fifo);
        self.make_queue(BARE, &standard);
        HOSTS
            .iter()
            .for_each(|host| self.make_queue(host, &standard));
        FIFO_HOSTS
            .iter()
            .for_each(|host| self.make_queue(host, &fifo));
    }

    fn make_queue(&self, name: &str, attributes: &[(&str, String)]) {
        let mut create = requests::CreateQueue::default();
        create.queue_name = Some(name.to_owned());
        let given = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        create.attributes = Some(given.collect());
        if let Err(error) = self.network.ask(EngineRequest::CreateQueue(create)) {
            self.oracle.broken("simulation", format!("{name}: {error}"));
        }
    }

    /// The number of messages on a queue, including hidden ones.
    pub(super) fn messages_on(&self, url: &str) -> usize {
        let mut get = requests::GetQueueAttributes::default();
        get.queue_url = Some(url.to_owned());
        get.attribute_names = Some(vec!["All".to_owned()]);
        let Ok(Output::QueueAttributes(all)) =
            self.network.ask(EngineRequest::GetQueueAttributes(get))
        else {
            return 0;
        };
        let counts = all
            .attributes
            .iter()
            .filter(|(name, _)| name.starts_with("ApproximateNumberOfMessages"));
        counts
            .filter_map(|(_, count)| count.parse::<usize>().ok())
            .sum()
    }

    /// Sends a message to a queue like another program.
    pub(super) fn put(&self, queue: &str, body: &str, attributes: Vec<(&str, String)>) {
        let mut send = requests::SendMessage::default();
        send.queue_url = Some(self.network.queue_url(queue));
        if queue.ends_with(".fifo") {
            send.message_group_id = Some("somebody".into());
            send.message_deduplication_id = Some(body.into());
        }
        send.message_body = Some(body.into());
        let attributes = attributes.into_iter().map(|(name, value)| {
            let value = MessageAttribute {
                data_type: Some("String".into()),
                string_value: Some(value.into()),
                ..MessageAttribute::default()
            };
            (name.into(), value)
        });
        send.message_attributes = Some(attributes.collect());
        match self.network.ask(EngineRequest::SendMessage(send)) {
            Ok(Output::Sent(sent)) => self.oracle.is_put(&sent.message_id, body),
            other => {
                let text = format!("{queue}: {other:?}");
                self.oracle.broken("simulation", text);
            }
        }
    }

    /// Sends a request whose reply queue does not exist.
    pub(super) fn put_dead_request(&self, queue: &str, number: u32) {
        let mut header = RequestHeader::new(RequestId::from_bits(u128::from(number)));
        header.deadline = Deadline::after(Duration::from_secs(600));
        let name = format!("{number:032x}");
        self.oracle.is_asked_by_others(DEAD_HOST, &name);
        let address = self.network.queue_url(&format!("{DEAD_HOST}#{name}"));
        let envelope = RequestEnvelope {
            return_address: Some(QueueUrl::parse(&address).expect("a URL of ours")),
            header: Some(header),
        };
        self.put(queue, &format!("dead-{number}:echo"), envelope.encode());
    }

    pub(super) fn put_old_request(&self, queue: &str, at: Duration) {
        let mut header = RequestHeader::new(RequestId::from_bits(at.as_nanos()));
        let now = self.time.sqs().as_millis();
        let expiry = SqsTime::from_millis(now - 3_600_000);
        header.deadline = Deadline::after(Duration::from_secs(30)).with_expiry(expiry);
        let envelope = RequestEnvelope {
            return_address: None,
            header: Some(header),
        };
        let body = format!("old-{}:echo", at.as_millis());
        self.put(queue, &body, envelope.encode());
    }
}
