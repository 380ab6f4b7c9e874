//! Bodies in JSON: what [`Json`] means as an argument of a handler, and as its result.
//!
//! A request whose body is not JSON, or not a `T`, is answered with `bad_request` and what is wrong with it, and stays
//! for the dead-letter queue. The content type that the requester states does not matter: Java's requesters state none.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqs_rpc_protocol::{ContentType, Json};

use super::{FromRequest, IntoReply};
use crate::{Reply, ReplyError, Request};

impl<S, T: DeserializeOwned> FromRequest<S> for Json<T> {
    fn from_request(request: &Request, _: &S) -> Result<Self, ReplyError> {
        // The text may quote the body: the requester may see it, the log may not.
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
