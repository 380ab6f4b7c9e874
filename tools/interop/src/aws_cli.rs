//! The AWS CLI v1 and boto3 on local-sqs, in both protocols.
//!
//! Owns the calls of the CLI; the calls of boto3 are in `python/boto3_check.py`.

use std::time::Duration;

use local_sqs::Server;
use tokio::process::Command;

use crate::install::Installed;
use crate::local::{point, serve};
use crate::process::output;
use crate::{Failure, Folders};

const WITHIN: Duration = Duration::from_secs(60);
/// Each environment, and the protocol of its botocore.
const ENVIRONMENTS: [(&str, &str); 2] = [("awscli-json", "json"), ("awscli-query", "query")];
const MD5_OF_HELLO: &str = "5d41402abc4b2a76b9719d911017c592";

pub(crate) async fn run(folders: &Folders, installed: &Installed) -> Result<(), Failure> {
    for (environment, protocol) in ENVIRONMENTS {
        let server = serve().await?;
        let outcome = with(environment, protocol, folders, installed, &server).await;
        server.shutdown().await;
        outcome.map_err(|failure| format!("{environment}: {failure}"))?;
        println!("{environment}: AWS CLI and boto3 work with the {protocol} protocol");
    }
    Ok(())
}

async fn with(
    environment: &str,
    protocol: &str,
    folders: &Folders,
    installed: &Installed,
    server: &Server,
) -> Result<(), Failure> {
    let aws = Aws {
        installed,
        environment,
        server,
    };
    commands(&aws).await?;
    let mut python = aws.program("python");
    python
        .arg(folders.sources.join("python/boto3_check.py"))
        .arg(protocol);
    output(&mut python, WITHIN).await?;
    Ok(())
}

/// The typical use of a queue in a shell.
async fn commands(aws: &Aws<'_>) -> Result<(), Failure> {
    let url = &aws.server.queue_url("jobs");
    let create = "create-queue --queue-name jobs --attributes VisibilityTimeout=45 --tags team=a";
    aws.answers(create, &["--query", "QueueUrl"], url).await?;
    let get = "get-queue-attributes --attribute-names All --queue-url";
    aws.answers(get, &[url, "--query", "Attributes.VisibilityTimeout"], "45")
        .await?;

    let send = "send-message --message-body hello --query MD5OfMessageBody --queue-url";
    let attribute = r#"{"n":{"DataType":"Number","StringValue":"5"}}"#;
    aws.answers(
        send,
        &[url, "--message-attributes", attribute],
        MD5_OF_HELLO,
    )
    .await?;
    let receive = "receive-message --wait-time-seconds 5 --message-attribute-names All --queue-url";
    let parts = "Messages[].[Body, MessageAttributes.n.StringValue, ReceiptHandle]";
    let received = aws.run(receive, &[url, "--query", parts]).await?;
    let handle = received
        .strip_prefix("hello\t5\t")
        .ok_or_else(|| format!("expected hello, 5 and a receipt handle, found {received:?}"))?;
    let hidden = "Attributes.ApproximateNumberOfMessagesNotVisible";
    aws.answers(get, &[url, "--query", hidden], "1").await?;
    let delete = "delete-message --queue-url";
    aws.answers(delete, &[url, "--receipt-handle", handle], "")
        .await?;
    aws.answers(get, &[url, "--query", hidden], "0").await?;

    aws.answers(
        "list-queues --queue-name-prefix jo",
        &["--query", "QueueUrls"],
        url,
    )
    .await?;
    let (tag, tags) = ("tag-queue --queue-url", "list-queue-tags --queue-url");
    let both = &[url, "--query", "Tags.[team, stage]"];
    aws.answers(tags, both, "a\tNone").await?;
    aws.answers(tag, &[url, "--tags", "stage=test"], "").await?;
    aws.answers(tags, both, "a\ttest").await?;
    let untag = "untag-queue --queue-url";
    aws.answers(untag, &[url, "--tag-keys", "team"], "").await?;
    aws.answers(tags, both, "None\ttest").await?;

    aws.answers("delete-queue --queue-url", &[url], "").await?;
    aws.answers("list-queues", &["--query", "QueueUrls"], "None")
        .await?;
    match aws.run(tags, &[url]).await {
        Err(failure) if failure.contains("NonExistentQueue") => Ok(()),
        other => Err(format!(
            "expected NonExistentQueue for a deleted queue, found {other:?}"
        )),
    }
}

struct Aws<'a> {
    installed: &'a Installed,
    environment: &'a str,
    server: &'a Server,
}

impl Aws<'_> {
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.installed.python(self.environment, name));
        point(&mut command, self.server);
        command
    }

    /// Runs `aws sqs`; the line is split at its spaces.
    async fn run(&self, line: &str, more: &[&str]) -> Result<String, Failure> {
        let mut command = self.program("aws");
        command
            // The CLI v1 ignores AWS_ENDPOINT_URL_SQS.
            .args(["--endpoint-url", &self.server.endpoint_url()])
            .args(["--output", "text", "sqs"])
            .args(line.split(' '))
            .args(more);
        let printed = output(&mut command, WITHIN).await?;
        Ok(printed.trim_end().to_owned())
    }

    async fn answers(&self, line: &str, more: &[&str], expected: &str) -> Result<(), Failure> {
        let answer = self.run(line, more).await?;
        if answer == expected {
            Ok(())
        } else {
            Err(format!(
                "`aws sqs {line}`: expected {expected:?}, found {answer:?}"
            ))
        }
    }
}
