//! [`SqsApi`] over clients that are derived from the user's.

use std::cell::Cell;
use std::time::SystemTime;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeDeserializationInterceptorContextRef,
};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents, StalledStreamProtectionConfig};
use aws_sdk_sqs::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

use super::api::{Answer, Call, SqsApi, for_each_operation, import_errors, import_operations};
use super::contact::Contact;
use super::fault::{is_from_sqs, lacks_credentials};

/// [`SqsApi`] over three clients derived from the user's own: one for polls, one that makes single attempts, one for all
/// the rest.
///
/// All keep the user's region, endpoint, credentials, HTTP client, interceptors and retry mode. The one for polls
/// has no SDK retry and no time-outs but the connect time-out: a retried or an abandoned poll may leave messages
/// invisible, and whoever polls bounds its time. CreateQueue and TagQueue, which write leases, are not retried either:
/// an attempt that was given up may still land, and whoever renews a lease has to know of each.
///
/// Once SQS has answered none of several calls, the others are not retried by the SDK any more, until it answers one:
/// retries help over a moment's trouble, and only add calls to an outage.
#[derive(Debug, Clone)]
pub struct ClientApi {
    calls: Client,
    single: Client,
    polls: Client,
    contact: Contact,
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
            contact: Contact::new(),
        }
    }

    /// The client for what may be repeated.
    fn calls(&self) -> &Client {
        if self.contact.is_lost() {
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
                    let (client, contact) = (client.clone(), self.contact.clone());
                    Box::pin(DATE.scope(Cell::new(None), async move {
                        let result = input.send_with(&client).await;
                        match result.as_ref().map_or_else(is_answer, |_| Some(true)) {
                            Some(true) => contact.answered(),
                            Some(false) => contact.failed(attempts),
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

/// A call that failed although the SDK repeats it counts as so many: its own default.
const ATTEMPTS: u32 = 3;

/// Whether SQS gave an answer, other than that it cannot serve; `None` if nothing was sent. A page of a proxy is no answer
/// of SQS.
fn is_answer<E>(error: &SdkError<E>) -> Option<bool>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => None,
        _ if lacks_credentials(error) => None,
        _ if is_from_sqs(error) == Some(false) => Some(false),
        SdkError::ServiceError(error) => Some(!error.raw().status().is_server_error()),
        _ => Some(false),
    }
}

tokio::task_local! {
    /// Written by [`ReadDate`] while the SDK's future is polled, read when it has ended. An input builder cannot be
    /// sent with an interceptor of its own, so the way from the header to the caller leads past the SDK.
    static DATE: Cell<Option<SystemTime>>;
}

/// The longest answer that is read, in bytes. SQS's own are shorter: ten messages of 1 MiB, in which JSON writes a byte as six
/// at the most.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// Gives an answer up that does not end: it would fill the memory until the call's time is over.
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
