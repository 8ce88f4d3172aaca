//! The writers of the bytes of a memory: the last instruction, host function or segment before a moment.
//!
//! The driver may put the instance back after a call that failed. Then its writers come back too.

use crate::{
    module::{CodeOffset, FuncIndex, Opcode},
    trace::{End, FuncKey, Threads},
};

use super::code::Op;
use super::limits::{MAX_KEPT, MAX_WATCHED};
use super::visitor::{Access, Visitor};

/// What wrote bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// An instruction.
    Instruction {
        /// Instructions executed before it.
        event: u64,
        /// Its function.
        function: FuncIndex,
        /// Where it stands in the module.
        offset: CodeOffset,
        /// What it is.
        opcode: Opcode,
        /// Of `memory.copy`: the memory and address that the byte was copied from.
        from: Option<(u32, u64)>,
    },
    /// The host.
    Host {
        /// Instructions executed before.
        event: u64,
        /// The host function and the record of its call; `None` outside of any, before an invocation.
        call: Option<(FuncKey, u64)>,
    },
    /// A segment, when an instance was made.
    Segment {
        /// Instructions executed before.
        event: u64,
    },
}

impl Writer {
    /// Instructions executed before it wrote.
    pub fn event(&self) -> u64 {
        match *self {
            Self::Instruction { event, .. } | Self::Host { event, .. } | Self::Segment { event } => event,
        }
    }

    /// The same for a byte further on.
    fn further(self, by: u64) -> Self {
        match self {
            Self::Instruction { event, function, offset, opcode, from: Some((memory, address)) } => {
                let from = Some((memory, address.wrapping_add(by)));
                Self::Instruction { event, function, offset, opcode, from }
            }
            writer => writer,
        }
    }
}

/// Host functions that a thread entered and did not leave, and how many were at the beginning of each
/// invocation.
type Stacks = (Vec<(FuncKey, u64)>, Vec<usize>);

/// Follows who writes at each moment.
#[derive(Debug, Default)]
pub(super) struct Hand {
    /// The instruction that accesses memory, and what it reads.
    instruction: Option<(FuncIndex, Op)>,
    read: Option<(u32, u64)>,
    is_segment: bool,
    /// Host functions that were entered and not left.
    calls: Vec<(FuncKey, u64)>,
    /// Invocations that are open: how many host functions were entered then.
    open: Vec<usize>,
    /// The same two of the other threads.
    threads: Threads<Stacks>,
}

impl Hand {
    pub(super) fn access(&mut self, function: FuncIndex, op: &Op, access: Access) {
        match (access.is_write, op.opcode) {
            (true, _) => self.instruction = Some((function, *op)),
            (false, Opcode::MemoryCopy) => self.read = Some((access.memory, access.address)),
            (false, _) => {}
        }
    }

    pub(super) fn invoke(&mut self) {
        self.open.push(self.calls.len());
    }

    pub(super) fn end(&mut self) {
        if let Some(calls) = self.open.pop() {
            self.calls.truncate(calls);
        }
    }

    pub(super) fn host_call(&mut self, func: FuncKey, record: u64) {
        self.calls.push((func, record));
    }

    pub(super) fn host_return(&mut self) {
        self.calls.pop();
    }

    pub(super) fn segment(&mut self) {
        self.is_segment = true;
    }

    pub(super) fn switch(&mut self, thread: u32) {
        let mut here = (std::mem::take(&mut self.calls), std::mem::take(&mut self.open));
        self.threads.leave(thread, &mut here, |(_, open)| open.is_empty());
        (self.calls, self.open) = here;
    }

    /// Who wrote just now; `event` instructions are over.
    pub(super) fn take(&mut self, event: u64) -> Writer {
        let (is_segment, read) = (std::mem::take(&mut self.is_segment), self.read.take());
        match self.instruction.take() {
            Some((function, op)) => Writer::Instruction {
                event: event.saturating_sub(1),
                function,
                offset: CodeOffset(op.offset),
                opcode: op.opcode,
                from: read.filter(|_| op.opcode == Opcode::MemoryCopy),
            },
            None if is_segment => Writer::Segment { event },
            None => Writer::Host { event, call: self.calls.last().copied() },
        }
    }
}

