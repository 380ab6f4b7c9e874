//! Serve requests that arrive on an Amazon SQS queue.
