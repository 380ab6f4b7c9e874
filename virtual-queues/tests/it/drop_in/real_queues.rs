//! Calls for real queues pass unchanged; values and digests are those of SQS.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;

use crate::support::{TestResult, World};

use super::dropped_in;

#[tokio::test(start_paused = true)]
async fn real_queues_are_served_by_sqs_alone() -> TestResult {
    let world = World::new();
    let (client, _, real) = dropped_in(&world, world.local.sdk_config()).await;
    client
        .send_message()
        .queue_url(&real)
        .message_body("# not a queue #")
        .send()
        .await?;
    let received = client.receive_message().queue_url(&real).send().await?;
    assert_eq!(received.messages()[0].body(), Some("# not a queue #"));
    assert_eq!(
        client
            .get_queue_url()
            .queue_name("real")
            .send()
            .await?
            .queue_url(),
        Some(real.as_str())
    );
    assert_eq!(
        client.list_queues().send().await?.queue_urls().len(),
        2,
        "no virtual queues"
    );
    let made = client.create_queue().queue_name("made").send().await?;
    assert!(made.queue_url().is_some_and(|url| url.ends_with("/made")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn all_kinds_of_values_pass_with_the_digests_of_sqs() -> TestResult {
    use aws_sdk_sqs::types::{
        MessageAttributeValue, MessageSystemAttributeName, MessageSystemAttributeNameForSends,
        MessageSystemAttributeValue,
    };
    let world = World::new();
    let (client, queue, real) = dropped_in(&world, world.local.sdk_config()).await;
    let value = |data_type: &str| MessageAttributeValue::builder().data_type(data_type);
    let binary = value("Binary.png").binary_value(aws_smithy_types::Blob::new([0, 255, 7]));
    let number = value("Number").string_value("7");
    let trace = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value("Root=1-5759e988-bd862e3fe1be46a994272793")
        .build()?;
    let (binary, number) = (binary.build()?, number.build()?);
    let body = "ü \"quoted\" \u{1f980}\n";
    let send = |url: &str| {
        client
            .send_message()
            .queue_url(url)
            .message_body(body)
            .message_attributes("picture", binary.clone())
            .message_attributes("number", number.clone())
            .message_system_attributes(
                MessageSystemAttributeNameForSends::AwsTraceHeader,
                trace.clone(),
            )
            .send()
    };
    let (to_virtual, to_real) = (send(&queue).await?, send(&real).await?);
    assert!(to_real.md5_of_message_attributes.is_some());
    assert_eq!(
        to_virtual.md5_of_message_attributes,
        to_real.md5_of_message_attributes
    );
    assert_eq!(to_virtual.md5_of_message_body, to_real.md5_of_message_body);
    assert_eq!(
        to_virtual.md5_of_message_system_attributes,
        to_real.md5_of_message_system_attributes
    );

    let receive = client.receive_message().queue_url(&queue);
    let receive = receive.wait_time_seconds(20).message_attribute_names("All");
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    let message = receive.send().await?.messages.unwrap_or_default().remove(0);
    assert_eq!(message.body(), Some(body));
    let attributes = message.message_attributes().unwrap();
    assert_eq!(attributes["picture"], binary);
    assert_eq!(attributes["number"], number);
    let header = &message.attributes().unwrap()[&MessageSystemAttributeName::AwsTraceHeader];
    assert_eq!(Some(header.as_str()), trace.string_value());
    Ok(())
}

/// Records the requests that are about to be sent.
#[derive(Debug, Clone, Default)]
struct Watch(Arc<Mutex<Vec<Seen>>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    uri: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Watch {
    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // These headers have another value in each call.
        let changing = ["amz-sdk-invocation-id", "authorization", "x-amz-date"];
        let request = context.request();
        let headers = request.headers().iter();
        let headers = headers.filter(|(name, _)| !changing.contains(name));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.0.lock().unwrap().push(Seen {
            uri: request.uri().to_owned(),
            headers: headers.collect(),
            body: request.body().bytes().unwrap_or_default().to_vec(),
        });
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn calls_for_real_queues_are_the_same_byte_by_byte() -> TestResult {
    let world = World::new();
    let watch = Watch::default();
    let config = world.local.sdk_config().interceptor(watch.clone());
    let plain = Client::from_conf(config.clone().build());
    let (client, _, real) = dropped_in(&world, config).await;
    watch.seen();
    let mut seen = Vec::new();
    for client in [plain, client] {
        let send = client.send_message().queue_url(&real).message_body("# b");
        send.message_attributes("a", crate::support::text("1"))
            .send()
            .await?;
        let receive = client.receive_message().queue_url(&real);
        receive.visibility_timeout(0).send().await?;
        let create = client.create_queue().queue_name("real");
        create.send().await?;
        seen.push(watch.seen());
    }
    assert_eq!(seen[0].len(), 3);
    assert!(seen[0].iter().all(|seen| seen.headers.len() > 5));
    assert_eq!(seen[0], seen[1]);
    Ok(())
}
