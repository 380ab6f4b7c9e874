//! The `sqs-rpc` command: a local SQS, and requests and responders from a shell.
//!
//! | module | question |
//! |---|---|
//! | [`local`], [`request`], [`serve`], [`queues`], [`sweep`], [`bench`] | one command each: its options, and what it does |
//! | [`hosts`] | how is a temporary host shown? |
//! | [`connection`] | how is SQS reached? |
//! | [`usage`] | how are invalid arguments reported? |
//! | [`number`], [`time`] | which numbers and times does an option accept? |
//! | [`failure`] | how is a failure reported, and with which exit code? |
//! | [`console`] | how is text written to stdout and stderr? |
//! | [`signals`], [`logging`], [`clock`] | shared by all commands |
//!
//! **Invariant:** results go to stdout, everything else to stderr, so that a command can be used in a pipe.

mod bench;
mod clock;
mod connection;
mod console;
mod failure;
mod hosts;
mod local;
mod logging;
mod number;
mod queues;
mod request;
mod serve;
mod signals;
mod sweep;
mod time;
mod usage;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

/// Request-reply RPC over Amazon SQS
#[derive(Debug, Parser)]
#[command(name = "sqs-rpc", version, after_help = failure::EXIT_CODES)]
struct Arguments {
    /// Log to stderr in detail; RUST_LOG, if set, takes precedence
    #[arg(long, short, global = true)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Local(Box<local::Arguments>),
    Request(request::Arguments),
    Serve(serve::Arguments),
    Queues(queues::Arguments),
    Sweep(sweep::Arguments),
    #[command(subcommand)]
    Bench(bench::Command),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage::report(&error),
    };
    let json = arguments.command.json();
    let outcome = match logging::start(arguments.verbose) {
        Ok(()) => run(arguments.command).await,
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => console::report(&failure, json),
    }
}

impl Command {
    /// Whether the output is JSON for programs.
    const fn json(&self) -> bool {
        match self {
            Self::Local(arguments) => arguments.json,
            Self::Request(arguments) => arguments.json,
            Self::Serve(_) => false,
            Self::Queues(arguments) => arguments.json,
            Self::Sweep(arguments) => arguments.json,
            Self::Bench(bench::Command::Rpc(arguments)) => arguments.json,
        }
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Local(arguments) => local::run(*arguments).await,
        Command::Request(arguments) => request::run(arguments).await,
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Queues(arguments) => queues::run(arguments).await,
        Command::Sweep(arguments) => sweep::run(arguments).await,
        Command::Bench(command) => bench::run(command).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use std::collections::BTreeSet;

    #[test]
    fn the_options_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_page_about_local_lists_exactly_its_options() {
        let mut all = Arguments::command();
        all.build();
        let local = all.find_subcommand("local").unwrap();
        let longs = local.get_arguments().filter_map(|it| it.get_long());
        let options: BTreeSet<_> = longs
            .filter(|long| !["help", "verbose"].contains(long))
            .map(str::to_owned)
            .collect();
        let in_page = include_str!("../../docs/local.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `--"))
            .map(|row| row.split([' ', '`']).next().unwrap().to_owned());
        assert_eq!(in_page.collect::<BTreeSet<_>>(), options);
    }
}
