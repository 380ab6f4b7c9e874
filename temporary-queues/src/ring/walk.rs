//! The walk along the ring: which parts to list and which hosts to read, in order.
//!
//! Owns: the position of a walk, and which names are hosts. Does not judge. Invariant: a walk passes every host of the ring
//! once and then ends, however many hosts there are. It never passes a queue that is not named like a host of exactly this
//! prefix.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use sqs_rpc_protocol::TemporaryQueueName;
use sqs_rpc_protocol::limits::MAX_LISTED;

/// If an answer has fewer names than this, the next walk lists parts with one digit less. Such a part has about 16 x 40
/// names, which fits a page and leaves room for growth.
const FEW: usize = 40;

/// The number of digits before the first dash of a UUID.
const MOST_DIGITS: u32 = 8;
/// One more than the highest place.
const END: u64 = 1 << 32;

/// A queue in an answer to ListQueues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: Arc<str>,
    pub(crate) url: Arc<str>,
}

impl Listed {
    pub(crate) fn new(name: impl Into<Arc<str>>, url: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
        }
    }
}

/// The next step of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Move {
    /// List the queues whose names begin with this text.
    List(String),
    /// Examine this host.
    Look(Listed),
    /// The walk has gone round the whole ring, or was stopped.
    End,
}

/// One walk along the hosts of a prefix.
#[derive(Debug)]
pub(crate) struct Walk {
    prefix: Arc<str>,
    /// The UUID of the walking process, where the walk begins. Empty for a walk from the first host to the last.
    origin: Arc<str>,
    /// The number of hex digits of the parts that are listed.
    digits: u32,
    /// The number of digits for the next walk, taken from the answer for the part around the origin.
    learnt: u32,
    at: At,
    /// The hosts of this part that are still to be examined, the current one first.
    hosts: VecDeque<Listed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Lists the part around the origin, for the hosts that follow the origin.
    Own {
        digits: u32,
    },
    /// Lists the part around `from`, for the hosts from this place on.
    Further {
        from: u64,
        digits: u32,
    },
    /// Examines the listed hosts. The value is the next place.
    Within(Next),
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    From(u64),
    End,
}

impl Walk {
    /// A walk of the process with the UUID `origin`, or of a sweep if it is empty. `digits`: from the last walk, or 0.
    pub(crate) fn new(prefix: Arc<str>, origin: Arc<str>, digits: u32) -> Self {
        Self {
            prefix,
            origin,
            digits,
            learnt: digits,
            at: At::Own { digits },
            hosts: VecDeque::new(),
        }
    }

    /// The next step. Returns the same step until it is answered.
    pub(crate) fn next(&mut self) -> Move {
        loop {
            let part = match self.at {
                At::Own { digits } => Part::around(place(&self.origin), digits),
                At::Further { from, digits } => Part::around(from, digits),
                At::Within(next) => {
                    while let Some(host) = self.hosts.front() {
                        if self.is_host(host) {
                            return Move::Look(host.clone());
                        }
                        self.hosts.pop_front();
                    }
                    let digits = self.digits;
                    self.at = match next {
                        Next::From(from) => At::Further { from, digits },
                        Next::End => At::End,
                    };
                    continue;
                }
                At::End => return Move::End,
            };
            return Move::List(format!("{}{part}", self.prefix));
        }
    }

    /// The answer to [`Move::List`].
    pub(crate) fn listed(&mut self, queues: Vec<Listed>) {
        let overflows = queues.len() >= MAX_LISTED && !sqs_rpc_transport::mutant!("one-page");
        let own = place(&self.origin);
        match self.at {
            At::Own { digits } => {
                if overflows && digits < MOST_DIGITS {
                    self.digits = digits + 1;
                    self.learnt = self.digits;
                    self.at = At::Own { digits: digits + 1 };
                    return;
                }
                if queues.len() < FEW {
                    self.learnt = digits.saturating_sub(1);
                }
                let part = Part::around(own, digits);
                let mut hosts = self.in_order(queues);
                let before = hosts.partition_point(|host| self.of(host) < &*self.origin);
                let after = hosts.split_off(before);
                // Without digits, this answer contains the whole ring.
                let whole = digits == 0;
                self.hosts = after
                    .into_iter()
                    .chain(whole.then_some(hosts).into_iter().flatten())
                    .collect();
                self.at = At::Within(match part.end() {
                    _ if whole => Next::End,
                    END if self.origin.is_empty() => Next::End,
                    END => Next::From(0),
                    end => Next::From(end),
                });
            }
            At::Further { from, digits } => {
                if overflows && digits < MOST_DIGITS {
                    self.at = At::Further {
                        from,
                        digits: digits + 1,
                    };
                    return;
                }
                let part = Part::around(from, digits);
                // The walk is back at the origin.
                let last = !self.origin.is_empty() && part.contains(own) && from <= own;
                let mut hosts = self.in_order(queues);
                hosts.retain(|host| {
                    let of = self.of(host);
                    place(of) >= from && (!last || of < &*self.origin)
                });
                self.hosts = hosts.into();
                self.at = At::Within(match part.end() {
                    _ if last => Next::End,
                    END if self.origin.is_empty() => Next::End,
                    END => Next::From(0),
                    end => Next::From(end),
                });
            }
            At::Within(_) | At::End => {}
        }
    }

