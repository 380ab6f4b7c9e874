//! The requests and answers of the SQS API as plain data.
//!
//! Owns the names of all actions and their members. Checks nothing: a missing member is `None` here and an error later,
//! as in SQS. The serde names are the names in the service's model, so that the JSON protocol needs no second
//! description.

use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub mod outputs;
pub mod requests;
mod values;

pub use outputs::Output;
pub use values::{Blob, MessageAttribute};

macro_rules! actions {
    ($($action:ident,)*) => {
        /// An action of the SQS API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $(#[doc = concat!("`", stringify!($action), "`.")] $action,)*
        }

        impl Action {
            /// All actions, in order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$action,)*];

            /// The action's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$action => stringify!($action),)* }
            }

            /// The action of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $(stringify!($action) => Some(Self::$action),)* _ => None }
            }

            /// Reads the members of this action's request.
            ///
            /// # Errors
            ///
            /// The deserializer's error, if a member has the wrong type. A missing member is not an error here.
            pub fn decode<'de, D: Deserializer<'de>>(self, members: D) -> Result<Request, D::Error> {
                Ok(match self { $(Self::$action => Request::$action(Deserialize::deserialize(members)?),)* })
            }
        }

        /// A request: an action and its members.
        #[derive(Clone, Debug)]
        pub enum Request {
            $(#[doc = concat!("`", stringify!($action), "`.")] $action(requests::$action),)*
        }

        impl Request {
            /// Which action this is.
            pub const fn action(&self) -> Action {
                match self { $(Self::$action(_) => Action::$action,)* }
            }
        }
    };
}

actions! {
    AddPermission,
    CancelMessageMoveTask,
    ChangeMessageVisibility,
    ChangeMessageVisibilityBatch,
    CreateQueue,
    DeleteMessage,
    DeleteMessageBatch,
    DeleteQueue,
    GetQueueAttributes,
    GetQueueUrl,
    ListDeadLetterSourceQueues,
    ListMessageMoveTasks,
    ListQueueTags,
    ListQueues,
    PurgeQueue,
    ReceiveMessage,
    RemovePermission,
    SendMessage,
    SendMessageBatch,
    SetQueueAttributes,
    StartMessageMoveTask,
    TagQueue,
    UntagQueue,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Request {
    /// The URL of the request's queue; `None` if the action has no `QueueUrl` member.
    pub fn queue_url(&self) -> Option<&str> {
        let url = match self {
            Self::AddPermission(it) => &it.queue_url,
            Self::ChangeMessageVisibility(it) => &it.queue_url,
            Self::ChangeMessageVisibilityBatch(it) => &it.queue_url,
            Self::DeleteMessage(it) => &it.queue_url,
            Self::DeleteMessageBatch(it) => &it.queue_url,
            Self::DeleteQueue(it) => &it.queue_url,
            Self::GetQueueAttributes(it) => &it.queue_url,
            Self::ListDeadLetterSourceQueues(it) => &it.queue_url,
            Self::ListQueueTags(it) => &it.queue_url,
            Self::PurgeQueue(it) => &it.queue_url,
            Self::ReceiveMessage(it) => &it.queue_url,
            Self::RemovePermission(it) => &it.queue_url,
            Self::SendMessage(it) => &it.queue_url,
            Self::SendMessageBatch(it) => &it.queue_url,
            Self::SetQueueAttributes(it) => &it.queue_url,
            Self::TagQueue(it) => &it.queue_url,
            Self::UntagQueue(it) => &it.queue_url,
            Self::CancelMessageMoveTask(_)
            | Self::CreateQueue(_)
            | Self::GetQueueUrl(_)
            | Self::ListMessageMoveTasks(_)
            | Self::ListQueues(_)
            | Self::StartMessageMoveTask(_) => &None,
        };
        url.as_deref().filter(|url| !url.is_empty())
    }

    /// Adds this trace header to each message of a send, unless the message already has one.
    pub(crate) fn trace(&mut self, header: &str) {
        let name: Arc<str> = "AWSTraceHeader".into();
        let value = || MessageAttribute {
            data_type: Some("String".into()),
            string_value: Some(header.into()),
            ..MessageAttribute::default()
        };
        let trace = |attributes: &mut Option<BTreeMap<Arc<str>, MessageAttribute>>| {
            let attributes = attributes.get_or_insert_default();
            attributes.entry(name.clone()).or_insert_with(value);
        };
        match self {
            Self::SendMessage(it) => trace(&mut it.message_system_attributes),
            Self::SendMessageBatch(it) => it
                .entries
                .iter_mut()
                .flatten()
                .for_each(|entry| trace(&mut entry.message_system_attributes)),
            _ => {}
        }
    }

    /// The actions that the caller needs permission for: the request's action, and `TagQueue` if a queue is created
    /// with tags (API reference, `CreateQueue`).
    pub(crate) fn rights(&self) -> impl Iterator<Item = Action> {
        let tags = matches!(self, Self::CreateQueue(it) if it.tags.as_ref().is_some_and(|tags| !tags.is_empty()));
        std::iter::once(self.action()).chain(tags.then_some(Action::TagQueue))
    }

    /// The name of the queue that permissions are checked for; `*` if the request has no queue.
    pub(crate) fn resource(&self) -> String {
        let arn = |arn: &Option<String>| {
            arn.as_deref()
                .and_then(|arn| arn.rsplit(':').next())
                .map(str::to_owned)
        };
        let name = match self {
            Self::CreateQueue(it) => it.queue_name.clone(),
            Self::GetQueueUrl(it) => it.queue_name.clone(),
            Self::StartMessageMoveTask(it) => arn(&it.source_arn),
            Self::ListMessageMoveTasks(it) => arn(&it.source_arn),
            request => request
                .queue_url()
                .and_then(|url| url.trim_end_matches('/').rsplit('/').next())
                .map(str::to_owned),
        };
        name.unwrap_or_else(|| "*".to_owned())
    }
}
