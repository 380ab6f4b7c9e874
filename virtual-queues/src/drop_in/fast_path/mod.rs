//! The typed path: sends, receives, deletes and their batches go through the SDK without being serialised or signed.
//!
//! Owns: the way of an operation's input to the service and of its output back. Does not own: what the operations do,
//! and their errors, which take the form of the wire layer and are read by the SDK's own deserialiser.
//!
//! It rests on three things that the SDK's orchestrator does, and that it does not promise:
//! 1. it takes the serialiser from the config after `read_before_serialization`, and the deserialiser after
//!    `read_before_deserialization`, where what an interceptor stored stands above what the operation brought;
//! 2. the first attempt keeps the request's extensions (a repetition would not, and there is none);
//! 3. it asks a deserialiser for a result before it reads the body.
//!
//! Without the first, calls go by the wire layer, which needs none of them.
//!
//! **Invariant:** the input that is served is the one that the last of the user's interceptors left.

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

/// Takes calls for virtual queues out of the SDK's hands between its interceptors and its HTTP client.
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

/// The input of a call that took the typed path.
pub(super) fn input_of(request: &HttpRequest) -> Option<Input> {
    request.extension::<HandedOver<Input>>()?.take()
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for FastPath {
    fn name(&self) -> &'static str {
        "FastPath"
    }

    // Later than `read_before_execution`: until here an interceptor may have given the call another queue.
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
            // There is no stream to stall.
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
    /// Serves a call by its input. It is dropped when the SDK's own time-outs end the call; that loses nothing.
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

/// Puts the input beside an empty request.
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

/// Takes the output from beside an empty response.
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

/// What is handed over once. Extensions must be `Clone`, what is in them is not.
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
