//! The HTTP server: messages per second, and how soon a send wakes a waiting poll.
//!
//! `cargo bench -p local-sqs --bench http` measures this server alone. With the path of a rustack server after `--`,
//! both servers take turns; `cargo xtask bench-local` first installs rustack. Both servers are started here as separate
//! processes. The same simple client without signatures is used for both. Only the ratio is meaningful, because other
//! load on the machine affects both servers.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use local_sqs::{LocalSqs, Server};
use serde_json::{Value, json};
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

const ROUNDS: usize = 9;
const CYCLES: usize = 3_000;
const WAKES: usize = 200;
/// The argument that makes this program the server; the address follows.
const SERVE: &str = "--serve";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [SERVE, address] => runtime(true)?.block_on(serve(address.parse()?)),
        [] => runtime(false)?.block_on(alone()),
        [rustack] => runtime(false)?.block_on(beside(rustack)),
        _ => Err("expected the path of a rustack server, or no argument".into()),
    }
}

fn runtime(server: bool) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = if server {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder.enable_all().build()
}

async fn serve(address: SocketAddr) -> Result<(), Failure> {
    let server = Server::bind(LocalSqs::start(), address).await?;
    // Runs until it is killed.
    std::future::pending::<()>().await;
    server.shutdown().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is a program for people")]
async fn alone() -> Result<(), Failure> {
    let local = Target::local().await?;
    for connections in [1, 32] {
        let rate = median(rates(&[&local], connections).await?.remove(0));
        println!("{connections:>2} connections: {rate:.0} cycles a second");
    }
    println!(
        "a send wakes a poll after {:?} at the median",
        local.wakes().await?
    );
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is a program for people")]
async fn beside(rustack: &str) -> Result<(), Failure> {
    let (local, rustack) = (Target::local().await?, Target::rustack(rustack).await?);
    for connections in [1, 32] {
        let mut rates = rates(&[&local, &rustack], connections).await?;
        let (theirs, ours) = (rates.remove(1), rates.remove(0));
        let ratio = median(ours.iter().zip(&theirs).map(|(a, b)| a / b).collect());
        println!(
            "{connections:>2} connections: local-sqs {:.0}, rustack {:.0} cycles a second; {ratio:.2} times as many",
            median(ours),
            median(theirs),
        );
    }
    for target in [&local, &rustack] {
        let wake = target.wakes().await?;
        println!(
            "{}: a send wakes a poll after {wake:?} at the median",
            target.name
        );
    }
    Ok(())
}

/// Cycles per second: one number for each target and round; the targets take turns.
async fn rates(targets: &[&Target], connections: usize) -> Result<Vec<Vec<f64>>, Failure> {
    let mut rates = vec![Vec::new(); targets.len()];
    // The first round only warms up.
    for round in 0..=ROUNDS {
        for (target, rates) in targets.iter().zip(&mut rates) {
            let rate = target.cycles(connections, CYCLES).await?;
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    Ok(rates)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A server, and a queue on it.
struct Target {
    name: &'static str,
    address: SocketAddr,
    queue_url: String,
    process: Child,
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Target {
    async fn local() -> Result<Self, Failure> {
        let address = free_address()?;
        let mut program = Command::new(std::env::current_exe()?);
        program.args([SERVE, &address.to_string()]);
        Self::start("local-sqs", address, program).await
    }

    async fn rustack(path: &str) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut program = Command::new(path);
        program
            .env("GATEWAY_LISTEN", address.to_string())
            .env("SERVICES", "sqs")
            .env("LOG_LEVEL", "error");
        Self::start("rustack", address, program).await
    }

    async fn start(
        name: &'static str,
        address: SocketAddr,
        mut program: Command,
    ) -> Result<Self, Failure> {
        let process = program
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut target = Self {
            name,
            address,
            queue_url: String::new(),
            process,
        };
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = target.process.try_wait()? {
                return Err(format!("{name} ended: {status}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut connection = target.connect().await?;
        let made = connection
            .call("CreateQueue", &json!({ "QueueName": "bench" }))
            .await?;
        target.queue_url = made["QueueUrl"].as_str().ok_or("no URL")?.to_owned();
        Ok(target)
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Ok(Connection {
            sender,
            host: self.address.to_string(),
            _driver: driver,
        })
    }

    /// How many times per second a message is sent, received and deleted, with this number of connections.
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    async fn cycles(&self, connections: usize, cycles: usize) -> Result<f64, Failure> {
        let mut tasks = JoinSet::new();
        let started = Instant::now();
        for _ in 0..connections {
            let mut connection = self.connect().await?;
            let queue_url = self.queue_url.clone();
            tasks.spawn(async move {
                for _ in 0..cycles / connections {
                    connection.cycle(&queue_url).await?;
                }
                Ok::<_, Failure>(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        let done = cycles / connections * connections;
        Ok(done as f64 / started.elapsed().as_secs_f64())
    }

    /// The median time from the start of a send to the end of the answer of the waiting poll.
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    async fn wakes(&self) -> Result<Duration, Failure> {
        let (mut sender, mut poller) = (self.connect().await?, Some(self.connect().await?));
        let mut took = Vec::with_capacity(WAKES);
        for _ in 0..WAKES {
            let mut connection = poller.take().ok_or("no connection")?;
            let queue_url = self.queue_url.clone();
            let mut waiting = JoinSet::new();
            waiting.spawn(async move {
                let handle = connection.receive(&queue_url, 20).await?;
                Ok::<_, Failure>((connection, handle, Instant::now()))
            });
            // Gives the poll time to arrive and wait.
            tokio::time::sleep(Duration::from_millis(10)).await;
            let started = Instant::now();
            sender.send(&self.queue_url).await?;
            let (connection, handle, ended) = waiting
                .join_next()
                .await
                .ok_or("expected the answer of the poll, found none")???;
            took.push(ended.duration_since(started));
            sender.delete(&self.queue_url, &handle).await?;
            poller = Some(connection);
        }
        took.sort();
        Ok(took[WAKES / 2])
    }
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    _driver: JoinSet<hyper::Result<()>>,
}

impl Connection {
    async fn cycle(&mut self, queue_url: &str) -> Result<(), Failure> {
        self.send(queue_url).await?;
        let handle = self.receive(queue_url, 0).await?;
        self.delete(queue_url, &handle).await
    }

    async fn send(&mut self, queue_url: &str) -> Result<(), Failure> {
        let body = "x".repeat(200);
        let message = json!({ "QueueUrl": queue_url, "MessageBody": body });
        self.call("SendMessage", &message).await?;
        Ok(())
    }

    /// Receives one message, and returns its handle. Tries again if another connection was faster.
    async fn receive(&mut self, queue_url: &str, wait: u32) -> Result<String, Failure> {
        let poll = json!({ "QueueUrl": queue_url, "WaitTimeSeconds": wait });
        loop {
            let received = self.call("ReceiveMessage", &poll).await?;
            if let Some(handle) = received["Messages"][0]["ReceiptHandle"].as_str() {
                return Ok(handle.to_owned());
            }
        }
    }

    async fn delete(&mut self, queue_url: &str, handle: &str) -> Result<(), Failure> {
        let delete = json!({ "QueueUrl": queue_url, "ReceiptHandle": handle });
        self.call("DeleteMessage", &delete).await?;
        Ok(())
    }

    async fn call(&mut self, action: &str, members: &Value) -> Result<Value, Failure> {
        let request = Request::post("/")
            .header("host", &self.host)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/sqs/aws4_request, \
                 SignedHeaders=host, Signature=none",
            )
            .body(Full::from(members.to_string()))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("{action}: {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&body)?)
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
