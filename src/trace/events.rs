//! Every executed instruction in order, as an iterator.
//!
//! Replays a stretch of blocks into a small buffer, then hands out their instructions one by one; the stretch
//! fits a level-1 cache.
//!
//! Not here: anything that can be told block-wise; a [`Visitor`] is many times faster.

use std::slice;

use crate::module::{CodeOffset, FuncIndex, Op, Opcode};

use super::limits::EVENTS_HELD;
use super::{
    CallKind, Checkpoint, End, ExecutedBlock, ExecutedFunction, FuncKey, HostCall, InstanceIndex, Replay,
    ReplayError, ReplayLimits, ReplayProgress, ReplaySummary, Trace, Visitor,
};

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An instruction was executed.
    Op(Executed),
    /// A frame returned, by an instruction (its event comes first) or at the end of its function, or an
    /// exception left it.
    Leave,
    /// An exception was caught, in the function whose frame is the last that was not left.
    Caught {
        /// Key of the function.
        func: FuncKey,
        /// Where the handler begins, if it has an instruction.
        offset: Option<CodeOffset>,
    },
    /// The host invoked a function.
    Invoke {
        /// Its key.
        func: FuncKey,
    },
    /// The invocation that began last and has not ended ended: returned, trapped, was stopped or failed.
    End(End),
    /// A host function was entered.
    HostCall {
        /// Its key.
        func: FuncKey,
        /// Position of the call's record in the trace.
        record: usize,
        /// Whether the call replaced the frame of its caller.
        is_tail: bool,
    },
    /// The host function entered last and not left yet was left.
    HostReturn {
        /// Whether it failed, which ends the invocation that called it. Or an exception left it, which goes
        /// on at the call, or leaves the frame that made a tail call.
        failed: bool,
    },
    /// Another thread goes on, on a stack of its own.
    Switch {
        /// Its number; 0 is the one that the host calls in.
        thread: u32,
    },
}

/// An executed instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Executed {
    /// The instance that ran.
    pub instance: InstanceIndex,
    /// The function in its module.
    pub function: FuncIndex,
    /// Where the instruction stands in the module file.
    pub offset: CodeOffset,
    /// What it is.
    pub opcode: Opcode,
    /// What it did to control.
    pub kind: ControlEffect,
}

/// What an instruction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ControlEffect {
    /// It went on to the next, or was the last of its invocation. Or it left the function (`return`;
    /// [`Event::Leave`] follows), or called a host function ([`Event::HostCall`] follows).
    #[default]
    Plain,
    /// `br`, `br_if`, `if`, or `br_table` with equal labels.
    Branch {
        /// It is unconditional or its condition was not zero (so the `then` arm runs).
        taken: bool,
    },
    /// `br_table`.
    Table {
        /// The label taken; the default is the last.
        index: u32,
    },
    /// A call of a function that an instance defines.
    Call {
        /// How the callee was named.
        kind: CallKind,
        /// Key of the callee.
        callee: FuncKey,
    },
    /// As `Call`, in place of the caller.
    TailCall {
        /// How the callee was named.
        kind: CallKind,
        /// Key of the callee.
        callee: FuncKey,
    },
    /// `throw`, `throw_ref` or `rethrow`.
    Throw {
        /// Index of the tag, or of the first that is the same.
        tag: u32,
    },
    /// `memory.grow`, `table.grow`.
    Grow {
        /// Pages or elements asked for.
        delta: u64,
        /// Former size, or -1 in the index type.
        result: u64,
    },
    /// A bulk operation on memories or tables; see [`Record::Bulk`](super::Record::Bulk).
    Bulk {
        /// First destination index.
        dst: u64,
        /// First source index or value.
        src: u64,
        /// Number of bytes or elements.
        len: u64,
    },
}

/// Iterator over the events of a trace; made by [`Trace::events`]. Ends after its first error.
#[derive(Debug)]
pub struct Events<'t> {
    /// `None` if it could not begin.
    replay: Option<Replay<'t>>,
    /// The trace is at its end or cannot be replayed on.
    is_over: bool,
    buffer: Buffer,
    /// The next item of the buffer.
    next: usize,
    /// What is left of the block being handed out.
    ops: slice::Iter<'t, Op>,
    instance: InstanceIndex,
    function: FuncIndex,
    /// What the last instruction of the block did.
    kind: ControlEffect,
    /// Comes when the buffer is empty.
    failure: Option<ReplayError>,
    summary: Option<ReplaySummary>,
}

impl<'t> Events<'t> {
    pub(super) fn new(trace: &'t Trace, limits: ReplayLimits) -> Self {
        Self::of(Replay::new(trace, limits))
    }

