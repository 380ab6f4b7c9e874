//! Tests every order of events around one host, one after the other.
//!
//! One lock protects all state that a host's users and its driver share, so two orders of events differ only in who
//! is first at an await point or at that lock. The explorer polls the real futures by hand. At each await point it
//! chooses which actor continues, which is dropped, and which external event happens (an answer of SQS, time, an
//! operation). Before each lock it may let another actor go first, as another thread would. It tries all choices,
//! depth first, and runs the scenario from its beginning for each. Nothing is random: a failure prints its steps.
//!
//! See `docs/adr/0007-races-are-explored-by-hand.md`.

mod explorer;
mod scenarios;
mod world;

pub(super) use explorer::may_be_preempted;
