//! [`SqsApi`] for one process: the seam between the framework and the simulation.
//!
//! Owns: the SDK's behavior between the framework and the wire: its retries and its error types. Does not own: the faults
//! that a call meets (the network).

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use futures::FutureExt;
use local_sqs::engine::{Action, Output, Request};
use sqs_rpc_transport::{Answer, Call, Moment, SqsApi, TimeSource};

use super::Network;
use super::translate::{self, request};
use crate::exchange::{Exchange, Failure};
use crate::link::Link;

/// The client with which one process calls SQS.
#[derive(Debug)]
pub struct ProcessApi {
    network: Network,
    link: Link,
}

/// The number of attempts in the SDK's standard retry mode.
const ATTEMPTS: u32 = 3;

impl ProcessApi {
    /// The client of the process of `link`.
    #[must_use]
    pub const fn new(network: Network, link: Link) -> Self {
        Self { network, link }
    }

    fn call<T: 'static, E: 'static>(
        &self,
        request: Request,
        decode: fn(Output) -> Option<T>,
        generic: fn(ErrorMetadata) -> E,
    ) -> Call<T, E> {
        let (network, link) = (self.network.clone(), self.link.clone());
        async move {
            let exchange = exchange(&network, &link, request).await;
            let result = match exchange.result {
                Ok(output) => decode(output).ok_or_else(|| {
                    SdkError::construction_failure("expected another type of output of the engine")
                }),
                Err(failure) => Err(sdk_error(failure, generic)),
            };
            Answer {
                date: exchange.date,
                result,
            }
        }
        .boxed()
    }
}

async fn exchange(network: &Network, link: &Link, request: Request) -> Exchange {
    // `ClientApi` sets the SDK up in the same way: one attempt for polls and for calls that write leases.
    let attempts = match request.action() {
        Action::ReceiveMessage | Action::CreateQueue | Action::TagQueue => 1,
        _ => ATTEMPTS,
    };
    let mut made = 0;
    let mut request = Some(request);
    loop {
        made += 1;
        let last = made >= attempts;
        let this = if last {
            request.take()
        } else {
            request.clone()
        };
        let this = this.expect("only the last attempt takes it");
        let exchange = network.send(link, this, made > 1).await;
        let again = matches!(&exchange.result, Err(failure) if failure.is_transient());
        if !again || last {
            return exchange;
        }
        let pause = network.backoff(made);
        let at = Moment::from_start(link.clock.now()) + pause;
        link.clock.sleep_until(at).await;
    }
}

fn sdk_error<E>(failure: Failure, generic: fn(ErrorMetadata) -> E) -> SdkError<E> {
    match failure {
        Failure::Service { code, status } => {
            let error = generic(ErrorMetadata::builder().code(code).build());
            let status = StatusCode::try_from(status).expect("a status of the service's model");
            SdkError::service_error(error, HttpResponse::new(status, SdkBody::empty()))
        }
        Failure::Page { status } => {
            // The SDK reads a body that is not JSON as an error without a code.
            let error = generic(ErrorMetadata::builder().build());
            let status = StatusCode::try_from(status).expect("a status of an error");
            SdkError::service_error(error, HttpResponse::new(status, SdkBody::from("<html>")))
        }
        Failure::NoCredentials => {
            let error = CredentialsError::provider_error("no answer");
            SdkError::dispatch_failure(ConnectorError::other(error.into(), None))
        }
        Failure::TimedOut => SdkError::timeout_error("no answer"),
        Failure::Reset => {
            let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            SdkError::dispatch_failure(ConnectorError::io(reset.into()))
        }
    }
}

macro_rules! operations {
    ($($method:ident $input:ident $output:ident $error:ident;)*) => {
        $(use aws_sdk_sqs::operation::$method::{$error, $output, builders::$input};)*

        impl SqsApi for ProcessApi {
            $(
                fn $method(&self, input: $input) -> Call<$output, $error> {
                    self.call(encode::$method(&input), decode::$method, $error::generic)
                }
            )*
        }
    };
}

operations! {
    create_queue CreateQueueInputBuilder CreateQueueOutput CreateQueueError;
    delete_queue DeleteQueueInputBuilder DeleteQueueOutput DeleteQueueError;
    list_queues ListQueuesInputBuilder ListQueuesOutput ListQueuesError;
    get_queue_attributes GetQueueAttributesInputBuilder GetQueueAttributesOutput GetQueueAttributesError;
    list_queue_tags ListQueueTagsInputBuilder ListQueueTagsOutput ListQueueTagsError;
    tag_queue TagQueueInputBuilder TagQueueOutput TagQueueError;
    send_message SendMessageInputBuilder SendMessageOutput SendMessageError;
    send_message_batch SendMessageBatchInputBuilder SendMessageBatchOutput SendMessageBatchError;
    receive_message ReceiveMessageInputBuilder ReceiveMessageOutput ReceiveMessageError;
    delete_message DeleteMessageInputBuilder DeleteMessageOutput DeleteMessageError;
    delete_message_batch DeleteMessageBatchInputBuilder DeleteMessageBatchOutput DeleteMessageBatchError;
    change_message_visibility ChangeMessageVisibilityInputBuilder ChangeMessageVisibilityOutput
        ChangeMessageVisibilityError;
    change_message_visibility_batch ChangeMessageVisibilityBatchInputBuilder ChangeMessageVisibilityBatchOutput
        ChangeMessageVisibilityBatchError;
}

