//! An in-memory Amazon SQS for development and tests: in process, or over HTTP.
