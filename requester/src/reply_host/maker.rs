//! The task that makes a host.
//!
//! It is no request's: the first request may be given up, and the others still want the host.
//! Invariant: it tells the machine how it ended, even if its runtime ends before it does.

use std::sync::Arc;
use std::time::Duration;

use sqs_rpc_protocol::HostQueueUrl;

use super::{Own, calls};
use crate::RequestError;

/// How long an unwanted host's deletion may take.
const DELETION: Duration = Duration::from_secs(5);

/// Starts making the host of this number.
pub(super) fn spawn(own: &Arc<Own>, number: u32) -> Result<(), RequestError> {
    let maker = Maker {
        own: Arc::clone(own),
        number,
    };
    let tasks = match own.tasks.get() {
        Some(tasks) => tasks,
        None => {
            let tasks = own.queues.sqs().tasks();
            let tasks = tasks.map_err(|_| RequestError::no_runtime())?;
            own.tasks.get_or_init(|| tasks)
        }
    };
    // On a runtime that has ended, the maker is dropped here, and says so.
    tasks.spawn(maker.run());
    Ok(())
}

struct Maker {
    own: Arc<Own>,
    number: u32,
}

impl Maker {
    async fn run(mut self) {
        let sqs = self.own.queues.sqs().clone();
        loop {
            let name = format!("{}-{}", self.own.stem, self.number);
            let fault = match calls::create(&sqs, &name, &self.own.spec).await {
                Ok(url) => return self.made(&url).await,
                Err(fault) => fault,
            };
            tracing::warn!(queue = %name, error = %fault, "the queue for replies could not be made");
            let retry = self
                .own
                .lock()
                .not_made(fault, sqs.clock().now(), sqs.random());
            self.own.changed.notify_waiters();
            let Some(retry) = retry else { return };
            self.number = retry.number;
            sqs.clock().sleep(retry.after).await;
            if !self.own.lock().is_making(self.number) {
                // Nobody wants it any more.
                return;
            }
        }
    }

    async fn made(&self, url: &HostQueueUrl) {
        let own = &self.own;
        let clock = own.queues.sqs().clock();
        let now = clock.now();
        // An error means that the requester was shut down meanwhile, or that its runtime has ended.
        let wanted = own
            .queues
            .new_host(url, now)
            .is_ok_and(|host| own.lock().made(host, now + own.spec.settling).is_ok());
        own.changed.notify_waiters();
        if wanted {
            tracing::debug!(host = %url, "made the queue for replies");
        } else if let Err(fault) =
            calls::delete(own.queues.sqs(), url, clock.now() + DELETION).await
        {
            tracing::warn!(host = %url, error = %fault, "an unwanted queue for replies was left behind");
        }
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        self.own.lock().abandoned(self.number);
        self.own.changed.notify_waiters();
    }
}
