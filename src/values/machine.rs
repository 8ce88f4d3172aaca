//! The machine: what is outside of Wasm. It follows the records, does what the host did, and begins and ends
//! invocations; between them `run` executes the code.
//!
//! Frames are plain data, and nothing here recurses: an execution nested in a host call is an invocation on
//! the same stack.

mod cut;
mod host;
mod invoke;
mod kept;
mod link;
mod saved;
mod threads;

use std::sync::Arc;

use crate::{
    module::{CodeOffset, FuncIndex},
    trace::{
        InstanceIndex, Meetings, RESERVED, Threads, Trace, TracePosition,
        effects::{Effects, Val},
    },
};

use self::kept::Kept;
pub(super) use self::saved::Saved;
pub(super) use self::threads::Stack;
use self::threads::Thread;
use super::check::Check;
use super::code::{Code, Instr};
use super::error::{Inner, ValuesError, ValuesErrorKind};
use super::layout::Layout;
use super::limits::MAX_FRAMES;
use super::store::{NONE, Store};
use super::visitor::{Idle, Visitor};

pub(super) type Result<T, E = ValuesErrorKind> = std::result::Result<T, E>;

/// A frame: which function, where it goes on, and its first slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) func: u32,
    pub(super) pc: usize,
    pub(super) fp: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Invocation {
    func: u32,
    /// Where it is cut short.
    pub(super) place: Option<TracePosition>,
    /// Frames below its own.
    pub(super) base: usize,
    /// In a host call: its function, and the slot of its arguments and results.
    pub(super) host: Option<(u32, usize)>,
}

/// The instruction before which the run may be cut short.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planted {
    pub(super) func: u32,
    pub(super) pc: usize,
    pub(super) saved: Instr,
    /// Position of the operator among those that the instruction covers.
    pub(super) position: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Outside,
    Wasm,
    Done,
}

/// Totals of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Executed instructions.
    pub instructions: u64,
    /// Records followed.
    pub records: u64,
}

/// A run with its values.
#[derive(Debug)]
pub struct Machine<'t> {
    pub(super) trace: &'t Trace,
    effects: &'t Effects,
    cursor: usize,
    pub(super) layouts: Vec<Option<Arc<Layout>>>,
    made: usize,
    pub(super) store: Store,
    pub(super) check: Check<'t>,
    pub(super) frames: Vec<Frame>,
    pub(super) stack: Vec<u64>,
    pub(super) invocations: Vec<Invocation>,
    threads: Threads<Thread>,
    /// Globals when the instance was made.
    initial: Vec<[u64; 2]>,
    /// The functions that atomic operators and loops ask.
    pub(super) meetings: Option<Meetings>,
    pub(super) count: u64,
    /// The bytes of memory `near_of`, taken out of the store while they are used.
    pub(super) near: Vec<u8>,
    pub(super) near_of: u32,
    pub(super) planted: Option<Planted>,
    pub(super) state: State,
    /// States that the host kept, to put them back.
    kept: Kept,
    /// Number of instructions before which it pauses, and whether it did.
    pub(super) pause: u64,
    pub(super) is_paused: bool,
}

#[derive(Debug, Default)]
struct Crossing<'t> {
    arguments: Option<&'t [Val]>,
    results: Option<&'t [Val]>,
}

impl<'t> Machine<'t> {
    /// Prepares to run `trace` again with its values.
    ///
    /// # Errors
    /// When it does not hold what the host did.
    pub fn new(trace: &'t Trace) -> Result<Self, ValuesError> {
        let at_begin = |kind| {
            let inner = Inner { kind, instructions: 0, record: 0, site: None };
            ValuesError { inner: Box::new(inner) }
        };
        let effects = trace.effects.as_deref().ok_or_else(|| at_begin(ValuesErrorKind::NoEffects))?;
        let memories = trace.modules.first().map_or(1, |module| module.memories().max(1));
        let most = Some(trace.limits.memory_bytes).filter(|&most| most < u64::MAX);
        let most = most.map(|most| most.min(RESERVED / memories));
        let mut store = Store { most, ..Store::default() };
        for &key in trace.hosts.keys() {
            store.new_func(key, None, None, NONE).map_err(at_begin)?;
        }
        Ok(Self {
            trace,
            effects,
            cursor: 0,
            layouts: vec![None; trace.modules.len()],
            made: 0,
            store,
            check: Check::new(trace).map_err(at_begin)?,
            frames: Vec::new(),
            stack: Vec::new(),
            invocations: Vec::new(),
            threads: Threads::default(),
            initial: Vec::new(),
            meetings: trace.meetings(),
            count: 0,
            near: Vec::new(),
            near_of: NONE,
            planted: None,
            state: State::Outside,
            kept: Kept::default(),
            pause: u64::MAX,
            is_paused: false,
        })
    }

    /// Runs to the end of the trace, telling `visitor`.
    ///
    /// # Errors
    /// When a computed value disagrees with the recording, or what the host did is not known further, or a
    /// limit is reached. The visitor has seen everything before that.
    pub fn run(&mut self, visitor: &mut impl Visitor) -> Result<Totals, ValuesError> {
        self.pause = u64::MAX;
        loop {
            let done = match self.state {
                State::Done => return Ok(self.totals()),
                State::Outside => self.outside(visitor),
                State::Wasm => self.execute::<_, false>(visitor),
            };
            done.map_err(|kind| self.error(kind))?;
        }
    }

