//! Arguments of handlers: [`State`], [`Body`], [`Attributes`], [`MessageId`].

use std::collections::HashMap;

use aws_sdk_sqs::types::MessageAttributeValue;

use super::{FromRef, FromRequest};
use crate::{ReplyError, Request};

/// The responder's state, or a part of it. It is cloned for each request, so it should be cheap to clone.
#[derive(Debug, Clone, Copy)]
pub struct State<T>(pub T);

/// The body as text.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(pub String);

/// The message attributes that the requester set, without the protocol's own.
#[derive(Clone, PartialEq)]
pub struct Attributes(pub HashMap<String, MessageAttributeValue>);

/// SQS's id of the message. It is the same on every delivery. Requests from Java have one, too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId(pub String);

impl Attributes {
    /// The value of a String attribute; `None` if there is no such attribute or it has no text.
    #[must_use]
    pub fn string(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.string_value()
    }
}

impl<S, T: FromRef<S>> FromRequest<S> for State<T> {
    fn from_request(_: &Request, state: &S) -> Result<Self, ReplyError> {
        Ok(Self(T::from_ref(state)))
    }
}

impl<S> FromRequest<S> for Body {
    fn from_request(request: &Request, _: &S) -> Result<Self, ReplyError> {
        Ok(Self(request.body().to_owned()))
    }
}

impl<S> FromRequest<S> for Attributes {
    fn from_request(request: &Request, _: &S) -> Result<Self, ReplyError> {
        Ok(Self(
            request
                .attributes()
                .map(|(name, value)| (name.to_owned(), value.clone()))
                .collect(),
        ))
    }
}

impl<S> FromRequest<S> for MessageId {
    fn from_request(request: &Request, _: &S) -> Result<Self, ReplyError> {
        Ok(Self(request.message_id().to_owned()))
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("bytes", &self.0.len())
            .finish()
    }
}

impl std::fmt::Debug for Attributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut names: Vec<_> = self.0.keys().collect();
        names.sort_unstable();
        f.debug_tuple("Attributes").field(&names).finish()
    }
}
