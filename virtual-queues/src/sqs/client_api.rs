//! [`SqsApi`] over clients that are derived from the user's.

use std::cell::Cell;
use std::time::SystemTime;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents, StalledStreamProtectionConfig};
use aws_sdk_sqs::error::BoxError;

use super::api::{Answer, Call, SqsApi, for_each_operation, import_errors, import_operations};

/// [`SqsApi`] over three clients derived from the user's own: one for polls, one for leases, one for all the rest.
///
/// All keep the user's region, endpoint, credentials, HTTP client, interceptors and retry mode. The one for polls
/// has no SDK retry and no time-outs but the connect time-out: a retried or an abandoned poll may leave messages
/// invisible, and whoever polls bounds its time. The one for leases (CreateQueue and TagQueue) has no SDK retry either:
/// an attempt that was given up may still land, and whoever renews a lease has to know of each.
#[derive(Debug, Clone)]
pub struct ClientApi {
    calls: Client,
    leases: Client,
    polls: Client,
}

impl ClientApi {
    /// Derives the clients from `client`, which stays as it is.
    #[must_use]
    pub fn new(client: &Client) -> Self {
        let config = client.config();
        let calls = config.to_builder().interceptor(ReadDate).build();

        let leases = config
            .to_builder()
            .interceptor(ReadDate)
            .retry_config(RetryConfig::disabled())
            .build();

        let mut timeouts = TimeoutConfig::builder()
            .disable_read_timeout()
            .disable_operation_timeout()
            .disable_operation_attempt_timeout();
        timeouts.set_connect_timeout(
            config
                .timeout_config()
                .and_then(TimeoutConfig::connect_timeout),
        );
        let polls = config
            .to_builder()
            .interceptor(ReadDate)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();

        Self {
            calls: Client::from_conf(calls),
            leases: Client::from_conf(leases),
            polls: Client::from_conf(polls),
        }
    }
}

for_each_operation!(import_operations);
for_each_operation!(import_errors);

macro_rules! implement {
    ($($(#[$doc:meta])* $method:ident $action:ident $input:ident $output:ident $error:ident;)*) => {
        impl SqsApi for ClientApi {
            $(
                fn $method(&self, input: $input) -> Call<$output, $error> {
                    let client = client_for!(self, $method).clone();
                    Box::pin(DATE.scope(Cell::new(None), async move {
                        let result = input.send_with(&client).await;
                        Answer { date: DATE.with(Cell::get), result }
                    }))
                }
            )*
        }
    };
}

macro_rules! client_for {
    ($self:ident, receive_message) => {
        $self.polls
    };
    ($self:ident, create_queue) => {
        $self.leases
    };
    ($self:ident, tag_queue) => {
        $self.leases
    };
    ($self:ident, $other:ident) => {
        $self.calls
    };
}

for_each_operation!(implement);

tokio::task_local! {
    /// Written by [`ReadDate`] while the SDK's future is polled, read when it has ended. An input builder cannot be
    /// sent with an interceptor of its own, so the way from the header to the caller leads past the SDK.
    static DATE: Cell<Option<SystemTime>>;
}

/// Keeps the `Date` of the last answer of a call.
#[derive(Debug)]
struct ReadDate;

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for ReadDate {
    fn name(&self) -> &'static str {
        "ReadDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context
            .response()
            .headers()
            .get("date")
            .and_then(|text| httpdate::parse_http_date(text).ok());
        // A stranger who cloned the client calls it outside of the scope: nobody asks then.
        let _ = DATE.try_with(|cell| cell.set(date));
        Ok(())
    }
}