    /// As [`Self::run`], but pauses before the instruction with this number. If several are done as one, it
    /// pauses a few before it. Can be called again to go on.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub fn run_to(&mut self, instruction: u64, visitor: &mut impl Visitor) -> Result<Totals, ValuesError> {
        (self.pause, self.is_paused) = (instruction, false);
        while self.state != State::Done && !self.is_paused {
            let done = match self.state {
                State::Wasm => self.execute::<_, true>(visitor),
                _ => self.outside(visitor),
            };
            done.map_err(|kind| self.error(kind))?;
        }
        Ok(self.totals())
    }

    /// Executes code, telling `visitor` of what it wants now.
    fn execute<V: Visitor, const PAUSES: bool>(&mut self, visitor: &mut V) -> Result<()> {
        match V::CAN_IDLE && visitor.is_idle() {
            true => self.wasm::<_, PAUSES>(&mut Idle(visitor)),
            false => self.wasm::<_, PAUSES>(visitor),
        }
    }

    /// Whether the run is over.
    pub fn is_over(&self) -> bool {
        self.state == State::Done
    }

    /// Why it is not known what comes next, if the recording ends here and the run did not.
    pub(super) fn truncated(&self) -> Option<ValuesError> {
        let is_outside = self.state == State::Outside && self.is_paused;
        let why = self.trace.gap().filter(|_| is_outside)?;
        Some(self.error(ValuesErrorKind::Truncated { why: why.into() }))
    }

    /// Instructions that the next one is done together with, itself included.
    pub(super) fn ahead(&self) -> u64 {
        let code = self.frames.last().and_then(|frame| {
            let body = self.store.funcs.get(frame.func as usize)?.body.as_ref()?;
            body.code.get(frame.pc..)?.iter().find(|instr| instr.n > 0).map(|instr| u64::from(instr.n))
        });
        code.unwrap_or(1)
    }

    fn totals(&self) -> Totals {
        Totals { instructions: self.count, records: self.check.records.position }
    }

    #[cold]
    pub(super) fn error(&self, kind: ValuesErrorKind) -> ValuesError {
        let site = self.frames.last().filter(|_| self.state == State::Wasm).and_then(|frame| {
            let func = self.store.funcs.get(frame.func as usize)?;
            let body = func.body.as_ref()?;
            let cover = body.covers.get(frame.pc)?;
            let op = cover.first as usize + usize::from(cover.before);
            let op = body.ops.get(op).or(body.ops.last())?;
            Some((FuncIndex(func.defined?.1), CodeOffset(op.offset)))
        });
        let inner = Inner { kind, instructions: self.count, record: self.check.records.position, site };
        ValuesError { inner: Box::new(inner) }
    }

    /// The bytes of a memory at this moment.
    pub fn memory(&self, memory: u32) -> Option<&[u8]> {
        match memory == self.near_of && memory != NONE {
            true => Some(&self.near),
            false => self.store.memories.get(memory as usize).map(|memory| &memory.bytes[..]),
        }
    }

    /// The slots of a global at this moment: its value, and the upper half of a `v128`.
    pub fn global(&self, global: u32) -> Option<[u64; 2]> {
        self.store.globals.get(global as usize).copied()
    }

    /// Number of memories, tables and globals made so far.
    pub fn objects(&self) -> (usize, usize, usize) {
        (self.store.memories.len(), self.store.tables.len(), self.store.globals.len())
    }

    /// The number of memory `index` of an instance.
    pub fn memory_of(&self, instance: InstanceIndex, index: u32) -> Option<u32> {
        self.store.linked.get(instance.0 as usize)?.memories.get(index as usize).copied()
    }

    /// The number of global `index` of an instance.
    pub fn global_of(&self, instance: InstanceIndex, index: u32) -> Option<u32> {
        self.store.linked.get(instance.0 as usize)?.globals.get(index as usize).copied()
    }

    /// Puts the memory that was taken out back, and takes out another.
    pub(super) fn take_memory(&mut self, memory: u32) {
        if memory == self.near_of {
            return;
        }
        if let Some(old) = self.store.memories.get_mut(self.near_of as usize) {
            old.bytes = std::mem::take(&mut self.near);
        }
        self.near_of = memory;
        self.near = match self.store.memories.get_mut(memory as usize) {
            Some(memory) => std::mem::take(&mut memory.bytes),
            None => Vec::new(),
        };
    }
}

pub(super) fn too_deep() -> ValuesErrorKind {
    let limit = MAX_FRAMES as u64;
    ValuesErrorKind::TooBig { what: "call depth", given: limit + 1, limit }
}

pub(super) fn is_bulk(code: Code) -> bool {
    matches!(
        code,
        Code::MemoryCopy
            | Code::MemoryFill
            | Code::MemoryInit
            | Code::TableCopy
            | Code::TableFill
            | Code::TableInit
    )
}
