//! What sqs-rpc puts on the wire: names, queue URLs, the header, deadlines, error codes.
