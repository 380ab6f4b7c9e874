//! The model of SQS: queues with names and tags, which may be read stale.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use crate::ring::Listed;

pub(super) type Tags = HashMap<String, String>;

#[derive(Debug, Default)]
pub(super) struct Queues {
    by_name: BTreeMap<Arc<str>, Queue>,
}

#[derive(Debug)]
struct Queue {
    created: u64,
    deleted: Option<u64>,
    /// The recent versions, each with the time when it was written.
    tags: Vec<(u64, Tags)>,
}

/// How long a deleted queue may still be listed.
const LINGERS: u64 = 60_000;

impl Queues {
    /// Creates a queue. Returns whether it is new; each name can be used only once.
    pub(super) fn create(&mut self, name: Arc<str>, tags: Tags, now: u64) -> bool {
        if self.by_name.contains_key(&name) {
            return false;
        }
        let queue = Queue {
            created: now,
            deleted: None,
            tags: vec![(now, tags)],
        };
        self.by_name.insert(name, queue);
        true
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        self.by_name
            .get(name)
            .is_some_and(|queue| queue.deleted.is_none())
    }

    pub(super) fn delete(&mut self, name: &str, now: u64) -> bool {
        match self.by_name.get_mut(name) {
            Some(queue) if queue.deleted.is_none() => {
                queue.deleted = Some(now);
                true
            }
            _ => false,
        }
    }

    pub(super) fn tag(&mut self, name: &str, tags: Tags, now: u64) -> bool {
        match self.by_name.get_mut(name) {
            Some(queue) if queue.deleted.is_none() => {
                // The new tags are added to the old ones.
                let mut all = queue.tags.last().map(|(_, all)| all.clone());
                all.get_or_insert_default().extend(tags);
                queue.tags.push((now, all.unwrap_or_default()));
                // Remove versions that are too old for any stale read.
                let old = queue.tags.partition_point(|(at, _)| at + LINGERS < now);
                queue.tags.drain(..old.saturating_sub(1));
                true
            }
            _ => false,
        }
    }

    /// The tags as they were `stale` ago.
    pub(super) fn tags(&self, name: &str, now: u64, stale: u64) -> Option<&Tags> {
        let queue = self.by_name.get(name)?;
        if queue.deleted.is_some_and(|at| at + stale <= now) {
            return None;
        }
        let then = now.saturating_sub(stale);
        let seen = queue.tags.iter().rev().find(|(at, _)| *at <= then);
        Some(&seen.or(queue.tags.first())?.1)
    }

    pub(super) fn latest(&self, name: &str) -> Option<&Tags> {
        Some(&self.by_name.get(name)?.tags.last()?.1)
    }

    /// Up to 1,000 names as they were `stale` ago.
    pub(super) fn list(&mut self, part: &str, now: u64, stale: u64) -> Vec<Listed> {
        let then = now.saturating_sub(stale);
        let from = (Bound::Included(part), Bound::Unbounded);
        let under = self.by_name.range::<str, _>(from);
        let under = under.take_while(|(name, _)| name.starts_with(part));
        let shown = under
            .filter(|(_, queue)| queue.created <= then && queue.deleted.is_none_or(|at| at > then));
        shown
            .take(1_000)
            .map(|(name, _)| Listed::new(Arc::clone(name), Arc::clone(name)))
            .collect()
    }

    /// Forgets deleted queues that no stale read can show any more.
    pub(super) fn purge(&mut self, now: u64) {
        self.by_name
            .retain(|_, queue| queue.deleted.is_none_or(|at| at + LINGERS > now));
    }
}
