//! Makes the reply from a finished command. Pure.

use std::process::ExitStatus;

use sqs_rpc::protocol::limits::{BodyError, check_body};
use sqs_rpc::responder::Reply;
use sqs_rpc::{ErrorCode, ReplyError};

use super::process::Finished;

/// The command exited with a code other than 0, or a signal killed it.
const FAILED: ErrorCode = ErrorCode::from_static("command.failed");
/// The command printed bytes that are not UTF-8.
const NOT_TEXT: ErrorCode = ErrorCode::from_static("command.not_utf8");
/// The command printed a character that SQS does not accept, for example in a color code.
const BAD_CHARACTER: ErrorCode = ErrorCode::from_static("command.bad_character");
/// The command printed nothing, and SQS accepts no empty message.
const NO_OUTPUT: ErrorCode = ErrorCode::from_static("command.no_output");

/// Makes the reply. A one-way request has no caller that waits, so if its command failed, the request stays in the queue.
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
                "expected output of the command, found none",
            )),
            Err(error) => Err(ReplyError::new(
                BAD_CHARACTER,
                format!("the output of the command is not valid in SQS: {error}"),
            )),
        },
        Err(_) => Err(ReplyError::new(
            NOT_TEXT,
            "expected UTF-8 as the output of the command, found other bytes",
        )),
    }
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("the command exited with code {code}"),
        None => "the command was killed by a signal".to_owned(),
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

    fn error_of(finished: &Finished) -> (String, String) {
        let error = to(finished, false).unwrap_err();
        (error.code().to_string(), error.message().to_owned())
    }

    fn pair(code: &str, message: &str) -> (String, String) {
        (code.to_owned(), message.to_owned())
    }

    #[test]
    fn the_output_is_the_reply_unchanged() {
        assert_eq!(to(&finished(0, b" a\n"), false).unwrap().body(), " a\n");
    }

    #[test]
    fn each_failure_has_its_error_code() {
        let exited_with_3 = error_of(&finished(3 << 8, b"half"));
        assert_eq!(
            exited_with_3,
            pair("command.failed", "the command exited with code 3")
        );
        let killed = error_of(&finished(9, b""));
        assert_eq!(
            killed,
            pair("command.failed", "the command was killed by a signal")
        );
        assert_eq!(error_of(&finished(0, b"")).0, "command.no_output");
        assert_eq!(error_of(&finished(0, b"\xff")).0, "command.not_utf8");
        let (code, message) = error_of(&finished(0, b"a\x1b[31m"));
        assert_eq!(code, "command.bad_character");
        assert!(message.contains("U+001B at byte 1"), "{message}");
        assert!(to(&finished(0, b"\x1b"), true).is_ok());
    }

    #[test]
    fn a_one_way_request_stays_only_if_its_command_failed() {
        assert!(to(&finished(0, b""), true).is_ok());
        assert_eq!(
            to(&finished(1 << 8, b""), true).unwrap_err().code(),
            &ErrorCode::INTERNAL
        );
    }
}
