//! Tags of queues.

use super::subject::{INVALID_VALUE, Outcome, Subject, ensure_code, ensure_eq};
use std::collections::BTreeMap;

async fn tags(
    subject: &Subject,
    url: &str,
) -> Result<BTreeMap<String, String>, super::Disagreement> {
    let tags = subject
        .client()
        .list_queue_tags()
        .queue_url(url)
        .send()
        .await?;
    Ok(tags.tags.unwrap_or_default().into_iter().collect())
}

fn expected(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

pub(super) async fn tags_are_added_overwritten_and_removed(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    ensure_eq(
        tags(subject, &url).await?,
        expected(&[]),
        "tags of a new queue",
    )?;
    let tag = subject.client().tag_queue().queue_url(&url);
    tag.clone()
        .tags("a", "1")
        .tags("b.c_d:e/f=g+h-i@j", "")
        .send()
        .await?;
    tag.tags("a", "2").send().await?;
    let both = expected(&[("a", "2"), ("b.c_d:e/f=g+h-i@j", "")]);
    ensure_eq(tags(subject, &url).await?, both, "tags")?;
    subject
        .client()
        .untag_queue()
        .queue_url(&url)
        .tag_keys("a")
        .tag_keys("none")
        .send()
        .await?;
    ensure_eq(
        tags(subject, &url).await?,
        expected(&[("b.c_d:e/f=g+h-i@j", "")]),
        "remaining tags",
    )
}

pub(super) async fn keys_are_checked(subject: &Subject) -> Outcome {
    let url = subject.queue().await?;
    let tag = subject.client().tag_queue().queue_url(&url);
    tag.clone()
        .tags("k".repeat(128), "v".repeat(256))
        .send()
        .await?;
    for (key, value) in [
        ("k".repeat(129), "v".to_owned()),
        ("k".to_owned(), "v".repeat(257)),
    ] {
        ensure_code(tag.clone().tags(key, value).send().await, INVALID_VALUE)?;
    }
    Ok(())
}
