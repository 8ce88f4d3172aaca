//! The decision stream: words of up to 63 bits, and the reader that takes them apart.
//!
//! A word holds its decisions below a sentinel, oldest first. The reader keeps the rest of the current word
//! in a [`Window`], shifted so that the next bit is the highest and a marker stands below the last:
//!
//! ```text
//! word    0 0 1 a b c d        (sentinel, decisions)
//! window  a b c d 1 0 0        (decisions, marker)
//! ```
//!
//! PERF: reading a bit is a shift and a test. The next word is fetched when the last bit of a window is read.
//! So an empty window means that nothing is left before the barrier, and replay sees the end of an invocation
//! coming without counting.
//!
//! Not here: what a decision means (`replay`).

use std::{borrow::Cow, fmt};

use wasmspoor_hooks::recorder::stream;

use super::growing::{Growing, Grown};

/// Words of a decision stream, chunk by chunk, oldest first. A chunk is borrowed from a trace in memory or
/// owned if it was read from a file.
pub type Chunks<'t> = Box<dyn Iterator<Item = Cow<'t, [u64]>> + Send + 't>;

/// The decisions cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (after decision {position})")]
#[non_exhaustive]
pub struct DecisionError {
    /// What is wrong.
    pub kind: DecisionErrorKind,
    /// Decisions read before, in bits.
    pub position: u64,
}

/// What is wrong with a decision stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionErrorKind {
    /// No words are left.
    #[error("a decision is needed and none is left")]
    Exhausted,
    /// The invocation should have ended here.
    #[error("a decision is needed past the end of the invocation")]
    PastEnd,
    /// The end of an invocation lies before decisions that were read.
    #[error("the invocation ends at decision {barrier}, which was read already")]
    Behind {
        /// Where the invocation ends.
        barrier: u64,
    },
    /// A word without a sentinel.
    #[error("a word is 0")]
    ZeroWord,
    /// A field begins in one word and would end in the next.
    #[error("a field of {width} bits crosses words or the end of an invocation ({left} bits are left)")]
    Crossing {
        /// Width of the field in bits.
        width: u32,
        /// Bits left in the word.
        left: u32,
    },
}

/// The unread decisions of a word, highest bit first, above a marker bit. 0, the default, when nothing is
/// left before the barrier.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Window(u64);

impl Window {
    pub(crate) const SPENT: Self = Self(0);
    /// Only the marker: the next word is due.
    const EMPTY: u64 = 1 << 63;

    /// The decisions of a word that is not 0.
    pub(crate) fn of(word: u64) -> Self {
        let count = stream::decisions_in(word);
        Self(((word << 1) | 1) << (stream::WORD_BITS - count))
    }

    /// Number of unread decisions.
    #[inline(always)]
    pub(crate) fn len(self) -> u32 {
        63u32.saturating_sub(self.0.trailing_zeros())
    }

    /// Whether nothing is left before the barrier.
    #[inline(always)]
    pub(crate) fn is_spent(self) -> bool {
        self.0 == 0
    }

    /// Takes one bit. The window must be refilled if it [is low](Self::is_low) afterwards; a bit of a spent
    /// window means nothing.
    #[inline(always)]
    pub(crate) fn take_bit(&mut self) -> bool {
        let bit = self.0 >> 63 != 0;
        self.0 <<= 1;
        bit
    }

    /// Takes a field of 1 to 63 bits, as [`Self::take_bit`]; `None` if fewer are left.
    #[inline(always)]
    pub(crate) fn take_field(&mut self, width: u32) -> Option<u64> {
        if self.len() < width {
            return None;
        }
        let field = self.0 >> (64 - width);
        self.0 <<= width;
        Some(field)
    }

    /// What is left after so many decisions, fewer than there are.
    #[inline(always)]
    pub(crate) fn without(self, width: u8) -> Self {
        Self(self.0 << width)
    }

    /// The unread decisions, the next one highest; below them stands the marker.
    #[inline(always)]
    pub(crate) fn ahead(self) -> u64 {
        self.0
    }

    /// Whether nothing but the marker is left, or not even that.
    #[inline(always)]
    pub(crate) fn is_low(self) -> bool {
        self.0 << 1 == 0
    }

