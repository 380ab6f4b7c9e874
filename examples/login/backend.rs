//! The half that knows the users.

use sqs_rpc::{Json, ReplyError, State};

use crate::messages::{LoginReply, LoginRequest, REFUSED};
use crate::users::Users;

/// Answers a request. If the check itself fails, the frontend gets the code `internal`, without the text of the error.
pub(crate) async fn login(
    State(users): State<Users>,
    Json(request): Json<LoginRequest>,
) -> Result<Json<LoginReply>, ReplyError> {
    let greeting = format!("welcome, {}", request.user);
    let accepted = users
        .accept(request.user, request.password)
        .await
        .map_err(ReplyError::internal)?;
    if accepted {
        Ok(Json(LoginReply { greeting }))
    } else {
        Err(ReplyError::new(REFUSED, "unknown user or wrong password"))
    }
}
