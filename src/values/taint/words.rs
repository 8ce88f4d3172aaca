//! The labels of whole slots. Each different word is kept once and has a number, so that a slot is one number
//! and what an operator makes of two words can be looked up by theirs.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::label::{Label, Labels};
use super::limits::{MAX_WORDS, RECENT};
use super::scalar::{self, CLEAN, Word, is_clean};

/// The number of a word. It means something to the [`Words`] that gave it, until they are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct WordId(pub(super) u32);

impl WordId {
    /// The word without labels.
    pub(super) const CLEAN: Self = Self(0);

    #[inline(always)]
    pub(super) fn is_some(self) -> bool {
        self.0 != 0
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    word: Word,
    /// All bits of the bytes that have labels.
    mask: u64,
    /// The union of the labels, if it was asked for.
    all: Label,
}

/// All words that slots have, and some that none has any more.
#[derive(Debug)]
pub(super) struct Words {
    entries: Vec<Entry>,
    known: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Numbers of words met lately, each at the one place that its word gives it.
    recent: Box<[u32]>,
    /// The same of words in which the lowest byte alone has a label.
    single: Box<[(Label, u32)]>,
    /// How many there may be at most.
    most: usize,
    /// How many there may be before those that no slot has are dropped.
    full: usize,
    /// Words that had no room.
    pub(super) lost: u64,
}

impl Default for Words {
    fn default() -> Self {
        Self::of(MAX_WORDS)
    }
}

impl Words {
    /// At most so many.
    fn of(most: usize) -> Self {
        Self {
            most,
            entries: vec![Entry { word: CLEAN, mask: 0, all: Label::NONE }],
            known: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            recent: vec![0; RECENT].into_boxed_slice(),
            single: vec![(Label::NONE, 0); RECENT].into_boxed_slice(),
            full: most / 2,
            lost: 0,
        }
    }

    fn entry(&self, id: WordId) -> &Entry {
        &self.entries[id.0 as usize]
    }

    #[inline]
    pub(super) fn get(&self, id: WordId) -> &Word {
        &self.entry(id).word
    }

    /// All bits of the bytes of a word that have labels.
    #[inline]
    pub(super) fn mask(&self, id: WordId) -> u64 {
        self.entry(id).mask
    }

    /// The union of all labels of a word.
    #[inline]
    pub(super) fn all(&mut self, labels: &mut Labels, id: WordId) -> Label {
        let entry = &mut self.entries[id.0 as usize];
        if !entry.all.is_some() {
            entry.all = scalar::all(labels, &entry.word, 8);
        }
        entry.all
    }

    /// The number of a word.
    #[inline]
    pub(super) fn id(&mut self, word: &Word) -> WordId {
        let place = place(word);
        let recent = self.recent[place];
        if self.entries[recent as usize].word == *word {
            return WordId(recent);
        }
        let id = self.known_id(word);
        self.recent[place] = id.0;
        id
    }

    /// The number of a word in which the lowest byte alone has a label.
    #[inline]
    pub(super) fn id_of_byte(&mut self, label: Label) -> WordId {
        let place = (label.number().wrapping_mul(0x9e37_79b9) >> 12) as usize % RECENT;
        let (known, id) = self.single[place];
        if known == label {
            return WordId(id);
        }
        let mut word = CLEAN;
        word[0] = label;
        let id = self.known_id(&word);
        self.single[place] = (label, id.0);
        id
    }

    #[inline(never)]
    fn known_id(&mut self, word: &Word) -> WordId {
        if is_clean(word) {
            return WordId::CLEAN;
        }
        let hash = self.hasher.hash_one(word);
        if let Some(&id) = self.known.find(hash, |&id| self.entries[id as usize].word == *word) {
            return WordId(id);
        }
        if self.entries.len() >= self.most {
            self.lost += 1;
            return WordId::CLEAN;
        }
        self.insert(Entry { word: *word, mask: mask(word), all: Label::NONE }, hash)
    }

