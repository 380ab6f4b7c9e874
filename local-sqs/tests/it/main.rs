//! The SQS of this crate as a stock client of the AWS SDK sees it, on both ways in.

mod basics;
mod behaviour;
mod contract;
mod long_polls;
mod query;
mod query_client;
mod rights;
mod server;
mod support;
