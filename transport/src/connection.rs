//! [`Sqs`]: the handle through which all parts of the framework call SQS.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::error::ProvideErrorMetadata;
use futures::FutureExt;
use futures::future::BoxFuture;
use sqs_rpc_protocol::limits::MAX_POLL_WAIT;
use sqs_rpc_protocol::{HostKey, HostQueueUrl, SqsTime};

use super::api::Call;
use super::api::{Answer, SqsApi, for_each_operation, import_operations};
use super::client_api::ClientApi;
use super::clock::{Clock, Moment};
use super::fault::{Delivery, Fault, FaultKind};
use super::outage::{OutageDetector, Recoveries};
use super::random::Random;
use super::server_clock;
use super::server_clock::{Sample, ServerClock};
use super::task_hook::TaskHook;
use super::tasks::{NoRuntime, Tasks};
use super::user_code::{Panicked, UserCode};
use crate::mutant;
use crate::stats::{Action, Counter, Counters};

/// The default of [`SqsBuilder::call_timeout`]. SQS usually answers within a second, and an SDK's attempt, its two
/// retries and their back-offs fit in.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A poll has a broken connection if it has no answer this long after its wait.
const POLL_GRACE: Duration = Duration::from_secs(5);

/// The seam together with the clock, the random source, SQS's time and the counters. Cheap to clone; clones share all
/// state.
///
/// Every call is counted and fails with a [`Fault`]. [`ServerClock`] learns from the date of its answer, unless the
/// answer is a proxy's page.
///
/// # Time
/// Every call has a timeout, which includes the SDK's retries: 30 s, or the value of [`SqsBuilder::call_timeout`].
/// The timeout of `ReceiveMessage` is its `WaitTimeSeconds` (20 s if it has none) plus 5 s. A call without an answer
/// by then is given up and fails with [`FaultKind::TimedOut`] and [`Delivery::Unknown`].
///
/// # Examples
/// ```
/// use sqs_rpc_transport::Sqs;
/// # let local = local_sqs::LocalSqs::start();
/// let sqs = Sqs::from(&local.client());
/// ```
#[derive(Debug, Clone)]
pub struct Sqs {
    api: Arc<dyn SqsApi>,
    clock: Clock,
    random: Random,
    server_clock: ServerClock,
    outages: OutageDetector,
    counters: Counters,
    hook: TaskHook,
    call_timeout: Duration,
}

/// Builds an [`Sqs`]. Created by [`Sqs::builder`].
#[derive(Debug)]
pub struct SqsBuilder {
    api: Arc<dyn SqsApi>,
    clock: Option<Clock>,
    random: Option<Random>,
    hook: TaskHook,
    call_timeout: Duration,
}

impl Sqs {
    /// Begins with an implementation of the seam.
    pub fn builder(api: impl SqsApi) -> SqsBuilder {
        SqsBuilder {
            api: Arc::new(api),
            clock: None,
            random: None,
            hook: TaskHook::default(),
            call_timeout: CALL_TIMEOUT,
        }
    }

    /// The clock of all deadlines.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The source of ids and jitter.
    #[must_use]
    pub const fn random(&self) -> &Random {
        &self.random
    }

    /// The counters from which [`Stats`](crate::Stats) is read.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The identity of a queue. Tables of queues use it as their key, because one queue has many URLs.
    #[must_use]
    pub fn host_key(&self, url: &HostQueueUrl) -> HostKey {
        HostKey::new(url, self.api.region())
    }

    /// The hook that wraps every task that is spawned.
    #[must_use]
    pub const fn task_hook(&self) -> &TaskHook {
        &self.hook
    }

    /// An empty set of tasks on the current runtime, with the hook.
    ///
    /// # Errors
    /// [`NoRuntime`] outside of a Tokio runtime.
    pub fn tasks(&self) -> Result<Tasks, NoRuntime> {
        Tasks::with_hook(self.hook.clone())
    }

    /// The earliest possible SQS time; `None` if it is not known.
    #[must_use]
    pub fn earliest_server_time(&self) -> Option<SqsTime> {
        self.server_clock
            .earliest(self.clock.now(), self.clock.wall())
    }

    /// The latest possible SQS time; `None` if it is not known.
    #[must_use]
    pub fn latest_server_time(&self) -> Option<SqsTime> {
        self.server_clock
            .latest(self.clock.now(), self.clock.wall())
    }

