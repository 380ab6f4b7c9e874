//! The walk over a whole prefix, started by a person.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::SqsTime;

use super::calls;
use super::lease::{Stamp, Tag};
use super::options::check_prefix;
use super::ring::{Failure, Step, Verdict, Watch, WatchOptions};
use crate::InvalidOption;
use crate::sqs::{Fault, FaultKind, Sqs};

/// Between two calls of a long walk.
const PACE: Duration = Duration::from_millis(100);
/// A call that failed so often in a row ends the walk.
const ATTEMPTS: u32 = 3;

/// Looks at every host of a prefix, and deletes those that are dead. It judges as the ring does: what is only in doubt is
/// left alone.
///
/// # Examples
/// ```
/// use sqs_virtual_queues::Sweep;
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
    /// Found dead and about to be deleted.
    doomed: Option<Examined>,
    failures: u32,
    /// Hosts that this sweep has deleted: they are listed for a while.
    deleted: HashSet<Arc<str>>,
}

/// What a sweep saw of one host.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Examined {
    /// The queue's name.
    pub name: Arc<str>,
    /// Its URL.
    pub url: Arc<str>,
    /// What its tags say.
    pub lease: Tag,
    /// The age of its lease in SQS's time; `None` where that cannot be told.
    pub age: Option<Duration>,
    /// Whether it is alive.
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
            pace: PACE,
            deletes: true,
        };
        let watch = Watch::new(options, sqs.clock().now(), sqs.random().clone());
        Ok(Self {
            sqs,
            watch,
            doomed: None,
            failures: 0,
            deleted: HashSet::new(),
        })
    }

    /// Names the dead hosts, and deletes none.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.watch.only_look();
        self
    }

    /// The next host, after it was judged and, if it is dead, deleted. `None` at the end of a walk; asked once more, it
    /// walks again, and remembers which hosts were silent.
    ///
    /// # Errors
    /// The [`Fault`] of a call that was denied, or that failed three times in a row. Asked once more, it goes on.
    ///
    /// # Cancel safety
    /// A call that is under way is abandoned, and made again by the next call of this.
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
                    return Ok(None);
                }
                Step::Wait(until) => {
                    clock.sleep_until(until).await;
                    continue;
                }
                Step::List(part) => match calls::list(&sqs, &part).await.1 {
                    Ok(queues) => {
                        self.watch.listed(queues, clock.now());
                        self.failures = 0;
                        continue;
                    }
                    Err(fault) => fault,
                },
                Step::Read(host) => {
                    let (date, tags) = calls::tags(&sqs, &host.url).await;
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
                    let end = clock.now() + calls::LIMIT;
                    match calls::try_delete(&sqs, &host.url, end).await {
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

    /// `None`: it is to be deleted first.
    fn read(
        &mut self,
        tags: &std::collections::HashMap<String, String>,
        date: Option<SqsTime>,
    ) -> Option<Examined> {
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
