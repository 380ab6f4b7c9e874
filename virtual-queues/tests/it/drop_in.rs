//! Behavior specific to the drop-in client: its place between the SDK and the user's own config.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
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
use aws_sdk_sqs::operation::RequestId as _;
use aws_sdk_sqs::operation::send_message::SendMessageInput;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageAttributeValue, QueueAttributeName,
};
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionsFuture;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpConnector,
};
use local_sqs::Behaviour;
use local_sqs::engine::Action;
use sqs_virtual_queues::{CreateQueue, VirtualQueue, VirtualQueues};

use crate::support::{TestResult, World};

/// A drop-in client, the URL of a virtual queue, and the URL of a real queue.
async fn dropped_in(
    world: &World,
    config: aws_sdk_sqs::config::Builder,
) -> (Client, String, String) {
    let client = Client::from_conf(config.build());
    let queues = world.queues();
    let host = world.host("host").await;
    let queue = queues.create(&host, CreateQueue::named("q")).unwrap();
    let real = world.host("real").await;
    (
        queues.client(&client),
        queue.url().to_string(),
        real.to_string(),
    )
}

async fn send(client: &Client, url: &str) -> TestResult {
    client
        .send_message()
        .queue_url(url)
        .message_body("b")
        .send()
        .await?;
    Ok(())
}

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

