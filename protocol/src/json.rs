//! The wrapper that says "this body is JSON".
//!
//! It stands here because requester and responder share it and do not know each other. What it does, each of them
//! says for itself, with serde, which this crate does without.

use std::fmt;

/// A value that travels as a body in JSON: of a request and of a reply, on both sides.
///
/// `Debug` shows the type only, since the value is a body.
///
/// # Examples
///
/// ```
/// use sqs_rpc_protocol::Json;
///
/// let Json(sum) = Json(1 + 1);
/// assert_eq!(sum, 2);
/// assert_eq!(format!("{:?}", Json("secret")), "Json(&str)");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Json")
            .field(&format_args!("{}", std::any::type_name::<T>()))
            .finish()
    }
}
