//! An HTTP request and its answer, without a transport.

/// An HTTP request, as a transport received it.
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a str,
    /// Finds a header by its name in lower case.
    pub(crate) header: &'a (dyn Fn(&str) -> Option<&'a str> + Sync),
    /// Scheme and host that the caller used, without a slash at the end.
    pub(crate) origin: String,
    /// The path, with a slash at its beginning.
    pub(crate) path: &'a str,
    /// The text after the question mark.
    pub(crate) query: &'a str,
    pub(crate) body: &'a [u8],
}

/// An HTTP answer for a transport to send.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}
