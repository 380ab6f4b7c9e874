//! What happens to a request that was handled, as pure functions.
//!
//! Owns: the table in [`Serve`](super::Serve)'s documentation, from the handler's end on. Only decides, and acts on
//! nothing.

use sqs_rpc_protocol::ErrorCode;
use sqs_rpc_transport::mutant;

use crate::handler::Outcome;
use crate::reply::retry::Unsent;
use crate::{Reply, ReplyKey};

/// How a handler ended, or why it was not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandlerEnd {
    /// It returned a result, or a lasting error that was made for the requester.
    Done,
    /// It returned an error that was not made for the requester, a retryable error, or a result that SQS would refuse;
    /// or it panicked, or was dropped at its timeout.
    Broke,
    /// It was not called, because its arguments could not be made from the request.
    Undecodable,
    /// It was not called, because the idempotency key belongs to another request.
    Reused,
    /// It was not called, because the store failed and so it is unknown whether the request was handled.
    PutBack,
    /// It was not called, because the request is being handled elsewhere and too many duplicates wait for the reply
    /// already.
    NoRoom,
    /// It was not called, because the request was being handled elsewhere until its deadline.
    Unwanted,
}

/// What to do with the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Delete it.
    Delete,
    /// Leave it in SQS, hidden for a time that grows with each delivery.
    Leave,
    /// Leave it in SQS, hidden for a time that is short at first, because the reply that it waits for may exist soon.
    LeaveSoon,
    /// Leave it in SQS for the dead-letter queue, because it will never be handled.
    LeaveForDeadLetters,
    /// Leave it in SQS after its last delivery: SQS moves it to the dead-letter queue next.
    DeadLetter,
    /// Give it back to SQS at once, because its job was lost.
    GiveBack,
}

/// What to do with one message whose request was handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AfterHandler {
    /// Whether to send the reply.
    pub(super) answer: bool,
    pub(super) then: Then,
}

impl HandlerEnd {
    /// Classifies a handler's outcome, and makes the reply for the requester.
    pub(super) fn of(outcome: Outcome) -> (Self, Reply) {
        match outcome {
            Outcome::Reply(reply) if is_passing(&reply) => (Self::Broke, reply),
            Outcome::Reply(reply) => (Self::Done, reply),
            Outcome::Failed(error) if error.is_undecodable() => (Self::Undecodable, error.into()),
            Outcome::Failed(error) => {
                let is_hidden = *error.code() == ErrorCode::INTERNAL;
                let reply = Reply::from(error);
                let broke = is_hidden || is_passing(&reply);
                (if broke { Self::Broke } else { Self::Done }, reply)
            }
            Outcome::Expired => (
                Self::Broke,
                Reply::error(
                    ErrorCode::EXPIRED,
                    "the handler did not end within its timeout",
                ),
            ),
            Outcome::Panicked if mutant!("panic-told-as-expired") => (
                Self::Broke,
                Reply::error(
                    ErrorCode::EXPIRED,
                    "the handler did not end within its timeout",
                ),
            ),
            Outcome::Panicked => (Self::Broke, crate::ReplyError::internal("panicked").into()),
        }
    }

    /// The end of a handler whose `reply` SQS would refuse, so that an error reply is sent instead. A result becomes
    /// [`Broke`](Self::Broke). An error stays what it was, because its code is still sent.
    pub(super) fn with_unsendable(self, reply: &Reply) -> Self {
        match reply.error_code() {
            Some(_) => self,
            None => Self::Broke,
        }
    }

    /// Whether to keep the reply, and answer later messages with the same key with it, instead of handling them again.
    pub(super) fn is_lasting(self, key: &ReplyKey, one_way: bool) -> bool {
        match self {
            Self::Done => true,
            // A requester that tries again with the same idempotency key wants another outcome, not the same error.
            // Nobody got the error of a one-way request, so the request is handled again.
            Self::Broke => !one_way && !key.is_idempotency_key(),
            Self::Undecodable | Self::Reused | Self::PutBack | Self::NoRoom | Self::Unwanted => {
                false
            }
        }
    }

