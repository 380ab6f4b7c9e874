//! Runs the login example on a real AWS account, and checks that everything is deleted afterwards.
//!
//! ```text
//! cargo xtask aws-check              prints what it would create
//! cargo xtask aws-check -- --yes     creates the queues, runs the check, deletes the queues
//! ```

#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]
#![allow(missing_docs, reason = "the modules of an example are its own")]

#[path = "login/backend.rs"]
mod backend;
#[path = "login/frontend.rs"]
mod frontend;
#[path = "login/messages.rs"]
mod messages;
#[path = "login/users.rs"]
mod users;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::list_queues::builders::ListQueuesInputBuilder;
use sqs_rpc::protocol::limits::NEW_QUEUE_WAIT;
use sqs_rpc::transport::{ClientApi, SqsApi as _};
use sqs_rpc::{RequestErrorKind, Requester, Responder};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use users::Users;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const USERS: &str = include_str!("login/users.txt");
/// The names of all queues of a check begin with this.
const PREFIX: &str = "sqs-rpc-check-";
/// Amazon: the deletion of a queue takes up to 60 seconds. The rest is margin, because lists may be stale.
const DELETION: Duration = Duration::from_secs(120);

const HELP: &str = "\
cargo xtask aws-check -- [--yes]

Runs a login, a timeout and a clean-up on Amazon SQS, with the credentials and the region of the usual AWS environment.
Without --yes it prints what it would create, and creates nothing. AWS_ENDPOINT_URL_SQS names another SQS.

It needs the permissions sqs:CreateQueue, TagQueue, DeleteQueue, ListQueues, GetQueueAttributes, SendMessage, ReceiveMessage,
DeleteMessage and ChangeMessageVisibility on queues whose names begin with sqs-rpc-check-.";

/// The queues of one check.
struct Queues {
    /// The names of all queues begin with this, also the name of the reply queue.
    prefix: String,
    login: String,
    unserved: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("aws-check: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome {
    let yes = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [argument] if argument == "--yes" => true,
        [argument] if argument == "--help" || argument == "-h" => {
            println!("{HELP}");
            return Ok(());
        }
        other => return Err(format!("expected --yes or --help, found {}", other.join(" ")).into()),
    };

    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let region = config.region().ok_or("no region is set: set AWS_REGION")?;
    let queues = Queues::new();
    println!(
        "In the account of your AWS credentials, in {region}, this check creates and then deletes these queues:"
    );
    println!("  {}", queues.login);
    println!("  {}", queues.unserved);
    println!("  {}reply-..., the reply queue", queues.prefix);
    println!("It makes about 50 API calls and takes up to three minutes.");
    if !yes {
        return Err("nothing was created: run it with --yes".into());
    }

