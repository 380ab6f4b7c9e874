//! Functions that the tests share.

use aws_sdk_sqs::Client;
use aws_smithy_http_client::Builder as HttpBuilder;
use local_sqs::{LocalSqs, Server};
use tokio::time::Instant;

/// An SQS over HTTP, and a client that knows only its address.
pub(crate) async fn over_http() -> (LocalSqs, Server, Client) {
    let sqs = LocalSqs::start();
    let server = Server::bind(sqs.clone(), "127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a free port");
    let client = http_client(&sqs, &server);
    (sqs, server, client)
}

pub(crate) fn http_client(sqs: &LocalSqs, server: &Server) -> Client {
    let config = sqs
        .sdk_config()
        .http_client(HttpBuilder::new().build_http())
        .endpoint_url(server.endpoint_url())
        .build();
    Client::from_conf(config)
}

/// The tests' clock: tokio's, which most tests pause.
#[expect(
    clippy::disallowed_methods,
    reason = "the only place of these tests that reads the clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
