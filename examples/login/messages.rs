//! The messages between frontend and backend. The two halves share only these and the URL of the request queue.

use serde::{Deserialize, Serialize};
use sqs_rpc::ErrorCode;

/// A request to log in.
// It has no `Debug`, because a password must not get into a log.
#[derive(Serialize, Deserialize)]
pub(crate) struct LoginRequest {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// The reply to a successful login.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoginReply {
    pub(crate) greeting: String,
}

/// The user is unknown or the password is wrong. The frontend does not learn which of the two.
pub(crate) const REFUSED: ErrorCode = ErrorCode::from_static("login.refused");
