//! Signatures, version 4: a signature is checked by signing the request again and comparing the results.

use crate::wire::Incoming;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use std::time::SystemTime;

/// The contents of the header `authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Credential<'a> {
    pub(super) key_id: &'a str,
    pub(super) region: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Credential<'a> {
    /// `None` if the text is not a signature of version 4.
    pub(super) fn parse(authorization: &'a str) -> Option<Self> {
        let (_, fields) = authorization.split_once(' ')?;
        let field = |name: &str| {
            let mut fields = fields.split(',').map(str::trim);
            fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let mut scope = field("Credential")?.split('/');
        let (key_id, _date, region) = (scope.next()?, scope.next()?, scope.next()?);
        let signed_headers = field("SignedHeaders").unwrap_or_default();
        Some(Self {
            key_id,
            region,
            signed_headers,
            signature: field("Signature").unwrap_or_default(),
        })
    }

    /// Whether the request was signed with this secret.
    pub(super) fn signs(&self, incoming: &Incoming<'_>, secret: &str) -> bool {
        // The comparison need not take constant time, because the secrets are only for tests.
        self.again(incoming, secret)
            .is_some_and(|signature| signature == self.signature)
    }

    fn again(&self, incoming: &Incoming<'_>, secret: &str) -> Option<String> {
        let time = (incoming.header)("x-amz-date").and_then(parse_time)?;
        let identity = Identity::from(Credentials::new(
            self.key_id,
            secret,
            None,
            None,
            "local-sqs",
        ));
        let mut settings = SigningSettings::default();
        // `headers` below contains only the signed headers, so none must be excluded.
        settings.excluded_headers = None;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("sqs")
            .time(time);
        let params = params.settings(settings).build().ok()?.into();
        let headers = self
            .signed_headers
            .split(';')
            .filter_map(|name| Some((name, (incoming.header)(name)?)));
        let question_mark = if incoming.query.is_empty() { "" } else { "?" };
        let uri = format!(
            "{}{}{question_mark}{}",
            incoming.origin, incoming.path, incoming.query
        );
        let body = match (incoming.header)("x-amz-content-sha256") {
            Some("UNSIGNED-PAYLOAD") => SignableBody::UnsignedPayload,
            _ => SignableBody::Bytes(incoming.body),
        };
        let request = SignableRequest::new(incoming.method, uri, headers, body).ok()?;
        Some(sign(request, &params).ok()?.signature().to_owned())
    }
}

/// `20261123T050000Z`.
fn parse_time(text: &str) -> Option<SystemTime> {
    let part = |range: std::ops::Range<usize>| text.get(range);
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(9..11)?, part(11..13)?, part(13..15)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    SystemTime::try_from(DateTime::from_str(&text, Format::DateTime).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn an_authorization_is_split_into_its_parts() {
        let header = "AWS4-HMAC-SHA256 Credential=AKID/20261123/eu-west-1/sqs/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=abc";
        let expected = Credential {
            key_id: "AKID",
            region: "eu-west-1",
            signed_headers: "host;x-amz-date",
            signature: "abc",
        };
        assert_eq!(Credential::parse(header), Some(expected));
        for none in ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=x"] {
            assert_eq!(Credential::parse(none), None, "{none}");
        }
    }

    #[test]
    fn a_time_is_read() {
        assert_eq!(
            parse_time("20010909T014640Z"),
            Some(UNIX_EPOCH + Duration::from_secs(1_000_000_000))
        );
        for none in ["", "20010909", "x0010909T014640Z", "2001090éT014640Z"] {
            assert_eq!(parse_time(none), None, "{none}");
        }
    }
}
