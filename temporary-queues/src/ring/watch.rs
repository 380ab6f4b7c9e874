//! When to walk, how fast, and what to do on the walk.
//!
//! Owns: the period, the pace, the waits after failures, and whether this process can watch at all. Invariants: there is
//! always a next step; calls are never made in a hot loop; a walk that takes longer than its period continues where it was.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::{SqsTime, TemporaryQueueName};
use sqs_rpc_transport::{Backoff, Moment, Random};

use super::verdict::{Seen, Silence, Verdict, judge};
use super::walk::{Listed, Move, Walk};
use crate::lease::{Tag, mark};

/// The maximum time from the creation of the first host to the first walk.
const FIRST_WALK: Duration = Duration::from_secs(10);
/// The number of calls of a walk that are made without a pause.
const UNPACED: u32 = 16;
/// The first wait after a failure.
const FIRST_RETRY: Duration = Duration::from_secs(10);
/// The number of failures after which a host that cannot be read or deleted is skipped.
const ATTEMPTS: u32 = 3;
/// The number of periods without progress after which other processes must not rely on this watcher.
const STUCK: u32 = 3;

/// The options of a watch.
#[derive(Debug, Clone)]
pub(crate) struct WatchOptions {
    pub(crate) prefix: Arc<str>,
    /// This process's UUID, with dashes. Empty for a sweep, which begins at the first host and never stops early because
    /// another process watches.
    pub(crate) process: Arc<str>,
    /// P, the period of the watch.
    pub(crate) period: Duration,
    /// The pause between two calls of a long walk.
    pub(crate) pace: Duration,
    /// Whether dead hosts are deleted or only reported.
    pub(crate) deletes: bool,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Do nothing before this moment.
    Wait(Moment),
    /// List the queues whose names begin with this text; then [`Watch::listed`] or [`Watch::failed`].
    List(String),
    /// Read the tags of this host; then [`Watch::read`], [`Watch::gone`] or [`Watch::failed`].
    Read(Listed),
    /// Delete this host; then [`Watch::deleted`], [`Watch::gone`] or [`Watch::failed`].
    Delete(Listed),
}

/// Why a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The permission is missing: a retry at once does not help.
    Denied,
    /// The call was throttled, SQS is unreachable, or the call timed out.
    Temporary,
}

/// A process's watch over the hosts that follow its own.
#[derive(Debug)]
pub(crate) struct Watch {
    options: WatchOptions,
    random: Random,
    walk: Option<Walk>,
    /// When the current walk began.
    began: Moment,
    /// The earliest time of the next step.
    not_before: Moment,
    /// Whether the current host was found dead and is to be deleted.
    deleting: bool,
    silence: Silence,
    digits: u32,
    /// The number of calls of this walk.
    calls: u32,
    retries: Backoff,
    /// When a call last succeeded, or a walk last ended.
    progress: Moment,
    /// Whether a permission is missing, for walking or for deleting.
    walk_denied: bool,
    delete_denied: bool,
    finished: u64,
}

impl Watch {
    /// A watch that begins now.
    pub(crate) fn new(options: WatchOptions, now: Moment, random: Random) -> Self {
        let first = if options.process.is_empty() {
            Duration::ZERO
        } else {
            random.below(FIRST_WALK)
        };
        let longest = (options.period / 2).max(FIRST_RETRY);
        Self {
            not_before: now + first,
            began: now,
            progress: now,
            retries: Backoff::new(FIRST_RETRY, longest),
            options,
            random,
            walk: None,
            deleting: false,
            silence: Silence::default(),
            digits: 0,
            calls: 0,
            walk_denied: false,
            delete_denied: false,
            finished: 0,
        }
    }

    /// The next step. `held` returns whether this process holds a host; such hosts are skipped.
    pub(crate) fn step(&mut self, now: Moment, held: impl Fn(&str) -> bool) -> Step {
        if now < self.not_before {
            return Step::Wait(self.not_before);
        }
        loop {
            let walk = self.walk.get_or_insert_with(|| {
                (self.began, self.calls) = (now, 0);
                let (prefix, origin) = (&self.options.prefix, &self.options.process);
                Walk::new(Arc::clone(prefix), Arc::clone(origin), self.digits)
            });
            match walk.next() {
                Move::List(part) => return Step::List(part),
                Move::Look(host) if self.deleting => return Step::Delete(host),
                Move::Look(host) if held(&host.name) => walk.looked(),
                Move::Look(host) => return Step::Read(host),
                Move::End => {
                    self.finish(now);
                    return Step::Wait(self.not_before);
                }
            }
        }
    }

    /// The hosts whose tags will be read after the host of [`Step::Read`], as far as they are listed.
    pub(crate) fn upcoming(&self) -> impl Iterator<Item = &Listed> {
        self.walk.iter().flat_map(Walk::upcoming)
    }

    /// The answer to [`Step::List`].
    pub(crate) fn listed(&mut self, queues: Vec<Listed>, now: Moment) {
        if let Some(walk) = &mut self.walk {
            walk.listed(queues);
        }
        self.went_well(now);
    }

