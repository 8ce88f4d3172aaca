//! Walking through a run as with a debugger: steps, breakpoints and watchpoints, forwards and backwards.
//!
//! A position is a moment of a [`Timeline`]. To go on is to look through the run window by window for the
//! first stop after the position. To go back is to look for the last one before it. So both take as long as
//! the distance.
//!
//! Not here: how positions are shown and commands are read (`cli`).

use crate::{
    module::{CodeOffset, FuncIndex, Opcode},
    trace::{End, FuncKey, Threads, Trace},
};

use super::error::ValuesError;
use super::limits::{FIRST_WINDOW, MAX_STOPS, MAX_WINDOW};
use super::state::State;
use super::timeline::Timeline;
use super::visitor::{At, Visitor};

/// What a walk stops at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Before the first instruction of a function, each time it is entered.
    Function(FuncIndex),
    /// Before the instruction at an offset of the module.
    Offset(CodeOffset),
    /// Before each instruction with this opcode.
    Opcode(Opcode),
    /// At calls of a host function, by key: before the instruction that calls.
    Host(FuncKey),
    /// After an instruction that gave this value: one of these slots.
    Value(Vec<u64>),
    /// After a write to bytes of a memory.
    Memory {
        /// Number of the memory.
        memory: u32,
        /// First byte.
        address: u64,
        /// How many.
        len: u64,
    },
    /// After a global was set to another value, by index in its module.
    Global(u32),
}

/// Where and why a walk stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// At a stop, by its number.
    At(u64),
    /// A step is over.
    Step,
    /// At the end of the run.
    End,
    /// At its beginning.
    Begin,
}

/// A walk through a run.
#[derive(Debug)]
pub struct Debugger<'t> {
    timeline: Timeline<'t>,
    position: u64,
    stops: Vec<(u64, Stop)>,
    next: u64,
}

impl<'t> Debugger<'t> {
    /// At the beginning of a run.
    ///
    /// # Errors
    /// When the trace does not hold what the host did.
    pub fn new(trace: &'t Trace) -> Result<Self, ValuesError> {
        Ok(Self { timeline: Timeline::new(trace)?, position: 0, stops: Vec::new(), next: 1 })
    }

