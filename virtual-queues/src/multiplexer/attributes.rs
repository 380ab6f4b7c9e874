//! Attributes and tags of a virtual queue.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_sqs::operation::get_queue_attributes::builders::GetQueueAttributesInputBuilder;
use aws_sdk_sqs::types::QueueAttributeName;
use sqs_rpc_protocol::names;

use super::create::checked_retention;
use super::error::QueueError;
use super::queue::VirtualQueue;
use super::tags::{self, TagsError};

impl VirtualQueue {
    /// Attributes of the queue, by name or with [`QueueAttributeName::All`].
    ///
    /// The result has the host's attributes and the queue's own: `HostQueueUrl`, `IdleQueueRetentionPeriodSeconds`
    /// (if the queue has a retention), and `ApproximateNumberOfMessages`, which is the number of messages in its
    /// buffer. Messages that are still in SQS cannot be counted by virtual queue. Costs one call, or none if only the
    /// queue's own attributes are requested.
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

    /// Deletes the queue when it was not used for this time: 1 s and more. `None`: never.
    /// [`CreateQueue::idle_retention`](super::CreateQueue::idle_retention) defines use, except that messages that
    /// were received before the queue had a retention do not count.
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

    /// The queue's tags. They are kept in memory and are lost with the queue.
    ///
    /// # Errors
    /// [`QueueError::DoesNotExist`], [`QueueError::Closed`].
    pub fn tags(&self) -> Result<BTreeMap<String, String>, QueueError> {
        self.touch()?;
        let tags = self.shared.lock().router.tags(self.url.name());
        tags.ok_or_else(|| self.shared.not_there(&self.url))
    }

    /// Adds tags, or changes the values of existing tags, within SQS's limits: 50 tags, keys of 1 to 128 characters,
    /// values of up to 256 characters, of letters, digits, space and `_.:/=+-@`.
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
            return Err(TagsError::None.into());
        }
        self.change_tags(|tags| {
            tags::check(tags, &added)?;
            tags.extend(added);
            Ok(())
        })
    }

    /// Removes tags. A key that the queue does not have is ignored.
    ///
    /// # Errors
    /// [`QueueError::InvalidTag`] if no key is given; [`QueueError::DoesNotExist`], [`QueueError::Closed`].
    pub fn untag(&self, keys: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), QueueError> {
        // Evaluated before the table is locked, because the iterator is user code and may call the queue.
        let keys: Vec<_> = keys
            .into_iter()
            .map(|key| key.as_ref().to_owned())
            .collect();
        if keys.is_empty() {
            return Err(TagsError::None.into());
        }
        self.change_tags(|tags| {
            keys.iter().for_each(|key| drop(tags.remove(key)));
            Ok(())
        })
    }

    fn change_tags(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), TagsError>,
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

    /// The queue's own attributes, and the names of the attributes to request from the host.
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
