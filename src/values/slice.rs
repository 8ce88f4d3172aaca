//! Slices: the instructions that a value comes from, across calls and memory, back to constants, the host and
//! segments.
//!
//! A visitor follows for each slot and each byte of memory which *step* made it. A step is an instruction
//! that computes, loads or stores, a write of the host, or an argument of an invocation. What only moves
//! values (locals, globals, `local.tee`, calls and returns) makes no step. So the graph has a node for each
//! instruction that computed something, and a slice is what can be reached from the value backwards.
//!
//! Memory is bounded: the last [`MAX_STEPS`] steps are known; what comes from before them is told to be cut.
//! Addresses and conditions are no part of a value: they are followed only if that is asked for.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    mem,
    ops::Range,
};

use crate::{
    module::{CodeOffset, FuncIndex, Opcode},
    trace::{End, FuncKey, Threads},
};

use super::code::{Op, Ty};
use super::limits::{MAX_KEPT, MAX_SLICE, MAX_SLOTS, MAX_STEPS, MAX_WATCHED};
use super::made::{Memory, NOTHING};
use super::visitor::{Access, At, Visitor};
use super::writers::{Hand, Writer};

/// What made a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definition {
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
        /// The first slot that it gave, or of a store the value.
        value: u64,
    },
    /// A write to memory by the host, or a segment.
    Write(Writer),
    /// An argument of an invocation.
    Argument {
        /// Instructions executed before it.
        event: u64,
        /// The function.
        func: FuncKey,
        /// Which.
        index: u32,
    },
    /// A result of a host function.
    Result {
        /// Instructions executed before it.
        event: u64,
        /// The function.
        func: FuncKey,
    },
}

impl Definition {
    /// An instruction that gave that value.
    fn of(at: At<'_>, value: u64) -> Self {
        let (offset, opcode) = (CodeOffset(at.op.offset), at.op.opcode);
        Self::Instruction { event: at.number, function: at.function, offset, opcode, value }
    }
}

/// A slice: steps in the order of the run, and which uses which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// The steps.
    pub steps: Vec<Definition>,
    /// Which step (by position) uses which.
    pub edges: Vec<(usize, usize)>,
    /// The steps that made the value itself.
    pub roots: Vec<usize>,
    /// Whether something comes from before the steps that are known, or there are more steps than are told.
    pub is_cut: bool,
}

/// Steps that stand in a step which uses them: as many as take no more room than a place for others.
const FEW: usize = 5;

/// The steps that a step uses.
///
/// PERF: few of them stand in the step itself. Most instructions have two, and there are millions of steps.
#[derive(Debug, Clone)]
enum Uses {
    Few(u8, [u32; FEW]),
    Many(Box<[u32]>),
}

impl Uses {
    /// Those that are steps, once each.
    fn of(ids: impl IntoIterator<Item = u32>) -> Self {
        let (mut len, mut few) = (0, [NOTHING; FEW]);
        let mut ids = ids.into_iter().filter(|id| *id != NOTHING);
        while let Some(id) = ids.next() {
            if few[..len].contains(&id) {
                continue;
            }
            match few.get_mut(len) {
                Some(place) => *place = id,
                None => {
                    let mut many: Vec<u32> = few.into_iter().chain([id]).chain(ids).collect();
                    many.sort_unstable();
                    many.dedup();
                    return Self::Many(many.into());
                }
            }
            len += 1;
        }
        few[..len].sort_unstable();
        Self::Few(len as u8, few)
    }

    fn ids(&self) -> &[u32] {
        match self {
            Self::Few(len, ids) => ids.get(..usize::from(*len)).unwrap_or_default(),
            Self::Many(ids) => ids,
        }
    }
}

/// What belongs to a thread that does not run.
#[derive(Debug, Default)]
struct Thread {
    slots: Vec<u32>,
    frames: Vec<usize>,
    open: Vec<(usize, usize)>,
    host: Vec<(FuncKey, usize)>,
    globals: Vec<[u32; 2]>,
}