    /// The trace.
    pub fn trace(&self) -> &'t Trace {
        self.timeline.trace()
    }

    /// The run.
    pub fn timeline(&mut self) -> &mut Timeline<'t> {
        &mut self.timeline
    }

    /// The moment of now: that before which so many instructions were executed.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The state of now.
    ///
    /// # Errors
    /// When the values are not known as far.
    pub fn state(&mut self) -> Result<State, ValuesError> {
        self.timeline.state(self.position)
    }

    /// Adds a stop; gives its number. `None` if there are too many.
    pub fn add(&mut self, stop: Stop) -> Option<u64> {
        if self.stops.len() >= MAX_STOPS {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.stops.push((number, stop));
        Some(number)
    }

    /// Takes a stop away; whether there was one with this number.
    pub fn remove(&mut self, number: u64) -> bool {
        let before = self.stops.len();
        self.stops.retain(|(found, _)| *found != number);
        self.stops.len() < before
    }

    /// The stops with their numbers.
    pub fn stops(&self) -> &[(u64, Stop)] {
        &self.stops
    }

    /// Goes to a moment, or to the end of a run that is shorter.
    ///
    /// # Errors
    /// When the values are not known as far.
    pub fn go_to(&mut self, event: u64) -> Result<Stopped, ValuesError> {
        let state = self.timeline.state(event)?;
        self.position = state.event;
        Ok(match (self.timeline.is_over(), self.position) {
            (true, _) => Stopped::End,
            (false, 0) => Stopped::Begin,
            (false, _) => Stopped::Step,
        })
    }

    /// Executes one instruction.
    ///
    /// # Errors
    /// When the values are not known as far.
    pub fn step(&mut self) -> Result<Stopped, ValuesError> {
        self.go_to(self.position.saturating_add(1))
    }

    /// Goes one instruction back.
    ///
    /// # Errors
    /// As for [`Self::step`].
    pub fn back(&mut self) -> Result<Stopped, ValuesError> {
        match self.position {
            0 => Ok(Stopped::Begin),
            position => self.go_to(position - 1),
        }
    }

    /// Executes one instruction, and if it calls, the whole call; stops within it count.
    ///
    /// # Errors
    /// As for [`Self::step`].
    pub fn over(&mut self) -> Result<Stopped, ValuesError> {
        let depth = self.state()?.levels.len();
        self.forward(Some(depth))
    }

    /// Goes on until the function of now has returned; stops count.
    ///
    /// # Errors
    /// As for [`Self::step`].
    pub fn out(&mut self) -> Result<Stopped, ValuesError> {
        let depth = self.state()?.levels.len();
        self.forward(depth.checked_sub(1))
    }

    /// Goes on to the next stop, or to the end.
    ///
    /// # Errors
    /// As for [`Self::step`].
    pub fn go_on(&mut self) -> Result<Stopped, ValuesError> {
        self.forward(None)
    }

    /// Goes back to the last stop before now, or to the beginning.
    ///
    /// # Errors
    /// As for [`Self::step`].
    pub fn go_back(&mut self) -> Result<Stopped, ValuesError> {
        let (mut end, mut window) = (self.position, FIRST_WINDOW);
        loop {
            let begin = end.saturating_sub(window);
            let mut look = self.look(begin, None)?;
            self.timeline.walk(begin, end, &mut look)?;
            if let Some((event, number)) = look.last {
                self.position = event;
                return Ok(Stopped::At(number));
            }
            if begin == 0 {
                self.position = 0;
                return Ok(Stopped::Begin);
            }
            // Whether its first instruction is the first of a function is seen from the one before.
            (end, window) = (begin + 1, (2 * window).min(MAX_WINDOW));
        }
    }

    /// Goes on to the next stop, or to the next instruction that is no deeper in the call stack.
    fn forward(&mut self, depth: Option<usize>) -> Result<Stopped, ValuesError> {
        let (mut begin, mut window) = (self.position, FIRST_WINDOW);
        let mut look = self.look(begin, depth)?;
        loop {
            let next = self.timeline.walk(begin, begin.saturating_add(window), &mut look);
            if let Some((event, number)) = look.first {
                self.position = event;
                return Ok(if number == STEP { Stopped::Step } else { Stopped::At(number) });
            }
            // A stop may come before the end of what is known.
            let next = next?;
            if self.timeline.is_over() || next <= begin {
                self.position = next;
                return Ok(Stopped::End);
            }
            (begin, window) = (next, (2 * window).min(MAX_WINDOW));
        }
    }

    /// Prepares to look for stops from a moment on.
    fn look(&mut self, from: u64, depth: Option<usize>) -> Result<Look<'t>, ValuesError> {
        let state = self.timeline.state(from)?;
        let (now, trace) = (self.position, self.timeline.trace());
        Ok(Look {
            trace,
            stops: self.stops.clone(),
            now,
            first: None,
            last: None,
            target: depth,
            depth: state.levels.len(),
            open: Vec::new(),
            threads: Threads::at(self.timeline.machine().thread()),
            entered: false,
            is_tail: false,
            number: from,
            globals: state.globals.iter().map(|global| global.slots).collect(),
        })
    }
}

/// The number of what is no stop but the end of a step.
const STEP: u64 = 0;

/// Looks for stops: the first after now, and the last before.
struct Look<'t> {
    trace: &'t Trace,
    stops: Vec<(u64, Stop)>,
    now: u64,
    first: Option<(u64, u64)>,
    last: Option<(u64, u64)>,
    /// Depth at which a step is over.
    target: Option<usize>,
    depth: usize,
    /// Depth when each invocation began that did so meanwhile.
    open: Vec<usize>,
    /// The same two of the other threads.
    threads: Threads<(usize, Vec<usize>)>,
    /// A function was just entered.
    entered: bool,
    /// The last instruction calls in place of its function.
    is_tail: bool,
    /// The instruction that came last.
    number: u64,
    globals: Vec<[u64; 2]>,
}