    /// The least SQS time that the answers since `since` prove: see [`ServerClock::proven_since`].
    #[must_use]
    pub fn proven_since(&self, since: Moment) -> Option<SqsTime> {
        self.server_clock.proven_since(since, self.clock.now())
    }

    /// Compares the `Date`s of the answers with the `SentTimestamp` of a message, such as a reply, that was sent
    /// after `after` and has arrived now: see [`ServerClock::received`]. If they do not match, a proxy has probably
    /// replaced the `Date`s. SQS's time is unknown from then on, and a warning is logged.
    pub fn compare_server_time(&self, sent: SqsTime, after: Moment) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let dates = self.server_clock.earliest(now, wall);
        if self.server_clock.received(sent, after, now, wall) {
            tracing::warn!(
                sent_timestamp = sent.as_millis(),
                date = dates.map(SqsTime::as_millis),
                "the `Date` of SQS's answers does not match its SentTimestamp (a proxy may have a wrong clock): SQS's time \
                 is unknown from now on"
            );
        }
    }

    /// Reports when SQS answers again after a time without any answers. A caller that waits because its own call
    /// failed may then try again.
    #[must_use]
    pub fn recoveries(&self) -> Recoveries {
        self.outages.recoveries()
    }

    /// Whether SQS has answered none of the most recent calls.
    #[doc(hidden)]
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.outages.is_outage()
    }

    /// Makes a call with the timeout `limit`. Returns its result with the time from its own answer.
    #[doc(hidden)]
    pub async fn dated<T, E>(
        &self,
        action: Action,
        limit: Duration,
        call: impl FnOnce(&dyn SqsApi) -> Call<T, E>,
    ) -> (Option<SqsTime>, Result<T, Fault>)
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let (date, result) = self
            .observe(action, limit, async { call(&*self.api).await })
            .await;
        (date.and_then(server_clock::sqs_time), result)
    }

    /// The only place where a call gets its timeout, and where a panic of the user's code in a call is caught: the
    /// SDK runs the user's interceptors, credential providers and connectors.
    async fn observe<T, E>(
        &self,
        action: Action,
        limit: Duration,
        call: impl Future<Output = Answer<T, E>>,
    ) -> (Option<SystemTime>, Result<T, Fault>)
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        self.counters.call(action);
        let sent = self.clock.now();
        let call = AssertUnwindSafe(call).catch_unwind();
        let (date, result) = match self.clock.timeout_at(sent + limit, call).await {
            Ok(Err(panic)) => {
                UserCode::of::<dyn SqsApi>("the client of SQS").report(&self.counters, panic);
                let (kind, delivery) = (FaultKind::Panicked, Delivery::Unknown);
                (None, Err(Fault::local(action, kind, delivery, Panicked)))
            }
            Ok(Ok(answer)) => {
                let result = answer.result;
                (
                    answer.date,
                    result.map_err(|error| Fault::from_sdk(action, error)),
                )
            }
            Err(elapsed) => {
                let (kind, delivery) = (FaultKind::TimedOut, Delivery::Unknown);
                (None, Err(Fault::local(action, kind, delivery, elapsed)))
            }
        };
        if let Err(fault) = &result {
            self.failed(fault);
        }
        if result.is_ok() {
            self.outages.served();
        }
        // The date of a proxy's page is the proxy's time.
        let is_from_sqs = result
            .as_ref()
            .map_or_else(Fault::is_answer_of_sqs, |_| true);
        let date = date.filter(|_| is_from_sqs && !self.server_clock.is_wrong());
        if let Some(date) = date {
            self.server_clock.learn(Sample {
                sent,
                received: self.clock.now(),
                wall: self.clock.wall(),
                date,
            });
        }
        (date, result)
    }

    fn failed(&self, fault: &Fault) {
        let action = fault.action();
        match fault.shows_an_answer() {
            Some(true) => self.outages.answered(),
            Some(false) => self.outages.failed(1),
            None => {}
        }
        if fault.is_temporary() {
            self.outages.trouble();
        }
        self.counters.count(Counter::FailedCalls);
        if fault.kind() == FaultKind::AccessDenied {
            self.counters.denied(action);
        }
        tracing::debug!(%action, kind = ?fault.kind(), code = fault.code(), right = fault.right(), "call failed");
    }
}

