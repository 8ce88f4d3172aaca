//! The times at which bytes exist. Each is a place in a memory where they come to stand, with the moments
//! between which they stand there, and with what wrote them. Also the times at which a value is computed.

use std::collections::BTreeMap;

use memchr::memmem;

use crate::{
    module::{CodeOffset, FuncIndex, Opcode},
    trace::{End, FuncKey},
};

use super::code::Op;
use super::limits::{MAX_FOUND, MAX_PATTERN};
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

/// Looks for bytes in all memories: a visitor.
#[derive(Debug)]
pub struct FindBytes {
    patterns: Vec<memmem::Finder<'static>>,
    /// Those that stand now, by memory, address and pattern: their number in `found`.
    standing: BTreeMap<(u32, u64, usize), usize>,
    found: Vec<Found>,
    more: u64,
    hand: Hand,
}

impl FindBytes {
    /// Looks for these patterns, each of 1 to [`MAX_PATTERN`] bytes; others are not found.
    pub fn new(patterns: &[Vec<u8>]) -> Self {
        let fits = |pattern: &&Vec<u8>| !pattern.is_empty() && pattern.len() <= MAX_PATTERN;
        let patterns = patterns.iter().filter(fits).map(|pattern| memmem::Finder::new(pattern).into_owned());
        Self {
            patterns: patterns.collect(),
            standing: BTreeMap::new(),
            found: Vec::new(),
            more: 0,
            hand: Hand::default(),
        }
    }

    /// What was found, in the order in which it came to stand.
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// Places that were found beyond those that are told.
    pub fn more(&self) -> u64 {
        self.more
    }

    fn look(&mut self, event: u64, memory: u32, bytes: &[u8], written: (u64, u64), by: Writer) {
        let (begin, end) =
            (written.0 as usize, (written.0.saturating_add(written.1) as usize).min(bytes.len()));
        for number in 0..self.patterns.len() {
            let len = self.patterns[number].needle().len();
            let first = begin.saturating_sub(len - 1);
            // Those that the write touched and that are none any more.
            let touched = (memory, first as u64, 0)..(memory, end as u64, 0);
            let gone: Vec<_> = self
                .standing
                .range(touched)
                .filter(|((_, address, pattern), _)| {
                    let at = *address as usize;
                    *pattern == number && bytes.get(at..at + len) != Some(self.patterns[number].needle())
                })
                .map(|(key, position)| (*key, *position))
                .collect();
            for (key, position) in gone {
                self.standing.remove(&key);
                if let Some(found) = self.found.get_mut(position) {
                    found.until = Some(event);
                }
            }
            let window = first..end.saturating_add(len - 1).min(bytes.len());
            let Some(window) = bytes.get(window) else { continue };
            let places: Vec<u64> = self.patterns[number]
                .find_iter(window)
                .take(MAX_FOUND)
                .map(|at| (first + at) as u64)
                .collect();
            for address in places {
                let key = (memory, address, number);
                if self.standing.contains_key(&key) {
                    continue;
                }
                if self.found.len() >= MAX_FOUND {
                    self.more += 1;
                    continue;
                }
                self.standing.insert(key, self.found.len());
                self.found.push(Found { pattern: number, memory, address, from: event, until: None, by });
            }
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
