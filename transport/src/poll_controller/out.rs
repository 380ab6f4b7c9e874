//! The polls in flight, and those of them that may never be answered.

use std::time::Duration;

use crate::clock::Moment;

/// A poll that began this long before SQS answered again is doubted. A later poll probably has a new connection.
const DOUBTED_FROM: Duration = Duration::from_secs(1);

/// The polls in flight.
///
/// After an outage, a poll that began before or during the outage may wait on a connection that is dead, although calls on
/// new connections succeed. Nothing distinguishes such a poll from a poll for which there is no message. So it is doubted: it does
/// not count, and another poll takes its place.
#[derive(Debug, Default)]
pub(super) struct Out {
    counted: Vec<Begun>,
    doubted: Vec<Begun>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Begun {
    at: Moment,
    size: usize,
}

impl Out {
    pub(super) fn begun(&mut self, size: usize, at: Moment) {
        self.counted.push(Begun { at, size });
    }

    /// The poll of `size` that began at `started`, or was decided on shortly before, has ended.
    pub(super) fn ended(&mut self, size: usize, started: Moment) {
        let latest = |polls: &[Begun]| {
            let matching = polls.iter().enumerate();
            let matching = matching.filter(|(_, poll)| poll.size == size && poll.at <= started);
            matching
                .max_by_key(|(_, poll)| poll.at)
                .map(|(i, poll)| (poll.at, i))
        };
        match (latest(&self.counted), latest(&self.doubted)) {
            (Some((counted, i)), doubted) if doubted.is_none_or(|(at, _)| at < counted) => {
                self.counted.swap_remove(i);
            }
            (_, Some((_, i))) => {
                self.doubted.swap_remove(i);
            }
            _ => {}
        }
    }

    /// SQS answers again after it answered nothing.
    pub(super) fn doubt(&mut self, now: Moment) {
        let old = |poll: &mut Begun| now.since(poll.at) >= DOUBTED_FROM;
        self.doubted.extend(self.counted.extract_if(.., old));
    }

    /// The number of polls that are not doubted.
    pub(super) fn counted(&self) -> usize {
        self.counted.len()
    }

    /// The sizes of the polls that are not doubted, added up.
    pub(super) fn asked(&self) -> usize {
        self.counted.iter().map(|poll| poll.size).sum()
    }

    /// The number of all polls in flight.
    pub(super) fn all(&self) -> usize {
        self.counted.len() + self.doubted.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u32) -> Moment {
        Moment::from_start(SECOND * seconds)
    }

    #[test]
    fn old_polls_are_doubted_and_found_again() {
        let mut out = Out::default();
        out.begun(10, at(0));
        out.begun(4, at(30));
        out.doubt(at(30));
        assert_eq!((out.counted(), out.asked(), out.all()), (1, 4, 2));
        out.begun(10, at(30));
        // The new poll of the same size ends first.
        out.ended(10, at(30));
        assert_eq!((out.counted(), out.asked(), out.all()), (1, 4, 2));
        out.ended(10, at(0));
        assert_eq!((out.counted(), out.asked(), out.all()), (1, 4, 1));
        out.ended(4, at(31));
        assert_eq!(out.all(), 0);
        // An unknown poll changes nothing.
        out.ended(10, at(40));
        assert_eq!(out.all(), 0);
    }
}
