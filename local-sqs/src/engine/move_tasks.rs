//! The running and past message move tasks.

use super::name::QueueName;
use super::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const MOST_PER_SECOND: u32 = 500;

/// All move tasks by their numbers, which grow with time.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pub(super) tasks: BTreeMap<u64, Task>,
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) source: QueueName,
    /// `None`: each message is moved back to its source queue.
    pub(super) destination: Option<QueueName>,
    pub(super) rate: Option<u32>,
    pub(super) status: Status,
    pub(super) moved: u64,
    pub(super) to_move: u64,
    pub(super) started: Timestamp,
    pub(super) next_step: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Running,
    Completed,
    Cancelled,
    Failed(&'static str),
}

impl Status {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed(_) => "FAILED",
        }
    }
}

impl Task {
    /// The time between two steps; each step moves one message.
    pub(super) fn pace(&self) -> Duration {
        Duration::from_secs(1) / self.rate.unwrap_or(MOST_PER_SECOND)
    }
}

impl Moves {
    /// When any task moves its next message.
    pub(super) fn next_step(&self) -> Option<Timestamp> {
        self.running().map(|(_, task)| task.next_step).min()
    }

    pub(super) fn running(&self) -> impl Iterator<Item = (u64, &Task)> {
        let running = |(number, task): (&u64, _)| Some((*number, task));
        self.tasks
            .iter()
            .filter_map(running)
            .filter(|(_, task): &(u64, &Task)| task.status == Status::Running)
    }

    pub(super) fn of<'a>(&'a self, source: &'a QueueName) -> impl Iterator<Item = (u64, &'a Task)> {
        let of_source = move |(number, task): (&u64, &'a Task)| {
            (task.source == *source).then_some((*number, task))
        };
        self.tasks.iter().rev().filter_map(of_source)
    }
}
