//! Calls other than direct ones: through tables, of imports, and tail calls.

use crate::trace::{Trap, recorded::Taken};

use super::super::error::Ending;
use super::super::{
    code::{Code, Instr},
    error::ValuesErrorKind,
    machine::{Machine, Result, too_deep},
    visitor::Visitor,
};

impl Machine<'_> {
    /// Replaces the top frame by one of another function, with arguments from slot `at` on.
    pub(super) fn replace(&mut self, func: u32, at: usize, visitor: &mut impl Visitor) -> Result<()> {
        let Some(frame) = self.frames.pop() else { return Err(too_deep()) };
        self.move_arguments(func, at, frame.fp)?;
        self.enter(func, frame.fp)?;
        self.tell_call(visitor, func, frame.fp, true);
        Ok(())
    }

    pub(super) fn move_arguments(&mut self, func: u32, from: usize, to: usize) -> Result<()> {
        let params = self.store.func_ty(func).map(|ty| ty.params.iter().map(|ty| ty.slots() as usize).sum());
        let len: usize = params.unwrap_or(0);
        self.reserve(from + len)?;
        self.stack.copy_within(from..from + len, to);
        Ok(())
    }

    pub(super) fn call(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let fp = self.frames.last().map_or(0, |frame| frame.fp);
        let at = fp + instr.a as usize;
        let is_tail = instr.code != Code::CallImport;
        self.told(visitor, instr, &[], &[], 1);
        if instr.code == Code::ReturnCall {
            return match self.check.decisions.takes(true) {
                Taken::No => Err(self.wrong(true)),
                Taken::Last if self.is_cut_after_decision() => {
                    self.end(Ending::Cut, None, visitor)?;
                    Ok(true)
                }
                state => {
                    self.replace(instr.b, at, visitor)?;
                    if state == Taken::Last {
                        self.plant()?;
                    }
                    Ok(false)
                }
            };
        }
        self.go(instr.b, at, is_tail, visitor)
    }

    /// Calls an imported function or an element of a table; whether Wasm is left.
    pub(super) fn go(
        &mut self,
        func: u32,
        at: usize,
        is_tail: bool,
        visitor: &mut impl Visitor,
    ) -> Result<bool> {
        let key = self.store.funcs[func as usize].key;
        self.check.callee(key)?;
        if self.check.decisions.is_at_end() {
            if self.is_cut_after_decision() {
                self.end(Ending::Cut, None, visitor)?;
                return Ok(true);
            }
            self.plant()?;
        }
        match (self.store.funcs[func as usize].defined, is_tail) {
            (Some(_), false) => {
                self.enter(func, at)?;
                self.tell_call(visitor, func, at, false);
                Ok(false)
            }
            (Some(_), true) => self.replace(func, at, visitor).map(|()| false),
            (None, false) => self.host_call(func, (at, false), visitor).map(|()| true),
            (None, true) => {
                let Some(frame) = self.frames.pop() else { return Err(too_deep()) };
                self.move_arguments(func, at, frame.fp)?;
                self.host_call(func, (frame.fp, true), visitor).map(|()| true)
            }
        }
    }

    pub(super) fn call_indirect(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let Some(&frame) = self.frames.last() else { return Err(too_deep()) };
        let body = self.store.funcs[frame.func as usize].body.as_ref();
        let site = body.and_then(|body| body.sites.get(instr.c as usize)).copied();
        let site = site.ok_or(ValuesErrorKind::Effects("unknown code"))?;
        let index = self.here(instr.b);
        let table = self.store.tables.get(site.table as usize);
        let element = table.and_then(|table| table.elements.get(index as usize)).copied();
        let Some(element) = element else {
            return self.fails(visitor, instr, &[index], Trap::OutOfBoundsTableAccess);
        };
        let Some(func) = element.checked_sub(1) else {
            return self.fails(visitor, instr, &[index], Trap::UninitializedElement);
        };
        let func = func as u32;
        if self.store.funcs.get(func as usize).is_none_or(|func| func.ty != Some(site.ty)) {
            return self.fails(visitor, instr, &[index], Trap::IndirectCallTypeMismatch);
        }
        let is_taken = |(first, last): (u32, u32)| (first..=last).contains(&self.function_number(element));
        if !site.takes.is_none_or(is_taken) {
            return self.fails(visitor, instr, &[index], Trap::IndirectCallTypeMismatch);
        }
        self.told(visitor, instr, &[index], &[], 1);
        let is_tail = instr.code == Code::ReturnCallIndirect;
        self.go(func, frame.fp + instr.a as usize, is_tail, visitor)
    }
}
