//! The ring: who looks after whose hosts, and what is dead.
//!
//! All hosts under a prefix, in the order of their names, form a ring. The owner of a host watches those that follow
//! it, up to the next one that is alive and whose owner watches, too.
//!
//! Owns: the way along the ring (`walk`), the verdict on a host ([`Verdict`]), what was seen of hosts that can only be
//! watched in silence (`silence`), and when and how fast to walk ([`Watch`]). Does not own: the calls.
//!
//! **Invariant:** only a queue whose name is exactly prefix, UUID, `-` and a number, and that carries a well-formed
//! lease which is over by more than any doubt, is ever named for deletion. All of it is pure.

mod part;
mod silence;
mod verdict;
mod walk;
mod watch;

pub use self::verdict::{Doubt, Verdict};
pub(crate) use self::walk::Listed;
pub(crate) use self::watch::{Failure, Step, Watch, WatchOptions};
