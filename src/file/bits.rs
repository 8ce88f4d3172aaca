//! Two decision streams side by side, whatever their words.

use std::borrow::Cow;

use crate::trace::{Chunks, stream};

/// Decisions that are not used yet, the next one highest.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    bits: u64,
    len: u32,
}

impl Window {
    fn of(word: u64) -> Self {
        let len = stream::decisions_in(word);
        Self { bits: if len == 0 { 0 } else { word << (64 - len) }, len }
    }

    fn skip(&mut self, count: u32) {
        self.bits = self.bits.checked_shl(count).unwrap_or(0);
        self.len -= count;
    }
}

/// A stream that others are compared with.
pub(super) struct Bits<'t> {
    chunks: Chunks<'t>,
    chunk: Cow<'t, [u64]>,
    next: usize,
    window: Window,
    /// Decisions compared.
    pub(super) position: u64,
}

/// What came of comparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    /// They are equal.
    Equal,
    /// They differ at [`Bits::position`].
    Differs,
    /// This stream is at its end, at [`Bits::position`].
    AtEnd,
}

impl<'t> Bits<'t> {
    pub(super) fn new(chunks: Chunks<'t>) -> Self {
        Self { chunks, chunk: Cow::Borrowed(&[]), next: 0, window: Window::default(), position: 0 }
    }

    /// Whether decisions are left.
    pub(super) fn fill(&mut self) -> bool {
        while self.window.len == 0 {
            match self.chunk.get(self.next) {
                Some(&word) => {
                    self.window = Window::of(word);
                    self.next += 1;
                }
                None => {
                    let Some(chunk) = self.chunks.next() else { return false };
                    (self.chunk, self.next) = (chunk, 0);
                }
            }
        }
        true
    }

    /// Compares the next decisions with those of `words`.
    pub(super) fn compare(&mut self, words: &[u64]) -> Compared {
        for &word in words {
            let mut other = Window::of(word);
            while other.len > 0 {
                if !self.fill() {
                    return Compared::AtEnd;
                }
                let both = self.window.len.min(other.len);
                let equal = (self.window.bits ^ other.bits).leading_zeros().min(both);
                self.position += u64::from(equal);
                if equal < both {
                    return Compared::Differs;
                }
                self.window.skip(both);
                other.skip(both);
            }
        }
        Compared::Equal
    }
}

/// The first decision that is not the same in both streams: it differs, or one of them has ended. `None` if
/// they are equal.
pub(super) fn first_difference(a: Chunks<'_>, b: Chunks<'_>) -> Option<u64> {
    let mut a = Bits::new(a);
    for words in b {
        if a.compare(&words) != Compared::Equal {
            return Some(a.position);
        }
    }
    a.fill().then_some(a.position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(a: &[u64], b: &[u64]) -> Option<u64> {
        let chunks = |words: &[u64]| -> Chunks<'static> {
            Box::new(words.iter().map(|&word| Cow::Owned(vec![word])).collect::<Vec<_>>().into_iter())
        };
        let (there, back) = (first_difference(chunks(a), chunks(b)), first_difference(chunks(b), chunks(a)));
        assert_eq!(there, back);
        there
    }

    #[test]
    fn decisions_are_compared_and_not_words() {
        assert_eq!(difference(&[0b1_01, 0b1_1], &[0b1_011]), None);
        assert_eq!(difference(&[u64::MAX, 0b1_0], &[0b1_1, u64::MAX >> 1, 0b1_0]), None);
        assert_eq!(difference(&[0b1_01, 0b1_1], &[0b1_010]), Some(2));
        assert_eq!(difference(&[0b1_01, 1, 0b1_1], &[0b1_01]), Some(2));
        assert_eq!(difference(&[], &[1, 1]), None);
    }
}
