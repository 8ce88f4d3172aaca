//! The way of most instructions: those on numbers and slots, without control and constants to follow.
//!
//! PERF: labels of slots are numbers of words, and what an operator makes of two of them is looked up by
//! those (`recent`). Only what was not met lately goes byte by byte, by the same rules as all else
//! (`operators`).

use crate::values::{
    code::Op,
    visitor::{Access, Fused, Touched},
};

use super::{
    Taint,
    brief::{Brief, Rule},
    class::Class,
    recent::{Key, Masked, signature},
    scalar::{self, Bitwise, CLEAN, Tainted, Word, is_clean},
    sink::Sink,
    words::WordId,
};

/// An instruction that reads a few slots and constants, and writes at most one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Simple {
    /// The values of its operands.
    values: [u64; 3],
    operands: usize,
    /// The slot of its result, and the result.
    to: Option<usize>,
    result: Option<u64>,
}

impl Taint<'_> {
    /// The word of an operand, of those that are slots of the frame; the others are constants.
    #[inline(always)]
    pub(super) fn word_of(&self, from: &[u32], index: usize) -> WordId {
        from.get(index).map_or(WordId::CLEAN, |&slot| self.slots.get(self.fp + slot as usize))
    }

    /// Whether the condition of a `select` has a label.
    fn is_chosen(&self, fused: &Fused<'_>) -> bool {
        let condition = fused.slots().operands.get(2).copied().flatten();
        condition.is_some_and(|slot| !self.slots.is_clean(self.fp + slot as usize))
    }

    /// What an instruction works on.
    #[inline(always)]
    pub(super) fn simple(&self, to: Option<u32>, (operands, results): (&[u64], &[u64])) -> Simple {
        let value = |index: usize| operands.get(index).copied().unwrap_or(0);
        Simple {
            values: [value(0), value(1), value(2)],
            operands: operands.len(),
            to: to.map(|to| self.fp + to as usize),
            result: results.first().copied(),
        }
    }

    /// Does it; the words of the first two operands are beside it.
    ///
    /// PERF: they come in registers, since two halves just written cannot be read as one without a wait.
    #[inline(never)]
    pub(super) fn quick(
        &mut self,
        fused: &Fused<'_>,
        of: &Simple,
        (word, other): (WordId, WordId),
        touched: Touched,
    ) {
        let Some(op) = fused.own() else { return self.put(of.to, word) };
        let brief = self.briefs[op.opcode as usize];
        match (brief.rule, touched) {
            (Rule::Load | Rule::LoadSigned, Touched::Memory(access)) => {
                let word = self.loaded((op, fused), brief, word, access);
                self.put(of.to, word);
            }
            (Rule::Store, Touched::Memory(access)) => {
                self.address_of((op, fused), word);
                let Access { memory, address, len, .. } = access;
                self.memories.store(memory, address, self.words.get(other), len.min(8) as usize);
            }
            (Rule::Move, _) => self.put(of.to, word),
            (Rule::Select, _) if self.options.choices && self.is_chosen(fused) => {
                let operands = &of.values[..of.operands.min(3)];
                self.fused_as_any(fused, touched, operands, of.result.as_slice());
            }
            (Rule::Select, _) => self.put(of.to, if of.values[2] as u32 != 0 { word } else { other }),
            (Rule::Branch, _) => {
                self.branch_word(fused, op, word);
            }
            (Rule::Other | Rule::Load | Rule::LoadSigned | Rule::Store, _) => {
                let operands = &of.values[..of.operands.min(3)];
                self.fused_as_any(fused, touched, operands, of.result.as_slice());
            }
            _ => self.compute_quickly((op, brief), fused, (word, other), of),
        }
        self.collect_if_full();
    }

    #[inline(always)]
    fn compute_quickly(
        &mut self,
        (op, brief): (&Op, Brief),
        fused: &Fused<'_>,
        (a, b): (WordId, WordId),
        of: &Simple,
    ) {
        let [left, right] = [(0, a), (1, b)]
            .map(|(index, word)| Masked { value: of.values[index], mask: self.words.mask(word) });
        let key = Key::new(op.opcode as u16, a, b, signature(brief, left, right));
        let word = match self.recent.get(&key) {
            Some(word) => word,
            None => self.computed_anew(key, self.classes[op.opcode as usize], (a, b), of),
        };
        match of.to {
            Some(to) => self.slots.set(to, word),
            None => {
                if let Some(op) = fused.after() {
                    self.branch_word(fused, op, word);
                }
            }
        }
    }

    /// What decides where the run goes on.
    #[inline(always)]
    fn branch_word(&mut self, fused: &Fused<'_>, op: &Op, word: WordId) {
        let (function, offset) = (fused.function, op.offset);
        self.sink_word(Sink::Branch { function, offset }, word);
        if word != WordId::CLEAN && self.options.deciding {
            let word = *self.words.get(word);
            self.condition(fused.instance, (function, offset), &word);
        }
    }

    /// Any other instruction.
    #[inline(never)]
    pub(super) fn fused_as_any(
        &mut self,
        fused: &Fused<'_>,
        touched: Touched,
        operands: &[u64],
        results: &[u64],
    ) {
        use crate::values::visitor::Visitor;

        if let Touched::Memory(access) = touched {
            let place = if access.is_write { &mut self.written } else { &mut self.read };
            *place = Some(access);
        }
        self.fused(*fused, operands, results);
    }

    #[inline(always)]
    fn put(&mut self, to: Option<usize>, word: WordId) {
        if let Some(to) = to {
            self.slots.set(to, word);
        }
    }

    #[inline(never)]
    fn computed_anew(&mut self, key: Key, class: Class, (a, b): (WordId, WordId), of: &Simple) -> WordId {
        let [a, b] = [(0, a), (1, b)]
            .map(|(index, word)| Tainted { value: of.values[index], word: *self.words.get(word) });
        let word = match is_clean(&a.word) && is_clean(&b.word) {
            true => CLEAN,
            false => self.compute_byte_by_byte(class, &a, &b),
        };
        let id = self.words.id(&word);
        self.recent.put(key, id);
        id
    }

    fn compute_byte_by_byte(&mut self, class: Class, a: &Tainted, b: &Tainted) -> Word {
        if matches!(class, Class::Bitwise(Bitwise::Xor, _)) {
            self.note_keys(a, b, 8);
        }
        self.compute_anew(class, a, b)
    }

    /// What is loaded.
    #[inline]
    fn loaded(
        &mut self,
        (op, fused): (&Op, &Fused<'_>),
        brief: Brief,
        address: WordId,
        access: Access,
    ) -> WordId {
        let Access { memory, address: place, .. } = access;
        let len = access.len.min(8) as usize;
        let (width, is_signed) = (usize::from(brief.width), brief.rule == Rule::LoadSigned);
        let data = match len {
            1 => self.words.id_of_byte(self.memories.get(memory, place)),
            4 => self.words.id_of_four(&self.memories.word(memory, place, len)),
            _ => self.words.id(&self.memories.word(memory, place, len)),
        };
        self.address_of((op, fused), address);
        let is_looked_up = address.is_some() && self.options.addresses;
        if !is_looked_up && (!is_signed || len >= width) {
            return data;
        }
        let key = match is_looked_up {
            true => Key::lookup(op.opcode as u16, data, address),
            false => Key::new(op.opcode as u16, data, WordId::CLEAN, 0),
        };
        if let Some(known) = self.recent.get(&key) {
            return known;
        }
        let mut word = *self.words.get(data);
        if is_looked_up {
            let address = self.words.all(&mut self.labels, address);
            word[..len].iter_mut().for_each(|byte| *byte = self.labels.lookup(*byte, address));
        }
        let id = self.words.id(&scalar::extend(&word, len.min(width), width, is_signed));
        self.recent.put(key, id);
        id
    }

    #[inline]
    fn address_of(&mut self, (op, fused): (&Op, &Fused<'_>), word: WordId) {
        if word.is_some() {
            let (function, offset) = (fused.function, op.offset);
            self.sink_word(Sink::Address { function, offset }, word);
        }
    }

    #[inline]
    fn sink_word(&mut self, sink: Sink, word: WordId) {
        if word.is_some() {
            let Self { labels, words, sources, .. } = self;
            self.sinks.take_word((labels, words, sources), sink, word);
        }
    }

    /// Drops words that no slot has any more, if there are many.
    #[inline(always)]
    pub(super) fn collect_if_full(&mut self) {
        if self.words.is_full() {
            self.collect();
        }
    }

    /// The slots of all threads keep their words, under new numbers.
    #[inline(never)]
    fn collect(&mut self) {
        self.sinks.forget_words();
        let mut ids = self.slots.all().to_vec();
        for thread in self.threads.parked_mut() {
            ids.extend_from_slice(thread.slots.all());
        }
        self.words.collect(&mut ids);
        let mut rest = &ids[..];
        let parked = self.threads.parked_mut().map(|thread| &mut thread.slots);
        for slots in std::iter::once(&mut self.slots).chain(parked) {
            let (own, behind) = rest.split_at(slots.all().len());
            slots.all().copy_from_slice(own);
            rest = behind;
        }
        self.recent = Default::default();
    }
}
