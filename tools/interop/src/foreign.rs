//! Third-party SQS servers.
//!
//! Owns the start of each server. The versions are in `python/localstack.txt` and `java/elasticmq/pom.xml`.

use std::fmt;
use std::time::Duration;

use aws_sdk_sqs::Client;
use serde::Deserialize;
use tokio::process::Command;

use crate::Failure;
use crate::install::Installed;
use crate::local::client;
use crate::process::{Background, free_port};

/// How long a server may take to start; both load much code before they listen.
const UP_WITHIN: Duration = Duration::from_secs(120);

/// One of the servers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Foreign {
    /// By SoftwareMill, on the JVM.
    ElasticMq,
    /// Written in Python.
    LocalStack,
}

impl Foreign {
    pub(crate) const ALL: [Self; 2] = [Self::ElasticMq, Self::LocalStack];

    /// Starts the server on a free port, and waits until it answers.
    ///
    /// # Errors
    /// The server ends, or does not answer.
    pub async fn start(self, installed: &Installed) -> Result<Running, Failure> {
        let port = free_port().await?;
        let (name, mut command) = match self {
            Self::ElasticMq => ("elasticmq", elastic_mq(installed, port)?),
            Self::LocalStack => ("localstack", local_stack(installed, port)),
        };
        let mut process = Background::start(name, &mut command, &installed.log(name))?;
        process.listens(port, UP_WITHIN).await?;
        let url = format!("http://127.0.0.1:{port}");
        let client = client(&url);
        client
            .list_queues()
            .send()
            .await
            .map_err(|error| format!("{self} does not answer: {error:?}"))?;
        Ok(Running {
            client,
            url,
            process,
        })
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ElasticMq => "ElasticMQ 1.7.1",
            Self::LocalStack => "LocalStack 4.13.1",
        })
    }
}

/// A running server. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Running {
    pub(crate) client: Client,
    /// The address of the server.
    pub url: String,
    process: Background,
}

impl Running {
    /// Kills the server, and waits for its end.
    pub async fn end(self) {
        self.process.end().await;
    }
}

fn elastic_mq(installed: &Installed, port: u16) -> Result<Command, Failure> {
    let settings = format!(
        "include classpath(\"application.conf\")\n\
         rest-sqs {{ bind-hostname = \"127.0.0.1\", bind-port = {port}, sqs-limits = strict }}\n\
         rest-stats {{ enabled = false }}\n\
         node-address {{ protocol = http, host = \"127.0.0.1\", port = {port}, context-path = \"\" }}\n"
    );
    let file = installed.file("elasticmq.conf");
    std::fs::write(&file, settings)
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    let mut java = Command::new("java");
    java.arg(format!("-Dconfig.file={}", file.display()))
        .args(["-cp", &installed.class_path("elasticmq")])
        .arg("org.elasticmq.server.Main");
    Ok(java)
}

fn local_stack(installed: &Installed, port: u16) -> Command {
    let mut python = Command::new(installed.python("localstack", "python"));
    python
        .args(["-m", "localstack.runtime.main"])
        .env("GATEWAY_LISTEN", format!("127.0.0.1:{port}"))
        // LocalStack keeps its files in its own folder.
        .env("FILESYSTEM_ROOT", installed.file("localstack-files"))
        .envs([
            ("SERVICES", "sqs"),
            ("SQS_ENDPOINT_STRATEGY", "path"),
            // The strictest settings.
            ("SQS_DELAY_RECENTLY_DELETED", "1"),
            ("SQS_DELAY_PURGE_RETRY", "1"),
            // No network access beyond this machine.
            ("DNS_ADDRESS", "0"),
            ("SKIP_SSL_CERT_DOWNLOAD", "1"),
            ("DISABLE_EVENTS", "1"),
        ]);
    python
}
