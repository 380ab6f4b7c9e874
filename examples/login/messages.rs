//! What frontend and backend say to each other: all that they share, besides the URL of a queue.

use serde::{Deserialize, Serialize};
use sqs_rpc::ErrorCode;

/// Somebody wants to log in.
// No `Debug`: a password must not end in a log.
#[derive(Serialize, Deserialize)]
pub(crate) struct LoginRequest {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// Somebody is logged in.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoginReply {
    pub(crate) greeting: String,
}

/// The user is unknown or the password is wrong; the frontend does not learn which.
pub(crate) const REFUSED: ErrorCode = ErrorCode::from_static("login.refused");