mod encode {
    use super::*;
    use local_sqs::engine::api::requests;

    pub(super) fn create_queue(input: &CreateQueueInputBuilder) -> Request {
        Request::CreateQueue(request!(CreateQueue {
            queue_name: input.get_queue_name().clone(),
            attributes: translate::sorted(input.get_attributes().as_ref()),
            tags: translate::sorted(input.get_tags().as_ref()),
        }))
    }

    pub(super) fn delete_queue(input: &DeleteQueueInputBuilder) -> Request {
        Request::DeleteQueue(request!(DeleteQueue {
            queue_url: input.get_queue_url().clone(),
        }))
    }

    pub(super) fn list_queues(input: &ListQueuesInputBuilder) -> Request {
        Request::ListQueues(request!(ListQueues {
            queue_name_prefix: input.get_queue_name_prefix().clone(),
            next_token: input.get_next_token().clone(),
            max_results: input.get_max_results().map(i64::from),
        }))
    }

    pub(super) fn get_queue_attributes(input: &GetQueueAttributesInputBuilder) -> Request {
        Request::GetQueueAttributes(request!(GetQueueAttributes {
            queue_url: input.get_queue_url().clone(),
            attribute_names: translate::names(input.get_attribute_names().as_ref()),
        }))
    }

    pub(super) fn list_queue_tags(input: &ListQueueTagsInputBuilder) -> Request {
        Request::ListQueueTags(request!(ListQueueTags {
            queue_url: input.get_queue_url().clone(),
        }))
    }

    pub(super) fn tag_queue(input: &TagQueueInputBuilder) -> Request {
        Request::TagQueue(request!(TagQueue {
            queue_url: input.get_queue_url().clone(),
            tags: translate::sorted(input.get_tags().as_ref()),
        }))
    }

    pub(super) fn send_message(input: &SendMessageInputBuilder) -> Request {
        Request::SendMessage(request!(SendMessage {
            queue_url: input.get_queue_url().clone(),
            message_body: input.get_message_body().as_deref().map(Into::into),
            delay_seconds: input.get_delay_seconds().map(i64::from),
            message_attributes: translate::attributes(input.get_message_attributes().as_ref()),
            message_group_id: input.get_message_group_id().as_deref().map(Into::into),
            message_deduplication_id: input
                .get_message_deduplication_id()
                .as_deref()
                .map(Into::into),
        }))
    }

    pub(super) fn send_message_batch(input: &SendMessageBatchInputBuilder) -> Request {
        let entries = input.get_entries().iter().flatten();
        Request::SendMessageBatch(request!(SendMessageBatch {
            queue_url: input.get_queue_url().clone(),
            entries: Some(entries.map(translate::send_entry).collect()),
        }))
    }

    pub(super) fn receive_message(input: &ReceiveMessageInputBuilder) -> Request {
        let system = input.get_message_system_attribute_names();
        Request::ReceiveMessage(request!(ReceiveMessage {
            queue_url: input.get_queue_url().clone(),
            message_system_attribute_names: translate::names(system.as_ref()),
            message_attribute_names: translate::names(input.get_message_attribute_names().as_ref()),
            max_number_of_messages: input.get_max_number_of_messages().map(i64::from),
            visibility_timeout: input.get_visibility_timeout().map(i64::from),
            wait_time_seconds: input.get_wait_time_seconds().map(i64::from),
        }))
    }

    pub(super) fn delete_message(input: &DeleteMessageInputBuilder) -> Request {
        Request::DeleteMessage(request!(DeleteMessage {
            queue_url: input.get_queue_url().clone(),
            receipt_handle: input.get_receipt_handle().clone(),
        }))
    }

    pub(super) fn delete_message_batch(input: &DeleteMessageBatchInputBuilder) -> Request {
        let entry = |entry: &aws_sdk_sqs::types::DeleteMessageBatchRequestEntry| {
            request!(DeleteMessageBatchEntry {
                id: Some(entry.id.clone()),
                receipt_handle: Some(entry.receipt_handle.clone()),
            })
        };
        Request::DeleteMessageBatch(request!(DeleteMessageBatch {
            queue_url: input.get_queue_url().clone(),
            entries: Some(input.get_entries().iter().flatten().map(entry).collect()),
        }))
    }

    pub(super) fn change_message_visibility(
        input: &ChangeMessageVisibilityInputBuilder,
    ) -> Request {
        Request::ChangeMessageVisibility(request!(ChangeMessageVisibility {
            queue_url: input.get_queue_url().clone(),
            receipt_handle: input.get_receipt_handle().clone(),
            visibility_timeout: input.get_visibility_timeout().map(i64::from),
        }))
    }

