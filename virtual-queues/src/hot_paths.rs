//! Gives `benches/` access to private pure cores. Not part of the API.

pub use crate::multiplexer::hot_paths::deadline;
