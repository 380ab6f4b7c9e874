//! How long each of the hot paths takes, by the clock: `cargo bench -p sqs-virtual-queues --bench hot_paths`.
//!
//! For work on one of them, on a quiet machine. What is checked is their number of instructions: see `instructions.rs`.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a benchmark is no library"
)]

#[allow(dead_code, reason = "shared with other benchmarks")]
mod paths;
#[allow(dead_code, reason = "shared with other benchmarks")]
mod support;

use criterion::{Criterion, criterion_group, criterion_main};

use paths::PATHS;

fn all(criterion: &mut Criterion) {
    for path in PATHS {
        let mut step = (path.prepare)();
        criterion.bench_function(path.name, |bencher| bencher.iter(&mut *step));
    }
}

criterion_group!(hot_paths, all);
criterion_main!(hot_paths);
