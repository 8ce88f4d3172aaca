//! The visitor of replay: one call for each block, and one for each thing that happens at the end of a block.

pub(super) mod stretch;

use super::{End, ExecutedBlock, ExecutedFunction, FuncKey, Host};

pub use stretch::Stretch;

/// How a call names its callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// By the index of a defined function.
    Direct,
    /// By the index of an imported function.
    Import,
    /// Through a table.
    Indirect,
}

/// A host function that is entered.
#[derive(Debug, Clone, Copy)]
pub struct HostCall<'r> {
    /// Its key.
    pub func: FuncKey,
    /// Its name.
    pub host: &'r Host,
    /// Position of its [`Record::HostCall`](super::Record::HostCall) in the trace.
    pub record: usize,
    /// How it was called; `None` if the host invoked it.
    pub kind: Option<CallKind>,
    /// Whether the call replaced the frame of its caller.
    pub is_tail: bool,
}

/// Sees a replay block by block. Every method does nothing unless said otherwise.
///
/// A block comes first, then what its last instruction did. A block that a trap or a stop cuts short comes as
/// [`Self::cut`], and [`Self::end`] follows. Methods take [`ExecutedBlock`]s and [`ExecutedFunction`]s, which
/// look nothing up until they are asked.
pub trait Visitor {
    /// A function is about to run for the first time: its blocks get the next numbers.
    fn load(&mut self, _function: ExecutedFunction<'_>) {}

    /// A block ran from its first to its last instruction.
    fn block(&mut self, _run: ExecutedBlock<'_>) {}

    /// A block ran up to an instruction at which the invocation ended, and not to its last. By default as
    /// [`Self::block`].
    fn cut(&mut self, run: ExecutedBlock<'_>) {
        self.block(run);
    }

    /// A `br`, `br_if` or `if`, or a `br_table` with equal labels. `taken`: it is unconditional or its
    /// condition is not zero (so the `then` arm runs).
    fn branch(&mut self, _run: ExecutedBlock<'_>, _taken: bool) {}

    /// A `br_table` took the label at `index`, the default being the last.
    fn branch_table(&mut self, _run: ExecutedBlock<'_>, _index: u32) {}

    /// A function is called.
    fn call(&mut self, _run: ExecutedBlock<'_>, _kind: CallKind, _callee: ExecutedFunction<'_>) {}

    /// A function is called in place of its caller, whose frame ends without [`Self::leave`].
    fn tail_call(&mut self, _run: ExecutedBlock<'_>, _kind: CallKind, _callee: ExecutedFunction<'_>) {}

    /// A frame returns, by an instruction or at the end of its function.
    fn leave(&mut self, _run: ExecutedBlock<'_>) {}

    /// An exception is thrown by the last instruction of a block. `tag`: the index of its tag, or of the
    /// first that is the same.
    fn throw(&mut self, _run: ExecutedBlock<'_>, _tag: u32) {}

    /// An exception leaves a frame: at the block that threw or called, or at a landing pad. By default as
    /// [`Self::leave`].
    fn unwind(&mut self, run: ExecutedBlock<'_>) {
        self.leave(run);
    }

    /// An exception comes out of a block, which threw or called or is a landing pad, to a landing pad around
    /// it. By default as [`Self::block`] of the pad.
    fn land(&mut self, _from: ExecutedBlock<'_>, pad: ExecutedBlock<'_>) {
        self.block(pad);
    }

    /// An exception is caught: control goes from a landing pad on to the block `to`, which is next.
    fn catch(&mut self, _pad: ExecutedBlock<'_>, _to: ExecutedBlock<'_>) {}

    /// A host function is entered. No `run` if the host invoked it.
    fn host_call(&mut self, _run: Option<ExecutedBlock<'_>>, _call: HostCall<'_>) {}

    /// The host function entered last and not left yet is left.
    fn host_return(&mut self, _failed: bool) {}

    /// A host function is left by an exception, which goes on at the call. If that was a tail call,
    /// [`Self::unwind`] tells of its caller, and the exception goes on at the call of that. By default as one
    /// that fails.
    fn host_threw(&mut self) {
        self.host_return(true);
    }

    /// `memory.grow` or `table.grow` by `delta` gave `result`: the former size, or -1 in the index type.
    fn grow(&mut self, _run: ExecutedBlock<'_>, _delta: u64, _result: u64) {}

    /// A bulk operation on `len` bytes or elements began. See [`Record::Bulk`](super::Record::Bulk).
    fn bulk(&mut self, _run: ExecutedBlock<'_>, _dst: u64, _src: u64, _len: u64) {}

    /// The host invokes a function.
    fn invoke(&mut self, _func: FuncKey) {}

    /// The invocation that began last and has not ended ends. Its frames are gone without [`Self::leave`]
    /// unless it returned.
    fn end(&mut self, _end: &End) {}

    /// Another thread goes on, on a stack of its own: what follows is on that. 0 is the thread that the host
    /// calls in; others are begun by an invocation, and end with it unless another follows.
    fn switch(&mut self, _thread: u32) {}

    /// Replay may tell it of a [`Stretch`] of fewer instructions than this in place of the blocks in it, and
    /// does not ask within whether it [wants a pause](Self::wants_pause). By default 0: each block is told.
    fn patience(&self) -> u64 {
        0
    }

    /// Blocks ran that ran before, after the same decisions at the same place. By default it is told of
    /// everything in them; one that only counts may leave that to [`Self::stretches`].
    fn stretch(&mut self, run: Stretch<'_>)
    where
        Self: Sized,
    {
        run.tell(self);
    }

    /// The same blocks came `times` times as part of a [`Self::stretch`] since this was said last. Comes
    /// before [`Self::end`] and before [`Replay::run`](super::Replay::run) comes back.
    fn stretches(&mut self, _run: Stretch<'_>, _times: u64) {}

    /// Asked after each block: whether [`Replay::run`](super::Replay::run) shall come back to its caller. By
    /// default never.
    fn wants_pause(&self) -> bool {
        false
    }
}

/// Sees nothing.
impl Visitor for () {
    #[inline(always)]
    fn patience(&self) -> u64 {
        u64::MAX
    }

    #[inline(always)]
    fn stretch(&mut self, _: Stretch<'_>) {}
}

/// Both see everything, the first before the second: a list of visitors is made of pairs.
impl<A: Visitor, B: Visitor> Visitor for (A, B) {
    fn load(&mut self, function: ExecutedFunction<'_>) {
        self.0.load(function);
        self.1.load(function);
    }

    #[inline(always)]
    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.0.block(run);
        self.1.block(run);
    }

    fn cut(&mut self, run: ExecutedBlock<'_>) {
        self.0.cut(run);
        self.1.cut(run);
    }

    #[inline(always)]
    fn branch(&mut self, run: ExecutedBlock<'_>, taken: bool) {
        self.0.branch(run, taken);
        self.1.branch(run, taken);
    }

    #[inline(always)]
    fn branch_table(&mut self, run: ExecutedBlock<'_>, index: u32) {
        self.0.branch_table(run, index);
        self.1.branch_table(run, index);
    }

    #[inline(always)]
    fn call(&mut self, run: ExecutedBlock<'_>, kind: CallKind, callee: ExecutedFunction<'_>) {
        self.0.call(run, kind, callee);
        self.1.call(run, kind, callee);
    }

    #[inline(always)]
    fn tail_call(&mut self, run: ExecutedBlock<'_>, kind: CallKind, callee: ExecutedFunction<'_>) {
        self.0.tail_call(run, kind, callee);
        self.1.tail_call(run, kind, callee);
    }

    #[inline(always)]
    fn leave(&mut self, run: ExecutedBlock<'_>) {
        self.0.leave(run);
        self.1.leave(run);
    }

    fn throw(&mut self, run: ExecutedBlock<'_>, tag: u32) {
        self.0.throw(run, tag);
        self.1.throw(run, tag);
    }

    fn unwind(&mut self, run: ExecutedBlock<'_>) {
        self.0.unwind(run);
        self.1.unwind(run);
    }

    fn land(&mut self, from: ExecutedBlock<'_>, pad: ExecutedBlock<'_>) {
        self.0.land(from, pad);
        self.1.land(from, pad);
    }

    fn catch(&mut self, pad: ExecutedBlock<'_>, to: ExecutedBlock<'_>) {
        self.0.catch(pad, to);
        self.1.catch(pad, to);
    }

    fn host_call(&mut self, run: Option<ExecutedBlock<'_>>, call: HostCall<'_>) {
        self.0.host_call(run, call);
        self.1.host_call(run, call);
    }

    fn host_return(&mut self, failed: bool) {
        self.0.host_return(failed);
        self.1.host_return(failed);
    }

    fn host_threw(&mut self) {
        self.0.host_threw();
        self.1.host_threw();
    }

    fn grow(&mut self, run: ExecutedBlock<'_>, delta: u64, result: u64) {
        self.0.grow(run, delta, result);
        self.1.grow(run, delta, result);
    }

    fn bulk(&mut self, run: ExecutedBlock<'_>, dst: u64, src: u64, len: u64) {
        self.0.bulk(run, dst, src, len);
        self.1.bulk(run, dst, src, len);
    }

    fn invoke(&mut self, func: FuncKey) {
        self.0.invoke(func);
        self.1.invoke(func);
    }

    fn end(&mut self, end: &End) {
        self.0.end(end);
        self.1.end(end);
    }

    fn switch(&mut self, thread: u32) {
        self.0.switch(thread);
        self.1.switch(thread);
    }

    #[inline(always)]
    fn patience(&self) -> u64 {
        self.0.patience().min(self.1.patience())
    }

    #[inline(always)]
    fn stretch(&mut self, run: Stretch<'_>) {
        self.0.stretch(run);
        self.1.stretch(run);
    }

    fn stretches(&mut self, run: Stretch<'_>, times: u64) {
        self.0.stretches(run, times);
        self.1.stretches(run, times);
    }

    #[inline(always)]
    fn wants_pause(&self) -> bool {
        self.0.wants_pause() || self.1.wants_pause()
    }
}
