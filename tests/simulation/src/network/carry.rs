//! The transport of one call: to SQS, its effect, and the answer.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use local_sqs::engine::api::outputs::{Batch, FailedEntry};
use local_sqs::engine::{Action, Output, Request, SqsError};
use tokio::sync::oneshot;

use super::Network;
use super::stale::Listing;
use crate::coverage::Fault;
use crate::exchange::{CHANGED, Exchange, Failure, GUILTY};
use crate::link::Link;
use crate::time::TrueTime;
use crate::weather::{Fate, age_of_late_date};

/// The maximum number of failures of an entry, so that one of its three attempts succeeds.
const MOST_FAILURES: u32 = 2;
/// The timeout of the SDK for an answer.
const TIME_OUT: Duration = Duration::from_secs(5);
/// The status codes of proxies' pages.
const PAGES: [u16; 4] = [403, 407, 502, 504];
/// How far a proxy's clock is ahead.
const PROXY_OFF: Duration = Duration::from_secs(3_600);
/// How long a call hangs before its connection breaks.
const HANG: Duration = Duration::from_secs(90);
/// A poll without an answer may be given up this time after the end of its wait.
const GRACE: Duration = Duration::from_secs(5);
/// The tolerance for rounding: timers have whole milliseconds, and clock drift is rounded, too.
const TICK: Duration = Duration::from_millis(3);

impl Network {
    /// Sends a call. The call continues even if this future is dropped. `again`: whether it is a retry of the SDK.
    pub(crate) async fn send(&self, link: &Link, request: Request, again: bool) -> Exchange {
        let (done, answer) = oneshot::channel();
        let (network, link) = (self.clone(), link.clone());
        tokio::spawn(carry(network, link, request, again, done));
        answer.await.unwrap_or(Exchange {
            date: None,
            result: Err(Failure::Reset),
        })
    }
}

/// Carries a call. Ends when its outcome has no observer any more.
async fn carry(
    network: Network,
    link: Link,
    request: Request,
    again: bool,
    mut done: oneshot::Sender<Exchange>,
) {
    let action = request.action();
    let oracle = network.0.oracle.clone();
    let (number, fate, latency) = network.sets_out(&link, &request, again);
    let sends = sends_of(&request);
    let wait = wait_of(&request);
    let poll = (action == Action::ReceiveMessage).then(|| request.clone());
    let started = (network.0.time.now(), link.clock.now());
    let exchange = {
        let way = network.there_and_back(&link, request, fate, latency);
        let mut way = std::pin::pin!(way);
        let given_up = async {
            let Some(poll) = poll else {
                return std::future::pending().await;
            };
            tokio::select! {
                biased;
                () = link.gone.cancelled() => {}
                () = done.closed() => {
                    let waited = link.clock.now().saturating_sub(started.1);
                    let due = wait + GRACE;
                    // A shutdown ends polls that return nothing.
                    if !oracle.is_ending(link.life) {
                        oracle.gives_poll_up(&link, &poll, waited + TICK, due);
                    }
                }
            }
        };
        tokio::select! {
            biased;
            exchange = &mut way => exchange,
            () = given_up => {
                // SQS may not notice that the caller is gone. Then SQS writes messages to a connection without a reader.
                if network.lock().dice.happens(0.5) {
                    way.await;
                }
                return;
            }
        }
    };
    let took = network.0.time.now().saturating_sub(started.0);
    oracle.answered(&link, action, number, &exchange, took, wait);
    let accepted = match &exchange.result {
        Ok(Output::SentBatch(batch)) => batch
            .successful
            .iter()
            .filter_map(|entry| Some(sends.iter().find(|(id, _)| *id == entry.id)?.1.clone()))
            .collect(),
        _ => Vec::new(),
    };
    if done.send(exchange).is_ok() {
        oracle.hears(&link, accepted);
    }
}

/// The entry id and the body of each send in a batch.
fn sends_of(request: &Request) -> Vec<(String, String)> {
    let Request::SendMessageBatch(batch) = request else {
        return Vec::new();
    };
    let entries = batch.entries.iter().flatten();
    let sends = entries.map(|entry| {
        let body = entry.message_body.as_deref().unwrap_or_default();
        (entry.id.clone().unwrap_or_default(), body.to_owned())
    });
    sends.collect()
}

impl Network {
    /// Draws the faults and the latency of a call.
    fn sets_out(&self, link: &Link, request: &Request, again: bool) -> (u64, Fate, Duration) {
        let action = request.action();
        let number = self.0.oracle.sets_out(link, request, again);
        let now = self.0.time.now();
        let mut state = self.lock();
        let fate = state.weather.draw(now, action, link.life.process);
        let latency = state.dice.latency(6.0, 30.0);
        (number, fate, latency)
    }

