//! An HTTP request and its answer, as every transport carries them.

/// What a transport knows of an HTTP request.
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a str,
    /// Headers by their names in lower case.
    pub(crate) header: &'a (dyn Fn(&str) -> Option<&'a str> + Sync),
    /// Scheme and host that the caller used, with no slash at the end.
    pub(crate) origin: String,
    /// The path, with a slash at its beginning.
    pub(crate) path: &'a str,
    /// What follows the question mark.
    pub(crate) query: &'a str,
    pub(crate) body: &'a [u8],
}

/// What a transport answers.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}
