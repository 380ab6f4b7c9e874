//! [`Responder::reply`](crate::Responder::reply): one reply, for code that receives messages by itself.
//!
//! Owns: the errors of such a message, and the outbox of these replies. Does not own: the sending. Invariant: if the
//! reply was not sent, the caller gets an error.

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;

use aws_sdk_sqs::types::Message;
use sqs_rpc_protocol::{EnvelopeError, Refusal};
use sqs_rpc_transport::{BatchOptions, Fault, NoRuntime, Outbox, Sqs};

use crate::Reply;
use crate::options::Options;
use crate::reply::encode::{EncodeError, check};
use crate::reply::retry::Unsent;
use crate::reply::sender::{Addressee, NotSent, ReplySender, Sent};
use crate::request;

/// Sends single replies. Replies that are sent at the same time share calls.
#[derive(Debug)]
pub(crate) struct DirectReplies(ReplySender);

/// Why a message was not answered.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sqs_responder::{Responder, SendReplyErrorKind};
///
/// # let local = local_sqs::LocalSqs::start();
/// # let client = local.client();
/// # let requests = local.create_queue("requests").await?;
/// # client.send_message().queue_url(&requests).message_body("ping").send().await?;
/// let responder = Responder::builder(&client).request_queue(requests.parse()?).build()?;
/// let received = client.receive_message().queue_url(&requests).send().await?; // without attributes
/// let error = responder.reply(&received.messages()[0], "pong").await.unwrap_err();
/// assert_eq!(error.kind(), SendReplyErrorKind::MissingAttributes);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SendReplyError {
    kind: SendReplyErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendReplyErrorKind {
    /// The message has no attributes at all. Either it was received without them (set `MessageAttributeNames` to
    /// `All`), or its sender wants no reply.
    MissingAttributes,
    /// The message has attributes, but no return address: it is one-way, or it was received with only some attributes.
    NoReturnAddress,
    /// The protocol's attributes cannot be decoded. Leave the message to the dead-letter queue.
    Undecodable,
    /// The return address is not allowed. Leave the message to the dead-letter queue, or set
    /// [`return_addresses`](crate::ResponderBuilder::return_addresses).
    AddressRefused,
    /// The responder was built without [`request_queue`](crate::ResponderBuilder::request_queue), so the return
    /// address cannot be checked.
    NoRequestQueue,
    /// SQS refuses such a reply: its body or an attribute is empty or has forbidden characters, or there are too many
    /// attributes. If SQS found this out and not the responder, the requester got an error reply instead.
    InvalidReply,
    /// The reply is too large. The requester got an error reply with code `reply_too_large` instead: delete the message.
    TooLarge,
    /// The request's deadline has passed, so nobody waits for the reply. Delete the message.
    Expired,
    /// The return address does not exist, so nobody waits for the reply. Delete the message.
    QueueNotFound,
    /// The responder lacks the permission to send to the return address. Correct the policy, and let the message be
    /// redelivered.
    AccessDenied,
    /// SQS refused the reply, and also the error reply that was sent instead. Delete the message.
    Refused,
    /// SQS could not be reached in time. Let the message be redelivered.
    Unreachable,
    /// There is no Tokio runtime here. Call `reply` within one.
    NoRuntime,
}

impl SendReplyError {
    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> SendReplyErrorKind {
        self.kind
    }

    fn new(kind: SendReplyErrorKind) -> Self {
        Self { kind, source: None }
    }

    fn because(kind: SendReplyErrorKind, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            kind,
            source: Some(Box::new(source)),
        }
    }
}

