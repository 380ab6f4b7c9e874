//! Hosts that are created on demand, and deleted even if the process that created them was killed.
//!
//! Owns: when a host is created, kept, given up and deleted, and the watch over other processes' hosts. Does not own: the
//! behavior of virtual queues (the multiplexer). `docs/leases.md` has the protocol and its proof.
//!
//! **Invariant:** an owner stops using a host before any other process may delete the host. A queue is deleted only if it
//! is a host of exactly this prefix and its lease has expired.
//!
//! | file | question |
//! |---|---|
//! | `lease/` | when is a lease renewed, and when has it expired? (pure) |
//! | `ring/` | which process watches which hosts, and which hosts are dead? (pure) |
//! | `model/` | what do thousands of owners cost? (tests in virtual time) |
//! | `choose_host` | which host is used? (pure) |
//! | `create_host`, `keep_host`, `watch_ring` | the tasks: one creates a host, one per host keeps it, one walks the ring |
//! | `process`, `pool`, `held_host`, `host_calls` | the state that the tasks share, and the calls that they make |
//! | `queues`, `options`, `attributes`, `error` | the public API |
//! | `sweep` | the walk over a whole prefix, started by a person |
//! | `drop_in` | how a stock SDK client creates a temporary queue (feature `drop-in`) |

mod attributes;
mod choose_host;
mod create_host;
#[cfg(feature = "drop-in")]
mod drop_in;
mod error;
mod held_host;
mod host_calls;
mod keep_host;
mod lease;
#[cfg(test)]
mod model;
mod options;
mod pool;
mod process;
mod queues;
mod ring;
mod sweep;
mod watch_ring;

pub use attributes::InvalidAttribute;
pub use error::TemporaryError;
pub use lease::{JavaLease, Lease, Stamp, Tag};
pub use options::TemporaryQueuesBuilder;
pub use queues::{CreateTemporary, TemporaryQueues, TemporaryReport};
pub use ring::{Doubt, Verdict};
pub use sweep::{Examined, Sweep};
