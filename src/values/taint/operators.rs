//! What instructions do to labels: operands are read from the slots of the frame, results written there.

use crate::values::visitor::At;

use super::{
    SourceKind, Taint,
    class::{self, Class, Loaded},
    label::{Label, Labels},
    limits::MAX_KEYS,
    scalar::{self, Bitwise, CLEAN, Tainted, Word, is_clean},
    sink::Sink,
    step::Step,
    vector::{self, Wide},
};

impl Taint<'_> {
    pub(super) fn fp(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.fp)
    }

    /// A value of an operand with its labels.
    pub(super) fn tainted(&self, base: usize, operands: &[u64], index: usize) -> Tainted {
        let value = operands.get(index).copied().unwrap_or(0);
        Tainted { value, word: self.slots.get(base + index) }
    }

    pub(super) fn set_all(&mut self, base: usize, words: &[Word]) {
        let control = self.control.label();
        for (place, word) in words.iter().enumerate() {
            let word = if control.is_some() { self.controlled(*word, control) } else { *word };
            self.slots.set(base + place, word);
        }
    }

    /// Bytes that are computed only because of `control`.
    pub(super) fn controlled(&mut self, mut word: Word, control: Label) -> Word {
        for label in &mut word {
            *label = self.labels.controlled(*label, control);
        }
        word
    }

    pub(super) fn sink(&mut self, sink: Sink, word: &Word) {
        let label = scalar::all(&mut self.labels, word, 8);
        if label.is_some() {
            let at = self.sinks.next_time();
            self.sinks.take(&mut self.labels, sink, label, at);
        }
    }

    /// Notes what labelled bytes are xored with.
    pub(super) fn note_keys(&mut self, a: &Tainted, b: &Tainted, width: usize) {
        for (data, key) in [(a, b), (b, a)] {
            for index in 0..width {
                if let Some(byte) = data.word[index].byte()
                    && !key.word[index].is_some()
                    && self.keys.len() < MAX_KEYS
                {
                    self.keys.entry(byte).or_insert((key.value >> (8 * index)) as u8);
                }
            }
        }
    }

    /// What an instruction makes of its operands; `None` if its class is not of this kind.
    pub(super) fn compute(&mut self, class: Class, base: usize, operands: &[u64]) -> Option<Word> {
        let (a, b) = (self.tainted(base, operands, 0), self.tainted(base, operands, 1));
        if is_clean(&a.word) && (operands.len() < 2 || is_clean(&b.word)) {
            return is_number(class).then_some(CLEAN);
        }
        if class == Class::Bitwise(Bitwise::Xor, 4) || class == Class::Bitwise(Bitwise::Xor, 8) {
            self.note_keys(&a, &b, 8);
        }
        let labels = &mut self.labels;
        Some(match class {
            Class::Bitwise(how, width) => scalar::bitwise(labels, how, &a, &b, width),
            Class::Add { width, is_sub } => scalar::add(labels, &a, &b, width, is_sub),
            Class::Multiply(width) => scalar::multiply(labels, &a, &b, width),
            Class::Divide { width, is_remainder, is_signed } => {
                scalar::divide(labels, &a, &b, width, is_remainder, is_signed)
            }
            Class::Shift(shift, width) => vector::shifted(labels, shift, &a.word, &b, width),
            Class::Extend { from, width, is_signed } => scalar::extend(&a.word, from, width, is_signed),
            Class::Sign(width) => sign(labels, &a, &b, operands.len(), width),
            Class::Byte(step) | Class::Mix(step, _) => {
                let words = [(a.word, 8), (if operands.len() > 1 { b.word } else { CLEAN }, 8)];
                let width = if let Class::Mix(_, width) = class { width } else { 1 };
                scalar::mix(labels, &words, width, step)
            }
            _ => return None,
        })
    }

    pub(super) fn load(&mut self, at: At<'_>, how: Loaded, base: usize, results: usize) {
        let Some(access) = self.read.take() else { return };
        let mut bytes = [Label::NONE; 16];
        let len = access.len.min(16) as usize;
        let any = self.memories.load(access.memory, access.address, &mut bytes[..len]);
        let address_word = self.slots.get(base);
        let is_looked_up = !is_clean(&address_word);
        if is_looked_up {
            let (function, offset) = (at.function, at.op.offset);
            self.sink(Sink::Address { function, offset }, &address_word);
            if self.options.addresses {
                let address = scalar::all(&mut self.labels, &address_word, 8);
                for byte in &mut bytes[..len] {
                    *byte = self.labels.lookup(*byte, address);
                }
            }
        }
        if !any && !is_looked_up && how != Loaded::Lane {
            return self.set_all(base, &[CLEAN; 2][..results.min(2)]);
        }
        let words = match how {
            Loaded::Number { width, is_signed } => {
                let mut word = CLEAN;
                word[..len.min(8)].copy_from_slice(&bytes[..len.min(8)]);
                [scalar::extend(&word, len.min(width), width, is_signed), CLEAN]
            }
            Loaded::Vector => vector::slots(&bytes),
            Loaded::Splat => vector::slots(&std::array::from_fn(|index| bytes[index % len.max(1)])),
            Loaded::Widened { lane, is_signed } => widened(&bytes, lane, is_signed),
            Loaded::Lane => {
                let old = [self.slots.get(base + 1), self.slots.get(base + 2)];
                let mut lanes = Wide::new([0; 2], old).lanes;
                let start = (at.op.names as usize * len).min(16 - len);
                lanes[start..start + len].copy_from_slice(&bytes[..len]);
                vector::slots(&lanes)
            }
        };
        self.set_all(base, &words[..results.min(2)]);
    }

    pub(super) fn store(&mut self, at: At<'_>, lane: usize, base: usize) {
        let Some(access) = self.written.take() else { return };
        let address = self.slots.get(base);
        self.address(at, &address);
        let words = [self.slots.get(base + 1), self.slots.get(base + 2)];
        let lanes = Wide::new([0; 2], words).lanes;
        let start = lane * at.op.names as usize;
        let control = self.control.label();
        for place in 0..access.len.min(16) {
            let mut label = lanes.get(start + place as usize).copied().unwrap_or(Label::NONE);
            if control.is_some() {
                label = self.labels.controlled(label, control);
            }
            self.memories.set(access.memory, access.address.wrapping_add(place), label);
        }
    }

    pub(super) fn address(&mut self, at: At<'_>, word: &Word) {
        if !is_clean(word) {
            let (function, offset) = (at.function, at.op.offset);
            self.sink(Sink::Address { function, offset }, word);
        }
    }

    pub(super) fn bulk(&mut self, at: At<'_>, class: Class, base: usize, operands: &[u64]) {
        let (read, written) = (self.read.take(), self.written.take());
        for slot in base..base + operands.len() {
            if class != Class::Fill || slot != base + 1 {
                let word = self.slots.get(slot);
                self.address(at, &word);
            }
        }
        let Some(to) = written else { return };
        match (class, read) {
            (Class::Copy, Some(from)) => {
                self.memories.copy((to.memory, to.address), (from.memory, from.address), to.len);
            }
            (Class::Fill, _) => {
                let label = self.slots.get(base + 1)[0];
                self.memories.fill(to.memory, to.address, to.len, label);
            }
            _ => {
                let name = format!("segment {}", at.op.names);
                let offset = operands.get(1).copied();
                self.give_memory(to.memory, to.address, to.len, (SourceKind::Data, &name, offset));
            }
        }
    }

    pub(super) fn vector(
        &mut self,
        at: At<'_>,
        how: class::Vector,
        base: usize,
        operands: &[u64],
        results: usize,
    ) {
        let is_scalar_last = matches!(how, class::Vector::Shift(..) | class::Vector::Replace(_));
        let count = operands.len() / 2;
        let wides: Vec<Wide> = (0..count)
            .map(|number| {
                let value = |half| operands.get(2 * number + half).copied().unwrap_or(0);
                let word = |half| self.slots.get(base + 2 * number + half);
                Wide::new([value(0), value(1)], [word(0), word(1)])
            })
            .collect();
        let scalar = match operands.len() {
            0 => return,
            len if is_scalar_last || count == 0 => self.tainted(base, operands, len - 1),
            _ => Tainted { value: 0, word: CLEAN },
        };
        if how == class::Vector::Bitwise(Bitwise::Xor) {
            for half in 0..2 {
                let (a, b) = (self.tainted(base, operands, half), self.tainted(base, operands, 2 + half));
                self.note_keys(&a, &b, 8);
            }
        }
        let index = at.op.names as usize;
        let given = vector::Given { scalar, index, picks: self.picks };
        let words = vector::apply(&mut self.labels, how, &wides, &given);
        self.set_all(base, &words[..results.min(2)]);
    }

    pub(super) fn select(&mut self, base: usize, operands: &[u64], results: &[u64]) {
        let half = results.len();
        let from = if operands.last().is_some_and(|&condition| condition as u32 != 0) { 0 } else { half };
        let mut words = [CLEAN; 2];
        for (place, word) in words.iter_mut().enumerate().take(half) {
            *word = self.slots.get(base + from + place);
        }
        let condition = self.slots.get(base + 2 * half);
        if self.options.control && !is_clean(&condition) {
            let label = scalar::all(&mut self.labels, &condition, 8);
            words = words.map(|word| self.controlled(word, label));
        }
        self.set_all(base, &words[..half.min(2)]);
    }

    /// Operators on locals and globals, and constants.
    pub(super) fn storage(&mut self, at: At<'_>, class: Class, base: usize, len: usize) {
        let (fp, index) = (self.fp(), at.op.names as usize);
        match class {
            Class::LocalGet => self.slots.copy_up(fp + index, base, len),
            Class::LocalSet | Class::LocalTee => {
                for place in 0..len {
                    let word = self.slots.get(base + place);
                    self.set_all(fp + index + place, &[word]);
                }
            }
            Class::GlobalGet => {
                let words = self.globals.get(index).copied().unwrap_or([CLEAN; 2]);
                self.set_all(base, &words[..len.min(2)]);
            }
            Class::GlobalSet => {
                let words = [self.slots.get(base), if len > 1 { self.slots.get(base + 1) } else { CLEAN }];
                if self.globals.len() <= index {
                    if words.iter().all(is_clean) {
                        return;
                    }
                    self.globals.resize(index + 1, [CLEAN; 2]);
                }
                self.globals[index] = words;
            }
            _ => {
                let name = match self.wants(SourceKind::Immediate) {
                    true => format!("func {}", at.function.0),
                    false => return self.set_all(base, &[CLEAN; 2][..len.min(2)]),
                };
                self.give_slots(base, len, SourceKind::Immediate, &name);
            }
        }
    }

    /// What decides where the run goes on.
    pub(super) fn branch(&mut self, at: At<'_>, word: &Word) {
        if is_clean(word) {
            return;
        }
        let (function, offset) = (at.function, at.op.offset);
        self.sink(Sink::Branch { function, offset }, word);
        if self.options.control {
            let label = scalar::all(&mut self.labels, word, 8);
            let module = self.trace.instances.get(at.instance.0 as usize).map(|instance| instance.module);
            let module = module.and_then(|module| self.trace.modules.get(module));
            if let Some(module) = module {
                let depth = self.frames.len();
                self.control.begin(&mut self.labels, module.core(), (function, offset), depth, label);
            }
        }
    }
}

