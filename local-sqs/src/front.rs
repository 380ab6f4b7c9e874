//! The ways in: without a socket, and over HTTP.
//!
//! Each only carries bytes between its transport and the wire; both answer alike.

pub(crate) mod http;
pub(crate) mod in_process;

use crate::driver::{Driver, Lost};
use crate::engine::{Caller, Error, Request};
use crate::rights::Rights;
use crate::wire::{Incoming, Outgoing, Protocol};
use tokio_util::sync::CancellationToken;

/// What both fronts share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) driver: Driver,
    pub(crate) rights: Rights,
}

impl Service {
    /// Answers one HTTP request; `end` ends a poll that waits.
    pub(crate) async fn respond(
        &self,
        incoming: &Incoming<'_>,
        end: &CancellationToken,
    ) -> Result<Outgoing, Lost> {
        let protocol = Protocol::of(incoming);
        let (action, answer) = match self.admit(protocol, incoming) {
            Ok((caller, request)) => {
                let action = request.action();
                (Some(action), self.driver.call(&caller, request, end).await?)
            }
            Err(error) => (None, self.driver.refuse(error)),
        };
        Ok(protocol.encode(action, &answer))
    }

    /// Who asks for what, if it may.
    fn admit(
        &self,
        protocol: Protocol,
        incoming: &Incoming<'_>,
    ) -> Result<(Caller, Request), Error> {
        let caller = self.rights.caller(incoming)?;
        let request = protocol.decode(incoming)?;
        self.rights.check(&caller, &request)?;
        Ok((caller, request))
    }
}
