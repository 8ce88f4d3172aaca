//! Telling visitors: which operators an instruction stands for, with their operands and results.

use crate::{
    module::{FuncIndex, Opcode},
    trace::InstanceIndex,
};

use super::super::{
    code::{AFTER, Body, Far, Instr, OWN, Op, Place, Ty},
    machine::{Machine, Planted},
    vector,
    visitor::{Access, At, Fused, Visitor},
};

/// What visitors are told of besides the operator.
#[derive(Clone, Copy)]
pub(super) struct Who<'b> {
    pub(super) instance: InstanceIndex,
    pub(super) function: FuncIndex,
    pub(super) body: &'b Body,
}

/// The operator for a visitor where the translation has none, which does not happen. A look-up that cannot
/// panic is left out where nobody reads it.
const NO_OP: Op =
    Op { offset: 0, opcode: Opcode::Nop, ty: None, index: Ty::I32, top: 0, names: 0, place: Place::None };

impl<'b> Who<'b> {
    /// The instruction's own operator.
    #[inline(always)]
    pub(super) fn op(self, pc: usize) -> &'b Op {
        let cover = self.body.covers.get(pc).copied().unwrap_or_default();
        self.body.ops.get(cover.first as usize + usize::from(cover.before)).unwrap_or(&NO_OP)
    }

    /// The instruction as one, of which `len` operators were executed.
    #[inline(always)]
    pub(super) fn fused(self, pc: usize, number: u64, instr: Instr, len: u8) -> Fused<'b> {
        let Self { instance, function, body } = self;
        Fused { number, instance, function, len: len.into(), body, pc, instr }
    }

    /// Tells of the operators that stand before the instruction's own, the first `limit` of them.
    #[inline(always)]
    pub(super) fn before<V: Visitor>(
        self,
        visitor: &mut V,
        pc: usize,
        frame: &[u64],
        number: u64,
        limit: usize,
    ) {
        let cover = self.body.covers[pc];
        let first = cover.first as usize;
        let ops = &self.body.ops[first..first + usize::from(cover.before).min(limit)];
        for (number, op) in (number..).zip(ops) {
            let at = At { number, instance: self.instance, function: self.function, op };
            let value = match op.place {
                Place::None => {
                    visitor.instruction(at, &[], &[]);
                    continue;
                }
                Place::Const(value) => [value, 0],
                Place::Slot(slot) if op.ty == Some(Ty::V128) => {
                    [frame[slot as usize], frame[slot as usize + 1]]
                }
                Place::Slot(slot) => [frame[slot as usize], 0],
            };
            let slots = if op.ty == Some(Ty::V128) { &value[..] } else { &value[..1] };
            match op.opcode {
                Opcode::Drop => visitor.instruction(at, slots, &[]),
                _ => visitor.instruction(at, &[], slots),
            }
        }
    }

    /// Tells of the instruction's own operator, and of the one after it that it does too.
    #[inline(always)]
    pub(super) fn own<V: Visitor>(
        self,
        visitor: &mut V,
        pc: usize,
        number: u64,
        operands: &[u64],
        results: &[u64],
    ) {
        let cover = self.body.covers[pc];
        let own = cover.first as usize + usize::from(cover.before);
        let mut number = number + u64::from(cover.before);
        if cover.has_own {
            let op = &self.body.ops[own];
            let at = At { number, instance: self.instance, function: self.function, op };
            visitor.instruction(at, operands, results);
            number += 1;
        }
        // Not of an instruction that trapped: it has no results.
        if cover.has_after && !results.is_empty() {
            let op = &self.body.ops[own + 1];
            let at = At { number, instance: self.instance, function: self.function, op };
            let given = if op.opcode == Opcode::LocalTee { results } else { &[] };
            visitor.instruction(at, results, given);
        }
    }
}

/// Tells of a copy: a `local.set` or `local.tee`, or what puts an operand into its own slot.
#[inline(always)]
pub(super) fn tell_copy<V: Visitor>(
    who: Who<'_>,
    visitor: &mut V,
    pc: usize,
    number: u64,
    instr: Instr,
    value: &[u64],
) {
    let is_own = instr.has(OWN);
    if V::INSTRUCTIONS && is_own {
        let results = if who.op(pc).opcode == Opcode::LocalTee { value } else { &[] };
        who.own(visitor, pc, number, value, results);
    }
    if V::FUSED {
        visitor.fused(who.fused(pc, number, instr, instr.n), if is_own { value } else { &[] }, value);
    }
}

