//! What the caller is told of a command's end. Pure.

use std::process::ExitStatus;

use sqs_rpc::protocol::limits::{BodyError, check_body};
use sqs_rpc::responder::Reply;
use sqs_rpc::{ErrorCode, ReplyError};

use super::process::Finished;

/// The command exited with another code than 0, or was ended by a signal.
const FAILED: ErrorCode = ErrorCode::from_static("command.failed");
/// The command printed something that a message cannot carry.
const NOT_TEXT: ErrorCode = ErrorCode::from_static("command.not_utf8");
/// The command printed a character that a message cannot carry, such as that of a colour.
const BAD_CHARACTER: ErrorCode = ErrorCode::from_static("command.bad_character");
/// The command printed nothing, and SQS takes no empty message.
const NO_OUTPUT: ErrorCode = ErrorCode::from_static("command.no_output");

/// The reply. Nobody waits for that of a one-way request: if its command failed, the request is to stay in the queue.
pub(crate) fn to(finished: &Finished, one_way: bool) -> Result<Reply, ReplyError> {
    if !finished.status.success() {
        let ended = describe(finished.status);
        if one_way {
            return Err(ReplyError::internal(ended));
        }
        let last_line = finished.stderr.as_ref().and_then(|tail| tail.last_line());
        return Err(ReplyError::new(FAILED, last_line.unwrap_or(ended)));
    }
    match std::str::from_utf8(&finished.stdout) {
        _ if one_way => Ok(Reply::new("handled")),
        Ok(text) => match check_body(text) {
            Ok(()) => Ok(Reply::new(text)),
            Err(BodyError::Empty) => Err(ReplyError::new(
                NO_OUTPUT,
                "the command succeeded and printed nothing",
            )),
            Err(error) => Err(ReplyError::new(
                BAD_CHARACTER,
                format!("the command printed something that SQS does not take: {error}"),
            )),
        },
        Err(_) => Err(ReplyError::new(
            NOT_TEXT,
            "the command printed something that is not UTF-8",
        )),
    }
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("the command exited with code {code}"),
        None => "the command was ended by a signal".to_owned(),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    fn finished(wait_status: i32, stdout: &[u8]) -> Finished {
        Finished {
            status: ExitStatus::from_raw(wait_status),
            stdout: stdout.to_owned(),
            stderr: None,
        }
    }

    fn told(finished: &Finished) -> (String, String) {
        let error = to(finished, false).unwrap_err();
        (error.code().to_string(), error.message().to_owned())
    }

    fn pair(code: &str, message: &str) -> (String, String) {
        (code.to_owned(), message.to_owned())
    }

    #[test]
    fn what_is_printed_is_the_reply_as_it_is() {
        assert_eq!(to(&finished(0, b" a\n"), false).unwrap().body(), " a\n");
    }

    #[test]
    fn each_failure_is_told_apart() {
        let exited_with_3 = told(&finished(3 << 8, b"half"));
        assert_eq!(
            exited_with_3,
            pair("command.failed", "the command exited with code 3")
        );
        let killed = told(&finished(9, b""));
        assert_eq!(
            killed,
            pair("command.failed", "the command was ended by a signal")
        );
        assert_eq!(told(&finished(0, b"")).0, "command.no_output");
        assert_eq!(told(&finished(0, b"\xff")).0, "command.not_utf8");
        let (code, message) = told(&finished(0, b"a\x1b[31m"));
        assert_eq!(code, "command.bad_character");
        assert!(message.contains("U+001B at byte 1"), "{message}");
        assert!(to(&finished(0, b"\x1b"), true).is_ok());
    }

    #[test]
    fn a_one_way_request_needs_no_output_and_stays_if_its_command_failed() {
        assert!(to(&finished(0, b""), true).is_ok());
        assert_eq!(
            to(&finished(1 << 8, b""), true).unwrap_err().code(),
            &ErrorCode::INTERNAL
        );
    }
}
