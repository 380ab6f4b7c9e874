//! Errors of the drop-in client are those of SQS, with their codes and texts.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::{BoxError, ProvideErrorMetadata as _};
use aws_sdk_sqs::operation::RequestId as _;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageAttributeValue, QueueAttributeName,
};
use local_sqs::Behaviour;
use sqs_virtual_queues::{CreateQueue, VirtualQueue, VirtualQueues};

use crate::support::{TestResult, World};

use super::dropped_in;

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
