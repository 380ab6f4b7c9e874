//! Replies: the request of each reply, and whether SQS has accepted or refused the reply.
//!
//! Owns: the return addresses of requests. An error reply does not contain the body of its request, so only the address
//! identifies the request.

use std::collections::{HashMap, HashSet};

use local_sqs::engine::api::MessageAttribute;
use sqs_rpc_protocol::{QueueUrl, names};

use super::{Oracle, State};
use crate::coverage::Check;
use crate::network::Link;
use crate::owners::name_of;
use crate::process::LifeId;

/// The names of a host and of a virtual queue on it.
pub(super) type Address = (String, String);

#[derive(Debug, Default)]
pub(super) struct Replies {
    /// The request of each return address.
    requests: HashMap<Address, String>,
    /// The hosts that do not exist according to SQS's answer to a life.
    missing: HashSet<(LifeId, String)>,
    /// Requests of other programs, and requests to which SQS has accepted a reply, or refused one for good.
    settled: HashSet<String>,
}

/// One entry of a batch of sends.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) id: String,
    /// The oracle's name for the message.
    pub(super) body: String,
    /// The virtual queue to which it is sent.
    pub(super) to: Option<String>,
    /// The return address, if it is a request.
    pub(super) reply_to: Option<Address>,
}

/// The return address in a request's attributes.
pub(super) fn return_address<'a>(
    attribute: impl Fn(&str) -> Option<&'a MessageAttribute>,
) -> Option<Address> {
    let url = attribute(names::RESPONSE_QUEUE_URL)?
        .string_value
        .as_deref()?;
    let url = QueueUrl::parse(url).ok()?;
    let name = url.as_virtual()?.name().to_string();
    Some((name_of(url.host()), name))
}

impl Replies {
    /// A request was sent with this return address.
    pub(super) fn expect(&mut self, address: Address, body: &str) {
        self.requests.insert(address, body.to_owned());
    }

    /// The request whose reply is a message to this address.
    pub(super) fn request_of(&self, host: &str, to: Option<&str>) -> Option<&String> {
        self.requests.get(&(host.to_owned(), to?.to_owned()))
    }

    /// SQS has accepted a reply, or has refused it in a way that no retry can change.
    pub(super) fn settle(&mut self, host: &str, to: Option<&str>) {
        if let Some(body) = self.request_of(host, to).cloned() {
            self.settled.insert(body);
        }
    }

    /// SQS has answered a life that a host does not exist.
    pub(super) fn is_missing(&mut self, life: LifeId, host: &str) {
        self.missing.insert((life, host.to_owned()));
    }

    /// Whether a life may delete this request: SQS has accepted a reply or refused it for good, or the life knows that
    /// its reply queue does not exist.
    pub(super) fn is_settled(&self, life: LifeId, body: &str) -> bool {
        self.settled.contains(body)
            || self
                .requests
                .iter()
                .any(|((host, _), of)| of == body && self.missing.contains(&(life, host.clone())))
    }

    /// The requests whose replies go to this host.
    pub(super) fn on_host<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a String> {
        let there = self.requests.iter().filter(move |((on, _), _)| on == host);
        there.map(|(_, body)| body)
    }
}

impl Oracle {
    /// Another program has sent a request with this return address.
    pub(crate) fn is_asked_by_others(&self, host: &str, name: &str) {
        let address = (host.to_owned(), name.to_owned());
        self.lock().replies.expect(address, "of others");
    }

    /// Whether the oracle knows this message: a request, one for a virtual queue, or a reply.
    pub(super) fn knows(&self, state: &mut State, link: &Link, queue: &str, sent: &Sent) {
        let known = state.requests.contains_key(&sent.body)
            || state.messages.contains_key(&sent.body)
            // A message to a temporary queue from its own user.
            || sent.body.starts_with(&format!("t{}-", link.life))
            || state.replies.request_of(queue, sent.to.as_deref()).is_some();
        self.checked(state, Check::Understood, known, || {
            format!(
                "{} sends {:.80} to {queue}, which the oracle does not know",
                link.life, sent.body
            )
        });
    }
}
