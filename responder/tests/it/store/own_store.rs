//! A store that a user writes from the documentation.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::BoxFuture;
use sqs_responder::store::contract;
use sqs_responder::{
    Begun, Completed, ContentType, ErrorCode, Fingerprint, Holder, Reply, ReplyKey, ReplyStore,
};
use sqs_rpc_transport::{Clock, Moment};

use super::BoxError;

/// A store as a user would write it from the documentation: rows of text, each method one conditional write.
#[derive(Debug)]
struct Rows(Clock, Mutex<BTreeMap<String, Row>>);

#[derive(Debug, Clone)]
struct Row {
    fingerprint: [u8; 32],
    holder: u128,
    end: Moment,
    reply: Option<String>,
}

impl Rows {
    /// Writes the row if there is none, or if `may` allows it for the existing row. Otherwise returns the existing row.
    fn write(
        &self,
        key: &ReplyKey,
        row: Option<Row>,
        may: impl FnOnce(&Row) -> bool,
    ) -> Result<(), Row> {
        let mut rows = self.1.lock().unwrap();
        let now = self.0.now();
        match rows.get(&key.to_string()) {
            Some(found) if found.end > now && !may(found) => return Err(found.clone()),
            _ => {}
        }
        match row {
            Some(row) => rows.insert(key.to_string(), row),
            None => rows.remove(&key.to_string()),
        };
        Ok(())
    }
}

impl ReplyStore for Rows {
    fn begin<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Begun, BoxError>> {
        Box::pin(async move {
            let row = Row {
                fingerprint: fingerprint.to_bytes(),
                holder: holder.to_bits(),
                end: self.0.now() + lease,
                reply: None,
            };
            let may = |found: &Row| {
                (found.holder, found.fingerprint) == (holder.to_bits(), fingerprint.to_bytes())
                    && found.reply.is_none()
            };
            Ok(match self.write(key, Some(row), may) {
                Ok(()) => Begun::Mine,
                Err(found) if found.fingerprint != fingerprint.to_bytes() => Begun::Mismatch,
                Err(Row {
                    reply: None, end, ..
                }) => Begun::InProgress {
                    ask_again: end.since(self.0.now()).min(Duration::from_millis(500)),
                },
                Err(Row {
                    reply: Some(text), ..
                }) => Begun::Done(reply_of(&text)),
            })
        })
    }

    fn complete<'a>(
        &'a self,
        key: &'a ReplyKey,
        fingerprint: Fingerprint,
        holder: Holder,
        reply: &'a Reply,
        age: Duration,
    ) -> BoxFuture<'a, Result<Completed, BoxError>> {
        Box::pin(async move {
            let row = Row {
                fingerprint: fingerprint.to_bytes(),
                holder: holder.to_bits(),
                end: self.0.now() + age,
                reply: Some(text_of(reply)),
            };
            let may = |found: &Row| found.holder == holder.to_bits() && found.reply.is_none();
            Ok(match self.write(key, Some(row), may) {
                Err(found) if found.holder != holder.to_bits() => Completed::Superseded,
                _ => Completed::Kept,
            })
        })
    }

    fn abandon<'a>(
        &'a self,
        key: &'a ReplyKey,
        holder: Holder,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let may = |found: &Row| found.holder == holder.to_bits() && found.reply.is_none();
            drop(self.write(key, None, may));
            Ok(())
        })
    }
}

fn text_of(reply: &Reply) -> String {
    let attributes: Vec<_> = reply.attributes().collect();
    serde_json::json!({
        "body": reply.body(),
        "code": reply.error_code().map(ErrorCode::as_str),
        "retryable": reply.is_retryable(),
        "content_type": reply.content_type().map(ContentType::as_str),
        "attributes": attributes,
    })
    .to_string()
}

fn reply_of(text: &str) -> Reply {
    let parts: serde_json::Value = serde_json::from_str(text).unwrap();
    let body = parts["body"].as_str().unwrap();
    let mut reply = match parts["code"].as_str() {
        Some(code) => Reply::error(code.parse().unwrap(), body),
        None => Reply::new(body),
    };
    if parts["retryable"] == true {
        reply = reply.retryable();
    }
    if let Some(content_type) = parts["content_type"].as_str() {
        reply = reply.with_content_type(content_type.parse().unwrap());
    }
    for attribute in parts["attributes"].as_array().unwrap() {
        let part = |i: usize| attribute[i].as_str().unwrap();
        reply = reply.with_attribute(part(0), part(1));
    }
    reply
}

#[tokio::test(start_paused = true)]
async fn a_store_written_from_the_documentation_passes_the_contract() {
    let wait = |time| -> BoxFuture<'static, ()> { Box::pin(tokio::time::sleep(time)) };
    contract::all(&Rows(Clock::system(), Mutex::default()), &wait, 1).await;
}
