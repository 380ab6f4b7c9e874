//! Who calls.

use std::sync::Arc;

/// Who calls, and through which address; SQS learns both from the request's signature and host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account number.
    pub account: Arc<str>,
    /// The region's name.
    pub region: Arc<str>,
    /// Scheme and host of the queue URLs that are answered, with no slash at the end.
    pub origin: Arc<str>,
    /// Shown as `SenderId`.
    pub principal: Arc<str>,
}
