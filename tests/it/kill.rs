//! Real processes are killed, and the surviving processes delete their hosts.
//!
//! The processes are those of `src/bin/killed_requester.rs`. Time and sockets are real. R and P have their minimum of a
//! minute, and the test takes about six minutes. Each sleep here is on the wall clock, because a test cannot move the
//! clocks of other processes.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use local_sqs::{LocalSqs, Server};
use sqs_rpc::transport::Random;
use sqs_rpc::{Body, RequestErrorKind, Responder};
use sqs_rpc_tests::client;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::TestResult;

const KILLS: usize = 100;
const AT_A_TIME: usize = 10;
const SURVIVORS: usize = 4;
/// I6: R + 180 s + 1.2 P. No watcher dies after the last kill. The last 30 s are reserve for a busy machine.
const BOUND: Duration = Duration::from_secs(60 + 180 + 72 + 30);

struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What a process printed.
#[derive(Debug, Default)]
struct Said {
    hosts: Vec<String>,
    replies: usize,
    errors: Vec<String>,
}

impl Process {
    fn start(endpoint: &str, queue_url: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_killed_requester"))
            .args([endpoint, queue_url])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("it is piped")?;
        Ok(Self {
            child,
            lines: BufReader::new(stdout).lines(),
        })
    }

    /// Lets the process live for this time, and then kills it, whatever it does.
    async fn live(mut self, life: Duration) -> Said {
        let mut said = Said::default();
        // Wall clock, because the process is real.
        let end = tokio::time::sleep(life);
        tokio::pin!(end);
        loop {
            tokio::select! {
                biased;
                () = &mut end => break,
                Ok(Some(line)) = self.lines.next_line() => said.hear(&line),
            }
        }
        // SIGKILL: no destructor runs.
        self.child.kill().await.unwrap();
        said
    }
}

impl Said {
    fn hear(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("host", url)) => self.hosts.push(url.to_owned()),
            Some(("error", why)) => self.errors.push(why.to_owned()),
            _ if line == "reply" => self.replies += 1,
            _ => {}
        }
    }
}

/// The temporary queues that SQS has.
async fn hosts(client: &aws_sdk_sqs::Client) -> BTreeSet<String> {
    let listed = client
        .list_queues()
        .queue_name_prefix("sqs-rpc-")
        .send()
        .await;
    let urls = listed.unwrap().queue_urls.unwrap_or_default();
    urls.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "six minutes: `cargo xtask test` runs it"]
async fn only_the_hosts_of_killed_processes_are_deleted_in_time() -> TestResult {
    let server = Server::bind(LocalSqs::start(), "127.0.0.1:0".parse()?).await?;
    let endpoint = server.endpoint_url();
    let sqs = client(&endpoint);
    let made = sqs.create_queue().queue_name("requests").send().await?;
    let queue_url = made.queue_url.unwrap();
    let responder = Responder::builder(client(&endpoint)).build()?;
    let echo = |body: Body| async move { body.0 };
    let serving = tokio::spawn(responder.serve(&queue_url, echo).into_future());

    let random = Random::from_os();
    // The survivors live until the end of the test.
    let (over, _) = tokio::sync::broadcast::channel::<()>(1);
    let mut survivors = tokio::task::JoinSet::new();
    for _ in 0..SURVIVORS {
        let process = Process::start(&endpoint, &queue_url)?;
        let mut over = over.subscribe();
        survivors.spawn(async move {
            let mut process = process;
            let mut said = Said::default();
            loop {
                tokio::select! {
                    biased;
                    _ = over.recv() => return said,
                    Ok(Some(line)) = process.lines.next_line() => said.hear(&line),
                }
            }
        });
    }

    let mut victims = tokio::task::JoinSet::new();
    let (mut begun, mut killed, mut had_hosts, mut replies) = (0, 0, 0, 0);
    while killed < KILLS {
        while begun < KILLS && victims.len() < AT_A_TIME {
            let life = random.below(Duration::from_secs(10));
            victims.spawn(Process::start(&endpoint, &queue_url)?.live(life));
            begun += 1;
        }
        let said = victims.join_next().await.unwrap()?;
        killed += 1;
        had_hosts += usize::from(!said.hosts.is_empty());
        replies += said.replies;
    }
    let last_kill = Instant::now();
    let at_first = hosts(&sqs).await.len();
    println!(
        "{KILLS} killed, {had_hosts} of them with a host, {replies} replies; {at_first} hosts exist"
    );
    assert!(at_first > SURVIVORS + KILLS / 4, "{at_first}");

    let left = loop {
        let left = hosts(&sqs).await;
        if left.len() <= SURVIVORS || last_kill.elapsed() > BOUND {
            break left;
        }
        // Wall clock, because other processes delete the hosts.
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    println!(
        "{} hosts are left after {:?}",
        left.len(),
        last_kill.elapsed()
    );
    // Wall clock. Long enough for the survivors to notice a wrong delete.
    tokio::time::sleep(Duration::from_secs(5)).await;
    over.send(())?;
    let mut alive = BTreeSet::new();
    while let Some(said) = survivors.join_next().await {
        let said = said?;
        assert_eq!(said.hosts.len(), 1, "no live host was touched: {said:?}");
        assert!(said.replies > 100, "{said:?}");
        let lost = format!("{:?}", RequestErrorKind::HostLost);
        assert!(
            !said.errors.iter().any(|error| error.starts_with(&lost)),
            "{said:?}"
        );
        assert!(
            said.errors.len() <= 2,
            "survivors keep being answered: {said:?}"
        );
        alive.extend(said.hosts);
    }
    assert_eq!(left, alive, "only the survivors' hosts are left");
    serving.abort();
    Ok(())
}
