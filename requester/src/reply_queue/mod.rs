//! Where replies arrive: a temporary queue's host, or a queue that the requester was given.
//!
//! Owns: which of the two, and what a failure means to a request. Does not own: when a host is made, kept, given up and
//! deleted, which is [`TemporaryQueues`]', nor polling and routing, which are [`VirtualQueues`]'.
//! Invariant: a requester that was given a queue makes no call for it but receives and deletes of messages.

mod options;

use std::fmt;

use aws_sdk_sqs::operation::list_queue_tags::builders::ListQueueTagsInputBuilder;
use futures::FutureExt;
use sqs_rpc_protocol::{HostQueueUrl, QueueUrl};
use sqs_virtual_queues::sqs::{Delivery, Moment};
use sqs_virtual_queues::{
    Host, TemporaryError, TemporaryQueues, TemporaryReport, VirtualQueues, mutant,
};

use crate::RequestError;

pub(crate) use self::options::HostOptions;

/// The reply queue of one requester.
pub(crate) struct ReplyQueue {
    queues: VirtualQueues,
    source: Source,
}

enum Source {
    /// By the user, who also deletes it.
    Given(HostQueueUrl),
    /// Made on the first request, and again whenever there is none.
    Own(TemporaryQueues),
}

impl ReplyQueue {
    pub(crate) fn given(queues: VirtualQueues, url: HostQueueUrl) -> Self {
        Self {
            queues,
            source: Source::Given(url),
        }
    }

    pub(crate) fn own(hosts: TemporaryQueues) -> Self {
        Self {
            queues: hosts.queues().clone(),
            source: Source::Own(hosts),
        }
    }

    /// A host that can be used now. `None` if there was none by `deadline`.
    ///
    /// # Cancel safety
    /// A creation that was begun goes on for those who come later.
    pub(crate) async fn usable(&self, deadline: Moment) -> Result<Option<Host>, RequestError> {
        let hosts = match &self.source {
            Source::Given(url) => {
                if mutant!("given-host-is-read") {
                    let tags = ListQueueTagsInputBuilder::default().queue_url(url.as_str());
                    drop(self.queues.sqs().list_queue_tags(tags).await);
                }
                return Ok(Some(self.queues.host(url)?));
            }
            Source::Own(hosts) => hosts,
        };
        let clock = self.queues.sqs().clock();
        let mut usable = std::pin::pin!(hosts.host());
        // The usual way, without a timer: there is one.
        if let Some(usable) = usable.as_mut().now_or_never() {
            return Ok(usable.map(Some)?);
        }
        let in_time = clock.timeout_at(deadline, usable).await;
        Ok(in_time.ok().transpose()?)
    }

    /// The host's URL, if there is one.
    pub(crate) fn url(&self) -> Option<HostQueueUrl> {
        match &self.source {
            Source::Given(url) => Some(url.clone()),
            Source::Own(hosts) => hosts.current_host(),
        }
    }

    /// All hosts that may be used now.
    pub(crate) fn all(&self) -> Vec<HostQueueUrl> {
        match &self.source {
            Source::Given(url) => vec![url.clone()],
            Source::Own(hosts) => hosts.hosts(),
        }
    }

    /// Ends everything that waits for a host or on one with `Closed`, and lets no more in.
    pub(crate) fn close(&self) {
        match &self.source {
            // The shutdown of the virtual queues, which follows, ends what is pending.
            Source::Given(_) => {}
            Source::Own(hosts) => hosts.close(),
        }
    }

    /// Deletes what was made here, by `end`; after [`close`](Self::close).
    pub(crate) async fn delete(&self, end: Moment) -> TemporaryReport {
        match &self.source {
            Source::Given(_) => TemporaryReport::default(),
            Source::Own(hosts) => {
                let within = end.since(self.queues.sqs().clock().now());
                hosts.shutdown(within).await
            }
        }
    }

    /// A host that was made here and not deleted.
    pub(crate) fn undeleted(&self) -> Option<HostQueueUrl> {
        match &self.source {
            Source::Given(_) => None,
            Source::Own(hosts) => hosts.undeleted().into_iter().next(),
        }
    }

    /// Whether this is the host that the user has given.
    pub(crate) fn is_given_as(&self, queue: &QueueUrl) -> bool {
        let sqs = self.queues.sqs();
        match &self.source {
            Source::Given(url) => {
                queue.as_virtual().is_none() && sqs.host_key(queue.host()) == sqs.host_key(url)
            }
            Source::Own(_) => false,
        }
    }

    /// Whether the host is the user's.
    pub(crate) const fn is_given(&self) -> bool {
        matches!(self.source, Source::Given(_))
    }
}

impl From<TemporaryError> for RequestError {
    fn from(why: TemporaryError) -> Self {
        match why {
            TemporaryError::NotMade(fault) => Self::before_send(fault),
            TemporaryError::NoRuntime(_) => Self::no_runtime(),
            _ => Self::closed(Delivery::NotSent),
        }
    }
}

impl fmt::Debug for ReplyQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyQueue")
            .field("given", &self.is_given())
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}
