//! A door for `benches/` to pure cores, which are private. No part of the API.

pub use crate::multiplexer::hot_paths::deadline;
pub use crate::temporary::hot_paths::{claim, walk};
