//! Message move tasks: they move dead letters back to their source queues at a limited rate.
//!
//! Owns the steps of the tasks; `move_tasks` has the tasks. Invariant: a queue is the source of at most one running task.

use super::api::{Output, outputs, requests};
use super::error::ErrorKind;
use super::message::Number;
use super::move_tasks::{MOST_PER_SECOND, Status, Task};
use super::name::QueueName;
use super::queue::QueueId;
use super::{Caller, Engine, SqsError, Timer};
use aws_smithy_types::base64;
use std::collections::BTreeSet;
use std::time::Duration;

/// The maximum number of tasks of a queue that are kept and shown.
const SHOWN: usize = 10;
/// The maximum number of running tasks of one account (Developer Guide, "dead-letter queue redrive").
const MOST_RUNNING: usize = 100;

impl Engine {
    pub(super) fn start_move(
        &mut self,
        caller: &Caller,
        request: &requests::StartMessageMoveTask,
    ) -> Result<Output, SqsError> {
        let (source, id) = self.by_arn(caller, request.source_arn.as_deref(), "SourceArn")?;
        let is_target = |queue: &super::Queue| {
            queue
                .settings
                .redrive
                .as_ref()
                .is_some_and(|it| it.target == source)
        };
        if !self.queues.values().any(is_target) {
            return Err(SqsError::invalid(
                "Source queue must be configured as a Dead Letter Queue.",
            ));
        }
        let destination = match request.destination_arn.as_deref() {
            None => None,
            arn => Some(self.by_arn(caller, arn, "DestinationArn")?),
        };
        if let Some((destination, destination_id)) = &destination {
            if *destination == source {
                return Err(SqsError::invalid(
                    "Source queue arn and destination queue arn cannot be the same.",
                ));
            }
            if self.queue(*destination_id)?.settings.fifo != self.queue(id)?.settings.fifo {
                return Err(SqsError::invalid(
                    "Source and destination queues must be of the same type.",
                ));
            }
        }
        let rate = request
            .max_number_of_messages_per_second
            .map(checked_rate)
            .transpose()?;
        if self
            .moves
            .of(&source)
            .any(|(_, task)| task.status == Status::Running)
        {
            // The error is not documented; the real SQS is reported to return this one.
            return Err(SqsError::new(
                ErrorKind::InvalidParameterValueException,
                "There is already a task running. Only one active task is allowed for a source queue arn at a given \
                 time.",
            ));
        }
        let of_account = |(_, task): &(u64, &Task)| task.source.account == source.account;
        if self.moves.running().filter(of_account).count() >= MOST_RUNNING {
            return Err(SqsError::invalid(format!(
                "Only {MOST_RUNNING} active message movement tasks are allowed for an account."
            )));
        }
        let number = self.next_number();
        let task_handle = handle(number, &source);
        let task = Task {
            source: source.clone(),
            destination: destination.map(|(name, _)| name),
            rate,
            status: Status::Running,
            moved: 0,
            to_move: self.queue(id)?.store.ready() as u64,
            started: self.now,
            next_step: self.now,
        };
        self.moves.tasks.insert(number, task);
        // The first message is moved at once, as recorded on Amazon.
        self.step_move(number);
        let too_old: Vec<_> = self
            .moves
            .of(&source)
            .skip(SHOWN)
            .map(|(number, _)| number)
            .collect();
        too_old.into_iter().for_each(|number| {
            self.moves.tasks.remove(&number);
        });
        // Any queue may get the next message, so the first poll of each queue must wake for it.
        let waited_at: BTreeSet<_> = self.polls.values().map(|poll| poll.queue).collect();
        waited_at
            .into_iter()
            .for_each(|queue| self.wake_first(queue));
        Ok(Output::MoveTaskStarted(outputs::MoveTaskStarted {
            task_handle,
        }))
    }

    pub(super) fn cancel_move(
        &mut self,
        caller: &Caller,
        request: &requests::CancelMessageMoveTask,
    ) -> Result<Output, SqsError> {
        let handle = request
            .task_handle
            .as_deref()
            .filter(|handle| !handle.is_empty());
        let handle = handle.ok_or_else(|| SqsError::missing("TaskHandle"))?;
        let handle = TaskHandle::decode(handle)
            .ok_or_else(|| SqsError::invalid("Value for parameter TaskHandle is invalid."))?;
        let (source, _) = self.by_arn(caller, Some(&handle.source_arn), "SourceArn")?;
        let number = handle.number();
        let task = number.and_then(|number| self.moves.tasks.get_mut(&number));
        let task = task.filter(|task| task.source == source);
        let Some(task) = task else {
            return Err(SqsError::new(
                ErrorKind::ResourceNotFoundException,
                "Task does not exist.",
            ));
        };
        if task.status != Status::Running {
            return Err(SqsError::new(
                ErrorKind::UnsupportedOperation,
                "Only active tasks can be cancelled.",
            ));
        }
        task.status = Status::Cancelled;
        let approximate_number_of_messages_moved = task.moved;
        let timer = number.map(Timer::Move);
        timer.into_iter().for_each(|it| self.schedule.set(it, None));
        let cancelled = outputs::MoveTaskCancelled {
            approximate_number_of_messages_moved,
        };
        Ok(Output::MoveTaskCancelled(cancelled))
    }

    pub(super) fn list_moves(
        &self,
        caller: &Caller,
        request: &requests::ListMessageMoveTasks,
    ) -> Result<Output, SqsError> {
        let (source, _) = self.by_arn(caller, request.source_arn.as_deref(), "SourceArn")?;
        let most = request.max_results.unwrap_or(1);
        if !(1..=SHOWN as i64).contains(&most) {
            return Err(SqsError::invalid_value(
                most,
                "MaxResults",
                "MaxResults must be an integer between 1 and 10.",
            ));
        }
        let results = self
            .moves
            .of(&source)
            .take(most as usize)
            .map(|(number, task)| show(number, task))
            .collect();
        Ok(Output::MoveTasks(outputs::MoveTasks { results }))
    }

