//! [`IntoReply`]: how a handler's result becomes a reply.

use sqs_rpc_protocol::ContentType;

use crate::{Reply, ReplyError};

/// A result of a handler, which can be converted into a reply.
///
/// | result | reply |
/// |---|---|
/// | `String`, `&'static str` | the body; it must not be empty |
/// | `Json<T>` | the value in JSON |
/// | `()` | the JSON value `null`, because SQS takes no empty body |
/// | [`Reply`] | the reply itself |
/// | `Result<T, E>` | the reply that `T` becomes, or the error reply that `E` becomes: see [`ReplyError`] |
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a result of a handler",
    label = "not a result of a handler",
    note = "return a `String`, a `Json<T>`, a `Reply`, `()`, or a `Result` of one of them whose error is a `ReplyError` or any `std::error::Error`"
)]
pub trait IntoReply {
    /// Converts the result into a reply.
    ///
    /// # Errors
    ///
    /// The error that is sent to the requester instead of a result.
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
