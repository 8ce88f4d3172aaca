//! What operators made of labels lately: in a loop the same labels meet again and again.
//!
//! The labels of a result follow from the operator, the labels of its operands, and the values of those bytes
//! that have none. (What has a label may be anything.) So all of that is the key.

use super::class::Class;
use super::label::Label;
use super::limits::MEMO;
use super::scalar::{CLEAN, Tainted, Word};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    class: Class,
    words: [Word; 2],
    values: [u64; 2],
}

/// Results by operator and operands, each at the one place that its key gives it.
#[derive(Debug)]
pub(super) struct Memo {
    results: Box<[(Key, Word)]>,
    unions: Box<[(Word, Label)]>,
}

impl Default for Memo {
    fn default() -> Self {
        let key = Key { class: Class::Plain, words: [CLEAN; 2], values: [0; 2] };
        Self {
            results: vec![(key, CLEAN); MEMO].into_boxed_slice(),
            unions: vec![(CLEAN, Label::NONE); MEMO].into_boxed_slice(),
        }
    }
}

/// Where a key goes, and the key itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    key: Key,
    at: usize,
}

impl Memo {
    /// Where the result of an operator on two values is, and the result, if it is known.
    pub(super) fn get(&self, class: Class, a: &Tainted, b: &Tainted) -> Result<Word, Place> {
        let values = [a, b].map(|operand| operand.value & !mask(&operand.word));
        let key = Key { class, words: [a.word, b.word], values };
        let mut hash = Hash::default();
        hash.add(values[0]);
        hash.add(values[1] ^ 0x5bd1_e995);
        key.words.iter().for_each(|word| hash.add_word(word));
        let at = hash.place();
        match &self.results[at] {
            (known, word) if *known == key => Ok(*word),
            _ => Err(Place { key, at }),
        }
    }

    pub(super) fn put(&mut self, place: Place, word: Word) {
        self.results[place.at] = (place.key, word);
    }

    /// The union of all labels of a word, made by `make` if it is not known.
    pub(super) fn union(&mut self, word: &Word, make: impl FnOnce() -> Label) -> Label {
        let mut hash = Hash::default();
        hash.add_word(word);
        let known = &mut self.unions[hash.place()];
        if known.0 != *word {
            *known = (*word, make());
        }
        known.1
    }
}

/// All bits of the bytes that have labels.
fn mask(word: &Word) -> u64 {
    let bytes = word.map(|label| if label.is_some() { 0xff } else { 0 });
    u64::from_le_bytes(bytes)
}

/// Good enough to spread keys over a few places; who finds collisions only makes it slower.
#[derive(Default)]
struct Hash(u64);

impl Hash {
    fn add(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn add_word(&mut self, word: &Word) {
        for pair in word.chunks_exact(2) {
            self.add(u64::from(pair[0].number()) | u64::from(pair[1].number()) << 32);
        }
    }

    fn place(&self) -> usize {
        (self.0 >> 40) as usize % MEMO
    }
}

#[cfg(test)]
mod tests {
    use super::super::label::Labels;
    use super::*;

    #[test]
    fn only_values_without_labels_are_part_of_the_key() {
        let mut memo = Memo::default();
        let mut word = CLEAN;
        word[0] = Labels::byte(7);
        let labelled = |value| Tainted { value, word };
        let clean = |value| Tainted { value, word: CLEAN };
        let class = Class::Add { width: 4, is_sub: false };
        let place = memo.get(class, &labelled(1), &clean(9)).unwrap_err();
        memo.put(place, word);
        assert!(memo.get(class, &labelled(200), &clean(9)).is_ok(), "the labelled byte is another");
        assert!(memo.get(class, &labelled(0x201), &clean(9)).is_err(), "the byte above it is another");
        assert!(memo.get(class, &labelled(1), &clean(8)).is_err());
        assert!(memo.get(Class::Multiply(4), &labelled(1), &clean(9)).is_err());
        let mut made = 0;
        for _ in 0..3 {
            let make = || {
                made += 1;
                word[0]
            };
            assert_eq!(memo.union(&word, make), word[0]);
        }
        assert_eq!(made, 1);
    }
}
