//! The HTTP client between the SDK and the user's own HTTP client.

use aws_sdk_sqs::config::{ConfigBag, RuntimeComponents, SharedHttpClient};
use aws_sdk_sqs::error::{BoxError, ConnectorError};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_types::byte_stream::ByteStream;

use super::operations::Service;
use super::sdk::SERVED;

/// Serves calls that concern virtual queues, and forwards all other calls.
#[derive(Debug)]
pub(super) struct VirtualHttpClient {
    /// `None`: neither the user's config nor the SDK has an HTTP client.
    inner: Option<SharedHttpClient>,
    service: Service,
}

#[derive(Debug)]
struct VirtualConnector {
    inner: Option<SharedHttpConnector>,
    service: Service,
}

impl VirtualHttpClient {
    pub(super) const fn new(inner: Option<SharedHttpClient>, service: Service) -> Self {
        Self { inner, service }
    }
}

impl HttpClient for VirtualHttpClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        // Called for each attempt. The inner client caches its connectors by their settings.
        let inner = self.inner.as_ref();
        SharedHttpConnector::new(VirtualConnector {
            inner: inner.map(|inner| inner.http_connector(settings, components)),
            service: self.service.clone(),
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        cfg: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.inner.as_ref().map_or(Ok(()), |inner| {
            inner.validate_base_client_config(components, cfg)
        })
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        cfg: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.inner
            .as_ref()
            .map_or(Ok(()), |inner| inner.validate_final_config(components, cfg))
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.as_ref()?.connector_metadata()
    }
}

impl HttpConnector for VirtualConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let Some(operation) = request.headers().get(SERVED).map(str::to_owned) else {
            return match &self.inner {
                Some(inner) => inner.call(request),
                None => {
                    HttpConnectorFuture::ready(Err(ConnectorError::other(NoClient.into(), None)))
                }
            };
        };
        let service = self.service.clone();
        HttpConnectorFuture::new(async move {
            // The body is read to its end, because the SDK considers a request stalled if its body is not read for
            // 5 s.
            let body = ByteStream::new(request.take_body()).collect().await;
            let body = body.map_err(|error| ConnectorError::io(error.into()))?;
            service.serve(&operation, &body.into_bytes()).await
        })
    }
}

/// A call for a real queue without an HTTP client.
#[derive(Debug, thiserror::Error)]
#[error(
    "no HTTP client: set one in the SDK's config, or enable the feature `default-https-client`"
)]
struct NoClient;
