//! The run as it is told: instructions, calls, and what the host does.

use std::ops::Range;

use crate::{
    module::FuncIndex,
    trace::{
        End, FuncKey,
        effects::{Given, Origin},
    },
};

use crate::values::{
    code::Op,
    limits::MAX_KEPT,
    visitor::{Access, At, Fused, Touched, Visitor},
};

use super::{
    HostCall, SourceKind, Taint,
    label::Label,
    operators::Operands,
    scalar::{self, CLEAN, is_clean},
    sink::Sink,
    source,
};

impl Visitor for Taint<'_> {
    const FUSED: bool = true;
    const SKIPS: bool = true;
    const SLOTTED: bool = true;
    const MEMORY: bool = true;
    const CAN_IDLE: bool = true;

    /// Nothing has a label, and no instruction gives one.
    #[inline]
    fn is_idle(&self) -> bool {
        self.labels.is_empty() && !self.follows_all
    }

    fn arguments_at(&mut self, slot: usize, is_tail: bool) {
        (self.at, self.is_tail) = (slot, is_tail);
    }

    #[inline(always)]
    fn skips(&mut self, from: &[u32], to: Option<u32>, touched: Touched) -> bool {
        if let (Some(kept), Touched::Memory(access)) = (&mut self.words_kept, touched) {
            kept.note(access);
        }
        let is_clean = |slot: &u32| self.slots.is_clean(self.fp + *slot as usize);
        let is_clean_frame = self.slots.is_clean_from(self.fp);
        if self.follows() || !(is_clean_frame || from.iter().all(is_clean)) {
            return false;
        }
        let is_clean = match touched {
            Touched::Frame => true,
            Touched::Global => self.globals.is_empty(),
            Touched::Memory(Access { memory, address, len, .. }) => {
                self.memories.is_clean(memory, address, len)
            }
        };
        if let Some(to) = to.filter(|_| is_clean && !is_clean_frame) {
            self.slots.clean(self.fp + to as usize);
        }
        is_clean
    }

    fn fused(&mut self, fused: Fused<'_>, operands: &[u64], results: &[u64]) {
        let slots = fused.slots();
        let to = self.fp + slots.results as usize;
        let Some(op) = fused.own() else { return self.put_in_place(&fused, &slots, to, results.len()) };
        let at = At { number: fused.number, instance: fused.instance, function: fused.function, op };
        self.pass(op.offset);
        let mut words = [CLEAN; 6];
        for (word, slot) in words.iter_mut().zip(slots.operands).take(operands.len()) {
            *word = self.operand(slot, at.function);
        }
        let of = Operands { values: operands, words, to, results: results.len() };
        self.act(at, &of, fused.after());
        (self.read, self.written) = (None, None);
        self.collect_if_full();
    }

    #[inline(always)]
    fn slotted(
        &mut self,
        fused: Fused<'_>,
        slots: (&[u32], Option<u32>),
        touched: Touched,
        values: (&[u64], &[u64]),
    ) {
        match self.follows() {
            true => self.fused_as_any(&fused, touched, values.0, values.1),
            false => {
                let (from, to) = slots;
                let words = (self.word_of(from, 0), self.word_of(from, 1));
                let simple = self.simple(to, values);
                self.quick(&fused, &simple, words, touched);
            }
        }
    }

    fn zeroed(&mut self, slots: Range<usize>) {
        self.slots.clear(slots);
    }

    fn access(&mut self, _: FuncIndex, _: &Op, access: Access) {
        let place = if access.is_write { &mut self.written } else { &mut self.read };
        *place = Some(access);
        if let Some(kept) = &mut self.words_kept {
            kept.note(access);
        }
    }

    fn lanes(&mut self, lanes: u128) {
        self.picks = lanes;
    }

    fn moved(&mut self, from: u32, to: u32, len: u32) {
        let fp = self.fp;
        self.slots.copy(fp + from as usize, fp + to as usize, len as usize);
    }

    fn invoke(&mut self, _: FuncKey, arguments: &[u64]) {
        let fp = self.at;
        self.bases.push((self.frames.len(), self.hosts.len(), fp));
        self.enter(fp);
        self.give_slots(fp, arguments.len(), SourceKind::Entry, "arguments");
    }

    fn call(&mut self, _: FuncKey, arguments: &[u64], is_tail: bool) {
        let fp = self.at;
        if is_tail {
            self.frames.pop();
            self.slots.copy(self.top.saturating_sub(arguments.len()), fp, arguments.len());
        }
        self.control.leave(self.frames.len());
        self.enter(fp);
    }

    fn leave(&mut self, results: &[u64]) {
        if !self.options.control && self.control.is_on() {
            // Which result it is was decided with the way that led here.
            let control = self.control.label();
            for slot in self.fp..self.fp + results.len() {
                let word = self.word(slot);
                let word = self.controlled(word, control);
                self.set_word(slot, &word);
            }
        }
        // A slot above is written before it is read again.
        self.slots.cut(self.fp + results.len());
        self.leave_to(self.frames.len().saturating_sub(1));
    }

    fn host_call(&mut self, func: FuncKey, record: u64, arguments: &[u64]) {
        let first = if self.is_tail { self.top.saturating_sub(arguments.len()) } else { self.at };
        for index in 0..arguments.len() {
            let word = self.word(first + index);
            if !is_clean(&word) {
                let label = scalar::all(&mut self.labels, &word, 8);
                let sink = Sink::Argument { host: func, index: index as u32 };
                self.sinks.take((&mut self.labels, &self.sources), sink, label, record);
            }
        }
        if self.is_tail {
            self.leave_to(self.frames.len().saturating_sub(1));
        }
        self.hosts.push(HostCall { func, record, at: self.at });
    }

    fn host_return(&mut self, failed: bool, results: &[u64]) {
        let Some(HostCall { func, at, .. }) = self.hosts.pop() else { return };
        // What came from somewhere and was not written is the result.
        let origin = self.origin.take();
        if failed || results.is_empty() {
            return;
        }
        match origin {
            Some(Origin { kind, name, .. }) => {
                self.give_slots(at, results.len(), SourceKind::of(kind), &name);
            }
            None => {
                let name = self.host_name(func);
                self.give_slots(at, results.len(), SourceKind::Answer, &name);
            }
        }
    }

    fn stores(&mut self, slot: u32, memory: u32, address: u64, len: u64) {
        for place in 0..len.min(16) {
            let word = self.word(self.fp + slot as usize + place as usize / 8);
            self.memories.set(memory, address.wrapping_add(place), word[place as usize % 8]);
        }
    }

    fn loads(&mut self, slot: u32, memory: u32, address: u64, len: u64) {
        let (len, mut bytes) = (len.min(16) as usize, [Label::NONE; 16]);
        self.memories.load(memory, address, &mut bytes[..len]);
        for (place, half) in bytes[..len].chunks(8).enumerate() {
            let mut word = CLEAN;
            word[..half.len()].copy_from_slice(half);
            self.set_word(self.fp + slot as usize + place, &word);
        }
    }

    fn throws(&mut self, exception: Option<u32>, operands: Range<u32>, places: &[(u8, u8)]) {
        let (mut packed, fp) = ([CLEAN; 2], self.fp);
        let slot = |slot: u32| *self.words.get(self.slots.get(fp + slot as usize));
        self.thrown.1.clear();
        match exception {
            Some(first) => packed = [slot(first), slot(first + 1)],
            None => self.thrown.1.extend(operands.map(slot)),
        }
        for (word, &(place, width)) in self.thrown.1.iter().zip(places) {
            for (byte, &label) in (usize::from(place)..).zip(&word[..usize::from(width)]) {
                packed[byte / 8][byte % 8] = label;
            }
        }
        self.thrown.0 = packed;
    }

    fn catches(&mut self, exception: Option<u32>, operands: Range<u32>, places: &[(u8, u8)]) {
        let packed = self.thrown.0;
        if let Some(slot) = exception {
            self.set_word(self.fp + slot as usize, &packed[0]);
            self.set_word(self.fp + slot as usize + 1, &packed[1]);
        }
        for (index, slot) in operands.enumerate() {
            let mut word = self.thrown.1.get(index).copied().unwrap_or(CLEAN);
            if let Some(&(place, width)) = places.get(index) {
                for (byte, label) in (usize::from(place)..).zip(&mut word[..usize::from(width)]) {
                    *label = packed[byte / 8][byte % 8];
                }
            }
            self.set_word(self.fp + slot as usize, &word);
        }
    }

    fn host_given(&mut self, origin: &Origin) {
        self.origin = Some(origin.clone());
    }

    fn host_write(&mut self, memory: u32, address: u64, bytes: &[u8]) {
        let len = bytes.len() as u64;
        match self.origin.take() {
            Some(Origin { kind, name, offset }) => {
                let offset = (kind != Given::Clock).then_some(offset);
                self.give_memory(memory, address, len, (SourceKind::of(kind), &name, offset));
            }
            None => {
                let func = self.hosts.last().map(|call| call.func);
                let name = func.map_or_else(|| "host".into(), |func| self.host_name(func));
                self.give_memory(memory, address, len, (SourceKind::Answer, &name, None));
                if self.options.counts {
                    for place in source::numbers_of_files(&name, bytes) {
                        let (address, len) = (address + place.start, place.end - place.start);
                        self.give_bytes(memory, address, len, (SourceKind::Answer, &name, None));
                    }
                    if let Some(place) = source::dates_of_files(&name, bytes) {
                        let (address, len) = (address + place.start, place.end - place.start);
                        self.give_bytes(memory, address, len, (SourceKind::Clock, source::DATES, None));
                    }
                }
            }
        }
    }

    fn host_read(&mut self, memory: u32, address: u64, bytes: &[u8]) {
        let Some(&HostCall { func, record, .. }) = self.hosts.last() else { return };
        let sink = Sink::Memory { host: func };
        let (mut address, mut read) = (address, [Label::NONE; 4096]);
        for bytes in bytes.chunks(read.len()) {
            let read = &mut read[..bytes.len()];
            if self.memories.load(memory, address, read) {
                for &label in read.iter().filter(|label| label.is_some()) {
                    self.sinks.take((&mut self.labels, &self.sources), sink, label, record);
                }
                self.sinks.keep(sink, bytes, read);
            }
            address += bytes.len() as u64;
        }
    }

    fn host_keep(&mut self, state: u32) {
        self.kept.push_back((state, self.memories.keep(), self.globals.clone()));
        if self.kept.len() > MAX_KEPT {
            self.kept.pop_front();
        }
    }

    fn host_restore(&mut self, state: u32) {
        if let Some((_, memories, globals)) = self.kept.iter().rfind(|(number, ..)| *number == state) {
            let lost = self.memories.lost;
            (self.memories, self.globals) = (memories.clone(), globals.clone());
            self.memories.lost = lost;
        }
    }

    fn switch(&mut self, thread: u32) {
        self.change(thread);
    }

    fn segment(&mut self, memory: u32, address: u64, bytes: &[u8]) {
        let name = format!("{address:#x}");
        self.give_memory(memory, address, bytes.len() as u64, (SourceKind::Data, &name, Some(0)));
    }

    fn end(&mut self, _: &End, results: &[u64]) {
        let (base, hosts, at) = self.bases.pop().unwrap_or_default();
        for index in 0..results.len() {
            let word = self.word(at + index);
            self.sink(Sink::Result, &word);
        }
        self.slots.cut(at + results.len());
        self.hosts.truncate(hosts);
        self.leave_to(base);
    }
}
