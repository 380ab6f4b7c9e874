//! A general description of the machine: enough to judge a number, but without details that identify the machine.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqs_rpc_interop::Failure;
use sqs_rpc_interop::process::output;
use tokio::process::Command;

const WITHIN: Duration = Duration::from_secs(30);
const GIB_IN_KIB: u64 = 1024 * 1024;

/// A machine, and the versions of the programs that ran on it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Machine {
    /// Cores that a process may use.
    pub(crate) cores: usize,
    /// Memory in GiB, rounded up to the next power of two; `None` if the system does not report it.
    pub(crate) memory_gib: Option<u64>,
    /// Vendor and architecture of the processor.
    pub(crate) processor: String,
    /// Operating system.
    pub(crate) system: String,
    /// Names and versions of programs.
    pub(crate) versions: Vec<(String, String)>,
}

impl Machine {
    /// Describes this machine, and asks `sqs-rpc`, Java and the compiler for their versions.
    pub(crate) async fn look(sqs_rpc: &Path) -> Result<Self, Failure> {
        let java = output(Command::new("java").arg("--version"), WITHIN)
            .await
            .map_err(|failure| format!("{failure}\nA JDK, 17 or newer, is needed"))?;
        let ours = output(Command::new(sqs_rpc).arg("--version"), WITHIN).await?;
        let compiler = output(Command::new("rustc").arg("--version"), WITHIN).await?;
        let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        let versions = [
            ("sqs-rpc", first(ours.trim_start_matches("sqs-rpc "))),
            ("aws-sdk-sqs", sdk_version()),
            ("rustc", first(compiler.trim_start_matches("rustc "))),
            ("Java", first(&java)),
            ("Java Temporary Queue Client", "2.0.1".to_owned()),
            ("AWS SDK for Java", "2.20.30".to_owned()),
            ("ElasticMQ", "1.7.1".to_owned()),
        ];
        let versions = versions.map(|(name, version)| (name.to_owned(), version));
        let file = |name| std::fs::read_to_string(name).unwrap_or_default();
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory_gib(&file("/proc/meminfo")),
            processor: processor(&file("/proc/cpuinfo")),
            system: std::env::consts::OS.to_owned(),
            versions: versions.to_vec(),
        })
    }

    /// The description in one line.
    pub(crate) fn describe(&self) -> String {
        let memory = self
            .memory_gib
            .map_or_else(String::new, |gib| format!(", up to {gib} GiB of memory"));
        let Self {
            cores,
            processor,
            system,
            ..
        } = self;
        format!("{cores} cores ({processor}){memory}, {system}")
    }

    /// The programs with their versions.
    pub(crate) fn versions(&self) -> String {
        let versions = self.versions.iter();
        let each: Vec<_> = versions.map(|(name, it)| format!("{name} {it}")).collect();
        each.join(", ")
    }
}

/// The version of the SDK in this workspace's lock file.
fn sdk_version() -> String {
    const LOCK: &str = include_str!("../../../../Cargo.lock");
    let mut lines = LOCK.lines();
    lines
        .find(|line| *line == "name = \"aws-sdk-sqs\"")
        .and_then(|_| lines.next())
        .and_then(|line| line.strip_prefix("version = "))
        .map_or_else(
            || "unknown".to_owned(),
            |it| it.trim_matches('"').to_owned(),
        )
}

fn memory_gib(meminfo: &str) -> Option<u64> {
    let total = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.split_whitespace().next()?.parse().ok()?;
    Some(kib.div_ceil(GIB_IN_KIB).next_power_of_two())
}

/// Vendor and architecture. The model name would not help, and may reveal the hosting provider.
fn processor(cpuinfo: &str) -> String {
    let maker = match cpuinfo.lines().find(|line| line.starts_with("vendor_id")) {
        Some(line) if line.contains("Intel") => "Intel ",
        Some(line) if line.contains("AMD") => "AMD ",
        _ => "",
    };
    format!("{maker}{}", std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_rounded_up_and_the_processor_has_no_model() {
        assert_eq!(memory_gib("MemTotal:       25000000 kB\n"), Some(32));
        assert_eq!(memory_gib("MemTotal:       16777216 kB\n"), Some(16));
        assert_eq!(memory_gib(""), None);
        let named = processor("vendor_id : GenuineIntel\nmodel name : A B C\n");
        assert_eq!(named, format!("Intel {}", std::env::consts::ARCH));
    }

    #[test]
    fn the_lock_file_has_the_sdk() {
        assert!(sdk_version().starts_with("1."), "{}", sdk_version());
    }
}
