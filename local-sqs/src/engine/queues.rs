//! Creating, finding, describing and deleting queues.

use super::api::{outputs, requests};
use super::error::ErrorKind;
use super::name::{self, QueueName};
use super::queue::{Queue, QueueId};
use super::queue_attributes::{self, QueueAttributes};
use super::{Caller, Engine, Output, SqsError, Timer};
use aws_smithy_types::base64;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

/// How long a deleted name cannot be used again, and the minimum time between two purges of a queue.
const REST: Duration = Duration::from_secs(60);
const PAGE: usize = 1000;

/// The attributes that can be read but not set.
const READ_ONLY: [&str; 6] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];

impl Engine {
    pub(super) fn create_queue(
        &mut self,
        caller: &Caller,
        request: requests::CreateQueue,
    ) -> Result<Output, SqsError> {
        let name = request
            .queue_name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| SqsError::missing("QueueName"))?;
        let attributes = request.attributes.unwrap_or_default();
        let tags = request.tags.unwrap_or_default();
        let fifo = attributes
            .get("FifoQueue")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        name::check_name(&name, fifo)?;
        let name = QueueName::of(caller, &name);
        let settings = self.changed(&name, QueueAttributes::new(fifo), &attributes)?;
        super::tags::check(&BTreeMap::new(), &tags)?;

