//! Hosts that are made on demand, and deleted even if the process that made them was killed.
//!
//! Owns: when a host is made, kept, given up and deleted, and the watch over other processes' hosts. Does not own: what
//! a virtual queue does (the multiplexer). `docs/leases.md` has the protocol and its proof.
//!
//! **Invariant:** an owner never uses a host after anybody else may delete it, and no queue is deleted that is not a host
//! of this very prefix whose lease is over.
//!
//! | file | question |
//! |---|---|
//! | `lease/` | when is a lease renewed, and when is it over? (pure) |
//! | `ring/` | who looks after whose hosts, and which are dead? (pure) |
//! | `model/` | what do thousands of owners cost? (tests in virtual time) |
//! | `machine` | which host is used? (pure) |
//! | `pool`, `held`, `watcher` | the tasks: one makes a host, one keeps each, one walks the ring |
//! | `process`, `calls` | what they share, and what they call |
//! | `queues`, `options`, `attributes`, `error` | the public face |
//! | `sweep` | the walk over a whole prefix, by hand |

mod attributes;
mod calls;
mod error;
mod held;
#[cfg(feature = "hot-paths")]
pub(crate) mod hot_paths;
mod lease;
mod machine;
#[cfg(test)]
mod model;
mod options;
mod pool;
mod process;
mod queues;
mod ring;
mod sweep;
mod watcher;

pub use attributes::InvalidAttribute;
pub use error::TemporaryError;
pub use lease::{JavaLease, Lease, Stamp, Tag};
pub use options::TemporaryQueuesBuilder;
pub use queues::{CreateTemporary, TemporaryQueues, TemporaryReport};
pub use ring::{Doubt, Verdict};
pub use sweep::{Examined, Sweep};
