//! Creating, finding, listing, purging and deleting queues.

use super::subject::{
    INVALID_ATTRIBUTE, INVALID_VALUE, MISSING, NO_SUCH_QUEUE, Outcome, Subject, disagreement,
    ensure, ensure_code, ensure_eq,
};
use aws_sdk_sqs::types::QueueAttributeName;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const A_SECOND: Duration = Duration::from_secs(1);

pub(super) async fn create_returns_a_usable_url(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    subject.send(&url, "x").await?;
    ensure_eq(subject.receive_one(&url).await?.body(), Some("x"), "body")
}

pub(super) async fn create_with_equal_attributes_returns_the_same_url(
    subject: &Subject,
) -> Outcome {
    let name = subject.new_name();
    let first = subject
        .named_queue(&name, [(QueueAttributeName::DelaySeconds, "3")])
        .await?;
    ensure_eq(
        &subject
            .named_queue(&name, [(QueueAttributeName::DelaySeconds, "3")])
            .await?,
        &first,
        "URL",
    )?;
    ensure_eq(
        &subject.named_queue(&name, []).await?,
        &first,
        "URL with no attributes",
    )?;
    // An explicit default value counts as equal.
    let default = subject
        .named_queue(&name, [(QueueAttributeName::VisibilityTimeout, "30")])
        .await?;
    ensure_eq(&default, &first, "URL with a default that is said")
}

pub(super) async fn create_with_other_attributes_is_refused(subject: &Subject) -> Outcome {
    let name = subject.new_name();
    subject.named_queue(&name, []).await?;
    let create = subject.client().create_queue().queue_name(&name);
    let other = create
        .attributes(QueueAttributeName::DelaySeconds, "3")
        .send()
        .await;
    ensure_code(other, &["QueueAlreadyExists", "QueueNameExists"])
}

pub(super) async fn create_checks_the_name(subject: &Subject) -> Outcome {
    for name in ["a b", "a#b", "é", &"x".repeat(81), "a.fifo"] {
        ensure_code(
            subject
                .client()
                .create_queue()
                .queue_name(name)
                .send()
                .await,
            INVALID_VALUE,
        )?;
    }
    let codes = [INVALID_VALUE, MISSING].concat();
    ensure_code(
        subject.client().create_queue().queue_name("").send().await,
        &codes,
    )
}

pub(super) async fn create_checks_attributes(subject: &Subject) -> Outcome {
    let create = |name, value| {
        subject
            .client()
            .create_queue()
            .queue_name(subject.new_name())
            .attributes(name, value)
    };
    let bad = create(QueueAttributeName::VisibilityTimeout, "43201")
        .send()
        .await;
    ensure_code(bad, INVALID_ATTRIBUTE)?;
    let unknown = create(QueueAttributeName::from("Nonsense"), "1")
        .send()
        .await;
    ensure_code(unknown, &["InvalidAttributeName"])?;
    let fifo_only = create(QueueAttributeName::ContentBasedDeduplication, "true")
        .send()
        .await;
    ensure_code(fifo_only, &["InvalidAttributeName"])
}

pub(super) async fn create_accepts_tags(subject: &Subject) -> Outcome {
    let name = subject.new_name();
    let made = subject
        .client()
        .create_queue()
        .queue_name(&name)
        .tags("team", "a")
        .send()
        .await?;
    let url = subject.named_queue(&name, []).await?;
    ensure_eq(made.queue_url(), Some(url.as_str()), "URL")?;
    let tags = subject
        .client()
        .list_queue_tags()
        .queue_url(&url)
        .send()
        .await?;
    ensure_eq(
        tags.tags()
            .and_then(|tags| tags.get("team"))
            .map(String::as_str),
        Some("a"),
        "tag",
    )
}

pub(super) async fn url_is_found_by_name(subject: &Subject) -> Outcome {
    let name = subject.new_name();
    let url = subject.named_queue(&name, []).await?;
    let found = subject
        .client()
        .get_queue_url()
        .queue_name(&name)
        .send()
        .await?;
    ensure_eq(found.queue_url(), Some(url.as_str()), "URL")
}

pub(super) async fn url_of_an_unknown_name_is_refused(subject: &Subject) -> Outcome {
    ensure_code(
        subject
            .client()
            .get_queue_url()
            .queue_name(subject.new_name())
            .send()
            .await,
        NO_SUCH_QUEUE,
    )
}

pub(super) async fn list_is_filtered_by_prefix(subject: &Subject) -> Outcome {
    let prefix = subject.new_name();
    let mut expected = Vec::new();
    for suffix in ["-a", "-b", "-c"] {
        expected.push(
            subject
                .named_queue(&format!("{prefix}{suffix}"), [])
                .await?,
        );
    }
    subject.queue().await?;
    subject.wait(A_SECOND).await;
    let listed = subject
        .client()
        .list_queues()
        .queue_name_prefix(format!("{prefix}-"))
        .send()
        .await?;
    let mut urls = listed.queue_urls().to_vec();
    urls.sort();
    ensure_eq(urls, expected, "URLs")
}

