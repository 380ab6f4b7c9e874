//! How `queues` and `sweep` show a host.

use std::io::{self, IsTerminal as _};
use std::pin::pin;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use sqs_rpc::temporary_queues::{Doubt, Examined, Tag, Verdict};

use crate::console::say;

/// The number of examined hosts, for a person at the terminal. Drawn from the start, before any call is answered.
pub(crate) fn progress() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if !io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{spinner} {pos} hosts, {elapsed} {wide_msg}");
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_message("listing queues");
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A longer call is reported on stderr. Failed calls are retried, which can take half a minute.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits for SQS, and reports on stderr if the call takes long.
pub(crate) async fn answer<T>(call: impl Future<Output = T>, bar: &ProgressBar) -> T {
    let mut call = pin!(call);
    tokio::select! {
        biased;
        answer = &mut call => return answer,
        () = tokio::time::sleep(PATIENCE) => {}
    }
    let line = "sqs-rpc: no answer from SQS for 5s; still waiting";
    bar.suspend(|| say(line));
    call.await
}

/// The retention of a host's lease.
pub(crate) fn retention(lease: Tag) -> Option<Duration> {
    match lease {
        Tag::Ours(lease) => Some(lease.retention),
        Tag::Java(lease) => Some(lease.retention),
        _ => None,
    }
}

/// One word for a verdict.
pub(crate) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Alive { .. } => "alive",
        Verdict::Dead => "dead",
        _ => "unknown",
    }
}

/// The verdict and its reason.
pub(crate) fn verdict(host: &Examined) -> String {
    match host.verdict {
        Verdict::Alive { watches: true } => "alive".to_owned(),
        Verdict::Alive { watches: false } => "alive; does not watch others".to_owned(),
        Verdict::Dead => "dead".to_owned(),
        Verdict::Unknown(Doubt::JustOver(left)) => {
            format!("lease expired; dead in {} unless renewed", seconds(left))
        }
        Verdict::Unknown(Doubt::Future) => "its lease has a stamp in the future".to_owned(),
        Verdict::Unknown(Doubt::Silent(left)) => {
            format!(
                "watched for a renewal; dead in {} unless renewed",
                seconds(left)
            )
        }
        Verdict::Unknown(Doubt::Unreadable) => "its lease cannot be read; never deleted".to_owned(),
        Verdict::Unknown(Doubt::NoLease) => "it has no lease; never deleted".to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// The time after which the verdict may change; `None` if it does not depend on time.
pub(crate) const fn wait(verdict: Verdict) -> Option<Duration> {
    match verdict {
        Verdict::Unknown(Doubt::JustOver(left) | Doubt::Silent(left)) => Some(left),
        _ => None,
    }
}

/// A host as JSON.
pub(crate) fn to_json(host: &Examined) -> Value {
    let whole = |time: Option<Duration>| time.map(|time| time.as_secs());
    json!({
        "host": &*host.name,
        "url": &*host.url,
        "lease_age_s": whole(host.age),
        "retention_s": whole(retention(host.lease)),
        "verdict": word(host.verdict),
        "reason": verdict(host),
        "watch_s": whole(wait(host.verdict)),
    })
}

/// A time in whole seconds, for people.
pub(crate) fn seconds(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}
