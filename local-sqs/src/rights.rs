//! Who may do what, if anybody asks.
//!
//! Owns the access keys and what each allows. With no keys everybody may do everything in their own account, and no
//! signature is looked at. Invariant: with keys, a request has no effect unless its signature is right and a rule allows it.

mod key;
mod signature;

pub use key::AccessKey;

use crate::engine::{Caller, Error, ErrorKind, Request};
use crate::wire::Incoming;
use signature::Credential;
use std::collections::HashMap;
use std::sync::Arc;

/// The access keys, and who everybody is, unless a request says otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Rights {
    pub(crate) account: Arc<str>,
    pub(crate) region: Arc<str>,
    pub(crate) principal: Arc<str>,
    pub(crate) keys: HashMap<String, AccessKey>,
}

impl Rights {
    /// Who sent this request.
    pub(crate) fn caller(&self, incoming: &Incoming<'_>) -> Result<Caller, Error> {
        let credential = (incoming.header)("authorization").and_then(Credential::parse);
        let key_id = credential.map(|credential| credential.key_id);
        let (account, principal) = if self.keys.is_empty() {
            // As other local servers have it: an access key that is an account's number is that account's.
            let account =
                key_id.filter(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()));
            (
                account.map_or_else(|| self.account.clone(), Into::into),
                self.principal.clone(),
            )
        } else {
            let credential = credential.ok_or_else(unsigned)?;
            let key = self.keys.get(credential.key_id).ok_or_else(unknown)?;
            if !credential.signs(incoming, key.secret()) {
                return Err(mismatch());
            }
            (key.account_or(&self.account), credential.key_id.into())
        };
        let region = credential
            .map(|credential| credential.region)
            .filter(|region| !region.is_empty());
        Ok(Caller {
            account,
            region: region.map_or_else(|| self.region.clone(), Into::into),
            origin: incoming.origin.as_str().into(),
            principal,
        })
    }

    /// Whether the caller's key allows the request. What the queue's own policy says is the engine's.
    pub(crate) fn check(&self, caller: &Caller, request: &Request) -> Result<(), Error> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let resource = request.resource();
        let key = self.keys.get(&*caller.principal);
        let allowed = |action| key.is_some_and(|key| key.allows(action, &resource));
        let Some(denied) = request.rights().find(|action| !allowed(*action)) else {
            return Ok(());
        };
        let Caller {
            region, account, ..
        } = caller;
        let arn = format!("arn:aws:sqs:{region}:{account}:{resource}");
        // There is no right to a batch: it is that to its messages.
        let right = denied.name().trim_end_matches("Batch");
        Err(Error::access_denied(caller, right, &arn))
    }
}

fn unsigned() -> Error {
    Error::new(
        ErrorKind::MissingAuthenticationToken,
        "The request must contain either a valid (registered) AWS access key ID or X.509 certificate.",
    )
}

fn unknown() -> Error {
    Error::new(
        ErrorKind::InvalidClientTokenId,
        "The security token included in the request is invalid.",
    )
}

fn mismatch() -> Error {
    Error::new(
        ErrorKind::SignatureDoesNotMatch,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method.",
    )
}
