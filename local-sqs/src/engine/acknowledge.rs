//! Calls with a receipt handle: deleting a message, and changing its visibility timeout.

use super::api::requests;
use super::error::ErrorKind;
use super::queue::QueueId;
use super::receipt::Receipt;
use super::store::MessageState;
use super::{Caller, Engine, Output, SqsError};
use std::time::Duration;

/// The maximum time that a message is hidden after its receive.
const LONGEST: Duration = Duration::from_secs(43_200);

impl Engine {
    pub(super) fn delete(
        &mut self,
        caller: &Caller,
        request: &requests::DeleteMessage,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        self.delete_received(id, request.receipt_handle.as_deref())?;
        self.settle(id);
        Ok(Output::EMPTY)
    }

    pub(super) fn change_visibility(
        &mut self,
        caller: &Caller,
        request: &requests::ChangeMessageVisibility,
    ) -> Result<Output, SqsError> {
        let id = self.find(caller, request.queue_url.as_deref())?;
        let timeout = request
            .visibility_timeout
            .ok_or_else(|| SqsError::missing("VisibilityTimeout"))?;
        self.hide_received(id, request.receipt_handle.as_deref(), timeout)?;
        self.settle(id);
        Ok(Output::EMPTY)
    }

    /// Deletes a message by the handle of its latest receive. A stale handle deletes nothing, without an error.
    pub(super) fn delete_received(
        &mut self,
        id: QueueId,
        handle: Option<&str>,
    ) -> Result<(), SqsError> {
        let receipt = self.receipt(id, handle)?;
        let queue = self.queue_mut(id)?;
        let entry = queue.store.get(receipt.message);
        let latest = entry.is_some_and(|entry| entry.generation == receipt.generation);
        let in_flight =
            entry.is_some_and(|entry| matches!(entry.state, MessageState::InFlight { .. }));
        if queue.settings.fifo && entry.is_some() && !(latest && in_flight) {
            // The text contains the handle, as recorded on Amazon.
            let handle = handle.unwrap_or_default();
            let reason = "The receipt handle has expired.";
            return Err(SqsError::invalid_value(handle, "ReceiptHandle", reason));
        }
        if latest {
            queue.store.remove(receipt.message);
        }
        Ok(())
    }

    /// Hides a message for `seconds` from now, by the handle of its latest receive.
    pub(super) fn hide_received(
        &mut self,
        id: QueueId,
        handle: Option<&str>,
        seconds: i64,
    ) -> Result<(), SqsError> {
        let now = self.now;
        let Some(timeout) = u64::try_from(seconds)
            .ok()
            .map(Duration::from_secs)
            .filter(|&it| it <= LONGEST)
        else {
            let reason = "VisibilityTimeout must be an integer between 0 and 43200";
            return Err(SqsError::invalid_value(
                seconds,
                "VisibilityTimeout",
                reason,
            ));
        };
        let receipt = self.receipt(id, handle)?;
        let store = &mut self.queue_mut(id)?.store;
        let entry = store
            .get(receipt.message)
            .filter(|entry| entry.generation == receipt.generation);
        // A message whose timeout has ended is hidden again, unless it was received again since (recorded on Amazon).
        let Some(entry) = entry else {
            return Err(SqsError::invalid(
                "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available \
                 for visibility timeout change.",
            ));
        };
        let since = entry.received;
        let until = now.plus(timeout);
        if until > since.plus(LONGEST) {
            let reason =
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
            return Err(SqsError::invalid_value(
                seconds,
                "VisibilityTimeout",
                reason,
            ));
        }
        store.hide_until(receipt.message, now, until);
        Ok(())
    }

    fn receipt(&self, id: QueueId, handle: Option<&str>) -> Result<Receipt, SqsError> {
        let handle = handle
            .filter(|handle| !handle.is_empty())
            .ok_or_else(|| SqsError::missing("ReceiptHandle"))?;
        let receipt = Receipt::decode(handle).filter(|receipt| receipt.queue == id);
        receipt.ok_or_else(|| {
            SqsError::new(
                ErrorKind::ReceiptHandleIsInvalid,
                "The input receipt handle is invalid.",
            )
        })
    }
}
