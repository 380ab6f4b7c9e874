//! [`SqsApi`] over clients that are derived from the user's client.

use std::cell::Cell;
use std::time::SystemTime;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeDeserializationInterceptorContextRef,
};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents, StalledStreamProtectionConfig};
use aws_sdk_sqs::error::BoxError;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

use super::api::{Answer, Call, SqsApi, for_each_operation, import_errors, import_operations};
use super::fault::shows_an_answer;
use super::outage::OutageDetector;

/// [`SqsApi`] over three clients that are derived from the user's client: one for polls, one that makes single
/// attempts, and one for all other calls.
///
/// All three keep the user's region, endpoint, credentials, HTTP client, interceptors and retry mode. The client for
/// polls has no SDK retry and no timeouts except the connect timeout, because a retried or abandoned poll may leave
/// messages invisible; the caller of the poll limits its time. CreateQueue and TagQueue, which write leases, are not
/// retried either: an attempt that was given up may still take effect, and the code that renews a lease must know
/// about each attempt.
///
/// After several calls in a row without an answer, the SDK makes no retries until SQS answers a call. Retries help
/// against short failures, but in an outage they only add load.
#[derive(Debug, Clone)]
pub struct ClientApi {
    calls: Client,
    single: Client,
    polls: Client,
    outages: OutageDetector,
}

impl ClientApi {
    /// Derives the clients from `client`, which stays as it is.
    #[must_use]
    pub fn new(client: &Client) -> Self {
        let config = client.config();
        let calls = config
            .to_builder()
            .interceptor(ReadDate)
            .interceptor(LimitLength)
            .build();

        let single = config
            .to_builder()
            .interceptor(ReadDate)
            .interceptor(LimitLength)
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
            .interceptor(LimitLength)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();

        Self {
            calls: Client::from_conf(calls),
            single: Client::from_conf(single),
            polls: Client::from_conf(polls),
            outages: OutageDetector::new(),
        }
    }

    /// The client for calls that may be repeated.
    fn calls(&self) -> &Client {
        if self.outages.is_outage() {
            &self.single
        } else {
            &self.calls
        }
    }
}

for_each_operation!(import_operations);
for_each_operation!(import_errors);

macro_rules! implement {
    ($($(#[$doc:meta])* $method:ident $action:ident $input:ident $output:ident $error:ident;)*) => {
        impl SqsApi for ClientApi {
            fn region(&self) -> Option<&str> {
                Some(self.calls.config().region()?.as_ref())
            }

            $(
                fn $method(&self, input: $input) -> Call<$output, $error> {
                    let (client, attempts) = client_for!(self, $method);
                    let (client, outages) = (client.clone(), self.outages.clone());
                    Box::pin(DATE.scope(Cell::new(None), async move {
                        let result = input.send_with(&client).await;
                        match result.as_ref().map_or_else(shows_an_answer, |_| Some(true)) {
                            Some(true) => outages.answered(),
                            Some(false) => outages.failed(attempts),
                            None => {}
                        }
                        Answer { date: DATE.with(Cell::get), result }
                    }))
                }
            )*
        }
    };
}

macro_rules! client_for {
    ($self:ident, receive_message) => {
        (&$self.polls, 1)
    };
    ($self:ident, create_queue) => {
        (&$self.single, 1)
    };
    ($self:ident, tag_queue) => {
        (&$self.single, 1)
    };
    ($self:ident, $other:ident) => {
        ($self.calls(), ATTEMPTS)
    };
}

for_each_operation!(implement);

/// The number of attempts that a failed call with SDK retries counts for: the SDK's default.
const ATTEMPTS: u32 = 3;

tokio::task_local! {
    /// Written by [`ReadDate`] while the SDK's future is polled, read when the future has ended. An input builder
    /// cannot be sent with an interceptor of its own, so the header is passed to the caller outside of the SDK.
    static DATE: Cell<Option<SystemTime>>;
}

/// The maximum size of an answer that is read, in bytes. SQS's own answers are shorter: at most ten messages of 1
/// MiB, and JSON escapes a byte to at most six bytes.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// Ends an answer of unlimited length with an error. Otherwise the answer would fill the memory until the call's
/// timeout.
#[derive(Debug)]
struct LimitLength;

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for LimitLength {
    fn name(&self) -> &'static str {
        "LimitLength"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let known = body.content_length();
        if known.is_none_or(|length| length > LONGEST_ANSWER as u64) {
            let whole = std::mem::replace(body, SdkBody::taken());
            *body = SdkBody::from_body_1_x(Limited::new(whole, LONGEST_ANSWER));
        }
        Ok(())
    }
}

/// Keeps the `Date` of the last answer to a call.
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
        // Outside of the scope (a clone of the client that somebody else calls) there is nobody to read the date.
        let _ = DATE.try_with(|cell| cell.set(date));
        Ok(())
    }
}