    /// The hosts that will be examined after the one of [`Move::Look`], as far as they are listed.
    pub(crate) fn upcoming(&self) -> impl Iterator<Item = &Listed> {
        self.hosts.iter().skip(1).filter(|host| self.is_host(host))
    }

    /// The host of [`Move::Look`] was examined: continue with the next one.
    pub(crate) fn looked(&mut self) {
        self.hosts.pop_front();
    }

    /// Ends the walk, because another process watches the hosts that follow.
    pub(crate) fn stop(&mut self) {
        self.hosts.clear();
        self.at = At::End;
    }

    /// The number of digits for the next walk.
    pub(crate) const fn learnt(&self) -> u32 {
        self.learnt
    }

    fn in_order(&self, queues: Vec<Listed>) -> Vec<Listed> {
        let mut hosts = queues;
        hosts.retain(|queue| queue.name.starts_with(&*self.prefix));
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
        hosts.dedup_by(|a, b| a.name == b.name);
        hosts
    }

    /// Whether a queue is named like a host of exactly this prefix.
    fn is_host(&self, queue: &Listed) -> bool {
        let name = TemporaryQueueName::parse(&queue.name);
        name.is_some_and(|name| {
            *name.prefix == *self.prefix || sqs_rpc_transport::mutant!("any-prefix")
        })
    }

    /// The name without the prefix.
    fn of<'a>(&self, host: &'a Listed) -> &'a str {
        host.name.get(self.prefix.len()..).unwrap_or_default()
    }
}

/// A part of the ring: the hosts whose UUID begins with the same `digits` hex digits as `first`.
///
/// ListQueues returns at most 1,000 names, and does not tell whether there are more. With one more digit in the prefix, it
/// returns about a sixteenth of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    /// The lowest place in this part.
    first: u64,
    digits: u32,
}

impl Part {
    /// The part with this number of digits that contains a place.
    const fn around(place: u64, digits: u32) -> Self {
        let size = END >> (4 * digits);
        Self {
            first: place / size * size,
            digits,
        }
    }

    /// One more than the highest place in this part.
    const fn end(self) -> u64 {
        self.first + (END >> (4 * self.digits))
    }

    const fn contains(self, place: u64) -> bool {
        self.first <= place && place < self.end()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = format!("{:08x}", self.first);
        f.write_str(&all[..self.digits as usize])
    }
}

