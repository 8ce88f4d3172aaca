//! The labels of whole slots. Each different word is kept once and has a number. So a slot is one number, and
//! the result of an operator on two words can be looked up by theirs.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::label::{Label, Labels};
use super::limits::{MAX_RECENT, MAX_WORDS};
use super::places::Places;
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

/// All words that slots have, and some that none has any more.
#[derive(Debug)]
pub(super) struct Words {
    words: Vec<Word>,
    /// Of each, all bits of the bytes that have labels: apart, since these are asked for most.
    masks: Vec<u64>,
    /// Of each, the union of its labels, if it was asked for.
    unions: Vec<Label>,
    known: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Numbers of words met lately.
    recent: Places<u32>,
    /// The same of words in which the lowest byte alone has a label.
    single: Places<(Label, u32)>,
    /// The same of words in which the lowest four bytes alone have labels.
    four: Places<([Label; 4], u32)>,
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
            words: vec![CLEAN],
            masks: vec![0],
            unions: vec![Label::NONE],
            known: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            recent: Places::new(0, MAX_RECENT),
            single: Places::new((Label::NONE, 0), MAX_RECENT),
            four: Places::new(([Label::NONE; 4], 0), MAX_RECENT),
            full: most / 2,
            lost: 0,
        }
    }

    #[inline]
    pub(super) fn get(&self, id: WordId) -> &Word {
        &self.words[id.0 as usize]
    }

    /// All bits of the bytes of a word that have labels.
    #[inline(always)]
    pub(super) fn mask(&self, id: WordId) -> u64 {
        self.masks[id.0 as usize]
    }

    /// The union of all labels of a word.
    #[inline]
    pub(super) fn all(&mut self, labels: &mut Labels, id: WordId) -> Label {
        let union = &mut self.unions[id.0 as usize];
        if !union.is_some() {
            *union = scalar::all(labels, &self.words[id.0 as usize], 8);
        }
        *union
    }

    /// The number of a word.
    #[inline]
    pub(super) fn id(&mut self, word: &Word) -> WordId {
        let hash = hash(word);
        let recent = *self.recent.at(hash);
        if self.words[recent as usize] == *word {
            return WordId(recent);
        }
        let id = self.known_id(word);
        self.recent.put(hash, id.0);
        id
    }

    /// The number of a word in which the lowest byte alone has a label.
    #[inline]
    pub(super) fn id_of_byte(&mut self, label: Label) -> WordId {
        let hash = u64::from(label.number()).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let (known, id) = *self.single.at(hash);
        if known == label {
            return WordId(id);
        }
        let mut word = CLEAN;
        word[0] = label;
        let id = self.known_id(&word);
        self.single.put(hash, (label, id.0));
        id
    }

    /// The number of a word in which none but the lowest four bytes has a label.
    #[inline]
    pub(super) fn id_of_four(&mut self, word: &Word) -> WordId {
        let [a, b, c, d, ..] = *word;
        let pair = |low: Label, high: Label| u64::from(low.number()) | u64::from(high.number()) << 32;
        let hash =
            pair(a, b).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ pair(c, d).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
        let hash = (hash ^ hash >> 31) >> 20;
        let (known, id) = *self.four.at(hash);
        if known == [a, b, c, d] {
            return WordId(id);
        }
        let id = self.known_id(word);
        self.four.put(hash, ([a, b, c, d], id.0));
        id
    }

    #[inline(never)]
    fn known_id(&mut self, word: &Word) -> WordId {
        if is_clean(word) {
            return WordId::CLEAN;
        }
        let hash = self.hasher.hash_one(word);
        if let Some(&id) = self.known.find(hash, |&id| self.words[id as usize] == *word) {
            return WordId(id);
        }
        if self.words.len() >= self.most {
            self.lost += 1;
            return WordId::CLEAN;
        }
        self.insert(word, Label::NONE)
    }

    fn insert(&mut self, word: &Word, union: Label) -> WordId {
        let id = self.words.len() as u32;
        self.words.push(*word);
        self.masks.push(mask(word));
        self.unions.push(union);
        let (words, hasher) = (&self.words, &self.hasher);
        self.known.insert_unique(hasher.hash_one(word), id, |&id| hasher.hash_one(words[id as usize]));
        WordId(id)
    }

    /// Whether it is time to collect.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.words.len() >= self.full
    }

    /// Drops the words that are not among `ids`, and numbers the others anew.
    pub(super) fn collect(&mut self, ids: &mut [WordId]) {
        let old = std::mem::replace(self, Self::of(self.most));
        self.lost = old.lost;
        let mut renamed = vec![0; old.words.len()];
        for id in ids.iter_mut().filter(|id| id.is_some()) {
            let renamed = &mut renamed[id.0 as usize];
            if *renamed == 0 {
                *renamed = self.insert(&old.words[id.0 as usize], old.unions[id.0 as usize]).0;
            }
            *id = WordId(*renamed);
        }
        // Half of the room that is left, unless so little is that the next time would come again and again.
        let room = self.most.saturating_sub(self.words.len());
        self.full = match room < self.most / 64 {
            true => usize::MAX,
            false => (self.words.len() + room / 2).max(self.most / 2),
        };
    }
}

/// All bits of the bytes that have labels.
fn mask(word: &Word) -> u64 {
    u64::from_le_bytes(word.map(|label| if label.is_some() { 0xff } else { 0 }))
}

/// Good enough to spread words over a few places; who finds collisions only makes it slower.
#[inline(always)]
fn hash(word: &Word) -> u64 {
    let pair = |at: usize| u64::from(word[at].number()) | u64::from(word[at + 1].number()) << 32;
    let low = pair(0).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ pair(2).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    let high = pair(4).wrapping_mul(0x1656_67b1_9e37_79f9) ^ pair(6).wrapping_mul(0x27d4_eb2f_1656_67c5);
    let sum = low.wrapping_add(high);
    (sum ^ sum >> 29) >> 32
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
