//! The facts about responders: the queue of each responder, how busy each responder is, and which responder has received
//! which request.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::link::Link;
use crate::process::LifeId;

#[derive(Debug, Default)]
pub(crate) struct Servers {
    pub(crate) all: BTreeMap<LifeId, Server>,
    /// The life that last received each message, and when, by message id.
    pub(crate) holders: HashMap<String, (LifeId, Duration)>,
    /// When a responder of each queue last ended or was paused.
    pub(crate) disturbed: BTreeMap<String, Duration>,
    /// When each life last lost its host; `Duration::MAX` after its end has begun.
    pub(crate) lost: BTreeMap<LifeId, Duration>,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) link: Link,
    pub(crate) queue: String,
    pub(crate) concurrency: usize,
    pub(crate) started: Duration,
    /// The number of running handlers.
    pub(crate) running: usize,
    /// The messages that it has received and has neither deleted nor put back.
    pub(crate) hand: HashSet<String>,
    /// Since when it has had a free slot; `None`: it has none.
    pub(crate) free_since: Option<Duration>,
}

impl Server {
    fn has_changed(&mut self, now: Duration) {
        let free = self.running < self.concurrency && self.hand.len() < self.concurrency;
        self.free_since = free.then(|| self.free_since.unwrap_or(now));
    }
}

impl Servers {
    pub(crate) fn with(&mut self, life: LifeId, now: Duration, change: impl FnOnce(&mut Server)) {
        if let Some(server) = self.all.get_mut(&life) {
            change(server);
            server.has_changed(now);
        }
    }

    /// A life has received a message.
    pub(crate) fn receives(&mut self, life: LifeId, message: &str, now: Duration) {
        if self.all.contains_key(&life) {
            self.holders.insert(message.to_owned(), (life, now));
        }
        self.with(life, now, |server| {
            server.hand.insert(message.to_owned());
        });
    }

    /// SQS delivers a message: its previous receiver no longer holds it.
    pub(crate) fn is_handed_out(&mut self, message: &str) {
        self.holders.remove(message);
    }

    /// A life has deleted a message or put it back.
    pub(crate) fn lets_go(&mut self, life: LifeId, message: &str, now: Duration) {
        self.with(life, now, |server| {
            server.hand.remove(message);
        });
    }

    /// A life ends.
    pub(crate) fn ends(&mut self, life: LifeId, now: Duration) {
        if let Some(server) = self.all.remove(&life) {
            self.disturbed.insert(server.queue, now);
        }
    }

    /// A life has lost its host.
    pub(crate) fn loses_host(&mut self, life: LifeId, now: Duration) {
        self.lost.insert(life, now);
    }

    /// A life begins to end.
    pub(crate) fn leaves(&mut self, life: LifeId) {
        self.lost.insert(life, Duration::MAX);
    }

    /// Whether a life has lost its host, or began to end, since then.
    pub(crate) fn is_disturbed_since(&self, life: LifeId, since: Duration) -> bool {
        self.lost.get(&life).is_some_and(|at| *at >= since)
    }
}
