//! The run as it is told: instructions, calls, and what the host does.

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
    visitor::{Access, At, Visitor},
};

use super::{
    Frame, HostCall, SourceKind, Taint,
    class::Class,
    label::Label,
    scalar::{self, CLEAN, is_clean},
    sink::Sink,
};

impl Visitor for Taint<'_> {
    const INSTRUCTIONS: bool = true;
    const MEMORY: bool = true;
    const CAN_IDLE: bool = true;

    /// Nothing has a label, and no instruction gives one.
    #[inline]
    fn is_idle(&self) -> bool {
        self.labels.is_empty() && !self.options.control && !self.wants(SourceKind::Immediate)
    }

    fn arguments_at(&mut self, slot: usize, is_tail: bool) {
        (self.at, self.is_tail) = (slot, is_tail);
    }

    fn instruction(&mut self, at: At<'_>, operands: &[u64], results: &[u64]) {
        let Some(frame) = self.frames.last_mut() else { return };
        let fp = frame.fp;
        let base = fp + (at.op.top as usize).saturating_sub(operands.len());
        if let Some(params) = frame.fresh.take() {
            // The operand stack is empty before the first instruction: these are the other locals.
            self.slots.clear(fp + params..fp + at.op.top as usize);
        }
        if self.options.control {
            self.control.pass(self.frames.len(), at.op.offset);
        }
        let class = self.classes[at.op.opcode as usize];
        match class {
            Class::LocalGet | Class::GlobalGet | Class::Const => {
                self.storage(at, class, base, results.len());
            }
            Class::LocalSet | Class::LocalTee | Class::GlobalSet => {
                self.storage(at, class, base, operands.len());
            }
            Class::Load(how) => self.load(at, how, base, results.len()),
            Class::Store { lane } => self.store(at, lane, base),
            Class::Select => self.select(base, operands, results),
            Class::Branch => {
                let word = self.slots.get(base);
                if !operands.is_empty() {
                    self.branch(at, &word);
                }
            }
            Class::Call | Class::CallIndirect => {
                if let (Class::CallIndirect, false) = (class, operands.is_empty()) {
                    let word = self.slots.get(base);
                    let (function, offset) = (at.function, at.op.offset);
                    self.sink(Sink::Call { function, offset }, &word);
                }
                self.top = base;
            }
            Class::Copy | Class::Fill | Class::Init => self.bulk(at, class, base, operands),
            Class::Table => {
                let word = self.slots.get(base);
                self.address(at, &word);
                self.set_all(base, &[CLEAN; 2][..results.len().min(2)]);
            }
            Class::Vector(how) => self.vector(at, how, base, operands, results.len()),
            Class::Wide(step) => {
                let words: Vec<_> =
                    (0..operands.len()).map(|slot| (self.slots.get(base + slot), 8)).collect();
                let word = scalar::mix(&mut self.labels, &words, 8, step);
                self.set_all(base, &[word; 2][..results.len().min(2)]);
            }
            Class::Plain | Class::Return => {
                self.set_all(base, &[CLEAN; 2][..results.len().min(2)]);
            }
            _ if results.is_empty() => {}
            _ => {
                let word = self.compute(class, base, operands).unwrap_or(CLEAN);
                self.set_all(base, &[word]);
            }
        }
        (self.read, self.written) = (None, None);
    }

    fn access(&mut self, _: FuncIndex, _: &Op, access: Access) {
        let place = if access.is_write { &mut self.written } else { &mut self.read };
        *place = Some(access);
    }

    fn lanes(&mut self, lanes: u128) {
        self.picks = lanes;
    }

    fn moved(&mut self, from: u32, to: u32, len: u32) {
        let fp = self.fp();
        self.slots.copy(fp + from as usize, fp + to as usize, len as usize);
    }

    fn invoke(&mut self, _: FuncKey, arguments: &[u64]) {
        let fp = self.at;
        self.bases.push((self.frames.len(), self.hosts.len(), fp));
        self.frames.push(Frame { fp, fresh: self.fresh(arguments.len()) });
        self.give_slots(fp, arguments.len(), SourceKind::Entry, "arguments");
        self.top = fp + arguments.len();
    }

    fn call(&mut self, _: FuncKey, arguments: &[u64], is_tail: bool) {
        let fp = self.at;
        if is_tail {
            self.frames.pop();
            self.slots.copy(self.top.saturating_sub(arguments.len()), fp, arguments.len());
        }
        self.control.leave(self.frames.len());
        self.frames.push(Frame { fp, fresh: self.fresh(arguments.len()) });
    }

    fn leave(&mut self, _: &[u64]) {
        self.frames.pop();
        self.control.leave(self.frames.len());
    }

    fn host_call(&mut self, func: FuncKey, record: u64, arguments: &[u64]) {
        let first = self.top.saturating_sub(arguments.len());
        for index in 0..arguments.len() {
            let word = self.slots.get(first + index);
            if !is_clean(&word) {
                let label = scalar::all(&mut self.labels, &word, 8);
                let sink = Sink::Argument { host: func, index: index as u32 };
                self.sinks.take(&mut self.labels, sink, label, record);
            }
        }
        if self.is_tail {
            self.frames.pop();
            self.control.leave(self.frames.len());
        }
        self.hosts.push(HostCall { func, record, at: self.at });
    }

    fn host_return(&mut self, failed: bool, results: &[u64]) {
        let Some(HostCall { func, at, .. }) = self.hosts.pop() else { return };
        if !failed && !results.is_empty() {
            let name = self.host_name(func);
            self.give_slots(at, results.len(), SourceKind::Answer, &name);
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
                let name = self.hosts.last().map_or_else(|| "host".into(), |call| self.host_name(call.func));
                self.give_memory(memory, address, len, (SourceKind::Answer, &name, None));
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
                    self.sinks.take(&mut self.labels, sink, label, record);
                }
                self.sinks.sample(sink, bytes, read);
            }
            address += bytes.len() as u64;
        }
    }

    fn host_keep(&mut self, state: u32) {
        self.kept.push_back((state, self.memories.clone(), self.globals.clone()));
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

    fn segment(&mut self, memory: u32, address: u64, bytes: &[u8]) {
        let name = format!("{address:#x}");
        self.give_memory(memory, address, bytes.len() as u64, (SourceKind::Data, &name, Some(0)));
    }

    fn end(&mut self, _: &End, results: &[u64]) {
        let (base, hosts, at) = self.bases.pop().unwrap_or_default();
        for index in 0..results.len() {
            let word = self.slots.get(at + index);
            self.sink(Sink::Result, &word);
        }
        self.frames.truncate(base);
        self.hosts.truncate(hosts);
        self.control.leave(base);
    }
}
