//! Runs the command: installs the software, then runs each part.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;

use crate::arguments::{Arguments, Part};
use crate::{Failure, Folders, aws_cli, contract, install, java, table, virtual_queues};

/// Runs the command with the arguments of this process.
pub async fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let watch = Instant::now();
    match carry_out(&arguments, &Folders::new()).await {
        Ok(()) => {
            println!("\ninterop: passed, took {}", seconds(watch));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("\ninterop: FAILED after {}: {failure}", seconds(watch));
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(arguments: &Arguments, folders: &Folders) -> Result<(), Failure> {
    if arguments.write_docs {
        return table::write_docs(folders);
    }
    let watch = Instant::now();
    let installed = install::all(&arguments.pieces(), folders).await?;
    println!("installed: {}", seconds(watch));
    let mut failures = Vec::new();
    for part in Part::ALL {
        if !arguments.wants(part) {
            continue;
        }
        println!("\n== {part}");
        let watch = Instant::now();
        let outcome = match part {
            Part::Contract => contract::run(arguments, folders, &installed).await,
            Part::VirtualQueues => virtual_queues::run(folders, &installed).await,
            Part::AwsCli => aws_cli::run(folders, &installed).await,
            Part::Java => java::run(folders, &installed).await,
        };
        println!("{part}: {}", seconds(watch));
        if let Err(failure) = outcome {
            eprintln!("{part}: {failure}");
            failures.push(part.to_string());
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join(", "))
    }
}

fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}
