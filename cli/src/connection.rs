//! How SQS is reached: the usual AWS environment, and the region of the queue.

use aws_config::BehaviorVersion;
use aws_config::meta::region::RegionProviderChain;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Region;
use sqs_rpc::HostQueueUrl;

use crate::failure::Failure;

/// Options of the commands that call SQS.
#[derive(Debug, clap::Args)]
pub(crate) struct Connection {
    /// Where SQS is, if not at Amazon's own address
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL_SQS", value_parser = endpoint_url)]
    endpoint_url: Option<String>,
}

impl Connection {
    /// A client for the region that the queue is in, with the credentials of the AWS environment.
    pub(crate) async fn client(&self, queue: &HostQueueUrl) -> Result<Client, Failure> {
        let of_queue = queue.region().map(|region| Region::new(region.to_owned()));
        let hint = "the queue's URL names no region, and none is set: set AWS_REGION";
        self.in_region(of_queue, hint).await
    }

    /// A client for the region of the AWS environment.
    pub(crate) async fn any_client(&self) -> Result<Client, Failure> {
        self.in_region(None, "no region is set: set AWS_REGION")
            .await
    }

    async fn in_region(&self, of_queue: Option<Region>, hint: &str) -> Result<Client, Failure> {
        let region = RegionProviderChain::first_try(of_queue).or_default_provider();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
        if let Some(url) = self.endpoint_url.as_deref().filter(|url| !url.is_empty()) {
            loader = loader.endpoint_url(url);
        }
        let config = loader.load().await;
        if config.region().is_none() {
            return Err(Failure::usage(hint));
        }
        Ok(Client::new(&config))
    }
}

/// The address of a server. Empty is none, as a variable of the environment often is.
pub(crate) fn endpoint_url(text: &str) -> Result<String, String> {
    let is_endpoint = |uri: http::Uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none()
    };
    if text.is_empty() || text.parse().is_ok_and(is_endpoint) {
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
    }
}