impl Look<'_> {
    fn hit(&mut self, event: u64, number: u64) {
        if event > self.now && self.first.is_none_or(|(first, _)| event < first) {
            self.first = Some((event, number));
        }
        if event < self.now && self.last.is_none_or(|(last, _)| event >= last) {
            self.last = Some((event, number));
        }
    }

    /// Hits the stops of which `is_met` holds.
    fn hit_all(&mut self, event: u64, is_met: impl Fn(&Stop) -> bool) {
        let met = self.stops.iter().find(|(_, stop)| is_met(stop)).map(|(number, _)| *number);
        if let Some(number) = met {
            self.hit(event, number);
        }
    }

    /// Whether a `global.set` changes a global that is watched.
    fn set_global(&mut self, at: At<'_>, operands: &[u64]) {
        let module = self.trace.modules.first();
        let bytes = module.and_then(|module| module.image().get(at.op.offset as usize + 1..));
        let Some(index) = bytes.and_then(leb) else { return };
        let value = [operands.first().copied().unwrap_or(0), operands.get(1).copied().unwrap_or(0)];
        let old = self.globals.get(index as usize).copied();
        if let Some(global) = self.globals.get_mut(index as usize) {
            *global = value;
        }
        if old != Some(value) {
            self.hit_all(at.number + 1, |stop| *stop == Stop::Global(index));
        }
    }
}

/// Reads a number as the binary format has it.
fn leb(bytes: &[u8]) -> Option<u32> {
    let mut number = 0u64;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return u32::try_from(number).ok();
        }
    }
    None
}

impl Visitor for Look<'_> {
    const INSTRUCTIONS: bool = true;
    const WRITES: bool = true;

    fn instruction(&mut self, at: At<'_>, operands: &[u64], results: &[u64]) {
        let (function, offset, opcode) = (at.function, at.op.offset, at.op.opcode);
        let entered = std::mem::take(&mut self.entered);
        self.hit_all(at.number, |stop| match stop {
            Stop::Function(func) => entered && *func == function,
            Stop::Offset(at) => at.0 == offset,
            Stop::Opcode(one) => *one == opcode,
            _ => false,
        });
        self.hit_all(at.number + 1, |stop| match stop {
            Stop::Value(slots) => results.iter().any(|slot| slots.contains(slot)),
            _ => false,
        });
        if opcode == Opcode::GlobalSet {
            self.set_global(at, operands);
        }
        if self.target.is_some_and(|target| self.depth <= target) {
            self.hit(at.number, STEP);
        }
        self.number = at.number;
        self.is_tail = opcode.mnemonic().starts_with("return_call");
    }

    fn invoke(&mut self, _: FuncKey, _: &[u64]) {
        self.open.push(self.depth);
        self.depth += 1;
        self.entered = true;
    }

    fn call(&mut self, _: FuncKey, _: &[u64], is_tail: bool) {
        self.depth += usize::from(!is_tail);
        self.entered = true;
    }

    fn leave(&mut self, _: &[u64]) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn host_call(&mut self, func: FuncKey, _: u64, _: &[u64]) {
        self.depth += usize::from(!self.is_tail);
        let number = self.number;
        self.hit_all(number, |stop| *stop == Stop::Host(func));
    }

    fn host_return(&mut self, _: bool, _: &[u64]) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn end(&mut self, _: &End, _: &[u64]) {
        self.depth = self.open.pop().unwrap_or(0);
    }

    fn switch(&mut self, thread: u32) {
        let mut here = (self.depth, std::mem::take(&mut self.open));
        self.threads.leave(thread, &mut here, |(_, open)| open.is_empty());
        (self.depth, self.open) = here;
    }

    fn written(&mut self, event: u64, memory: u32, _: &[u8], address: u64, len: u64) {
        let end = address.saturating_add(len);
        self.hit_all(event, |stop| match *stop {
            Stop::Memory { memory: watched, address: first, len } => {
                watched == memory && address < first.saturating_add(len) && first < end
            }
            _ => false,
        });
    }
}