/// The timeout of a poll with this wait. A poll without a wait of its own uses its queue's
/// `ReceiveMessageWaitTimeSeconds`, which is at most [`MAX_POLL_WAIT`].
fn poll_limit(wait_seconds: Option<i32>) -> Duration {
    if mutant!("half-open-for-ever") {
        return Duration::MAX;
    }
    let wait = wait_seconds.map_or(MAX_POLL_WAIT, |seconds| {
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    });
    if mutant!("poll-given-up-early") {
        return wait + POLL_GRACE / 2;
    }
    wait + POLL_GRACE
}

macro_rules! limit {
    ($self:ident $input:ident receive_message) => {
        poll_limit(*$input.get_wait_time_seconds())
    };
    ($self:ident $input:ident $other:ident) => {
        $self.call_timeout
    };
}

for_each_operation!(import_operations);

macro_rules! call {
    ($($(#[$doc:meta])* $method:ident $action:ident $input:ident $output:ident $error:ident;)*) => {
        impl Sqs {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// The [`Fault`] for the SDK's error; [`FaultKind::TimedOut`] after the timeout.
                ///
                /// # Cancel safety
                /// Dropping the future abandons the call: its effect is unknown then.
                pub async fn $method(&self, input: $input) -> Result<$output, Fault> {
                    let limit = limit!(self input $method);
                    // The call is made inside of the future, because panics are caught there.
                    let call = async { self.api.$method(input).await };
                    self.observe(Action::$action, limit, call).await.1
                }
            )*
        }
    };
}
for_each_operation!(call);

impl From<&aws_sdk_sqs::Client> for Sqs {
    fn from(client: &aws_sdk_sqs::Client) -> Self {
        Self::builder(ClientApi::new(client)).build()
    }
}

impl From<aws_sdk_sqs::Client> for Sqs {
    fn from(client: aws_sdk_sqs::Client) -> Self {
        Self::from(&client)
    }
}

impl SqsBuilder {
    /// The clock. Default: [`Clock::system`].
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The random source. Default: [`Random::from_os`].
    #[must_use]
    pub fn random(mut self, random: Random) -> Self {
        self.random = Some(random);
        self
    }

    /// The timeout of a call other than `ReceiveMessage`, including the SDK's retries. Default 30 s; less than 1 ms
    /// counts as 1 ms; `Duration::MAX` means no timeout. Calls that keep or watch a temporary host have shorter
    /// timeouts of their own.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sqs_rpc_transport::{ClientApi, Sqs};
    ///
    /// # let local = local_sqs::LocalSqs::start();
    /// let sqs = Sqs::builder(ClientApi::new(&local.client()))
    ///     .call_timeout(Duration::from_secs(10))
    ///     .build();
    /// ```
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout.max(Duration::from_millis(1));
        self
    }

    /// Wraps every task that the framework spawns: drivers, calls, handlers. Default: no wrapper. For instrumentation
    /// (a span around all tasks, a count of polls), and for simulations that pause or kill a process.
    ///
    /// A wrapped task must either run to its end or never run again: a wrapper that ends before its task leaves
    /// waiters waiting forever. If the wrapper panics, the task continues without it, and
    /// [`Stats::panics`](crate::Stats::panics) counts the panic.
    ///
    /// # Examples
    /// ```
    /// use futures::FutureExt;
    /// use sqs_rpc_transport::{ClientApi, Sqs};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// # let local = local_sqs::LocalSqs::start();
    /// let spawned = Arc::new(AtomicUsize::new(0));
    /// let count = Arc::clone(&spawned);
    /// let sqs = Sqs::builder(ClientApi::new(&local.client()))
    ///     .on_spawn(move |task| {
    ///         count.fetch_add(1, Ordering::Relaxed);
    ///         task
    ///     })
    ///     .build();
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// sqs.tasks()?.spawn(async {});
    /// tokio::task::yield_now().await;
    /// assert_eq!(spawned.load(Ordering::Relaxed), 1);
    /// # Ok::<_, sqs_rpc_transport::NoRuntime>(()) })?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_spawn(
        mut self,
        wrap: impl Fn(BoxFuture<'static, ()>) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        self.hook = TaskHook::new(wrap);
        self
    }

    /// Builds the [`Sqs`]. Makes no call.
    #[must_use]
    pub fn build(self) -> Sqs {
        let counters = Counters::default();
        Sqs {
            api: self.api,
            clock: self.clock.unwrap_or_else(Clock::system),
            random: self.random.unwrap_or_else(Random::from_os),
            server_clock: ServerClock::new(),
            outages: OutageDetector::new(),
            hook: self.hook.counting(counters.clone()),
            counters,
            call_timeout: self.call_timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use aws_sdk_sqs::error::{ErrorMetadata, SdkError};
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_types::body::SdkBody;

    use super::super::api::import_errors;
    use super::*;
    use crate::Answer;

    /// Answers 502 with a `Date`, with or without an error code of SQS.
    #[derive(Debug)]
    struct Answers(Option<&'static str>);

    impl SqsApi for Answers {
        fn list_queues(
            &self,
            _: ListQueuesInputBuilder,
        ) -> Call<ListQueuesOutput, ListQueuesError> {
            let meta = match self.0 {
                Some(code) => ErrorMetadata::builder().code(code).build(),
                None => ErrorMetadata::builder().build(),
            };
            let raw = HttpResponse::new(502.try_into().unwrap(), SdkBody::empty());
            let error = SdkError::service_error(ListQueuesError::generic(meta), raw);
            let date = Some(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
            let result = Err(error);
            Box::pin(std::future::ready(Answer { date, result }))
        }
    }

    /// Never answers.
    #[derive(Debug)]
    struct Hangs;

    for_each_operation!(import_errors);

    macro_rules! hang {
        ($($(#[$doc:meta])* $method:ident $action:ident $input:ident $output:ident $error:ident;)*) => {
            impl SqsApi for Hangs {
                $(fn $method(&self, _: $input) -> Call<$output, $error> {
                    Box::pin(std::future::pending())
                })*
            }

            /// Makes each call once. Returns the duration and the fault of each.
            async fn each(sqs: &Sqs) -> Vec<(Action, Duration, Fault)> {
                let mut all = Vec::new();
                $(
                    let began = sqs.clock().now();
                    let fault = sqs.$method(Default::default()).await.unwrap_err();
                    all.push((Action::$action, sqs.clock().now().since(began), fault));
                )*
                all
            }
        };
    }
    for_each_operation!(hang);

    fn hanging() -> SqsBuilder {
        Sqs::builder(Hangs).clock(Clock::tokio(UNIX_EPOCH))
    }

    #[tokio::test(start_paused = true)]
    async fn every_action_without_an_answer_ends_in_time() {
        let secs = Duration::from_secs;
        let limited = |limit| hanging().call_timeout(limit).build();
        for (sqs, limit) in [(hanging().build(), secs(30)), (limited(secs(7)), secs(7))] {
            for (action, took, fault) in each(&sqs).await {
                let of_poll = action == Action::ReceiveMessage;
                assert_eq!(took, if of_poll { secs(25) } else { limit }, "{action}");
                assert_eq!(
                    (fault.action(), fault.kind(), fault.delivery()),
                    (action, FaultKind::TimedOut, Delivery::Unknown)
                );
            }
            assert!(sqs.outages.is_outage());
            let calls = sqs.counters().of(Counter::FailedCalls);
            assert!(calls >= 13, "{calls}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_takes_its_wait_and_five_seconds() {
        let sqs = hanging().call_timeout(Duration::from_secs(1)).build();
        for (wait, limit) in [(0, 5), (7, 12), (20, 25), (-1, 5)] {
            let began = sqs.clock().now();
            let input = ReceiveMessageInputBuilder::default().wait_time_seconds(wait);
            let fault = sqs.receive_message(input).await.unwrap_err();
            assert_eq!(fault.kind(), FaultKind::TimedOut);
            let took = sqs.clock().now().since(began);
            assert_eq!(took, Duration::from_secs(limit), "wait {wait}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_date_of_a_proxy_page_is_ignored() {
        for (code, known) in [(None, false), (Some("InternalError"), true)] {
            let clock = Clock::tokio(UNIX_EPOCH);
            let sqs = Sqs::builder(Answers(code)).clock(clock).build();
            let fault = sqs.list_queues(Default::default()).await.unwrap_err();
            assert_eq!(fault.status(), Some(502));
            assert_eq!(sqs.earliest_server_time().is_some(), known, "{fault}");
        }
    }
}
