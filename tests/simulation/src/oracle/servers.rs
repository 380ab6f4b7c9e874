//! Responders: which of them could have handled a request, and since when.
//!
//! Invariant: a responder that counts as usable since some time was alive and not paused, had a free slot, and met no fault
//! since then.

use std::collections::HashSet;
use std::time::Duration;

use local_sqs::engine::Action;

use super::Oracle;
use super::facts::{RECOVERY, Server, Servers, State};
use crate::coverage::Check;
use crate::link::Link;
use crate::process::LifeId;

/// The actions that a responder calls.
pub(super) const ACTIONS: [Action; 4] = [
    Action::ReceiveMessage,
    Action::SendMessageBatch,
    Action::DeleteMessageBatch,
    Action::ChangeMessageVisibilityBatch,
];

/// A request must have been handled if a responder was able to handle it for this time.
const PROMPT: Duration = Duration::from_secs(10);

impl Servers {
    /// Whether a life serves a queue, and has not been paused since then.
    pub(super) fn is_well_since(state: &State, life: LifeId, since: Duration) -> bool {
        let server = state.servers.all.get(&life);
        server.is_some_and(|server| server.link.gate.is_open())
            && !state.conditions.slept_since(life.process, since)
    }

    /// Whether none of the queue's responders ended, was paused or met a fault since then, and each has a free slot.
    pub(super) fn all_well_since(
        state: &State,
        queue: &str,
        since: Duration,
        now: Duration,
    ) -> bool {
        let mut serve = 0;
        let disturbed = state.servers.disturbed.get(queue);
        let of_queue = state.servers.all.values();
        let all = of_queue
            .filter(|server| server.queue == queue)
            .all(|server| {
                serve += 1;
                let usable = server.usable_since(state, now, false);
                usable.is_some_and(|usable| usable <= since)
            });
        all && serve > 0 && disturbed.is_none_or(|at| *at + RECOVERY <= since)
    }
}

impl Server {
    /// Since when this responder could handle a request. `holds`: it has received the request, so it needs no free slot.
    fn usable_since(&self, state: &State, now: Duration, holds: bool) -> Option<Duration> {
        if !self.link.gate.is_open() {
            return None;
        }
        let process = self.link.life.process;
        let conditions = &state.conditions;
        let clear = conditions.clear_since(process, &ACTIONS, now)?;
        let clear = if clear.is_zero() {
            clear
        } else {
            clear + RECOVERY
        };
        let awake = conditions.awake_since(process)?;
        let free = if holds {
            Duration::ZERO
        } else {
            self.free_since?
        };
        Some(self.started.max(clear).max(awake).max(free))
    }
}

impl Oracle {
    /// A responder begins to serve a queue.
    pub(crate) fn serves(&self, link: &Link, queue: &str, concurrency: usize) {
        let now = self.0.time.now();
        let server = Server {
            link: link.clone(),
            queue: queue.to_owned(),
            concurrency,
            started: now,
            running: 0,
            hand: HashSet::new(),
            free_since: Some(now),
        };
        self.lock().servers.all.insert(link.life, server);
    }

    /// A handler has ended, or was dropped.
    pub(crate) fn has_handled(&self, link: &Link) {
        let now = self.0.time.now();
        self.lock().servers.with(link.life, now, |server| {
            server.running = server.running.saturating_sub(1);
        });
    }

    /// A handler begins.
    pub(super) fn handler_begins(&self, state: &mut State, link: &Link) {
        let now = self.0.time.now();
        state
            .servers
            .with(link.life, now, |server| server.running += 1);
    }

    /// Updates which responders are alive, and checks expired requests: if SQS accepted one and a responder could handle it,
    /// it must have been handled.
    pub(crate) fn looks_at_due(&self) {
        let now = self.0.time.now();
        let mut state = self.lock();
        let ended: Vec<_> = state
            .servers
            .all
            .iter()
            .filter(|(_, server)| !server.link.gate.is_open())
            .map(|(life, server)| (*life, server.queue.clone(), server.link.gate.is_killed()))
            .collect();
        for (life, queue, killed) in ended {
            state.servers.disturbed.insert(queue, now);
            if killed {
                state.servers.ends(life, now);
            }
        }
        while let Some((at, body)) = state.due.first().cloned() {
            if at > now {
                return;
            }
            state.due.pop_first();
            self.looks_at_handled(&mut state, &body, at);
        }
    }

    fn looks_at_handled(&self, state: &mut State, body: &str, deadline: Duration) {
        let Some(facts) = state.requests.get(body) else {
            return;
        };
        let queue = facts.queue().to_owned();
        // SQS has not accepted the request, or another request with the same key was handled instead.
        if facts.copies.is_empty() || facts.is_of_a_key() {
            return;
        }
        let handled = facts.handled > 0;
        let could = facts
            .copies
            .iter()
            .filter_map(|copy| self.could_be_handled_since(state, &queue, copy, deadline))
            .min();
        let long = could.map(|since| deadline.saturating_sub(since));
        // FIFO order may delay the request, it may be in the dead-letter queue, or its expiry may be too early.
        let elsewhere = queue.ends_with(".fifo")
            || facts.received >= self.0.promises.most_receives
            || facts.unaware;
        let excused = elsewhere || long.is_none_or(|long| long < PROMPT);
        self.asked(state, Check::AllHandled, excused, handled, || {
            format!("{body} was accepted by SQS and could be handled for {long:?}, but no responder has handled it by its deadline")
        });
    }

    /// Since when a responder could handle this copy of a request.
    fn could_be_handled_since(
        &self,
        state: &State,
        queue: &str,
        copy: &str,
        deadline: Duration,
    ) -> Option<Duration> {
        let accepted = state.accepted.get(copy)?;
        let servers = &state.servers;
        let held = servers.holders.get(copy).and_then(|(life, got)| {
            let usable = servers.all.get(life)?.usable_since(state, deadline, true)?;
            Some(usable.max(*got))
        });
        if held.is_some() {
            return held;
        }
        let visible = accepted.at.max(accepted.hidden_until);
        let of_queue = servers.all.values().filter(|server| server.queue == queue);
        let usable = of_queue.filter_map(|server| server.usable_since(state, deadline, false));
        usable.min().map(|usable| usable.max(visible))
    }
}
