//! Bodies in JSON, both ways.
//!
//! Invariant: an error about a reply's JSON says where it is wrong, never what is there.

use std::error::Error;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqs_rpc_protocol::{ContentType, Json};

use crate::{Body, IntoBody, Reply, RequestError};

/// Stated as `application/json` in the header.
impl<T: Serialize> IntoBody for Json<T> {
    fn into_body(self) -> Result<Body, Box<dyn Error + Send + Sync>> {
        Ok(Body::new(serde_json::to_string(&self.0)?).content_type(ContentType::json()))
    }
}

impl Reply {
    /// Reads the body as JSON. The content type that the responder states does not matter: Java's state none.
    ///
    /// # Errors
    ///
    /// Kind [`Codec`](crate::RequestErrorKind::Codec) if it is not JSON, or not a `T`. The text says where, and does not
    /// quote the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, RequestError> {
        serde_json::from_str(self.body())
            .map_err(|error| RequestError::unreadable_body(JsonError::of(&error)))
    }
}

/// What [`serde_json::Error`] says, without its text, which quotes the body.
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
    fn an_error_says_where_and_not_what() {
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
