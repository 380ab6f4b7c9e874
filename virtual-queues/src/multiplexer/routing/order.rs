//! The order within the message groups of one virtual queue, on a FIFO host.
//!
//! Owns: which messages of a group are in the buffer, and which have left it and still hold up those behind them. Does not own
//! the buffer.
//!
//! A poll may bring several messages of a group, and then SQS gives nothing behind them. Between the messages that came together
//! only this table keeps the order. It does what SQS does: a message that is in flight holds up the later ones of its group,
//! and no earlier one. A message that is visible again is received again before the later ones, although those are in flight; Amazon's
//! service was recorded to do so. So the later ones stay in the buffer, which costs them no receive, and the earlier one gets its
//! old place when it comes. If it does not come, because it went to a dead-letter queue or was deleted elsewhere, the later ones are
//! given back after [`PATIENCE`]: then SQS says what is first.
//!
//! **Invariant:** no message is free while an earlier one of its group is absent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_sqs::types::Message;

use super::buffer::Buffered;
use super::facts::group_of;
use crate::hashing::{Keyed, keyed};
use crate::sqs::Moment;

/// How long later messages wait for an earlier one that SQS shows again. A poll that waits brings it at once; the longest
/// pause between polls that do not fail is a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// The smallest number of absent messages at which those of no more use are forgotten.
const FORGET_AT: usize = 64;

/// What has become of a message that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// SQS hides it until then.
    HiddenUntil(Moment),
    Deleted,
    /// It was made visible again: SQS delivers it again.
    GivenBack,
}

/// A message group, by a digest of its id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupKey(u64);

/// The groups of a virtual queue that have messages in the buffer, or in flight.
///
/// Messages are known by their numbers, which are given once in a host's life, in the order of arrival.
#[derive(Debug)]
pub(super) struct Order {
    groups: HashMap<GroupKey, Group, Keyed>,
    /// The groups with something free, by their first free message.
    open: BTreeMap<u64, GroupKey>,
    /// The groups with something in the buffer behind an absent message.
    held_up: BTreeSet<GroupKey>,
    /// Messages in the buffer that may be taken.
    free: usize,
    /// Absent messages by a digest of their receipt handle.
    by_handle: HashMap<u64, (GroupKey, u64), Keyed>,
    absent: usize,
    forget_at: usize,
    /// The earliest moment that was noted since the last look and needs attention.
    news: Option<Moment>,
    /// Messages that have left the buffer and are to be made visible. The router takes them after each change.
    pub(super) given_back: Vec<Message>,
}

#[derive(Debug, Default)]
struct Group {
    /// In the buffer.
    buffered: BTreeSet<u64>,
    /// Not in the buffer, and neither deleted nor given up.
    absent: BTreeMap<u64, Absent>,
    /// How many of the buffered ones are free.
    free: usize,
}

/// A message that has left the buffer.
#[derive(Debug)]
struct Absent {
    /// A digest of the message's id.
    id: u64,
    /// A digest of the receipt handle that its receiver has.
    handle: Option<u64>,
    /// When the poll returned that brought it.
    received: Moment,
    /// While it is hidden: the end of that. While it is awaited: when the later ones are given back.
    until: Moment,
    /// SQS shows it to others again, so it is expected to come.
    awaited: bool,
}

impl Group {
    fn first_free(&self) -> Option<u64> {
        let first = *self.buffered.first()?;
        (!self.holds_up(first)).then_some(first)
    }

    fn holds_up(&self, number: u64) -> bool {
        self.absent
            .first_key_value()
            .is_some_and(|(earlier, _)| *earlier < number)
    }

    fn count_free(&self) -> usize {
        match self.absent.first_key_value() {
            Some((first, _)) => self.buffered.range(..first).count(),
            None => self.buffered.len(),
        }
    }

    fn has_later_than(&self, number: u64) -> bool {
        let later = number + 1..;
        self.buffered.range(later.clone()).next().is_some()
            || self.absent.range(later).next().is_some()
    }

    fn next_end(&self) -> Option<Moment> {
        self.absent.values().map(|absent| absent.until).min()
    }
}

impl Order {
    pub(super) fn new() -> Self {
        Self {
            groups: HashMap::with_hasher(keyed()),
            open: BTreeMap::new(),
            held_up: BTreeSet::new(),
            free: 0,
            by_handle: HashMap::with_hasher(keyed()),
            absent: 0,
            forget_at: FORGET_AT,
            news: None,
            given_back: Vec::new(),
        }
    }

    pub(super) fn group(&self, message: &Message) -> GroupKey {
        GroupKey(self.digest(group_of(message)))
    }

