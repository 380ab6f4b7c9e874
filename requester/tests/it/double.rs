//! An SQS whose calls can be made to fail.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ErrorMetadata, SdkError};
use aws_sdk_sqs::operation::change_message_visibility_batch::{
    ChangeMessageVisibilityBatchError, ChangeMessageVisibilityBatchOutput,
    builders::ChangeMessageVisibilityBatchInputBuilder,
};
use aws_sdk_sqs::operation::create_queue::{
    CreateQueueError, CreateQueueOutput, builders::CreateQueueInputBuilder,
};
use aws_sdk_sqs::operation::delete_message_batch::{
    DeleteMessageBatchError, DeleteMessageBatchOutput, builders::DeleteMessageBatchInputBuilder,
};
use aws_sdk_sqs::operation::delete_queue::{
    DeleteQueueError, DeleteQueueOutput, builders::DeleteQueueInputBuilder,
};
use aws_sdk_sqs::operation::list_queue_tags::{
    ListQueueTagsError, ListQueueTagsOutput, builders::ListQueueTagsInputBuilder,
};
use aws_sdk_sqs::operation::list_queues::{
    ListQueuesError, ListQueuesOutput, builders::ListQueuesInputBuilder,
};
use aws_sdk_sqs::operation::receive_message::{
    ReceiveMessageError, ReceiveMessageOutput, builders::ReceiveMessageInputBuilder,
};
use aws_sdk_sqs::operation::send_message_batch::{
    SendMessageBatchError, SendMessageBatchOutput, builders::SendMessageBatchInputBuilder,
};
use aws_sdk_sqs::operation::tag_queue::{
    TagQueueError, TagQueueOutput, builders::TagQueueInputBuilder,
};
use aws_smithy_types::body::SdkBody;
use sqs_rpc_transport::{Action, Answer, Call, ClientApi, SqsApi};

/// How a call fails.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// The call is refused with this code.
    Refused(&'static str),
    /// The call takes effect, and its answer is lost.
    AnswerLost,
    /// The call takes effect, and its answer is late by this time.
    Late(Duration),
    /// The call reaches SQS late by this time.
    Slow(Duration),
}

/// The fates of the next calls, by action.
type Fates = Vec<(Action, VecDeque<Fate>)>;

/// Makes the real calls, except that the next call of an action takes the first of the action's fates.
#[derive(Debug, Clone)]
pub(crate) struct Double {
    real: ClientApi,
    fates: Arc<Mutex<Fates>>,
}

impl Double {
    pub(crate) fn new(client: &aws_sdk_sqs::Client) -> Self {
        Self {
            real: ClientApi::new(client),
            fates: Arc::default(),
        }
    }

    pub(crate) fn fate(&self, action: Action, fates: impl IntoIterator<Item = Fate>) {
        self.fates
            .lock()
            .expect("not poisoned")
            .push((action, fates.into_iter().collect()));
    }

    fn next(&self, action: Action) -> Option<Fate> {
        let mut fates = self.fates.lock().expect("not poisoned");
        fates
            .iter_mut()
            .find(|(of, fates)| *of == action && !fates.is_empty())?
            .1
            .pop_front()
    }

    fn call<T: Send + 'static, E: Send + 'static>(
        &self,
        action: Action,
        call: impl FnOnce(&ClientApi) -> Call<T, E>,
        error: fn(ErrorMetadata) -> E,
    ) -> Call<T, E> {
        let fate = self.next(action);
        if let Some(Fate::Refused(code)) = fate {
            let error = error(ErrorMetadata::builder().code(code).build());
            let raw = HttpResponse::new(400u16.try_into().expect("a status"), SdkBody::empty());
            let answer = Answer {
                date: None,
                result: Err(SdkError::service_error(error, raw)),
            };
            return Box::pin(async move { answer });
        }
        let call = call(&self.real);
        Box::pin(async move {
            if let Some(Fate::Slow(by)) = fate {
                tokio::time::sleep(by).await;
            }
            let answer = call.await;
            match fate {
                Some(Fate::AnswerLost) => Answer {
                    date: None,
                    result: Err(SdkError::timeout_error("the test lost it")),
                },
                Some(Fate::Late(by)) => {
                    tokio::time::sleep(by).await;
                    answer
                }
                _ => answer,
            }
        })
    }
}

macro_rules! doubled {
    ($($method:ident $action:ident $input:ident $output:ident $error:ident;)*) => {
        impl SqsApi for Double {
            $(fn $method(&self, input: $input) -> Call<$output, $error> {
                self.call(Action::$action, |real| real.$method(input), $error::generic)
            })*
        }
    };
}

doubled! {
    create_queue CreateQueue CreateQueueInputBuilder CreateQueueOutput CreateQueueError;
    delete_queue DeleteQueue DeleteQueueInputBuilder DeleteQueueOutput DeleteQueueError;
    list_queues ListQueues ListQueuesInputBuilder ListQueuesOutput ListQueuesError;
    list_queue_tags ListQueueTags ListQueueTagsInputBuilder ListQueueTagsOutput ListQueueTagsError;
    tag_queue TagQueue TagQueueInputBuilder TagQueueOutput TagQueueError;
    receive_message ReceiveMessage ReceiveMessageInputBuilder ReceiveMessageOutput ReceiveMessageError;
    send_message_batch SendMessageBatch SendMessageBatchInputBuilder SendMessageBatchOutput SendMessageBatchError;
    delete_message_batch DeleteMessageBatch DeleteMessageBatchInputBuilder DeleteMessageBatchOutput
        DeleteMessageBatchError;
    change_message_visibility_batch ChangeMessageVisibilityBatch ChangeMessageVisibilityBatchInputBuilder
        ChangeMessageVisibilityBatchOutput ChangeMessageVisibilityBatchError;
}
