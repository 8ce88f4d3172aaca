//! The work of instructions on labels: operands are read from the slots of the frame, results written there.

use crate::{
    module::FuncIndex,
    trace::InstanceIndex,
    values::{
        code::Op,
        slots::Slots,
        visitor::{Access, At, Fused},
    },
};

use super::{
    SourceKind, Taint,
    class::{self, Class, Loaded},
    control::Written,
    label::{Label, Labels},
    limits::{DECIDED_BYTES, MAX_KEYS, MAX_LOOKED_UP, MOVED_BYTES, OTHER_MEMORIES},
    operation::Operation,
    scalar::{self, Bitwise, CLEAN, Tainted, Word, is_clean},
    sink::Sink,
    vector::{self, Wide},
};

/// What an instruction works on: its operands with their labels, and where results go.
pub(super) struct Operands<'o> {
    pub(super) values: &'o [u64],
    pub(super) words: [Word; 6],
    /// The slot of the first result, and how many there are.
    pub(super) to: usize,
    pub(super) results: usize,
}

impl Operands<'_> {
    fn len(&self) -> usize {
        self.values.len()
    }

    fn tainted(&self, index: usize) -> Tainted {
        let value = self.values.get(index).copied().unwrap_or(0);
        Tainted { value, word: self.words.get(index).copied().unwrap_or(CLEAN) }
    }
}

