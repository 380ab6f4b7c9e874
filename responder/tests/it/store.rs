//! Reply stores: keys, duplicates, several processes, failures.

mod failing;
mod flaky;
mod keys;
mod own_store;
mod processes;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use futures::future::BoxFuture;
use sqs_responder::{Body, IdempotencyKey, ReplyStore, Responder};
use sqs_rpc_protocol::{RequestHeader, names};

use crate::bed::{Ask, Bed, sleep};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Counts the calls of handlers, how many run now, and how many ran at the same time at most.
#[derive(Debug, Clone, Default)]
struct Calls(Arc<(AtomicUsize, AtomicUsize, AtomicUsize)>);

impl Calls {
    fn count(&self) -> usize {
        self.0.0.load(SeqCst)
    }

    fn most_at_a_time(&self) -> usize {
        self.0.2.load(SeqCst)
    }

    /// A handler that takes `secs` for every body but `fast`, and answers with the number of its call.
    fn handler(&self, secs: u64) -> impl Fn(Body) -> BoxFuture<'static, String> + Clone + use<> {
        let calls = self.0.clone();
        move |Body(body)| {
            let calls = calls.clone();
            Box::pin(async move {
                let call = calls.0.fetch_add(1, SeqCst) + 1;
                let now = calls.1.fetch_add(1, SeqCst) + 1;
                calls.2.fetch_max(now, SeqCst);
                if body != "fast" {
                    sleep(secs).await;
                }
                calls.1.fetch_sub(1, SeqCst);
                call.to_string()
            })
        }
    }
}

fn keyed(bed: &Bed, id: u128, key: &str, body: &str) -> Ask {
    let key = IdempotencyKey::parse(key).unwrap();
    let with_key = |header: &mut RequestHeader| header.idempotency_key = Some(key);
    let address = format!("{}#r{id}", bed.replies);
    bed.ask_with(body, id, with_key)
        .attribute(names::RESPONSE_QUEUE_URL, &address)
}

fn sharing(bed: &Bed, store: &(impl ReplyStore + Clone), concurrency: usize) -> Responder {
    bed.builder()
        .reply_store(store.clone())
        .concurrency(concurrency)
        .build()
        .unwrap()
}

/// Receives all replies until none comes for 20 s. Returns the virtual queue of each, and its code or body.
async fn replies(bed: &Bed) -> Vec<(String, String)> {
    let mut replies = Vec::new();
    while let Some(reply) = bed.reply().await {
        let to = reply
            .attribute(names::VIRTUAL_QUEUE_NAME)
            .unwrap_or_default();
        let what = reply.code().unwrap_or_else(|| reply.body().to_owned());
        replies.push((to.to_owned(), what));
    }
    replies.sort();
    replies
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(to, what): &(&str, &str)| ((*to).to_owned(), (*what).to_owned());
    expected.iter().map(owned).collect()
}