/// Follows what values come from: a visitor, up to a moment.
#[derive(Debug)]
pub struct Slicer {
    /// The moment, from which on nothing more is followed.
    at: u64,
    is_done: bool,
    with_addresses: bool,
    /// The last steps, and what each uses.
    steps: VecDeque<(Definition, Uses)>,
    /// Number of the first that is kept; steps count from 1.
    first: u32,
    /// For each slot of all frames the step that made it.
    slots: Vec<u32>,
    /// First slots of the frames.
    frames: Vec<usize>,
    /// Frames and host calls when each open invocation began.
    open: Vec<(usize, usize)>,
    /// Open host calls, and where their results go.
    host: Vec<(FuncKey, usize)>,
    globals: Vec<[u32; 2]>,
    threads: Threads<Thread>,
    memory: Memory,
    kept: VecDeque<(u32, Memory, Vec<[u32; 2]>)>,
    /// Of the instruction that comes.
    accesses: Vec<Access>,
    /// Empty: its room is used again.
    uses: Vec<u32>,
    /// After the arguments of the call that came last.
    arguments_end: usize,
    is_tail: bool,
    is_restoring: bool,
    event: u64,
    hand: Hand,
    thrown: Thrown,
}

/// What is thrown.
#[derive(Debug, Default)]
struct Thrown {
    /// The `throw`.
    by: Option<Definition>,
    /// The steps that made each operand; none if a reference is thrown again.
    operands: Vec<u32>,
    /// The steps that made each slot of a reference to it, as far as they are known.
    exception: [Option<u32>; 2],
}

impl Slicer {
    /// Follows values up to the moment before which `at` instructions were executed. It also follows where
    /// addresses come from, if that is asked for.
    pub fn new(at: u64, with_addresses: bool) -> Self {
        Self {
            at,
            with_addresses,
            steps: VecDeque::new(),
            first: 1,
            is_done: false,
            slots: Vec::new(),
            frames: Vec::new(),
            open: Vec::new(),
            host: Vec::new(),
            globals: Vec::new(),
            memory: Memory::default(),
            kept: VecDeque::new(),
            accesses: Vec::new(),
            uses: Vec::new(),
            arguments_end: 0,
            is_tail: false,
            is_restoring: false,
            event: 0,
            threads: Threads::default(),
            hand: Hand::default(),
            thrown: Thrown::default(),
        }
    }

    /// The origin of slots of the top frame, at the moment: locals have the first ones, operands follow.
    pub fn of_slots(&self, slots: impl IntoIterator<Item = usize>) -> Slice {
        let fp = self.fp();
        self.slice(slots.into_iter().map(|slot| self.slot(fp + slot)).collect())
    }

    /// The origin of a global, by its number among all of the run, at the moment.
    pub fn of_global(&self, number: u32) -> Slice {
        let ids = self.globals.get(number as usize).copied().unwrap_or_default();
        self.slice(ids.to_vec())
    }

    /// What bytes of a memory come from, at the moment.
    pub fn of_memory(&self, memory: u32, address: u64, len: u64) -> Slice {
        let mut ids = Vec::new();
        self.memory.ids(memory, address, len.min(MAX_WATCHED), &mut ids);
        self.slice(ids)
    }

    fn slice(&self, mut roots: Vec<u32>) -> Slice {
        roots.retain(|id| *id != NOTHING);
        roots.sort_unstable();
        roots.dedup();
        // The latest first: if there are too many, those nearest to the value are told.
        let mut open: BinaryHeap<u32> = roots.iter().copied().collect();
        let (mut reached, mut edges, mut is_cut) = (BTreeSet::new(), Vec::new(), self.memory.is_lost);
        while let Some(id) = open.pop() {
            if reached.contains(&id) {
                continue;
            }
            let step = id.checked_sub(self.first).and_then(|at| self.steps.get(at as usize));
            let Some((_, uses)) = step.filter(|_| reached.len() < MAX_SLICE) else {
                is_cut = true;
                continue;
            };
            reached.insert(id);
            edges.extend(uses.ids().iter().map(|used| (id, *used)));
            open.extend(uses.ids().iter().copied());
        }
        let position: BTreeMap<u32, usize> = reached.iter().copied().zip(0..).collect();
        let step = |id: &u32| self.steps.get((id - self.first) as usize).map(|(step, _)| *step);
        let place = |id: &u32| position.get(id).copied();
        Slice {
            steps: reached.iter().filter_map(step).collect(),
            edges: edges.iter().filter_map(|(user, used)| Some((place(user)?, place(used)?))).collect(),
            roots: roots.iter().filter_map(place).collect(),
            is_cut,
        }
    }

