//! `sqs-rpc local`: an in-memory SQS on this machine.
//!
//! | file | question |
//! |---|---|
//! | `queues` | which queues exist from the start? |
//! | `config` | which queues does a TOML file describe? |
//! | `faults` | which faults are injected, and how often? |
//! | `introduction` | what is printed when the server is ready? |
//! | `elasticmq`, `hocon` | how is a configuration of ElasticMQ converted? |
//!
//! **Invariant:** all arguments are checked before the port is bound.

mod config;
mod elasticmq;
mod faults;
mod hocon;
mod introduction;
mod queues;

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;

use local_sqs::{AccessKey, AllowedOrigin, LocalSqs, Server, Trace};
use tokio::sync::oneshot;

use self::faults::Faults;
use self::introduction::Introduction;
use self::queues::QueueSpec;
use crate::clock;
use crate::connection::region;
use crate::console::{print, say};
use crate::failure::Failure;
use crate::number;
use crate::signals::Signals;

/// Run an in-memory SQS on this machine until Ctrl-C; no data is kept
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Arguments {
    /// IPv4 or IPv6 address to listen on; 0.0.0.0 and :: mean all addresses of this machine
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = host)]
    host: IpAddr,
    /// Port to listen on; 0 selects a free port
    #[arg(long, default_value_t = 9324)]
    port: u16,
    /// Queue to create, with SQS's attribute names; may be given more than once
    ///
    /// A name that ends in .fifo makes a FIFO queue. DeadLetterQueue, the name of another given queue, and
    /// MaxReceiveCount must be given together: --queue jobs,VisibilityTimeout=10,DeadLetterQueue=dead,MaxReceiveCount=3
    /// --queue dead
    #[arg(long = "queue", value_name = "NAME[,ATTRIBUTE=VALUE]...", value_parser = queues::parse)]
    queues: Vec<QueueSpec>,
    /// TOML file with queues to create
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the queues of an elasticmq.conf as a file for --config, and exit
    #[arg(long, value_name = "FILE", exclusive = true)]
    convert_elasticmq: Option<PathBuf>,
    /// Region of unsigned requests and of the given queues
    #[arg(long, default_value = "us-east-1", value_parser = region)]
    region: String,
    /// Account of the callers and of the given queues: 12 digits
    #[arg(long, default_value = "000000000000", value_parser = account)]
    account: String,
    /// Access key with all permissions; may be given more than once. If given, every request must be signed with such a
    /// key
    #[arg(long = "access-key", value_name = "ID:SECRET", value_parser = access_key)]
    access_keys: Vec<AccessKey>,
    /// Seed of ids, receipt handles and faults, to repeat a run [default: random ids]
    #[arg(long, value_name = "NUMBER", value_parser = number::seed)]
    seed: Option<u64>,
    /// Origin whose pages may use this server from a browser, such as http://localhost:3000, or *; may be given more
    /// than once
    #[arg(long, value_name = "ORIGIN")]
    cors: Vec<AllowedOrigin>,
    /// Write a line to stderr for each request: time, action, queue, status, outcome, duration; never a body
    #[arg(long)]
    log: bool,
    /// Print one line of JSON to stdout when the server is ready, instead of the introduction on stderr
    #[arg(long)]
    pub(crate) json: bool,
    /// Also stop when stdin ends: if a program starts this command with a pipe as stdin, the server ends with the program
    #[arg(long)]
    until_stdin_ends: bool,
    #[command(flatten)]
    faults: Faults,
}

const MORE: &str = "\
A file for --config has a table for each queue, with the same attribute names:

  [queues.jobs]
  VisibilityTimeout = 10
  DeadLetterQueue = \"dead\"
  MaxReceiveCount = 3
  Tags = { team = \"billing\" }

  [queues.dead]

GET /health returns 200 as soon as the server listens.";

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    if let Some(file) = &arguments.convert_elasticmq {
        return print(&elasticmq::convert(file).map_err(Failure::usage)?);
    }
    let queues = all_queues(&arguments)?;
    let behaviour = arguments.faults.behaviour().map_err(Failure::usage)?;
    let mut signals = Signals::listen().map_err(Failure::other)?;
    let sqs = start(&arguments)?;
    queues::create(&sqs, &arguments.region, &arguments.account, &queues)
        .await
        .map_err(Failure::usage)?;
    // Set after the queues are created, so that no fault hits their creation.
    sqs.set_behaviour(behaviour);

    let address = SocketAddr::from((arguments.host, arguments.port));
    let mut server = Server::builder(sqs);
    for origin in &arguments.cors {
        server = server.allow_origin(origin.clone());
    }
    let server = server
        .bind(address)
        .await
        .map_err(|error| cannot_listen(address, &error))?;
    let introduction = Introduction {
        endpoint_url: server.endpoint_url(),
        region: arguments.region,
        account: arguments.account,
        key_id: arguments.access_keys.first().map(|key| key.id().to_owned()),
        queues: queues
            .iter()
            .map(|queue| (queue.name.clone(), server.queue_url(&queue.name)))
            .collect(),
    };
    if arguments.json {
        print(&introduction.json())?;
    } else {
        say(introduction.text());
    }

    let parent = until_stdin_ends(arguments.until_stdin_ends);
    tokio::select! {
        biased;
        () = signals.next() => {}
        () = parent => {}
    }
    tokio::select! {
        biased;
        // A second signal stops the server without waiting.
        () = signals.next() => {}
        () = server.shutdown() => {}
    }
    Ok(())
}

