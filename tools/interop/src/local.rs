//! Serves this project's SQS on a port, for third-party programs.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use local_sqs::{LocalSqs, Server};
use tokio::process::Command;

use crate::Failure;

/// Key id and secret; any values work.
const KEY: &str = "local";
const REGION: &str = "us-east-1";

/// A client as a typical Rust program makes it.
#[must_use]
pub fn client(endpoint_url: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(KEY, KEY, None, None, "interop"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint_url);
    Client::from_conf(config.build())
}

pub(crate) async fn serve() -> Result<Server, Failure> {
    let any_port = ([127, 0, 0, 1], 0).into();
    let bound = Server::bind(LocalSqs::start(), any_port).await;
    bound.map_err(|error| format!("local-sqs cannot listen: {error}"))
}

/// Sets the environment of a program so that it uses our server, whatever the user's own settings are.
pub(crate) fn point(command: &mut Command, server: &Server) {
    point_at(command, &server.endpoint_url());
}

/// Sets the environment of a program so that it uses the server at this URL.
pub fn point_at(command: &mut Command, endpoint_url: &str) {
    command.envs([
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", KEY),
        ("AWS_CONFIG_FILE", "/nonexistent"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_PAGER", ""),
        ("NO_PROXY", "127.0.0.1"),
    ]);
    for unset in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"] {
        command.env_remove(unset);
    }
    command.env("AWS_ENDPOINT_URL_SQS", endpoint_url);
}
