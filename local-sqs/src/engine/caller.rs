//! The caller of a request.

use std::sync::Arc;

/// The caller and the address that it uses; SQS reads both from the request's signature and host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account number.
    pub account: Arc<str>,
    /// The region's name.
    pub region: Arc<str>,
    /// Scheme and host of the queue URLs that are returned, without a slash at the end.
    pub origin: Arc<str>,
    /// Shown as `SenderId`.
    pub principal: Arc<str>,
}
