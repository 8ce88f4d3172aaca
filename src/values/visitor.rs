//! The visitor of the data level: one call for each instruction with its operands and results, and one for
//! what crosses the border.
//!
//! Values come as 64-bit slots, in the order of the operand stack. Integers are zero-extended, floats are
//! their bits, and a `v128` is two slots, low half first. A reference is 0 for null, and else one more than a
//! number. Nothing is computed that is not asked for. The constants say what is asked for, and a method that
//! is left as it is costs nothing.

use std::ops::Range;

use crate::{
    module::FuncIndex,
    trace::{End, FuncKey, InstanceIndex, Trap, effects::Origin},
};

use super::code::{Body, Instr, Op};
use super::slots::Slots;

/// An instruction of a run.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// Instructions executed before it in the run.
    pub number: u64,
    /// The instance.
    pub instance: InstanceIndex,
    /// The function in its module.
    pub function: FuncIndex,
    /// The instruction.
    pub op: &'a Op,
}

/// Operators that are done as one. One has operands. Those before it only say where the operands are
/// (`local.get`, constants, blocks). A `local.set` or branch may come after it.
#[derive(Debug, Clone, Copy)]
pub struct Fused<'a> {
    /// Instructions executed before the first of them in the run.
    pub number: u64,
    /// The instance.
    pub instance: InstanceIndex,
    /// The function in its module.
    pub function: FuncIndex,
    /// How many they are.
    pub len: u16,
    pub(super) body: &'a Body,
    pub(super) pc: usize,
    pub(super) instr: Instr,
}

impl<'a> Fused<'a> {
    /// All of them, in the order of the code.
    pub fn operators(&self) -> &'a [Op] {
        let first = self.body.covers.get(self.pc).map_or(0, |cover| cover.first as usize);
        self.body.ops.get(first..first + usize::from(self.len)).unwrap_or_default()
    }

    /// The one that the operands are of.
    pub fn own(&self) -> Option<&'a Op> {
        let cover = self.body.covers.get(self.pc).filter(|cover| cover.has_own)?;
        self.operators().get(usize::from(cover.before))
    }

    /// The one after that, which takes its result: a `local.set`, a `local.tee` or a branch.
    pub fn after(&self) -> Option<&'a Op> {
        let cover = self.body.covers.get(self.pc).filter(|cover| cover.has_after)?;
        self.operators().get(usize::from(cover.before) + 1)
    }

    /// The slots of the frame where operands are, and where results go.
    pub fn slots(&self) -> Slots {
        self.instr.slots(self.body.code.get(self.pc + 1).copied().unwrap_or(Instr::data(0, 0)))
    }
}

/// What an instruction touches besides slots of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Touched {
    /// Nothing.
    Frame,
    /// Globals.
    Global,
    /// Bytes of a memory.
    Memory(Access),
}

/// Bytes of a memory that an instruction reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Number of the memory.
    pub memory: u32,
    /// Effective address.
    pub address: u64,
    /// Number of bytes.
    pub len: u64,
    /// Whether they are written.
    pub is_write: bool,
}

/// Sees a run with its values. Every method does nothing unless said otherwise.
pub trait Visitor {
    /// Whether [`Self::instruction`] is called.
    const INSTRUCTIONS: bool = false;
    /// Whether [`Self::fused`] is called.
    const FUSED: bool = false;
    /// Whether [`Self::skips`] may say yes.
    const SKIPS: bool = false;
    /// Whether [`Self::slotted`] is called.
    const SLOTTED: bool = false;
    /// Whether [`Self::is_idle`] may say yes.
    const CAN_IDLE: bool = false;
    /// Whether [`Self::access`] is called.
    const MEMORY: bool = false;
    /// Whether [`Self::written`] is called.
    const WRITES: bool = false;

