//! `sqs-rpc bench rpc`: counts and times the cost of a request, compared with the same work in plain SDK calls.
//!
//! | module | question |
//! |---|---|
//! | `arguments` | which options are there? |
//! | `server` | which SQS is used, with real or virtual time? |
//! | `contestant` | what is measured? |
//! | `runs` | which contestant runs under which load? |
//! | `load` | how are requests sent, and how long does each take? |
//! | `calls`, `outcome` | which calls were made, and what are the figures? |
//! | `report`, `progress` | how are results and progress shown? |

mod arguments;
mod calls;
mod contestant;
mod load;
mod outcome;
mod progress;
mod report;
mod runs;
mod server;

use self::arguments::Arguments;
use self::outcome::Outcome;
use self::progress::Progress;
use self::runs::Bench;
use self::server::{Place, Server};
use crate::failure::Failure;
use crate::signals::Signals;

/// Measure what requests cost
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Rpc(Arguments),
}

pub(crate) async fn run(Command::Rpc(arguments): Command) -> Result<(), Failure> {
    let (json, what) = (arguments.json, arguments.describe());
    let outcomes = if arguments.place() == Place::Model {
        tokio::task::spawn_blocking(|| in_virtual_time(arguments))
            .await
            .map_err(Failure::other)??
    } else {
        measure(arguments).await?
    };
    if json {
        report::json(&outcomes)
    } else {
        report::table(&what, &outcomes)
    }
}

/// Runs the bench in a separate runtime with a paused clock, which jumps to the next timer.
fn in_virtual_time(arguments: Arguments) -> Result<Vec<Outcome>, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .map_err(Failure::other)?
        .block_on(measure(arguments))
}

async fn measure(arguments: Arguments) -> Result<Vec<Outcome>, Failure> {
    let mut signals = Signals::listen().map_err(Failure::other)?;
    let interrupted = || Failure::interrupted("interrupted before all runs were finished");
    let place = arguments.place();
    let server = tokio::select! {
        biased;
        () = signals.next() => return Err(interrupted()),
        server = Server::start(&place, arguments.seed) => server?,
    };
    let bench = Bench::new(server, arguments, Progress::start()?);
    let outcomes = tokio::select! {
        biased;
        () = signals.next() => Err(interrupted()),
        outcomes = bench.run() => outcomes,
    };
    bench.progress.end();
    tokio::select! {
        biased;
        () = bench.clean_up() => {}
        () = signals.next() => tracing::warn!("queues of the bench may not have been deleted"),
    }
    outcomes
}