    pub(super) fn change_message_visibility_batch(
        input: &ChangeMessageVisibilityBatchInputBuilder,
    ) -> Request {
        let entry = |entry: &aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry| {
            request!(ChangeMessageVisibilityBatchEntry {
                id: Some(entry.id.clone()),
                receipt_handle: Some(entry.receipt_handle.clone()),
                visibility_timeout: entry.visibility_timeout.map(i64::from),
            })
        };
        Request::ChangeMessageVisibilityBatch(request!(ChangeMessageVisibilityBatch {
            queue_url: input.get_queue_url().clone(),
            entries: Some(input.get_entries().iter().flatten().map(entry).collect()),
        }))
    }
}

mod decode {
    use super::*;
    use aws_sdk_sqs::types as sdk;

    pub(super) fn create_queue(output: Output) -> Option<CreateQueueOutput> {
        let Output::QueueUrl(made) = output else {
            return None;
        };
        Some(
            CreateQueueOutput::builder()
                .queue_url(made.queue_url)
                .build(),
        )
    }

    pub(super) fn delete_queue(_: Output) -> Option<DeleteQueueOutput> {
        Some(DeleteQueueOutput::builder().build())
    }

    pub(super) fn list_queues(output: Output) -> Option<ListQueuesOutput> {
        let Output::Queues(page) = output else {
            return None;
        };
        Some(
            ListQueuesOutput::builder()
                .set_queue_urls(Some(page.queue_urls))
                .set_next_token(page.next_token)
                .build(),
        )
    }

    pub(super) fn get_queue_attributes(output: Output) -> Option<GetQueueAttributesOutput> {
        let Output::QueueAttributes(of_queue) = output else {
            return None;
        };
        let attributes = of_queue.attributes.into_iter();
        let attributes = attributes.map(|(name, value)| (name.into(), value));
        Some(
            GetQueueAttributesOutput::builder()
                .set_attributes(Some(attributes.collect()))
                .build(),
        )
    }

    pub(super) fn list_queue_tags(output: Output) -> Option<ListQueueTagsOutput> {
        let Output::Tags(tags) = output else {
            return None;
        };
        Some(
            ListQueueTagsOutput::builder()
                .set_tags(Some(tags.tags.into_iter().collect()))
                .build(),
        )
    }

    pub(super) fn tag_queue(_: Output) -> Option<TagQueueOutput> {
        Some(TagQueueOutput::builder().build())
    }

    pub(super) fn send_message(output: Output) -> Option<SendMessageOutput> {
        let Output::Sent(sent) = output else {
            return None;
        };
        Some(
            SendMessageOutput::builder()
                .message_id(sent.message_id)
                .md5_of_message_body(sent.md5_of_message_body)
                .set_sequence_number(sent.sequence_number)
                .build(),
        )
    }

    pub(super) fn send_message_batch(output: Output) -> Option<SendMessageBatchOutput> {
        let Output::SentBatch(batch) = output else {
            return None;
        };
        let successful = batch.successful.into_iter().map(translate::sent_entry);
        let failed = batch.failed.into_iter().map(translate::failed_entry);
        SendMessageBatchOutput::builder()
            .set_successful(Some(successful.collect()))
            .set_failed(Some(failed.collect()))
            .build()
            .ok()
    }

    pub(super) fn receive_message(output: Output) -> Option<ReceiveMessageOutput> {
        let Output::Messages(received) = output else {
            return None;
        };
        let messages: Vec<_> = received
            .messages
            .into_iter()
            .map(translate::message)
            .collect();
        let messages = (!messages.is_empty()).then_some(messages);
        Some(
            ReceiveMessageOutput::builder()
                .set_messages(messages)
                .build(),
        )
    }

    pub(super) fn delete_message(_: Output) -> Option<DeleteMessageOutput> {
        Some(DeleteMessageOutput::builder().build())
    }

    pub(super) fn delete_message_batch(output: Output) -> Option<DeleteMessageBatchOutput> {
        let Output::Batch(batch) = output else {
            return None;
        };
        let done = batch.successful.into_iter().map(|entry| {
            let done = sdk::DeleteMessageBatchResultEntry::builder();
            done.id(entry.id).build().expect("the id is set")
        });
        let failed = batch.failed.into_iter().map(translate::failed_entry);
        DeleteMessageBatchOutput::builder()
            .set_successful(Some(done.collect()))
            .set_failed(Some(failed.collect()))
            .build()
            .ok()
    }

    pub(super) fn change_message_visibility(_: Output) -> Option<ChangeMessageVisibilityOutput> {
        Some(ChangeMessageVisibilityOutput::builder().build())
    }

    pub(super) fn change_message_visibility_batch(
        output: Output,
    ) -> Option<ChangeMessageVisibilityBatchOutput> {
        let Output::Batch(batch) = output else {
            return None;
        };
        let done = batch.successful.into_iter().map(|entry| {
            let done = sdk::ChangeMessageVisibilityBatchResultEntry::builder();
            done.id(entry.id).build().expect("the id is set")
        });
        let failed = batch.failed.into_iter().map(translate::failed_entry);
        ChangeMessageVisibilityBatchOutput::builder()
            .set_successful(Some(done.collect()))
            .set_failed(Some(failed.collect()))
            .build()
            .ok()
    }
}
