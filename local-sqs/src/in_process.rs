//! The front end without a socket: an HTTP client for the SDK that answers by itself.

use crate::driver::Lost;
use crate::service::Service;
use crate::wire::{Incoming, Outgoing};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use std::io;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// An HTTP client that sends every request to the same in-memory SQS.
#[derive(Clone, Debug)]
pub(crate) struct InProcess {
    pub(crate) service: Arc<Service>,
}

impl HttpClient for InProcess {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let service = self.service.clone();
        HttpConnectorFuture::new(async move { respond(&service, request).await })
    }
}

async fn respond(
    service: &Service,
    mut request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    // The body is read to its end, because the SDK treats a request whose body is not read for 5 s as stalled.
    let body = ByteStream::new(request.take_body()).collect().await;
    let body = body
        .map_err(|error| ConnectorError::io(error.into()))?
        .into_bytes();
    let address = Address::of(request.uri());
    let header = |name: &str| request.headers().get(name);
    let incoming = Incoming {
        method: request.method(),
        header: &header,
        origin: address.origin,
        path: address.path,
        query: address.query,
        body: &body,
    };
    let answered = service.respond(&incoming, &CancellationToken::new()).await;
    let outgoing = answered.map_err(|Lost| {
        let reset = io::Error::new(io::ErrorKind::ConnectionReset, "the answer was lost");
        ConnectorError::io(reset.into())
    })?;
    response(outgoing).map_err(|error| ConnectorError::other(error.into(), None))
}

/// The parts of an absolute URI.
struct Address<'a> {
    origin: String,
    path: &'a str,
    query: &'a str,
}

impl<'a> Address<'a> {
    fn of(uri: &'a str) -> Self {
        let (scheme, rest) = uri.split_once("://").unwrap_or(("https", uri));
        let host_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, rest) = rest.split_at(host_end);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Self {
            origin: format!("{scheme}://{host}"),
            path,
            query,
        }
    }
}

fn response(outgoing: Outgoing) -> Result<HttpResponse, http::Error> {
    let mut response = http::Response::builder().status(outgoing.status);
    for (name, value) in outgoing.headers {
        response = response.header(name, value);
    }
    let response = response.body(SdkBody::from(outgoing.body))?;
    Ok(HttpResponse::try_from(response).expect("headers of this crate are text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_into_its_parts() {
        for (uri, expected) in [
            (
                "https://sqs.us-east-1.amazonaws.com/",
                ("https://sqs.us-east-1.amazonaws.com", "/", ""),
            ),
            ("http://127.0.0.1:80?x", ("http://127.0.0.1:80", "", "x")),
            ("http://host/1/q?a=b", ("http://host", "/1/q", "a=b")),
        ] {
            let Address {
                origin,
                path,
                query,
            } = Address::of(uri);
            assert_eq!((origin.as_str(), path, query), expected);
        }
    }
}
