//! Bodies in JSON, both ways.
//!
//! Invariant: an error about a reply's JSON gives the position of the fault, and never quotes the body.

use std::error::Error;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqs_rpc_protocol::{ContentType, Json};

use crate::{Body, IntoBody, Reply, RequestError};

/// The request's header states the content type `application/json`.
impl<T: Serialize> IntoBody for Json<T> {
    fn into_body(self) -> Result<Body, Box<dyn Error + Send + Sync>> {
        Ok(Body::new(serde_json::to_string(&self.0)?).content_type(ContentType::json()))
    }
}

impl Reply {
    /// Reads the body as JSON. The content type that the responder states is ignored, because responders in Java state
    /// none.
    ///
    /// # Errors
    ///
    /// Kind [`Codec`](crate::RequestErrorKind::Codec) if the body is not JSON, or not a `T`. The source gives the line
    /// and column, and does not quote the body. The request was handled: do not repeat it, but correct the type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, RequestError> {
        serde_json::from_str(self.body())
            .map_err(|error| RequestError::unreadable_body(JsonError::of(&error)))
    }
}

/// The position and category of a [`serde_json::Error`], without its text, which quotes the body.
#[derive(Debug, thiserror::Error)]
#[error("{what} at line {line} column {column}")]
struct JsonError {
    what: &'static str,
    line: usize,
    column: usize,
}

impl JsonError {
    fn of(error: &serde_json::Error) -> Self {
        let what = match error.classify() {
            serde_json::error::Category::Data => "the JSON is not of the expected type",
            serde_json::error::Category::Eof => "the JSON ends too early",
            _ => "it is not JSON",
        };
        Self {
            what,
            line: error.line(),
            column: error.column(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestErrorKind;
    use aws_sdk_sqs::types::Message;

    fn reply(body: &str) -> Reply {
        Reply::new(Message::builder().body(body).build(), None)
    }

    #[test]
    fn an_error_gives_the_position_without_quoting_the_body() {
        for (body, text) in [
            (
                r#""canary""#,
                "the JSON is not of the expected type at line 1 column 8",
            ),
            ("canary", "it is not JSON at line 1 column 1"),
            ("1e", "the JSON ends too early at line 1 column 2"),
            ("", "the JSON ends too early at line 1 column 0"),
        ] {
            let error = reply(body).json::<u32>().unwrap_err();
            assert_eq!(error.kind(), RequestErrorKind::Codec);
            assert_eq!(error.source().unwrap().to_string(), text);
            assert!(!format!("{error:?}").contains("canary"));
        }
        assert_eq!(reply("[1, 2]").json::<Vec<u32>>().unwrap(), [1, 2]);
    }
}
