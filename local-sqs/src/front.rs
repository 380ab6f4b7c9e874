//! The ways in: without a socket, and over HTTP.
//!
//! Each only carries bytes between its transport and the wire; both answer alike.

pub(crate) mod http;
pub(crate) mod in_process;

use crate::driver::Driver;
use crate::wire::{self, Identity, Incoming, Outgoing};
use tokio_util::sync::CancellationToken;

/// What both fronts share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) driver: Driver,
    pub(crate) identity: Identity,
}

impl Service {
    /// Answers one HTTP request; `end` ends a poll that waits.
    pub(crate) async fn respond(
        &self,
        incoming: &Incoming<'_>,
        end: &CancellationToken,
    ) -> Outgoing {
        let answer = match wire::decode(incoming) {
            Ok(request) => {
                self.driver
                    .call(&self.identity.caller(incoming), request, end)
                    .await
            }
            Err(error) => self.driver.refuse(error),
        };
        wire::encode(&answer)
    }
}
