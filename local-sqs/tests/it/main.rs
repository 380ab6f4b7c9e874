//! Tests with an unmodified client of the AWS SDK, in process and over HTTP.

mod basics;
mod behaviour;
mod contract;
mod long_polls;
mod query;
mod query_client;
mod rights;
mod server;
mod support;
