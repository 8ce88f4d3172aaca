//! Calls by reference, and what is asked of references.

use crate::{
    module::objects::Takes,
    trace::{Trap, recorded::Taken},
};

use super::super::error::Ending;
use super::super::{
    code::{Asks, Code, Instr, Ty},
    error::ValuesErrorKind,
    machine::{Machine, Result, too_deep},
    store::NONE,
    visitor::Visitor,
};

impl Machine<'_> {
    /// `call_ref`, `return_call_ref`; whether Wasm is left.
    pub(super) fn call_ref(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let Some(&frame) = self.frames.last() else { return Err(too_deep()) };
        let callee = self.here(instr.b);
        let Some(func) = callee.checked_sub(1) else {
            return self.fails(visitor, instr, &[callee], Trap::NullFunction);
        };
        let func = u32::try_from(func).ok().filter(|&func| (func as usize) < self.store.funcs.len());
        let func = func.ok_or(ValuesErrorKind::Effects("a reference to no function"))?;
        self.told(visitor, instr, &[callee], &[], 1);
        let is_tail = instr.code == Code::ReturnCallRef;
        self.go(func, frame.fp + instr.a as usize, is_tail, visitor)
    }

    /// `ref.as_non_null`; whether Wasm is left.
    pub(super) fn as_non_null(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let len = if instr.code == Code::AsNonNullWide { 2 } else { 1 };
        let value = [self.here(instr.b), if len == 2 { self.here(instr.b + 1) } else { 0 }];
        if value == [0, 0] {
            return self.fails(visitor, instr, &value[..len], Trap::NullReference);
        }
        (0..len as u32).zip(value).for_each(|(place, value)| self.set(instr.a + place, value));
        self.told(visitor, instr, &value[..len], &value[..len], 1);
        Ok(false)
    }

    /// Whether a reference is of a type.
    pub(super) fn holds(&mut self, asks: Asks, reference: u64, is_null: bool, memory: u32) -> bool {
        if is_null {
            return asks.is_nullable;
        }
        match asks.takes {
            Takes::All => true,
            Takes::Nothing | Takes::Unknown => false,
            Takes::Comparable => reference & 0b11 != 0b10,
            Takes::I31 => reference & 1 == 1,
            Takes::Functions(first, last) => (first..=last).contains(&self.function_number(reference)),
            Takes::Numbers(first, last) => {
                self.take_memory(NONE);
                let at = if reference & 0b111 == 0 { reference as usize } else { 0 };
                let bytes = self.store.memories.get(memory as usize).map(|memory| &memory.bytes[..]);
                let number = bytes.and_then(|bytes| bytes.get(at..)?.first_chunk::<4>());
                number.is_some_and(|number| (first..=last).contains(&u32::from_le_bytes(*number)))
            }
        }
    }

    /// The number of the type of a function; 0 if there is none.
    pub(super) fn function_number(&self, reference: u64) -> u32 {
        let func = reference.checked_sub(1).and_then(|func| self.store.funcs.get(func as usize));
        let (Some(func), Ok(layout)) = (func, self.layout_of_frame()) else { return 0 };
        let index = match func.defined {
            Some((_, index)) => Some(index),
            // Imports come first, each as a function of its own.
            None => self.trace.hosts.keys().position(|key| *key == func.key).map(|index| index as u32),
        };
        let ty = index.and_then(|index| layout.funcs.get(index as usize));
        ty.map_or(0, |&ty| layout.objects.function(ty))
    }

    /// A branch on a reference; whether Wasm is left.
    pub(super) fn branch_on(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let Some(&frame) = self.frames.last() else { return Err(too_deep()) };
        let body = self.store.funcs[frame.func as usize].body.clone();
        let unknown = || ValuesErrorKind::Effects("unknown code");
        let body = body.ok_or_else(unknown)?;
        let site = *body.branches.get(instr.b as usize).ok_or_else(unknown)?;
        let way = *body.ways.get(instr.c as usize).ok_or_else(unknown)?;
        let len = site.ty.slots() as usize;
        let value = [self.here(instr.a), if site.ty == Ty::V128 { self.here(instr.a + 1) } else { 0 }];
        if let Some(trap) = self.is_refused(&value[..len]) {
            return self.fails(visitor, instr, &value[..len], trap);
        }
        let holds = self.holds(site.asks, value[0], value == [0, 0], site.memory);
        let is_taken = holds != site.is_inverse;
        self.told(visitor, instr, &value[..len], &[], 1);
        if is_taken {
            let from = frame.fp + way.from as usize;
            self.stack.copy_within(from..from + way.len as usize, frame.fp + way.to as usize);
            visitor.moved(way.from, way.to, way.len);
            if let Some(frame) = self.frames.last_mut() {
                frame.pc = way.pc as usize;
            }
        }
        match self.check.decisions.takes(is_taken) {
            Taken::Yes => Ok(false),
            Taken::No => Err(self.wrong(is_taken)),
            Taken::Last if self.is_cut_after_decision() => {
                self.end(Ending::Cut, None, visitor).map(|()| true)
            }
            Taken::Last => self.plant().map(|()| false),
        }
    }
}
