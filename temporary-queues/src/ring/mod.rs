//! The ring: which process watches which hosts, and which hosts are dead.
//!
//! All hosts under a prefix, in the order of their names, form a ring. The owner of a host watches the hosts that follow,
//! up to the next host that is alive and whose owner watches, too.
//!
//! Owns: the order of the walk along the ring (`walk`), the verdict on a host ([`Verdict`]), the observations of hosts that
//! can only be watched in silence, and when and how fast to walk ([`Watch`]). Does not own: the calls.
//!
//! **Invariant:** a queue is named for deletion only if its name is exactly prefix, UUID, `-` and a number, and if it has a
//! well-formed lease that expired longer ago than every margin for doubt. All of it is pure.

mod verdict;
mod walk;
mod watch;

pub use self::verdict::{Doubt, Verdict};
pub(crate) use self::walk::Listed;
pub(crate) use self::watch::{Failure, Step, Watch, WatchOptions};
