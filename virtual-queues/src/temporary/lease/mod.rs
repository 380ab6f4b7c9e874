//! The lease of one host: what the tag says, when it is renewed, and when the owner must let go.
//!
//! Owns: the text of the tags ([`Tag`]), the owner's [`Claim`] (when to renew, when to give up) and the
//! retention that grows under throttling ([`Retention`]). Does not own: the calls, nor what others make of a lease,
//! which is the ring's.
//!
//! **Invariant:** an owner has given its host up before anybody who reads its tags may call it dead. All of it is pure:
//! it takes the time and says what to do.

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
