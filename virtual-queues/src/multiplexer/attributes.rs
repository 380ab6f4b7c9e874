//! Attributes and tags of a virtual queue.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_sqs::operation::get_queue_attributes::builders::GetQueueAttributesInputBuilder;
use aws_sdk_sqs::types::QueueAttributeName;
use sqs_rpc_protocol::names;

use super::error::QueueError;
use super::queue::VirtualQueue;
use super::queues::checked_retention;
use super::tags::{self, TagError};

impl VirtualQueue {
    /// Attributes of the queue, by name or with [`QueueAttributeName::All`].
    ///
    /// They are the host's, and of the queue itself: `HostQueueUrl`, `IdleQueueRetentionPeriodSeconds` (if it has
    /// one), and `ApproximateNumberOfMessages`, the messages in its buffer: those that are still with SQS
    /// nobody can count by queue. Costs one call, none if only the queue's own attributes are asked for.
    ///
    /// # Errors
    /// [`QueueError::DoesNotExist`], [`QueueError::Closed`], [`QueueError::Call`].
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    pub async fn attributes(
        &self,
        wanted: impl IntoIterator<Item = QueueAttributeName>,
    ) -> Result<HashMap<QueueAttributeName, String>, QueueError> {
        let wanted: Vec<_> = wanted.into_iter().collect();
        let _in_use = self.enter()?;
        let (own, of_host) = self.own_attributes(&wanted)?;
        if of_host.is_empty() {
            return Ok(own);
        }
        let input = GetQueueAttributesInputBuilder::default()
            .queue_url(self.shared.url.as_str())
            .set_attribute_names(Some(of_host));
        let host = self.shared.sqs.get_queue_attributes(input).await;
        let mut all = host
            .map_err(QueueError::Call)?
            .attributes
            .unwrap_or_default();
        all.extend(own);
        Ok(all)
    }

    /// Deletes the queue when nothing used it for so long: 1 s and more. `None`: never. What counts as use is said at
    /// [`CreateQueue::idle_retention`](super::CreateQueue::idle_retention). Messages that were received before the queue had a
    /// retention do not.
    ///
    /// # Errors
    /// [`QueueError::OutOfRange`], [`QueueError::DoesNotExist`], [`QueueError::Closed`].
    pub fn set_idle_retention(&self, retention: Option<Duration>) -> Result<(), QueueError> {
        checked_retention(retention)?;
        let now = self.shared.sqs.clock().now();
        let url = &self.url;
        let set = self
            .shared
            .update(|state| state.router.set_retention(url.name(), retention, now));
        set.then_some(()).ok_or_else(|| self.shared.not_there(url))
    }

    /// The queue's tags. They are kept in memory, and gone with the queue.
    ///
    /// # Errors
    /// [`QueueError::DoesNotExist`], [`QueueError::Closed`].
    pub fn tags(&self) -> Result<BTreeMap<String, String>, QueueError> {
        self.touch()?;
        let tags = self.shared.lock().router.tags(self.url.name());
        tags.ok_or_else(|| self.shared.not_there(&self.url))
    }

    /// Adds tags, or gives tags a new value, within SQS's bounds: 50 tags, keys of 1 to 128 characters, values of up
    /// to 256, of letters, digits, space and `_.:/=+-@`.
    ///
    /// # Errors
    /// [`QueueError::InvalidTag`]: no tag was changed. [`QueueError::DoesNotExist`], [`QueueError::Closed`].
    pub fn tag(
        &self,
        added: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Result<(), QueueError> {
        let added = added.into_iter();
        let added: BTreeMap<_, _> = added.map(|(k, v)| (k.into(), v.into())).collect();
        if added.is_empty() {
            return Err(TagError::None.into());
        }
        self.change_tags(|tags| {
            tags::check(tags, &added)?;
            tags.extend(added);
            Ok(())
        })
    }

    /// Takes tags away. A key that the queue does not have is ignored.
    ///
    /// # Errors
    /// [`QueueError::InvalidTag`] if no key is given; [`QueueError::DoesNotExist`], [`QueueError::Closed`].
    pub fn untag(&self, keys: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), QueueError> {
        // Before the table is locked: the iterator is the user's, and may ask the queue something.
        let keys: Vec<_> = keys
            .into_iter()
            .map(|key| key.as_ref().to_owned())
            .collect();
        if keys.is_empty() {
            return Err(TagError::None.into());
        }
        self.change_tags(|tags| {
            keys.iter().for_each(|key| drop(tags.remove(key)));
            Ok(())
        })
    }

    fn change_tags(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), TagError>,
    ) -> Result<(), QueueError> {
        self.touch()?;
        let changed = self
            .shared
            .lock()
            .router
            .change_tags(self.url.name(), change);
        match changed {
            Some(changed) => Ok(changed?),
            None => Err(self.shared.not_there(&self.url)),
        }
    }

    /// Those that the queue itself has, and the names to ask the host for.
    fn own_attributes(
        &self,
        wanted: &[QueueAttributeName],
    ) -> Result<(HashMap<QueueAttributeName, String>, Vec<QueueAttributeName>), QueueError> {
        self.touch()?;
        let facts = {
            let state = self.shared.lock();
            let name = self.url.name();
            state
                .router
                .buffered_in(name)
                .zip(state.router.retention(name))
        };
        let (buffered, retention) = facts.ok_or_else(|| self.shared.not_there(&self.url))?;
        let mut own = HashMap::from([
            (names::HOST_QUEUE_URL.into(), self.shared.url.to_string()),
            (
                QueueAttributeName::ApproximateNumberOfMessages,
                buffered.to_string(),
            ),
        ]);
        if let Some(retention) = retention {
            let seconds = retention.as_secs().to_string();
            own.insert(names::IDLE_RETENTION.into(), seconds);
        }
        if wanted.contains(&QueueAttributeName::All) {
            return Ok((own, vec![QueueAttributeName::All]));
        }
        own.retain(|name, _| wanted.contains(name));
        let is_own = |name: &QueueAttributeName| {
            *name == QueueAttributeName::ApproximateNumberOfMessages
                || [names::HOST_QUEUE_URL, names::IDLE_RETENTION].contains(&name.as_str())
        };
        let of_host = wanted.iter().filter(|name| !is_own(name)).cloned();
        Ok((own, of_host.collect()))
    }
}
