//! The values of `spoor dump --values`: what each instruction took and gave, and what crossed the border,
//! computed a window at a time beside the events.

use std::collections::VecDeque;

use wasmspoor::{
    module::{FuncIndex, ValType},
    trace::{Callee, End, FuncKey, Threads, Trace},
    values::{Access, At, Level, Op, Timeline, Ty, ValuesError, Visitor, signature, typed},
};

use super::super::{limits::VALUES_WINDOW, valued};

/// What an instruction took and gave.
#[derive(Debug, Default)]
pub(super) struct Told {
    number: u64,
    /// A call that has not got its arguments yet.
    is_call: bool,
    pub(super) operands: Vec<valued::Shown>,
    pub(super) results: Vec<valued::Shown>,
    /// What it wrote, or else read.
    pub(super) access: Option<Access>,
    /// Where a bulk operation read.
    pub(super) source: Option<Access>,
}

/// What crossed the border, or the results of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Border {
    Invoke,
    Leave,
    HostCall,
    HostReturn,
    End,
}

/// The values of a run, in its order.
pub(super) struct Values<'t> {
    timeline: Timeline<'t>,
    /// The first instruction that is in no window yet.
    next: u64,
    window: Window<'t>,
    /// Why they are not known further.
    end: Option<ValuesError>,
}

impl<'t> Values<'t> {
    pub(super) fn new(trace: &'t Trace) -> Result<Self, ValuesError> {
        let window = Window {
            trace,
            told: VecDeque::new(),
            borders: VecDeque::new(),
            frames: Vec::new(),
            open: Vec::new(),
            threads: Threads::default(),
            left: None,
            is_tail: false,
            accesses: Vec::new(),
            number: 0,
        };
        Ok(Self { timeline: Timeline::new(trace)?, next: 0, window, end: None })
    }

    /// The values of instruction `number`; numbers ascend.
    pub(super) fn instruction(&mut self, number: u64) -> Result<Option<Told>, ValuesError> {
        if number > self.next + VALUES_WINDOW {
            self.skip_to(number)?;
        }
        self.fill(number);
        while self.window.borders.pop_front_if(|(at, ..)| *at <= number).is_some() {}
        while self.window.told.front().is_some_and(|told| told.number < number) {
            self.window.told.pop_front();
        }
        let told = self.window.told.pop_front_if(|told| told.number == number);
        match (&told, &self.end) {
            (None, Some(end)) => Err(end.clone()),
            _ => Ok(told),
        }
    }

    /// The values of what comes next of this kind, before which `number` instructions were executed.
    pub(super) fn border(&mut self, kind: Border, number: u64) -> Result<Vec<valued::Shown>, ValuesError> {
        // It comes after the instruction before it.
        self.fill(number.saturating_sub(1));
        while let Some((at, found, values)) = self.window.borders.pop_front() {
            if at >= number && found == kind {
                return Ok(values);
            }
        }
        self.end.clone().map_or_else(|| Ok(Vec::new()), Err)
    }

    /// Computes windows up to that of an instruction, or to the end of what is known.
    fn fill(&mut self, number: u64) {
        while self.next <= number && self.end.is_none() {
            match self.timeline.walk(self.next, self.next + VALUES_WINDOW, &mut self.window) {
                Ok(next) if next > self.next => self.next = next,
                Ok(_) => break,
                Err(end) => self.end = Some(end),
            }
        }
    }

    /// Begins again at an instruction far ahead.
    fn skip_to(&mut self, number: u64) -> Result<(), ValuesError> {
        // What crosses the border right before it is told after the instruction before.
        let state = self.timeline.state(number - 1)?;
        self.window.told.clear();
        self.window.borders.clear();
        self.window.accesses.clear();
        let frames = state.levels.iter().filter_map(|level| match level {
            Level::Wasm(frame) => self.window.key(frame.instance.0, frame.function),
            Level::Host(_) => None,
        });
        self.window.frames = frames.collect();
        self.window.open.clear();
        self.window.is_tail = false;
        self.window.threads = Threads::at(self.timeline.machine().thread());
        self.next = self.timeline.position();
        Ok(())
    }
}

/// Collects what it is told.
struct Window<'t> {
    trace: &'t Trace,
    told: VecDeque<Told>,
    borders: VecDeque<(u64, Border, Vec<valued::Shown>)>,
    /// The functions that were entered and not left, and host functions.
    frames: Vec<FuncKey>,
    /// How many they were when each open invocation began.
    open: Vec<usize>,
    /// The same two of the other threads.
    threads: Threads<(Vec<FuncKey>, Vec<usize>)>,
    /// The function that was left last.
    left: Option<FuncKey>,
    /// The last instruction calls in place of its function.
    is_tail: bool,
    accesses: Vec<Access>,
    /// Instructions told of.
    number: u64,
}

