//! Authentication and authorization of requests.
//!
//! Owns the access keys and their permissions. Without keys every caller has all permissions in its own account, and
//! signatures are not checked. Invariant: with keys, a request has no effect unless its signature is correct and a rule
//! allows the request.

mod key;
mod signature;

pub use key::AccessKey;

use crate::engine::{Caller, ErrorKind, Request, SqsError};
use crate::wire::Incoming;
use signature::Credential;
use std::collections::HashMap;
use std::sync::Arc;

/// The access keys, and the default caller of requests.
#[derive(Clone, Debug)]
pub(crate) struct Rights {
    pub(crate) account: Arc<str>,
    pub(crate) region: Arc<str>,
    pub(crate) principal: Arc<str>,
    pub(crate) keys: HashMap<String, AccessKey>,
}

impl Rights {
    /// The caller of this request.
    pub(crate) fn caller(&self, incoming: &Incoming<'_>) -> Result<Caller, SqsError> {
        let credential = (incoming.header)("authorization").and_then(Credential::parse);
        let key_id = credential.map(|credential| credential.key_id);
        let (account, principal) = if self.keys.is_empty() {
            // As in other local servers: a key id with the form of an account number belongs to this account.
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

    /// Checks that the caller's key allows the request. The engine checks the queue's own policy.
    pub(crate) fn check(&self, caller: &Caller, request: &Request) -> Result<(), SqsError> {
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
        // IAM has no permissions for batch actions: the permission for the single action includes its batch.
        let right = denied.name().trim_end_matches("Batch");
        Err(SqsError::access_denied(caller, right, &arn))
    }
}

fn unsigned() -> SqsError {
    SqsError::new(
        ErrorKind::MissingAuthenticationToken,
        "The request must contain either a valid (registered) AWS access key ID or X.509 certificate.",
    )
}

fn unknown() -> SqsError {
    SqsError::new(
        ErrorKind::InvalidClientTokenId,
        "The security token included in the request is invalid.",
    )
}

fn mismatch() -> SqsError {
    SqsError::new(
        ErrorKind::SignatureDoesNotMatch,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method.",
    )
}