    fn fp(&self) -> usize {
        self.frames.last().copied().unwrap_or(0)
    }

    fn slot(&self, slot: usize) -> u32 {
        self.slots.get(slot).copied().unwrap_or(NOTHING)
    }

    fn set(&mut self, slot: usize, id: u32) {
        if slot >= self.slots.len() {
            if id == NOTHING || slot >= MAX_SLOTS {
                return;
            }
            self.slots.resize(slot + 1, NOTHING);
        }
        self.slots[slot] = id;
    }

    fn copy(&mut self, from: usize, to: usize, len: usize) {
        // What is read must not be written before.
        match from < to {
            true => (0..len).rev().for_each(|at| self.set(to + at, self.slot(from + at))),
            false => (0..len).for_each(|at| self.set(to + at, self.slot(from + at))),
        }
    }

    /// Adds a step; gives its number.
    fn step(&mut self, step: Definition, uses: impl IntoIterator<Item = u32>) -> u32 {
        let uses = Uses::of(uses);
        if self.steps.len() >= MAX_STEPS {
            self.steps.pop_front();
            self.first = self.first.saturating_add(1);
        }
        self.steps.push_back((step, uses));
        self.first.saturating_add(self.steps.len() as u32 - 1)
    }

    /// The step that made this slot of a reference to what is thrown. Where operands share one, that is the
    /// `throw`, which put them there.
    fn thrown_slot(&mut self, slot: u8, places: &[(u8, u8)]) -> u32 {
        let Thrown { by, operands, exception } = &self.thrown;
        if let Some(id) = exception.get(usize::from(slot)).copied().flatten() {
            return id;
        }
        let placed = operands.iter().zip(places).filter(|(_, (place, _))| place / 8 == slot);
        let uses: Vec<u32> = placed.map(|(id, _)| *id).collect();
        let id = match (&uses[..], *by) {
            (&[id], _) => id,
            ([_, ..], Some(by)) => self.step(by, uses),
            _ => NOTHING,
        };
        if let Some(known) = self.thrown.exception.get_mut(usize::from(slot)) {
            *known = Some(id);
        }
        id
    }

    /// Does what only moves values. Whether the instruction is one of these.
    fn moves(&mut self, at: At<'_>, base: usize, operands: &[u64]) -> bool {
        let (fp, names) = (self.fp(), at.op.names as usize);
        let len = at.op.ty.map_or(1, Ty::slots) as usize;
        match at.op.opcode {
            Opcode::LocalGet => self.copy(fp + names, base, len),
            Opcode::LocalSet | Opcode::LocalTee => self.copy(base, fp + names, len),
            Opcode::GlobalGet => {
                let ids = self.globals.get(names).copied().unwrap_or_default();
                ids.iter().take(len).enumerate().for_each(|(at, id)| self.set(base + at, *id));
            }
            Opcode::GlobalSet => {
                let ids = [self.slot(base), if len > 1 { self.slot(base + 1) } else { NOTHING }];
                if names >= self.globals.len() && names < MAX_SLOTS {
                    self.globals.resize(names + 1, [NOTHING; 2]);
                }
                if let Some(global) = self.globals.get_mut(names) {
                    *global = ids;
                }
            }
            Opcode::Select | Opcode::TypedSelect => {
                let is_second = operands.last().is_some_and(|condition| *condition as u32 == 0);
                self.copy(base + if is_second { len } else { 0 }, base, len);
            }
            Opcode::MemoryCopy => {
                if let [.., from, to] = self.accesses[..] {
                    self.memory.copy((from.memory, from.address), (to.memory, to.address), to.len);
                }
            }
            _ => return false,
        }
        true
    }

