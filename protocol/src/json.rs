//! The wrapper for bodies in JSON.
//!
//! It is in this crate because requester and responder share it and do not depend on each other. Each of the two
//! implements the conversion with serde; this crate does not depend on serde.

use std::fmt;

/// A value that is sent as a JSON body, in requests and replies, on both sides.
///
/// `Debug` shows only the type, because bodies must not appear in logs.
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
