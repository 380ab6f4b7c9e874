//! The operations of the typed path, with the conversion of their inputs and outputs.

use aws_sdk_sqs::operation::delete_message::{DeleteMessageInput, DeleteMessageOutput};
use aws_sdk_sqs::operation::delete_message_batch::{
    DeleteMessageBatchInput, DeleteMessageBatchOutput,
};
use aws_sdk_sqs::operation::receive_message::{ReceiveMessageInput, ReceiveMessageOutput};
use aws_sdk_sqs::operation::send_message::{SendMessageInput, SendMessageOutput};
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchInput, SendMessageBatchOutput};
use aws_smithy_runtime_api::client::interceptors::context::{Input, Output};

use super::members::IntoOutput;
use crate::drop_in::refusal::{Failure, Kind, Refusal};
use crate::drop_in::service::Service;

macro_rules! calls {
    ($($method:ident: $input:ident => $output:ident;)*) => {
        /// The queue's URL, if the operation has a typed path.
        pub(super) fn queue_url(input: &Input) -> Option<&str> {
            $(
                if let Some(input) = input.downcast_ref::<$input>() {
                    return input.queue_url();
                }
            )*
            None
        }

        impl Service {
            pub(super) async fn typed(&self, input: Input) -> Result<Output, Failure> {
                $(
                    let input = match input.downcast::<$input>() {
                        Ok(input) => {
                            let answer = self.$method(input.into()).await?;
                            let output: $output = answer.into_output();
                            return Ok(Output::erase(output));
                        }
                        Err(other) => other,
                    };
                )*
                // `queue_url` accepts only the inputs above, so no other input gets here.
                drop(input);
                let text = "The operation has no typed path.";
                Err(Refusal::new(Kind::UnsupportedOperation, text).into())
            }
        }
    };
}

calls! {
    send: SendMessageInput => SendMessageOutput;
    receive: ReceiveMessageInput => ReceiveMessageOutput;
    delete: DeleteMessageInput => DeleteMessageOutput;
    send_batch: SendMessageBatchInput => SendMessageBatchOutput;
    delete_batch: DeleteMessageBatchInput => DeleteMessageBatchOutput;
}
