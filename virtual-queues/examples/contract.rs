//! Runs the suite of checks of virtual queues against a server, through both interfaces, and prints every failure:
//! `cargo run -p sqs-virtual-queues --features drop-in --example contract -- http://127.0.0.1:9324`.
//!
//! Without a URL it runs against `local-sqs`, in this process. It creates new queues and deletes them at the end. It runs
//! in real time, which takes half a minute.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a check panics on unexpected results, and reads the clock"
)]
#![expect(clippy::print_stdout, reason = "this is a program for people")]

#[path = "../tests/it/contract/mod.rs"]
mod contract;

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_sqs::config::{BehaviorVersion, Builder, Credentials, Region};
use futures::{FutureExt, StreamExt};

use contract::{Check, Face, Site, Subject, checks};

/// The maximum number of checks that run at a time. Most of them wait most of their time.
const AT_A_TIME: usize = 24;
/// The timeout of a check.
const LONGEST: Duration = Duration::from_secs(90);

thread_local! {
    /// The location of the last panic, for the report.
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let endpoint = std::env::args().nth(1);
    panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string);
        PANICKED_AT.with(|at| *at.borrow_mut() = location);
    }));
    let local = local_sqs::LocalSqs::start();
    let site = |prefix: String| match &endpoint {
        None => Site::real(local.sdk_config(), local.http_client(), prefix),
        Some(endpoint) => {
            let http = aws_smithy_http_client::Builder::new().build_http();
            Site::real(config(endpoint), http, prefix)
        }
    };
    let faces = [Face::Handle, Face::DropIn];
    let runs = faces
        .into_iter()
        .flat_map(|face| checks().map(move |check| (face, check)))
        .enumerate()
        .map(|(number, (face, check))| {
            let prefix = format!("vq-{}-{number}-", std::process::id());
            run(check, face, site(prefix))
        });
    let results: Vec<_> = futures::stream::iter(runs)
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let failures: Vec<_> = results.iter().filter_map(|it| it.as_ref().err()).collect();
    for failure in &failures {
        println!("failed: {failure}");
    }
    let passed = results.len() - failures.len();
    println!("{passed} passed, {} failed", failures.len());
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs one check. Returns a description of its failure, if any.
async fn run(check: &'static Check, face: Face, site: Site) -> Result<(), String> {
    let outcome = AssertUnwindSafe(async {
        let subject = Subject::new(site, face).await;
        let result = tokio::time::timeout(LONGEST, (check.run)(&subject)).await;
        let result = match result {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err(format!("not done after {LONGEST:?}")),
        };
        subject.queues.shutdown(Duration::from_millis(100)).await;
        subject.site.clear().await;
        result
    });
    let result = outcome.catch_unwind().await.unwrap_or_else(|panic| {
        let at = PANICKED_AT.with(|at| at.borrow_mut().take());
        Err(format!("{} ({})", text_of(&*panic), at.unwrap_or_default()))
    });
    result.map_err(|seen| format!("{} by {face:?}: {seen}", check.name))
}

fn text_of(panic: &dyn Any) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    let text = owned.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a text")
}

fn config(endpoint: &str) -> Builder {
    aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "contract"))
        .endpoint_url(endpoint)
}
