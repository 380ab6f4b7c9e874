//! A door for `benches/` to the pure cores of this module, which are private. No part of the API.

use std::collections::VecDeque;
use std::time::Duration;

use super::routing::Deadlines;
use crate::sqs::Moment;

const TIME_OUT: Duration = Duration::from_secs(30);
/// Between two requests.
const APART: Duration = Duration::from_micros(30);

/// A deadline is added, and that of a request which was answered meanwhile is taken out, beside so many others. `prompt`: it is
/// one of the last ten; otherwise they end in no order at all.
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
            // A prime step comes past all of them, and to no neighbour of the one before.
            at = (at + 104_729) % pending.len();
            Some(std::mem::replace(&mut pending[at], added))
        };
        if let Some(answered) = answered {
            deadlines.remove(answered);
        }
    }
}
