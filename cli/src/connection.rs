//! Makes SDK clients from the AWS environment and the region of the queue.

use aws_config::meta::region::RegionProviderChain;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Region;
use sqs_rpc::HostQueueUrl;

use crate::failure::Failure;

/// Options of the commands that call SQS.
#[derive(Debug, clap::Args)]
pub(crate) struct Connection {
    /// Endpoint of SQS, if not Amazon's own
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL_SQS", value_parser = endpoint_url)]
    endpoint_url: Option<String>,
}

impl Connection {
    /// A client for the region of the queue, with the credentials of the AWS environment.
    pub(crate) async fn client(&self, queue: &HostQueueUrl) -> Result<Client, Failure> {
        let of_queue = queue.region().map(|region| Region::new(region.to_owned()));
        let hint = "no region found in the queue's URL or the AWS environment: set AWS_REGION";
        self.in_region(of_queue, hint).await
    }

    /// A client for the region of the AWS environment.
    pub(crate) async fn any_client(&self) -> Result<Client, Failure> {
        self.in_region(None, "no region found: set AWS_REGION")
            .await
    }

    async fn in_region(&self, of_queue: Option<Region>, hint: &str) -> Result<Client, Failure> {
        let region = RegionProviderChain::first_try(of_queue).or_default_provider();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
        if let Some(url) = self.endpoint_url.as_deref().filter(|url| !url.is_empty()) {
            loader = loader.endpoint_url(url);
        }
        let config = loader.load().await;
        check_region(&config, hint)?;
        Ok(Client::new(&config))
    }
}

/// Checks the region before the first call, because with a wrong region calls fail with unhelpful errors.
pub(crate) fn check_region(config: &SdkConfig, hint: &str) -> Result<(), Failure> {
    match config.region() {
        None => Err(Failure::usage(hint)),
        Some(found) => match region(found.as_ref()) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::usage(format!(
                "{error} as the region of AWS_REGION or the AWS configuration"
            ))),
        },
    }
}

/// Checks the name of a region, which may be a private name.
pub(crate) fn region(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let ends = |text: &str| text.starts_with('-') || text.ends_with('-');
    if text.is_empty() || text.len() > 63 || ends(text) || !text.bytes().all(allowed) {
        return Err(format!(
            "expected up to 63 lower-case letters, digits and hyphens, such as us-east-1, found {text:?}"
        ));
    }
    Ok(text.to_owned())
}

/// The address of a server, or an empty text, because an environment variable is often set but empty.
fn endpoint_url(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    server_url(text)
}

/// The address of a server.
pub(crate) fn server_url(text: &str) -> Result<String, String> {
    let is_endpoint = |uri: http::Uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none()
    };
    if text.parse().is_ok_and(is_endpoint) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "expected the URL of a server, such as http://127.0.0.1:9324, found {text:?}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_the_url_of_a_server() {
        for text in [
            "",
            "http://127.0.0.1:9324",
            "https://sqs.eu-west-1.amazonaws.com/",
            "http://[::1]:1",
        ] {
            assert_eq!(endpoint_url(text).as_deref(), Ok(text));
        }
        for text in [
            "localhost",
            "localhost:9324",
            "ftp://host",
            "http://",
            "http://a b",
            "http://a?b",
        ] {
            assert!(endpoint_url(text).is_err(), "{text}");
        }
        assert!(server_url("").unwrap_err().contains("found \"\""));
    }

    #[test]
    fn a_region_has_the_form_of_a_host_label() {
        assert!(region("eu-central-1").is_ok() && region("elasticmq").is_ok());
        let long = "a".repeat(64);
        for text in ["", "US-EAST-1", "us east", "-a", "a-", "a/b", &long] {
            assert!(region(text).is_err(), "{text}");
        }
    }
}