/// The place of a UUID in the ring: the number that its first eight hex digits form.
fn place(uuid: &str) -> u64 {
    uuid.get(..MOST_DIGITS as usize)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const PREFIX: &str = "sqs-rpc-";

    fn uuid(place: u32, rest: u64) -> String {
        format!("{place:08x}-6d1e-4c55-9a35-{rest:012x}")
    }

    fn host(place: u32) -> String {
        format!("{PREFIX}{}-0", uuid(place, 7))
    }

    /// Walks a ring to its end. Returns the hosts in the order of the walk, the number of lists, and the digits for the next
    /// walk.
    fn walk(names: &BTreeSet<String>, origin: &str, digits: u32) -> (Vec<String>, usize, u32) {
        let mut walk = Walk::new(PREFIX.into(), origin.into(), digits);
        let (mut seen, mut lists) = (Vec::new(), 0);
        loop {
            match walk.next() {
                Move::List(part) => {
                    lists += 1;
                    assert!(lists < 100_000, "the walk does not end");
                    let under = names
                        .range(part.clone()..)
                        .take_while(|name| name.starts_with(&part));
                    let mut page: Vec<_> = under
                        .take(1_000)
                        .map(|name| Listed::new(&**name, &**name))
                        .collect();
                    // SQS does not guarantee an order.
                    page.reverse();
                    walk.listed(page);
                }
                Move::Look(host) => {
                    seen.push(host.name.to_string());
                    walk.looked();
                }
                Move::End => return (seen, lists, walk.learnt()),
            }
        }
    }

    fn spread(n: u32) -> BTreeSet<String> {
        (0..n)
            .map(|i| host(i.wrapping_mul(2_654_435_761)))
            .collect()
    }

    #[test]
    fn a_small_ring_takes_one_list() {
        let names: BTreeSet<_> = [10, 20, 30, 40].map(host).into();
        let (seen, lists, learnt) = walk(&names, &uuid(25, 0), 0);
        assert_eq!(seen, [30, 40, 10, 20].map(host));
        assert_eq!((lists, learnt), (1, 0));
    }

    #[test]
    fn a_walk_begins_at_the_place_of_its_process() {
        let names: BTreeSet<_> = [10, 20, 30].map(host).into();
        let with_own = walk(&names, &uuid(20, 7), 0).0;
        assert_eq!(
            with_own,
            [20, 30, 10].map(host),
            "the walker's own host first, because it may be left over"
        );
    }

    #[test]
    fn parts_grow_and_shrink_with_the_fleet() {
        let (_, lists, learnt) = walk(&spread(10_000), &uuid(5, 0), 0);
        assert_eq!(learnt, 1);
        assert!(
            lists >= 18,
            "one full page, 16 parts, and the part of the origin again: {lists}"
        );
        assert_eq!(walk(&spread(999), &uuid(5, 0), 0).2, 0);
        assert_eq!(walk(&spread(1_000), &uuid(5, 0), 0).2, 1);
        assert_eq!(
            walk(&spread(1_000), &uuid(5, 0), 1).2,
            1,
            "the number of digits does not flap"
        );
        assert_eq!(walk(&spread(400), &uuid(5, 0), 1).2, 0);
    }

    #[test]
    fn only_names_of_hosts_with_exactly_this_prefix_count() {
        let id = uuid(10, 1);
        let others = [
            format!("{PREFIX}orders"),
            format!("{PREFIX}x-{id}-0"),
            format!("{PREFIX}{id}"),
            format!("{PREFIX}{id}-0-dlq"),
            format!("{PREFIX}{}-0", id.to_uppercase()),
            format!("other-{id}-0"),
        ];
        let names = others
            .into_iter()
            .chain([
                format!("{PREFIX}{id}-0.fifo"),
                format!("{PREFIX}{id}-1-Failover"),
            ])
            .collect();
        let (seen, ..) = walk(&names, &uuid(5, 0), 0);
        assert_eq!(
            seen,
            [
                format!("{PREFIX}{id}-0.fifo"),
                format!("{PREFIX}{id}-1-Failover")
            ]
        );
    }

    #[test]
    fn a_walk_that_is_stopped_ends() {
        let mut walk = Walk::new(PREFIX.into(), uuid(0, 0).into(), 0);
        walk.listed(
            [host(1), host(2)]
                .map(|name| Listed::new(&*name, &*name))
                .into(),
        );
        assert!(matches!(walk.next(), Move::Look(_)));
        walk.stop();
        assert_eq!(walk.next(), Move::End);
    }

    #[test]
    fn parts_by_digits() {
        let place = place("0b3f9a52-6d1e-4c55-9a35-1e5f0c3c2b1a");
        assert_eq!(Part::around(place, 0).to_string(), "");
        assert_eq!(Part::around(place, 2).to_string(), "0b");
        assert_eq!(Part::around(place, 8).to_string(), "0b3f9a52");
        assert_eq!(Part::around(place, 0).end(), END);
        assert_eq!(Part::around(END - 1, 3).to_string(), "fff");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_host_is_passed_once_in_ring_order(
            places in proptest::collection::vec(prop_oneof![any::<u32>(), 0x0b00_0000..0x0b00_0fffu32, Just(0), Just(u32::MAX)], 0..3_000),
            origin: u32,
            nobody: bool,
            digits in 0..4u32,
        ) {
            let names: BTreeSet<_> = places.into_iter().map(host).collect();
            let origin = if nobody { String::new() } else { uuid(origin, 3) };
            let (seen, ..) = walk(&names, &origin, digits);
            let start = format!("{PREFIX}{origin}");
            let expected: Vec<_> = names.range(start.clone()..).chain(names.range(..start)).cloned().collect();
            prop_assert_eq!(seen, expected);
        }
    }

    proptest! {
        #[test]
        fn parts_of_one_size_cover_the_ring_without_a_gap(place in 0..END, digits in 0..=MOST_DIGITS) {
            let part = Part::around(place, digits);
            prop_assert!(part.contains(place));
            prop_assert!(!part.contains(part.end()));
            if part.end() < END {
                prop_assert_eq!(Part::around(part.end(), digits).first, part.end());
            }
            let uuid = format!("{place:08x}-6d1e-4c55-9a35-1e5f0c3c2b1a");
            prop_assert!(uuid.starts_with(&part.to_string()));
        }
    }
}
