//! Invocations by the host, frames, and host functions: how each begins and ends.

use std::sync::Arc;

use crate::trace::{End, FuncKey, Record, effects::Val};

use super::super::error::Ending;
use super::super::{
    error::ValuesErrorKind,
    limits::{MAX_FRAMES, MAX_SLOTS},
    store::NONE,
    translate::translate,
    visitor::Visitor,
};
use super::threads::has_result;
use super::{Frame, Invocation, Machine, Result, State, too_deep};

impl Machine<'_> {
    pub(super) fn outside(&mut self, visitor: &mut impl Visitor) -> Result<()> {
        let crossing = self.effects_before(self.check.records.position, visitor)?;
        let host = self.invocations.last().and_then(|invocation| invocation.host);
        match (self.check.records.peek(), host) {
            (Some(&Record::Invoke { func }), _) => self.invoke(func, crossing.arguments, visitor),
            (Some(&Record::HostReturn { failed }), Some(host)) => {
                self.host_return(host, failed, crossing.results, visitor)
            }
            (Some(&Record::HostThrew { tag }), Some(host)) => self.host_threw(host, tag, visitor),
            (Some(&Record::Switch { thread }), _) => self.switch(thread, visitor),
            (None, None) => self.finish(),
            (_, None) => Err(self.check.unexpected("a call by the host")),
            (_, Some(_)) => {
                Err(self.check.unexpected("the return of a host function, or a call by the host"))
            }
        }
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        self.take_memory(NONE);
        if let Some(why) = self.trace.gap() {
            // The run went on, and what was asked for may come before that.
            self.is_paused = self.count >= self.pause;
            return if self.is_paused { Ok(()) } else { Err(ValuesErrorKind::Truncated { why: why.into() }) };
        }
        if !self.check.decisions.is_finished() || self.check.calls_left != 0 {
            return Err(ValuesErrorKind::LeftOver);
        }
        self.state = State::Done;
        Ok(())
    }

    pub(in crate::values) fn reserve(&mut self, slots: usize) -> Result<()> {
        if slots > MAX_SLOTS {
            let (given, limit) = (slots as u64, MAX_SLOTS as u64);
            return Err(ValuesErrorKind::TooBig { what: "stack in slots", given, limit });
        }
        if slots > self.stack.len() {
            self.stack.resize(slots.next_power_of_two().max(1 << 12), 0);
        }
        Ok(())
    }

    pub(super) fn invoke(
        &mut self,
        key: FuncKey,
        values: Option<&[Val]>,
        visitor: &mut impl Visitor,
    ) -> Result<()> {
        let func = *self.store.by_key.get(&key).ok_or(ValuesErrorKind::UnknownKey(key))?;
        let ty = self.store.func_ty(func).ok_or(ValuesErrorKind::UnknownKey(key))?;
        let params = ty.params.clone();
        let top = match self.frames.last() {
            Some(frame) => {
                let body = self.store.funcs[frame.func as usize].body.as_ref();
                frame.fp + body.map_or(0, |body| body.slots as usize)
            }
            None => 0,
        };
        // A frame that a tail call of a host function replaced is gone, but its results may come there.
        let top = self.invocations.last().and_then(|last| last.host).map_or(top, |(_, at)| top.max(at));
        let values = match (values, params.is_empty()) {
            (None, true) => &[],
            (None, false) => return Err(ValuesErrorKind::Effects("an invocation has no arguments")),
            (Some(values), _) => values,
        };
        self.check.records.take();
        self.put(top, values, &params)?;
        let place = self.check.begin();
        let base = self.frames.len();
        if self.invocations.len() >= MAX_FRAMES {
            return Err(too_deep());
        }
        self.invocations.push(Invocation { func, place, base, host: None });
        let len = params.iter().map(|ty| ty.slots() as usize).sum::<usize>();
        self.reserve(top + len)?;
        visitor.arguments_at(top, false);
        visitor.invoke(key, &self.stack[top..top + len]);
        self.arm()?;
        if place.is_some_and(|place| place.depth == 0) {
            return self.end(Ending::Cut, None, visitor);
        }
        match self.store.funcs[func as usize].defined {
            Some(_) => {
                self.enter(func, top)?;
                let locals = self.store.funcs[func as usize].body.as_ref().map_or(0, |body| body.locals);
                visitor.zeroed(top + len..top + locals as usize);
                self.state = State::Wasm;
                Ok(())
            }
            None => self.host_call(func, (top, false), visitor),
        }
    }

    /// Translates a function that did not run before.
    pub(in crate::values) fn load(&mut self, func: u32) -> Result<()> {
        let entry = &self.store.funcs[func as usize];
        if entry.body.is_some() {
            return Ok(());
        }
        let (instance, index) = entry.defined.ok_or(ValuesErrorKind::UnknownKey(entry.key))?;
        let module = self.trace.instances[instance.0 as usize].module;
        let (Some(Some(layout)), Some(linked)) =
            (self.layouts.get(module), self.store.linked.get(instance.0 as usize))
        else {
            return Err(ValuesErrorKind::Effects("a function of an instance that is not made"));
        };
        let body = translate(self.trace.modules[module].image(), layout, linked, index)?;
        self.store.funcs[func as usize].body = Some(Arc::new(body));
        Ok(())
    }

    /// Pushes a frame whose arguments are in place.
    pub(in crate::values) fn enter(&mut self, func: u32, fp: usize) -> Result<()> {
        self.load(func)?;
        if self.frames.len() >= MAX_FRAMES {
            return Err(too_deep());
        }
        let Some(body) = &self.store.funcs[func as usize].body else { return Err(too_deep()) };
        let (params, locals, slots) = (body.params as usize, body.locals as usize, body.slots as usize);
        if fp + slots > self.stack.len() {
            self.reserve(fp + slots)?;
        }
        self.stack[fp + params..fp + locals].fill(0);
        self.frames.push(Frame { func, pc: 0, fp });
        Ok(())
    }

    /// Enters a host function whose arguments are at slot `at`, in place of its caller if `is_tail`.
    pub(in crate::values) fn host_call(
        &mut self,
        func: u32,
        (at, is_tail): (usize, bool),
        visitor: &mut impl Visitor,
    ) -> Result<()> {
        let key = self.store.funcs[func as usize].key;
        match self.check.records.peek() {
            Some(&Record::HostCall { func }) if func == key => {}
            _ => return Err(self.check.unexpected("a call of a host function")),
        }
        let record = self.check.records.position;
        let crossing = self.effects_before(record, visitor)?;
        self.check.records.take();
        let params = self.store.func_ty(func).ok_or(ValuesErrorKind::UnknownKey(key))?.params.clone();
        if let Some(values) = crossing.arguments {
            self.compare("argument", at, values, &params)?;
        }
        let len = params.iter().map(|ty| ty.slots() as usize).sum::<usize>();
        visitor.arguments_at(at, is_tail);
        visitor.host_call(key, record, self.stack.get(at..at + len).unwrap_or_default());
        if let Some(invocation) = self.invocations.last_mut() {
            invocation.host = Some((func, at));
        }
        self.state = State::Outside;
        Ok(())
    }

    pub(super) fn host_return(
        &mut self,
        (func, at): (u32, usize),
        failed: bool,
        values: Option<&[Val]>,
        visitor: &mut impl Visitor,
    ) -> Result<()> {
        self.check.records.take();
        if let Some(invocation) = self.invocations.last_mut() {
            invocation.host = None;
        }
        let meeting = self.meeting_of(func);
        if failed {
            if meeting.is_none_or(has_result) {
                visitor.host_return(true, &[]);
            }
            return self.end(Ending::HostFailed, None, visitor);
        }
        if let Some(meeting) = meeting {
            return self.met(meeting, at, values, visitor);
        }
        let results = self.store.func_ty(func).map(|ty| ty.results.clone()).unwrap_or_default();
        let values = match (values, results.is_empty()) {
            (None, true) => &[],
            (None, false) => return Err(ValuesErrorKind::Effects("a host function has no results")),
            (Some(values), _) => values,
        };
        self.put(at, values, &results)?;
        let len = results.iter().map(|ty| ty.slots() as usize).sum::<usize>();
        self.reserve(at + len)?;
        visitor.host_return(false, &self.stack[at..at + len]);
        let base = self.invocations.last().map_or(0, |invocation| invocation.base);
        if self.frames.len() == base {
            return self.end(Ending::Returned, Some(at), visitor);
        }
        self.state = State::Wasm;
        Ok(())
    }

    /// A host function is left by an exception.
    fn host_threw(&mut self, (func, _): (u32, usize), tag: u32, visitor: &mut impl Visitor) -> Result<()> {
        if self.meeting_of(func).is_some() {
            return Err(self.check.unexpected("HostReturn or Invoke"));
        }
        self.check.records.take();
        if let Some(invocation) = self.invocations.last_mut() {
            invocation.host = None;
        }
        visitor.host_return(true, &[]);
        self.state = State::Wasm;
        self.pass_on(tag, visitor).map(|_| ())
    }

    /// Ends the last invocation, with its results at a slot if it returned.
    pub(in crate::values) fn end(
        &mut self,
        how: Ending,
        results: Option<usize>,
        visitor: &mut impl Visitor,
    ) -> Result<()> {
        let record = self.check.records.position;
        let Some(Record::End(end)) = self.check.records.peek().cloned() else {
            return Err(self.check.unexpected("the end of a call by the host"));
        };
        let fits = match end {
            End::Returned => how == Ending::Returned,
            End::Thrown => how == Ending::Thrown,
            End::HostError => how == Ending::HostFailed,
            End::Trapped { .. } => how != Ending::Returned && how != Ending::Thrown,
            End::Stopped { .. } | End::Failed { .. } => how == Ending::Cut || how == Ending::HostFailed,
        };
        if !fits {
            return Err(ValuesErrorKind::End { how, recorded: end.name() });
        }
        let crossing = self.effects_before(record, visitor)?;
        let invocation = self.invocations.pop();
        let func = invocation.as_ref().map_or(NONE, |invocation| invocation.func);
        let types = self.store.func_ty(func).map(|ty| ty.results.clone()).unwrap_or_default();
        let mut slots = 0..0;
        if let Some(at) = results {
            let len = types.iter().map(|ty| ty.slots() as usize).sum::<usize>();
            self.reserve(at + len)?;
            slots = at..at + len;
            if let Some(values) = crossing.results {
                self.compare("result", at, values, &types)?;
            }
        }
        visitor.end(&end, &self.stack[slots]);
        self.check.records.take();
        if let Some(invocation) = invocation {
            self.frames.truncate(invocation.base);
        }
        self.state = State::Outside;
        self.arm()
    }
}
