//! Send a request through Amazon SQS and await its reply.
