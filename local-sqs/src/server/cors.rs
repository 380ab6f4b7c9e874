//! Cross-origin requests of browsers: the allowed origins, and the headers for browsers.
//!
//! Pure. The headers are from the Fetch standard, "CORS protocol".

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
/// Headers that scripts may read only if they are listed here.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("date, x-amz-crc32, x-amzn-query-error, x-amzn-requestid");
/// How long browsers may cache the answer, in seconds.
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
    /// The origin as a browser sends it; `*` means all origins.
    text: HeaderValue,
}

/// A text that is not an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnOrigin(String);

impl FromStr for AllowedOrigin {
    type Err = NotAnOrigin;

    /// # Errors
    ///
    /// The text is neither `*` nor a scheme and a host, with a port if it is not the scheme's default. A path or a
    /// slash at the end is not allowed, because browsers send none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || NotAnOrigin(text.to_owned());
        if text != "*" {
            let uri: Uri = text.parse().map_err(|_| refuse())?;
            let (scheme, host) = (uri.scheme_str(), uri.authority());
            let (Some(scheme), Some(host)) = (scheme, host) else {
                return Err(refuse());
            };
            // Origins are compared byte by byte, so the text must be exactly what a browser sends.
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

/// The allowed origins. If empty, the server sends no CORS headers, and browsers block other pages.
#[derive(Clone, Debug, Default)]
pub(super) struct Cors(pub(super) Vec<AllowedOrigin>);

impl Cors {
    /// The origin of a request, if it is allowed.
    pub(super) fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let allows = |it: &AllowedOrigin| it.text == "*" || it.text == origin;
        self.0.iter().any(allows).then(|| origin.clone())
    }

    /// The answer to a preflight request of a browser; `None` for other requests.
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
        // The requested headers are repeated, because `*` does not include `authorization`.
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

    /// Adds the CORS headers to an answer if the origin of the request is allowed.
    pub(super) fn mark(&self, allowed: Option<HeaderValue>, answer: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        // A cache must not return the answer for one origin to another origin.
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
    fn an_origin_must_be_as_browsers_send_it() {
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
    fn without_origins_no_header_is_added() {
        let mut answer = HeaderMap::new();
        Cors::default().mark(None, &mut answer);
        assert!(answer.is_empty());
    }
}
