//! The contract suite: checks that a server behaves like SQS, as functions that take a client of the AWS SDK.
//!
//! Owns a table of checks, [`CHECKS`]. Each check creates its own queues and sees only the answers of the server. A
//! check asks for no more than SQS promises: it waits for a message that may be late, and accepts both the old and the
//! new name of an error. This crate runs all checks against itself; they can run against any server, including the real
//! SQS.
//!
//! # Examples
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use local_sqs::LocalSqs;
//! use local_sqs::contract::{CHECKS, Subject};
//!
//! let subject = Subject::new(LocalSqs::start().client(), "contract");
//! for check in CHECKS {
//!     if let Err(disagreement) = check.run(&subject).await {
//!         panic!("{}: {disagreement}", check.name);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod acknowledge;
mod attributes;
mod batches;
mod contents;
mod dead_letters;
mod fifo;
mod long_polls;
mod moves;
mod permissions;
mod queues;
mod receive;
mod recorded;
mod strict;
mod subject;
mod tags;

pub use subject::{Disagreement, Subject};

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A check of one behavior.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Check {
    /// The group and the behaviour, for example `queues::url_is_found_by_name`.
    pub name: &'static str,
    /// How long the check waits for the server's clock, approximately; zero if it does not wait.
    pub waits: Duration,
    run: for<'a> fn(&'a Subject) -> Running<'a>,
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Disagreement>> + Send + 'a>>;

impl Check {
    /// Runs the check on the subject, and deletes the queues that the check created.
    ///
    /// # Errors
    ///
    /// [`Disagreement`] with the behavior that was seen instead.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the queues of the check remain.
    pub async fn run(&self, subject: &Subject) -> Result<(), Disagreement> {
        let subject = subject.part();
        let seen = (self.run)(&subject).await;
        subject.clean_up().await;
        seen
    }
}

macro_rules! checks {
    ($($group:ident { $($check:ident $(waits $seconds:literal)?,)* })*) => {
        /// All checks. On a server with real time, it is reasonable to run only checks that wait for less than 3 s.
        pub const CHECKS: &[Check] = &[
            $($(Check {
                name: concat!(stringify!($group), "::", stringify!($check)),
                waits: Duration::from_secs(0 $(+ $seconds)?),
                run: |subject| Box::pin($group::$check(subject)),
            },)*)*
        ];
    };
}

