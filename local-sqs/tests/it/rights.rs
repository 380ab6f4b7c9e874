//! Access keys and their permissions, and several accounts and regions.

use crate::support::http_client;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_smithy_http_client::Builder as HttpBuilder;
use local_sqs::engine::Action;
use local_sqs::{AccessKey, LocalSqs, Server};

const QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/000000000000/jobs";

fn with_key(client: &Client, id: &str, secret: &str) -> Client {
    let key = Credentials::new(id, secret, None, None, "test");
    Client::from_conf(
        client
            .config()
            .to_builder()
            .credentials_provider(key)
            .build(),
    )
}

/// The configuration of a client without credentials that does not sign.
fn unsigned() -> aws_sdk_sqs::config::Builder {
    let config = aws_sdk_sqs::Config::builder().behavior_version(BehaviorVersion::latest());
    config.region(Region::new("us-east-1")).allow_no_auth()
}

fn sqs() -> LocalSqs {
    LocalSqs::builder()
        .access_key(AccessKey::new("SENDER", "s1").allow([Action::SendMessage], "job*"))
        .access_key(AccessKey::new("OWNER", "s2").allow_all())
        .access_key(
            AccessKey::new("STRANGER", "s3")
                .account("111122223333")
                .allow_all(),
        )
        .build()
}

async fn send(client: &Client, url: &str) -> Result<(), String> {
    let sent = client
        .send_message()
        .queue_url(url)
        .message_body("x")
        .send()
        .await;
    sent.map(drop)
        .map_err(|error| error.code().unwrap_or_default().to_owned())
}

/// Checks the permissions of each key.
async fn keys_are_checked(client: &Client, anonymous: &Client) {
    let sender = with_key(client, "SENDER", "s1");
    assert_eq!(send(&sender, QUEUE).await, Ok(()));
    assert_eq!(
        send(&with_key(client, "SENDER", "wrong"), QUEUE).await,
        Err("SignatureDoesNotMatch".to_owned())
    );
    assert_eq!(
        send(&with_key(client, "NOBODY", "s1"), QUEUE).await,
        Err("InvalidClientTokenId".to_owned())
    );
    assert_eq!(
        send(anonymous, QUEUE).await,
        Err("MissingAuthenticationToken".to_owned())
    );
    let error = sender
        .receive_message()
        .queue_url(QUEUE)
        .send()
        .await
        .expect_err("not allowed");
    assert_eq!(error.code(), Some("AccessDenied"));
    assert!(
        error
            .message()
            .is_some_and(|text| text.contains("sqs:receivemessage")),
        "{error:?}"
    );
    assert_eq!(
        sender
            .list_queues()
            .send()
            .await
            .expect_err("not allowed")
            .code(),
        Some("AccessDenied")
    );
    let owner = with_key(client, "OWNER", "s2");
    assert_eq!(
        owner
            .receive_message()
            .queue_url(QUEUE)
            .send()
            .await
            .expect("allowed")
            .messages()
            .len(),
        1
    );
}

#[tokio::test]
async fn in_process_keys_are_checked() {
    let sqs = sqs();
    sqs.create_queue("jobs").await.expect("made");
    let anonymous = Client::from_conf(unsigned().http_client(sqs.http_client()).build());
    keys_are_checked(&sqs.client(), &anonymous).await;
}

#[tokio::test]
async fn tags_at_creation_need_their_own_permission() {
    let creator = AccessKey::new("CREATOR", "s").allow([Action::CreateQueue], "*");
    let sqs = LocalSqs::builder().access_key(creator).build();
    let create = with_key(&sqs.client(), "CREATOR", "s").create_queue();
    let tagged = create.clone().queue_name("tagged").tags("k", "v");
    let error = tagged.send().await.expect_err("not allowed");
    let text = error.message().unwrap_or_default();
    assert!(text.contains("sqs:tagqueue"), "{error:?}");
    assert!(text.ends_with(":tagged"), "{error:?}");
    create.queue_name("plain").send().await.expect("allowed");
}