    /// The first `count` decisions, and those after them; `count` is less than the length.
    fn split(self, count: u32) -> (Self, Self) {
        if count == 0 {
            return (Self::SPENT, self);
        }
        let marker = Self::EMPTY >> count;
        (Self((self.0 & !(marker - 1)) | marker), Self(self.0 << count))
    }

    /// The decisions of this window and then those of `rest`; they come of one word.
    fn join(self, rest: Self) -> Self {
        match (self.len(), rest.len()) {
            (_, 0) => self,
            (0, _) => rest,
            (count, _) => Self((self.0 & (self.0 - 1)) | (rest.0 >> count)),
        }
    }
}

/// What is behind the window: words, and the barrier before which decisions may be read.
pub(super) struct Source<'t> {
    chunks: Chunks<'t>,
    chunk: Cow<'t, [u64]>,
    /// The next word of the chunk.
    next: usize,
    /// Position after the last decision of the window.
    end: u64,
    barrier: u64,
    /// Decisions of the window's word that lie past the barrier.
    rest: Window,
    /// A word was 0.
    is_corrupt: bool,
    /// More may come.
    growing: Option<Box<Grows>>,
}

/// A stream that is still recorded, and the number of the invocation that is read.
struct Grows {
    growing: Growing,
    invocation: Option<u64>,
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("end", &self.end)
            .field("barrier", &self.barrier)
            .finish_non_exhaustive()
    }
}

impl<'t> Source<'t> {
    /// Returns the source and its first window.
    pub(super) fn new(chunks: Chunks<'t>) -> (Self, Window) {
        let (chunk, rest) = (Cow::Borrowed(&[][..]), Window::SPENT);
        let (barrier, is_corrupt) = (u64::MAX, false);
        let mut source = Self { chunks, chunk, next: 0, end: 0, barrier, rest, is_corrupt, growing: None };
        let window = source.next_window();
        (source, window)
    }

    /// Of a stream that is still recorded. Nothing is read before the first barrier is set.
    pub(super) fn growing(growing: Growing) -> Self {
        let (mut source, _) = Self::new(Box::new(std::iter::empty()));
        source.growing = Some(Box::new(Grows { growing, invocation: None }));
        source
    }

    /// As [`Self::new`], of chunks that begin with decision number `first`, from decision number `position`
    /// on. `None` if there are not as many.
    pub(super) fn at(chunks: Chunks<'t>, first: u64, position: u64) -> Option<(Self, Window)> {
        let (mut source, _) = Self::new(Box::new(std::iter::empty()));
        source.chunks = chunks;
        source.end = first;
        let mut window = source.next_window();
        while source.end <= position && !window.is_spent() {
            window = source.next_window();
        }
        let skipped = position.checked_sub(source.position(window))?;
        // Spent at the end of the stream: then nothing is left to skip.
        if skipped > 0 {
            window = window.split(u32::try_from(skipped).ok().filter(|&skipped| skipped < window.len())?).1;
        }
        Some((source, window))
    }

    /// Decisions read, in bits, when `window` is what is left of the last one given out.
    pub(super) fn position(&self, window: Window) -> u64 {
        self.end - u64::from(window.len())
    }

    /// Gives the window that follows `low`, from which a bit or field was just taken.
    ///
    /// # Errors
    /// When the bit was taken from a spent window.
    #[cold]
    pub(super) fn refill(&mut self, low: Window) -> Result<Window, DecisionError> {
        if low.is_spent() {
            return Err(self.ended());
        }
        Ok(self.next_window())
    }

    /// Whether decisions that may be read come after the window, as far as that can be seen at once.
    #[inline(always)]
    pub(super) fn has_more(&self) -> bool {
        self.end < self.barrier && self.chunk.get(self.next).is_some_and(|&word| word > 1)
    }

    /// The window after one that was read to its end, when there is [more](Self::has_more).
    #[inline(always)]
    pub(super) fn next_full(&mut self) -> Window {
        match self.chunk.get(self.next) {
            // A whole word this side of the barrier: the usual case.
            Some(&word)
                if word >> stream::WORD_BITS != 0
                    && self.barrier - self.end >= u64::from(stream::WORD_BITS) =>
            {
                self.next += 1;
                self.end += u64::from(stream::WORD_BITS);
                Window::of(word)
            }
            _ => self.next_window(),
        }
    }