    pub(super) fn of(replay: Result<Replay<'t>, ReplayError>) -> Self {
        let (replay, failure) = match replay {
            Ok(replay) => (Some(replay), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            is_over: replay.is_none(),
            replay,
            buffer: Buffer { items: Vec::with_capacity(2 * EVENTS_HELD) },
            next: 0,
            ops: [].iter(),
            instance: InstanceIndex(0),
            function: FuncIndex(0),
            kind: ControlEffect::Plain,
            failure,
            summary: None,
        }
    }

    /// Goes on from a later checkpoint, if it is one: cheaper than to begin anew, and no part is replayed
    /// twice. Whether it does. An error ends the events until a checkpoint that has none.
    pub fn later(&mut self, checkpoint: &Checkpoint) -> bool {
        let Some(replay) = &mut self.replay else { return false };
        self.failure = match replay.resume_later(checkpoint) {
            Ok(false) => return false,
            Ok(true) => None,
            Err(error) => Some(error),
        };
        self.is_over = self.failure.is_some();
        self.buffer.items.clear();
        (self.next, self.ops, self.summary) = (0, [].iter(), None);
        true
    }

    /// Whether they could not begin.
    pub(crate) fn has_not_begun(&self) -> bool {
        self.replay.is_none()
    }

    /// The totals, once the iterator has come to the end of the trace.
    pub fn summary(&self) -> Option<ReplaySummary> {
        self.summary
    }

    /// Takes items until one has something to hand out.
    #[cold]
    #[inline(never)]
    fn advance(&mut self) -> Option<Result<Event, ReplayError>> {
        loop {
            let Some(replay) = &self.replay else {
                return self.failure.take().map(Err);
            };
            match self.buffer.items.get_mut(self.next) {
                Some(Item::Event(event)) => {
                    self.next += 1;
                    return Some(Ok(std::mem::replace(event, Event::Leave)));
                }
                Some(&mut Item::Run { number, len, kind }) => {
                    self.next += 1;
                    let (instance, function, ops) = replay.map().instructions(number, len);
                    (self.instance, self.function, self.ops, self.kind) =
                        (instance, function, ops.iter(), kind);
                    if let Some(event) = self.hand_out() {
                        return Some(Ok(event));
                    }
                }
                None if self.is_over => return self.failure.take().map(Err),
                None => self.fill(),
            }
        }
    }

    /// Replays a stretch into the empty buffer.
    fn fill(&mut self) {
        self.next = 0;
        self.buffer.items.clear();
        let Some(replay) = &mut self.replay else { return };
        match replay.run(&mut self.buffer) {
            Ok(ReplayProgress::Paused) => {}
            Ok(ReplayProgress::Done(summary)) => (self.summary, self.is_over) = (Some(summary), true),
            Err(error) => (self.failure, self.is_over) = (Some(error), true),
        }
    }

    #[inline(always)]
    fn hand_out(&mut self) -> Option<Event> {
        let Op { offset, opcode } = *self.ops.next()?;
        let kind = if self.ops.as_slice().is_empty() { self.kind } else { ControlEffect::Plain };
        Some(Event::Op(Executed { instance: self.instance, function: self.function, offset, opcode, kind }))
    }
}

impl Iterator for Events<'_> {
    type Item = Result<Event, ReplayError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.hand_out() {
            Some(event) => Some(Ok(event)),
            None => self.advance(),
        }
    }
}

impl std::iter::FusedIterator for Events<'_> {}

#[derive(Debug)]
enum Item {
    Run { number: u32, len: u32, kind: ControlEffect },
    Event(Event),
}

/// The visitor that notes what happens until it is full.
#[derive(Debug)]
struct Buffer {
    items: Vec<Item>,
}

impl Buffer {
    /// Says what the last instruction of the block noted last did.
    fn did(&mut self, did: ControlEffect) {
        if let Some(Item::Run { kind, .. }) = self.items.last_mut() {
            *kind = did;
        }
    }
}

impl Visitor for Buffer {
    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.items.push(Item::Run { number: run.number, len: run.len, kind: ControlEffect::Plain });
    }

    fn branch(&mut self, _: ExecutedBlock<'_>, taken: bool) {
        self.did(ControlEffect::Branch { taken });
    }

    fn branch_table(&mut self, _: ExecutedBlock<'_>, index: u32) {
        self.did(ControlEffect::Table { index });
    }

    fn call(&mut self, _: ExecutedBlock<'_>, kind: CallKind, callee: ExecutedFunction<'_>) {
        self.did(ControlEffect::Call { kind, callee: callee.key() });
    }

    fn tail_call(&mut self, _: ExecutedBlock<'_>, kind: CallKind, callee: ExecutedFunction<'_>) {
        self.did(ControlEffect::TailCall { kind, callee: callee.key() });
    }

    fn leave(&mut self, _: ExecutedBlock<'_>) {
        self.items.push(Item::Event(Event::Leave));
    }

    fn throw(&mut self, _: ExecutedBlock<'_>, tag: u32) {
        self.did(ControlEffect::Throw { tag });
    }

    fn catch(&mut self, _: ExecutedBlock<'_>, to: ExecutedBlock<'_>) {
        let (func, offset) = (to.function().key(), to.ops().first().map(|op| op.offset));
        self.items.push(Item::Event(Event::Caught { func, offset }));
    }

    fn host_call(&mut self, _: Option<ExecutedBlock<'_>>, call: HostCall<'_>) {
        let HostCall { func, record, is_tail, .. } = call;
        self.items.push(Item::Event(Event::HostCall { func, record, is_tail }));
    }

    fn host_return(&mut self, failed: bool) {
        self.items.push(Item::Event(Event::HostReturn { failed }));
    }

    fn grow(&mut self, _: ExecutedBlock<'_>, delta: u64, result: u64) {
        self.did(ControlEffect::Grow { delta, result });
    }

    fn bulk(&mut self, _: ExecutedBlock<'_>, dst: u64, src: u64, len: u64) {
        self.did(ControlEffect::Bulk { dst, src, len });
    }

    fn invoke(&mut self, func: FuncKey) {
        self.items.push(Item::Event(Event::Invoke { func }));
    }

    fn end(&mut self, end: &End) {
        self.items.push(Item::Event(Event::End(end.clone())));
    }

    fn switch(&mut self, thread: u32) {
        self.items.push(Item::Event(Event::Switch { thread }));
    }

    fn wants_pause(&self) -> bool {
        self.items.len() >= EVENTS_HELD
    }
}