/// The last writers of some bytes of a memory: a visitor.
#[derive(Debug)]
pub struct LastWriters {
    memory: u32,
    address: u64,
    at: u64,
    /// For each byte.
    writers: Vec<Option<Writer>>,
    kept: Vec<(u32, Vec<Option<Writer>>)>,
    hand: Hand,
    /// The writes of now are of a state that is put back.
    is_restoring: bool,
}

impl LastWriters {
    /// Of `len` bytes, at most [`MAX_WATCHED`], from `address` on, before event `at`.
    pub fn of(memory: u32, address: u64, len: u64, at: u64) -> Self {
        let writers = vec![None; len.min(MAX_WATCHED) as usize];
        let (kept, hand) = (Vec::new(), Hand::default());
        Self { memory, address, at, writers, kept, hand, is_restoring: false }
    }

    /// For each byte who wrote it last; `None` if nobody did.
    pub fn writers(&self) -> &[Option<Writer>] {
        &self.writers
    }

    /// Runs of bytes that were written at once: the first address, how many, and by whom.
    pub fn runs(&self) -> Vec<(u64, u64, Option<Writer>)> {
        let mut runs: Vec<(u64, u64, Option<Writer>)> = Vec::new();
        for (position, writer) in (0..).zip(&self.writers) {
            if let Some((_, len, first)) = runs.last_mut()
                && first.map(|first| first.further(*len)) == *writer
            {
                *len += 1;
                continue;
            }
            runs.push((self.address.wrapping_add(position), 1, *writer));
        }
        runs
    }
}

/// What a visitor tells its [`Hand`], so that this knows who writes.
macro_rules! hand_follows {
    () => {
        fn access(&mut self, function: FuncIndex, op: &Op, access: Access) {
            self.hand.access(function, op, access);
        }

        fn invoke(&mut self, _: FuncKey, _: &[u64]) {
            self.hand.invoke();
        }

        fn end(&mut self, _: &End, _: &[u64]) {
            self.hand.end();
        }

        fn host_call(&mut self, func: FuncKey, record: u64, _: &[u64]) {
            self.hand.host_call(func, record);
        }

        fn host_return(&mut self, _: bool, _: &[u64]) {
            self.hand.host_return();
        }

        fn switch(&mut self, thread: u32) {
            self.hand.switch(thread);
        }
    };
}
pub(super) use hand_follows;

impl Visitor for LastWriters {
    const MEMORY: bool = true;
    const WRITES: bool = true;

    hand_follows!();

    fn host_keep(&mut self, state: u32) {
        if self.kept.len() >= MAX_KEPT {
            self.kept.remove(0);
        }
        self.kept.push((state, self.writers.clone()));
    }

    fn host_restore(&mut self, state: u32) {
        if let Some((_, writers)) = self.kept.iter().rfind(|(kept, _)| *kept == state) {
            self.writers.clone_from(writers);
            self.is_restoring = true;
        }
    }

    fn segment(&mut self, _: u32, _: u64, _: &[u8]) {
        self.hand.segment();
    }

    fn written(&mut self, event: u64, memory: u32, _: &[u8], address: u64, len: u64) {
        let writer = self.hand.take(event);
        let is_restored = self.is_restoring && matches!(writer, Writer::Host { call: None, .. });
        self.is_restoring = is_restored;
        if memory != self.memory || is_restored || event > self.at {
            return;
        }
        let end = address.saturating_add(len).min(self.address.saturating_add(self.writers.len() as u64));
        for at in address.max(self.address)..end {
            if let Some(target) = self.writers.get_mut((at - self.address) as usize) {
                *target = Some(writer.further(at - address));
            }
        }
    }
}