#[tokio::test]
async fn a_refused_call_is_counted_and_has_no_effect() {
    let sqs = sqs();
    sqs.create_queue("jobs").await.expect("made");
    let before = sqs.calls();
    assert_eq!(
        send(&with_key(&sqs.client(), "SENDER", "wrong"), QUEUE).await,
        Err("SignatureDoesNotMatch".to_owned())
    );
    assert_eq!(sqs.calls().since(&before).of("SendMessage"), 1);
    let owner = with_key(&sqs.client(), "OWNER", "s2");
    assert!(
        owner
            .receive_message()
            .queue_url(QUEUE)
            .send()
            .await
            .expect("allowed")
            .messages()
            .is_empty()
    );
}

#[tokio::test]
async fn over_http_keys_are_checked() {
    let sqs = sqs();
    sqs.create_queue("jobs").await.expect("made");
    let server = Server::bind(sqs.clone(), "127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a port");
    let anonymous = unsigned().http_client(HttpBuilder::new().build_http());
    let anonymous = Client::from_conf(anonymous.endpoint_url(server.endpoint_url()).build());
    keys_are_checked(&http_client(&sqs, &server), &anonymous).await;
    server.shutdown().await;
}

#[tokio::test]
async fn a_policy_controls_the_use_by_other_accounts() {
    let sqs = sqs();
    sqs.create_queue("jobs").await.expect("made");
    let (owner, stranger) = (
        with_key(&sqs.client(), "OWNER", "s2"),
        with_key(&sqs.client(), "STRANGER", "s3"),
    );
    assert_eq!(send(&stranger, QUEUE).await, Err("AccessDenied".to_owned()));
    let add = owner
        .add_permission()
        .queue_url(QUEUE)
        .label("l")
        .aws_account_ids("111122223333")
        .actions("SendMessage");
    add.send().await.expect("added");
    assert_eq!(send(&stranger, QUEUE).await, Ok(()));
    let error = stranger
        .receive_message()
        .queue_url(QUEUE)
        .send()
        .await
        .expect_err("not in the policy");
    assert_eq!(error.code(), Some("AccessDenied"));
    let error = stranger
        .delete_queue()
        .queue_url(QUEUE)
        .send()
        .await
        .expect_err("the owner's");
    assert_eq!(error.code(), Some("AccessDenied"));
    let own = stranger
        .create_queue()
        .queue_name("jobs")
        .send()
        .await
        .expect("made");
    assert!(
        own.queue_url()
            .is_some_and(|url| url.ends_with("/111122223333/jobs")),
        "{own:?}"
    );
}

#[tokio::test]
async fn without_keys_a_twelve_digit_key_id_is_an_account() {
    let sqs = LocalSqs::start();
    sqs.create_queue("jobs").await.expect("made");
    let other = with_key(&sqs.client(), "111122223333", "x");
    assert!(
        other
            .list_queues()
            .send()
            .await
            .expect("listed")
            .queue_urls()
            .is_empty()
    );
    let made = other
        .create_queue()
        .queue_name("jobs")
        .send()
        .await
        .expect("made");
    assert!(
        made.queue_url()
            .is_some_and(|url| url.ends_with("/111122223333/jobs")),
        "{made:?}"
    );
    assert_eq!(send(&other, QUEUE).await, Err("AccessDenied".to_owned()));
}

#[tokio::test]
async fn each_region_has_its_own_queues() {
    let sqs = LocalSqs::start();
    sqs.create_queue("jobs").await.expect("made");
    let config = sqs.sdk_config().region(Region::new("eu-west-1")).build();
    let other = Client::from_conf(config);
    let missing = other
        .get_queue_url()
        .queue_name("jobs")
        .send()
        .await
        .expect_err("another region");
    assert!(missing.into_service_error().is_queue_does_not_exist());
    let made = other
        .create_queue()
        .queue_name("jobs")
        .send()
        .await
        .expect("made");
    assert_eq!(
        made.queue_url(),
        Some("https://sqs.eu-west-1.amazonaws.com/000000000000/jobs")
    );
}
