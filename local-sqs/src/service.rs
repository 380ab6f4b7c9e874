//! Answers HTTP requests of both front ends.
//!
//! The front ends are [`in_process`](crate::in_process), without a socket, and [`server`](crate::server), over HTTP. Each
//! only passes bytes between its transport and the service; both give the same answers.

use crate::driver::{Driver, Lost};
use crate::rights::Rights;
use crate::wire::{Incoming, Outgoing, Protocol};
use tokio_util::sync::CancellationToken;

/// The state that both front ends share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) driver: Driver,
    pub(crate) rights: Rights,
}

impl Service {
    /// Answers one HTTP request; `end` ends a waiting poll.
    pub(crate) async fn respond(
        &self,
        incoming: &Incoming<'_>,
        end: &CancellationToken,
    ) -> Result<Outgoing, Lost> {
        let protocol = Protocol::of(incoming);
        let (action, answer) = match protocol.decode(incoming) {
            Ok(request) => {
                let caller = self.rights.caller(incoming);
                let caller = caller.and_then(|it| self.rights.check(&it, &request).map(|()| it));
                (
                    Some(request.action()),
                    self.driver.call(caller, request, end).await?,
                )
            }
            Err(error) => (None, self.driver.refuse(error)),
        };
        Ok(protocol.encode(action, &answer))
    }
}