    /// Why a field of `width` bits could not be taken from `window`.
    #[cold]
    pub(super) fn too_short(&self, window: Window, width: u32) -> DecisionError {
        match window.is_spent() {
            true => self.ended(),
            false => {
                self.error(DecisionErrorKind::Crossing { width, left: window.len() }, self.position(window))
            }
        }
    }

    /// Lets decisions be read up to number `barrier` and no further; gives the window for that.
    ///
    /// # Errors
    /// When more than that were read already.
    pub(super) fn set_barrier(&mut self, window: Window, barrier: u64) -> Result<Window, DecisionError> {
        let position = self.position(window);
        if barrier < position {
            return Err(self.error(DecisionErrorKind::Behind { barrier }, position));
        }
        let whole = window.join(self.rest);
        self.end = position;
        self.barrier = barrier;
        self.rest = Window::SPENT;
        Ok(if whole.len() == 0 { self.next_window() } else { self.clip(whole) })
    }

    /// Whether the stream is at its end and sound, once the window is spent.
    pub(super) fn is_at_end(&self) -> bool {
        self.end != self.barrier && !self.is_corrupt
    }

    fn ended(&self) -> DecisionError {
        let kind = match self.is_corrupt {
            true => DecisionErrorKind::ZeroWord,
            false if self.end == self.barrier => DecisionErrorKind::PastEnd,
            false => DecisionErrorKind::Exhausted,
        };
        self.error(kind, self.end)
    }

    fn error(&self, kind: DecisionErrorKind, position: u64) -> DecisionError {
        DecisionError { kind, position }
    }

    fn next_window(&mut self) -> Window {
        while self.end != self.barrier && !self.is_corrupt {
            let Some(word) = self.next_word() else {
                if self.grow() {
                    continue;
                }
                break;
            };
            self.is_corrupt = word == 0;
            if word > 1 {
                return self.clip(Window::of(word));
            }
        }
        Window::SPENT
    }

    fn next_word(&mut self) -> Option<u64> {
        loop {
            if let Some(&word) = self.chunk.get(self.next) {
                self.next += 1;
                return Some(word);
            }
            self.chunk = self.chunks.next()?;
            self.next = 0;
        }
    }

    /// The invocation that is read from now on; the barrier is set next.
    pub(super) fn set_invocation(&mut self, number: Option<u64>) {
        if let Some(grows) = &mut self.growing {
            grows.invocation = number;
        }
    }

    /// Waits for more of a stream that is still recorded. Whether there is, or is a barrier now.
    #[cold]
    fn grow(&mut self) -> bool {
        let Some(grows) = &self.growing else { return false };
        match grows.growing.wait(grows.invocation, self.end) {
            Grown::Words(words, barrier) => {
                self.barrier = barrier.unwrap_or(self.barrier);
                (self.chunk, self.next) = (Cow::Owned(words), 0);
                true
            }
            Grown::Cut => {
                self.barrier = self.end;
                true
            }
            Grown::Over => false,
        }
    }

    /// Puts aside what lies past the barrier. The first decision of `window` is the one after number `end`.
    fn clip(&mut self, window: Window) -> Window {
        let (count, room) = (u64::from(window.len()), self.barrier - self.end);
        self.end += count.min(room);
        if count <= room {
            return window;
        }
        let (window, rest) = window.split(room as u32);
        self.rest = rest;
        window
    }
}

/// What became of a bit that should have had some value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It had, and more follow.
    Yes,
    /// It had, and was the last before the end or the barrier.
    Last,
    /// It had not, or there is none.
    No,
}

/// Reads a decision stream on its own, without the code that says which decision comes next.
#[derive(Debug)]
pub struct DecisionReader<'t> {
    window: Window,
    source: Source<'t>,
    last_target: u32,
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#066b}", self.0)
    }
}

impl<'t> DecisionReader<'t> {
    /// Reads from the first word on.
    pub fn new(chunks: Chunks<'t>) -> Self {
        let (source, window) = Source::new(chunks);
        Self { window, source, last_target: 0 }
    }

