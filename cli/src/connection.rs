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
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL_SQS")]
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
