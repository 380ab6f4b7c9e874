//! A stock SDK client that supports virtual queues.
//!
//! Owns: the wire layer, an HTTP client that decodes the AWS JSON protocol, serves calls that concern virtual queues,
//! and forwards all other calls unchanged to the user's own HTTP client. Does not own: the behavior of virtual queues
//! (the multiplexer), and the calls to SQS that result, which the multiplexer's own clients make.
//!
//! **Invariant:** a call that names no virtual queue is sent exactly as the user's config says, byte by byte.
//!
//! | file | question |
//! |---|---|
//! | `http` | which calls does the SDK pass to this module? |
//! | `for_virtual_queue` | does a call concern a virtual queue? |
//! | `sdk` | what does the SDK do differently for such a call? |
//! | `operations`, `message_operations`, `batch_operations`, `without_host` | what does each operation do? |
//! | `make_queue` | who creates the queue of a `CreateQueue` without a host? |
//! | `request_members`, `answer_members`, `values` | what is the format on the wire? |
//! | `refusal` | which SQS error does a failure become? |

mod answer_members;
mod batch_operations;
mod for_virtual_queue;
mod http;
mod make_queue;
mod message_operations;
mod operations;
mod refusal;
mod request_members;
mod sdk;
mod values;
mod without_host;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::auth::DefaultAuthSchemeResolver;
use aws_sdk_sqs::config::{BehaviorVersion, SharedHttpClient};
use aws_smithy_runtime::client::defaults::default_http_client_plugin_v2;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;

use self::http::VirtualHttpClient;
use self::operations::Service;
use self::sdk::{MarkVirtualCalls, VirtualAuth};
use crate::VirtualQueues;

pub use make_queue::{MakeQueue, NotMade, WantedQueue};

impl VirtualQueues {
    /// A client like `client` that also accepts the URLs of virtual queues.
    ///
    /// `CreateQueue` with the attribute `HostQueueUrl` creates a virtual queue. Its URL can then be used like the URL
    /// of a real queue, and `GetQueueUrl` finds it by its name, before a real queue of the same name. Calls for real
    /// queues are made as before: the new client keeps region, endpoint, credentials, HTTP client, interceptors,
    /// timeouts, retries and auth scheme resolver. `ListQueues` lists only real queues.
    ///
    /// The SDK does not retry calls for virtual queues, and they need no credentials of their own. The client with
    /// which the virtual queues were built makes the resulting calls to SQS, with its own retries. If such a call
    /// fails, its error is returned with SQS's code.
    ///
    /// The client keeps the multiplexer running as long as it lives. After [`shutdown`](Self::shutdown), calls for
    /// virtual queues fail, and calls for real queues still work.
    ///
    /// # Examples
    /// ```
    /// use aws_sdk_sqs::types::QueueAttributeName;
    /// use sqs_virtual_queues::VirtualQueues;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = local_sqs::LocalSqs::start();
    /// # let client = local.client();
    /// let host = client.create_queue().queue_name("host").send().await?.queue_url.unwrap_or_default();
    /// let client = VirtualQueues::builder(&client).build()?.client(&client);
    ///
    /// let make = client.create_queue().queue_name("orders");
    /// let make = make.attributes(QueueAttributeName::from("HostQueueUrl"), &host);
    /// let orders = make.send().await?.queue_url.unwrap_or_default();
    /// assert_eq!(orders, format!("{host}#orders"));
    ///
    /// client.send_message().queue_url(&orders).message_body("two of them").send().await?;
    /// let received = client.receive_message().queue_url(&orders).wait_time_seconds(20).send().await?;
    /// assert_eq!(received.messages()[0].body(), Some("two of them"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn client(&self, client: &Client) -> Client {
        Service::new(self.clone()).into_client(client)
    }
}

impl Service {
    /// A client that sends its calls through this service first.
    fn into_client(self, client: &Client) -> Client {
        let config = client.config();
        let inner = config.http_client().or_else(default_http_client);
        let auth = match config.auth_scheme_resolver() {
            Some(users) => VirtualAuth::over(users),
            None => VirtualAuth::over_default(DefaultAuthSchemeResolver::default()),
        };
        let derived = config
            .to_builder()
            .http_client(VirtualHttpClient::new(inner, self.clone()))
            .interceptor(MarkVirtualCalls::new(self))
            .auth_scheme_resolver(auth);
        Client::from_conf(derived.build())
    }
}

/// The HTTP client that the SDK would use, if its features include one.
fn default_http_client() -> Option<SharedHttpClient> {
    let plugin = default_http_client_plugin_v2(BehaviorVersion::latest())?;
    let nothing = RuntimeComponentsBuilder::new("virtual queues");
    plugin.runtime_components(&nothing).http_client()
}
