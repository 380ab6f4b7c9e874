//! The walk over a whole prefix, started by a person.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use sqs_rpc_protocol::SqsTime;
use sqs_rpc_transport::{Fault, FaultKind, InvalidOption, Moment, Sqs};

use super::host_calls;
use super::lease::{Stamp, Tag};
use super::options::check_prefix;
use super::ring::{Failure, Listed, Step, Verdict, Watch, WatchOptions};

/// The pause between the starts of two calls of a long walk: ten calls a second. SQS was seen to throttle calls about tags
/// at 5 to 30 a second for a whole account.
const PACE: Duration = Duration::from_millis(100);
/// The number of calls of a walk that start without a pause.
const UNPACED: u32 = 16;
/// The number of hosts whose tags are read at the same time, so that slow answers do not slow the walk.
const AT_A_TIME: usize = 8;
/// The number of failures in a row after which the error is returned.
const ATTEMPTS: u32 = 3;

/// Examines every host of a prefix, and deletes those that are dead. It uses the verdicts of the ring: a host whose state
/// is in doubt is not deleted.
///
/// # Examples
/// ```
/// use sqs_temporary_queues::Sweep;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = local_sqs::LocalSqs::start();
/// let mut sweep = Sweep::new(&local.client(), "sqs-rpc-")?.dry_run();
/// while let Some(host) = sweep.next().await? {
///     println!("{}: {:?}", host.name, host.verdict);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Sweep {
    sqs: Sqs,
    watch: Watch,
    /// The host that was found dead and is about to be deleted.
    doomed: Option<Examined>,
    failures: u32,
    /// Reads of tags that are in flight, for the next hosts of the walk. At most [`AT_A_TIME`], including answered reads.
    reads: FuturesUnordered<BoxFuture<'static, (Arc<str>, Tags)>>,
    /// The tags of hosts that are read ahead. `None`: not answered yet.
    ahead: HashMap<Arc<str>, Option<Tags>>,
    /// When the next call may start.
    next_call: Moment,
    /// The number of calls of this walk.
    calls: u32,
    /// Hosts that this sweep has deleted. SQS lists them for a while longer.
    deleted: HashSet<Arc<str>>,
}

/// The tags of a host, and SQS's time from the answer.
type Tags = host_calls::Dated<HashMap<String, String>>;

/// What a sweep found about one host.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Examined {
    /// The queue's name.
    pub name: Arc<str>,
    /// Its URL.
    pub url: Arc<str>,
    /// The lease in its tags.
    pub lease: Tag,
    /// The age of its lease in SQS's time; `None` if the age is unknown.
    pub age: Option<Duration>,
    /// Whether it is alive, dead, or not known yet.
    pub verdict: Verdict,
    /// Whether this sweep has deleted it.
    pub deleted: bool,
}

impl Sweep {
    /// A sweep of the hosts whose names begin with `prefix`. Makes no call.
    ///
    /// # Errors
    /// [`InvalidOption`] if no host can have this prefix.
    pub fn new(sqs: impl Into<Sqs>, prefix: &str) -> Result<Self, InvalidOption> {
        check_prefix(prefix)?;
        let sqs = sqs.into();
        let options = WatchOptions {
            prefix: prefix.into(),
            process: "".into(),
            period: Duration::from_secs(60),
            // The sweep paces its calls by itself, because several are in flight.
            pace: Duration::ZERO,
            deletes: true,
        };
        let now = sqs.clock().now();
        let watch = Watch::new(options, now, sqs.random().clone());
        Ok(Self {
            sqs,
            watch,
            reads: FuturesUnordered::new(),
            ahead: HashMap::new(),
            next_call: now,
            calls: 0,
            doomed: None,
            failures: 0,
            deleted: HashSet::new(),
        })
    }

