//! [`Json`] as an argument of a handler, and as its result.
//!
//! A request whose body is not JSON, or not a `T`, is answered with the code `bad_request` and the reason, as after
//! [`ReplyError::undecodable`]. The content type that the requester states is ignored, because requesters in Java state
//! none.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqs_rpc_protocol::{ContentType, Json};

use super::{FromRequest, IntoReply};
use crate::{Reply, ReplyError, Request};

impl<S, T: DeserializeOwned> FromRequest<S> for Json<T> {
    fn from_request(request: &Request, _: &S) -> Result<Self, ReplyError> {
        // The error's text may quote the body, so it goes to the requester and not to the log.
        serde_json::from_str(request.body())
            .map(Self)
            .map_err(|error| {
                ReplyError::undecodable(format!(
                    "the body is not the JSON that is expected: {error}"
                ))
            })
    }
}

impl<T: Serialize> IntoReply for Json<T> {
    fn into_reply(self) -> Result<Reply, ReplyError> {
        let body = serde_json::to_string(&self.0)?;
        Ok(Reply::new(body).with_content_type(ContentType::json()))
    }
}
