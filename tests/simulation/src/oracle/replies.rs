//! Replies: the request of each reply, and whether SQS has accepted or refused the reply.
//!
//! Owns: the return addresses of requests. An error reply does not contain the body of its request, so only the address
//! identifies the request.

use local_sqs::engine::api::MessageAttribute;
use sqs_rpc_protocol::{QueueUrl, names};

use super::Oracle;
use super::facts::{Address, State};
use crate::coverage::Check;
use crate::link::Link;
use crate::owners::name_of;

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
