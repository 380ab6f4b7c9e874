//! The connection to the server: all calls that are actually sent pass through here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_sqs::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

/// Counts calls, and can block one operation.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    inner: SharedHttpClient,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    calls: BTreeMap<String, u64>,
    /// The operation that is answered with 503.
    closed_to: Option<&'static str>,
}

#[derive(Debug)]
struct Passage {
    inner: SharedHttpConnector,
    state: Arc<Mutex<State>>,
}

impl Gate {
    pub(super) fn before(inner: SharedHttpClient) -> Self {
        Self {
            inner,
            state: Arc::default(),
        }
    }

    pub(super) fn calls(&self) -> u64 {
        self.state.lock().unwrap().calls.values().sum()
    }

    pub(super) fn calls_of(&self, operation: &str) -> u64 {
        let state = self.state.lock().unwrap();
        state.calls.get(operation).copied().unwrap_or(0)
    }

    /// From now on this operation is unavailable; `None`: all are available.
    pub(super) fn close_to(&self, operation: Option<&'static str>) {
        self.state.lock().unwrap().closed_to = operation;
    }
}

impl HttpClient for Gate {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Passage {
            inner: self.inner.http_connector(settings, components),
            state: Arc::clone(&self.state),
        })
    }
}

impl HttpConnector for Passage {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.trim_start_matches("AmazonSQS.").to_owned();
        let closed = {
            let mut state = self.state.lock().unwrap();
            let closed = state.closed_to == Some(operation.as_str());
            *state.calls.entry(operation).or_default() += 1;
            closed
        };
        if closed {
            let status = StatusCode::try_from(503).unwrap();
            let unavailable = HttpResponse::new(status, SdkBody::from("{}"));
            return HttpConnectorFuture::ready(Ok(unavailable));
        }
        self.inner.call(request)
    }
}
