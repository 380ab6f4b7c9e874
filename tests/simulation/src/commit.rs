//! Seeds that belong to a commit.
//!
//! Each commit has others, so that nobody has run them before; and whoever runs the same commit again gets the same, so
//! that a failure is not gone when somebody looks.

use std::process::Command;

/// Seeds below are run again and again.
const FRESH: u64 = 1_000_000_000;

/// The first seed of the commit that is checked out. Where git tells none, as in an archive of the source, it is always the
/// same, and that is said.
pub(crate) fn first_seed() -> u64 {
    of_commit().unwrap_or_else(|why| {
        println!("{why}; the seeds from {FRESH} on, then");
        FRESH
    })
}

fn of_commit() -> Result<u64, String> {
    let git = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| format!("git, which tells the commit, cannot be run: {error}"))?;
    if !git.status.success() {
        let why = String::from_utf8_lossy(&git.stderr);
        return Err(format!("git does not tell the commit: {}", why.trim()));
    }
    first_seed_of(&String::from_utf8_lossy(&git.stdout))
}

/// Far from the seeds that people begin with, and far from those of any other commit.
fn first_seed_of(commit: &str) -> Result<u64, String> {
    let bits = commit
        .get(..12)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    bits.map(|bits| bits + FRESH)
        .ok_or_else(|| format!("{commit:?} is no commit"))
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
            assert!(first_seed_of(none).unwrap_err().contains("is no commit"));
        }
    }
}
