//! What is logged, to stderr.

use tracing_subscriber::EnvFilter;

/// Our crates in detail, everybody else's warnings.
const VERBOSE: &str = "warn,sqs_rpc=debug,sqs_requester=debug,sqs_responder=debug,sqs_virtual_queues=debug,local_sqs=debug";

/// `RUST_LOG` wins; without it, warnings only unless `verbose`.
pub(crate) fn start(verbose: bool) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(if verbose { VERBOSE } else { "warn" }));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Said on stderr, too: that would panic if a terminal that is gone is the reason.
        .log_internal_errors(false)
        .init();
}