    /// An instruction was executed. One that ends the invocation comes without results. The arguments of a
    /// call come with [`Self::call`] or [`Self::host_call`] (an indirect call has its index as an operand
    /// here), its results with [`Self::leave`] or [`Self::host_return`].
    fn instruction(&mut self, _at: At<'_>, _operands: &[u64], _results: &[u64]) {}

    /// Instructions were executed that are done as one: the same as [`Self::instruction`] tells one by one,
    /// at about half of its cost. Operands and results are those of [`Fused::own`]. A `local.set`,
    /// `local.tee` or branch after it takes its result. Values that the operators before it give are among
    /// its operands, or follow later as such. An instruction that ends the invocation comes without results.
    fn fused(&mut self, _fused: Fused<'_>, _operands: &[u64], _results: &[u64]) {}

    /// Whether instructions that are done as one do not matter. They are not told then, nor what they read
    /// and write. They read slots `from` of their frame and write slot `to`. Asked where it is worth it; an
    /// instruction for which it is not asked is told.
    fn skips(&mut self, _from: &[u32], _to: Option<u32>, _touched: Touched) -> bool {
        false
    }

    /// Instructions that [`Self::skips`] was asked for and did not skip. It tells [`Self::access`] and
    /// [`Self::fused`] at once, with the slots of the operands and of the result. Operands without a slot are
    /// constants, and come last.
    fn slotted(
        &mut self,
        _fused: Fused<'_>,
        _slots: (&[u32], Option<u32>),
        _touched: Touched,
        _values: (&[u64], &[u64]),
    ) {
    }

    /// Slots, of those of all frames, are zero now: the locals of a function that is entered, after its
    /// arguments.
    fn zeroed(&mut self, _slots: Range<usize>) {}

    /// Whether nothing matters for now of what instructions do. They are not told then, nor what they read
    /// and write ([`Self::access`], [`Self::written`], [`Self::moved`], [`Self::lanes`]), until the host was
    /// next. Is asked whenever Wasm is entered by the host.
    fn is_idle(&self) -> bool {
        false
    }

    /// The slot, of those of all frames, where the arguments of the next call begin; whether that replaces
    /// its caller. The next call is [`Self::invoke`], [`Self::call`] or [`Self::host_call`]. A frame begins
    /// with its arguments.
    fn arguments_at(&mut self, _slot: usize, _is_tail: bool) {}

    /// An instruction reads or writes memory; comes before it. Bulk operations come with one access for what
    /// they read and one for what they write.
    fn access(&mut self, _function: FuncIndex, _op: &Op, _access: Access) {}

    /// An instruction, the host or a segment wrote bytes of a memory. Its own call comes before:
    /// [`Self::access`], [`Self::host_write`], [`Self::host_restore`] or [`Self::segment`]. `bytes` is the
    /// whole memory as it is now; they are there from the moment on before which `event` instructions were
    /// executed.
    fn written(&mut self, _event: u64, _memory: u32, _bytes: &[u8], _address: u64, _len: u64) {}

    /// The host calls a function.
    fn invoke(&mut self, _func: FuncKey, _arguments: &[u64]) {}

    /// A function that an instance defines is entered by a call, which replaces its caller if `is_tail`.
    fn call(&mut self, _callee: FuncKey, _arguments: &[u64], _is_tail: bool) {}

    /// A frame returns.
    fn leave(&mut self, _results: &[u64]) {}

    /// A host function is entered; `record` is the position of the call's record in the trace.
    fn host_call(&mut self, _func: FuncKey, _record: u64, _arguments: &[u64]) {}

    /// The host function entered last and not left yet is left.
    fn host_return(&mut self, _failed: bool, _results: &[u64]) {}

    /// The host writes to a memory.
    fn host_write(&mut self, _memory: u32, _address: u64, _bytes: &[u8]) {}

    /// Says what the next [`Self::host_write`] is made from. A write without it is the host function's own.
    fn host_given(&mut self, _origin: &Origin) {}

    /// The host reads a memory.
    fn host_read(&mut self, _memory: u32, _address: u64, _bytes: &[u8]) {}

    /// The lanes that the `i8x16.shuffle` that comes next picks, the first lowest.
    fn lanes(&mut self, _lanes: u128) {}

    /// Slots of the top frame are copied to others of it: operands that a branch carries along, or results
    /// (to slot 0) before [`Self::leave`]. Which slots an operator reads and writes: [`Op::top`].
    fn moved(&mut self, _from: u32, _to: u32, _len: u32) {}

    /// The lowest `len` bytes of the value in a slot of the top frame are put into a field of an object,
    /// which is in a memory. Before the instruction is told.
    fn stores(&mut self, _slot: u32, _memory: u32, _address: u64, _len: u64) {}

    /// A field of an object is put into a slot of the top frame. After the instruction was told.
    fn loads(&mut self, _slot: u32, _memory: u32, _address: u64, _len: u64) {}

    /// The instruction that came last throws the exception in two slots of its frame, or else one with
    /// operands. `places` says for each at which byte of an exception it is, and in how many. It is empty if
    /// they find no room there. Frames are left by [`Self::leave`] then.
    fn throws(&mut self, _exception: Option<u32>, _operands: Range<u32>, _places: &[(u8, u8)]) {}

    /// It is caught: it is in two slots of the top frame now, if the handler asks for it, and its operands
    /// are in others.
    fn catches(&mut self, _exception: Option<u32>, _operands: Range<u32>, _places: &[(u8, u8)]) {}

    /// The host grows a memory by so many pages.
    fn host_grow(&mut self, _memory: u32, _pages: u64) {}

    /// The host keeps the state of now (memories, tables, globals) under a number, to put it back later.
    fn host_keep(&mut self, _state: u32) {}

    /// The host puts back what it kept under this number. Memories and tables that grew since stay as large.
    /// The new part is zero or null.
    fn host_restore(&mut self, _state: u32) {}

    /// An active segment is written to a memory when an instance is made.
    fn segment(&mut self, _memory: u32, _address: u64, _bytes: &[u8]) {}

    /// Another thread goes on, with frames, slots and globals of its own. Those of one that was not there
    /// before are as they were when the instance was made. 0 is the thread that the host calls in.
    fn switch(&mut self, _thread: u32) {}

    /// The instruction that came last traps.
    fn trap(&mut self, _code: Trap) {}

    /// The invocation that began last and has not ended ends; with its results if it returned.
    fn end(&mut self, _end: &End, _results: &[u64]) {}
}

/// Sees nothing: for when only the check against the recording is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Visitor for Nothing {}

/// A visitor that does not want to be told of instructions for now.
pub(super) struct Idle<'v, V>(pub(super) &'v mut V);

macro_rules! forward {
    ($(fn $name:ident($($argument:ident: $ty:ty),*);)*) => {
        impl<V: Visitor> Visitor for Idle<'_, V> {
            $(fn $name(&mut self, $($argument: $ty),*) {
                self.0.$name($($argument),*);
            })*
        }
    };
}
forward! {
    fn arguments_at(slot: usize, is_tail: bool);
    fn invoke(func: FuncKey, arguments: &[u64]);
    fn call(callee: FuncKey, arguments: &[u64], is_tail: bool);
    fn leave(results: &[u64]);
    fn host_call(func: FuncKey, record: u64, arguments: &[u64]);
    fn host_return(failed: bool, results: &[u64]);
    fn host_write(memory: u32, address: u64, bytes: &[u8]);
    fn host_given(origin: &Origin);
    fn host_read(memory: u32, address: u64, bytes: &[u8]);
    fn host_grow(memory: u32, pages: u64);
    fn host_keep(state: u32);
    fn host_restore(state: u32);
    fn segment(memory: u32, address: u64, bytes: &[u8]);
    fn throws(exception: Option<u32>, operands: Range<u32>, places: &[(u8, u8)]);
    fn catches(exception: Option<u32>, operands: Range<u32>, places: &[(u8, u8)]);
    fn switch(thread: u32);
    fn trap(code: Trap);
    fn end(end: &End, results: &[u64]);
}