    /// What to do with one message that carries the request.
    ///
    /// `keep`: whether a request that cannot be decoded stays in SQS, although the error reply was sent.
    pub(super) fn verdict(
        self,
        one_way: bool,
        receive_count: Option<u32>,
        keep: bool,
    ) -> AfterHandler {
        match self {
            Self::Done => AfterHandler {
                answer: !one_way,
                then: Then::Delete,
            },
            Self::Broke if one_way => AfterHandler {
                answer: false,
                then: Then::Leave,
            },
            Self::Broke => AfterHandler {
                answer: true,
                then: Then::Delete,
            },
            Self::Reused => AfterHandler {
                answer: !one_way,
                then: if one_way { Then::Leave } else { Then::Delete },
            },
            Self::PutBack => AfterHandler {
                answer: false,
                then: Then::Leave,
            },
            Self::NoRoom => AfterHandler {
                answer: false,
                then: Then::LeaveSoon,
            },
            Self::Unwanted => AfterHandler {
                answer: false,
                then: Then::Delete,
            },
            Self::Undecodable => AfterHandler {
                answer: !one_way && (!keep || is_first(receive_count)),
                then: if one_way || keep {
                    Then::LeaveForDeadLetters
                } else {
                    Then::Delete
                },
            },
        }
    }
}

/// Whether the reply is an error that another attempt may not have.
fn is_passing(reply: &Reply) -> bool {
    reply.is_retryable() || reply.error_code() == Some(&ErrorCode::EXPIRED)
}

/// Whether this is the first delivery. The error reply for an undecodable request that stays is sent only then.
pub(super) fn is_first(receive_count: Option<u32>) -> bool {
    receive_count.is_none_or(|count| count <= 1)
}

impl Then {
    /// Whether the message stays in SQS for another delivery.
    pub(super) const fn stays(self) -> bool {
        matches!(
            self,
            Self::Leave | Self::LeaveSoon | Self::LeaveForDeadLetters
        )
    }

