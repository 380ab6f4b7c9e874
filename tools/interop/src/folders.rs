//! The folders of the sources, the built programs and the installed software.

use std::path::{Path, PathBuf};

/// The folders that are used.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The folder of this package.
    pub(crate) sources: PathBuf,
    /// Cargo's target folder; git ignores it.
    pub(crate) target: PathBuf,
    /// The folder for installed software, below `target`.
    pub(crate) installed: PathBuf,
}

impl Folders {
    /// The folders of the workspace that this program was built in.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "the folders are found, not default values"
    )]
    pub fn new() -> Self {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = sources.ancestors().nth(2).unwrap_or(sources);
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |folder| root.join(folder));
        Self {
            sources: sources.to_owned(),
            installed: target.join("interop"),
            target,
        }
    }

    /// The root folder of the workspace.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.sources.join("../..")
    }

    /// An example of this workspace, built without optimization.
    pub(crate) fn example(&self, name: &str) -> PathBuf {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.target.join("debug/examples").join(file)
    }

    /// A program of this workspace, built in release mode.
    #[must_use]
    pub fn release(&self, name: &str) -> PathBuf {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.target.join("release").join(file)
    }

    /// A file that a run keeps for later runs.
    #[must_use]
    pub fn kept(&self, name: &str) -> PathBuf {
        self.installed.join(name)
    }

    pub(crate) fn docs(&self) -> PathBuf {
        self.sources.join("../../docs/interop.md")
    }
}
