//! What the command is asked to do.

use std::fmt;
use std::time::Duration;

use crate::bench_java::Extent;

pub(crate) const USAGE: &str = "\
usage: cargo xtask interop [PART ...] [OPTION ...]

  contract          the contract suite of local-sqs against servers written by others
  virtual-queues    the contract suite of virtual queues, by all its faces, on the same servers
  aws-cli           the AWS CLI, in both protocols, and boto3 against local-sqs
  java              the AWS SDK for Java and the Java Temporary Queue Client against local-sqs, and with this project
  (none)            all of them
  bench-java        measures the Java Temporary Queue Client beside this project, and checks nothing; it needs
                    target/release/sqs-rpc, which `cargo xtask bench-java` builds first

  --longest SECONDS   leave out checks that wait for longer; default 65, 310 leaves out none
  --quick             with bench-java: a tenth of it, to see that it works; writes no documentation
  --write-docs        write the table of disagreements to docs/interop.md, and run nothing
  --help";

/// A part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Contract,
    VirtualQueues,
    AwsCli,
    Java,
}

/// What the command was given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// None: all.
    parts: Vec<Part>,
    /// Checks that wait for longer are left out.
    pub(crate) longest: Duration,
    pub(crate) write_docs: bool,
    /// Instead of the parts.
    pub(crate) bench_java: Option<Extent>,
    pub(crate) help: bool,
}

impl Part {
    pub(crate) const ALL: [Self; 4] = [
        Self::Contract,
        Self::VirtualQueues,
        Self::AwsCli,
        Self::Java,
    ];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contract => "contract",
            Self::VirtualQueues => "virtual-queues",
            Self::AwsCli => "aws-cli",
            Self::Java => "java",
        })
    }
}

impl Arguments {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            parts: Vec::new(),
            longest: Duration::from_secs(65),
            write_docs: false,
            bench_java: None,
            help: false,
        };
        let mut quick = false;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--longest" => {
                    let seconds = arguments.next().ok_or("--longest needs seconds")?;
                    let seconds = seconds
                        .parse()
                        .map_err(|_| format!("{seconds:?} are no seconds"))?;
                    parsed.longest = Duration::from_secs(seconds);
                }
                "bench-java" => parsed.bench_java = Some(Extent::Full),
                "--quick" => quick = true,
                "--write-docs" => parsed.write_docs = true,
                "--help" | "-h" => parsed.help = true,
                name => {
                    let part = Part::ALL.into_iter().find(|part| part.to_string() == name);
                    parsed
                        .parts
                        .push(part.ok_or_else(|| format!("there is no part {name:?}"))?);
                }
            }
        }
        match &mut parsed.bench_java {
            Some(_) if !parsed.parts.is_empty() => {
                return Err("bench-java runs by itself".to_owned());
            }
            Some(extent) if quick => *extent = Extent::Quick,
            None if quick => return Err("--quick is for bench-java".to_owned()),
            _ => {}
        }
        Ok(parsed)
    }

    pub(crate) fn wants(&self, part: Part) -> bool {
        self.bench_java.is_none() && (self.parts.is_empty() || self.parts.contains(&part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn without_a_part_all_are_wanted() {
        let all = parse("--longest 310").unwrap();
        assert!(Part::ALL.into_iter().all(|part| all.wants(part)));
        assert_eq!(all.longest, Duration::from_secs(310));
        let one = parse("java").unwrap();
        assert!(one.wants(Part::Java) && !one.wants(Part::Contract));
    }

    #[test]
    fn a_measurement_is_no_check() {
        let quick = parse("bench-java --quick").unwrap();
        assert_eq!(quick.bench_java, Some(Extent::Quick));
        assert_eq!(parse("bench-java").unwrap().bench_java, Some(Extent::Full));
        assert!(Part::ALL.into_iter().all(|part| !quick.wants(part)));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for line in [
            "jaav",
            "--quick",
            "java bench-java",
            "--longest",
            "--longest soon",
            "--shortest 3",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