    async fn there_and_back(
        &self,
        link: &Link,
        mut request: Request,
        fate: Fate,
        latency: Duration,
    ) -> Exchange {
        let oracle = &self.0.oracle;
        self.0.time.sleep(latency / 2).await;
        if let Some(fault) = fate.trouble {
            oracle.fault(fault);
            let (after, failure) = match fault {
                Fault::Throttled => (latency / 2, service("RequestThrottled", 403)),
                Fault::Unavailable => (latency / 2, service("ServiceUnavailable", 503)),
                Fault::ExpiredToken => (latency / 2, service("ExpiredTokenException", 403)),
                Fault::NoCredentials => (latency / 2, Failure::NoCredentials),
                Fault::ProxyPage => {
                    let status = *self.lock().dice.pick(&PAGES);
                    (latency / 2, Failure::Page { status })
                }
                Fault::Denied => (latency / 2, service("AccessDenied", 403)),
                Fault::TimedOut => (TIME_OUT, Failure::TimedOut),
                Fault::LandsLate => {
                    self.land_late(link, request.clone());
                    (TIME_OUT, Failure::TimedOut)
                }
                Fault::Reset => (latency / 2, Failure::Reset),
                _ => (HANG, Failure::Reset),
            };
            match fault {
                Fault::FailedAfter | Fault::TimedOutAfter | Fault::ResetAfter => {}
                Fault::HalfOpen | Fault::NoAnswer => {
                    // The request may arrive; its answer never does.
                    if self.lock().dice.happens(0.5) {
                        let meant = oracle.understands(link, &request);
                        let result = self.carry_out(request).await;
                        oracle.took_effect(link, meant, &result);
                    }
                    return std::future::pending().await;
                }
                _ => {
                    self.0.time.sleep(after).await;
                    return self.answer(Err(failure), &fate);
                }
            }
        }
        if is_refused(&request) {
            oracle.fault(Fault::RefusedBatch);
            self.0.time.sleep(latency / 2).await;
            return self.answer(Err(service("InvalidMessageContents", 400)), &fate);
        }
        let failed = self.fail_entries(&mut request, &fate);
        if reads_counts(&request)
            && self
                .lock()
                .weather
                .is_on(Fault::WrongCounts, self.0.time.now())
        {
            oracle.fault(Fault::WrongCounts);
        }
        let meant = oracle.understands(link, &request);
        let listing = Listing::of(&request);
        let result = match nothing_left(&request) {
            Some(output) => Ok(output),
            None => self.carry_out(request).await,
        };
        oracle.took_effect(link, meant, &result);
        let result = result.map(|output| self.as_listed(&listing, output));
        if let Ok(Output::Messages(received)) = &result {
            self.count_faults_of_engine(received.messages.len());
        }
        if matches!(result, Ok(Output::SentBatch(_)))
            && link.trap.swap(false, Ordering::Relaxed)
            && link.kill()
        {
            oracle.fault(Fault::KilledAfterReply);
        }
        let result = match fate.trouble {
            Some(Fault::FailedAfter) => Err(service("InternalFailure", 500)),
            Some(Fault::TimedOutAfter) => {
                self.0.time.sleep(TIME_OUT).await;
                Err(Failure::TimedOut)
            }
            Some(Fault::ResetAfter) => Err(Failure::Reset),
            _ => result.map_err(|error| of_engine(&error)),
        };
        let result = result.map(|output| self.damage(output, failed, &fate));
        self.0.time.sleep(latency / 2).await;
        self.answer(result, &fate)
    }

