//! Gives `benches/` access to this module's private pure cores. Not part of the API.

use std::collections::VecDeque;
use std::time::Duration;

use sqs_rpc_transport::Moment;

use super::routing::Deadlines;

const TIME_OUT: Duration = Duration::from_secs(30);
/// The time between two requests.
const APART: Duration = Duration::from_micros(30);

/// Adds a deadline, and removes the deadline of a request that was answered meanwhile, beside this number of others.
/// With `prompt` the removed deadline is one of the last ten; otherwise deadlines are removed in scattered order.
pub fn deadline(others: usize, prompt: bool) -> impl FnMut() {
    let mut deadlines = Deadlines::new();
    let mut now = Moment::default();
    let mut add = move |deadlines: &mut Deadlines<()>| {
        now += APART;
        deadlines.add(now + TIME_OUT, ())
    };
    let pending: Vec<_> = (0..others).map(|_| add(&mut deadlines)).collect();
    let last: VecDeque<_> = (0..10).map(|_| add(&mut deadlines)).collect();
    let (mut pending, mut last, mut at) = (pending, last, 0);
    move || {
        let added = add(&mut deadlines);
        let answered = if prompt {
            last.push_back(added);
            last.pop_front()
        } else {
            // Steps by a prime, so that all entries are visited and consecutive ones are not neighbors.
            at = (at + 104_729) % pending.len();
            Some(std::mem::replace(&mut pending[at], added))
        };
        if let Some(answered) = answered {
            deadlines.remove(answered);
        }
    }
}
