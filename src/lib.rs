//! Request-reply RPC and temporary virtual queues over Amazon SQS.
