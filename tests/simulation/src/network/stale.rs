//! Delayed effects: lists show queues as they were up to a minute ago, and a call takes effect minutes after its caller has
//! given it up.
//!
//! Invariant: a list is at most a minute stale, and shows the queues of one moment.

use local_sqs::engine::{Action, Output, Request};

use super::Network;
use super::recent::STALE;
use crate::coverage::Fault;
use crate::link::Link;

/// The maximum delay of a call, in ms: SQS refuses a signature that is older than 15 minutes.
const LAST_LANDING: u64 = 15 * 60_000 - 1_000;
/// The maximum delay of a renewal, in ms, because a clock that is 15 minutes ahead may have signed it.
const LAST_RENEWAL: u64 = 30 * 60_000 - 1_000;
/// The maximum delay of a delete, in ms. It is longer than SQS allows, because no lease limits a delete.
const LAST_DELETE: u64 = 2 * 3_600_000;
/// The maximum number of names in one answer.
const PAGE: usize = 1_000;

/// The relation of a call to lists.
pub(super) enum Listing {
    No,
    Makes(String),
    Deletes(String),
    /// Lists the queues whose names begin with this text.
    Lists(String),
}

impl Listing {
    pub(super) fn of(request: &Request) -> Self {
        match request {
            Request::CreateQueue(create) => {
                Self::Makes(create.queue_name.clone().unwrap_or_default())
            }
            Request::DeleteQueue(delete) => {
                let url = delete.queue_url.as_deref().unwrap_or_default();
                Self::Deletes(url.rsplit('/').next().unwrap_or_default().to_owned())
            }
            Request::ListQueues(list) => {
                Self::Lists(list.queue_name_prefix.clone().unwrap_or_default())
            }
            _ => Self::No,
        }
    }
}

impl Network {
    /// Records creations and deletions that took effect, and makes a list stale.
    pub(super) fn as_listed(&self, listing: &Listing, output: Output) -> Output {
        let now = self.0.time.now();
        let mut state = self.lock();
        match (listing, output) {
            (Listing::Makes(name), output) => {
                state.recent.note(now, name, true);
                output
            }
            (Listing::Deletes(name), output) => {
                state.recent.note(now, name, false);
                output
            }
            (Listing::Lists(prefix), Output::Queues(mut page)) => {
                let recent = &mut state.recent;
                let stale = recent.dice.millis(0, STALE.as_millis() as u64);
                let mut changed = false;
                // Undoes the changes back to the moment that the list shows.
                for change in recent.changes.iter().rev() {
                    if change.at + stale <= now {
                        break;
                    }
                    if !change.name.starts_with(&**prefix) {
                        continue;
                    }
                    let url = self.queue_url(&change.name);
                    let before = page.queue_urls.len();
                    page.queue_urls.retain(|other| *other != url);
                    if !change.made {
                        page.queue_urls.push(url);
                    }
                    changed |= before != page.queue_urls.len() || !change.made;
                }
                drop(state);
                page.queue_urls.truncate(PAGE);
                if changed {
                    self.0.oracle.fault(Fault::StaleList);
                }
                Output::Queues(page)
            }
            (_, output) => output,
        }
    }

    /// Lets a call take effect later, within the maximum delay of its action.
    pub(super) fn land_late(&self, link: &Link, request: Request) {
        let last = match request.action() {
            Action::DeleteQueue => LAST_DELETE,
            Action::TagQueue => LAST_RENEWAL,
            _ => LAST_LANDING,
        };
        let after = {
            let dice = &mut self.lock().recent.dice;
            let last = if dice.happens(0.5) { 120_000 } else { last };
            dice.millis(5_000, last)
        };
        let (network, link) = (self.clone(), link.clone());
        tokio::spawn(async move {
            network.0.time.sleep(after).await;
            let oracle = network.0.oracle.clone();
            oracle.note(format_args!(
                "{} of {} lands late",
                request.action(),
                link.life
            ));
            let meant = oracle.understands(&link, &request);
            let listing = Listing::of(&request);
            let result = network.carry_out(request).await;
            oracle.took_effect(&link, meant, &result);
            if let Ok(output) = result {
                network.as_listed(&listing, output);
            }
        });
    }
}
