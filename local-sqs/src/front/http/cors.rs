//! Cross-origin requests of browsers: which origins may use the server, and what their browsers are told.
//!
//! Pure. The headers are those of the Fetch standard, "CORS protocol".

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::Full;
use std::fmt;
use std::str::FromStr;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
/// Those that a script could not read otherwise.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("date, x-amz-crc32, x-amzn-query-error, x-amzn-requestid");
/// In seconds. Browsers ask again after that.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// An origin whose pages may use a [`Server`](crate::Server) from a browser: `http://localhost:3000`, or `*` for all.
///
/// # Examples
///
/// ```
/// use local_sqs::AllowedOrigin;
///
/// let origin: AllowedOrigin = "http://localhost:3000".parse()?;
/// assert_eq!(origin.to_string(), "http://localhost:3000");
/// let error = "localhost:3000/".parse::<AllowedOrigin>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "expected an origin such as http://localhost:3000, or *, found \"localhost:3000/\""
/// );
/// # Ok::<_, local_sqs::NotAnOrigin>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigin {
    /// As a browser sends it; `*` is all.
    text: HeaderValue,
}

/// A text is no origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnOrigin(String);

impl FromStr for AllowedOrigin {
    type Err = NotAnOrigin;

    /// # Errors
    ///
    /// The text is neither `*` nor a scheme and a host, with a port if it is not the scheme's own. There is no path and no
    /// slash at the end, because browsers send none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || NotAnOrigin(text.to_owned());
        if text != "*" {
            let uri: Uri = text.parse().map_err(|_| refuse())?;
            let (scheme, host) = (uri.scheme_str(), uri.authority());
            let (Some(scheme), Some(host)) = (scheme, host) else {
                return Err(refuse());
            };
            // Compared byte by byte, so it has to be exactly what a browser sends.
            if format!("{scheme}://{host}") != text
                || text.contains('@')
                || text.bytes().any(|byte| byte.is_ascii_uppercase())
            {
                return Err(refuse());
            }
        }
        let text = HeaderValue::from_str(text).map_err(|_| refuse())?;
        Ok(Self { text })
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.to_str().unwrap_or_default())
    }
}

impl fmt::Display for NotAnOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected an origin such as http://localhost:3000, or *, found {:?}",
            self.0
        )
    }
}

impl std::error::Error for NotAnOrigin {}

/// The origins that are allowed. None: the server says nothing about origins, and browsers keep other pages away.
#[derive(Clone, Debug, Default)]
pub(super) struct Cors(pub(super) Vec<AllowedOrigin>);

impl Cors {
    /// The origin of a request, if it is allowed.
    pub(super) fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let allows = |it: &AllowedOrigin| it.text == "*" || it.text == origin;
        self.0.iter().any(allows).then(|| origin.clone())
    }

    /// The answer to a browser that asks whether it may send a request; none if this is no such question.
    pub(super) fn preflight(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Option<Response<Full<Bytes>>> {
        if self.0.is_empty()
            || method != Method::OPTIONS
            || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        {
            return None;
        }
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        // `*` would not do: it does not stand for `authorization`.
        if let Some(wanted) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        self.mark(self.allowed(headers), answer);
        if !answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            *response.status_mut() = StatusCode::FORBIDDEN;
        }
        Some(response)
    }

    /// Says in an answer that the origin of its request is allowed.
    pub(super) fn mark(&self, allowed: Option<HeaderValue>, answer: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        // What a cache has for one origin must not be given to another.
        answer.insert(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = allowed {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for text in [
            "*",
            "http://localhost:3000",
            "https://app.example",
            "http://[::1]:80",
        ] {
            assert!(text.parse::<AllowedOrigin>().is_ok(), "{text}");
        }
        for text in [
            "",
            "localhost",
            "localhost:3000",
            "http://localhost/",
            "http://localhost/app",
            "http://LOCALHOST",
            "http://a@b",
            "http://a b",
            "http://a?b",
        ] {
            assert!(text.parse::<AllowedOrigin>().is_err(), "{text}");
        }
    }

    #[test]
    fn without_origins_nothing_is_said() {
        let mut answer = HeaderMap::new();
        Cors::default().mark(None, &mut answer);
        assert!(answer.is_empty());
    }
}
