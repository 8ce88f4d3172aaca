//! The times at which bytes exist. Each is a place in a memory where they come to stand, with the moments
//! between which they stand there, and with what wrote them. Also the times at which a value is computed.

use std::collections::BTreeMap;

use memchr::memmem;

use crate::{
    module::{CodeOffset, FuncIndex, Opcode},
    trace::{End, FuncKey},
};

use super::code::Op;
use super::limits::{MAX_FOUND, MAX_PATTERN, MAX_STANDING};
use super::visitor::{Access, At, Visitor};
use super::writers::{Hand, Writer, hand_follows};

/// Bytes that stood in a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Which of the patterns.
    pub pattern: usize,
    /// Number of the memory.
    pub memory: u32,
    /// Their first address.
    pub address: u64,
    /// The moment from which they stood there: that before which so many instructions were executed.
    pub from: u64,
    /// The first moment at which they did not any more; `None` if they did to the end.
    pub until: Option<u64>,
    /// Whose write made them whole.
    pub by: Writer,
}

/// Bytes that are looked for.
#[derive(Debug)]
struct Pattern {
    finder: memmem::Finder<'static>,
    /// For each of its beginnings: how many of its last bytes are the first of the pattern, too.
    borders: Vec<usize>,
}

impl Pattern {
    fn new(needle: &[u8]) -> Self {
        let mut borders = vec![0; needle.len()];
        for end in 1..needle.len() {
            let mut border = borders[end - 1];
            while border > 0 && needle[border] != needle[end] {
                border = borders[border - 1];
            }
            borders[end] = border + usize::from(needle[border] == needle[end]);
        }
        Self { finder: memmem::Finder::new(needle).into_owned(), borders }
    }

    fn len(&self) -> usize {
        self.borders.len()
    }

    /// Where it stands in bytes, in order, also where it stands over itself. That takes as long as the bytes
    /// are, whatever they are (Knuth, Morris and Pratt).
    fn each(&self, bytes: &[u8], mut on: impl FnMut(usize)) {
        let (needle, whole) = (self.finder.needle(), self.borders[self.len() - 1]);
        let mut next = 0;
        while let Some(found) = self.finder.find(&bytes[next..]) {
            on(next + found);
            next += found + needle.len();
            let mut border = whole;
            while border > 0 {
                let Some(&byte) = bytes.get(next) else { return };
                while border > 0 && needle[border] != byte {
                    border = self.borders[border - 1];
                }
                border += usize::from(needle[border] == byte);
                next += 1;
                if border == needle.len() {
                    on(next - needle.len());
                    border = whole;
                }
            }
        }
    }
}

/// Looks for bytes in all memories: a visitor.
#[derive(Debug)]
pub struct FindBytes {
    patterns: Vec<Pattern>,
    /// Those that stand now, by pattern, memory and address: their number in `found`.
    standing: BTreeMap<(usize, u32, u64), usize>,
    found: Vec<Found>,
    last: Option<Found>,
    more: u64,
    hand: Hand,
}

impl FindBytes {
    /// Looks for these patterns, each of 1 to [`MAX_PATTERN`] bytes; others are not found.
    pub fn new(patterns: &[Vec<u8>]) -> Self {
        let fits = |pattern: &&Vec<u8>| !pattern.is_empty() && pattern.len() <= MAX_PATTERN;
        Self {
            patterns: patterns.iter().filter(fits).map(|pattern| Pattern::new(pattern)).collect(),
            standing: BTreeMap::new(),
            found: Vec::new(),
            last: None,
            more: 0,
            hand: Hand::default(),
        }
    }

    /// What was found, in the order in which it came to stand.
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// What came to stand last, told or not.
    pub fn last(&self) -> Option<&Found> {
        self.last.as_ref()
    }

    /// Places that were found beyond those that are told. When very many stand at once, one that is written
    /// again as it was counts again.
    pub fn more(&self) -> u64 {
        self.more
    }

    fn look(&mut self, event: u64, memory: u32, bytes: &[u8], written: (u64, u64), by: Writer) {
        let (begin, end) =
            (written.0 as usize, (written.0.saturating_add(written.1) as usize).min(bytes.len()));
        let patterns = std::mem::take(&mut self.patterns);
        for (number, pattern) in patterns.iter().enumerate() {
            let first = begin.saturating_sub(pattern.len() - 1);
            let window = first..end.saturating_add(pattern.len() - 1).min(bytes.len());
            let Some(window) = bytes.get(window) else { continue };
            // Those that the write touched; what is not found again is none any more.
            let touched = (number, memory, first as u64)..(number, memory, end as u64);
            let before: Vec<u64> = self.standing.range(touched).map(|((.., address), _)| *address).collect();
            let mut before = before.into_iter().peekable();
            pattern.each(window, |at| {
                let address = (first + at) as u64;
                while let Some(gone) = before.next_if(|old| *old < address) {
                    self.goes((number, memory, gone), event);
                }
                if before.next_if_eq(&address).is_none() {
                    self.comes(Found { pattern: number, memory, address, from: event, until: None, by });
                }
            });
            before.for_each(|gone| self.goes((number, memory, gone), event));
        }
        self.patterns = patterns;
    }