    /// What loads, stores or computes.
    fn computes(&mut self, at: At<'_>, base: usize, operands: &[u64], results: &[u64]) {
        let access = self.accesses.last().copied();
        let value = results.first().or(operands.get(1)).copied().unwrap_or(0);
        let makes = !results.is_empty() || access.is_some_and(|access| access.is_write);
        if !makes {
            return;
        }
        let mut uses = mem::take(&mut self.uses);
        match access {
            None => uses.extend((base..base + operands.len()).map(|slot| self.slot(slot))),
            Some(access) => {
                // The address is the first operand; a value that is stored, or a vector that a lane is loaded
                // to, comes after it. Bulk operations have addresses and lengths, and a value if they fill.
                let skipped = usize::from(!self.with_addresses);
                let last = match at.op.opcode {
                    Opcode::MemoryFill if skipped > 0 => 2,
                    Opcode::MemoryInit if skipped > 0 => 1,
                    _ => operands.len(),
                };
                uses.extend((base + skipped..base + last).map(|slot| self.slot(slot)));
                if !access.is_write {
                    self.memory.ids(access.memory, access.address, access.len, &mut uses);
                }
            }
        }
        let id = self.step(Definition::of(at, value), uses.drain(..));
        self.uses = uses;
        (0..results.len()).for_each(|slot| self.set(base + slot, id));
        if let Some(access) = access.filter(|access| access.is_write) {
            self.memory.fill(access.memory, access.address, access.len, id);
        }
    }
}

fn is_tail_call(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::ReturnCall | Opcode::ReturnCallIndirect | Opcode::ReturnCallRef)
}

impl Visitor for Slicer {
    const INSTRUCTIONS: bool = true;
    const MEMORY: bool = true;
    const WRITES: bool = true;

    fn access(&mut self, function: FuncIndex, op: &Op, access: Access) {
        self.hand.access(function, op, access);
        self.accesses.push(access);
    }

    fn instruction(&mut self, at: At<'_>, operands: &[u64], results: &[u64]) {
        self.is_done |= at.number >= self.at;
        if self.is_done {
            return;
        }
        self.event = at.number + 1;
        let base = (self.fp() + at.op.top as usize).saturating_sub(operands.len());
        self.arguments_end = base;
        self.is_tail = is_tail_call(at.op.opcode);
        let is_call =
            matches!(at.op.opcode, Opcode::Call | Opcode::CallIndirect | Opcode::CallRef | Opcode::Return);
        if at.op.opcode == Opcode::Throw {
            self.thrown.by = Some(Definition::of(at, operands.first().copied().unwrap_or(0)));
        }
        if !is_call && !self.is_tail && !self.moves(at, base, operands) {
            self.computes(at, base, operands, results);
        }
        self.accesses.clear();
    }

    fn moved(&mut self, from: u32, to: u32, len: u32) {
        if !self.is_done {
            let fp = self.fp();
            self.copy(fp + from as usize, fp + to as usize, len as usize);
        }
    }

    fn invoke(&mut self, func: FuncKey, arguments: &[u64]) {
        if self.is_done {
            return;
        }
        self.hand.invoke();
        self.open.push((self.frames.len(), self.host.len()));
        let base = self.slots.len();
        self.frames.push(base);
        for index in 0..arguments.len() {
            let id = self.step(Definition::Argument { event: self.event, func, index: index as u32 }, []);
            self.set(base + index, id);
        }
        self.arguments_end = base + arguments.len();
        self.is_tail = false;
    }

    fn call(&mut self, _: FuncKey, arguments: &[u64], is_tail: bool) {
        if self.is_done {
            return;
        }
        let begin = self.arguments_end.saturating_sub(arguments.len());
        let fp = if is_tail { self.fp() } else { begin };
        self.copy(begin, fp, arguments.len());
        // Its locals are zero.
        self.slots.truncate(fp + arguments.len());
        if !is_tail {
            self.frames.push(fp);
        }
    }