pub(super) async fn list_returns_a_token_only_with_a_page_size(subject: &Subject) -> Outcome {
    let prefix = subject.new_name();
    let mut expected = Vec::new();
    for suffix in ["-a", "-b", "-c"] {
        expected.push(
            subject
                .named_queue(&format!("{prefix}{suffix}"), [])
                .await?,
        );
    }
    subject.wait(A_SECOND).await;
    let list = subject
        .client()
        .list_queues()
        .queue_name_prefix(format!("{prefix}-"));
    ensure_eq(
        list.clone().send().await?.next_token(),
        None,
        "token without a page size",
    )?;
    let mut urls = Vec::new();
    let mut token = None;
    for _ in 0..expected.len() {
        let page = list
            .clone()
            .max_results(2)
            .set_next_token(token)
            .send()
            .await?;
        ensure(
            page.queue_urls().len() <= 2,
            "a page is longer than the page size",
        )?;
        urls.extend(page.queue_urls().iter().cloned());
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    urls.sort();
    ensure_eq(urls, expected, "URLs of all pages")?;
    ensure_eq(token, None, "token of the last page")
}

pub(super) async fn list_checks_the_page_size(subject: &Subject) -> Outcome {
    for size in [0, 1001] {
        ensure_code(
            subject
                .client()
                .list_queues()
                .max_results(size)
                .send()
                .await,
            INVALID_VALUE,
        )?;
    }
    Ok(())
}

pub(super) async fn deleted_queue_is_gone(subject: &Subject) -> Outcome {
    let name = subject.new_name();
    let url = subject.named_queue(&name, []).await?;
    subject
        .client()
        .delete_queue()
        .queue_url(&url)
        .send()
        .await?;
    subject.wait(A_SECOND).await;
    ensure_code(
        subject
            .client()
            .receive_message()
            .queue_url(&url)
            .send()
            .await,
        NO_SUCH_QUEUE,
    )?;
    ensure_code(
        subject
            .client()
            .send_message()
            .queue_url(&url)
            .message_body("x")
            .send()
            .await,
        NO_SUCH_QUEUE,
    )?;
    ensure_code(
        subject
            .client()
            .get_queue_url()
            .queue_name(&name)
            .send()
            .await,
        NO_SUCH_QUEUE,
    )?;
    ensure_code(
        subject.client().delete_queue().queue_url(&url).send().await,
        NO_SUCH_QUEUE,
    )
}

pub(super) async fn deleted_name_cannot_be_used_for_a_minute(subject: &Subject) -> Outcome {
    let name = subject.new_name();
    let url = subject.named_queue(&name, []).await?;
    subject
        .client()
        .delete_queue()
        .queue_url(&url)
        .send()
        .await?;
    let again = subject
        .client()
        .create_queue()
        .queue_name(&name)
        .send()
        .await;
    ensure_code(
        again,
        &[
            "AWS.SimpleQueueService.QueueDeletedRecently",
            "QueueDeletedRecently",
        ],
    )?;
    subject.wait(MINUTE + A_SECOND).await;
    subject.named_queue(&name, []).await.map(drop)
}

pub(super) async fn unknown_queue_url_is_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let other = format!("{url}-none");
    ensure_code(
        subject
            .client()
            .send_message()
            .queue_url(&other)
            .message_body("x")
            .send()
            .await,
        NO_SUCH_QUEUE,
    )?;
    ensure_code(
        subject
            .client()
            .purge_queue()
            .queue_url(&other)
            .send()
            .await,
        NO_SUCH_QUEUE,
    )
}

pub(super) async fn purge_deletes_everything(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    subject.send(&url, "in flight").await?;
    let in_flight = subject.receive_one(&url).await?;
    subject.send(&url, "visible").await?;
    subject
        .client()
        .purge_queue()
        .queue_url(&url)
        .send()
        .await?;
    subject.wait(A_SECOND).await;
    ensure_eq(
        subject.receive_bodies(&url).await?,
        vec![],
        "messages after a purge",
    )?;
    let handle = in_flight
        .receipt_handle()
        .ok_or_else(|| disagreement("no handle"))?;
    // The message in flight was purged, too, so it cannot be made visible again.
    let change = subject
        .client()
        .change_message_visibility()
        .queue_url(&url)
        .receipt_handle(handle);
    let changed = change.visibility_timeout(0).send().await;
    ensure(changed.is_err(), "a purged message could be made visible")
}

pub(super) async fn second_purge_within_a_minute_is_refused(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    subject
        .client()
        .purge_queue()
        .queue_url(&url)
        .send()
        .await?;
    let again = subject.client().purge_queue().queue_url(&url).send().await;
    ensure_code(
        again,
        &[
            "AWS.SimpleQueueService.PurgeQueueInProgress",
            "PurgeQueueInProgress",
        ],
    )?;
    subject.wait(MINUTE + A_SECOND).await;
    subject
        .client()
        .purge_queue()
        .queue_url(&url)
        .send()
        .await?;
    Ok(())
}
