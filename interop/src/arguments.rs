//! What the command is asked to do.

use std::fmt;
use std::time::Duration;

use crate::install::Piece;

pub(crate) const USAGE: &str = "\
usage: cargo xtask interop [PART ...] [OPTION ...]

  contract          the contract suite of local-sqs against servers written by others
  virtual-queues    the contract suite of virtual queues, by all its faces, on the same servers
  aws-cli           the AWS CLI, in both protocols, and boto3 against local-sqs
  java              the AWS SDK for Java and the Java Temporary Queue Client against local-sqs, and with this project
  (none)            all of them

  --longest SECONDS   leave out checks that wait for longer; default 65, 310 leaves out none
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
            help: false,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--longest" => {
                    let seconds = arguments.next().ok_or("--longest needs seconds")?;
                    let seconds = seconds
                        .parse()
                        .map_err(|_| format!("{seconds:?} are no seconds"))?;
                    parsed.longest = Duration::from_secs(seconds);
                }
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
        Ok(parsed)
    }

    /// What must be installed.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        let (contract, cli) = (self.wants(Part::Contract), self.wants(Part::AwsCli));
        let servers = contract || self.wants(Part::VirtualQueues);
        let wanted = [
            (servers, Piece::LocalStack),
            (servers, Piece::ElasticMq),
            (contract || cli, Piece::AwsCliJson),
            (cli, Piece::AwsCliQuery),
            (self.wants(Part::Java), Piece::JavaClient),
        ];
        let wanted = wanted.into_iter().filter(|(wanted, _)| *wanted);
        wanted.map(|(_, piece)| piece).collect()
    }

    pub(crate) fn wants(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
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
    fn what_is_not_known_is_refused() {
        for line in ["jaav", "--longest", "--longest soon", "--shortest 3"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
