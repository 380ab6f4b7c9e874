//! [`Body`]: the body of a request; and [`IntoBody`]: types that can be made into a body.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use sqs_rpc_protocol::ContentType;

/// A text and, if stated, its content type.
///
/// SQS takes a text of at least one character, and no control characters but tab, line feed and carriage return.
/// The text is checked when the request is sent.
///
/// `Debug` shows the length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    text: String,
    content_type: Option<ContentType>,
}

/// A type that can be sent as a body: a string, a [`Body`] or, with the feature `json`, `Json`.
///
/// # Examples
///
/// A format of your own:
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
    /// Converts the value into a body.
    ///
    /// # Errors
    ///
    /// Return any error if the value cannot be converted. The request then fails with kind
    /// [`Codec`](crate::RequestErrorKind::Codec) and this error as its source. It is not sent.
    fn into_body(self) -> Result<Body, Box<dyn Error + Send + Sync>>;
}

impl Body {
    /// Makes a body of this text, without a content type.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            content_type: None,
        }
    }

    /// States the body's content type, which the request's header carries.
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
