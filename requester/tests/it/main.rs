//! The requester against an SQS in this process, with responders made of plain SDK calls.

mod bad_input;
mod cancel;
mod deadlines;
mod double;
mod echo;
mod host;
mod replies;
mod runtimes;
mod secrets;
mod services;
mod shutdown;
mod support;