    fn switch(&mut self, thread: u32) {
        if self.is_done {
            return;
        }
        self.hand.switch(thread);
        let mut here = Thread {
            slots: mem::take(&mut self.slots),
            frames: mem::take(&mut self.frames),
            open: mem::take(&mut self.open),
            host: mem::take(&mut self.host),
            globals: mem::take(&mut self.globals),
        };
        self.threads.leave(thread, &mut here, |thread| thread.open.is_empty());
        (self.slots, self.frames, self.open) = (here.slots, here.frames, here.open);
        (self.host, self.globals) = (here.host, here.globals);
    }

    fn throws(&mut self, exception: Option<u32>, operands: Range<u32>, _: &[(u8, u8)]) {
        if self.is_done {
            return;
        }
        let slot = |slot: u32| self.slot(self.fp() + slot as usize);
        (self.thrown.operands, self.thrown.exception) = match exception {
            Some(first) => (Vec::new(), [first, first + 1].map(|at| Some(slot(at)))),
            None => (operands.map(slot).collect(), [None; 2]),
        };
    }

    fn catches(&mut self, exception: Option<u32>, operands: Range<u32>, places: &[(u8, u8)]) {
        if self.is_done {
            return;
        }
        let fp = self.fp();
        for (index, slot) in operands.enumerate() {
            let id = match self.thrown.operands.get(index) {
                Some(id) => *id,
                None => places.get(index).map_or(NOTHING, |&(place, _)| self.thrown_slot(place / 8, places)),
            };
            self.set(fp + slot as usize, id);
        }
        for (index, slot) in exception.into_iter().flat_map(|first| (0..2).zip(first..)) {
            let id = self.thrown_slot(index, places);
            self.set(fp + slot as usize, id);
        }
    }

    fn leave(&mut self, results: &[u64]) {
        if !self.is_done
            && let Some(fp) = self.frames.pop()
        {
            self.slots.truncate(fp + results.len());
        }
    }

    fn host_call(&mut self, func: FuncKey, record: u64, arguments: &[u64]) {
        if self.is_done {
            return;
        }
        self.hand.host_call(func, record);
        let begin = self.arguments_end.saturating_sub(arguments.len());
        let begin = if self.is_tail { self.frames.pop().unwrap_or(begin) } else { begin };
        self.host.push((func, begin));
    }

    fn host_return(&mut self, _: bool, results: &[u64]) {
        if self.is_done {
            return;
        }
        self.hand.host_return();
        let Some((func, begin)) = self.host.pop() else { return };
        self.slots.truncate(begin);
        if !results.is_empty() {
            let id = self.step(Definition::Result { event: self.event, func }, []);
            (0..results.len()).for_each(|slot| self.set(begin + slot, id));
        }
    }

    fn end(&mut self, _: &End, _: &[u64]) {
        if self.is_done {
            return;
        }
        self.hand.end();
        let (frames, host) = self.open.pop().unwrap_or_default();
        let begin = self.frames.get(frames).copied();
        self.frames.truncate(frames);
        self.host.truncate(host);
        if let Some(begin) = begin {
            self.slots.truncate(begin);
        }
    }

    fn segment(&mut self, _: u32, _: u64, _: &[u8]) {
        self.hand.segment();
    }

    fn host_keep(&mut self, state: u32) {
        if self.is_done {
            return;
        }
        self.kept.push_back((state, self.memory.clone(), self.globals.clone()));
        if self.kept.len() > MAX_KEPT {
            self.kept.pop_front();
        }
    }

    fn host_restore(&mut self, state: u32) {
        if self.is_done {
            return;
        }
        if let Some((_, memory, globals)) = self.kept.iter().rfind(|(kept, ..)| *kept == state) {
            (self.memory, self.globals) = (memory.clone(), globals.clone());
            self.is_restoring = true;
        }
    }

    fn written(&mut self, event: u64, memory: u32, _: &[u8], address: u64, len: u64) {
        let writer = self.hand.take(event);
        let is_restored = self.is_restoring && matches!(writer, Writer::Host { call: None, .. });
        self.is_restoring = is_restored;
        // What instructions write is told by the instruction.
        if self.is_done || is_restored || matches!(writer, Writer::Instruction { .. }) {
            return;
        }
        let id = self.step(Definition::Write(writer), []);
        self.memory.fill(memory, address, len, id);
    }
}
