//! Settings that can change after a virtual queue was created.

use std::collections::BTreeMap;
use std::time::Duration;

use sqs_rpc_protocol::VirtualQueueName;
use sqs_rpc_transport::Moment;

use super::router::{Alarm, Router};

impl<S> Router<S> {
    /// The retention of a virtual queue. The outer `None` means that the queue does not exist.
    pub(crate) fn retention(&self, name: &VirtualQueueName) -> Option<Option<Duration>> {
        self.queue(name).map(|slot| slot.retention)
    }

    /// Changes the retention, counted from now. Returns whether the queue exists.
    pub(crate) fn set_retention(
        &mut self,
        name: &VirtualQueueName,
        retention: Option<Duration>,
        now: Moment,
    ) -> bool {
        let Some(slot) = self.queue_mut(name) else {
            return false;
        };
        slot.last_used = now;
        slot.retention = retention;
        if retention.is_none() {
            slot.received = None;
        }
        if let Some(key) = slot.idle_key.take() {
            self.due.remove(key);
        }
        let key = retention.map(|after| self.due.add(now + after, Alarm::Idle(name.clone())));
        if let Some(slot) = self.queue_mut(name) {
            slot.idle_key = key;
        }
        true
    }

    /// The tags of a virtual queue; `None` if it does not exist.
    pub(crate) fn tags(&self, name: &VirtualQueueName) -> Option<BTreeMap<String, String>> {
        self.queue(name).map(|slot| slot.tags.clone())
    }

    /// Changes the tags of a virtual queue; `None` if it does not exist.
    pub(crate) fn change_tags<T>(
        &mut self,
        name: &VirtualQueueName,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> T,
    ) -> Option<T> {
        self.queue_mut(name).map(|slot| change(&mut slot.tags))
    }
}
