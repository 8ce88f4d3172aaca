//! Exceptions: thrown, followed to their handler, or out of the invocation.

use std::sync::Arc;

use crate::{
    module::{Takes, ValType, tags::places},
    trace::{Trap, recorded::Taken},
};

use super::super::error::Ending;
use super::super::{
    code::{Body, Caught, Instr},
    error::ValuesErrorKind,
    layout::Layout,
    machine::{Machine, Result, too_deep},
    store::Thrown,
    visitor::Visitor,
};

/// What goes on.
enum On {
    /// The handler.
    Caught,
    /// Nothing: the invocation is over.
    Out,
}

/// At which byte of an exception each operand is, and in how many; none if there is no room for them.
fn places_of(number: u32, layout: &Layout) -> Vec<(u8, u8)> {
    let params = layout.tag_params(number);
    let width = |&ty: &_| if matches!(ty, ValType::I64 | ValType::F64) { 8 } else { 4 };
    places(params).unwrap_or_default().into_iter().zip(params.iter().map(width)).collect()
}

/// An exception as a reference holds it; one without places has a serial number there.
fn packed(number: u32, places: &[(u8, u8)], operands: &[u64]) -> u128 {
    // No operand that has a place takes two slots.
    let operands = operands.iter().zip(places);
    operands
        .fold(u128::from(number + 1), |all, (&operand, (place, _))| all | u128::from(operand) << (8 * place))
}

/// Its operands.
fn unpacked(places: &[(u8, u8)], exception: u128) -> Vec<u64> {
    let operand = |&(place, width): &(u8, u8)| {
        let bits = (exception >> (8 * place)) as u64;
        if width == 8 { bits } else { u64::from(bits as u32) }
    };
    places.iter().map(operand).collect()
}