    /// Messages that have left the buffer and are remembered.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.absent
    }

    /// Checks what is kept beside the groups, and that the buffer has these messages.
    #[cfg(test)]
    pub(super) fn check<'a>(&self, buffered: impl Iterator<Item = &'a Buffered>) {
        let buffered: BTreeSet<_> = buffered.map(|it| (it.number, it.group)).collect();
        let groups = || self.groups.iter();
        let known = groups().flat_map(|(key, it)| it.buffered.iter().map(|number| (*number, *key)));
        assert_eq!(known.collect::<BTreeSet<_>>(), buffered);
        let free = groups().map(|(key, group)| {
            let free = group.buffered.iter().filter(|it| !group.holds_up(**it));
            (*key, free.copied().collect::<Vec<_>>())
        });
        let free: BTreeMap<_, _> = free.collect();
        assert_eq!(self.free, free.values().map(Vec::len).sum::<usize>());
        let open = free
            .iter()
            .filter_map(|(key, free)| Some((*free.first()?, *key)));
        assert_eq!(self.open, open.collect());
        let held_up = groups().filter(|(key, group)| free[key].len() < group.buffered.len());
        assert_eq!(self.held_up, held_up.map(|(key, _)| *key).collect());
        let absent = groups().flat_map(|(key, group)| group.absent.iter().map(|it| (*key, it)));
        assert_eq!(self.absent, absent.clone().count());
        let with_handle =
            absent.filter_map(|(key, (number, it))| Some((it.handle?, (key, *number))));
        let by_handle = self.by_handle.iter().map(|(handle, it)| (*handle, *it));
        assert_eq!(
            by_handle.collect::<BTreeMap<_, _>>(),
            with_handle.collect::<BTreeMap<_, _>>()
        );
        assert!(groups().all(|(_, it)| !(it.buffered.is_empty() && it.absent.is_empty())));
    }

    /// Messages in the buffer that may be taken.
    pub(super) const fn free(&self) -> usize {
        self.free
    }

    // --- into the buffer

    /// The number that an absent message had, which is its place when it comes again.
    pub(super) fn place_of(&self, group: GroupKey, message: &Message) -> Option<u64> {
        let id = self.digest(message.message_id()?);
        let absent = &self.groups.get(&group)?.absent;
        let found = absent.iter().find(|(_, absent)| absent.id == id);
        found.map(|(number, _)| *number)
    }

    /// Whether a message could be taken at once if it was put into the buffer.
    pub(super) fn would_be_free(&self, group: GroupKey, number: u64, received: Moment) -> bool {
        self.groups.get(&group).is_none_or(|group| {
            let mut earlier = group.absent.range(..number);
            earlier.all(|(_, absent)| absent.received < received)
        })
    }

    /// A message came with a poll that returned at `received`. It is put into the buffer under `number`, or it is there already.
    ///
    /// SQS would not have delivered it while an earlier one of its group was in flight. So absent ones that an earlier poll brought
    /// before it hold nothing up any more.
    pub(super) fn arrived(&mut self, group: GroupKey, number: u64, received: Moment) {
        let gone = self.change(group, |group| {
            group.buffered.insert(number);
            let gone = group.absent.extract_if(..=number, |earlier, absent| {
                *earlier == number || absent.received < received
            });
            gone.collect::<Vec<_>>()
        });
        gone.into_iter()
            .for_each(|(_, absent)| self.forget(&absent));
        self.note_end(group);
    }

    // --- out of it

    /// Takes up to `max` messages that are free, the earliest first: several of a group if it has several. Each of them is to be
    /// [`handed_out`](Self::handed_out) at once.
    pub(super) fn take(&mut self, max: usize) -> Vec<u64> {
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some((&number, &group)) = self.open.first_key_value()
        {
            self.change(group, |group| group.buffered.remove(&number));
            taken.push(number);
        }
        taken
    }

    /// A message was taken, and is hidden as long as it was in the buffer.
    pub(super) fn handed_out(&mut self, taken: &Buffered, now: Moment) {
        let handle = taken.message.receipt_handle();
        let handle = handle.map(|handle| self.digest(handle));
        if let Some(handle) = handle {
            self.by_handle.insert(handle, (taken.group, taken.number));
        }
        let absent = Absent {
            id: self.digest(taken.message.message_id().unwrap_or_default()),
            handle,
            received: taken.received,
            until: taken.hidden_until,
            awaited: false,
        };
        self.add_absent(taken.group, taken.number, absent, now);
    }

    /// A message leaves the buffer because SQS shows it to others again.
    pub(super) fn expired(&mut self, dropped: &Buffered, now: Moment) {
        let (group, number) = (dropped.group, dropped.number);
        self.left(group, number);
        let rest = self.groups.get(&group);
        if rest.is_some_and(|rest| rest.has_later_than(number)) {
            let absent = Absent {
                id: self.digest(dropped.message.message_id().unwrap_or_default()),
                handle: None,
                received: dropped.received,
                until: dropped.hidden_until + PATIENCE,
                awaited: true,
            };
            self.add_absent(group, number, absent, now);
        }
    }

    /// A message left the buffer and is nobody's any more.
    pub(super) fn left(&mut self, group: GroupKey, number: u64) {
        self.change(group, |group| group.buffered.remove(&number));
    }

    /// What has become of a message that was handed out. Others are ignored.
    pub(super) fn note(&mut self, receipt_handle: &str, fate: Fate, now: Moment) {
        let handle = self.digest(receipt_handle);
        let Some(&(group, number)) = self.by_handle.get(&handle) else {
            return;
        };
        match fate {
            Fate::HiddenUntil(until) if now < until => {
                self.change(group, |group| {
                    if let Some(absent) = group.absent.get_mut(&number) {
                        (absent.until, absent.awaited) = (until, false);
                    }
                });
                self.note_end(group);
            }
            Fate::Deleted => self.remove_absent(group, number),
            Fate::HiddenUntil(_) | Fate::GivenBack => {
                self.shown_again(group, number, now);
                self.note_end(group);
            }
        }
    }

    // --- time

    /// Notes which absent messages SQS shows again by now. Returns the buffered messages that have waited for one for so long that
    /// they are to be given back, in their order.
    pub(super) fn pass(&mut self, now: Moment) -> Vec<u64> {
        let mut given_back = Vec::new();
        let held_up: Vec<_> = self.held_up.iter().copied().collect();
        for key in held_up {
            let Some(group) = self.groups.get(&key) else {
                continue;
            };
            let over = group.absent.iter().filter(|(_, it)| it.until <= now);
            let over: Vec<_> = over.map(|(number, it)| (*number, it.awaited)).collect();
            for (number, awaited) in over {
                if awaited {
                    given_back.extend(self.change(key, |group| group.buffered.split_off(&number)));
                    self.remove_absent(key, number);
                } else {
                    self.shown_again(key, number, now);
                }
            }
            self.note_end(key);
        }
        given_back.sort_unstable();
        given_back
    }

    /// Something needs attention then.
    pub(super) fn note_news(&mut self, at: Moment) {
        self.news = Some(self.news.map_or(at, |news| news.min(at)));
    }

    /// The earliest moment that was noted since this was called last.
    pub(super) fn take_news(&mut self) -> Option<Moment> {
        self.news.take()
    }

    // --- inside

    fn digest(&self, text: &str) -> u64 {
        self.groups.hasher().hash_one(text)
    }

    fn shown_again(&mut self, group: GroupKey, number: u64, now: Moment) {
        let is_needed = self.change(group, |group| {
            let later = group.has_later_than(number);
            if let Some(absent) = group.absent.get_mut(&number)
                && !absent.awaited
            {
                (absent.until, absent.awaited) = (now + PATIENCE, true);
            }
            later
        });
        if !is_needed {
            self.remove_absent(group, number);
        }
    }

    fn add_absent(&mut self, group: GroupKey, number: u64, absent: Absent, now: Moment) {
        let before = self.change(group, |group| group.absent.insert(number, absent));
        self.absent += usize::from(before.is_none());
        self.note_end(group);
        if self.absent >= self.forget_at {
            self.forget_what_is_over(now);
            self.forget_at = (2 * self.absent).max(FORGET_AT);
        }
    }

    fn remove_absent(&mut self, group: GroupKey, number: u64) {
        if let Some(absent) = self.change(group, |group| group.absent.remove(&number)) {
            self.forget(&absent);
        }
    }

    fn forget(&mut self, absent: &Absent) {
        self.absent -= 1;
        if let Some(handle) = &absent.handle {
            self.by_handle.remove(handle);
        }
    }

    /// What is visible again and holds nothing up: if it comes again, it comes from SQS, which knows the order.
    fn forget_what_is_over(&mut self, now: Moment) {
        let (held_up, by_handle) = (&self.held_up, &mut self.by_handle);
        let mut forgotten = 0;
        self.groups.retain(|key, group| {
            if held_up.contains(key) {
                return true;
            }
            let over = group.absent.extract_if(.., |_, absent| absent.until <= now);
            for (_, absent) in over {
                forgotten += 1;
                absent.handle.map(|handle| by_handle.remove(&handle));
            }
            !(group.absent.is_empty() && group.buffered.is_empty())
        });
        self.absent -= forgotten;
    }

    /// Something of the group is held up until then.
    fn note_end(&mut self, group: GroupKey) {
        if self.held_up.contains(&group)
            && let Some(end) = self.groups.get(&group).and_then(Group::next_end)
        {
            self.note_news(end);
        }
    }

    /// Changes a group and puts it where it then belongs.
    fn change<T>(&mut self, key: GroupKey, change: impl FnOnce(&mut Group) -> T) -> T {
        let group = self.groups.entry(key).or_default();
        if let Some(first) = group.first_free() {
            self.open.remove(&first);
        }
        self.free -= group.free;
        let result = change(group);
        group.free = group.count_free();
        self.free += group.free;
        if let Some(first) = group.first_free() {
            self.open.insert(first, key);
        }
        if group.free < group.buffered.len() {
            self.held_up.insert(key);
        } else {
            self.held_up.remove(&key);
        }
        if group.buffered.is_empty() && group.absent.is_empty() {
            self.groups.remove(&key);
        }
        result
    }
}