        if let Some(&id) = self.by_name.get(&name) {
            let existing = self.queue(id)?;
            return same_queue(existing, &settings, &attributes, &tags)
                .map(|()| url(existing, caller));
        }
        if self.deleted.contains_key(&name) {
            return Err(SqsError::new(
                ErrorKind::QueueDeletedRecently,
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
            ));
        }
        let id = self.next_number();
        let settling = self.behaviour.settling;
        let queue = Queue::new(name.clone(), settings, tags, self.now, settling);
        let made = url(&queue, caller);
        self.queues.insert(id, queue);
        self.by_name.insert(name, id);
        Ok(made)
    }

    pub(super) fn delete_queue(
        &mut self,
        caller: &Caller,
        request: &requests::DeleteQueue,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let Some(queue) = self.queues.remove(&id) else {
            return Err(SqsError::no_such_queue());
        };
        self.by_name.remove(&queue.name);
        self.settle(id);
        for &poll in &queue.waiting {
            self.end_poll(poll, Err(SqsError::no_such_queue()));
        }
        let number = self.next_number();
        let end = self.now.plus(REST);
        self.schedule.set(Timer::Forget(number), Some(end));
        self.forgetting.insert(number, queue.name.clone());
        self.deleted.insert(queue.name, self.now);
        Ok(Output::EMPTY)
    }

    pub(super) fn queue_url(
        &self,
        caller: &Caller,
        request: &requests::GetQueueUrl,
    ) -> Result<Output, SqsError> {
        let name = request
            .queue_name
            .as_deref()
            .filter(|name| !name.is_empty());
        let mut name = QueueName::of(caller, name.ok_or_else(|| SqsError::missing("QueueName"))?);
        if let Some(owner) = &request.queue_owner_aws_account_id {
            name.account = owner.as_str().into();
        }
        let id = self
            .by_name
            .get(&name)
            .copied()
            .ok_or_else(SqsError::no_such_queue)?;
        Ok(url(self.queue(id)?, caller))
    }

    pub(super) fn list_queues(
        &self,
        caller: &Caller,
        request: &requests::ListQueues,
    ) -> Result<Output, SqsError> {
        let prefix = request.queue_name_prefix.as_deref().unwrap_or_default();
        let page = Page::new(request.max_results, request.next_token.as_deref())?;
        let names = self.names_after(
            caller,
            page.after.as_deref().unwrap_or(prefix),
            page.after.is_some(),
        );
        let names = names.take_while(|name| name.name.starts_with(prefix));
        let (queue_urls, next_token) = page.fill(names, caller);
        Ok(Output::Queues(outputs::Queues {
            queue_urls,
            next_token,
        }))
    }

    pub(super) fn source_queues(
        &self,
        caller: &Caller,
        request: &requests::ListDeadLetterSourceQueues,
    ) -> Result<Output, SqsError> {
        let target = &self
            .queue(self.find(caller, request.queue_url.as_deref())?)?
            .name;
        let page = Page::new(request.max_results, request.next_token.as_deref())?;
        let names = self.names_after(
            caller,
            page.after.as_deref().unwrap_or_default(),
            page.after.is_some(),
        );
        let sources = names.filter(|name| {
            let queue = self.by_name.get(name).and_then(|id| self.queues.get(id));
            queue
                .and_then(|queue| queue.settings.redrive.as_ref())
                .is_some_and(|redrive| redrive.target == *target)
        });
        let (queue_urls, next_token) = page.fill(sources, caller);
        Ok(Output::SourceQueues(outputs::SourceQueues {
            queue_urls,
            next_token,
        }))
    }

    pub(super) fn queue_attributes(
        &mut self,
        caller: &Caller,
        request: requests::GetQueueAttributes,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let names = request.attribute_names.unwrap_or_default();
        let known = |name: &str| {
            name == "All" || READ_ONLY.contains(&name) || queue_attributes::is_name(name)
        };
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            return Err(queue_attributes::unknown(unknown));
        }
        let wanted = |name: &str| names.iter().any(|asked| asked == "All" || asked == name);
        let (error, chance) = (self.behaviour.count_error, &mut self.chance);
        let Some(queue) = self.queues.get(&id) else {
            return Err(SqsError::no_such_queue());
        };
        let attributes = describe(queue, |count| chance.approximate(count, error))
            .filter(|(name, _)| wanted(name))
            .collect();
        Ok(Output::QueueAttributes(outputs::QueueAttributes {
            attributes,
        }))
    }

    pub(super) fn set_queue_attributes(
        &mut self,
        caller: &Caller,
        request: requests::SetQueueAttributes,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let attributes = request
            .attributes
            .filter(|attributes| !attributes.is_empty());
        let attributes = attributes.ok_or_else(|| SqsError::missing("Attribute.Name"))?;
        let queue = self.queue(id)?;
        let settings = self.changed(&queue.name, queue.settings.clone(), &attributes)?;
        let now = self.now;
        let queue = self.queue_mut(id)?;
        // On a FIFO queue a new delay also applies to messages that are already delayed.
        if settings.fifo && settings.delay_seconds != queue.settings.delay_seconds {
            queue
                .store
                .set_delay(now, Duration::from_secs(settings.delay_seconds.into()));
        }
        queue.settings = settings;
        queue.modified = now;
        self.settle(id);
        Ok(Output::EMPTY)
    }

    pub(super) fn purge(
        &mut self,
        caller: &Caller,
        request: &requests::PurgeQueue,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let now = self.now;
        let queue = self.queue_mut(id)?;
        if queue.purged.is_some_and(|purged| now < purged.plus(REST)) {
            return Err(SqsError::new(
                ErrorKind::PurgeQueueInProgress,
                format!(
                    "Only one PurgeQueue operation on {} is allowed every 60 seconds.",
                    queue.name
                ),
            ));
        }
        queue.purged = Some(now);
        queue.store.clear();
        self.settle(id);
        Ok(Output::EMPTY)
    }

    /// Checks and applies changed attributes, and returns the new settings.
    fn changed(
        &self,
        name: &QueueName,
        mut settings: QueueAttributes,
        attributes: &BTreeMap<String, String>,
    ) -> Result<QueueAttributes, SqsError> {
        let given = |name: &str| attributes.get(name).map(String::as_str);
        let invalid = |text: &str| SqsError::new(ErrorKind::InvalidAttributeValue, text);
        let both = (given("KmsMasterKeyId"), given("SqsManagedSseEnabled"));
        if let (Some(key), Some(managed)) = both
            && !key.is_empty()
            && managed.eq_ignore_ascii_case("true")
        {
            return Err(invalid(
                "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS \
                 SSE.",
            ));
        }
        for (attribute, value) in attributes {
            settings.set(attribute, value)?;
        }
        settings.check()?;
        if given("KmsDataKeyReusePeriodSeconds").is_some() && !settings.has_kms_key() {
            return Err(invalid(
                "KmsDataKeyReusePeriodSeconds can be set only together with a KmsMasterKeyId.",
            ));
        }
        if let (Some(redrive), Some(value)) = (&settings.redrive, attributes.get("RedrivePolicy")) {
            let refuse =
                |reason: &str| Err(SqsError::invalid_value(value, "RedrivePolicy", reason));
            let place = |name: &QueueName| (name.account.clone(), name.region.clone());
            if redrive.target == *name {
                return refuse("Dead-letter queue must not be the source queue itself.");
            }
            if place(&redrive.target) != place(name) {
                return refuse(
                    "Dead-letter queue must be in the same account and region as the source.",
                );
            }
            let target = self
                .by_name
                .get(&redrive.target)
                .and_then(|id| self.queues.get(id));
            match target {
                None => return refuse("Dead letter target does not exist."),
                Some(target) if target.settings.fifo != settings.fifo => {
                    return refuse("Dead-letter queue must be same type of queue as the source.");
                }
                Some(target)
                    if target
                        .settings
                        .redrive_allow
                        .as_ref()
                        .is_some_and(|allow| !allow.allows(name)) =>
                {
                    return refuse("Dead letter target does not allow this source queue.");
                }
                Some(_) => {}
            }
        }
        Ok(settings)
    }

    /// The caller's queues in order of their names, beginning at `start`, or after it if `exclusive`.
    fn names_after(
        &self,
        caller: &Caller,
        start: &str,
        exclusive: bool,
    ) -> impl Iterator<Item = &QueueName> {
        let start = QueueName::of(caller, start);
        let start = if exclusive {
            Bound::Excluded(start)
        } else {
            Bound::Included(start)
        };
        let (account, region) = (caller.account.clone(), caller.region.clone());
        let mine = move |name: &&QueueName| name.account == account && name.region == region;
        self.by_name
            .range((start, Bound::Unbounded))
            .map(|(name, _): (_, &QueueId)| name)
            .take_while(mine)
    }
}

