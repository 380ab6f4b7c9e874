//! The facts about replies: the request of each reply, and whether SQS has accepted or refused the reply.

use std::collections::{HashMap, HashSet};

use crate::process::LifeId;

/// The names of a host and of a virtual queue on it.
pub(crate) type Address = (String, String);

#[derive(Debug, Default)]
pub(crate) struct Replies {
    /// The request of each return address.
    pub(crate) requests: HashMap<Address, String>,
    /// The hosts that do not exist according to SQS's answer to a life.
    pub(crate) missing: HashSet<(LifeId, String)>,
    /// Requests of other programs, and requests to which SQS has accepted a reply, or refused one for good.
    pub(crate) settled: HashSet<String>,
}

impl Replies {
    /// A request was sent with this return address.
    pub(crate) fn expect(&mut self, address: Address, body: &str) {
        self.requests.insert(address, body.to_owned());
    }

    /// The request whose reply is a message to this address.
    pub(crate) fn request_of(&self, host: &str, to: Option<&str>) -> Option<&String> {
        self.requests.get(&(host.to_owned(), to?.to_owned()))
    }

    /// SQS has accepted a reply, or has refused it in a way that no retry can change.
    pub(crate) fn settle(&mut self, host: &str, to: Option<&str>) {
        if let Some(body) = self.request_of(host, to).cloned() {
            self.settled.insert(body);
        }
    }

    /// SQS has answered a life that a host does not exist.
    pub(crate) fn is_missing(&mut self, life: LifeId, host: &str) {
        self.missing.insert((life, host.to_owned()));
    }

    /// Whether a life may delete this request: SQS has accepted a reply or refused it for good, or the life knows that
    /// its reply queue does not exist.
    pub(crate) fn is_settled(&self, life: LifeId, body: &str) -> bool {
        self.settled.contains(body)
            || self
                .requests
                .iter()
                .any(|((host, _), of)| of == body && self.missing.contains(&(life, host.clone())))
    }

    /// The requests whose replies go to this host.
    pub(crate) fn on_host<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a String> {
        let there = self.requests.iter().filter(move |((on, _), _)| on == host);
        there.map(|(_, body)| body)
    }
}
