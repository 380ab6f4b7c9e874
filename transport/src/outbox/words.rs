//! Orders the deletes and visibility changes of one message, so that the last one wins. Pure.
//!
//! A *word* is a delete or a change of a message. Owns: per receipt handle, the words that were requested and have
//! not ended, in that order. Does not own: the entries, which wait in their lanes, and the calls.
//!
//! **Invariant:** a change is never in progress together with another word about its message, and words take effect
//! in the order in which they were requested. There are at most as many words as entries.

use std::collections::HashMap;
use std::sync::Arc;

use sqs_rpc_protocol::HostKey;

use crate::hashing::{Keyed, keyed};
use crate::mutant;

/// A queue and the receipt handle of one of its messages.
pub(super) type Message = (HostKey, Arc<str>);

/// The kind of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Delete,
    /// A change with a waiting caller.
    Change,
    /// A change made by the framework itself, or without a waiting caller.
    Unattended,
}

/// Identifies a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u64);

/// All words, with the place where each is or was waiting.
#[derive(Debug)]
pub(super) struct Words<P> {
    messages: HashMap<Message, Vec<Word<P>>, Keyed>,
    next: u64,
}

#[derive(Debug)]
struct Word<P> {
    id: Id,
    what: What,
    /// Whether the word may be sent: no earlier word blocks it.
    free: bool,
    place: P,
}

/// The result of adding a word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked<T, P> {
    /// `None`: the word was dropped, because it came after a delete or `enter` declined.
    pub(super) entered: Option<T>,
    /// The places of the words that may be sent now.
    pub(super) freed: Vec<P>,
}

impl What {
    /// Whether a waiting word is dropped in favor of a newer word.
    fn gives_way_to(self, newer: Self) -> bool {
        match self {
            Self::Delete => false,
            Self::Change => newer == Self::Delete,
            Self::Unattended => true,
        }
    }

    /// Whether one of the two must end before the other is sent. Two deletes may run at the same time.
    fn excludes(self, other: Self) -> bool {
        self != Self::Delete || other != Self::Delete
    }
}

impl<P: Clone> Words<P> {
    pub(super) fn new() -> Self {
        Self {
            messages: HashMap::with_hasher(keyed()),
            next: 0,
        }
    }

    /// Adds a word. `withdraw` removes a word from its place if it is still waiting there, and returns whether it
    /// was. `enter` puts the new word into its place, from where it may be sent at once if the flag is `true`.
    /// `enter` may decline.
    pub(super) fn ask<T>(
        &mut self,
        message: &Message,
        what: What,
        mut withdraw: impl FnMut(&P) -> bool,
        enter: impl FnOnce(Id, bool) -> Option<(T, P)>,
    ) -> Asked<T, P> {
        let words = self.messages.entry(message.clone()).or_default();
        let deleted = words.iter().any(|word| word.what == What::Delete);
        let ignored = mutant!("last-word-ignored");
        let entered = if what == What::Unattended && deleted && !ignored {
            None
        } else {
            words
                .retain(|word| ignored || !(word.what.gives_way_to(what) && withdraw(&word.place)));
            let free = ignored || !words.iter().any(|word| word.what.excludes(what));
            let id = Id(self.next);
            self.next += 1;
            enter(id, free).map(|(entered, place)| {
                words.push(Word {
                    id,
                    what,
                    free,
                    place,
                });
                entered
            })
        };
        let freed = free(words);
        if words.is_empty() {
            self.messages.remove(message);
        }
        Asked { entered, freed }
    }

    /// Whether a newer word replaces this word.
    pub(super) fn is_overtaken(&self, message: &Message, id: Id) -> bool {
        let words = self.messages.get(message).into_iter().flatten();
        let mut from = words.skip_while(|word| word.id != id);
        from.next()
            .is_some_and(|word| from.any(|newer| word.what.gives_way_to(newer.what)))
    }

    /// Removes a word that has ended. Returns the places of the words that may be sent now.
    pub(super) fn end(&mut self, message: &Message, id: Id) -> Vec<P> {
        let Some(words) = self.messages.get_mut(message) else {
            return Vec::new();
        };
        words.retain(|word| word.id != id);
        let freed = free(words);
        if words.is_empty() {
            self.messages.remove(message);
        }
        freed
    }
}