impl Machine<'_> {
    fn layout_here(&self) -> Result<&Layout> {
        self.layout_of_frame().map(|layout| &**layout)
    }

    /// The layout of the module whose function runs.
    pub(super) fn layout_of_frame(&self) -> Result<&Arc<Layout>> {
        let unknown = || ValuesErrorKind::Effects("no function");
        let frame = self.frames.last().ok_or_else(too_deep)?;
        let (instance, _) = self.store.funcs[frame.func as usize].defined.ok_or_else(unknown)?;
        let module = self.trace.instances.get(instance.0 as usize).ok_or_else(unknown)?.module;
        self.layouts.get(module).and_then(Option::as_ref).ok_or_else(unknown)
    }

    /// `throw`; whether Wasm is left.
    pub(super) fn throw(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let fp = self.frames.last().ok_or_else(too_deep)?.fp;
        let from = fp + instr.a as usize;
        let operands = self.stack.get(from..from + instr.c as usize).unwrap_or_default().to_vec();
        let places = places_of(instr.b, self.layout_here()?);
        let mut exception = packed(instr.b, &places, &operands);
        if instr.b >= self.layout_here()?.tags.small() {
            let last = &mut self.store.last_thrown;
            last.serial = last.serial.wrapping_add(1);
            last.operands.clone_from(&operands);
            exception |= u128::from(last.serial) << 32;
        }
        self.told(visitor, instr, &operands, &[], 0);
        visitor.throws(None, instr.a..instr.a + instr.c, &places);
        self.unwind(Thrown { number: instr.b, exception, operands, places }, false, visitor)
    }

    /// `throw_ref` or `rethrow`; whether Wasm is left.
    pub(super) fn throw_ref(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let slots = [self.here(instr.a), self.here(instr.a + 1)];
        let exception = u128::from(slots[0]) | u128::from(slots[1]) << 64;
        let operands = if instr.b == 0 { &slots[..] } else { &[] };
        let Some(number) = (exception as u32).checked_sub(1) else {
            return self.fails(visitor, instr, operands, Trap::NullException);
        };
        let tags = &self.layout_here()?.tags;
        let (small, all, bits) = (tags.small(), tags.len(), tags.bits());
        let (is_small, last) = (number < small, &self.store.last_thrown);
        if number >= all || !is_small && (exception >> 32) as u32 != last.serial {
            return self.fails(visitor, instr, operands, Trap::Unsupported);
        }
        let places = places_of(number, self.layout_here()?);
        let carried = if is_small { unpacked(&places, exception) } else { last.operands.clone() };
        let thrown = Thrown { number, exception, operands: carried, places };
        self.told(visitor, instr, operands, &[], 0);
        for bit in (0..bits).rev() {
            if self.decides(number >> bit & 1 == 1, visitor)? {
                return Ok(true);
            }
        }
        visitor.throws(Some(instr.a), 0..0, &[]);
        self.unwind(thrown, false, visitor)
    }

    /// Checks a decision; whether the invocation ended after it.
    fn decides(&mut self, bit: bool, visitor: &mut impl Visitor) -> Result<bool> {
        match self.check.decisions.takes(bit) {
            Taken::Yes => Ok(false),
            Taken::No => Err(self.wrong(bit)),
            Taken::Last if self.is_cut_after_decision() => {
                self.end(Ending::Cut, None, visitor).map(|()| true)
            }
            Taken::Last => self.plant().map(|()| false),
        }
    }

    /// A host function that the top frame called, or that was called in place of one above it, is left by
    /// what left an invocation of its own; whether Wasm is left.
    pub(in crate::values) fn pass_on(&mut self, tag: u32, visitor: &mut impl Visitor) -> Result<bool> {
        let thrown = self.store.last_thrown.escaped.take().filter(|thrown| thrown.number == tag);
        let thrown = thrown.ok_or(ValuesErrorKind::Effects("the host throws what nothing threw"))?;
        let base = self.invocations.last().map_or(0, |invocation| invocation.base);
        if self.frames.len() == base {
            return self.leaves(thrown, visitor);
        }
        self.unwind(thrown, true, visitor)
    }

    /// The invocation is left by an exception; Wasm is left.
    fn leaves(&mut self, thrown: Thrown, visitor: &mut impl Visitor) -> Result<bool> {
        self.store.last_thrown.escaped = Some(thrown);
        self.end(Ending::Thrown, None, visitor).map(|()| true)
    }

    /// Follows an exception. The top frame throws it, or else called what is left by it. Whether Wasm is
    /// left.
    fn unwind(&mut self, thrown: Thrown, mut is_caller: bool, visitor: &mut impl Visitor) -> Result<bool> {
        let base = self.invocations.last().map_or(0, |invocation| invocation.base);
        loop {
            let frame = *self.frames.last().ok_or_else(too_deep)?;
            let body = self.store.funcs[frame.func as usize].body.clone();
            let body = body.ok_or(ValuesErrorKind::Effects("no body"))?;
            // One that called stands behind its call.
            let mut pad = body.landing(frame.pc - usize::from(is_caller));
            while let Some(here) = pad {
                self.check.pass()?;
                let passed = body.pads.get(here as usize);
                if let Some(caught) = passed.and_then(|pad| pad.way(thrown.number)) {
                    return match self.catch(&thrown, caught, visitor)? {
                        On::Caught => Ok(false),
                        On::Out => Ok(true),
                    };
                }
                if let Some(pc) = passed.and_then(|pad| pad.delegate) {
                    self.pass_delegate(&body, pc, visitor);
                }
                pad = passed.and_then(|pad| pad.around);
            }
            self.frames.pop();
            visitor.leave(&[]);
            if self.frames.len() == base {
                return self.leaves(thrown, visitor);
            }
            is_caller = true;
        }
    }

    /// An exception passes a `delegate`.
    fn pass_delegate(&mut self, body: &Body, pc: u32, visitor: &mut impl Visitor) {
        if let (Some(frame), Some(&instr)) = (self.frames.last_mut(), body.code.get(pc as usize)) {
            frame.pc = pc as usize;
            self.count += u64::from(instr.n);
            self.told(visitor, instr, &[], &[], 0);
        }
    }

    /// It is caught in the top frame.
    fn catch(&mut self, thrown: &Thrown, caught: Caught, visitor: &mut impl Visitor) -> Result<On> {
        let exception = [thrown.exception as u64, (thrown.exception >> 64) as u64];
        let operands = if caught.takes == Takes::All { &[][..] } else { &thrown.operands };
        let before = if caught.keeps { &exception[..] } else { &[] };
        let after = if caught.gives { &exception[..] } else { &[] };
        let fp = self.frames.last().ok_or_else(too_deep)?.fp;
        let first = fp + caught.to as usize;
        let values = before.iter().chain(operands).chain(after);
        for (slot, &value) in self.stack.get_mut(first..).unwrap_or_default().iter_mut().zip(values) {
            *slot = value;
        }
        visitor.zeroed(first..first + before.len() + operands.len() + after.len());
        let from = caught.to + before.len() as u32;
        let behind = from + operands.len() as u32;
        let exception = if caught.keeps { Some(caught.to) } else { Some(behind).filter(|_| caught.gives) };
        visitor.catches(exception, from..behind, &thrown.places);
        if caught.is_loop && self.decides(true, visitor)? {
            return Ok(On::Out);
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.pc = caught.pc as usize;
        }
        Ok(On::Caught)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        tracer::{Options, Tracer},
        values::{Machine, Nothing, ValuesErrorKind},
    };

    #[test]
    fn landing_pads_that_are_passed_meet_the_limit() {
        let (opens, ends) = ("(try_table (catch 1 $b) ".repeat(300), ")".repeat(300));
        let text = format!(
            r#"(module (tag) (tag) (func (export "main") (local i32)
                (loop $l (block $b (try_table (catch_all $l) {opens}
                    (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                    (if (i32.eq (local.get 0) (i32.const 50)) (then (return)))
                    (throw 0) {ends})))))"#
        );
        let mut session = Tracer::new(Options::default().effects(true)).load(text.as_bytes()).unwrap();
        session.start().unwrap();
        session.invoke("main", &[]).unwrap();
        let mut trace = session.finish();
        Machine::new(&trace).unwrap().run(&mut Nothing).unwrap();
        trace.limits.max_silent = 10_000;
        let error = Machine::new(&trace).unwrap().run(&mut Nothing).unwrap_err();
        assert_eq!(*error.kind(), ValuesErrorKind::TooManyPads { limit: 10_000 });
    }
}
