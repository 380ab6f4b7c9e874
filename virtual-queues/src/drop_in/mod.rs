//! A stock SDK client that understands virtual queues.
//!
//! Owns: the wire layer, an HTTP client that decodes the AWS JSON protocol, serves what concerns virtual queues and passes
//! all else on, untouched, to the user's own HTTP client. Does not own: what a virtual queue does (the multiplexer), nor
//! the calls that this costs, which go out on the multiplexer's own clients.
//!
//! **Invariant:** a call that names no virtual queue leaves as the user's config says, byte by byte.
//!
//! | file | question |
//! |---|---|
//! | `http` | which calls does the SDK hand over here? |
//! | `screen` | does a call concern a virtual queue? |
//! | `sdk` | what does the SDK do differently for such a call? |
//! | `service`, `messages`, `batches`, `temporary` | what does each operation do? |
//! | `fast_path` | how do the frequent operations get around the wire format? |
//! | `requests`, `answers`, `values` | how does it look on the wire? |
//! | `refusal` | which error of SQS is it? |

mod answers;
mod batches;
#[cfg(feature = "fast-path")]
mod fast_path;
mod http;
mod messages;
mod refusal;
mod requests;
mod screen;
mod sdk;
mod service;
#[cfg(feature = "temporary")]
mod temporary;
mod values;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::auth::DefaultAuthSchemeResolver;
use aws_sdk_sqs::config::{BehaviorVersion, Builder, SharedHttpClient};
use aws_smithy_runtime::client::defaults::default_http_client_plugin_v2;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;

#[cfg(feature = "fast-path")]
use self::fast_path::FastPath;
use self::http::VirtualHttpClient;
use self::sdk::{MarkVirtualCalls, VirtualAuth};
use self::service::Service;
use crate::VirtualQueues;

impl VirtualQueues {
    /// A client like `client`, which takes the URLs of virtual queues, too.
    ///
    /// `CreateQueue` with the attribute `HostQueueUrl` makes a virtual queue; from then on its URL does what that of a
    /// real queue does, and `GetQueueUrl` finds it by its name, before a real queue of the same name. Calls for real
    /// queues are made as before: the new client keeps region, endpoint, credentials, HTTP client, interceptors,
    /// time-outs, retries and auth scheme resolver. `ListQueues` lists real queues alone.
    ///
    /// Calls for virtual queues are not repeated by the SDK, and need no credentials of their own; what they cost at
    /// SQS is sent by the client that the virtual queues were built with, with its retries. Where only a call to SQS can
    /// tell, its error comes out under SQS's code.
    ///
    /// With the feature `fast-path`, sends, receives, deletes and their batches are neither serialised nor signed: the SDK
    /// runs all interceptors and hands over the input itself. Such a call's request has no body and no `x-amz-target` for
    /// an interceptor to see, and its output no request id; an error has one.
    ///
    /// The client keeps the multiplexer running as long as it lives. After [`shutdown`](Self::shutdown), calls for
    /// virtual queues fail and those for real ones go on.
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

    /// As [`client`](Self::client), by the wire layer alone: for finding out whether the feature `fast-path` is the cause
    /// of something, and for an SDK that it does not fit.
    #[must_use]
    pub fn wire_client(&self, client: &Client) -> Client {
        Service::new(self.clone()).derive(client, |config| config)
    }
}

impl Service {
    /// The client that asks this service first.
    fn into_client(self, client: &Client) -> Client {
        #[cfg(feature = "fast-path")]
        return self.derive(client, |config| config.interceptor(FastPath::new()));
        #[cfg(not(feature = "fast-path"))]
        self.derive(client, |config| config)
    }

    fn derive(self, client: &Client, further: impl FnOnce(Builder) -> Builder) -> Client {
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
        Client::from_conf(further(derived).build())
    }
}

/// The one that the SDK would use, if its features brought one.
fn default_http_client() -> Option<SharedHttpClient> {
    let plugin = default_http_client_plugin_v2(BehaviorVersion::latest())?;
    let nothing = RuntimeComponentsBuilder::new("virtual queues");
    plugin.runtime_components(&nothing).http_client()
}
