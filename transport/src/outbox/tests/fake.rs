//! An SQS that accepts batches, records them and answers from a script.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::error::{ErrorMetadata, SdkError};
use aws_sdk_sqs::operation::change_message_visibility_batch::{
    ChangeMessageVisibilityBatchError, ChangeMessageVisibilityBatchOutput,
    builders::ChangeMessageVisibilityBatchInputBuilder,
};
use aws_sdk_sqs::operation::delete_message_batch::{
    DeleteMessageBatchError, DeleteMessageBatchOutput, builders::DeleteMessageBatchInputBuilder,
};
use aws_sdk_sqs::operation::send_message_batch::{
    SendMessageBatchError, SendMessageBatchOutput, builders::SendMessageBatchInputBuilder,
};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchResultEntry, DeleteMessageBatchResultEntry,
    SendMessageBatchResultEntry,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use md5::{Digest, Md5};

use crate::{Answer, Call, Clock, Moment, Random, Sqs, SqsApi};

/// The script's answer to one call.
pub(super) enum Reply {
    /// Accepts all entries.
    Done,
    /// One answer for each entry.
    Entries(Vec<Said>),
    /// An error for the whole call.
    Refused(&'static str, u16),
    /// No answer.
    Never,
    Panic,
}

/// The script's answer to one entry.
#[derive(Clone, Copy)]
pub(super) enum Said {
    Done,
    /// The code, and whether the sender caused the failure.
    Failed(&'static str, bool),
    Nothing,
    OtherMd5,
}

/// A call that was made.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) at: Moment,
    /// Bodies or receipt handles; for changes also the new timeout.
    pub(super) entries: Vec<String>,
}

#[derive(Clone)]
pub(super) struct Fake {
    clock: Clock,
    latency: Duration,
    state: Arc<Mutex<State>>,
}

type Script = Box<dyn FnMut(&[String]) -> Reply + Send>;

struct State {
    seen: Vec<Seen>,
    script: Script,
}

impl Fake {
    /// A call takes `latency`. The script is called when the call begins.
    pub(super) fn new(
        latency: Duration,
        script: impl FnMut(&[String]) -> Reply + Send + 'static,
    ) -> Self {
        let state = State {
            seen: Vec::new(),
            script: Box::new(script),
        };
        let clock = Clock::tokio(SystemTime::UNIX_EPOCH);
        Self {
            clock,
            latency,
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(super) fn sqs(&self) -> Sqs {
        Sqs::builder(self.clone())
            .clock(self.clock.clone())
            .random(Random::seeded(1))
            .build()
    }

    pub(super) fn calls(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// The entries of each call.
    pub(super) fn batches(&self) -> Vec<Vec<String>> {
        self.calls().into_iter().map(|seen| seen.entries).collect()
    }

    fn call<T, E>(
        &self,
        entries: Vec<(String, String)>,
        answer: impl FnOnce(Vec<(String, String, Said)>, Vec<BatchResultErrorEntry>) -> T
        + Send
        + 'static,
        error: impl FnOnce(ErrorMetadata) -> E + Send + 'static,
    ) -> Call<T, E> {
        let (ids, texts): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        let reply = {
            let mut state = self.state.lock().unwrap();
            state.seen.push(Seen {
                at: self.clock.now(),
                entries: texts.clone(),
            });
            (state.script)(&texts)
        };
        let answered = self.clock.sleep(self.latency);
        Box::pin(async move {
            answered.await;
            let said = match reply {
                Reply::Done => vec![Said::Done; ids.len()],
                Reply::Entries(said) => said,
                Reply::Refused(code, status) => {
                    let error = error(ErrorMetadata::builder().code(code).build());
                    let response =
                        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
                    return Answer {
                        date: None,
                        result: Err(SdkError::service_error(error, response)),
                    };
                }
                Reply::Never => std::future::pending().await,
                Reply::Panic => panic!("as the script says"),
            };
            assert_eq!(
                said.len(),
                ids.len(),
                "the script has an answer for each entry"
            );
            let (mut successful, mut failed) = (Vec::new(), Vec::new());
            // SQS guarantees no order of the entries in its answer.
            for ((id, text), said) in ids.into_iter().zip(texts).zip(said).rev() {
                match said {
                    Said::Done | Said::OtherMd5 => successful.push((id, text, said)),
                    Said::Failed(code, sender_fault) => {
                        let entry = BatchResultErrorEntry::builder()
                            .id(id)
                            .code(code)
                            .sender_fault(sender_fault);
                        failed.push(entry.build().unwrap());
                    }
                    Said::Nothing => {}
                }
            }
            Answer {
                date: None,
                result: Ok(answer(successful, failed)),
            }
        })
    }
}

impl SqsApi for Fake {
    fn send_message_batch(
        &self,
        input: SendMessageBatchInputBuilder,
    ) -> Call<SendMessageBatchOutput, SendMessageBatchError> {
        let entries = input.get_entries().clone().unwrap().into_iter();
        let answer = |successful: Vec<(String, String, Said)>, failed| {
            let entries = successful.into_iter().map(|(id, body, said)| {
                let text = if matches!(said, Said::OtherMd5) {
                    "another"
                } else {
                    &body
                };
                let md5 = u128::from_be_bytes(Md5::digest(text).into());
                let entry = SendMessageBatchResultEntry::builder()
                    .id(id)
                    .message_id(format!("id of {body}"));
                entry
                    .md5_of_message_body(format!("{md5:032x}"))
                    .build()
                    .unwrap()
            });
            let entries = entries.collect();
            SendMessageBatchOutput::builder()
                .set_successful(Some(entries))
                .set_failed(Some(failed))
                .build()
                .unwrap()
        };
        self.call(
            entries
                .map(|entry| (entry.id, entry.message_body))
                .collect(),
            answer,
            SendMessageBatchError::generic,
        )
    }

    fn delete_message_batch(
        &self,
        input: DeleteMessageBatchInputBuilder,
    ) -> Call<DeleteMessageBatchOutput, DeleteMessageBatchError> {
        let entries = input.get_entries().clone().unwrap().into_iter();
        let answer = |successful: Vec<(String, String, Said)>, failed| {
            let entries = successful.into_iter();
            let entries = entries.map(|(id, _, _)| {
                DeleteMessageBatchResultEntry::builder()
                    .id(id)
                    .build()
                    .unwrap()
            });
            let entries = entries.collect();
            DeleteMessageBatchOutput::builder()
                .set_successful(Some(entries))
                .set_failed(Some(failed))
                .build()
                .unwrap()
        };
        self.call(
            entries
                .map(|entry| (entry.id, entry.receipt_handle))
                .collect(),
            answer,
            DeleteMessageBatchError::generic,
        )
    }

    fn change_message_visibility_batch(
        &self,
        input: ChangeMessageVisibilityBatchInputBuilder,
    ) -> Call<ChangeMessageVisibilityBatchOutput, ChangeMessageVisibilityBatchError> {
        let entries = input.get_entries().clone().unwrap().into_iter();
        let text = |receipt_handle: &str, timeout: Option<i32>| {
            format!("{receipt_handle} {}", timeout.unwrap())
        };
        let answer = |successful: Vec<(String, String, Said)>, failed| {
            let entries = successful.into_iter();
            let entries = entries.map(|(id, _, _)| {
                ChangeMessageVisibilityBatchResultEntry::builder()
                    .id(id)
                    .build()
                    .unwrap()
            });
            let output = ChangeMessageVisibilityBatchOutput::builder()
                .set_successful(Some(entries.collect()));
            output.set_failed(Some(failed)).build().unwrap()
        };
        self.call(
            entries
                .map(|entry| {
                    (
                        entry.id,
                        text(&entry.receipt_handle, entry.visibility_timeout),
                    )
                })
                .collect(),
            answer,
            ChangeMessageVisibilityBatchError::generic,
        )
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake").finish_non_exhaustive()
    }
}
