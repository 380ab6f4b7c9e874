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
        create_returns_a_usable_url,
        create_with_equal_attributes_returns_the_same_url,
        create_with_other_attributes_is_refused,
        create_checks_the_name,
        create_checks_attributes,
        create_accepts_tags,
        url_is_found_by_name,
        url_of_an_unknown_name_is_refused,
        list_is_filtered_by_prefix,
        list_returns_a_token_only_with_a_page_size,
        list_checks_the_page_size,
        deleted_queue_is_gone,
        deleted_name_cannot_be_used_for_a_minute waits 61,
        unknown_queue_url_is_refused,
        purge_deletes_everything,
        second_purge_within_a_minute_is_refused waits 61,
    }
    attributes {
        defaults_are_those_of_the_reference,
        attributes_are_selected_by_name,
        unknown_names_are_refused,
        set_changes_returned_values,
        set_checks_ranges,
        counts_follow_the_messages,
        policies_are_stored_and_removed,
        encryption_is_stored,
        redrive_needs_an_existing_queue,
        redrive_accepts_a_count_as_text,
    }
    tags {
        tags_are_added_overwritten_and_removed,
        keys_are_checked,
    }
    contents {
        answer_has_the_digests,
        attributes_are_received_as_sent,
        binary_attributes_are_received_as_sent,
        whitespace_and_unicode_are_received_as_sent,
        forbidden_characters_are_refused,
        empty_body_is_refused,
        ten_attributes_are_accepted_and_eleven_refused,
        bad_attributes_are_refused,
        longest_message_is_accepted_and_a_longer_one_refused,
        attributes_count_toward_the_length,
        maximum_message_size_is_enforced,
        delay_is_checked,
        trace_header_is_received,
        group_on_a_standard_queue_is_received,
        deduplication_id_on_a_standard_queue_is_refused,
    }
    receive {
        parameters_are_checked,
        at_most_ten_messages_are_received,
        received_message_is_hidden,
        system_attributes_are_selected_by_name,
        attributes_are_filtered_by_name_and_prefix,
        visibility_ends waits 1,
        visibility_zero_hides_nothing,
        delayed_message_is_received_after_its_delay waits 1,
        delay_of_the_queue_is_the_default waits 1,
        receive_count_and_first_time_are_kept waits 1,
        retention_ends_a_message waits 62,
    }
    long_polls {
        poll_waits_for_a_message waits 1,
        empty_poll_waits_its_whole_time waits 1,
        wait_of_the_queue_is_the_default waits 1,
        end_of_a_visibility_timeout_wakes_a_poll waits 1,
        end_of_a_delay_wakes_a_poll waits 1,
        deletion_ends_a_poll waits 1,
    }
    acknowledge {
        deleted_message_is_not_received_again waits 1,
        message_can_be_deleted_twice,
        stale_handle_deletes_nothing,
        handle_of_another_queue_is_refused,
        malformed_handle_is_refused,
        visibility_is_extended waits 2,
        visibility_zero_makes_a_message_visible_at_once,
        visibility_is_checked,
        visibility_of_a_deleted_message_is_refused,
    }
    batches {
        each_entry_has_its_result,
        an_entry_may_fail_alone,
        empty_batch_is_refused,
        eleven_entries_are_refused,
        ids_are_distinct,
        characters_of_ids_are_checked,
        batch_too_large_in_total_is_refused,
        deletes_fail_alone,
        changes_of_visibility_fail_alone,
    }
    dead_letters {
        message_received_too_often_is_moved,
        moved_message_has_its_source_queue,
        source_queues_are_listed,
        allow_policy_restricts_source_queues,
    }
    moves {
        dead_letters_are_moved_back waits 2,
        task_needs_a_dead_letter_queue,
        task_of_an_unknown_queue_is_refused,
        one_task_runs_and_can_be_cancelled_once waits 1,
    }
    permissions {
        permission_is_added_to_the_policy_and_removed,
        label_is_unique,
        owner_only_actions_cannot_be_allowed,
    }
    fifo {
        fifo_suffix_and_attribute_require_each_other,
        messages_are_received_in_order,
        group_waits_for_its_message_in_flight,
        a_receive_returns_many_messages_of_a_group,
        other_groups_do_not_wait,
        same_id_is_accepted_once,
        same_body_is_accepted_once_with_content_based_deduplication,
        ids_count_per_group_with_group_scope,
        same_id_is_accepted_again_after_five_minutes waits 301,
        group_is_needed,
        id_is_needed,
        delay_of_a_message_is_refused,
        sequence_numbers_grow,
        expired_handle_is_refused waits 1,
        attempt_can_be_repeated,
        fifo_attributes_are_returned,
    }
    recorded {
        visibility_can_be_changed_after_its_end waits 1,
        visible_message_before_one_in_flight_is_offered waits 2,
        messages_behind_an_extended_message_are_hidden waits 2,
        error_contains_the_expired_handle waits 1,
        fifo_batch_fails_for_an_entry_without_ids,
        ids_count_across_groups_after_the_scope_changes,
        error_names_fifo_attributes_of_a_standard_queue,
        type_of_a_queue_cannot_be_changed,
        error_of_an_entry_too_long_has_its_own_text,
        error_names_an_empty_text_attribute,
        star_alone_asks_for_all_attributes,
        name_is_accepted_in_place_of_a_url,
        unknown_label_is_not_found,
        task_handles_are_checked,
    }
    strict {
        two_kinds_of_encryption_exclude_each_other,
        policy_must_be_valid,
        dead_letter_queue_has_the_same_account_and_region,
        queue_is_not_its_own_dead_letter_queue,
        redrive_policy_is_returned_as_given,
    }
}
