//! Keeps the order within the message groups of one virtual queue, on a FIFO host.
//!
//! Owns: which messages of a group are in the buffer, and which have left the buffer and still hold up later
//! messages. Does not own: the buffer.
//!
//! A poll may return several messages of a group, and SQS then returns no later messages of that group. Only this
//! table keeps the order between the messages of one poll. It does the same as SQS: a message that is in flight holds
//! up the later messages of its group, but not earlier messages. A message that is visible again is redelivered
//! before the later messages, although these are in flight (recorded from Amazon's service). So the later messages
//! stay in the buffer, which costs them no receive, and the earlier message gets its old position when it is
//! redelivered. If it is not redelivered, because it was moved to a dead-letter queue or was deleted by another
//! process, the later messages are given back after [`PATIENCE`]: then SQS decides the order.
//!
//! An *absent* message has left the buffer and still holds up later messages. A *free* message may be taken.
//! **Invariant:** no message is free while an earlier message of its group is absent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use sqs_rpc_transport::{Moment, hashing::Keyed, hashing::keyed};

use super::buffered::{Buffered, Fate, GroupKey};
use super::message_info::group_of;

/// How long later messages wait for an earlier message that is visible again. A waiting poll returns that message at
/// once; the longest pause between successful polls is a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// The smallest number of absent messages at which unneeded ones are removed.
const FORGET_AT: usize = 64;

/// The groups of a virtual queue that have messages in the buffer, or in flight.
///
/// Messages are identified by their numbers, which are unique per host and increase in the order of arrival.
#[derive(Debug)]
pub(super) struct FifoGroups {
    groups: HashMap<GroupKey, Group, Keyed>,
    /// The groups with a free message, by their first free message.
    open: BTreeMap<u64, GroupKey>,
    /// The groups with a buffered message behind an absent message.
    held_up: BTreeSet<GroupKey>,
    /// The number of buffered messages that may be taken.
    free: usize,
    /// Absent messages by a digest of their receipt handle.
    by_handle: HashMap<u64, (GroupKey, u64), Keyed>,
    absent: usize,
    forget_at: usize,
    /// The earliest moment since the last [`take_news`](Self::take_news) at which an action is due.
    news: Option<Moment>,
    /// Messages that have left the buffer and must be made visible. The router takes them after each change.
    pub(super) given_back: Vec<Message>,
}

#[derive(Debug, Default)]
struct Group {
    /// The numbers of the buffered messages.
    buffered: BTreeSet<u64>,
    /// Messages that are not in the buffer, and neither deleted nor given up.
    absent: BTreeMap<u64, Absent>,
    /// The number of buffered messages that are free.
    free: usize,
}

/// A message that has left the buffer.
#[derive(Debug)]
struct Absent {
    /// A digest of the message's id.
    id: u64,
    /// A digest of the receipt handle that the message's receiver holds.
    handle: Option<u64>,
    /// When the poll that returned the message ended.
    received: Moment,
    /// While the message is hidden: the end of its visibility timeout. While it is awaited: when the later messages
    /// are given back.
    until: Moment,
    /// Whether SQS shows the message again, so that a redelivery is expected.
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

impl FifoGroups {
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

    /// The number of absent messages.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.absent
    }

    /// Checks the derived fields, and that the buffer has exactly these messages.
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

    /// The number of buffered messages that may be taken.
    pub(super) const fn free(&self) -> usize {
        self.free
    }

    // --- messages that enter the buffer

    /// The number of an absent message, which is its position when it is redelivered.
    pub(super) fn place_of(&self, group: GroupKey, message: &Message) -> Option<u64> {
        let id = self.digest(message.message_id()?);
        let absent = &self.groups.get(&group)?.absent;
        let found = absent.iter().find(|(_, absent)| absent.id == id);
        found.map(|(number, _)| *number)
    }

    /// Whether a message could be taken at once if it were put into the buffer.
    pub(super) fn would_be_free(&self, group: GroupKey, number: u64, received: Moment) -> bool {
        self.groups.get(&group).is_none_or(|group| {
            let mut earlier = group.absent.range(..number);
            earlier.all(|(_, absent)| absent.received < received)
        })
    }

    /// A message arrived with a poll that returned at `received`. It is put into the buffer under `number`, or is
    /// already there.
    ///
    /// SQS would not have returned the message while an earlier message of its group was in flight. So absent
    /// messages of earlier polls with smaller numbers hold up nothing any more.
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

    // --- messages that leave the buffer

    /// Takes up to `max` free messages, the earliest first, possibly several of one group. Each must be
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

    /// A message was taken, and stays hidden for as long as it was hidden in the buffer.
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

    /// A message leaves the buffer because SQS shows it to other receivers again.
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

    /// A message leaves the buffer and does not hold up later messages.
    pub(super) fn left(&mut self, group: GroupKey, number: u64) {
        self.change(group, |group| group.buffered.remove(&number));
    }

    /// Notes what happened to a message that was handed out. Ignores unknown receipt handles.
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

    // --- the passing of time

    /// Notes which absent messages SQS shows again by now. Returns the buffered messages that have waited too long
    /// for an earlier message and must be given back, in their order.
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

    /// Notes that an action is due at this moment.
    pub(super) fn note_news(&mut self, at: Moment) {
        self.news = Some(self.news.map_or(at, |news| news.min(at)));
    }

    /// The earliest moment that was noted since the last call.
    pub(super) fn take_news(&mut self) -> Option<Moment> {
        self.news.take()
    }

    // --- internal functions

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

    /// Removes messages that are visible again and hold up nothing. If such a message is redelivered, SQS keeps its
    /// order.
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

    /// Notes when the next absent message of a group with held-up messages needs an action.
    fn note_end(&mut self, group: GroupKey) {
        if self.held_up.contains(&group)
            && let Some(end) = self.groups.get(&group).and_then(Group::next_end)
        {
            self.note_news(end);
        }
    }

    /// Changes a group, and updates the fields derived from the groups.
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