    /// Reads on from decision number `position`, of chunks that begin with decision number `first`, where
    /// another reader left off with this [target](Self::last_target). `None` if there are not as many.
    pub(crate) fn at(chunks: Chunks<'t>, first: u64, position: u64, last_target: u32) -> Option<Self> {
        let (source, window) = Source::at(chunks, first, position)?;
        Some(Self { window, source, last_target })
    }

    /// The target that was read last; 0 before the first.
    pub(crate) fn last_target(&self) -> u32 {
        self.last_target
    }

    /// Number of decisions read, in bits.
    pub fn position(&self) -> u64 {
        self.source.position(self.window)
    }

    /// Whether no decision is left, or the next word is corrupt.
    pub fn is_at_end(&self) -> bool {
        self.window.is_spent()
    }

    /// Lets decisions be read up to number `barrier` and no further.
    pub(crate) fn set_barrier(&mut self, barrier: u64) -> Result<(), DecisionError> {
        self.window = self.source.set_barrier(self.window, barrier)?;
        Ok(())
    }

    /// Whether the stream is sound and read to its end.
    pub(crate) fn is_finished(&self) -> bool {
        self.window.is_spent() && self.source.is_at_end()
    }

    /// Takes a bit if it is `expected`.
    #[inline(always)]
    pub(crate) fn takes(&mut self, expected: bool) -> Taken {
        let before = self.window;
        let bit = self.window.take_bit();
        if bit == expected && !self.window.is_low() {
            return Taken::Yes;
        }
        self.look(before, bit == expected)
    }

    #[cold]
    #[inline(never)]
    fn look(&mut self, before: Window, is_expected: bool) -> Taken {
        if !is_expected || before.is_spent() {
            self.window = before;
            return Taken::No;
        }
        self.window = self.source.next_window();
        if self.window.is_spent() { Taken::Last } else { Taken::Yes }
    }

    /// Reads one bit.
    ///
    /// # Errors
    /// When none is left or the next word is corrupt.
    pub fn bit(&mut self) -> Result<bool, DecisionError> {
        let bit = self.window.take_bit();
        self.refill()?;
        Ok(bit)
    }

    /// Reads a field of `width` bits, 1 to 63.
    ///
    /// # Errors
    /// As for [`Self::bit`], and when the word holds some but not all of them, or the width is out of range.
    pub fn bits(&mut self, width: u32) -> Result<u64, DecisionError> {
        let field = if (1..64).contains(&width) { self.window.take_field(width) } else { None };
        let field = field.ok_or_else(|| self.source.too_short(self.window, width))?;
        self.refill()?;
        Ok(field)
    }

    /// Reads a target: the key of a function.
    ///
    /// # Errors
    /// As for [`Self::bits`].
    pub fn target(&mut self) -> Result<u32, DecisionError> {
        let field = self.bits(stream::target_bits(self.window.ahead()))?;
        self.last_target = stream::read_target(field, self.last_target);
        Ok(self.last_target)
    }

    fn refill(&mut self) -> Result<(), DecisionError> {
        if self.window.is_low() {
            self.window = self.source.refill(self.window)?;
        }
        Ok(())
    }
}

/// Writes a decision stream as the recorder does.
#[cfg(test)]
pub(super) struct Writer {
    window: u64,
    words: Vec<u64>,
    last_target: u32,
}

#[cfg(test)]
impl Writer {
    pub(super) fn new() -> Self {
        Self { window: 1, words: Vec::new(), last_target: 0 }
    }

    pub(super) fn bit(&mut self, bit: bool) -> &mut Self {
        self.field(u64::from(bit), 1)
    }

    pub(super) fn bits(&mut self, bits: &[u8]) -> &mut Self {
        for &bit in bits {
            self.bit(bit != 0);
        }
        self
    }

    pub(super) fn field(&mut self, value: u64, width: u32) -> &mut Self {
        if self.window.leading_zeros() < width {
            self.flush();
        }
        self.window = (self.window << width) | value;
        if self.window >> 63 != 0 {
            self.flush();
        }
        self
    }