    let client = Client::new(&config);
    let checked = tokio::select! {
        biased;
        checked = check(&client, &queues) => checked,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    // Also after an error, no queue may be left behind.
    let cleaned = clean_up(&client, &queues.prefix).await;
    if let Err(error) = &cleaned {
        println!("delete the queues {}* by hand: {error}", queues.prefix);
    }
    checked?;
    cleaned?;
    println!("the check passed, and no queue is left behind");
    Ok(())
}

impl Queues {
    fn new() -> Self {
        // Two checks that start in the same millisecond would use the same names.
        let since_1970 = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        let prefix = format!("{PREFIX}{:x}-", since_1970.as_millis());
        Self {
            login: format!("{prefix}login"),
            unserved: format!("{prefix}nobody-serves-this"),
            prefix,
        }
    }
}

async fn check(client: &Client, queues: &Queues) -> Outcome {
    let dates = dates(client, &queues.prefix).await?;
    println!("answers with a Date header: {dates} of 5");
    let login_url = create(client, &queues.login).await?;
    let unserved_url = create(client, &queues.unserved).await?;
    sleep(NEW_QUEUE_WAIT).await;

    let responder = Responder::builder(client)
        .state(Users::parse(USERS)?)
        .build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = responder
        .serve(&login_url, backend::login)
        .with_graceful_shutdown(async { drop(stopped.await) })
        .drain(Duration::from_secs(25))
        .into_future();
    let requester = Requester::builder(client)
        .prefix(format!("{}reply-", queues.prefix))
        .build()?;
    let asking = async {
        let outcome = ask(&requester, &login_url, &unserved_url).await;
        let report = requester.shutdown(Duration::from_secs(10)).await;
        drop(stop);
        println!("requester shut down: {report:?}");
        outcome.and_then(|()| {
            if report.is_clean() {
                Ok(())
            } else {
                Err("the shutdown of the requester was not clean".into())
            }
        })
    };
    // Both run in this task, so whatever ends the check ends both.
    let (asked, served) = tokio::join!(asking, serving);
    println!("responder stopped: {:?}", served?);
    asked
}

/// The four outcomes of the login example.
async fn ask(requester: &Requester, login_url: &str, unserved_url: &str) -> Outcome {
    let right = "correct horse battery staple";
    let welcome = log_in(requester, login_url, "alice", right).await;
    let wrong = log_in(requester, login_url, "alice", "correct horse").await;
    let unknown = log_in(requester, login_url, "mallory", right).await;
    let unserved = log_in(requester, unserved_url, "alice", right).await;

    welcome?;
    for (what, outcome) in [("a wrong password", wrong), ("an unknown user", unknown)] {
        match outcome.err().as_ref().and_then(|error| error.remote()) {
            Some(remote) if remote.code == messages::REFUSED => {}
            _ => return Err(format!("{what} was not refused").into()),
        }
    }
    match unserved {
        Err(error) if error.kind() == RequestErrorKind::Timeout => Ok(()),
        _ => Err("the request to a queue that nobody serves did not time out".into()),
    }
}

async fn log_in(
    requester: &Requester,
    url: &str,
    user: &str,
    password: &str,
) -> Result<messages::LoginReply, sqs_rpc::RequestError> {
    #[expect(clippy::disallowed_methods, reason = "measured for a person, once")]
    let begun = tokio::time::Instant::now();
    let outcome = frontend::log_in(requester, url, user, password).await;
    println!(
        "{user}: {} ({:?})",
        frontend::show(&outcome),
        begun.elapsed()
    );
    outcome
}

/// The number of answers, out of five, with the header from which SQS's time is learned.
async fn dates(client: &Client, prefix: &str) -> Outcome<usize> {
    let api = ClientApi::new(client);
    let mut dates = 0;
    for _ in 0..5 {
        let answer = api
            .list_queues(ListQueuesInputBuilder::default().queue_name_prefix(prefix))
            .await;
        answer.result?;
        dates += usize::from(answer.date.is_some());
    }
    Ok(dates)
}

async fn create(client: &Client, name: &str) -> Outcome<String> {
    let created = client
        .create_queue()
        .queue_name(name)
        .tags("created-by", "sqs-rpc aws-check")
        .send()
        .await?;
    println!("created {name}");
    created
        .queue_url
        .ok_or_else(|| "the answer of CreateQueue has no URL".into())
}

/// Deletes all queues with this check's prefix, until no such queue is listed.
async fn clean_up(client: &Client, prefix: &str) -> Outcome {
    timeout(DELETION, async {
        loop {
            let left = client
                .list_queues()
                .queue_name_prefix(prefix)
                .send()
                .await?
                .queue_urls
                .unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
            for url in left {
                println!("deleting {url}");
                let deleted = client.delete_queue().queue_url(url).send().await;
                if let Err(error) = deleted.map_err(aws_sdk_sqs::Error::from) {
                    // A deleted queue may be listed for a while.
                    match error {
                        aws_sdk_sqs::Error::QueueDoesNotExist(_) => {}
                        other => return Err(other.into()),
                    }
                }
            }
            sleep(Duration::from_secs(5)).await;
        }
    })
    .await
    .map_err(|_| "queues are still listed after two minutes")?
}
