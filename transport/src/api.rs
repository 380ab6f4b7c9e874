//! The seam: the SQS operations that the framework needs, as a trait.

use std::fmt;
use std::future;
use std::time::SystemTime;

use aws_sdk_sqs::error::SdkError;
use futures::future::BoxFuture;

use crate::stats::Action;

/// The answer to one operation: the SDK's own output or error, and SQS's time if the answer contained it.
#[derive(Debug)]
pub struct Answer<T, E> {
    /// The `Date` header of the answer, also of an error. Truncated to whole seconds: the true time was up to a
    /// second later. `None` when there was no answer, or when the answer had no such header.
    pub date: Option<SystemTime>,
    /// What the SDK returned.
    pub result: Result<T, SdkError<E>>,
}

/// An operation in progress. It owns all its data, so that it can outlive the caller.
pub type Call<T, E> = BoxFuture<'static, Answer<T, E>>;

/// The error of an operation that an implementation of [`SqsApi`] does not support.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported(pub Action);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "this implementation of SqsApi does not support {}",
            self.0
        )
    }
}

impl std::error::Error for Unsupported {}

/// Calls `$then!` with the list of all operations. A new operation is added only here.
macro_rules! for_each_operation {
    ($then:ident) => {
        $then! {
            /// `CreateQueue`.
            create_queue CreateQueue CreateQueueInputBuilder CreateQueueOutput CreateQueueError;
            /// `DeleteQueue`.
            delete_queue DeleteQueue DeleteQueueInputBuilder DeleteQueueOutput DeleteQueueError;
            /// `ListQueues`.
            list_queues ListQueues ListQueuesInputBuilder ListQueuesOutput ListQueuesError;
            /// `GetQueueAttributes`.
            get_queue_attributes GetQueueAttributes GetQueueAttributesInputBuilder GetQueueAttributesOutput
                GetQueueAttributesError;
            /// `ListQueueTags`.
            list_queue_tags ListQueueTags ListQueueTagsInputBuilder ListQueueTagsOutput ListQueueTagsError;
            /// `TagQueue`.
            tag_queue TagQueue TagQueueInputBuilder TagQueueOutput TagQueueError;
            /// `SendMessage`.
            send_message SendMessage SendMessageInputBuilder SendMessageOutput SendMessageError;
            /// `SendMessageBatch`.
            send_message_batch SendMessageBatch SendMessageBatchInputBuilder SendMessageBatchOutput
                SendMessageBatchError;
            /// `ReceiveMessage`. `Sqs` sets its timeout. An implementation must neither retry it nor end it early.
            receive_message ReceiveMessage ReceiveMessageInputBuilder ReceiveMessageOutput ReceiveMessageError;
            /// `DeleteMessage`.
            delete_message DeleteMessage DeleteMessageInputBuilder DeleteMessageOutput DeleteMessageError;
            /// `DeleteMessageBatch`.
            delete_message_batch DeleteMessageBatch DeleteMessageBatchInputBuilder DeleteMessageBatchOutput
                DeleteMessageBatchError;
            /// `ChangeMessageVisibility`.
            change_message_visibility ChangeMessageVisibility ChangeMessageVisibilityInputBuilder
                ChangeMessageVisibilityOutput ChangeMessageVisibilityError;
            /// `ChangeMessageVisibilityBatch`.
            change_message_visibility_batch ChangeMessageVisibilityBatch ChangeMessageVisibilityBatchInputBuilder
                ChangeMessageVisibilityBatchOutput ChangeMessageVisibilityBatchError;
        }
    };
}
pub(super) use for_each_operation;

/// Brings the SDK's inputs and outputs of all operations into scope.
macro_rules! import_operations {
    ($($(#[$doc:meta])* $method:ident $action:ident $input:ident $output:ident $error:ident;)*) => {
        $(use aws_sdk_sqs::operation::$method::{$output, builders::$input};)*
    };
}
/// Brings the SDK's errors of all operations into scope.
macro_rules! import_errors {
    ($($(#[$doc:meta])* $method:ident $action:ident $input:ident $output:ident $error:ident;)*) => {
        $(use aws_sdk_sqs::operation::$method::$error;)*
    };
}
pub(super) use {import_errors, import_operations};

for_each_operation!(import_operations);
for_each_operation!(import_errors);

macro_rules! define_trait {
    ($($(#[$doc:meta])* $method:ident $action:ident $input:ident $output:ident $error:ident;)*) => {
        /// The queue operations that the framework needs.
        ///
        /// Each takes the SDK's input *builder*, because a client can only send a builder (`send_with`), and returns
        /// the SDK's own output or error. [`ClientApi`](super::ClientApi) implements it over [`aws_sdk_sqs::Client`];
        /// tests and simulations have implementations of their own.
        ///
        /// Every method has a default body that answers [`Unsupported`], so that adding an operation does not break
        /// implementations.
        pub trait SqsApi: fmt::Debug + Send + Sync + 'static {
            /// The region of the endpoint that all calls go to, as in `eu-west-1`. Default: not known.
            ///
            /// The region identifies the queue of a URL that contains no region, such as the URLs of local servers
            /// and of endpoints under the user's own DNS name: see [`HostKey`](sqs_rpc_protocol::HostKey). An
            /// implementation that forwards calls to another implementation should forward this method, too.
            fn region(&self) -> Option<&str> {
                None
            }

            $(
                $(#[$doc])*
                fn $method(&self, input: $input) -> Call<$output, $error> {
                    drop(input);
                    Box::pin(future::ready(unsupported(Action::$action)))
                }
            )*
        }
    };
}
for_each_operation!(define_trait);

fn unsupported<T, E>(action: Action) -> Answer<T, E> {
    Answer {
        date: None,
        result: Err(SdkError::construction_failure(Unsupported(action))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Nothing;
    impl SqsApi for Nothing {}

    #[tokio::test]
    async fn a_method_that_is_not_implemented_answers_unsupported() {
        let answer = Nothing.tag_queue(TagQueueInputBuilder::default()).await;
        let source = answer.result.unwrap_err().into_source().unwrap();
        assert_eq!(source.downcast_ref(), Some(&Unsupported(Action::TagQueue)));
    }
}
