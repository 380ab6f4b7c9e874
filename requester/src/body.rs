//! The body of a request, and what can be made into one.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use sqs_rpc_protocol::ContentType;

/// A text and, if known, what it is.
///
/// SQS takes text: at least one character, and none of the control characters but tab, line feed and carriage return.
/// It is checked when the request is sent.
///
/// `Debug` shows the length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    text: String,
    content_type: Option<ContentType>,
}

/// What can be sent as a body: a text, a [`Body`] or, with the feature `json`, `Json`.
///
/// # Examples
///
/// A format of one's own:
///
/// ```
/// use sqs_requester::{Body, IntoBody};
/// use sqs_requester::protocol::ContentType;
///
/// struct Csv(Vec<[u32; 2]>);
///
/// impl IntoBody for Csv {
///     fn into_body(self) -> Result<Body, Box<dyn std::error::Error + Send + Sync>> {
///         let lines: Vec<_> = self.0.iter().map(|[a, b]| format!("{a},{b}")).collect();
///         Ok(Body::new(lines.join("\n")).content_type(ContentType::parse("text/csv")?))
///     }
/// }
///
/// assert_eq!(Csv(vec![[1, 2], [3, 4]]).into_body()?.as_str(), "1,2\n3,4");
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub trait IntoBody {
    /// Makes the body.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong. The request then ends with kind [`Codec`](crate::RequestErrorKind::Codec), and this as its
    /// source, without having been sent.
    fn into_body(self) -> Result<Body, Box<dyn Error + Send + Sync>>;
}

impl Body {
    /// A body of this text, of a type that is not stated.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            content_type: None,
        }
    }

    /// Says what it is. It travels in the request's header.
    #[must_use]
    pub fn content_type(self, content_type: ContentType) -> Self {
        Self {
            content_type: Some(content_type),
            ..self
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_parts(self) -> (String, Option<ContentType>) {
        (self.text, self.content_type)
    }
}

impl IntoBody for Body {
    fn into_body(self) -> Result<Body, Box<dyn Error + Send + Sync>> {
        Ok(self)
    }
}

impl IntoBody for String {
    fn into_body(self) -> Result<Body, Box<dyn Error + Send + Sync>> {
        Ok(Body::new(self))
    }
}

impl IntoBody for &String {
    fn into_body(self) -> Result<Body, Box<dyn Error + Send + Sync>> {
        Ok(Body::new(self))
    }
}

impl IntoBody for &str {
    fn into_body(self) -> Result<Body, Box<dyn Error + Send + Sync>> {
        Ok(Body::new(self))
    }
}

impl IntoBody for Cow<'_, str> {
    fn into_body(self) -> Result<Body, Box<dyn Error + Send + Sync>> {
        Ok(Body::new(self))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("bytes", &self.text.len())
            .field("content_type", &self.content_type)
            .finish()
    }
}
