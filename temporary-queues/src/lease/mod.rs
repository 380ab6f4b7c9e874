//! The lease of one host: the text in its tags, when it is renewed, and when the owner must give the host up.
//!
//! Owns: the text of the tags ([`Tag`]), the owner's [`Claim`] (when to renew, when to give up) and the
//! retention that grows under throttling ([`Retention`]). Does not own: the calls, and the verdicts of other processes
//! (the ring).
//!
//! **Invariant:** an owner gives its host up before any reader of its tags may judge the host dead. All of it is pure: the
//! time is an argument, and the return value is what to do.

mod claim;
mod fence;
mod heartbeat;
mod retention;
mod tag;

pub(crate) use self::claim::{Claim, Renewed};
pub(crate) use self::fence::{Reading, Renewal, Standing};
pub(crate) use self::retention::Retention;
pub use self::tag::{JavaLease, Lease, Stamp, Tag};
pub(crate) use self::tag::{RETENTION, is_lease_tag, keys_beside, mark};
