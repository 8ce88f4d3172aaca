//! Whether what a run keeps is stirred: after a while each of some numbers depends on all bits of the others.
//!
//! That is what hashes and ciphers do with what they keep, whatever their operators are: tables, products,
//! vectors. Counters, sums and pointers depend on few others, and not the other way round. Numbers with
//! fractions are left out: physics stirs them, too.

use std::collections::BTreeSet;

use super::{
    Taint,
    label::{Label, Labels},
    limits::{STIRRED_FRAMES, STIRRED_SLOTS, STIRRED_WORDS},
    operation::Operation,
    scalar::{CLEAN, Word},
};
use crate::values::visitor::Access;

/// Bytes of a number that are looked at.
const WIDTH: usize = 4;

/// Words of memory that are read before they are written, by memory and address.
#[derive(Debug, Default)]
pub(super) struct Kept {
    read: BTreeSet<(u32, u64)>,
    written: BTreeSet<(u32, u64)>,
    kept: BTreeSet<(u32, u64)>,
}

impl Kept {
    pub(super) fn note(&mut self, access: Access) {
        let at = (access.memory, access.address);
        if access.len < WIDTH as u64 || self.read.len() + self.written.len() >= 64 * STIRRED_WORDS {
            return;
        }
        match access.is_write {
            false if !self.written.contains(&at) => _ = self.read.insert(at),
            true if !self.read.contains(&at) => _ = self.written.insert(at),
            true if self.kept.len() < STIRRED_WORDS => _ = self.kept.insert(at),
            _ => {}
        }
    }
}

/// The numbers that got labels of their own: slots of frames, globals, words of memory.
#[derive(Debug)]
pub(crate) struct Marks {
    slots: Vec<usize>,
    globals: usize,
    words: Vec<(u32, u64)>,
    first: u32,
}

impl Marks {
    fn len(&self) -> usize {
        self.slots.len() + self.globals + self.words.len()
    }
}

impl Taint<'_> {
    /// Gives what frames, globals and memory keep at this moment labels of their own. Of memory those words
    /// are known that were used since it was called before.
    pub(crate) fn mark(&mut self) -> Marks {
        let from = self.frames.len().saturating_sub(STIRRED_FRAMES);
        let mut slots = Vec::new();
        for (at, &fp) in self.frames.iter().enumerate().skip(from) {
            let end = self.frames.get(at + 1).copied().unwrap_or(usize::MAX);
            slots.extend((fp..end).take(STIRRED_SLOTS));
        }
        self.globals.truncate(STIRRED_SLOTS);
        self.globals.resize(STIRRED_SLOTS, [CLEAN; 2]);
        let kept = self.words_kept.replace(Kept::default()).unwrap_or_default();
        let mut marks =
            Marks { slots, globals: self.globals.len(), words: kept.kept.into_iter().collect(), first: 0 };
        (marks.first, _) = self.labels.new_bytes((marks.len() * WIDTH) as u64);
        for (number, &slot) in marks.slots.iter().enumerate() {
            self.set_word(slot, &word(marks.first, number));
        }
        for (number, global) in self.globals.iter_mut().enumerate() {
            global[0] = word(marks.first, marks.slots.len() + number);
        }
        for (number, &(memory, address)) in marks.words.iter().enumerate() {
            let word = word(marks.first, marks.slots.len() + marks.globals + number);
            self.memories.store(memory, address, &word, WIDTH);
        }
        marks
    }

    /// Numbers that depend on each other with all their bytes.
    pub(crate) fn stirred(&self, marks: &Marks) -> usize {
        let slots = marks.slots.iter().map(|&slot| self.word(slot));
        let globals = self.globals.iter().take(marks.globals).map(|global| global[0]);
        let words = marks.words.iter().map(|&(memory, address)| self.memories.word(memory, address, WIDTH));
        let depends: Vec<Vec<bool>> =
            slots.chain(globals).chain(words).map(|word| self.depends(&word[..WIDTH], marks)).collect();
        let on = |a: usize, b: usize| a != b && depends[a].get(b).copied().unwrap_or(false);
        (0..depends.len()).filter(|&a| (0..depends.len()).any(|b| on(a, b) && on(b, a))).count()
    }

    /// On which of the numbers all bytes of one depend.
    fn depends(&self, bytes: &[Label], marks: &Marks) -> Vec<bool> {
        let mut on = vec![true; marks.len()];
        for &label in bytes {
            let node = self.labels.node(label);
            if !label.is_some() || node.path.steps().any(|step| step == Operation::Float) {
                return Vec::new();
            }
            let ranges = self.labels.ranges(&[node.value, node.address]);
            for (number, on) in on.iter_mut().enumerate() {
                let start = marks.first + (number * WIDTH) as u32;
                let holds = |&(from, to): &(u32, u32)| from <= start && start + WIDTH as u32 <= to;
                *on &= ranges.iter().any(holds);
            }
        }
        on
    }
}

/// The labels of a number.
fn word(first: u32, number: usize) -> Word {
    let mut word = CLEAN;
    for (byte, label) in word.iter_mut().enumerate().take(WIDTH) {
        *label = Labels::byte(first + (number * WIDTH + byte) as u32);
    }
    word
}
