//! What is logged, to stderr.

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Our crates in detail, everybody else's warnings.
const VERBOSE: &str = "warn,sqs_rpc=debug,sqs_requester=debug,sqs_responder=debug,sqs_virtual_queues=debug,local_sqs=debug";

/// `RUST_LOG` wins; without it, warnings only unless `verbose`.
pub(crate) fn start(verbose: bool) -> Result<(), Failure> {
    let given = std::env::var_os(EnvFilter::DEFAULT_ENV).filter(|text| !text.is_empty());
    let filter = match given {
        Some(text) => text.to_str().and_then(|text| EnvFilter::try_new(text).ok()).ok_or_else(|| {
            Failure::usage(format!(
                "expected what to log in RUST_LOG, such as info or warn,sqs_rpc=debug, found {text:?}"
            ))
        })?,
        None => EnvFilter::new(if verbose { VERBOSE } else { "warn" }),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Said on stderr, too: that would panic if a terminal that is gone is the reason.
        .log_internal_errors(false)
        .init();
    Ok(())
}