    pub(super) fn target(&mut self, key: u32) -> &mut Self {
        let last = std::mem::replace(&mut self.last_target, key);
        stream::write_target(key, last, |field, width| self.field(field, width))
    }

    /// Ends the current word, even if it holds nothing.
    pub(super) fn flush(&mut self) -> &mut Self {
        self.words.push(std::mem::replace(&mut self.window, 1));
        self
    }

    pub(super) fn position(&self) -> u64 {
        let full: u32 = self.words.iter().map(|word| stream::decisions_in(*word)).sum();
        u64::from(full + stream::decisions_in(self.window))
    }

    pub(super) fn finish(&mut self) -> Vec<u64> {
        self.flush();
        std::mem::take(&mut self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(words: &[u64]) -> DecisionReader<'_> {
        DecisionReader::new(Box::new(words.chunks(2).map(Cow::Borrowed)))
    }

    #[test]
    fn fields_come_back_as_written() {
        let mut writer = Writer::new();
        for n in 0..1000u64 {
            let width = 1 + (n * 7 % 40) as u32;
            writer
                .field((n * 0x9e37_79b9) & ((1 << width) - 1), width)
                .bit(n % 3 == 0)
                .target((n * n % 700) as u32);
            if n % 50 == 0 {
                writer.flush().flush();
            }
        }
        let (end, words) = (writer.position(), writer.finish());
        let mut reader = reader(&words);
        for n in 0..1000u64 {
            let width = 1 + (n * 7 % 40) as u32;
            assert_eq!(reader.bits(width), Ok((n * 0x9e37_79b9) & ((1 << width) - 1)), "field {n}");
            assert_eq!(reader.bit(), Ok(n % 3 == 0), "bit {n}");
            assert_eq!(reader.target(), Ok((n * n % 700) as u32), "target {n}");
        }
        assert!(reader.is_at_end());
        assert_eq!(reader.position(), end);
        assert_eq!(reader.bit().unwrap_err().kind, DecisionErrorKind::Exhausted);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (words, width, kind) in [
            (&[][..], 1, DecisionErrorKind::Exhausted),
            (&[1, 1, 1], 1, DecisionErrorKind::Exhausted),
            (&[1, 0, 0b11], 1, DecisionErrorKind::ZeroWord),
            (&[0b101, 0b111], 3, DecisionErrorKind::Crossing { width: 3, left: 2 }),
            (&[u64::MAX], 64, DecisionErrorKind::Crossing { width: 64, left: 63 }),
            (&[u64::MAX], 0, DecisionErrorKind::Crossing { width: 0, left: 63 }),
        ] {
            assert_eq!(reader(words).bits(width).unwrap_err().kind, kind, "{words:?}");
        }
    }

    #[test]
    fn a_zero_word_spoils_nothing_before_it() {
        let mut reader = reader(&[0b101, 0, 0b11]);
        assert_eq!((reader.bit(), reader.bit()), (Ok(false), Ok(true)));
        for _ in 0..2 {
            assert_eq!(
                reader.bit().unwrap_err(),
                DecisionError { kind: DecisionErrorKind::ZeroWord, position: 2 }
            );
        }
    }

    #[test]
    fn a_barrier_anywhere_stops_and_lets_go() {
        let words = [0b1_0110_1001, 1, (1 << 63) | 0x0123_4567_89ab_cdef];
        let mut all = Vec::new();
        let mut plain = reader(&words);
        while !plain.is_at_end() {
            all.push(plain.bit().unwrap());
        }
        assert_eq!(all.len(), 8 + 63);
        for first in 0..=all.len() as u64 {
            for second in first..=all.len() as u64 {
                let (mut source, mut window) = Source::new(Box::new([Cow::Borrowed(&words[..])].into_iter()));
                let mut read = Vec::new();
                for barrier in [first, second, u64::MAX] {
                    window = source.set_barrier(window, barrier).unwrap();
                    while !window.is_spent() {
                        read.push(window.take_bit());
                        if window.is_low() {
                            window = source.refill(window).unwrap();
                        }
                    }
                    assert_eq!(source.position(window), barrier.min(all.len() as u64), "{first} {second}");
                }
                assert_eq!(read, all, "{first} {second}");
            }
        }
    }
}
