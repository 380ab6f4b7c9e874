//! Deadlines that were added in the order in which they are due.

use std::collections::VecDeque;

use crate::sqs::Moment;

/// Entries of a chunk. Its memory is held until all of them are gone.
const CHUNK: usize = 64;

/// A queue in which each entry has a number, by which it can be taken out. Numbers are never used again.
///
/// What is taken out leaves a hole until its chunk is empty, or the first: one live entry holds the memory of 64 at the most,
/// and half a byte for each hole behind it.
///
/// **Invariant:** entries are due in the order of their numbers; if any is left, there is one at `head`.
#[derive(Debug)]
pub(super) struct Run<T> {
    /// The number of the first entry of the first chunk.
    begin: u64,
    /// Full but for the last one, which stays even if nothing is left in it.
    chunks: VecDeque<Chunk<T>>,
    /// Where in the first chunk the first entry is that is left.
    head: usize,
    live: usize,
    /// What the last one was due at; `None` if nothing is left.
    last: Option<Moment>,
}

#[derive(Debug)]
struct Chunk<T> {
    entries: Vec<Option<(Moment, T)>>,
    live: usize,
}

impl<T> Run<T> {
    pub(super) const fn new() -> Self {
        Self {
            begin: 0,
            chunks: VecDeque::new(),
            head: 0,
            live: 0,
            last: None,
        }
    }

    /// Whether one that is due then may be put at the end.
    pub(super) fn takes(&self, at: Moment) -> bool {
        self.last.is_none_or(|last| last <= at)
    }

    pub(super) const fn last(&self) -> Option<Moment> {
        self.last
    }

    /// When the first one is due.
    pub(super) fn first(&self) -> Option<Moment> {
        let entry = self.chunks.front()?.entries.get(self.head)?;
        entry.as_ref().map(|(at, _)| *at)
    }

    /// Puts one at the end, and returns its number.
    pub(super) fn push(&mut self, at: Moment, what: T) -> u64 {
        debug_assert!(self.takes(at), "it belongs into another run");
        if self.chunks.back().is_none_or(Chunk::is_full) {
            let before = self.chunks.len().checked_sub(1);
            self.chunks.push_back(Chunk::new());
            if let Some(full) = before {
                self.tidy(full);
            }
        }
        let last = self.chunks.len() - 1;
        let chunk = &mut self.chunks[last];
        let number = self.begin + (last * CHUNK + chunk.entries.len()) as u64;
        chunk.entries.push(Some((at, what)));
        chunk.live += 1;
        self.live += 1;
        self.last = Some(at);
        number
    }

    /// Takes one out, if it is there.
    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        let place = usize::try_from(number.checked_sub(self.begin)?).ok()?;
        let chunk = self.chunks.get_mut(place / CHUNK)?;
        let (_, what) = chunk.entries.get_mut(place % CHUNK)?.take()?;
        chunk.live -= 1;
        self.live -= 1;
        if self.live == 0 {
            self.last = None;
        }
        self.tidy(place / CHUNK);
        Some(what)
    }

    /// Takes the first one out.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.first()?;
        self.remove(self.begin + self.head as u64)
    }

    /// Lets go of a chunk with nothing left in it, and finds the first entry again.
    fn tidy(&mut self, at: usize) {
        let last = self.chunks.len() - 1;
        if let Some(chunk) = self.chunks.get_mut(at)
            && chunk.live == 0
            && at != last
        {
            chunk.entries = Vec::new();
        }
        while self.chunks.len() > 1 && self.chunks[0].live == 0 {
            self.chunks.pop_front();
            self.begin += CHUNK as u64;
            self.head = 0;
        }
        let first = &self.chunks[0].entries;
        while first.get(self.head).is_some_and(Option::is_none) {
            self.head += 1;
        }
    }

    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.live
    }
}

impl<T> Chunk<T> {
    const fn new() -> Self {
        Self {
            entries: Vec::new(),
            live: 0,
        }
    }

    /// Holes count; one whose memory was let go was full.
    fn is_full(&self) -> bool {
        self.entries.len() == CHUNK
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::from_start(Duration::from_secs(secs))
    }

    fn memory<T>(run: &Run<T>) -> usize {
        run.chunks
            .iter()
            .map(|chunk| chunk.entries.capacity())
            .sum()
    }

    #[test]
    fn holes_are_let_go_when_their_chunk_is_empty() {
        let mut run = Run::new();
        let oldest = run.push(at(0), ());
        for secs in 1..100_000 {
            let number = run.push(at(secs), ());
            assert_eq!(run.remove(number), Some(()));
        }
        assert_eq!((run.len(), run.first()), (1, Some(at(0))));
        assert!(memory(&run) <= 2 * CHUNK, "{}", memory(&run));
        run.remove(oldest);
        assert!(run.chunks.len() <= 1 && run.first().is_none());
    }

    #[test]
    fn an_empty_one_takes_what_is_due_earlier() {
        let mut run = Run::new();
        let late = run.push(at(9), 'z');
        assert!(!run.takes(at(1)));
        run.remove(late);
        assert!(run.takes(at(1)));
        let early = run.push(at(1), 'a');
        assert!(early != late);
        assert_eq!((run.first(), run.remove(late)), (Some(at(1)), None));
        assert_eq!(run.pop(), Some('a'));
        assert_eq!((run.pop(), run.remove(early)), (None, None));
    }
}