impl Window<'_> {
    fn key(&self, instance: u32, function: FuncIndex) -> Option<FuncKey> {
        let instance = self.trace.instances.get(instance as usize)?;
        let imported = self.trace.modules.get(instance.module)?.imported_functions();
        Some(FuncKey(instance.first_key.0 + function.0.checked_sub(imported)?))
    }

    /// Parameters and results of a function.
    fn types(&self, key: FuncKey) -> (Vec<Ty>, Vec<Ty>) {
        // Host functions are made in the order of the imports.
        let imports = self.trace.modules.first().map_or(0, |module| module.imported_functions());
        let host = || self.trace.hosts.keys().take(imports as usize).position(|host| *host == key);
        let func = match self.trace.resolve(key) {
            Some(Callee::Defined(_, func)) => Some(func),
            Some(Callee::Host(_)) => host().map(|position| FuncIndex(position as u32)),
            None => None,
        };
        let ty = func.and_then(|func| self.trace.modules.first()?.func_type(func));
        let types = |types: &[ValType]| types.iter().map(|&ty| Ty::from(ty)).collect();
        ty.map_or_else(Default::default, |ty| (types(ty.params()), types(ty.results())))
    }

    /// Gives the call that came last its arguments, if it has them not yet.
    fn arguments(&mut self, params: &[Ty], arguments: &[u64]) {
        if let Some(last) = self.told.back_mut()
            && std::mem::take(&mut last.is_call)
        {
            last.operands.splice(0..0, valued::values(&typed(params, arguments)));
        }
    }

    fn border(&mut self, kind: Border, types: &[Ty], slots: &[u64]) {
        self.borders.push_back((self.number, kind, valued::values(&typed(types, slots))));
    }
}

impl Visitor for Window<'_> {
    const INSTRUCTIONS: bool = true;
    const MEMORY: bool = true;

    fn access(&mut self, _: FuncIndex, _: &Op, access: Access) {
        self.accesses.push(access);
    }

    fn instruction(&mut self, at: At<'_>, operands: &[u64], results: &[u64]) {
        let of_function = match at.op.opcode.mnemonic() {
            "return" => self.frames.last().map_or_else(Vec::new, |&key| self.types(key).1),
            _ => Vec::new(),
        };
        let (takes, gives) = signature(at.op, &of_function);
        let last = self.accesses.pop();
        self.told.push_back(Told {
            number: at.number,
            is_call: at.op.opcode.mnemonic().contains("call"),
            operands: valued::values(&typed(&takes, operands)),
            results: valued::values(&typed(&gives, results)),
            access: last,
            source: self.accesses.pop(),
        });
        self.accesses.clear();
        self.number = at.number + 1;
        self.is_tail = at.op.opcode.mnemonic().starts_with("return_call");
    }

    fn invoke(&mut self, func: FuncKey, arguments: &[u64]) {
        let (params, _) = self.types(func);
        self.is_tail = false;
        self.open.push(self.frames.len());
        self.frames.push(func);
        self.border(Border::Invoke, &params, arguments);
    }

    fn call(&mut self, callee: FuncKey, arguments: &[u64], is_tail: bool) {
        self.is_tail = false;
        if is_tail {
            self.frames.pop();
        }
        let (params, _) = self.types(callee);
        self.arguments(&params, arguments);
        self.frames.push(callee);
    }

    fn leave(&mut self, results: &[u64]) {
        self.left = self.frames.pop();
        let types = self.left.map_or_else(Vec::new, |key| self.types(key).1);
        self.border(Border::Leave, &types, results);
    }

    fn host_call(&mut self, func: FuncKey, _: u64, arguments: &[u64]) {
        let (params, _) = self.types(func);
        self.arguments(&params, arguments);
        if std::mem::take(&mut self.is_tail) {
            self.frames.pop();
        }
        self.frames.push(func);
        if !self.trace.is_meeting(func) {
            self.border(Border::HostCall, &params, arguments);
        }
    }

    fn host_return(&mut self, _: bool, results: &[u64]) {
        let left = self.frames.pop();
        // A question of an atomic operator is no call of the sample's.
        if left.is_some_and(|key| self.trace.is_meeting(key)) {
            return;
        }
        self.left = left;
        let types = self.left.map_or_else(Vec::new, |key| self.types(key).1);
        self.border(Border::HostReturn, &types, results);
    }

    fn switch(&mut self, thread: u32) {
        let mut here = (std::mem::take(&mut self.frames), std::mem::take(&mut self.open));
        self.threads.leave(thread, &mut here, |(_, open)| open.is_empty());
        (self.frames, self.open) = here;
    }

    fn end(&mut self, end: &End, results: &[u64]) {
        let types = match end {
            // The function that was invoked left last, or one that took its place by a tail call.
            End::Returned => self.left.map_or_else(Vec::new, |key| self.types(key).1),
            _ => Vec::new(),
        };
        let frames = self.open.pop().unwrap_or(0);
        self.frames.truncate(frames);
        self.border(Border::End, &types, results);
    }
}
