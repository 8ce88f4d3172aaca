//! The state of a run at a moment: frames with locals and operands, globals, sizes of memories, tables.
//!
//! The bytes of a memory are not copied: [`Timeline::memory`](super::Timeline::memory) lends them.

use crate::{
    module::{CodeOffset, FuncIndex, Opcode},
    trace::{FuncKey, InstanceIndex},
};

use super::code::{Op, Place, Ty};
use super::error::ValuesErrorKind;
use super::machine::{Frame, Machine, Result, Stack};
use super::translate::places;

/// A value with its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Typed {
    /// Its type.
    pub ty: Ty,
    /// Its slots, as visitors are told of them; the second is that of a `v128`.
    pub slots: [u64; 2],
}

/// An entry of the call stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Level {
    /// A function of the sample.
    Wasm(Activation),
    /// A host function, which may have called back into the sample.
    Host(FuncKey),
}

/// What an instruction gives that takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// A local, which has these slots of the frame: the first, and how many.
    Local(u32, u32),
    /// A global, by its number among all of the run.
    Global(u32),
}

/// A function of the sample that was called and has not returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// The instance.
    pub instance: InstanceIndex,
    /// The function in its module.
    pub function: FuncIndex,
    /// The instruction that is next, or, of a caller, the call.
    pub offset: CodeOffset,
    /// What that is.
    pub opcode: Opcode,
    /// Parameters and locals, by index.
    pub locals: Vec<Typed>,
    /// The operand stack, bottom first. Of a caller: without the arguments of its call.
    pub operands: Vec<Typed>,
    /// The slot of the frame where each of them is, or the first of two.
    pub operand_slots: Vec<u32>,
    /// What the instruction gives, if it is a `local.get` or `global.get`.
    pub gives: Option<Gives>,
}

/// A thread that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its number; that of the entry point is 0.
    pub thread: u32,
    /// Its call stack, outermost first.
    pub levels: Vec<Level>,
    /// Its globals, by number.
    pub globals: Vec<Typed>,
}

/// The state of a run before an instruction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Instructions executed before.
    pub event: u64,
    /// The thread that runs; that of the entry point is 0.
    pub thread: u32,
    /// The call stack of it, outermost first; empty when the run is over.
    pub levels: Vec<Level>,
    /// The threads that wait for their turn, by number.
    pub waiting: Vec<Waiting>,
    /// All globals, by number.
    pub globals: Vec<Typed>,
    /// Bytes of each memory, by number.
    pub memories: Vec<u64>,
    /// Elements of each table, by number: 0 for null, else one more than a number.
    pub tables: Vec<Vec<u64>>,
}

/// The value on top of the operand stack that is in no slot yet. The instruction that takes it is done
/// together with the one that made it.
pub(super) type Made = Option<[u64; 2]>;

