//! Atomic operators as plain ones. On one thread a sequence is as whole as one operator.
//!
//! Operands are kept in locals of our own. No sequence branches, since a branch would be a decision that the
//! sample did not make. A check divides by its outcome, and its trap is known by its site.

use wasm_encoder::{Instruction as I, MemArg, MemArgTarget};

use crate::module::atomic::{Action, Atomic, Modify};

use super::{
    sites::Stop,
    threads::{Meetings, NOTIFY, WAIT},
    writer::Writer,
};

/// Number of locals of our own, by [`Scratch::types`].
pub(super) const SCRATCH: u32 = 8;

/// Locals of our own, behind those of the sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scratch(pub(super) u32);

impl Scratch {
    /// Their types in order: an address, two operands and the old value, of 32 bits and then of 64.
    pub(super) fn types() -> [(u32, wasm_encoder::ValType); 2] {
        [(SCRATCH / 2, wasm_encoder::ValType::I32), (SCRATCH / 2, wasm_encoder::ValType::I64)]
    }

    fn local(self, number: u32, is_64: bool) -> u32 {
        self.0 + number + if is_64 { SCRATCH / 2 } else { 0 }
    }
}

/// A memory as atomic operators see it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Memory {
    pub(super) is_64: bool,
    pub(super) is_shared: bool,
}

/// One operator being written.
struct Sequence<'s> {
    body: &'s mut Writer,
    atomic: Atomic,
    memory_index: u32,
    memory: Memory,
    address: u32,
    first: u32,
    second: u32,
    old: u32,
}

/// Writes `atomic`, on the memory with this index; gives whether control goes on behind it. `meets`: where
/// threads meet, and the position of the function.
pub(super) fn write(
    body: &mut Writer,
    scratch: Scratch,
    atomic: Atomic,
    (memory_index, memory): (u32, Memory),
    meets: Option<(Meetings, u32)>,
) -> bool {
    let Atomic { is_64, action, .. } = atomic;
    if action == Action::Wait && !memory.is_shared {
        body.stop(Stop::NotShared);
        return false;
    }
    let mut sequence = Sequence {
        body,
        atomic,
        memory_index,
        memory,
        address: scratch.local(0, memory.is_64),
        first: scratch.local(1, is_64),
        second: scratch.local(2, is_64),
        old: scratch.local(3, is_64),
    };
    match action {
        Action::Load => sequence.load(),
        Action::Store => sequence.store(),
        Action::Modify(modify) => sequence.modify(modify),
        Action::CompareExchange => sequence.compare_exchange(),
        Action::Wait => match meets {
            Some(meets) => sequence.wait_for_thread(scratch, meets),
            None => sequence.wait(scratch),
        },
        Action::Notify => match meets {
            Some((meetings, _)) => sequence.notify_threads(meetings),
            None => sequence.notify(),
        },
    }
    if let Some((meetings, _)) = meets
        && !matches!(action, Action::Wait | Action::Notify)
    {
        meetings.pass(body);
    }
    true
}