impl DirectReplies {
    /// The direct replies of a responder. The first call makes them.
    pub(crate) fn of<'a>(
        cell: &'a OnceLock<Self>,
        sqs: &Sqs,
        batches: &BatchOptions,
    ) -> Result<&'a Self, SendReplyError> {
        if let Some(made) = cell.get() {
            return Ok(made);
        }
        let tasks = sqs.tasks()?;
        let outbox = Outbox::new(sqs.clone(), tasks, batches.clone());
        Ok(cell.get_or_init(|| Self(ReplySender::new(sqs.clone(), outbox))))
    }

    pub(crate) async fn reply(
        &self,
        sqs: &Sqs,
        options: &Options,
        message: &Message,
        reply: &Reply,
    ) -> Result<(), SendReplyError> {
        let to = addressee(sqs, options, message)?;
        if let Err(error) = check(&to.address, to.request_id, reply)
            && !matches!(error, EncodeError::TooLarge { .. })
        {
            return Err(SendReplyError::because(
                SendReplyErrorKind::InvalidReply,
                error,
            ));
        }
        match self.0.send(&to, reply, || {}).await? {
            Sent::Reply => Ok(()),
            Sent::TooLarge => Err(SendReplyError::new(SendReplyErrorKind::TooLarge)),
            Sent::Invalid => Err(SendReplyError::new(SendReplyErrorKind::InvalidReply)),
        }
    }
}

fn addressee(sqs: &Sqs, options: &Options, message: &Message) -> Result<Addressee, SendReplyError> {
    use SendReplyErrorKind as Kind;

    let envelope = request::envelope(message)?;
    let Some(address) = envelope.return_address.clone() else {
        let has_some = message
            .message_attributes()
            .is_some_and(|attributes| !attributes.is_empty());
        return Err(SendReplyError::new(if has_some {
            Kind::NoReturnAddress
        } else {
            Kind::MissingAttributes
        }));
    };
    let queue = options
        .request_queue
        .as_ref()
        .ok_or_else(|| SendReplyError::new(Kind::NoRequestQueue))?;
    options.return_addresses.check(queue, &address)?;
    let remaining = envelope
        .deadline()
        .remaining(sqs.earliest_server_time(), request::sent(message));
    let deadline = remaining.map(|remaining| sqs.clock().now() + remaining);
    Ok(Addressee {
        address,
        request_id: envelope.request_id(),
        deadline,
    })
}

impl fmt::Display for SendReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SendReplyErrorKind::MissingAttributes => {
                "the message has no attributes: receive it with MessageAttributeNames `All`, or it is one-way"
            }
            SendReplyErrorKind::NoReturnAddress => "the message has no return address: it is one-way",
            SendReplyErrorKind::Undecodable => "the message's attributes cannot be read",
            SendReplyErrorKind::AddressRefused => "the return address is refused",
            SendReplyErrorKind::NoRequestQueue => {
                "the return address cannot be checked: build the responder with `request_queue`"
            }
            SendReplyErrorKind::InvalidReply => "SQS does not allow such a reply",
            SendReplyErrorKind::TooLarge => "the reply is too large; an error reply was sent instead",
            SendReplyErrorKind::Expired => "the request's deadline has passed",
            SendReplyErrorKind::QueueNotFound => "the return address does not exist",
            SendReplyErrorKind::AccessDenied => "sending to the return address is denied",
            SendReplyErrorKind::Refused => "SQS refused the reply",
            SendReplyErrorKind::Unreachable => "SQS could not be reached in time",
            SendReplyErrorKind::NoRuntime => "the reply cannot be sent",
        })
    }
}

impl Error for SendReplyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

impl From<EnvelopeError> for SendReplyError {
    fn from(error: EnvelopeError) -> Self {
        Self::because(SendReplyErrorKind::Undecodable, error)
    }
}

impl From<Refusal> for SendReplyError {
    fn from(refusal: Refusal) -> Self {
        Self::because(SendReplyErrorKind::AddressRefused, refusal)
    }
}

impl From<NoRuntime> for SendReplyError {
    fn from(error: NoRuntime) -> Self {
        Self::because(SendReplyErrorKind::NoRuntime, error)
    }
}

impl From<NotSent> for SendReplyError {
    fn from(not_sent: NotSent) -> Self {
        let kind = match not_sent.why {
            Unsent::TooLate => SendReplyErrorKind::Expired,
            Unsent::NoQueue => SendReplyErrorKind::QueueNotFound,
            Unsent::Refused => SendReplyErrorKind::Refused,
            Unsent::Denied => SendReplyErrorKind::AccessDenied,
            Unsent::Unreachable => SendReplyErrorKind::Unreachable,
        };
        let source = not_sent
            .fault
            .map(|fault: Fault| Box::new(fault) as Box<dyn Error + Send + Sync>);
        Self { kind, source }
    }
}
