//! A login over queues: a frontend and a backend that know only the URL of a request queue.
//!
//! ```text
//! cargo run --example login                    both halves, on a local SQS in this process
//! cargo run --example login -- --help          one half, on `sqs-rpc local` or on AWS
//! ```

#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "the modules of an example are its own"
)]

mod arguments;
mod backend;
mod demo;
mod frontend;
mod messages;
mod users;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use arguments::{Arguments, Role};
use clap::Parser;
use sqs_rpc::{Requester, Responder};
use users::Users;

const USERS: &str = include_str!("users.txt");

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    match arguments.role()? {
        Role::Both => demo::run().await?,
        Role::Backend { queue_url } => serve(arguments.client().await, &queue_url).await?,
        Role::Frontend {
            queue_url,
            user,
            password,
        } => {
            let client = arguments.client().await;
            if !log_in(client, &queue_url, &user, &password).await? {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Serves the queue until Ctrl-C is pressed.
async fn serve(
    client: aws_sdk_sqs::Client,
    queue_url: &str,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let responder = Responder::builder(client)
        .state(Users::parse(USERS)?)
        .build()?;
    println!("serving {queue_url}, Ctrl-C ends it");
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    let drained = responder
        .serve(queue_url, backend::login)
        .with_graceful_shutdown(interrupted)
        .await?;
    println!("{drained:?}");
    Ok(())
}

/// Logs in once. Returns whether the login succeeded.
async fn log_in(
    client: aws_sdk_sqs::Client,
    queue_url: &str,
    user: &str,
    password: &str,
) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let requester = Requester::builder(client).build()?;
    let outcome = frontend::log_in(&requester, queue_url, user, password).await;
    println!("{}", frontend::show(&outcome));
    // Deletes the reply queue.
    requester.shutdown(Duration::from_secs(5)).await;
    Ok(outcome.is_ok())
}
