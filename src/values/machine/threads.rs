//! Threads: frames, slots and globals of each, and the functions that atomic operators ask.

use crate::{
    module::Meeting,
    trace::{FuncKey, Record, effects::Val},
};

use super::super::error::Ending;
use super::super::{error::ValuesErrorKind, limits::MAX_PARKED_BYTES, store::LastThrown, visitor::Visitor};
use super::{Frame, Invocation, Machine, Result, State};

/// The frames of a thread, their slots, the calls of the host that they are in, and its globals.
#[derive(Debug, Clone, Copy)]
pub(in crate::values) struct Stack<'m> {
    pub(in crate::values) frames: &'m [Frame],
    pub(in crate::values) slots: &'m [u64],
    pub(in crate::values) invocations: &'m [Invocation],
    pub(in crate::values) globals: &'m [[u64; 2]],
}

/// What belongs to a thread that does not run.
#[derive(Debug, Clone, Default)]
pub(super) struct Thread {
    pub(super) frames: Vec<Frame>,
    pub(super) stack: Vec<u64>,
    pub(super) invocations: Vec<Invocation>,
    /// `None` if it did not begin.
    globals: Option<Vec<[u64; 2]>>,
    last_thrown: LastThrown,
}

impl Thread {
    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> u64 {
        let globals = self.globals.as_deref().map_or(0, size_of_val);
        let frames = size_of_val(&self.frames[..]) + size_of_val(&self.stack[..]);
        let thrown = size_of_val(&self.last_thrown.operands[..]);
        (frames + size_of_val(&self.invocations[..]) + globals + thrown) as u64
    }
}

impl Machine<'_> {
    /// The thread that runs.
    pub fn thread(&self) -> u32 {
        self.threads.current()
    }

    /// The threads that wait for their turn, by number.
    pub(in crate::values) fn waiting<'m>(&'m self) -> Vec<(u32, Stack<'m>)> {
        let stack = |of: &'m Thread| Stack {
            frames: &of.frames,
            slots: &of.stack,
            invocations: &of.invocations,
            // One that did not begin has those of a thread that begins.
            globals: of.globals.as_deref().unwrap_or(&self.initial),
        };
        let mut waiting: Vec<_> = self.threads.others().map(|(number, of)| (number, stack(of))).collect();
        waiting.sort_by_key(|(number, _)| *number);
        waiting
    }

    /// The present values of globals are those of each thread that begins.
    pub(super) fn keep_initial_globals(&mut self) {
        self.initial.clone_from(&self.store.globals);
    }

    /// Another thread goes on.
    pub(super) fn switch(&mut self, thread: u32, visitor: &mut impl Visitor) -> Result<()> {
        self.check.records.take();
        self.unplant();
        let mut here = Thread {
            frames: std::mem::take(&mut self.frames),
            stack: std::mem::take(&mut self.stack),
            invocations: std::mem::take(&mut self.invocations),
            globals: Some(std::mem::take(&mut self.store.globals)),
            last_thrown: std::mem::take(&mut self.store.last_thrown),
        };
        self.threads.leave(thread, &mut here, |thread| thread.invocations.is_empty());
        (self.frames, self.stack, self.invocations) = (here.frames, here.stack, here.invocations);
        self.store.globals = here.globals.unwrap_or_else(|| self.initial.clone());
        self.store.last_thrown = here.last_thrown;
        let given = self.threads.parked().map(Thread::bytes).sum::<u64>();
        if given > MAX_PARKED_BYTES {
            let what = "bytes of threads";
            return Err(ValuesErrorKind::TooBig { what, given, limit: MAX_PARKED_BYTES });
        }
        visitor.switch(thread);
        self.arm()
    }

    /// An atomic operator or a loop may ask the host: reads whether it does, and does so. Its result, if it
    /// is the host's, goes to slot `at`. Whether Wasm is left.
    pub(in crate::values) fn meet(
        &mut self,
        key: FuncKey,
        meeting: Meeting,
        at: usize,
        visitor: &mut impl Visitor,
    ) -> Result<bool> {
        let goes_on = self.check.decisions.bit()?;
        if goes_on && has_result(meeting) {
            return Err(ValuesErrorKind::Effects("an atomic operator asks nobody"));
        }
        if self.check.decisions.is_at_end() {
            if self.is_cut_after_decision() {
                return self.end(Ending::Cut, None, visitor).map(|()| true);
            }
            self.plant()?;
        }
        if goes_on {
            return Ok(false);
        }
        match self.check.records.peek() {
            Some(&Record::HostCall { func }) if func == key => {}
            _ => return Err(self.check.unexpected("a call of a host function")),
        }
        let record = self.check.records.position;
        self.effects_before(record, visitor)?;
        self.check.records.take();
        if has_result(meeting) {
            visitor.arguments_at(at, false);
            visitor.host_call(key, record, &[]);
        }
        let func = *self.store.by_key.get(&key).ok_or(ValuesErrorKind::UnknownKey(key))?;
        if let Some(invocation) = self.invocations.last_mut() {
            invocation.host = Some((func, at));
        }
        self.state = State::Outside;
        Ok(true)
    }

    /// Which of these functions it is.
    pub(super) fn meeting_of(&self, func: u32) -> Option<Meeting> {
        self.meetings?.of(self.store.funcs.get(func as usize)?.key)
    }

    /// What an atomic operator asked answers.
    pub(super) fn met(
        &mut self,
        meeting: Meeting,
        at: usize,
        values: Option<&[Val]>,
        visitor: &mut impl Visitor,
    ) -> Result<()> {
        if has_result(meeting) {
            let Some([Val::I32(value)]) = values else {
                return Err(ValuesErrorKind::Effects("an atomic operator has no result"));
            };
            self.reserve(at + 1)?;
            self.stack[at] = u64::from(*value as u32);
            visitor.host_return(false, &self.stack[at..=at]);
        }
        self.state = State::Wasm;
        Ok(())
    }
}

/// Whether the answer is the operator's result.
pub(super) fn has_result(meeting: Meeting) -> bool {
    matches!(meeting, Meeting::Wait | Meeting::Notify)
}