    /// Called by a task's timer: moves one message.
    pub(super) fn step_move(&mut self, number: u64) {
        let Some(task) = self
            .moves
            .tasks
            .get(&number)
            .filter(|task| task.status == Status::Running)
        else {
            return;
        };
        let (source, destination) = (task.source.clone(), task.destination.clone());
        let outcome = self.move_one(&source, destination.as_ref());
        let Some(task) = self.moves.tasks.get_mut(&number) else {
            return;
        };
        match outcome {
            Ok(true) => {
                task.moved += 1;
                if task.moved >= task.to_move {
                    task.status = Status::Completed;
                }
            }
            Ok(false) => task.status = Status::Completed,
            Err(reason) => task.status = Status::Failed(reason),
        }
        task.next_step = task.next_step.plus(task.pace());
        let next = (task.status == Status::Running).then_some(task.next_step);
        self.schedule.set(Timer::Move(number), next);
    }

    /// Moves one message. Returns whether there was a message to move.
    fn move_one(
        &mut self,
        source: &QueueName,
        destination: Option<&QueueName>,
    ) -> Result<bool, &'static str> {
        let missing = "AWS.SimpleQueueService.NonExistentQueue";
        let now = self.now;
        let source_id = *self.by_name.get(source).ok_or(missing)?;
        let queue = self.queues.get_mut(&source_id).ok_or(missing)?;
        let Some(number) = queue.store.peek() else {
            return Ok(false);
        };
        let origin = || {
            let arn = queue
                .store
                .get(number)?
                .message
                .dead_letter_source
                .as_deref()?;
            QueueName::from_arn(arn)
        };
        let destination = destination
            .cloned()
            .or_else(origin)
            .ok_or("CouldNotDetermineMessageSource")?;
        let destination_id = *self.by_name.get(&destination).ok_or(missing)?;
        let Some(mut message) = queue.store.remove(number) else {
            return Ok(false);
        };
        // A message that is moved back becomes a new message.
        message.id = self.new_id().into();
        message.sent = now;
        message.enqueued = now;
        message.receives = 0;
        message.receives_here = 0;
        message.first_received = None;
        message.dead_letter_source = None;
        let new: Number = self.next_number();
        message.sequence_number = message
            .sequence_number
            .map(|_| super::send::sequence_number(new));
        if let Some(queue) = self.queues.get_mut(&destination_id) {
            queue.store.insert(new, message, now, Duration::ZERO);
        }
        self.settle(source_id);
        self.settle(destination_id);
        Ok(true)
    }

    fn by_arn(
        &self,
        caller: &Caller,
        arn: Option<&str>,
        parameter: &str,
    ) -> Result<(QueueName, QueueId), SqsError> {
        let arn = arn
            .filter(|arn| !arn.is_empty())
            .ok_or_else(|| SqsError::missing(parameter))?;
        let missing = || {
            let text = format!(
                "The resource that you specified for the {parameter} parameter doesn't exist."
            );
            SqsError::new(ErrorKind::ResourceNotFoundException, text)
        };
        let name = QueueName::from_arn(arn).ok_or_else(missing)?;
        check_owner(caller, &name, "StartMessageMoveTask")?;
        let id = *self.by_name.get(&name).ok_or_else(missing)?;
        Ok((name, id))
    }
}

/// Only the owner of a queue may use move tasks.
fn check_owner(caller: &Caller, name: &QueueName, action: &str) -> Result<(), SqsError> {
    if name.account == caller.account {
        Ok(())
    } else {
        Err(SqsError::access_denied(caller, action, &name.arn()))
    }
}

fn checked_rate(rate: i64) -> Result<u32, SqsError> {
    let in_range = u32::try_from(rate)
        .ok()
        .filter(|rate| (1..=MOST_PER_SECOND).contains(rate));
    in_range.ok_or_else(|| {
        let reason = "It must be between 1 and 500.";
        SqsError::invalid_value(rate, "MaxNumberOfMessagesPerSecond", reason)
    })
}

/// The handle of a task: base64 of a JSON object with these two members, as recorded on Amazon.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskHandle {
    task_id: String,
    source_arn: String,
}

impl TaskHandle {
    fn decode(handle: &str) -> Option<Self> {
        serde_json::from_slice(&base64::decode(handle).ok()?).ok()
    }

    /// The number of the task; `None` if the id does not have the form of this engine's ids.
    fn number(&self) -> Option<u64> {
        let id: uuid::Uuid = self.task_id.parse().ok()?;
        u64::try_from(id.as_u128()).ok()
    }
}

fn handle(number: u64, source: &QueueName) -> String {
    let handle = TaskHandle {
        task_id: uuid::Uuid::from_u128(number.into()).to_string(),
        source_arn: source.arn(),
    };
    base64::encode(serde_json::to_vec(&handle).expect("two texts are JSON"))
}

fn show(number: u64, task: &Task) -> outputs::MoveTask {
    outputs::MoveTask {
        task_handle: (task.status == Status::Running).then(|| handle(number, &task.source)),
        status: task.status.name(),
        source_arn: task.source.arn(),
        destination_arn: task.destination.as_ref().map(QueueName::arn),
        max_number_of_messages_per_second: task.rate,
        approximate_number_of_messages_moved: task.moved,
        approximate_number_of_messages_to_move: Some(task.to_move),
        failure_reason: match task.status {
            Status::Failed(reason) => Some(reason.to_owned()),
            _ => None,
        },
        started_timestamp: task.started.as_millis(),
    }
}