/// One page of a list.
struct Page {
    most: usize,
    /// Whether the caller gave a page size; only then a token is returned.
    limited: bool,
    /// The last name of the previous page.
    after: Option<String>,
}

impl Page {
    fn new(most: Option<i64>, token: Option<&str>) -> Result<Self, SqsError> {
        let in_range = most.is_none_or(|most| (1..=PAGE as i64).contains(&most));
        if let (Some(most), false) = (most, in_range) {
            return Err(SqsError::invalid_value(
                most,
                "MaxResults",
                "MaxResults must be an integer between 1 and 1000.",
            ));
        }
        let after = token.filter(|token| !token.is_empty()).map(|token| {
            let name = base64::decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            name.ok_or_else(|| {
                SqsError::invalid_value(token, "NextToken", "Invalid or expired next token.")
            })
        });
        let limited = most.is_some();
        Ok(Self {
            most: most.map_or(PAGE, |most| most as usize),
            limited,
            after: after.transpose()?,
        })
    }

    fn fill<'a>(
        &self,
        names: impl Iterator<Item = &'a QueueName>,
        caller: &Caller,
    ) -> (Vec<String>, Option<String>) {
        let mut names = names.peekable();
        let page: Vec<_> = names.by_ref().take(self.most).collect();
        let last = page
            .last()
            .filter(|_| self.limited && names.peek().is_some());
        let token = last.map(|name| base64::encode(name.name.as_bytes()));
        (
            page.into_iter().map(|name| name.url(caller)).collect(),
            token,
        )
    }
}

fn url(queue: &Queue, caller: &Caller) -> Output {
    Output::QueueUrl(outputs::QueueUrl {
        queue_url: queue.name.url(caller),
    })
}

/// Whether a `CreateQueue` with these attributes and tags matches the existing queue.
fn same_queue(
    existing: &Queue,
    settings: &QueueAttributes,
    attributes: &BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
) -> Result<(), SqsError> {
    let exists = |what: String| {
        let text =
            format!("A queue already exists with the same name and a different value for {what}");
        Err(SqsError::new(ErrorKind::QueueNameExists, text))
    };
    if let Some(name) = attributes
        .keys()
        .find(|name| !existing.settings.agrees(settings, name))
    {
        return exists(format!("attribute {name}"));
    }
    // Seen on the real service, although its reference mentions only attributes.
    if let Some((key, _)) = tags
        .iter()
        .find(|(key, value)| existing.tags.latest().get(*key) != Some(value))
    {
        return exists(format!("tag {key}"));
    }
    Ok(())
}

/// All attributes of a queue. `count` makes exact numbers approximate.
fn describe(
    queue: &Queue,
    mut count: impl FnMut(usize) -> usize,
) -> impl Iterator<Item = (&'static str, String)> {
    let read_only = [
        count(queue.store.ready()).to_string(),
        count(queue.store.delayed()).to_string(),
        count(queue.store.in_flight()).to_string(),
        queue.created.as_secs().to_string(),
        queue.modified.as_secs().to_string(),
        queue.name.arn(),
    ];
    READ_ONLY
        .into_iter()
        .zip(read_only)
        .chain(queue.settings.shown())
}
