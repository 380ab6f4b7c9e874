//! Every order of events around one host, tried one after the other.
//!
//! All that a host's users and its driver share is behind one lock, so two orders of events differ only in who comes
//! first to an await point or to that lock. The explorer polls the real futures by hand. At each await point it chooses
//! who goes on, who is dropped, and what happens outside (an answer of SQS, time, an operation); and before each lock
//! it may let another one go first, as another thread would. It goes through all choices, depth first, and runs the
//! scenario from its beginning for each. Nothing is random: a failure prints its steps.
//!
//! See `docs/adr/0007-races-are-explored-by-hand.md`.

mod explorer;
mod scenarios;
mod world;

pub(super) use explorer::may_be_preempted;
