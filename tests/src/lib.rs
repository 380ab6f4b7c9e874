//! Shared by the integration tests of sqs-rpc and the programs that they start.

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};

/// Makes a client of the SDK that talks to this endpoint over HTTP.
#[must_use]
pub fn client(endpoint_url: &str) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint_url);
    aws_sdk_sqs::Client::from_conf(config.build())
}
