//! The drop-in client keeps the user's own config: retries, credentials, interceptors, HTTP client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::auth::{DefaultAuthSchemeResolver, Params, ResolveAuthScheme};
use aws_sdk_sqs::config::interceptors::{
    BeforeSerializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{
    BehaviorVersion, ConfigBag, Intercept, Region, RuntimeComponents, SharedHttpClient,
};
use aws_sdk_sqs::error::{BoxError, ProvideErrorMetadata as _};
use aws_sdk_sqs::operation::send_message::SendMessageInput;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionsFuture;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpConnector,
};
use local_sqs::Behaviour;
use local_sqs::engine::Action;
use sqs_virtual_queues::CreateQueue;

use crate::support::{TestResult, World};

use super::{dropped_in, send};

#[tokio::test(start_paused = true)]
async fn the_sdk_does_not_retry_a_virtual_call() -> TestResult {
    let world = World::new();
    let config = world.local.sdk_config();
    let config = config.retry_config(RetryConfig::standard().with_max_attempts(3));
    let (client, queue, real) = dropped_in(&world, config).await;
    let unavailable = Behaviour::default().unavailable(1.0);
    let calls = [Action::SendMessage, Action::SendMessageBatch];
    world.local.set_behaviour(unavailable.only(calls));
    let error = client
        .send_message()
        .queue_url(&queue)
        .message_body("b")
        .send()
        .await;
    assert_eq!(error.unwrap_err().code(), Some("ServiceUnavailable"));
    assert_eq!(
        world.calls("SendMessageBatch"),
        3,
        "the attempts of the host's own client"
    );
    assert!(send(&client, &real).await.is_err());
    assert_eq!(
        world.calls("SendMessage"),
        3,
        "the attempts of the user's config"
    );
    Ok(())
}

/// The wall clock with which the SDK measures a stream. It advances with Tokio's clock.
#[derive(Debug)]
struct PausedTime(tokio::time::Instant);

impl TimeSource for PausedTime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_790_000_000) + self.0.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_is_not_treated_as_a_stalled_stream() -> TestResult {
    let world = World::new();
    // The stalled-stream protection is on by default.
    let time = PausedTime(tokio::time::Instant::now());
    let config = world.local.sdk_config().time_source(time);
    let (client, queue, _) = dropped_in(&world, config).await;
    let receive = client
        .receive_message()
        .queue_url(&queue)
        .wait_time_seconds(20);
    assert!(receive.send().await?.messages().is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn virtual_queues_need_no_credentials() -> TestResult {
    let world = World::new();
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .http_client(world.local.http_client());
    let (client, queue, real) = dropped_in(&world, config).await;
    send(&client, &queue).await?;
    assert!(
        send(&client, &real).await.is_err(),
        "real queues still need credentials"
    );
    assert_eq!(world.calls("SendMessage"), 0);
    Ok(())
}

#[derive(Debug, Default)]
struct Counts {
    signed: AtomicUsize,
    transmitted: AtomicUsize,
    connected: AtomicUsize,
}

#[derive(Debug)]
struct CountingAuth(Arc<Counts>, DefaultAuthSchemeResolver);

impl ResolveAuthScheme for CountingAuth {
    fn resolve_auth_scheme<'a>(
        &'a self,
        params: &'a Params,
        cfg: &'a ConfigBag,
        components: &'a RuntimeComponents,
    ) -> AuthSchemeOptionsFuture<'a> {
        self.0.signed.fetch_add(1, Ordering::Relaxed);
        self.1.resolve_auth_scheme(params, cfg, components)
    }
}

#[derive(Debug)]
struct CountingInterceptor(Arc<Counts>);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for CountingInterceptor {
    fn name(&self) -> &'static str {
        "CountingInterceptor"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.transmitted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[derive(Debug)]
struct CountingHttp(Arc<Counts>, SharedHttpClient);

impl HttpClient for CountingHttp {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.connected.fetch_add(1, Ordering::Relaxed);
        self.1.http_connector(settings, components)
    }
}

#[tokio::test(start_paused = true)]
async fn the_parts_of_the_users_config_are_kept() -> TestResult {
    let world = World::new();
    let counts = Arc::new(Counts::default());
    let config = world
        .local
        .sdk_config()
        .auth_scheme_resolver(CountingAuth(
            Arc::clone(&counts),
            DefaultAuthSchemeResolver::default(),
        ))
        .interceptor(CountingInterceptor(Arc::clone(&counts)))
        .http_client(CountingHttp(Arc::clone(&counts), world.local.http_client()));
    let (client, queue, real) = dropped_in(&world, config).await;
    send(&client, &real).await?;
    let read = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    assert_eq!(
        (read(&counts.signed), read(&counts.transmitted)),
        (1, 1),
        "of a real queue"
    );
    assert!(read(&counts.connected) > 0);
    send(&client, &queue).await?;
    assert_eq!(read(&counts.signed), 1, "a virtual call is not signed");
    assert_eq!(
        read(&counts.transmitted),
        2,
        "interceptors see it nevertheless"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_client_keeps_the_multiplexer_alive_and_outlives_its_shutdown() -> TestResult {
    let world = World::new();
    let queues = world.queues();
    let host = world.host("host").await;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let url = queue.url().to_string();
    let client = queues.client(&world.client);
    drop(queue);
    let weak = queues.clone();
    drop(queues);
    drop(weak);
    send(&client, &url).await?;
    let receive = || {
        client
            .receive_message()
            .queue_url(&url)
            .wait_time_seconds(20)
            .send()
    };
    assert_eq!(receive().await?.messages().len(), 1);

    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let client = queues.client(&world.client);
    queues.shutdown(Duration::from_secs(1)).await;
    let error = client
        .purge_queue()
        .queue_url(queue.url().as_str())
        .send()
        .await;
    let shown = format!("{:?}", error.unwrap_err());
    assert!(shown.contains("Closed"), "{shown}");
    let real = world.host("real").await;
    send(&client, real.as_str()).await
}

/// Redirects each send to another queue, late.
#[derive(Debug)]
struct Redirect(String);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Redirect {
    fn name(&self) -> &'static str {
        "Redirect"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(input) = context.input_mut().downcast_mut::<SendMessageInput>() {
            input.queue_url = Some(self.0.clone());
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_interceptor_may_change_the_queue() -> TestResult {
    for to_virtual in [true, false] {
        let world = World::new();
        let host = world.host("host").await;
        let real = world.host("real").await;
        let queues = world.queues();
        let queue = queues.create(&host, CreateQueue::named("q"))?;
        let (from, to) = if to_virtual {
            (real.as_str(), queue.url().as_str())
        } else {
            (queue.url().as_str(), real.as_str())
        };
        let redirect = Redirect(to.to_owned());
        let config = world.local.sdk_config().interceptor(redirect);
        let client = queues.client(&Client::from_conf(config.build()));
        send(&client, from).await?;
        let calls = ["SendMessage", "SendMessageBatch"].map(|action| world.calls(action));
        assert_eq!(calls, if to_virtual { [0, 1] } else { [1, 0] });
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_http_client_of_one_operation_loses_nothing_silently() -> TestResult {
    let world = World::new();
    let (client, queue, _) = dropped_in(&world, world.local.sdk_config()).await;
    let own = aws_sdk_sqs::Config::builder().http_client(world.local.http_client());
    let send = client.send_message().queue_url(&queue).message_body("b");
    let sent = send.customize().config_override(own).send().await;
    assert!(sent.is_err(), "{sent:?}");
    Ok(())
}