    /// What to do with the message instead, if the reply could not be sent. `ended` is how the handler ended.
    pub(super) fn unless(self, unsent: Unsent, ended: HandlerEnd) -> Self {
        match ended {
            HandlerEnd::Undecodable => Self::LeaveForDeadLetters,
            _ if unsent.is_final() || mutant!("deleted-though-reply-failed") => self,
            _ => Self::Leave,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IdempotencyKey, ReplyError};
    use sqs_rpc_protocol::{HostQueueUrl, SqsTime};

    fn ended(outcome: Outcome) -> HandlerEnd {
        HandlerEnd::of(outcome).0
    }

    #[test]
    fn an_error_made_for_the_requester_counts_as_done() {
        let code = ErrorCode::from_static("login.locked");
        assert_eq!(
            ended(Outcome::Failed(ReplyError::new(code, "x"))),
            HandlerEnd::Done
        );
        assert_eq!(
            ended(Outcome::Failed(ReplyError::internal("x"))),
            HandlerEnd::Broke
        );
        assert_eq!(ended(Outcome::Panicked), HandlerEnd::Broke);
        assert_eq!(
            ended(Outcome::Failed(ReplyError::undecodable("x"))),
            HandlerEnd::Undecodable
        );
    }

    #[test]
    fn an_unsendable_result_counts_as_broken_and_errors_stay() {
        let error = Reply::error(ErrorCode::from_static("login.locked"), "x");
        assert_eq!(
            HandlerEnd::Done.with_unsendable(&Reply::new("")),
            HandlerEnd::Broke
        );
        for ended in [HandlerEnd::Done, HandlerEnd::Broke, HandlerEnd::Undecodable] {
            assert_eq!(ended.with_unsendable(&error), ended);
        }
    }

    #[test]
    fn a_panic_has_the_reply_of_a_hidden_error() {
        let hidden = HandlerEnd::of(Outcome::Failed(ReplyError::internal("disk 7 is full"))).1;
        assert_eq!(HandlerEnd::of(Outcome::Panicked).1, hidden);
    }

    #[test]
    fn each_end_has_its_verdict() {
        let verdict = |ended: HandlerEnd, one_way, count| {
            let AfterHandler { answer, then } = ended.verdict(one_way, Some(count), false);
            (answer, then)
        };
        for count in [1, 5] {
            assert_eq!(
                verdict(HandlerEnd::Done, false, count),
                (true, Then::Delete)
            );
            assert_eq!(
                verdict(HandlerEnd::Done, true, count),
                (false, Then::Delete)
            );
            assert_eq!(
                verdict(HandlerEnd::Broke, false, count),
                (true, Then::Delete)
            );
            assert_eq!(
                verdict(HandlerEnd::Broke, true, count),
                (false, Then::Leave)
            );
            assert_eq!(
                verdict(HandlerEnd::Undecodable, true, count),
                (false, Then::LeaveForDeadLetters)
            );
            assert_eq!(
                verdict(HandlerEnd::Undecodable, false, count),
                (true, Then::Delete)
            );
        }
        for count in [1, 5] {
            assert_eq!(
                verdict(HandlerEnd::Reused, false, count),
                (true, Then::Delete)
            );
            assert_eq!(
                verdict(HandlerEnd::Reused, true, count),
                (false, Then::Leave)
            );
            for one_way in [false, true] {
                let put_back = verdict(HandlerEnd::PutBack, one_way, count);
                assert_eq!(put_back, (false, Then::Leave));
                let no_room = verdict(HandlerEnd::NoRoom, one_way, count);
                assert_eq!(no_room, (false, Then::LeaveSoon));
                let unwanted = verdict(HandlerEnd::Unwanted, one_way, count);
                assert_eq!(unwanted, (false, Then::Delete));
            }
        }
        for (count, answer) in [(Some(1), true), (Some(2), false), (None, true)] {
            let kept = HandlerEnd::Undecodable.verdict(false, count, true);
            let then = Then::LeaveForDeadLetters;
            assert_eq!(kept, AfterHandler { answer, then });
        }
    }

    #[test]
    fn no_reply_is_kept_if_the_request_is_handled_again() {
        let queue =
            HostQueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/q").unwrap();
        let by_message = ReplyKey::of_message(&queue, "m", SqsTime::from_millis(1));
        let key = IdempotencyKey::parse("order-1").unwrap();
        let by_key = ReplyKey::of_idempotency_key(&queue, &key, None);
        for key in [&by_message, &by_key] {
            for one_way in [false, true] {
                assert!(HandlerEnd::Done.is_lasting(key, one_way));
                for never in [
                    HandlerEnd::Undecodable,
                    HandlerEnd::Reused,
                    HandlerEnd::PutBack,
                    HandlerEnd::NoRoom,
                    HandlerEnd::Unwanted,
                ] {
                    assert!(!never.is_lasting(key, one_way), "{never:?}");
                }
            }
            assert!(!HandlerEnd::Broke.is_lasting(key, true));
        }
        assert!(HandlerEnd::Broke.is_lasting(&by_message, false));
        assert!(!HandlerEnd::Broke.is_lasting(&by_key, false));
    }

    #[test]
    fn a_retryable_error_is_not_done() {
        let busy = ErrorCode::from_static("db.busy");
        let error = |code: &ErrorCode| ReplyError::new(code.clone(), "x");
        assert_eq!(ended(Outcome::Failed(error(&busy))), HandlerEnd::Done);
        assert_eq!(
            ended(Outcome::Failed(error(&busy).retryable())),
            HandlerEnd::Broke
        );
        let reply = Reply::error(busy, "x");
        assert_eq!(ended(Outcome::Reply(reply.clone())), HandlerEnd::Done);
        assert_eq!(ended(Outcome::Reply(reply.retryable())), HandlerEnd::Broke);
        for code in [
            ErrorCode::OVERLOADED,
            ErrorCode::SHUTTING_DOWN,
            ErrorCode::EXPIRED,
        ] {
            assert_eq!(ended(Outcome::Failed(error(&code))), HandlerEnd::Broke);
        }
    }

    #[test]
    fn an_unsent_reply_keeps_the_request_only_if_redelivery_helps() {
        for unsent in [Unsent::TooLate, Unsent::NoQueue, Unsent::Refused] {
            assert_eq!(Then::Delete.unless(unsent, HandlerEnd::Done), Then::Delete);
            assert_eq!(
                Then::Delete.unless(unsent, HandlerEnd::Undecodable),
                Then::LeaveForDeadLetters
            );
        }
        for unsent in [Unsent::Denied, Unsent::Unreachable] {
            assert_eq!(Then::Delete.unless(unsent, HandlerEnd::Done), Then::Leave);
        }
    }
}