    /// The answer to [`Step::Read`]; `date` is SQS's time in it.
    pub(crate) fn read(
        &mut self,
        tags: &HashMap<String, String>,
        date: Option<SqsTime>,
        now: Moment,
    ) -> Option<(Listed, Tag, Verdict)> {
        let Move::Look(host) = self.walk.as_mut()?.next() else {
            return None;
        };
        let tag = Tag::read(tags);
        let seen = Seen {
            name: &host.name,
            tag,
            mark: mark(tags),
            date,
            now,
        };
        let verdict = judge(seen, &mut self.silence);
        self.went_well(now);
        let is_sweep = self.options.process.is_empty();
        let uuid = TemporaryQueueName::parse(&host.name).map(|name| name.uuid);
        let is_own = uuid == Some(&*self.options.process);
        if is_own && sqs_rpc_transport::mutant!("own-strays-skipped") {
            self.pass(false);
            return None;
        }
        match (verdict, &mut self.walk) {
            (Verdict::Dead, _) if self.options.deletes => self.deleting = true,
            // A live host of this process that is left over does not stop the walk, because no other process continues
            // from there.
            (Verdict::Alive { .. }, Some(walk))
                if !is_sweep && sqs_rpc_transport::mutant!("walk-stops-at-idle-watcher") =>
            {
                walk.stop();
            }
            (Verdict::Alive { watches: true }, Some(walk)) if !is_sweep && !is_own => walk.stop(),
            (_, Some(walk)) => walk.looked(),
            (_, None) => {}
        }
        Some((host, tag, verdict))
    }

    /// The host of [`Step::Read`] or [`Step::Delete`] does not exist any more.
    pub(crate) fn gone(&mut self, now: Moment) {
        self.pass(true);
        self.went_well(now);
    }

    /// The answer to [`Step::Delete`].
    pub(crate) fn deleted(&mut self, now: Moment) {
        self.delete_denied = false;
        self.gone(now);
    }

    /// A step failed: it is tried again later, or the host is skipped.
    pub(crate) fn failed(&mut self, failure: Failure, now: Moment) {
        let listing = matches!(self.walk.as_mut().map(Walk::next), Some(Move::List(_)));
        match failure {
            Failure::Denied if self.deleting => {
                self.delete_denied = true;
                self.pass(false);
                self.pause(now);
            }
            Failure::Denied => {
                self.walk_denied = true;
                self.walk = None;
                self.silence.walked();
                self.not_before = now + self.random.jitter(self.options.period);
            }
            Failure::Temporary => {
                self.not_before = now + self.retries.failed(&self.random);
                if !listing && self.retries.failures().is_multiple_of(ATTEMPTS) {
                    self.pass(false);
                }
            }
        }
    }

    /// Whether other processes may rely on this process to watch.
    pub(crate) fn is_watching(&self, now: Moment) -> bool {
        let stuck = now.since(self.progress) > self.options.period * STUCK;
        !(self.walk_denied || self.delete_denied || stuck)
    }

    /// The number of walks that have ended.
    pub(crate) const fn finished(&self) -> u64 {
        self.finished
    }

    /// This process holds a host again after it had none: the observations stay, and the watch continues within seconds.
    pub(crate) fn resume(&mut self, now: Moment) {
        self.progress = now;
        self.not_before = now + self.random.below(FIRST_WALK);
    }

    /// Starts the next walk at once.
    pub(crate) const fn walk_again(&mut self, now: Moment) {
        self.not_before = now;
    }

    /// From now on only reports dead hosts.
    pub(crate) const fn only_look(&mut self) {
        self.options.deletes = false;
    }

    /// Whether dead hosts are deleted.
    pub(crate) const fn deletes(&self) -> bool {
        self.options.deletes
    }

    fn finish(&mut self, now: Moment) {
        if let Some(walk) = self.walk.take() {
            self.digits = walk.learnt();
        }
        self.finished += 1;
        self.walk_denied = false;
        self.progress = now;
        self.silence.walked();
        // After a walk that took longer than the period, the next period begins now.
        let start = if now.since(self.began) < self.options.period {
            self.began
        } else {
            now
        };
        self.not_before = start + self.random.jitter(self.options.period);
    }

    fn pass(&mut self, forget: bool) {
        self.deleting = false;
        let Some(walk) = &mut self.walk else { return };
        if forget && let Move::Look(host) = walk.next() {
            self.silence.forget(&host.name);
        }
        walk.looked();
    }

    fn went_well(&mut self, now: Moment) {
        self.retries.succeeded();
        self.progress = now;
        self.pause(now);
    }

    /// Spaces the calls of a long walk.
    fn pause(&mut self, now: Moment) {
        self.calls = self.calls.saturating_add(1);
        if self.calls >= UNPACED && !sqs_rpc_transport::mutant!("walk-in-a-burst") {
            self.not_before = now + self.options.pace;
        }
    }
}

#[cfg(test)]
mod tests;