    fn comes(&mut self, found: Found) {
        let is_told = self.found.len() < MAX_FOUND;
        if self.standing.len() < MAX_STANDING {
            // Beyond the last that is told, this is the number of none.
            self.standing.insert((found.pattern, found.memory, found.address), self.found.len());
        }
        self.last = Some(found);
        match is_told {
            true => self.found.push(found),
            false => self.more += 1,
        }
    }

    fn goes(&mut self, place: (usize, u32, u64), event: u64) {
        let number = self.standing.remove(&place);
        if let Some(found) = number.and_then(|number| self.found.get_mut(number)) {
            found.until = Some(event);
        }
        let is_it = |found: &&mut Found| (found.pattern, found.memory, found.address) == place;
        if let Some(last) = self.last.as_mut().filter(is_it) {
            last.until = Some(event);
        }
    }
}

impl Visitor for FindBytes {
    const MEMORY: bool = true;
    const WRITES: bool = true;

    hand_follows!();

    fn segment(&mut self, _: u32, _: u64, _: &[u8]) {
        self.hand.segment();
    }

    fn written(&mut self, event: u64, memory: u32, bytes: &[u8], address: u64, len: u64) {
        let by = self.hand.take(event);
        self.look(event, memory, bytes, (address, len), by);
    }
}

/// An instruction that gave a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// Instructions executed before it.
    pub event: u64,
    /// Its function.
    pub function: FuncIndex,
    /// Where it stands in the module.
    pub offset: CodeOffset,
    /// What it is.
    pub opcode: Opcode,
}

/// Looks for instructions that give a value: a visitor. Those that only move it (`local.get`, `local.tee`,
/// constants) do not count.
#[derive(Debug, Clone, Default)]
pub struct FindValue {
    slots: Vec<u64>,
    found: Vec<Given>,
    last: Option<Given>,
    count: u64,
}

impl FindValue {
    /// Looks for one of these slots.
    pub fn new(slots: Vec<u64>) -> Self {
        Self { slots, ..Self::default() }
    }

    /// Adds what was found in a later part of the same run.
    #[must_use]
    pub fn then(mut self, later: Self) -> Self {
        let room = MAX_FOUND - self.found.len();
        self.found.extend(later.found.into_iter().take(room));
        self.last = later.last.or(self.last);
        self.count += later.count;
        self
    }

    /// The first that were found.
    pub fn found(&self) -> &[Given] {
        &self.found
    }

    /// The last.
    pub fn last(&self) -> Option<&Given> {
        self.last.as_ref()
    }

    /// How often it was given.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl Visitor for FindValue {
    const INSTRUCTIONS: bool = true;

    fn instruction(&mut self, at: At<'_>, _: &[u64], results: &[u64]) {
        if !results.iter().any(|slot| self.slots.contains(slot)) {
            return;
        }
        let is_moved = matches!(
            at.op.opcode,
            Opcode::LocalGet
                | Opcode::LocalTee
                | Opcode::I32Const
                | Opcode::I64Const
                | Opcode::F32Const
                | Opcode::F64Const
        );
        if is_moved {
            return;
        }
        let given = Given {
            event: at.number,
            function: at.function,
            offset: CodeOffset(at.op.offset),
            opcode: at.op.opcode,
        };
        self.count += 1;
        self.last = Some(given);
        if self.found.len() < MAX_FOUND {
            self.found.push(given);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_found_wherever_it_stands() {
        let text: Vec<u8> = (0..4000_u32).map(|n| b"ab"[(n * n / 7 % 3 % 2) as usize]).collect();
        for needle in ["a", "b", "ab", "aa", "aba", "abab", "aabaa", "bbb", "abaabaab"] {
            let mut found = Vec::new();
            Pattern::new(needle.as_bytes()).each(&text, |at| found.push(at));
            let windows = text.windows(needle.len()).enumerate();
            let expected: Vec<usize> =
                windows.filter(|(_, window)| *window == needle.as_bytes()).map(|(at, _)| at).collect();
            assert_eq!(found, expected, "{needle}");
        }
    }

    #[test]
    fn places_that_overlap_and_those_beyond_the_told_are_counted() {
        let mut find = FindBytes::new(&[b"AAAA".to_vec()]);
        let by = Writer::Segment { event: 0 };
        let mut memory = vec![b'A'; MAX_FOUND + 100];
        let len = memory.len() as u64;
        find.look(1, 0, &memory, (0, len), by);
        assert_eq!((find.found().len(), find.more()), (MAX_FOUND, 97));
        // Written again as it was, and one byte that ends the four that it is in.
        find.look(2, 0, &memory, (0, len), by);
        assert_eq!(find.more(), 97);
        memory[50] = b'B';
        find.look(3, 0, &memory, (50, 1), by);
        let ended: Vec<u64> =
            find.found().iter().filter(|found| found.until == Some(3)).map(|found| found.address).collect();
        assert_eq!(ended, [47, 48, 49, 50]);
        let place = |find: &FindBytes| find.last().map(|found| (found.address, found.from, found.until));
        assert_eq!(place(&find), Some((len - 4, 1, None)));
        memory[len as usize - 1] = b'B';
        find.look(4, 0, &memory, (len - 1, 1), by);
        assert_eq!(place(&find), Some((len - 4, 1, Some(4))));
    }
}