impl Machine<'_> {
    /// The place of the machine among the instructions that are done as one, before instruction `event`. It
    /// is the operator that is next, and whether what it takes was just made.
    pub(super) fn next_op(&self, event: u64) -> Option<(Op, bool)> {
        let frame = self.frames.last()?;
        let body = self.store.funcs.get(frame.func as usize)?.body.as_ref()?;
        let ahead = u32::try_from(event.checked_sub(self.count)?).ok()?;
        // Instructions that cover nothing, such as spills, come before the one that covers the operator.
        let pc =
            (frame.pc..body.code.len()).find(|&pc| body.code.get(pc).is_some_and(|instr| instr.n > 0))?;
        let cover = body.covers.get(pc)?;
        let op = *body.ops.get((cover.first + ahead) as usize)?;
        let is_made = cover.has_after && ahead == u32::from(cover.before) + u32::from(cover.has_own);
        Some((op, is_made))
    }

    /// The state before instruction `event`, at which, or a few before which, the machine paused.
    pub(super) fn state(&self, event: u64, made: Made) -> Result<State> {
        let mut state = State {
            event,
            globals: self.globals(&self.store.globals),
            memories: (0..self.store.memories.len() as u32)
                .map(|number| self.memory(number).map_or(0, |bytes| bytes.len() as u64))
                .collect(),
            tables: self.store.tables.iter().map(|table| table.elements.clone()).collect(),
            thread: self.thread(),
            levels: Vec::new(),
            waiting: Vec::new(),
        };
        if self.is_over() {
            return Ok(state);
        }
        let (frames, slots, invocations) = (&self.frames, &self.stack, &self.invocations);
        let here = Stack { frames, slots, invocations, globals: &self.store.globals };
        state.levels = self.levels(here, Some((event, made)))?;
        for (thread, of) in self.waiting() {
            // One that has ended waits for nothing.
            if !of.invocations.is_empty() {
                let (levels, globals) = (self.levels(of, None)?, self.globals(of.globals));
                state.waiting.push(Waiting { thread, levels, globals });
            }
        }
        Ok(state)
    }

    /// The globals of a thread with their types.
    fn globals(&self, of: &[[u64; 2]]) -> Vec<Typed> {
        of.iter().zip(&self.store.global_types).map(|(&slots, &ty)| Typed { ty, slots }).collect()
    }

    /// The call stack of a thread. `now` is when its innermost frame is at an instruction and at no call.
    fn levels(&self, of: Stack<'_>, now: Option<(u64, Made)>) -> Result<Vec<Level>> {
        let mut levels = Vec::new();
        for (index, invocation) in of.invocations.iter().enumerate() {
            let end = of.invocations.get(index + 1).map_or(of.frames.len(), |next| next.base);
            for position in invocation.base..end {
                let level = match now.filter(|_| position + 1 == of.frames.len()) {
                    Some((event, made)) => self.top(event, made)?,
                    None => self.caller(of, position)?,
                };
                levels.push(Level::Wasm(level));
            }
            if let Some((func, _)) = invocation.host {
                let func = self.store.funcs.get(func as usize);
                levels.push(Level::Host(func.map_or(FuncKey(u32::MAX), |func| func.key)));
            }
        }
        Ok(levels)
    }

    fn top(&self, event: u64, made: Made) -> Result<Activation> {
        let nowhere = ValuesErrorKind::Effects("the moment is at no instruction");
        let (op, is_made) = self.next_op(event).ok_or(nowhere)?;
        let frame = self.frames.last().ok_or(ValuesErrorKind::Effects("the moment is in no function"))?;
        let mut level = self.activation(frame, &self.stack, &op, u32::MAX)?;
        if let (true, Some(slots), Some(top)) = (is_made, made, level.operands.last_mut()) {
            top.slots = slots;
        }
        Ok(level)
    }

    /// A frame that called another: at its call.
    fn caller(&self, of: Stack<'_>, position: usize) -> Result<Activation> {
        let nowhere = ValuesErrorKind::Effects("a caller is at no call");
        let frame = of.frames.get(position).ok_or(nowhere.clone())?;
        let body = self.store.funcs.get(frame.func as usize).and_then(|func| func.body.as_ref());
        let (body, pc) = body.zip(frame.pc.checked_sub(1)).ok_or(nowhere.clone())?;
        let cover = body.covers.get(pc).ok_or(nowhere.clone())?;
        let op = body.ops.get(cover.first as usize + usize::from(cover.before)).ok_or(nowhere)?;
        // Arguments, and the index of an indirect call, are the callee's now: its frame begins with them.
        self.activation(frame, of.slots, op, body.code.get(pc).map_or(0, |instr| instr.a))
    }

    /// A frame before an operator, with those of its operands that are below slot `end`.
    fn activation(&self, frame: &Frame, stack: &[u64], op: &Op, end: u32) -> Result<Activation> {
        let nowhere = ValuesErrorKind::Effects("a frame of no function");
        let func = self.store.funcs.get(frame.func as usize).ok_or(nowhere.clone())?;
        let (instance, index) = func.defined.ok_or(nowhere.clone())?;
        let module = self.trace.instances.get(instance.0 as usize).ok_or(nowhere.clone())?.module;
        let layout = self.layouts.get(module).and_then(Option::as_ref).ok_or(nowhere.clone())?;
        let linked = self.store.linked.get(instance.0 as usize).ok_or(nowhere)?;
        let places = places(self.trace.modules[module].image(), layout, linked, index, op.offset)?;
        let below = |(ty, _, home): &&(Ty, Place, u32)| home.saturating_add(ty.slots()) <= end;
        let value = |ty: Ty, place: Place| {
            let slot = |slot: u32| stack.get(frame.fp + slot as usize).copied().unwrap_or(0);
            let slots = match place {
                Place::None => [0; 2],
                Place::Const(value) => [value, 0],
                Place::Slot(at) if ty == Ty::V128 => [slot(at), slot(at + 1)],
                Place::Slot(at) => [slot(at), 0],
            };
            Typed { ty, slots }
        };
        let operands = || places.operands.iter().filter(below);
        Ok(Activation {
            instance,
            function: FuncIndex(index),
            offset: CodeOffset(op.offset),
            opcode: op.opcode,
            locals: places.locals.iter().map(|&(ty, place)| value(ty, place)).collect(),
            operands: operands().map(|&(ty, place, _)| value(ty, place)).collect(),
            operand_slots: operands().map(|&(_, _, home)| home).collect(),
            gives: match op.opcode {
                Opcode::LocalGet => Some(Gives::Local(op.names, op.ty.map_or(1, Ty::slots))),
                Opcode::GlobalGet => Some(Gives::Global(op.names)),
                _ => None,
            },
        })
    }
}
