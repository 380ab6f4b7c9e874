//! Deadlines that were added in the order in which they are due.

use std::collections::VecDeque;

use sqs_rpc_transport::Moment;

/// The number of entries in a chunk. A chunk's memory is freed when all its entries are removed.
const CHUNK: usize = 64;

/// A queue in which each entry has a number by which it can be removed. Numbers are never reused.
///
/// Removing an entry leaves a hole. A chunk is freed when all its entries are removed, so one live entry keeps at
/// most 64 slots allocated, and half a byte for each hole behind it.
///
/// **Invariant:** entries are due in the order of their numbers. If the run is not empty, `head` points at a live
/// entry.
#[derive(Debug)]
pub(super) struct Run<T> {
    /// The number of the first entry of the first chunk.
    begin: u64,
    /// All chunks are full except the last, which stays even if it is empty.
    chunks: VecDeque<Chunk<T>>,
    /// The position of the first live entry in the first chunk.
    head: usize,
    live: usize,
    /// When the last entry is due; `None` if the run is empty.
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

    /// Whether an entry with this due time may be appended.
    pub(super) fn takes(&self, at: Moment) -> bool {
        self.last.is_none_or(|last| last <= at)
    }

    pub(super) const fn last(&self) -> Option<Moment> {
        self.last
    }

    /// When the first entry is due.
    pub(super) fn first(&self) -> Option<Moment> {
        let entry = self.chunks.front()?.entries.get(self.head)?;
        entry.as_ref().map(|(at, _)| *at)
    }

    /// Appends an entry, and returns its number.
    pub(super) fn push(&mut self, at: Moment, what: T) -> u64 {
        debug_assert!(self.takes(at), "the entry belongs in another run");
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

    /// Removes an entry if it exists.
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

    /// Removes the first entry.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.first()?;
        self.remove(self.begin + self.head as u64)
    }

    /// Frees a chunk without live entries, and updates `head`.
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

    /// Holes count as entries. A chunk that was freed was full.
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
    fn holes_are_freed_when_their_chunk_is_empty() {
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
    fn an_empty_run_takes_an_earlier_entry() {
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