checks! {
    queues {
        create_answers_a_url_that_can_be_used,
        create_again_with_equal_attributes_answers_the_same_url,
        create_again_with_other_attributes_is_refused,
        create_checks_the_name,
        create_checks_attributes,
        create_takes_tags,
        url_is_found_by_name,
        url_of_no_queue_is_refused,
        list_is_filtered_by_prefix,
        list_gives_a_token_only_if_a_page_size_is_asked_for,
        list_checks_the_page_size,
        deleted_queue_is_gone,
        deleted_name_rests_for_a_minute waits 61,
        queue_of_no_such_url_is_refused,
        purge_deletes_everything,
        purge_rests_for_a_minute waits 61,
    }
    attributes {
        defaults_are_those_of_the_reference,
        some_are_asked_for_by_name,
        unknown_names_are_refused,
        set_changes_what_is_shown,
        set_checks_ranges,
        counts_follow_the_messages,
        policies_are_kept_and_taken_away,
        encryption_is_kept,
        redrive_needs_a_queue_that_exists,
        redrive_takes_a_count_as_text,
    }
    tags {
        tags_are_added_overwritten_and_taken_away,
        keys_are_checked,
    }
    contents {
        answer_has_the_digests,
        attributes_come_back_as_they_were_sent,
        binary_attributes_come_back_as_they_were_sent,
        whitespace_and_unicode_come_back_as_they_were_sent,
        forbidden_characters_are_refused,
        empty_body_is_refused,
        ten_attributes_are_taken_and_eleven_refused,
        bad_attributes_are_refused,
        longest_message_is_taken_and_a_longer_one_refused,
        attributes_count_for_the_length,
        a_queue_may_allow_less,
        delay_is_checked,
        trace_header_comes_back,
        group_on_a_standard_queue_comes_back,
        deduplication_id_on_a_standard_queue_is_refused,
    }
    receive {
        parameters_are_checked,
        most_ten_messages_come_at_once,
        received_message_is_hidden,
        system_attributes_are_those_asked_for,
        attributes_are_filtered_by_name_and_prefix,
        visibility_ends waits 1,
        visibility_zero_hides_nothing,
        delayed_message_comes_later waits 1,
        delay_of_the_queue_is_the_default waits 1,
        count_and_first_time_are_kept waits 1,
        retention_ends_a_message waits 62,
    }
    long_polls {
        poll_waits_for_a_message waits 1,
        empty_poll_waits_its_time waits 1,
        queue_says_how_long_to_wait waits 1,
        visibility_that_ends_wakes_a_poll waits 1,
        delay_that_ends_wakes_a_poll waits 1,
        deletion_ends_a_poll waits 1,
    }
    acknowledge {
        deleted_message_does_not_come_again waits 1,
        message_can_be_deleted_twice,
        stale_handle_deletes_nothing,
        handle_of_another_queue_is_refused,
        nonsense_is_no_handle,
        visibility_is_extended waits 2,
        visibility_zero_shows_a_message_at_once,
        visibility_is_checked,
        visibility_of_a_deleted_message_is_refused,
    }
    batches {
        each_entry_has_its_result,
        an_entry_may_fail_alone,
        empty_batch_is_refused,
        eleven_entries_are_refused,
        ids_are_distinct,
        ids_have_characters,
        batch_that_is_too_long_is_refused,
        deletes_fail_alone,
        changes_of_visibility_fail_alone,
    }
    dead_letters {
        message_received_too_often_is_moved,
        moved_message_says_where_it_came_from,
        source_queues_are_listed,
        allow_policy_keeps_strangers_out,
    }
    moves {
        dead_letters_move_back waits 2,
        task_needs_a_dead_letter_queue,
        task_of_no_queue_is_refused,
        one_task_at_a_time_which_can_be_cancelled waits 1,
    }
    permissions {
        permission_is_added_to_the_policy_and_taken_away,
        label_is_unique,
        owners_actions_cannot_be_given_away,
    }
    fifo {
        name_and_attribute_belong_together,
        messages_come_in_order,
        group_waits_for_its_message_in_flight,
        many_of_a_group_come_at_once,
        other_groups_do_not_wait,
        same_id_is_accepted_once,
        same_body_is_accepted_once_if_the_queue_says_so,
        ids_count_for_each_group_if_the_queue_says_so,
        same_id_is_accepted_again_after_five_minutes waits 301,
        group_is_needed,
        id_is_needed,
        delay_of_a_message_is_refused,
        sequence_numbers_grow,
        expired_handle_is_refused waits 1,
        attempt_can_be_repeated,
        attributes_are_shown,
    }
    recorded {
        visibility_can_be_changed_after_its_end waits 1,
        group_offers_what_is_visible_before_what_is_in_flight waits 2,
        group_hides_what_is_behind_an_extended_message waits 2,
        expired_handle_is_named waits 1,
        fifo_batch_fails_for_an_entry_without_order,
        ids_count_across_groups_after_the_scope_changes,
        fifo_attributes_of_a_standard_queue_are_named,
        type_of_a_queue_cannot_be_changed,
        entry_that_is_too_long_says_so,
        empty_text_attribute_is_named,
        star_alone_asks_for_all_attributes,
        name_is_taken_in_the_place_of_a_url,
        unknown_label_is_not_found,
        task_handles_are_checked,
    }
    strict {
        two_kinds_of_encryption_exclude_each_other,
        policy_has_to_be_one,
        dead_letter_queue_is_of_the_same_account_and_region,
        queue_is_not_its_own_dead_letter_queue,
        redrive_policy_is_shown_as_it_was_given,
    }
}
