//! What frontend and backend say to each other: all that they share, besides the URL of a queue.

use serde::{Deserialize, Serialize};
use sqs_rpc::ErrorCode;

/// Somebody wants to log in.
// No `Debug`: a password must not end in a log.
#[derive(Serialize, Deserialize)]
pub struct LoginRequest {
    pub user: String,
    pub password: String,
}

/// Somebody is logged in.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginReply {
    pub greeting: String,
}

/// The user is unknown or the password is wrong; the frontend does not learn which.
pub const REFUSED: ErrorCode = ErrorCode::from_static("login.refused");
