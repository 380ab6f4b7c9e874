//! The typed path: sends, receives, deletes and their batches pass through the SDK without being serialized or
//! signed.
//!
//! Owns: passing an operation's input to the service, and its output back. Does not own: the operations, and their
//! errors, which have the form of the wire layer and are read by the SDK's own deserializer.
//!
//! It depends on three behaviors of the SDK's orchestrator that the SDK does not guarantee:
//! 1. it takes the serializer from the config after `read_before_serialization`, and the deserializer after
//!    `read_before_deserialization`, and a value stored by an interceptor takes precedence over the operation's own;
//! 2. the first attempt keeps the request's extensions (a retry would not, but there is none);
//! 3. it asks a deserializer for a result before it reads the body.
//!
//! Without the first behavior, calls use the wire layer, which needs none of the three.
//!
//! **Invariant:** the served input is the input that the last of the user's interceptors left.

mod calls;
mod members;

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sqs::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextRef,
};
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents, StalledStreamProtectionConfig};
use aws_sdk_sqs::error::{BoxError, ConnectorError};
use aws_smithy_runtime_api::client::interceptors::context::{Error, Input, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::{
    DeserializeResponse, SerializeRequest, SharedRequestSerializer, SharedResponseDeserializer,
};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use super::sdk::mark;
use super::service::Service;

/// Takes calls for virtual queues from the SDK between its interceptors and its HTTP client.
#[derive(Debug)]
pub(super) struct FastPath {
    serializer: SharedRequestSerializer,
}

impl FastPath {
    pub(super) fn new() -> Self {
        Self {
            serializer: SharedRequestSerializer::new(HandOver),
        }
    }
}

/// The input of a call on the typed path.
pub(super) fn input_of(request: &HttpRequest) -> Option<Input> {
    request.extension::<HandedOver<Input>>()?.take()
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for FastPath {
    fn name(&self) -> &'static str {
        "FastPath"
    }

    // Later than `read_before_execution`, because an interceptor may change the call's queue until here.
    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if calls::queue_url(context.input()).is_some_and(|url| url.contains('#')) {
            mark(cfg);
            let state = cfg.interceptor_state();
            state.store_put(self.serializer.clone());
            // The call has no stream that could stall.
            state.store_put(StalledStreamProtectionConfig::disabled());
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context
            .response()
            .extension::<HandedOver<Output>>()
            .is_some()
        {
            let deserializer = SharedResponseDeserializer::new(TakeOver);
            cfg.interceptor_state().store_put(deserializer);
        }
        Ok(())
    }
}

impl Service {
    /// Serves a call by its input. The future is dropped when the SDK's own timeouts end the call. That loses no
    /// messages.
    pub(super) async fn serve_typed(&self, input: Input) -> Result<HttpResponse, ConnectorError> {
        match self.typed(input).await {
            Ok(output) => {
                let status = StatusCode::try_from(200).expect("200 is a status");
                let mut response = HttpResponse::new(status, SdkBody::empty());
                response.add_extension(HandedOver::new(output));
                Ok(response)
            }
            Err(failure) => self.fail(failure),
        }
    }
}

/// Attaches the input to an empty request.
#[derive(Debug)]
struct HandOver;

impl SerializeRequest for HandOver {
    fn serialize_input(&self, input: Input, _: &mut ConfigBag) -> Result<HttpRequest, BoxError> {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_method("POST")?;
        request.set_uri("/")?;
        request.add_extension(HandedOver::new(input));
        Ok(request)
    }
}

/// Takes the output that is attached to an empty response.
#[derive(Debug)]
struct TakeOver;

impl DeserializeResponse for TakeOver {
    fn deserialize_streaming_with_config(
        &self,
        response: &mut HttpResponse,
        _: &ConfigBag,
    ) -> Option<Result<Output, OrchestratorError<Error>>> {
        let output = response.extension::<HandedOver<Output>>()?.take();
        Some(output.ok_or_else(|| OrchestratorError::other("the answer was taken already")))
    }
}

/// A value that is handed over once. Extensions must be `Clone`, but the value is not.
struct HandedOver<T>(Arc<Mutex<Option<T>>>);

impl<T> HandedOver<T> {
    fn new(it: T) -> Self {
        Self(Arc::new(Mutex::new(Some(it))))
    }

    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T> Clone for HandedOver<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