impl Sequence<'_> {
    fn put(&mut self, instructions: &[I<'_>]) {
        instructions.iter().for_each(|instruction| self.body.made(instruction, None));
    }

    /// Takes the address from the stack and stops if it is not aligned.
    fn take_address(&mut self) {
        self.put(&[I::LocalSet(self.address)]);
        let mask = u64::from(self.atomic.width) - 1;
        if mask == 0 {
            return;
        }
        let low = self.atomic.memarg.offset & mask;
        self.put(&[I::I32Const(1), I::LocalGet(self.address)]);
        match self.memory.is_64 {
            true => {
                self.put(&[I::I64Const(low as i64), I::I64Add, I::I64Const(mask as i64)]);
                self.put(&[I::I64And, I::I64Eqz]);
            }
            false => {
                self.put(&[I::I32Const(low as i32), I::I32Add, I::I32Const(mask as i32)]);
                self.put(&[I::I32And, I::I32Eqz]);
            }
        }
        self.body.made(&I::I32DivU, Some(Stop::Unaligned));
        self.put(&[I::Drop]);
    }

    fn memarg(&self) -> MemArg {
        let align = u32::from(self.atomic.width).ilog2();
        MemArg {
            offset: self.atomic.memarg.offset,
            align,
            target: MemArgTarget::Memory(self.memory_index),
            ordering: None,
        }
    }

    /// Loads what is there.
    fn put_load(&mut self) {
        let memarg = self.memarg();
        let load = match (self.atomic.is_64, self.atomic.width) {
            (false, 1) => I::I32Load8U(memarg),
            (false, 2) => I::I32Load16U(memarg),
            (false, _) => I::I32Load(memarg),
            (true, 1) => I::I64Load8U(memarg),
            (true, 2) => I::I64Load16U(memarg),
            (true, 4) => I::I64Load32U(memarg),
            (true, _) => I::I64Load(memarg),
        };
        self.put(&[I::LocalGet(self.address), load]);
    }

    /// Stores; address and value are on the stack.
    fn put_store(&mut self) {
        let memarg = self.memarg();
        let store = match (self.atomic.is_64, self.atomic.width) {
            (false, 1) => I::I32Store8(memarg),
            (false, 2) => I::I32Store16(memarg),
            (false, _) => I::I32Store(memarg),
            (true, 1) => I::I64Store8(memarg),
            (true, 2) => I::I64Store16(memarg),
            (true, 4) => I::I64Store32(memarg),
            (true, _) => I::I64Store(memarg),
        };
        self.put(&[store]);
    }

    fn put_equal(&mut self) {
        let equal = if self.atomic.is_64 { I::I64Eq } else { I::I32Eq };
        self.put(&[equal]);
    }

    fn load(&mut self) {
        self.take_address();
        self.put_load();
    }

    fn store(&mut self) {
        self.put(&[I::LocalSet(self.first)]);
        self.take_address();
        self.put(&[I::LocalGet(self.address), I::LocalGet(self.first)]);
        self.put_store();
    }

    fn modify(&mut self, modify: Modify) {
        self.put(&[I::LocalSet(self.first)]);
        self.take_address();
        self.put_load();
        self.put(&[I::LocalSet(self.old), I::LocalGet(self.address)]);
        if modify != Modify::Exchange {
            self.put(&[I::LocalGet(self.old)]);
        }
        self.put(&[I::LocalGet(self.first)]);
        match (modify, self.atomic.is_64) {
            (Modify::Add, false) => self.put(&[I::I32Add]),
            (Modify::Add, true) => self.put(&[I::I64Add]),
            (Modify::Sub, false) => self.put(&[I::I32Sub]),
            (Modify::Sub, true) => self.put(&[I::I64Sub]),
            (Modify::And, false) => self.put(&[I::I32And]),
            (Modify::And, true) => self.put(&[I::I64And]),
            (Modify::Or, false) => self.put(&[I::I32Or]),
            (Modify::Or, true) => self.put(&[I::I64Or]),
            (Modify::Xor, false) => self.put(&[I::I32Xor]),
            (Modify::Xor, true) => self.put(&[I::I64Xor]),
            (Modify::Exchange, _) => {}
        }
        self.put_store();
        self.put(&[I::LocalGet(self.old)]);
    }

    /// What differs is stored again: nobody can tell.
    fn compare_exchange(&mut self) {
        self.put(&[I::LocalSet(self.second), I::LocalSet(self.first)]);
        self.take_address();
        self.put_load();
        self.put(&[I::LocalSet(self.old), I::LocalGet(self.address)]);
        self.put(&[I::LocalGet(self.second), I::LocalGet(self.old)]);
        self.put(&[I::LocalGet(self.old), I::LocalGet(self.first)]);
        self.put_equal();
        self.put(&[I::Select]);
        self.put_store();
        self.put(&[I::LocalGet(self.old)]);
    }

    /// Takes the operands of a wait; the locals that hold its time, and whether the value is as expected.
    fn compare(&mut self, scratch: Scratch) -> (u32, u32) {
        let (time, is_equal) = (scratch.local(2, true), scratch.local(2, false));
        self.put(&[I::LocalSet(time), I::LocalSet(self.first)]);
        self.take_address();
        self.put_load();
        self.put(&[I::LocalGet(self.first)]);
        self.put_equal();
        self.put(&[I::LocalSet(is_equal)]);
        (time, is_equal)
    }

    /// Gives 1 if something else is there, and else 2: the time is over. Without a time it stops.
    fn wait(&mut self, scratch: Scratch) {
        let (time, is_equal) = self.compare(scratch);
        self.put(&[I::F32Const(f32::NAN.into()), I::F32Const(0.0.into())]);
        self.put(&[
            I::LocalGet(is_equal),
            I::LocalGet(time),
            I::I64Const(0),
            I::I64LtS,
            I::I32And,
            I::Select,
        ]);
        self.body.made(&I::I32TruncF32S, Some(Stop::Deadlock));
        self.put(&[I::Drop, I::I32Const(2), I::I32Const(1), I::LocalGet(is_equal), I::Select]);
    }

    /// What puts the address on the stack, as the host gets it.
    fn whole_address(&self) -> Vec<I<'static>> {
        let mut address = vec![I::LocalGet(self.address)];
        if !self.memory.is_64 {
            address.push(I::I64ExtendI32U);
        }
        address.extend([I::I64Const(self.atomic.memarg.offset as i64), I::I64Add]);
        address
    }

    /// The host suspends the thread if the value is as expected.
    fn wait_for_thread(&mut self, scratch: Scratch, (meetings, position): (Meetings, u32)) {
        let (time, is_equal) = self.compare(scratch);
        let mut arguments = self.whole_address();
        arguments.extend([I::LocalGet(time), I::LocalGet(is_equal), I::I32Const(self.memory_index as i32)]);
        arguments.extend([I::I32Const(position as i32), I::I32Const(self.body.offset() as i32)]);
        meetings.ask(self.body, WAIT, &arguments);
    }

    fn notify_threads(&mut self, meetings: Meetings) {
        self.put(&[I::LocalSet(self.first)]);
        self.take_address();
        self.put_load();
        self.put(&[I::Drop]);
        let mut arguments = self.whole_address();
        arguments.extend([I::LocalGet(self.first), I::I32Const(self.memory_index as i32)]);
        meetings.ask(self.body, NOTIFY, &arguments);
    }

    /// Nobody waits.
    fn notify(&mut self) {
        self.put(&[I::Drop]);
        self.take_address();
        self.put_load();
        self.put(&[I::Drop, I::I32Const(0)]);
    }
}
