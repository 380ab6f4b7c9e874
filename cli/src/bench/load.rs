//! The load: sends requests and measures how long each takes.
//!
//! Owns: the order of requests, and the times. Does not own: the contestants. Invariant: a failed request ends the run,
//! because a table with missing results compares nothing.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::task::JoinSet;

use super::contestant::Contestant;
use crate::clock::Stopwatch;
use crate::failure::Failure;

/// Range of the histogram: from one microsecond to two minutes, with three significant digits.
const RANGE: (u64, u64, u8) = (1, 120_000_000, 3);

/// How requests are sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Load {
    /// A number of callers; each sends its next request as soon as it has a reply.
    Closed {
        /// Number of callers.
        callers: usize,
        /// Number of requests of all callers together.
        requests: u64,
    },
    /// Requests at a constant rate, independent of the replies.
    Open {
        /// Requests per second.
        rate: f64,
        /// Number of requests.
        requests: u64,
    },
}

/// The measured times.
#[derive(Debug)]
pub(super) struct Timing {
    /// The latency of each request in microseconds.
    pub(super) latencies: Histogram<u64>,
    pub(super) elapsed: Duration,
}

impl Load {
    pub(super) const fn requests(&self) -> u64 {
        match *self {
            Self::Closed { requests, .. } | Self::Open { requests, .. } => requests,
        }
    }

    /// Whether replies are seconds apart even without a failure.
    pub(super) const fn is_slow(&self) -> bool {
        matches!(*self, Self::Open { rate, .. } if rate < 1.0)
    }

    /// A short load of the same kind, to warm up connections, polls and rates.
    pub(super) fn warm_up(&self) -> Self {
        match *self {
            Self::Closed { callers, requests } => Self::Closed {
                callers,
                requests: requests.min(10 * callers as u64),
            },
            Self::Open { rate, requests } => Self::Open {
                rate,
                requests: requests.min(1_000),
            },
        }
    }

    /// Runs this load on a contestant, and calls `tick` after each reply.
    pub(super) async fn put_on(
        &self,
        contestant: &Arc<dyn Contestant>,
        body: &str,
        tick: impl Fn() + Clone + Send + 'static,
    ) -> Result<Timing, Failure> {
        let watch = Stopwatch::start();
        let latencies = match *self {
            Self::Closed { callers, requests } => {
                closed(contestant, body, callers, requests, tick).await?
            }
            Self::Open { rate, requests } => open(contestant, body, rate, requests, tick).await?,
        };
        Ok(Timing {
            latencies,
            elapsed: watch.elapsed(),
        })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { callers, .. } => write!(f, "{callers} callers"),
            Self::Open { rate, .. } => write!(f, "{rate} a second"),
        }
    }
}

async fn closed(
    contestant: &Arc<dyn Contestant>,
    body: &str,
    callers: usize,
    requests: u64,
    tick: impl Fn() + Clone + Send + 'static,
) -> Result<Histogram<u64>, Failure> {
    let begun = Arc::new(AtomicU64::new(0));
    // All callers share one histogram, because each needs some hundred kilobytes.
    let all = Arc::new(Mutex::new(histogram()?));
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (contestant, body, tick) = (Arc::clone(contestant), body.to_owned(), tick.clone());
        let (begun, all) = (Arc::clone(&begun), Arc::clone(&all));
        tasks.spawn(async move {
            while begun.fetch_add(1, Ordering::Relaxed) < requests {
                let latency = call(&contestant, body.clone()).await?;
                record(
                    &mut all.lock().unwrap_or_else(PoisonError::into_inner),
                    latency,
                );
                tick();
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(one) = tasks.join_next().await {
        one.map_err(Failure::other)??;
    }
    let all = all.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(all.clone())
}

async fn open(
    contestant: &Arc<dyn Contestant>,
    body: &str,
    rate: f64,
    requests: u64,
    tick: impl Fn() + Clone + Send + 'static,
) -> Result<Histogram<u64>, Failure> {
    let mut all = histogram()?;
    let mut callers = JoinSet::new();
    let mut beat = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
    for _ in 0..requests {
        beat.tick().await;
        let (contestant, body) = (Arc::clone(contestant), body.to_owned());
        callers.spawn(async move { call(&contestant, body).await });
        while let Some(done) = callers.try_join_next() {
            record(&mut all, done.map_err(Failure::other)??);
            tick();
        }
    }
    while let Some(done) = callers.join_next().await {
        record(&mut all, done.map_err(Failure::other)??);
        tick();
    }
    Ok(all)
}

async fn call(contestant: &Arc<dyn Contestant>, body: String) -> Result<Duration, Failure> {
    let watch = Stopwatch::start();
    contestant.call(body).await?;
    Ok(watch.elapsed())
}

fn record(latencies: &mut Histogram<u64>, latency: Duration) {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    latencies.saturating_record(micros.max(RANGE.0));
}

fn histogram() -> Result<Histogram<u64>, Failure> {
    Histogram::new_with_bounds(RANGE.0, RANGE.1, RANGE.2).map_err(Failure::other)
}
