//! Whether any of some words stands in bytes, case ignored.
//!
//! An automaton answers that in one look at each byte, and takes longer to make than a short text takes to be
//! searched without one. So it is made when there is much to search, or a word was found.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Bytes that are searched without the automaton.
const LITTLE: usize = 16 << 10;

/// Some words.
pub(crate) struct Sought {
    words: Vec<Vec<u8>>,
    /// By a letter in small: the words whose first byte but zeros it is, and how many zeros those have in
    /// front. Most of what is searched is zeros, and wide texts begin with them.
    starts: Vec<Vec<(usize, usize)>>,
    looked: AtomicUsize,
    automaton: OnceLock<Option<AhoCorasick>>,
}

impl Sought {
    /// Words that are more than zeros. Hits are told by their positions in the list.
    pub(crate) fn new(words: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        let words: Vec<Vec<u8>> = words.into_iter().map(Into::into).collect();
        let mut starts = vec![Vec::new(); 256];
        for (position, word) in words.iter().enumerate() {
            if let Some(zeros) = word.iter().position(|byte| *byte != 0) {
                starts[usize::from(word[zeros].to_ascii_lowercase())].push((position, zeros));
            }
        }
        Self { words, starts, looked: AtomicUsize::new(0), automaton: OnceLock::new() }
    }

    /// The automaton for `bytes`, if one of the words may stand there.
    pub(crate) fn to_search(&self, bytes: &[u8]) -> Option<&AhoCorasick> {
        let looked = self.looked.fetch_add(bytes.len(), Relaxed).saturating_add(bytes.len());
        let may_hold = self.automaton.get().is_some() || looked > LITTLE || self.stands_in(bytes);
        if !may_hold {
            return None;
        }
        let make = || {
            // A table for each state, as a DFA has it, takes ten times as long to make.
            let kind = Some(AhoCorasickKind::ContiguousNFA);
            AhoCorasick::builder().kind(kind).ascii_case_insensitive(true).build(&self.words).ok()
        };
        self.automaton.get_or_init(make).as_ref()
    }

    fn stands_in(&self, bytes: &[u8]) -> bool {
        bytes.iter().enumerate().any(|(at, byte)| {
            *byte != 0
                && self.starts[usize::from(byte.to_ascii_lowercase())].iter().any(|(word, zeros)| {
                    let (word, start) = (&self.words[*word], at.checked_sub(*zeros));
                    let part = start.and_then(|start| bytes.get(start..start + word.len()));
                    part.is_some_and(|part| part.eq_ignore_ascii_case(word))
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_searched_as_much_is() {
        let texts: &[&[u8]] = &[
            b"",
            b"b",
            b"xxABcx",
            b"abc",
            b"bca",
            b"\0a\0",
            b"\0\0A",
            b"a\0b",
            b"ca\xffcab\xff",
            b"no such word",
            b"CAB",
        ];
        for text in texts {
            let words = || Sought::new(["abc", "cab", "\0\0a"]);
            let (few, much) = (words(), words());
            much.looked.store(LITTLE, Relaxed);
            let hits = |words: &Sought| {
                let found =
                    words.to_search(text).map(|automaton| automaton.find_overlapping_iter(text).count());
                found.unwrap_or(0)
            };
            assert_eq!(hits(&few), hits(&much), "{text:?}");
            assert_eq!(few.to_search(text).is_some(), hits(&much) > 0, "{text:?}");
        }
    }
}