fn is_number(class: Class) -> bool {
    matches!(
        class,
        Class::Bitwise(..)
            | Class::Add { .. }
            | Class::Multiply(_)
            | Class::Divide { .. }
            | Class::Shift(..)
            | Class::Extend { .. }
            | Class::Sign(_)
            | Class::Byte(_)
            | Class::Mix(..)
    )
}

/// `abs`, `neg` and `copysign`: only the highest byte is another.
fn sign(labels: &mut Labels, a: &Tainted, b: &Tainted, operands: usize, width: usize) -> Word {
    let mut word = a.word;
    let other = if operands > 1 { b.word[width - 1] } else { Label::NONE };
    word[width - 1] = labels.join(word[width - 1], other, Step::Float);
    word
}

/// Each lane twice as wide.
fn widened(bytes: &[Label; 16], lane: usize, is_signed: bool) -> [Word; 2] {
    let mut lanes = [Label::NONE; 16];
    for number in 0..8 / lane {
        let mut word = CLEAN;
        word[..lane].copy_from_slice(&bytes[number * lane..(number + 1) * lane]);
        let word = scalar::extend(&word, lane, 2 * lane, is_signed);
        lanes[2 * lane * number..2 * lane * (number + 1)].copy_from_slice(&word[..2 * lane]);
    }
    vector::slots(&lanes)
}