    fn answer(&self, result: Result<Output, Failure>, fate: &Fate) -> Exchange {
        let lost = matches!(result, Err(Failure::TimedOut | Failure::Reset));
        let now = whole_seconds(&self.0.time);
        let lost = lost || matches!(result, Err(Failure::NoCredentials));
        let page = matches!(result, Err(Failure::Page { .. }));
        let date = match fate.date {
            _ if lost => None,
            _ if page => Some(now + PROXY_OFF),
            None => Some(now),
            Some(fault) => {
                self.0.oracle.fault(fault);
                let mut state = self.lock();
                match fault {
                    Fault::DateReplaced => Some(now + PROXY_OFF),
                    Fault::DateLate => Some(now - age_of_late_date(&mut state.dice)),
                    Fault::DateOff if state.dice.happens(0.5) => {
                        Some(now + state.dice.millis(0, 5_000))
                    }
                    Fault::DateOff => Some(now - state.dice.millis(0, 5_000)),
                    _ => None,
                }
            }
        };
        Exchange {
            date: date.map(|since_epoch| UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs())),
            result,
        }
    }

    /// Removes from a batch the entries that fail.
    fn fail_entries(&self, request: &mut Request, fate: &Fate) -> Vec<FailedEntry> {
        let mut failed = Vec::new();
        let mut at = 0;
        let mut state = self.lock();
        let times = &mut state.failed_entries;
        let mut stays = |id: &Option<String>, what: Option<&str>| {
            let chosen = fate.parts.get(at) == Some(&Some(Fault::FailedEntry));
            at += 1;
            let fails = chosen && fails_again(times, what);
            if fails {
                self.0.oracle.fault(Fault::FailedEntry);
                failed.push(FailedEntry {
                    id: id.clone().unwrap_or_default(),
                    sender_fault: false,
                    code: "InternalError",
                    message: String::new(),
                });
            }
            !fails
        };
        match request {
            Request::SendMessageBatch(batch) => {
                batch
                    .entries
                    .iter_mut()
                    .for_each(|all| all.retain(|it| stays(&it.id, it.message_body.as_deref())));
            }
            Request::DeleteMessageBatch(batch) => {
                batch
                    .entries
                    .iter_mut()
                    .for_each(|all| all.retain(|it| stays(&it.id, it.receipt_handle.as_deref())));
            }
            Request::ChangeMessageVisibilityBatch(batch) => {
                batch
                    .entries
                    .iter_mut()
                    .for_each(|all| all.retain(|it| stays(&it.id, it.receipt_handle.as_deref())));
            }
            _ => {}
        }
        failed
    }

    /// Applies the faults of single entries or messages to an answer.
    fn damage(&self, mut output: Output, failed: Vec<FailedEntry>, fate: &Fate) -> Output {
        let oracle = &self.0.oracle;
        let mut at = 0;
        let mut befalls = |fault| {
            let befalls = fate.parts.get(at) == Some(&Some(fault));
            at += 1;
            if befalls {
                oracle.fault(fault);
            }
            befalls
        };
        match &mut output {
            Output::SentBatch(Batch {
                successful,
                failed: others,
            }) => {
                others.extend(failed);
                successful.retain(|_| !befalls(Fault::LostEntry));
            }
            Output::Batch(Batch {
                successful,
                failed: others,
            }) => {
                others.extend(failed);
                successful.retain(|_| !befalls(Fault::LostEntry));
            }
            Output::Messages(received) => {
                for message in &mut received.messages {
                    if befalls(Fault::Corrupted) {
                        message.body = format!("{}{CHANGED}", message.body).into();
                    }
                }
            }
            _ => {}
        }
        output
    }

    /// Counts faults that the engine itself makes, for a receive that returned this number of messages.
    fn count_faults_of_engine(&self, messages: usize) {
        let now = self.0.time.now();
        let is_on = |fault| self.lock().weather.is_on(fault, now);
        if messages > 0 && is_on(Fault::Reordered) {
            self.0.oracle.fault(Fault::Reordered);
        }
        if messages == 0 && is_on(Fault::QuotaReached) {
            self.0.oracle.fault(Fault::QuotaReached);
        }
    }
}

/// Whether a call reads the number of messages of a queue.
fn reads_counts(request: &Request) -> bool {
    let Request::GetQueueAttributes(get) = request else {
        return false;
    };
    let mut names = get.attribute_names.iter().flatten();
    names.any(|name| name == "All" || name.starts_with("ApproximateNumber"))
}

fn is_refused(request: &Request) -> bool {
    let Request::SendMessageBatch(batch) = request else {
        return false;
    };
    let mut bodies = batch
        .entries
        .iter()
        .flatten()
        .filter_map(|entry| entry.message_body.as_deref());
    bodies.any(|body| body.starts_with('q') && body.ends_with(GUILTY))
}

/// The answer if every entry of a batch has failed already.
fn nothing_left(request: &Request) -> Option<Output> {
    let (successful, failed) = (Vec::new(), Vec::new());
    match request {
        Request::SendMessageBatch(batch) if batch.entries.as_ref()?.is_empty() => {
            Some(Output::SentBatch(Batch { successful, failed }))
        }
        Request::DeleteMessageBatch(batch) if batch.entries.as_ref()?.is_empty() => {
            let successful = Vec::new();
            Some(Output::Batch(Batch { successful, failed }))
        }
        Request::ChangeMessageVisibilityBatch(batch) if batch.entries.as_ref()?.is_empty() => {
            let successful = Vec::new();
            Some(Output::Batch(Batch { successful, failed }))
        }
        _ => None,
    }
}

fn wait_of(request: &Request) -> Duration {
    match request {
        Request::ReceiveMessage(receive) => {
            let seconds = receive.wait_time_seconds.unwrap_or_default();
            Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
        }
        _ => Duration::ZERO,
    }
}

fn whole_seconds(time: &TrueTime) -> Duration {
    Duration::from_secs(time.sqs().as_secs())
}

const fn service(code: &'static str, status: u16) -> Failure {
    Failure::Service { code, status }
}

fn of_engine(error: &SqsError) -> Failure {
    service(error.kind().query_code(), error.kind().status())
}

/// Whether this entry may fail once more. `what`: its body or receipt handle.
fn fails_again(times: &mut HashMap<String, u32>, what: Option<&str>) -> bool {
    let times = times
        .entry(what.unwrap_or_default().to_owned())
        .or_default();
    *times += 1;
    *times <= MOST_FAILURES
}
