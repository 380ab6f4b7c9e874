//! The reply queue: a temporary host, or a queue that the user has given.
//!
//! Owns: the choice between the two, and the error of a request if there is no reply queue. Does not own: making,
//! keeping, giving up and deleting hosts ([`TemporaryQueues`]), nor polling and routing ([`VirtualQueues`]). Invariant:
//! for a given queue, the requester makes no calls but receives and deletes of messages.

mod options;

use std::fmt;

use aws_sdk_sqs::operation::list_queue_tags::builders::ListQueueTagsInputBuilder;
use futures::FutureExt;
use sqs_rpc_protocol::{HostQueueUrl, QueueUrl};
use sqs_rpc_transport::{Delivery, Moment, mutant};
use sqs_temporary_queues::{TemporaryError, TemporaryQueues, TemporaryReport};
use sqs_virtual_queues::{Host, VirtualQueues};

use crate::RequestError;

pub(crate) use self::options::HostOptions;

/// The reply queue of one requester.
pub(crate) struct ReplyQueue {
    queues: VirtualQueues,
    source: Source,
}

enum Source {
    /// Given by the user, who also deletes the queue.
    Given(HostQueueUrl),
    /// Made on the first request, and again on a later request if there is no host then.
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

    /// Waits for a host that can be used. `None` if there is none by `deadline`.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the creation of a host: later callers use that host.
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
        // The usual case needs no timer: the host exists.
        if let Some(usable) = usable.as_mut().now_or_never() {
            return Ok(usable.map(Some)?);
        }
        let in_time = clock.timeout_at(deadline, usable).await;
        Ok(in_time.ok().transpose()?)
    }

    /// The current host's URL, if there is a host.
    pub(crate) fn url(&self) -> Option<HostQueueUrl> {
        match &self.source {
            Source::Given(url) => Some(url.clone()),
            Source::Own(hosts) => hosts.current_host(),
        }
    }

    /// All hosts on which replies may arrive now.
    pub(crate) fn all(&self) -> Vec<HostQueueUrl> {
        match &self.source {
            Source::Given(url) => vec![url.clone()],
            Source::Own(hosts) => hosts.hosts(),
        }
    }

    /// Ends with `Closed` every request that waits for a host, or for a reply on an own host. Later requests end so, too.
    pub(crate) fn close(&self) {
        match &self.source {
            // The shutdown of the virtual queues, which follows, ends the pending requests.
            Source::Given(_) => {}
            Source::Own(hosts) => hosts.close(),
        }
    }

    /// Deletes the own hosts, until `end`. Call it after [`close`](Self::close).
    pub(crate) async fn delete(&self, end: Moment) -> TemporaryReport {
        match &self.source {
            Source::Given(_) => TemporaryReport::default(),
            Source::Own(hosts) => {
                let within = end.since(self.queues.sqs().clock().now());
                hosts.shutdown(within).await
            }
        }
    }

    /// An own host that is not deleted.
    pub(crate) fn undeleted(&self) -> Option<HostQueueUrl> {
        match &self.source {
            Source::Given(_) => None,
            Source::Own(hosts) => hosts.undeleted().into_iter().next(),
        }
    }

    /// Whether `queue` is the reply queue that the user has given.
    pub(crate) fn is_given_as(&self, queue: &QueueUrl) -> bool {
        let sqs = self.queues.sqs();
        match &self.source {
            Source::Given(url) => {
                queue.as_virtual().is_none() && sqs.host_key(queue.host()) == sqs.host_key(url)
            }
            Source::Own(_) => false,
        }
    }

    /// Whether the user has given the reply queue.
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
