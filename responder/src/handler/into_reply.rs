//! What a handler's result becomes.

use sqs_rpc_protocol::ContentType;

use crate::{Reply, ReplyError};

/// A result of a handler.
///
/// | result | reply |
/// |---|---|
/// | `String`, `&'static str` | the body; it must not be empty |
/// | `Json<T>` | the value in JSON |
/// | `()` | `null`, as JSON has it: SQS takes no empty body |
/// | [`Reply`] | itself |
/// | `Result<T, E>` | that of `T`, or the error reply that `E` becomes: see [`ReplyError`] |
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a result of a handler",
    label = "not a result of a handler",
    note = "return a `String`, a `Json<T>`, a `Reply`, `()`, or a `Result` of one of them whose error is a `ReplyError` or any `std::error::Error`"
)]
pub trait IntoReply {
    /// Makes the reply.
    ///
    /// # Errors
    ///
    /// What the requester is told instead.
    fn into_reply(self) -> Result<Reply, ReplyError>;
}

impl IntoReply for Reply {
    fn into_reply(self) -> Result<Reply, ReplyError> {
        Ok(self)
    }
}

impl IntoReply for String {
    fn into_reply(self) -> Result<Reply, ReplyError> {
        Ok(Reply::new(self))
    }
}

impl IntoReply for &'static str {
    fn into_reply(self) -> Result<Reply, ReplyError> {
        Ok(Reply::new(self))
    }
}

impl IntoReply for () {
    fn into_reply(self) -> Result<Reply, ReplyError> {
        Ok(Reply::new("null").with_content_type(ContentType::json()))
    }
}

impl IntoReply for ReplyError {
    fn into_reply(self) -> Result<Reply, ReplyError> {
        Err(self)
    }
}

impl<T: IntoReply, E: Into<ReplyError>> IntoReply for Result<T, E> {
    fn into_reply(self) -> Result<Reply, ReplyError> {
        self.map_err(Into::into)?.into_reply()
    }
}
