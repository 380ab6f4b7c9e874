//! The policies of `docs/iam.md` are sufficient, and each of their permissions is needed.

use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Credentials;
use local_sqs::engine::Action;
use local_sqs::{AccessKey, LocalSqs};
use sqs_rpc::requester::protocol::names::DEFAULT_HOST_PREFIX;
use sqs_rpc::temporary_queues::{Sweep, Verdict};
use sqs_rpc::transport::{Action as Call, ClientApi, Clock, Sqs, Stats};
use sqs_rpc::{Body, RequestErrorKind, Requester, Responder, ReturnAddressPolicy};

use crate::support::TestResult;

const MINUTE: Duration = Duration::from_secs(60);
const HOSTS: &str = "sqs-rpc-*";

/// A permission: an action on the queues with a name.
type Permission = (Action, &'static str);

const REQUESTER: [Permission; 8] = [
    (Action::SendMessage, "requests"),
    (Action::CreateQueue, HOSTS),
    (Action::TagQueue, HOSTS),
    (Action::ReceiveMessage, HOSTS),
    (Action::DeleteMessage, HOSTS),
    (Action::DeleteQueue, HOSTS),
    (Action::ListQueueTags, HOSTS),
    (Action::ListQueues, "*"),
];
const WITH_A_GIVEN_HOST: [Permission; 3] = [
    (Action::SendMessage, "requests"),
    (Action::ReceiveMessage, "my-replies"),
    (Action::DeleteMessage, "my-replies"),
];
const RESPONDER: [Permission; 4] = [
    (Action::ReceiveMessage, "requests"),
    (Action::DeleteMessage, "requests"),
    (Action::ChangeMessageVisibility, "requests"),
    (Action::SendMessage, HOSTS),
];
const SWEEP: [Permission; 3] = [
    (Action::ListQueues, "*"),
    (Action::ListQueueTags, HOSTS),
    (Action::DeleteQueue, HOSTS),
];

/// An account with an access key that has all given permissions but one.
struct Account {
    local: LocalSqs,
    clock: Clock,
    requests: String,
}

impl Account {
    async fn new(permissions: &[Permission], without: Option<Action>) -> Self {
        let wall = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let key = AccessKey::new("LEAST", "secret");
        let given = permissions
            .iter()
            .filter(|(action, _)| Some(*action) != without);
        let key = given.fold(key, |key, (action, queues)| key.allow([*action], *queues));
        let local = LocalSqs::builder()
            .start_time(wall)
            .access_key(key)
            .access_key(AccessKey::new("ALL", "secret").allow_all())
            .build();
        let requests = local.create_queue("requests").await.unwrap();
        Self {
            local,
            clock: Clock::tokio(wall),
            requests,
        }
    }

    fn client(&self, id: &str) -> Client {
        let key = Credentials::new(id, "secret", None, None, "test");
        Client::from_conf(self.local.sdk_config().credentials_provider(key).build())
    }

    fn sqs(&self, id: &str) -> Sqs {
        Sqs::builder(ClientApi::new(&self.client(id)))
            .clock(self.clock.clone())
            .build()
    }

    /// Answers each request with its own body, after the time `work`.
    fn serve(&self, id: &str, allowed: ReturnAddressPolicy, work: Duration) -> Responder {
        let responder = Responder::builder(self.sqs(id));
        let responder = responder.return_addresses(allowed).build().unwrap();
        let handler = move |Body(body): Body| async move {
            tokio::time::sleep(work).await;
            body
        };
        tokio::spawn(responder.serve(&self.requests, handler).into_future());
        responder
    }

    /// Leaves a host behind whose owner is dead.
    async fn leave_a_dead_host(&self) {
        let requester = Requester::builder(self.sqs("ALL")).lease_retention(MINUTE);
        requester.build().unwrap().ready().await.unwrap();
    }

    async fn hosts(&self) -> usize {
        let listed = self.client("ALL").list_queues();
        let listed = listed.queue_name_prefix(DEFAULT_HOST_PREFIX).send().await;
        listed.unwrap().queue_urls().len()
    }

    /// The lease of a host.
    async fn lease_of(&self, host: &str) -> String {
        let tags = self
            .client("ALL")
            .list_queue_tags()
            .queue_url(host)
            .send()
            .await;
        tags.unwrap().tags.unwrap()["SqsRpcLease"].clone()
    }
}

/// The action whose calls were denied.
fn denied(stats: &Stats) -> Option<Call> {
    let denied = |action: &&Call| stats.denied.of(**action) > 0;
    let mut actions = Call::ALL.iter().filter(denied);
    let first = actions.next().copied();
    assert_eq!(actions.next(), None, "{:?}", stats.denied);
    first
}

/// The call that is denied without a permission.
fn call_without(permission: Action) -> Call {
    match permission {
        // Tags are set by CreateQueue.
        Action::TagQueue => Call::CreateQueue,
        Action::DeleteMessage => Call::DeleteMessageBatch,
        Action::SendMessage => Call::SendMessageBatch,
        Action::ChangeMessageVisibility => Call::ChangeMessageVisibilityBatch,
        permission => *Call::ALL
            .iter()
            .find(|call| call.name() == permission.name())
            .unwrap(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_requester() -> TestResult {
    for without in std::iter::once(None).chain(REQUESTER.map(|(action, _)| Some(action))) {
        let account = Account::new(&REQUESTER, without).await;
        account.leave_a_dead_host().await;
        account.serve("ALL", ReturnAddressPolicy::default(), Duration::ZERO);
        let requester = Requester::builder(account.sqs("LEAST"))
            .lease_retention(MINUTE)
            .watch_period(MINUTE)
            .build()?;
        let timeout = Duration::from_secs(20);
        let reply = requester
            .request(&account.requests, "hello")
            .timeout(timeout)
            .await;
        tokio::time::sleep(10 * MINUTE).await;
        let stats = requester.stats();
        let watches = match requester.reply_queue() {
            Some(host) => account.lease_of(host.as_str()).await.ends_with('w'),
            None => true,
        };
        let report = requester.shutdown(Duration::from_secs(5)).await;
        let seen = format!("without {without:?}: {reply:?}, {report:?}, {stats:?}");
        assert_eq!(denied(&stats), without.map(call_without), "{seen}");
        let ends_requests = [
            Action::SendMessage,
            Action::CreateQueue,
            Action::TagQueue,
            Action::ReceiveMessage,
        ];
        if let Some(action) = without.filter(|action| ends_requests.contains(action)) {
            let error = reply.unwrap_err().to_string();
            assert!(
                error.contains(&format!("sqs:{action:?} was denied")),
                "{seen}"
            );
            continue;
        }
        assert_eq!(reply?.body(), "hello", "{seen}");
        let may_not_watch = [
            Action::ListQueues,
            Action::ListQueueTags,
            Action::DeleteQueue,
        ];
        let watch = without.is_none_or(|action| !may_not_watch.contains(&action));
        let swept = u64::from(watch);
        assert_eq!((stats.hosts_swept, watches), (swept, watch), "{seen}");
        assert_eq!(
            stats.deletes_failed > 0,
            without == Some(Action::DeleteMessage),
            "{seen}"
        );
        let undeletable = without == Some(Action::DeleteQueue);
        assert_eq!(report.left_behind.is_some(), undeletable, "{seen}");
        if without.is_none() {
            assert_eq!(
                (stats.failed_calls, account.hosts().await),
                (0, 0),
                "{seen}"
            );
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn with_a_given_reply_queue_there_are_only_message_calls() -> TestResult {
    for without in std::iter::once(None).chain(WITH_A_GIVEN_HOST.map(|(action, _)| Some(action))) {
        let account = Account::new(&WITH_A_GIVEN_HOST, without).await;
        let host = account.local.create_queue("my-replies").await?;
        let policy = ReturnAddressPolicy::default().allow_queue(host.parse()?);
        account.serve("ALL", policy, Duration::ZERO);
        let requester = Requester::builder(account.sqs("LEAST"))
            .reply_queue(&host)
            .build()?;
        let timeout = Duration::from_secs(20);
        let reply = requester
            .request(&account.requests, "hello")
            .timeout(timeout)
            .await;
        tokio::time::sleep(60 * MINUTE).await;
        let report = requester.shutdown(Duration::from_secs(5)).await;
        let stats = requester.stats();
        let seen = format!("without {without:?}: {reply:?}, {report:?}, {stats:?}");
        match without {
            None => {
                assert_eq!(reply?.body(), "hello");
                assert_eq!((stats.failed_calls, report.is_clean()), (0, true), "{seen}");
                let calls = stats.calls.to_string();
                for foreign in ["Create", "Tag", "List", "DeleteQueue", "Attributes"] {
                    assert!(!calls.contains(foreign), "{calls}");
                }
            }
            Some(Action::DeleteMessage) => {
                assert_eq!(reply?.body(), "hello");
                assert!(stats.deletes_failed > 0, "{seen}");
            }
            Some(action) => {
                let error = reply.unwrap_err().to_string();
                assert!(
                    error.contains(&format!("sqs:{action:?} was denied")),
                    "{seen}"
                );
            }
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_responder() -> TestResult {
    for without in std::iter::once(None).chain(RESPONDER.map(|(action, _)| Some(action))) {
        let account = Account::new(&RESPONDER, without).await;
        // Longer than the visibility timeout of the queue, which is 30 s.
        let work = Duration::from_secs(40);
        let responder = account.serve("LEAST", ReturnAddressPolicy::default(), work);
        let requester = Requester::builder(account.sqs("ALL")).build()?;
        let reply = requester
            .request(&account.requests, "hello")
            .timeout(3 * MINUTE)
            .await;
        tokio::time::sleep(MINUTE).await;
        let stats = responder.stats();
        let seen = format!("without {without:?}: {reply:?}, {stats:?}");
        assert_eq!(denied(&stats), without.map(call_without), "{seen}");
        let answered = !matches!(without, Some(Action::ReceiveMessage | Action::SendMessage));
        match reply {
            Ok(reply) => assert!(answered && reply.body() == "hello", "{seen}"),
            Err(error) => assert!(
                !answered && error.kind() == RequestErrorKind::Timeout,
                "{seen}"
            ),
        }
        // A request that is not kept hidden, deleted or answered is redelivered, but not handled again.
        let again = !matches!(without, None | Some(Action::ReceiveMessage));
        assert_eq!(stats.duplicate_requests > 0, again, "{seen}");
        assert_eq!(
            stats.handled,
            u64::from(without != Some(Action::ReceiveMessage)),
            "{seen}"
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_sweep() -> TestResult {
    for without in std::iter::once(None).chain(SWEEP.map(|(action, _)| Some(action))) {
        let account = Account::new(&SWEEP, without).await;
        account.leave_a_dead_host().await;
        tokio::time::sleep(10 * MINUTE).await;
        let mut dry = Sweep::new(account.sqs("LEAST"), DEFAULT_HOST_PREFIX)?.dry_run();
        let named = dry.next().await;
        let mut sweep = Sweep::new(account.sqs("LEAST"), DEFAULT_HOST_PREFIX)?;
        let swept = sweep.next().await;
        match without {
            None => {
                let (named, swept) = (named?.unwrap(), swept?.unwrap());
                assert_eq!((named.verdict, named.deleted), (Verdict::Dead, false));
                assert!(swept.deleted && swept.name == named.name);
                assert!(sweep.next().await?.is_none() && account.hosts().await == 0);
            }
            Some(action) => {
                let error = swept.unwrap_err().to_string();
                assert!(
                    error.starts_with(&format!("sqs:{action:?} was denied")),
                    "{error}"
                );
                assert_eq!(
                    named.is_ok(),
                    action == Action::DeleteQueue,
                    "a dry run does not need this permission"
                );
            }
        }
    }
    Ok(())
}