    /// Reports the dead hosts, and deletes none.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.watch.only_look();
        self
    }

    /// The next host, with its verdict; a dead host has been deleted. Returns `None` at the end of a walk. The next call then
    /// starts another walk, which remembers which hosts were silent.
    ///
    /// # Errors
    /// The [`Fault`] of a call that was denied or that failed three times in a row. The next call continues the walk.
    ///
    /// # Cancel safety
    /// Reads of tags continue when this is called again. Other calls in flight are abandoned and made again.
    pub async fn next(&mut self) -> Result<Option<Examined>, Fault> {
        let (sqs, finished) = (self.sqs.clone(), self.watch.finished());
        let clock = sqs.clock();
        loop {
            let fault = match self
                .watch
                .step(clock.now(), |name| self.deleted.contains(name))
            {
                Step::Wait(_) if self.watch.finished() > finished => {
                    self.watch.walk_again(clock.now());
                    self.forget_reads();
                    self.calls = 0;
                    return Ok(None);
                }
                Step::Wait(until) => {
                    clock.sleep_until(until).await;
                    continue;
                }
                Step::List(part) => match host_calls::list(&sqs, &part).await.1 {
                    Ok(queues) => {
                        self.watch.listed(queues, clock.now());
                        self.failures = 0;
                        continue;
                    }
                    Err(fault) => fault,
                },
                Step::Read(host) => {
                    let (date, tags) = self.tags(&host).await;
                    match tags {
                        Ok(tags) => {
                            self.failures = 0;
                            match self.read(&tags, date) {
                                Some(examined) => return Ok(Some(examined)),
                                None => continue,
                            }
                        }
                        Err(fault) => fault,
                    }
                }
                Step::Delete(host) => {
                    let at = self.slot();
                    clock.sleep_until(at).await;
                    let end = clock.now() + host_calls::LIMIT;
                    match host_calls::try_delete(&sqs, &host.url, end).await {
                        Ok(()) => {
                            self.watch.deleted(clock.now());
                            self.deleted.insert(host.name);
                            self.failures = 0;
                            match self.doomed.take() {
                                Some(examined) => {
                                    let deleted = true;
                                    return Ok(Some(Examined {
                                        deleted,
                                        ..examined
                                    }));
                                }
                                None => continue,
                            }
                        }
                        Err(fault) => fault,
                    }
                }
            };
            let now = clock.now();
            match fault.kind() {
                FaultKind::QueueNotFound => self.watch.gone(now),
                FaultKind::AccessDenied => {
                    self.watch.failed(Failure::Denied, now);
                    self.forget_reads();
                    return Err(fault);
                }
                _ => {
                    self.watch.failed(Failure::Temporary, now);
                    self.failures += 1;
                    if self.failures >= ATTEMPTS {
                        self.failures = 0;
                        return Err(fault);
                    }
                }
            }
        }
    }

    /// The tags of the current host. The tags of the next hosts are read at the same time.
    async fn tags(&mut self, host: &Listed) -> Tags {
        let next = self
            .watch
            .upcoming()
            .filter(|next| !self.deleted.contains(&next.name));
        let wanted: Vec<_> = std::iter::once(host)
            .chain(next)
            .take(AT_A_TIME)
            .cloned()
            .collect();
        for host in wanted {
            if self.ahead.contains_key(&host.name) {
                continue;
            }
            let (sqs, at) = (self.sqs.clone(), self.slot());
            self.ahead.insert(Arc::clone(&host.name), None);
            self.reads.push(Box::pin(async move {
                sqs.clock().sleep_until(at).await;
                (host.name, host_calls::tags(&sqs, &host.url).await)
            }));
        }
        loop {
            if let Some(Some(tags)) = self.ahead.get_mut(&host.name).map(Option::take) {
                self.ahead.remove(&host.name);
                return tags;
            }
            match self.reads.next().await {
                Some((name, tags)) => {
                    self.ahead.insert(name, Some(tags));
                }
                None => return host_calls::tags(&self.sqs, &host.url).await,
            }
        }
    }

    fn forget_reads(&mut self) {
        self.reads.clear();
        self.ahead.clear();
    }

    /// Reserves a start time for the next call; the call after that one starts later.
    fn slot(&mut self) -> Moment {
        let slot = self.next_call.max(self.sqs.clock().now());
        self.calls = self.calls.saturating_add(1);
        let pause = if self.calls > UNPACED {
            PACE
        } else {
            Duration::ZERO
        };
        self.next_call = slot + pause;
        slot
    }

    /// Returns `None` if the host must be deleted first.
    fn read(&mut self, tags: &HashMap<String, String>, date: Option<SqsTime>) -> Option<Examined> {
        let (host, lease, verdict) = self.watch.read(tags, date, self.sqs.clock().now())?;
        let age = match (lease, date) {
            (Tag::Ours(lease), Some(date)) => match lease.stamp {
                Stamp::Sqs(stamp) => Some(date.since(stamp)),
                Stamp::Beat(_) => None,
            },
            _ => None,
        };
        let examined = Examined {
            name: host.name,
            url: host.url,
            lease,
            age,
            verdict,
            deleted: false,
        };
        if verdict == Verdict::Dead && self.watch.deletes() {
            self.doomed = Some(examined);
            return None;
        }
        Some(examined)
    }
}

#[cfg(test)]
mod tests {
    use local_sqs::{Behaviour, Latency, LocalSqs};
    use sqs_rpc_protocol::names::DEFAULT_HOST_PREFIX;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn slow_answers_do_not_slow_a_walk() {
        let local = LocalSqs::start();
        for number in 0..40 {
            let name =
                format!("{DEFAULT_HOST_PREFIX}0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a-{number}");
            local.create_queue(&name).await.unwrap();
        }
        local.set_behaviour(Behaviour::default().latency(Latency::Fixed(Duration::from_secs(2))));
        let sqs = Sqs::from(&local.client());
        let mut sweep = Sweep::new(sqs.clone(), DEFAULT_HOST_PREFIX).unwrap();
        let started = sqs.clock().now();
        let mut names = Vec::new();
        while let Some(host) = sweep.next().await.unwrap() {
            names.push(host.name);
        }
        assert_eq!(names.len(), 40);
        assert!(names.is_sorted(), "in the order of the walk");
        let took = sqs.clock().now().since(started);
        // One list, and 40 reads, eight at a time: 12 s. One read at a time would take 82 s.
        assert!((12..16).contains(&took.as_secs()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn quick_answers_do_not_make_a_burst() {
        let local = LocalSqs::start();
        for number in 0..40 {
            let name =
                format!("{DEFAULT_HOST_PREFIX}0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a-{number}");
            local.create_queue(&name).await.unwrap();
        }
        let sqs = Sqs::from(&local.client());
        let mut sweep = Sweep::new(sqs.clone(), DEFAULT_HOST_PREFIX).unwrap();
        let started = sqs.clock().now();
        while sweep.next().await.unwrap().is_some() {}
        let took = sqs.clock().now().since(started);
        // The call after the last unpaced call starts without a pause, too.
        assert!(took >= PACE * (40 - UNPACED - 1), "{took:?}");
    }
}
