//! The half that does not know the users.

use std::time::Duration;

use sqs_rpc::{Json, RequestError, Requester};

use crate::messages::{LoginReply, LoginRequest};

/// Sends a login request and returns its reply.
pub(crate) async fn log_in(
    requester: &Requester,
    queue_url: &str,
    user: &str,
    password: &str,
) -> Result<LoginReply, RequestError> {
    let request = LoginRequest {
        user: user.to_owned(),
        password: password.to_owned(),
    };
    requester
        .request(queue_url, Json(&request))
        .timeout(Duration::from_secs(5))
        .json()
        .await
}

/// The outcome as one line of text.
pub(crate) fn show(outcome: &Result<LoginReply, RequestError>) -> String {
    match outcome {
        Ok(reply) => reply.greeting.clone(),
        Err(error) => match error.remote() {
            Some(remote) => format!("refused ({}): {}", remote.code, remote.message),
            None => format!("failed ({:?}): {error}", error.kind()),
        },
    }
}
