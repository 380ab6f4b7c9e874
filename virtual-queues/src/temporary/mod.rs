//! Hosts that are made on demand, and deleted even if the process that made them was killed.
mod lease;
mod ring;
