//! Seeds that depend on the commit.
//!
//! Each commit has other seeds, so that these were never run before. The same commit always has the same seeds, so that a
//! failure can be repeated.

use std::process::Command;

/// The lowest seed of a commit. Seeds below are run again and again.
const FRESH: u64 = 1_000_000_000;

/// The first seed of the commit that is checked out. If git does not report a commit, as in an archive of the source, this
/// is always the same seed, and a message says so.
pub(crate) fn first_seed() -> u64 {
    of_commit().unwrap_or_else(|why| {
        println!("{why}; using the seeds from {FRESH} on");
        FRESH
    })
}

fn of_commit() -> Result<u64, String> {
    let git = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| format!("cannot run git to find the commit: {error}"))?;
    if !git.status.success() {
        let why = String::from_utf8_lossy(&git.stderr);
        return Err(format!("git reports no commit: {}", why.trim()));
    }
    first_seed_of(&String::from_utf8_lossy(&git.stdout))
}

/// The first seed of a commit: far from the seeds that people choose, and from those of any other commit.
fn first_seed_of(commit: &str) -> Result<u64, String> {
    let bits = commit
        .get(..12)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    bits.map(|bits| bits + FRESH)
        .ok_or_else(|| format!("expected a commit id, found {commit:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_commit_has_seeds_of_its_own() {
        assert_eq!(first_seed_of("00000000000a5c31\n"), Ok(FRESH + 10));
        assert_ne!(
            first_seed_of("1330c08451eb87a3"),
            first_seed_of("1330c08451ec87a3")
        );
        for none in ["", "1330c08", "fatal: not a git repository"] {
            let error = first_seed_of(none).unwrap_err();
            assert!(error.contains("expected a commit id"), "{error}");
        }
    }
}
