//! Many logical queues on one Amazon SQS queue.