/// Frees the words that nothing blocks any more: the deletes at the front, or the first change.
fn free<P: Clone>(words: &mut [Word<P>]) -> Vec<P> {
    let mut freed = Vec::new();
    for at in 0..words.len() {
        let (before, word) = words.split_at_mut(at);
        let Some(word) = word.first_mut() else { break };
        if before.iter().any(|other| other.what.excludes(word.what)) {
            break;
        }
        if !std::mem::replace(&mut word.free, true) {
            freed.push(word.place.clone());
        }
    }
    freed
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use sqs_rpc_protocol::HostQueueUrl;

    use super::What::{Change, Delete, Unattended};
    use super::*;

    /// The words about one message, and the numbers of those that are still waiting.
    struct Talk {
        words: Words<usize>,
        waiting: BTreeSet<usize>,
        ids: Vec<Option<Id>>,
        may_go: BTreeSet<usize>,
    }

    fn message() -> Message {
        let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders";
        let key = HostKey::new(&HostQueueUrl::parse(url).unwrap(), None);
        (key, "handle".into())
    }

    impl Talk {
        fn new() -> Self {
            Self {
                words: Words::new(),
                waiting: BTreeSet::new(),
                ids: Vec::new(),
                may_go: BTreeSet::new(),
            }
        }

        /// The number of the word.
        fn say(&mut self, what: What) -> usize {
            let number = self.ids.len();
            let waiting = &mut self.waiting;
            let asked = self.words.ask(
                &message(),
                what,
                |place| waiting.remove(place),
                |id, free| Some(((id, free), number)),
            );
            let id = asked.entered.map(|(id, free)| {
                self.waiting.insert(number);
                if free {
                    self.may_go.insert(number);
                }
                id
            });
            self.ids.push(id);
            self.may_go.extend(asked.freed);
            number
        }

        fn goes(&mut self, word: usize) {
            assert!(self.may_go.contains(&word) && self.waiting.remove(&word));
        }

        fn ends(&mut self, word: usize) {
            let freed = self.words.end(&message(), self.ids[word].unwrap());
            self.may_go.extend(freed);
        }

        /// The waiting words that may be sent.
        fn ready(&self) -> Vec<usize> {
            self.waiting.intersection(&self.may_go).copied().collect()
        }

        fn waits(&self) -> Vec<usize> {
            self.waiting.iter().copied().collect()
        }
    }

    #[test]
    fn a_change_waits_for_a_change_in_progress() {
        let mut talk = Talk::new();
        let first = talk.say(Unattended);
        talk.goes(first);
        let second = talk.say(Change);
        assert!(talk.ready().is_empty());
        talk.ends(first);
        assert_eq!(talk.ready(), [second]);
    }

    #[test]
    fn a_newer_word_drops_a_waiting_unattended_change() {
        for newer in [Unattended, Change, Delete] {
            let mut talk = Talk::new();
            talk.say(Unattended);
            let newer = talk.say(newer);
            assert_eq!(talk.waits(), [newer]);
            assert_eq!(talk.ready(), [newer]);
        }
    }

    #[test]
    fn a_delete_drops_waiting_changes_and_follows_one_in_progress() {
        let mut talk = Talk::new();
        let out = talk.say(Change);
        talk.goes(out);
        talk.say(Change);
        talk.say(Unattended);
        let delete = talk.say(Delete);
        assert_eq!((talk.waits(), talk.ready()), (vec![delete], vec![]));
        talk.ends(out);
        assert_eq!(talk.ready(), [delete]);
    }

    #[test]
    fn an_unattended_change_after_a_delete_is_dropped() {
        let mut talk = Talk::new();
        let delete = talk.say(Delete);
        let late = talk.say(Unattended);
        assert_eq!(talk.ids[late], None);
        talk.goes(delete);
        assert_eq!(
            talk.say(Delete),
            talk.ready()[0],
            "deletes do not wait for each other"
        );
    }

    #[test]
    fn a_change_to_retry_is_overtaken_by_a_newer_word() {
        let mut talk = Talk::new();
        let first = talk.say(Unattended);
        talk.goes(first);
        let overtaken = |talk: &Talk| {
            talk.words
                .is_overtaken(&message(), talk.ids[first].unwrap())
        };
        assert!(!overtaken(&talk));
        let second = talk.say(Change);
        assert!(overtaken(&talk));
        // The first change is put back for a retry; a third word finds it waiting.
        talk.waiting.insert(first);
        talk.say(Change);
        assert_eq!(talk.ready(), [second]);
    }

    proptest! {
        #[test]
        fn words_take_effect_in_order_and_all_end(steps in prop::collection::vec((0..6_u8, any::<prop::sample::Index>()), 0..60)) {
            let mut talk = Talk::new();
            let mut kinds = Vec::new();
            let mut out: Vec<usize> = Vec::new();
            for (step, index) in steps {
                match step {
                    0..=2 => {
                        let what = [Delete, Change, Unattended][usize::from(step)];
                        talk.say(what);
                        kinds.push(what);
                    }
                    3 | 4 => {
                        let ready = talk.ready();
                        if !ready.is_empty() {
                            let word = *index.get(&ready);
                            talk.goes(word);
                            for other in &out {
                                prop_assert!(kinds[*other] == Delete && kinds[word] == Delete);
                            }
                            out.push(word);
                        }
                    }
                    _ => if !out.is_empty() {
                        let at = index.index(out.len());
                        talk.ends(out.remove(at));
                    }
                }
            }
            while !(out.is_empty() && talk.waiting.is_empty()) {
                let ready = talk.ready();
                prop_assert!(!(ready.is_empty() && out.is_empty()), "all words wait forever");
                for word in ready {
                    talk.goes(word);
                    out.push(word);
                }
                talk.ends(out.remove(0));
            }
            prop_assert!(talk.words.messages.is_empty());
        }
    }
}