#[tokio::test(start_paused = true)]
async fn real_queues_are_served_by_sqs_alone() -> TestResult {
    let world = World::new();
    let (client, _, real) = dropped_in(&world, world.local.sdk_config()).await;
    client
        .send_message()
        .queue_url(&real)
        .message_body("# not a queue #")
        .send()
        .await?;
    let received = client.receive_message().queue_url(&real).send().await?;
    assert_eq!(received.messages()[0].body(), Some("# not a queue #"));
    assert_eq!(
        client
            .get_queue_url()
            .queue_name("real")
            .send()
            .await?
            .queue_url(),
        Some(real.as_str())
    );
    assert_eq!(
        client.list_queues().send().await?.queue_urls().len(),
        2,
        "no virtual queues"
    );
    let made = client.create_queue().queue_name("made").send().await?;
    assert!(made.queue_url().is_some_and(|url| url.ends_with("/made")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn errors_are_modelled_and_have_request_ids() -> TestResult {
    let world = World::new();
    let (client, queue, _) = dropped_in(&world, world.local.sdk_config()).await;
    let missing = queue.replace("#q", "#missing");
    let error = client
        .receive_message()
        .queue_url(missing)
        .send()
        .await
        .unwrap_err();
    assert!(error.request_id().is_some());
    let error = error.into_service_error();
    assert!(error.is_queue_does_not_exist());
    assert_eq!(
        error.code(),
        Some("AWS.SimpleQueueService.NonExistentQueue")
    );

    let tag = client.tag_queue().queue_url(&queue).tags("k", "v");
    assert!(tag.send().await?.request_id().is_some());
    let handle = "nonsense".to_owned();
    let delete = client
        .delete_message()
        .queue_url(&queue)
        .receipt_handle(handle);
    let error = delete.send().await.unwrap_err().into_service_error();
    assert!(error.is_receipt_handle_is_invalid(), "{error:?}");

    let nonsense = queue.replace("#q", "#no such name");
    let error = client
        .purge_queue()
        .queue_url(nonsense)
        .send()
        .await
        .unwrap_err();
    let error = error.into_service_error();
    assert!(error.is_invalid_address());
    assert!(error.message().unwrap().contains("no such name"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn refusals_of_sqs_keep_their_text() -> TestResult {
    let world = World::new();
    let (client, queue, real) = dropped_in(&world, world.local.sdk_config()).await;
    let mut said = Vec::new();
    for url in [real, queue] {
        let no_number = MessageAttributeValue::builder()
            .data_type("Number")
            .string_value("x")
            .build()?;
        let sent = client
            .send_message()
            .queue_url(&url)
            .message_body("b")
            .message_attributes("a", no_number)
            .send()
            .await;
        let sent = sent.unwrap_err().into_service_error();
        let deleted = client
            .delete_message()
            .queue_url(&url)
            .receipt_handle("nonsense")
            .send()
            .await;
        let deleted = deleted.unwrap_err().into_service_error();
        let changed = client
            .change_message_visibility()
            .queue_url(&url)
            .receipt_handle("nonsense")
            .visibility_timeout(1)
            .send()
            .await;
        let changed = changed.unwrap_err().into_service_error();
        let received = client
            .receive_message()
            .queue_url(&url)
            .receive_request_attempt_id("attempt")
            .send()
            .await;
        let received = received.unwrap_err().into_service_error();
        let of = |code: Option<&str>, text: Option<&str>| {
            (code.map(str::to_owned), text.map(str::to_owned))
        };
        said.push([
            of(sent.code(), sent.message()),
            of(deleted.code(), deleted.message()),
            of(changed.code(), changed.message()),
            of(received.code(), received.message()),
        ]);
    }
    assert_eq!(said[0], said[1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn unsupported_operations_are_refused_with_a_reason() -> TestResult {
    let world = World::new();
    let (client, queue, _) = dropped_in(&world, world.local.sdk_config()).await;
    let before = world.local.calls();
    let text = |operation: &str| format!("{operation} is not supported on a virtual queue.");
    let add = client.add_permission().queue_url(&queue).label("l");
    let error = add
        .aws_account_ids("1")
        .actions("*")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.message(), Some(text("AddPermission").as_str()));
    assert!(error.into_service_error().is_unsupported_operation());
    let remove = client
        .remove_permission()
        .queue_url(&queue)
        .label("l")
        .send()
        .await;
    let error = remove.unwrap_err();
    assert_eq!(error.message(), Some(text("RemovePermission").as_str()));
    let list = client
        .list_dead_letter_source_queues()
        .queue_url(&queue)
        .send()
        .await;
    let error = list.unwrap_err();
    assert_eq!(
        error.message(),
        Some(text("ListDeadLetterSourceQueues").as_str())
    );
    let arn = "arn:aws:sqs:us-east-1:000000000000:host#q";
    let start = client
        .start_message_move_task()
        .source_arn(arn)
        .send()
        .await;
    let error = start.unwrap_err();
    assert_eq!(error.message(), Some(text("StartMessageMoveTask").as_str()));

    let set = client.set_queue_attributes().queue_url(&queue);
    let set = set
        .attributes(QueueAttributeName::VisibilityTimeout, "1")
        .send()
        .await;
    let error = set.unwrap_err();
    assert_eq!(
        error.message(),
        Some(
            "Attribute VisibilityTimeout of a virtual queue cannot be changed: only IdleQueueRetentionPeriodSeconds can."
        )
    );
    assert!(error.into_service_error().is_unsupported_operation());

    let host = queue.trim_end_matches("#q");
    for (name, value, expected) in [
        (
            "DelaySeconds",
            "1",
            "Attribute DelaySeconds cannot be set on a virtual queue: only HostQueueUrl and \
             IdleQueueRetentionPeriodSeconds can.",
        ),
        (
            "IdleQueueRetentionPeriodSeconds",
            "soon",
            "Attribute IdleQueueRetentionPeriodSeconds is invalid: allowed are whole seconds, 1 and more.",
        ),
    ] {
        let create = client.create_queue().queue_name("n");
        let create = create.attributes("HostQueueUrl".into(), host);
        let error = create
            .attributes(name.into(), value)
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.message(), Some(expected));
    }
    let create = client.create_queue().queue_name("n");
    let error = create
        .attributes("HostQueueUrl".into(), "nowhere")
        .send()
        .await
        .unwrap_err();
    assert!(
        error
            .message()
            .unwrap()
            .starts_with("Attribute HostQueueUrl is invalid: ")
    );
    assert_eq!(world.local.calls().since(&before).total(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invalid_batch_is_refused_as_a_whole() -> TestResult {
    let world = World::new();
    let (client, queue, real) = dropped_in(&world, world.local.sdk_config()).await;
    let entries = |ids: &[&str]| {
        let entry = |id: &&str| {
            DeleteMessageBatchRequestEntry::builder()
                .id(*id)
                .receipt_handle("h")
                .build()
                .unwrap()
        };
        ids.iter().map(entry).collect::<Vec<_>>()
    };
    let delete_on = async |url: &str, ids: &[&str]| {
        let delete = client.delete_message_batch().queue_url(url);
        let error = delete
            .set_entries(Some(entries(ids)))
            .send()
            .await
            .unwrap_err();
        error.into_service_error()
    };
    let delete = async |ids: &[&str]| {
        let (here, there) = (delete_on(&queue, ids).await, delete_on(&real, ids).await);
        assert_eq!(here.meta().message(), there.meta().message());
        here
    };
    assert!(delete(&[]).await.is_empty_batch_request());
    assert!(delete(&["1", "1"]).await.is_batch_entry_ids_not_distinct());
    assert!(delete(&["a b"]).await.is_invalid_batch_entry_id());
    assert!(
        delete(&["1"; 11])
            .await
            .is_too_many_entries_in_batch_request()
    );
    let half = "b".repeat(600_000);
    let entry = |id: &str| {
        let entry = aws_sdk_sqs::types::SendMessageBatchRequestEntry::builder().id(id);
        entry.message_body(&half).build().unwrap()
    };
    let entry_without_body =
        aws_sdk_sqs::types::SendMessageBatchRequestEntry::builder().id("without");
    let entry_without_body = entry_without_body.message_body("").build()?;
    let send = async |entries: Vec<_>| {
        let mut errors = Vec::new();
        for url in [&queue, &real] {
            let send = client.send_message_batch().queue_url(url);
            let error = send.set_entries(Some(entries.clone())).send().await;
            errors.push(error.unwrap_err().into_service_error());
        }
        let [here, there] = errors.try_into().unwrap();
        assert_eq!(here.meta().code(), there.meta().code());
        assert_eq!(here.meta().message(), there.meta().message());
        here
    };
    let too_long = send(vec![entry("1"), entry("2")]).await;
    assert!(too_long.is_batch_request_too_long());
    let without = send(vec![entry("1"), entry_without_body]).await;
    assert_eq!(without.meta().code(), Some("MissingParameter"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_host_is_reported_as_unreachable() -> TestResult {
    let world = World::new();
    let config = world
        .local
        .sdk_config()
        .retry_config(RetryConfig::disabled());
    let once = Client::from_conf(config.build());
    let queues = VirtualQueues::builder(&once).build()?;
    let host = world.host("host").await;
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let client = queues.client(&once);
    world
        .local
        .set_behaviour(Behaviour::default().lost_answers(1.0));
    let send = client
        .send_message()
        .queue_url(queue.url().as_str())
        .message_body("b");
    let error = send.send().await.unwrap_err();
    assert!(
        matches!(error, aws_sdk_sqs::error::SdkError::DispatchFailure(failure) if failure.is_io())
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn all_kinds_of_values_pass_with_the_digests_of_sqs() -> TestResult {
    use aws_sdk_sqs::types::{
        MessageAttributeValue, MessageSystemAttributeName, MessageSystemAttributeNameForSends,
        MessageSystemAttributeValue,
    };
    let world = World::new();
    let (client, queue, real) = dropped_in(&world, world.local.sdk_config()).await;
    let value = |data_type: &str| MessageAttributeValue::builder().data_type(data_type);
    let binary = value("Binary.png").binary_value(aws_smithy_types::Blob::new([0, 255, 7]));
    let number = value("Number").string_value("7");
    let trace = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value("Root=1-5759e988-bd862e3fe1be46a994272793")
        .build()?;
    let (binary, number) = (binary.build()?, number.build()?);
    let body = "ü \"quoted\" \u{1f980}\n";
    let send = |url: &str| {
        client
            .send_message()
            .queue_url(url)
            .message_body(body)
            .message_attributes("picture", binary.clone())
            .message_attributes("number", number.clone())
            .message_system_attributes(
                MessageSystemAttributeNameForSends::AwsTraceHeader,
                trace.clone(),
            )
            .send()
    };
    let (to_virtual, to_real) = (send(&queue).await?, send(&real).await?);
    assert!(to_real.md5_of_message_attributes.is_some());
    assert_eq!(
        to_virtual.md5_of_message_attributes,
        to_real.md5_of_message_attributes
    );
    assert_eq!(to_virtual.md5_of_message_body, to_real.md5_of_message_body);
    assert_eq!(
        to_virtual.md5_of_message_system_attributes,
        to_real.md5_of_message_system_attributes
    );

    let receive = client.receive_message().queue_url(&queue);
    let receive = receive.wait_time_seconds(20).message_attribute_names("All");
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    let message = receive.send().await?.messages.unwrap_or_default().remove(0);
    assert_eq!(message.body(), Some(body));
    let attributes = message.message_attributes().unwrap();
    assert_eq!(attributes["picture"], binary);
    assert_eq!(attributes["number"], number);
    let header = &message.attributes().unwrap()[&MessageSystemAttributeName::AwsTraceHeader];
    assert_eq!(Some(header.as_str()), trace.string_value());
    Ok(())
}

/// Records the requests that are about to be sent.
#[derive(Debug, Clone, Default)]
struct Watch(Arc<Mutex<Vec<Seen>>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    uri: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Watch {
    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // These headers differ between calls, whoever makes them.
        let changing = ["amz-sdk-invocation-id", "authorization", "x-amz-date"];
        let request = context.request();
        let headers = request.headers().iter();
        let headers = headers.filter(|(name, _)| !changing.contains(name));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.0.lock().unwrap().push(Seen {
            uri: request.uri().to_owned(),
            headers: headers.collect(),
            body: request.body().bytes().unwrap_or_default().to_vec(),
        });
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn calls_for_real_queues_are_the_same_byte_by_byte() -> TestResult {
    let world = World::new();
    let watch = Watch::default();
    let config = world.local.sdk_config().interceptor(watch.clone());
    let plain = Client::from_conf(config.clone().build());
    let (client, _, real) = dropped_in(&world, config).await;
    watch.seen();
    let mut seen = Vec::new();
    for client in [plain, client] {
        let send = client.send_message().queue_url(&real).message_body("# b");
        send.message_attributes("a", crate::support::text("1"))
            .send()
            .await?;
        let receive = client.receive_message().queue_url(&real);
        receive.visibility_timeout(0).send().await?;
        let create = client.create_queue().queue_name("real");
        create.send().await?;
        seen.push(watch.seen());
    }
    assert_eq!(seen[0].len(), 3);
    assert!(seen[0].iter().all(|seen| seen.headers.len() > 5));
    assert_eq!(seen[0], seen[1]);
    Ok(())
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

/// Deletes a virtual queue before each call is transmitted.
#[derive(Debug)]
struct DeleteBefore(VirtualQueue);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for DeleteBefore {
    fn name(&self) -> &'static str {
        "DeleteBefore"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Ok(self.0.delete_queue()?)
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_deleted_meanwhile_does_not_exist() -> TestResult {
    let world = World::new();
    let host = world.host("host").await;
    let queues = world.queues();
    let queue = queues.create(&host, CreateQueue::named("q"))?;
    let config = world.local.sdk_config().interceptor(DeleteBefore(queue));
    let client = queues.client(&Client::from_conf(config.build()));
    let error = client.get_queue_url().queue_name("q").send().await;
    assert!(
        error
            .unwrap_err()
            .into_service_error()
            .is_queue_does_not_exist()
    );
    assert_eq!(world.calls("GetQueueUrl"), 0, "it is not forwarded");
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