/// Tells of a branch on a value, which may be an `eqz` and a branch.
#[inline(always)]
pub(super) fn tell_branch<V: Visitor>(
    who: Who<'_>,
    visitor: &mut V,
    pc: usize,
    number: u64,
    instr: Instr,
    value: u64,
) {
    let result = [u64::from(value == 0)];
    let results = if instr.has(AFTER) { &result[..] } else { &[] };
    if V::INSTRUCTIONS {
        who.own(visitor, pc, number, &[value], results);
    }
    if V::FUSED {
        visitor.fused(who.fused(pc, number, instr, instr.n), &[value], results);
    }
}

pub(super) fn tell_far<V: Visitor>(
    who: Who<'_>,
    visitor: &mut V,
    pc: usize,
    far: &Far,
    address: u64,
    is_write: bool,
) {
    let address = address.wrapping_add(far.offset);
    let access = Access { memory: far.memory, address, len: vector::width(far.opcode), is_write };
    visitor.access(who.function, who.op(pc), access);
}

impl Machine<'_> {
    pub(super) fn tell_call(&mut self, visitor: &mut impl Visitor, func: u32, at: usize, is_tail: bool) {
        let function = &self.store.funcs[func as usize];
        let params = function.body.as_ref().map_or(0, |body| body.params as usize);
        let locals = function.body.as_ref().map_or(0, |body| body.locals as usize);
        visitor.arguments_at(at, is_tail);
        visitor.call(function.key, &self.stack[at..at + params], is_tail);
        visitor.zeroed(at + params..at + locals);
    }

    pub(super) fn tell_covered<V: Visitor>(&self, planted: &Planted, visitor: &mut V) {
        let function = &self.store.funcs[planted.func as usize];
        let (Some(body), Some((instance, index))) = (&function.body, function.defined) else { return };
        let Some(frame) = self.frames.last() else { return };
        let who = Who { instance, function: FuncIndex(index), body };
        if V::INSTRUCTIONS {
            self.tell_each_covered(who, planted, frame.fp, visitor);
        }
        if V::FUSED {
            let len = (planted.position + 1) as u8;
            visitor.fused(who.fused(planted.pc, self.count, planted.saved, len), &[], &[]);
        }
    }

    fn tell_each_covered<V: Visitor>(&self, who: Who<'_>, planted: &Planted, fp: usize, visitor: &mut V) {
        let Who { instance, function, body } = who;
        let slots = &self.stack[fp..fp + body.slots as usize];
        who.before(visitor, planted.pc, slots, self.count, planted.position as usize + 1);
        let cover = body.covers[planted.pc];
        // The own operator and what follows it come without their operands: they did not act.
        for position in u32::from(cover.before)..planted.position + 1 {
            let op = &body.ops[(cover.first + position) as usize];
            let number = self.count + u64::from(position);
            visitor.instruction(At { number, instance, function, op }, &[], &[]);
        }
    }

    /// Tells of the instruction that is being done, and goes on after it.
    pub(super) fn told<V: Visitor>(
        &mut self,
        visitor: &mut V,
        instr: Instr,
        operands: &[u64],
        results: &[u64],
        step: usize,
    ) {
        let Some(&frame) = self.frames.last() else { return };
        if V::INSTRUCTIONS || V::FUSED {
            let function = &self.store.funcs[frame.func as usize];
            if let (Some(body), Some((instance, index))) = (&function.body, function.defined) {
                let who = Who { instance, function: FuncIndex(index), body };
                let number = self.count - u64::from(instr.n);
                if V::INSTRUCTIONS {
                    who.own(visitor, frame.pc, number, operands, results);
                }
                if V::FUSED {
                    let len = instr.n - u8::from(instr.has(AFTER) && results.is_empty());
                    visitor.fused(who.fused(frame.pc, number, instr, len), operands, results);
                }
            }
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.pc += step;
        }
    }

    pub(in crate::values) fn written<V: Visitor>(
        &self,
        visitor: &mut V,
        memory: u32,
        address: u64,
        len: u64,
    ) {
        if V::WRITES
            && len > 0
            && let Some(bytes) = self.memory(memory)
        {
            // All of a memory is written when it is put back.
            visitor.written(self.count, memory, bytes, address, len.min(bytes.len() as u64));
        }
    }

    pub(super) fn access<V: Visitor>(
        &self,
        visitor: &mut V,
        memory: u32,
        address: u64,
        len: u64,
        is_write: bool,
    ) {
        if !V::MEMORY || len == 0 {
            return;
        }
        let Some(frame) = self.frames.last() else { return };
        let function = &self.store.funcs[frame.func as usize];
        if let (Some(body), Some((_, index))) = (&function.body, function.defined) {
            let cover = body.covers[frame.pc];
            let op = &body.ops[cover.first as usize + usize::from(cover.before)];
            visitor.access(FuncIndex(index), op, Access { memory, address, len, is_write });
        }
    }
}