/// Waits for the end of stdin, or forever if `wanted` is false.
async fn until_stdin_ends(wanted: bool) {
    if !wanted {
        return std::future::pending().await;
    }
    let (ended, end) = oneshot::channel();
    // A plain thread, because it ends with the process; tokio would wait for a blocking task of its own.
    thread::spawn(move || {
        // A read error counts as the end of stdin.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}

/// The queues of the file and of the command line.
fn all_queues(arguments: &Arguments) -> Result<Vec<QueueSpec>, Failure> {
    let mut queues = match &arguments.config {
        Some(file) => config::read(file).map_err(Failure::usage)?,
        None => Vec::new(),
    };
    queues.extend(arguments.queues.iter().cloned());
    queues::check(&queues).map_err(Failure::usage)?;
    Ok(queues)
}

fn start(arguments: &Arguments) -> Result<LocalSqs, Failure> {
    let mut sqs = LocalSqs::builder()
        .region(&arguments.region)
        .account(&arguments.account);
    if let Some(seed) = arguments.seed {
        sqs = sqs.seed(seed);
    }
    for (place, key) in arguments.access_keys.iter().enumerate() {
        let before = &arguments.access_keys[..place];
        if before.iter().any(|other| other.id() == key.id()) {
            let text = format!("access key {:?} is given more than once", key.id());
            return Err(Failure::usage(text));
        }
        sqs = sqs.access_key(key.clone());
    }
    if arguments.log {
        sqs = sqs.trace(|trace| say(log_line(trace, clock::wall_time())));
    }
    Ok(sqs.build())
}

/// The log line of a request, with the time in UTC.
fn log_line(trace: &Trace, at: std::time::SystemTime) -> String {
    let at = humantime::format_rfc3339_millis(at);
    format!("{at} {trace}")
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Failure {
    let error: Box<dyn Error + Send + Sync> = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {} is already in use: choose another port with --port, or a free port with --port 0",
            address.port()
        )
        .into(),
        _ => format!("cannot listen on {address}: {error}").into(),
    };
    Failure::other(error)
}

fn host(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    // IPv6 addresses may have brackets, as in a URL.
    let address = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    address.parse().map_err(|_| {
        format!("expected an IP address, such as 127.0.0.1 or ::1, or localhost, found {text:?}")
    })
}

fn account(text: &str) -> Result<String, String> {
    if text.len() != 12 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("expected 12 digits, found {text:?}"));
    }
    Ok(text.to_owned())
}

/// Errors never contain the secret.
fn access_key(text: &str) -> Result<AccessKey, String> {
    let (id, secret) = text
        .split_once(':')
        .ok_or("expected ID:SECRET, found no colon")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if id.is_empty() || id.len() > 128 || !id.bytes().all(allowed) {
        return Err(format!(
            "expected an id of 1 to 128 letters, digits and underscores before the colon, found {id:?}"
        ));
    }
    if secret.is_empty() {
        return Err("expected a secret after the colon, found nothing".to_owned());
    }
    Ok(AccessKey::new(id, secret).allow_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_and_ipv6_addresses_are_read() {
        for (text, expected) in [
            ("127.0.0.1", "127.0.0.1"),
            ("localhost", "127.0.0.1"),
            ("0.0.0.0", "0.0.0.0"),
            ("::1", "::1"),
            ("[::]", "::"),
        ] {
            assert_eq!(host(text).unwrap().to_string(), expected);
        }
        for text in ["", "example.com", "127.0.0.1:80", "[::1", "256.1.1.1"] {
            assert!(host(text).unwrap_err().contains(&format!("{text:?}")));
        }
    }

    #[test]
    fn bad_accounts_and_keys_are_refused() {
        assert!(account("123456789012").is_ok());
        for text in ["", "1", "1234567890123", "12345678901x", "١٢٣٤٥٦"] {
            assert!(account(text).is_err(), "{text}");
        }
        assert_eq!(access_key("AKID:a:b").unwrap().id(), "AKID");
        for text in ["AKID", ":s", "AKID:", "A/K:s"] {
            assert!(access_key(text).is_err(), "{text}");
        }
        assert!(
            !access_key("A/K:swordfish")
                .unwrap_err()
                .contains("swordfish")
        );
    }
}