impl Taint<'_> {
    /// The labels of an operand: of a slot of the frame, or of a constant.
    pub(super) fn operand(&mut self, slot: Option<u32>, function: FuncIndex) -> Word {
        match slot {
            Some(slot) => self.word(self.fp + slot as usize),
            None if self.follows() => {
                let word = match self.wants(SourceKind::Immediate, || false) {
                    true => self.give_word(SourceKind::Immediate, &format!("func {}", function.0)),
                    false => CLEAN,
                };
                self.controlled(word, self.control.label())
            }
            None => CLEAN,
        }
    }

    /// An operand is put into its own slot.
    pub(super) fn put_in_place(&mut self, fused: &Fused<'_>, slots: &Slots, to: usize, results: usize) {
        if let Some(last) = fused.operators().last() {
            self.pass(last.offset);
        }
        for (place, slot) in slots.operands.into_iter().enumerate().take(results) {
            let word = self.operand(slot, fused.function);
            self.set_word(to + place, &word);
        }
    }

    /// What an instruction does; `after` takes its result.
    pub(super) fn act(&mut self, at: At<'_>, of: &Operands<'_>, after: Option<&Op>) {
        let class = self.classes[at.op.opcode as usize];
        let words = &of.words;
        match class {
            Class::LocalSet | Class::LocalTee => self.set_all(of.to, &words[..of.len().min(2)]),
            Class::GlobalGet | Class::GlobalSet | Class::Const | Class::LocalGet => {
                self.storage(at, class, of);
            }
            Class::Load(how) => self.load(at, how, of),
            Class::Store { lane } => self.store(at, lane, of),
            Class::Exchange => self.exchange(at, of),
            Class::Select => self.select(of),
            Class::Branch if of.len() > 0 => self.branch(at, &words[0]),
            Class::Call | Class::CallIndirect => {
                if let (Class::CallIndirect, 1..) = (class, of.len()) {
                    let (function, offset) = (at.function, at.op.offset);
                    self.sink(Sink::Call { function, offset }, &words[0]);
                }
                self.top = self.fp + (at.op.top as usize).saturating_sub(of.len());
            }
            Class::Copy | Class::Fill | Class::Init => self.bulk(at, class, of),
            Class::Table => {
                self.address(at, &words[0]);
                let (function, offset) = (at.function, at.op.offset);
                // Which function a later call finds there was decided.
                for word in words.iter().take(of.len()).filter(|word| !is_clean(word)) {
                    self.sink(Sink::Call { function, offset }, word);
                }
                self.set_clean(of);
            }
            Class::Vector(how) => self.vector(at, how, of),
            Class::Wide(step) => {
                let words: Vec<_> = words[..of.len()].iter().map(|&word| (word, 8)).collect();
                let word = scalar::mix(&mut self.labels, &words, 8, step);
                self.set_all(of.to, &[word; 2][..of.results.min(2)]);
            }
            Class::Plain | Class::Return => self.set_clean(of),
            _ if of.results == 0 => {}
            _ => {
                let word = self.compute(class, of);
                match after.filter(|after| self.classes[after.opcode as usize] == Class::Branch) {
                    // The result goes nowhere else.
                    Some(op) => self.branch(At { op, ..at }, &word),
                    None => self.set_all(of.to, &[word]),
                }
            }
        }
    }

    fn set_clean(&mut self, of: &Operands<'_>) {
        self.set_all(of.to, &[CLEAN; 2][..of.results.min(2)]);
    }

    fn set_all(&mut self, base: usize, words: &[Word]) {
        let control = self.control.label();
        for (place, word) in words.iter().enumerate() {
            let word = if control.is_some() { self.controlled(*word, control) } else { *word };
            self.set_word(base + place, &word);
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
        let label = self.all(word);
        if label.is_some() {
            let at = self.sinks.next_time();
            self.sinks.take((&mut self.labels, &self.sources), sink, label, at);
        }
    }

    /// The union of all labels of a word.
    fn all(&mut self, word: &Word) -> Label {
        self.memo.union(word, || scalar::all(&mut self.labels, word, 8))
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

    /// What an instruction on numbers makes of its operands. One that it lacks is 0 without labels.
    fn compute(&mut self, class: Class, of: &Operands<'_>) -> Word {
        let (a, b) = (of.tainted(0), of.tainted(1));
        if is_clean(&a.word) && is_clean(&b.word) {
            return CLEAN;
        }
        let place = match self.memo.get(class, &a, &b) {
            Ok(word) => return word,
            Err(place) => place,
        };
        if matches!(class, Class::Bitwise(Bitwise::Xor, _)) {
            self.note_keys(&a, &b, 8);
        }
        let word = self.compute_anew(class, &a, &b);
        self.memo.put(place, word);
        word
    }

    pub(super) fn compute_anew(&mut self, class: Class, a: &Tainted, b: &Tainted) -> Word {
        let labels = &mut self.labels;
        match class {
            Class::Bitwise(how, width) => scalar::bitwise(labels, how, a, b, width),
            Class::Add { width, is_sub } => scalar::add(labels, a, b, width, is_sub),
            Class::Multiply(width) => scalar::multiply(labels, a, b, width),
            Class::Divide { width, is_remainder, is_signed } => {
                scalar::divide(labels, a, b, width, is_remainder, is_signed)
            }
            Class::Shift(shift, width) => vector::shifted(labels, shift, &a.word, b, width),
            Class::Extend { from, width, is_signed } => scalar::extend(&a.word, from, width, is_signed),
            Class::Sign(width) => sign(labels, a, b, width),
            Class::Byte(step) => scalar::mix(labels, &[(a.word, 8), (b.word, 8)], 1, step),
            Class::Mix(step, width) => scalar::mix(labels, &[(a.word, 8), (b.word, 8)], width, step),
            _ => CLEAN,
        }
    }

    pub(super) fn load(&mut self, at: At<'_>, how: Loaded, of: &Operands<'_>) {
        let Some(access) = self.read.take() else { return };
        let mut bytes = [Label::NONE; 16];
        let len = access.len.min(16) as usize;
        let any = self.memories.load(access.memory, access.address, &mut bytes[..len]);
        let address_word = of.words[0];
        let is_looked_up = !is_clean(&address_word);
        if is_looked_up {
            let (function, offset) = (at.function, at.op.offset);
            self.sink(Sink::Address { function, offset }, &address_word);
            if self.options.addresses {
                let address = self.all(&address_word);
                for byte in &mut bytes[..len] {
                    *byte = self.labels.lookup(*byte, address);
                }
            }
        }
        if !any && !is_looked_up && how != Loaded::Lane {
            return self.set_clean(of);
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
                let old = [of.words[1], of.words[2]];
                let mut lanes = Wide::new([0; 2], old).lanes;
                let start = (at.op.names as usize * len).min(16 - len);
                lanes[start..start + len].copy_from_slice(&bytes[..len]);
                vector::slots(&lanes)
            }
        };
        self.set_all(of.to, &words[..of.results.min(2)]);
    }

    fn store(&mut self, at: At<'_>, lane: usize, of: &Operands<'_>) {
        let Some(access) = self.written.take() else { return };
        self.address(at, &of.words[0]);
        let lanes = Wide::new([0; 2], [of.words[1], of.words[2]]).lanes;
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

    fn address(&mut self, at: At<'_>, word: &Word) {
        if !is_clean(word) {
            let (function, offset) = (at.function, at.op.offset);
            self.sink(Sink::Address { function, offset }, word);
        }
    }

    fn bulk(&mut self, at: At<'_>, class: Class, of: &Operands<'_>) {
        let (read, written) = (self.read.take(), self.written.take());
        for (place, word) in of.words.iter().enumerate().take(of.len()) {
            if class != Class::Fill || place != 1 {
                self.address(at, word);
            }
        }
        // Where nothing is moved the run does not say in which memory.
        let memories = written.map_or(0..=OTHER_MEMORIES, |to| to.memory..=to.memory);
        if let Some(to) = written {
            self.bytes_moved(at, class, (read, to), of);
        }
        // Those that were moved have their labels by then.
        for memory in memories {
            self.would_move(memory, of);
        }
    }

    fn bytes_moved(
        &mut self,
        at: At<'_>,
        class: Class,
        (read, to): (Option<Access>, Access),
        of: &Operands<'_>,
    ) {
        match (class, read) {
            (Class::Copy, Some(from)) => {
                self.memories.copy((to.memory, to.address), (from.memory, from.address), to.len);
                if self.options.addresses && !is_clean(&of.words[1]) {
                    self.looked_up(to, &of.words[1]);
                }
            }
            (Class::Fill, _) => {
                let label = of.words[1][0];
                self.memories.fill(to.memory, to.address, to.len, label);
            }
            _ => {
                let name = format!("segment {}", at.op.names);
                let offset = of.values.get(1).copied();
                self.give_memory(to.memory, to.address, to.len, (SourceKind::Data, &name, offset));
                if self.options.addresses && !is_clean(&of.words[1]) {
                    self.looked_up(to, &of.words[1]);
                }
            }
        }
    }

    /// How much is moved, or from where, was decided: the bytes beyond might have been written, too.
    fn would_move(&mut self, memory: u32, of: &Operands<'_>) {
        let [address, _, len] = [0, 1, 2].map(|index| of.values.get(index).copied().unwrap_or(0));
        let deciding = [1, 2].map(|index| scalar::all(&mut self.labels, &of.words[index], 8));
        for label in deciding.into_iter().filter(|label| label.is_some()) {
            if self.decides(label) {
                for place in 0..len.clamp(MOVED_BYTES, DECIDED_BYTES) {
                    let at = address.wrapping_add(place);
                    let byte = self.labels.controlled(self.memories.get(memory, at), label);
                    self.memories.set(memory, at, byte);
                }
                self.pay(len.clamp(MOVED_BYTES, DECIDED_BYTES));
            }
        }
    }

    /// Bytes were copied from where something said: the first of them are marked so.
    fn looked_up(&mut self, to: Access, from: &Word) {
        let address = self.all(from);
        for place in 0..to.len.min(MAX_LOOKED_UP) {
            let at = to.address.wrapping_add(place);
            let label = self.memories.get(to.memory, at);
            let label = self.labels.lookup(label, address);
            self.memories.set(to.memory, at, label);
        }
    }

    fn vector(&mut self, at: At<'_>, how: class::Vector, of: &Operands<'_>) {
        let is_scalar_last = matches!(how, class::Vector::Shift(..) | class::Vector::Replace(_));
        let count = of.len() / 2;
        let wides: Vec<Wide> = (0..count)
            .map(|number| {
                let [low, high] = [0, 1].map(|half| of.tainted(2 * number + half));
                Wide::new([low.value, high.value], [low.word, high.word])
            })
            .collect();
        let scalar = match of.len() {
            0 => return,
            len if is_scalar_last || count == 0 => of.tainted(len - 1),
            _ => Tainted { value: 0, word: CLEAN },
        };
        if how == class::Vector::Bitwise(Bitwise::Xor) {
            for half in 0..2 {
                let (a, b) = (of.tainted(half), of.tainted(2 + half));
                self.note_keys(&a, &b, 8);
            }
        }
        let index = at.op.names as usize;
        let given = vector::Given { scalar, index, picks: self.picks };
        let words = vector::apply(&mut self.labels, how, &wides, &given);
        self.set_all(of.to, &words[..of.results.min(2)]);
    }

    fn select(&mut self, of: &Operands<'_>) {
        let half = of.results.min(2);
        let from = if of.values.last().is_some_and(|&condition| condition as u32 != 0) { 0 } else { half };
        let mut words = [CLEAN; 2];
        words[..half].copy_from_slice(&of.words[from..from + half]);
        let condition = of.words[2 * half];
        if (self.options.control || self.options.choices) && !is_clean(&condition) {
            let label = scalar::all(&mut self.labels, &condition, 8);
            words = words.map(|word| self.controlled(word, label));
        }
        self.set_all(of.to, &words[..half]);
    }

    /// Operators on globals, and constants.
    fn storage(&mut self, at: At<'_>, class: Class, of: &Operands<'_>) {
        let index = at.op.names as usize;
        match class {
            Class::GlobalGet => {
                let words = self.globals.get(index).copied().unwrap_or([CLEAN; 2]);
                self.set_all(of.to, &words[..of.results.min(2)]);
            }
            Class::GlobalSet => {
                let words = [of.words[0], of.words[1]];
                if self.globals.len() <= index {
                    if words.iter().all(is_clean) {
                        return;
                    }
                    self.globals.resize(index + 1, [CLEAN; 2]);
                }
                self.globals[index] = words;
            }
            _ => {
                let word = self.operand(None, at.function);
                let more = if of.results > 1 { self.operand(None, at.function) } else { CLEAN };
                self.set_all(of.to, &[word, more][..of.results.min(2)]);
            }
        }
    }

    /// An atomic operator that reads and writes.
    fn exchange(&mut self, at: At<'_>, of: &Operands<'_>) {
        let (read, written) = (self.read.take(), self.written.take());
        self.address(at, &of.words[0]);
        let mut old = CLEAN;
        if let Some(access) = read {
            self.memories.load(access.memory, access.address, &mut old[..access.len.min(8) as usize]);
        }
        let words = [(old, 8), (of.words[1], 8), (of.words[2], 8)];
        // What was expected decides whether anything is written.
        let expected = scalar::all(&mut self.labels, &of.words[1], 8);
        if let Some(access) = read.filter(|_| written.is_none() && expected.is_some()) {
            for (place, &label) in (0..access.len.min(8)).zip(&old) {
                let label = self.labels.controlled(label, expected);
                self.memories.set(access.memory, access.address.wrapping_add(place), label);
            }
        }
        if let Some(access) = written {
            let new = scalar::mix(&mut self.labels, &words, access.len.min(8) as usize, Operation::Lanes);
            for (place, &label) in (0..access.len.min(8)).zip(&new) {
                self.memories.set(access.memory, access.address.wrapping_add(place), label);
            }
        }
        self.set_all(of.to, &[old][..of.results.min(1)]);
    }

    /// What decides where the run goes on.
    fn branch(&mut self, at: At<'_>, word: &Word) {
        if is_clean(word) {
            return;
        }
        let (function, offset) = (at.function, at.op.offset);
        self.sink(Sink::Branch { function, offset }, word);
        self.condition(at.instance, (function, offset), word);
    }

    /// A condition holds from here on, if those of its sources are followed.
    pub(super) fn condition(
        &mut self,
        instance: InstanceIndex,
        (function, offset): (FuncIndex, u32),
        word: &Word,
    ) {
        if !self.options.control && !self.options.deciding {
            return;
        }
        let label = scalar::all(&mut self.labels, word, 8);
        if !self.options.control && !self.decides(label) {
            return;
        }
        let module = self.trace.instances.get(instance.0 as usize).map(|instance| instance.module);
        let Some(module) = module.and_then(|module| self.trace.modules.get(module)) else { return };
        let depth = self.frames.len();
        let is_deciding = !self.options.control;
        let at = (function, offset, depth);
        let writes = self.control.begin(&mut self.labels, module, at, label, is_deciding);
        self.would_write(&writes);
    }

    /// What code would write, were it executed, is decided by what decides that.
    fn would_write(&mut self, writes: &[Written]) {
        let control = self.control.label();
        for written in writes {
            match *written {
                Written::Local(first, len) => {
                    for slot in first..first + len {
                        let word = self.word(self.fp + slot as usize);
                        let word = self.controlled(word, control);
                        self.set_word(self.fp + slot as usize, &word);
                    }
                }
                Written::Global(index) => {
                    let index = index as usize;
                    if self.globals.len() <= index {
                        self.globals.resize(index + 1, [CLEAN; 2]);
                    }
                    self.globals[index] = self.globals[index].map(|word| self.controlled(word, control));
                }
                Written::Memory(memory, address, len) => {
                    for place in 0..len.min(DECIDED_BYTES) {
                        let at = address.wrapping_add(place);
                        let label = self.labels.controlled(self.memories.get(memory, at), control);
                        self.memories.set(memory, at, label);
                    }
                    self.pay(len.min(DECIDED_BYTES));
                }
                Written::Leave => {}
            }
        }
        self.pay(writes.len() as u64);
    }

    /// Ends the conditions that an instruction is not under.
    #[inline(always)]
    pub(super) fn pass(&mut self, offset: u32) {
        if self.control.is_on() {
            self.control.pass(self.frames.len(), offset);
            self.pay(1);
        }
    }

    /// Pays for what is looked at for the sake of decisions. What there is no room for is not followed.
    fn pay(&mut self, steps: u64) {
        if !self.options.control && !self.control.pay(steps) {
            self.bytes_lost += 1;
            self.options.deciding = false;
        }
    }
}

/// `abs`, `neg` and `copysign`: only the highest byte is another.
fn sign(labels: &mut Labels, a: &Tainted, b: &Tainted, width: usize) -> Word {
    let mut word = a.word;
    word[width - 1] = labels.join(word[width - 1], b.word[width - 1], Operation::Float);
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
