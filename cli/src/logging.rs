//! Sets up logging to stderr.

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Debug messages of our crates, warnings of all others.
const VERBOSE: &str = "warn,sqs_rpc=debug,sqs_requester=debug,sqs_responder=debug,sqs_rpc_transport=debug,sqs_virtual_queues=debug,sqs_temporary_queues=debug,local_sqs=debug";

/// `RUST_LOG` takes precedence; without it only warnings are logged, unless `verbose`.
pub(crate) fn start(verbose: bool) -> Result<(), Failure> {
    let given = std::env::var_os(EnvFilter::DEFAULT_ENV).filter(|text| !text.is_empty());
    let filter = match given {
        Some(text) => text.to_str().and_then(|text| EnvFilter::try_new(text).ok()).ok_or_else(|| {
            Failure::usage(format!(
                "expected a log filter in RUST_LOG, such as info or warn,sqs_rpc=debug, found {text:?}"
            ))
        })?,
        None => EnvFilter::new(if verbose { VERBOSE } else { "warn" }),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Printing an internal error to stderr would panic if a closed terminal is its cause.
        .log_internal_errors(false)
        .init();
    Ok(())
}
