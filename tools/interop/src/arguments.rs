//! The arguments of the command.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum as _;

use crate::install::Piece;

/// A part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// The contract suite of local-sqs on third-party servers
    Contract,
    /// The contract suite of virtual queues, through all its interfaces, on the same servers
    VirtualQueues,
    /// The AWS CLI and boto3, in both protocols, on local-sqs
    AwsCli,
    /// The AWS SDK for Java and the Java Temporary Queue Client, on local-sqs and with this project
    Java,
}

/// Install third-party software and test this project with it
#[derive(Debug, PartialEq, Eq, clap::Parser)]
#[command(name = "cargo xtask interop")]
pub(crate) struct Arguments {
    /// Parts to run [default: all]
    #[arg(value_enum, value_name = "PART")]
    parts: Vec<Part>,
    /// Skip checks that wait for longer than this; 310s skips none
    #[arg(long, value_name = "TIME", default_value = "65s", value_parser = humantime::parse_duration)]
    pub(crate) longest: Duration,
    /// Write the table of disagreements to docs/interop.md without running a part
    #[arg(long)]
    pub(crate) write_docs: bool,
}

impl Part {
    pub(crate) const ALL: [Self; 4] = [
        Self::Contract,
        Self::VirtualQueues,
        Self::AwsCli,
        Self::Java,
    ];
}

/// The name of the part on the command line.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

impl Arguments {
    /// The software that must be installed.
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
    use clap::Parser as _;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(["interop"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn without_a_part_all_parts_run() {
        let all = parse("--longest 310s").unwrap();
        assert!(Part::ALL.into_iter().all(|part| all.wants(part)));
        assert_eq!(all.longest, Duration::from_secs(310));
        let one = parse("java").unwrap();
        assert!(one.wants(Part::Java) && !one.wants(Part::Contract));
        for part in Part::ALL {
            assert!(parse(&part.to_string()).unwrap().wants(part));
        }
    }

    #[test]
    fn unknown_arguments_are_refused() {
        for line in [
            "jaav",
            "--longest",
            "--longest soon",
            "--longest 310",
            "--shortest 3",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