    fn insert(&mut self, entry: Entry, hash: u64) -> WordId {
        let id = self.entries.len() as u32;
        self.entries.push(entry);
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.known.insert_unique(hash, id, |&id| hasher.hash_one(entries[id as usize].word));
        WordId(id)
    }

    /// Whether it is time to collect.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= self.full
    }

    /// Drops the words that are not among `ids`, and numbers the others anew.
    pub(super) fn collect(&mut self, ids: &mut [WordId]) {
        let old = std::mem::replace(self, Self::of(self.most));
        self.lost = old.lost;
        let mut renamed = vec![0; old.entries.len()];
        for id in ids.iter_mut().filter(|id| id.is_some()) {
            let renamed = &mut renamed[id.0 as usize];
            if *renamed == 0 {
                let entry = old.entries[id.0 as usize];
                let hash = self.hasher.hash_one(entry.word);
                *renamed = self.insert(entry, hash).0;
            }
            *id = WordId(*renamed);
        }
        // Half of the room that is left, unless so little is that the next time would come again and again.
        let room = self.most.saturating_sub(self.entries.len());
        self.full = match room < self.most / 64 {
            true => usize::MAX,
            false => (self.entries.len() + room / 2).max(self.most / 2),
        };
    }
}

/// All bits of the bytes that have labels.
fn mask(word: &Word) -> u64 {
    u64::from_le_bytes(word.map(|label| if label.is_some() { 0xff } else { 0 }))
}

/// Good enough to spread words over a few places; who finds collisions only makes it slower.
#[inline(always)]
fn place(word: &Word) -> usize {
    let pair = |at: usize| u64::from(word[at].number()) | u64::from(word[at + 1].number()) << 32;
    let low = pair(0).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ pair(2).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    let high = pair(4).wrapping_mul(0x1656_67b1_9e37_79f9) ^ pair(6).wrapping_mul(0x27d4_eb2f_1656_67c5);
    let sum = low.wrapping_add(high);
    ((sum ^ sum >> 29) >> 32) as usize % RECENT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(byte: u32) -> Word {
        let mut word = CLEAN;
        word[3] = Labels::byte(byte);
        word
    }

    #[test]
    fn equal_words_have_one_number_and_those_in_use_are_kept() {
        let (mut words, mut labels) = (Words::of(1000), Labels::default());
        labels.new_bytes(2000);
        let kept = words.id(&word(5));
        assert_eq!((words.id(&word(5)), words.id(&CLEAN)), (kept, WordId::CLEAN));
        assert_eq!((words.mask(kept), words.all(&mut labels, kept)), (0xff00_0000, Labels::byte(5)));
        let mut number = 0;
        while !words.is_full() {
            number += 1;
            words.id(&word(number));
        }
        let last = words.id(&word(number));
        let mut slots = [last, WordId::CLEAN, kept, last];
        words.collect(&mut slots);
        assert_eq!(slots, [WordId(1), WordId::CLEAN, WordId(2), WordId(1)]);
        assert_eq!((*words.get(slots[0]), *words.get(slots[2])), (word(number), word(5)));
        assert_eq!((words.id(&word(5)), words.lost, words.is_full()), (slots[2], 0, false));
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut words = Words::of(1000);
        let mut slots: Vec<_> = (0..999).map(|byte| words.id(&word(byte))).collect();
        words.collect(&mut slots);
        assert!(!words.is_full(), "all are in use, so it would be in vain");
        assert_eq!((words.id(&word(u32::MAX >> 1)), words.lost), (WordId::CLEAN, 1));
    }

    /// A burst of words in use at once does not keep what comes after it from having labels.
    #[test]
    fn after_a_burst_it_is_collected_again() {
        let mut words = Words::of(1000);
        let mut slots: Vec<_> = (0..700).map(|byte| words.id(&word(byte))).collect();
        words.collect(&mut slots);
        let mut more = 10_000;
        while !words.is_full() {
            words.id(&word(more));
            more += 1;
        }
        words.collect(&mut []);
        assert!((0..900).all(|byte| words.id(&word(byte)).is_some()));
        assert_eq!(words.lost, 0);
    }
}
