//! The loop: executes instructions of one frame after another and checks each decision.
//!
//! PERF: one `match` on a small instruction; what is rare (bulk, tables, growth, calls of the host) leaves
//! the loop and comes back. With a visitor that asks for nothing, what it is told is compiled away.

use wasmi_core::{TrapCode, wasm};

use crate::{
    module::{FuncIndex, Opcode},
    trace::{End, InstanceIndex, Record, Trap, recorded::Taken},
};

use super::code::{Body, Code, Instr, Place};
use super::error::ValuesErrorKind;
use super::machine::{CUT, Frame, Machine, RETURNED, Result, is_bulk, too_deep};
use super::slot::{Slot, binary, immediate, try_binary, try_unary, unary};
use super::store::NONE;
use super::table::for_each_scalar;
use super::vector;
use super::visitor::{Access, At, Visitor};

/// Why the loop was left.
enum Exit {
    /// A decision was the last before the end or a barrier.
    Last,
    /// A decision is not as computed.
    Wrong(bool),
    Trap(Trap),
    Call(Instr),
    Return(Instr),
    /// The instruction is done elsewhere.
    Slow(Instr),
    /// The marked instruction.
    Break,
    Failed(ValuesErrorKind),
}

/// What visitors are told of besides the operator.
#[derive(Clone, Copy)]
struct Who<'b> {
    instance: InstanceIndex,
    function: FuncIndex,
    body: &'b Body,
}

impl<'b> Who<'b> {
    /// Tells of the operators that stand before the instruction's own, the first `limit` of them.
    #[inline(always)]
    fn before<V: Visitor>(self, visitor: &mut V, pc: usize, frame: &[u64], number: u64, limit: usize) {
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
                Place::Slot(slot) if op.ty == Some(super::code::Ty::V128) => {
                    [frame[slot as usize], frame[slot as usize + 1]]
                }
                Place::Slot(slot) => [frame[slot as usize], 0],
            };
            let slots = if op.ty == Some(super::code::Ty::V128) { &value[..] } else { &value[..1] };
            match op.opcode {
                Opcode::Drop => visitor.instruction(at, slots, &[]),
                _ => visitor.instruction(at, &[], slots),
            }
        }
    }

    /// Tells of the instruction's own operator, and of the one after it that it does too.
    #[inline(always)]
    fn own<V: Visitor>(self, visitor: &mut V, pc: usize, number: u64, operands: &[u64], results: &[u64]) {
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

fn to_trap(code: TrapCode) -> Trap {
    match code {
        TrapCode::UnreachableCodeReached => Trap::Unreachable,
        TrapCode::MemoryOutOfBounds => Trap::OutOfBoundsMemoryAccess,
        TrapCode::TableOutOfBounds => Trap::OutOfBoundsTableAccess,
        TrapCode::IndirectCallToNull => Trap::UninitializedElement,
        TrapCode::IntegerDivisionByZero => Trap::IntegerDivideByZero,
        TrapCode::IntegerOverflow => Trap::IntegerOverflow,
        TrapCode::BadConversionToInteger => Trap::InvalidConversionToInteger,
        TrapCode::BadSignature => Trap::IndirectCallTypeMismatch,
        TrapCode::StackOverflow => Trap::CallStackExhausted,
        TrapCode::GrowthOperationLimited => Trap::GrowthLimited,
        TrapCode::OutOfSystemMemory => Trap::OutOfSystemMemory,
        _ => Trap::OutOfFuel,
    }
}

fn opcode(number: u32) -> Opcode {
    Opcode::ALL.get(number as usize).copied().unwrap_or(Opcode::Nop)
}

macro_rules! define_run {
    (
        unary { $($un:ident $un_f:ident $un_t:ident;)* }
        unary_trap { $($ut:ident $ut_f:ident $ut_t:ident;)* }
        binary_imm { $($bi:ident $bi_i:ident $bi_f:ident $bi_t:ident;)* }
        binary { $($bn:ident $bn_f:ident $bn_t:ident;)* }
        binary_trap { $($bt:ident $bt_f:ident $bt_t:ident;)* }
        compare { $($c:ident $c_i:ident $c_b:ident $c_bi:ident $c_n:ident $c_ni:ident $c_f:ident;)* }
    ) => {
        impl Machine<'_> {
            /// Executes from the top frame until the host or the end is reached.
            pub(super) fn wasm<V: Visitor>(&mut self, visitor: &mut V) -> Result<()> {
                let mut over_break = false;
                loop {
                    let Some(&Frame { func, pc: start, fp }) = self.frames.last() else {
                        return Err(ValuesErrorKind::Effects("no frame"));
                    };
                    let near = self.store.funcs[func as usize].memory;
                    if near != self.near_of {
                        self.take_memory(near);
                    }
                    let near_of = self.near_of;
                    let planted = self.planted;
                    let function = &self.store.funcs[func as usize];
                    let (Some(body), Some((instance, index))) = (&function.body, function.defined) else {
                        return Err(ValuesErrorKind::Effects("no body"));
                    };
                    let body: &Body = body;
                    let code = &body.code[..];
                    let who = Who { instance, function: FuncIndex(index), body };
                    let frame = &mut self.stack[fp..fp + body.slots as usize];
                    let memory = &mut self.near[..];
                    let globals = &mut self.store.globals[..];
                    let decisions = &mut self.check.decisions;
                    let mut count = self.count;
                    let mut pc = start;
                    let exit = 'run: loop {
                        let mut instr = code[pc];
                        let number = count;
                        macro_rules! slot { ($slot:expr) => { frame[$slot as usize] } }
                        macro_rules! pair {
                            ($slot:expr) => { [frame[$slot as usize], frame[$slot as usize + 1]] };
                        }
                        macro_rules! own {
                            ($operands:expr, $results:expr) => {
                                if V::INSTRUCTIONS {
                                    who.own(visitor, pc, number, $operands, $results);
                                }
                            };
                        }
                        macro_rules! trap {
                            ($operands:expr, $code:expr) => {{
                                if V::INSTRUCTIONS {
                                    who.own(visitor, pc, number, $operands, &[]);
                                }
                                break 'run Exit::Trap($code);
                            }};
                        }
                        macro_rules! put_pair {
                            ($slot:expr, $value:expr) => {{
                                let value: [u64; 2] = $value;
                                let slot = $slot as usize;
                                frame[slot] = value[0];
                                frame[slot + 1] = value[1];
                                value
                            }};
                        }
                        macro_rules! some {
                            ($value:expr) => {
                                match $value {
                                    Some(value) => value,
                                    None => break 'run Exit::Failed(ValuesErrorKind::Effects("unknown code")),
                                }
                            };
                        }
                        // A branch whose decision is whether it is taken.
                        macro_rules! branch {
                            ($taken:expr, $target:expr) => {{
                                let (taken, target): (bool, u32) = ($taken, $target);
                                let state = decisions.takes(taken);
                                pc = if taken { target as usize } else { pc + 1 };
                                match state {
                                    Taken::Yes => continue 'run,
                                    Taken::Last => break 'run Exit::Last,
                                    Taken::No => break 'run Exit::Wrong(taken),
                                }
                            }};
                        }
                        macro_rules! compared {
                            ($l:expr, $r:expr, $taken:expr) => {{
                                if V::INSTRUCTIONS {
                                    let cover = body.covers[pc];
                                    let after = cover.first as usize + usize::from(cover.before) + 1;
                                    let is_if = body.ops[after].opcode == Opcode::If;
                                    let held = u64::from($taken != is_if);
                                    who.own(visitor, pc, number, &[$l, $r], &[held]);
                                }
                                branch!($taken, instr.c)
                            }};
                        }
                        macro_rules! access {
                            ($address:expr, $len:expr, $is_write:expr) => {
                                if V::MEMORY {
                                    let cover = body.covers[pc];
                                    let op = &body.ops[cover.first as usize + usize::from(cover.before)];
                                    let address = u64::wrapping_add($address, instr.c.into());
                                    let access =
                                        Access { memory: near_of, address, len: $len, is_write: $is_write };
                                    visitor.access(who.function, op, access);
                                }
                            };
                        }
                        macro_rules! load {
                            ($f:ident, $len:expr) => {{
                                let address = slot!(instr.b);
                                match wasm::$f(memory, address, instr.c.into()) {
                                    Ok(value) => {
                                        access!(address, $len, false);
                                        let value = value.to_slot();
                                        slot!(instr.a) = value;
                                        own!(&[address], &[value]);
                                    }
                                    Err(code) => trap!(&[address], to_trap(code)),
                                }
                            }};
                        }
                        macro_rules! store {
                            ($f:ident, $ty:ty, $len:expr) => {{
                                let (address, value) = (slot!(instr.a), slot!(instr.b));
                                match wasm::$f(memory, address, instr.c.into(), value as $ty) {
                                    Ok(()) => {
                                        access!(address, $len, true);
                                        own!(&[address, value], &[]);
                                    }
                                    Err(code) => trap!(&[address, value], to_trap(code)),
                                }
                            }};
                        }
                        macro_rules! carry {
                            ($way:expr) => {{
                                let way = body.ways[$way as usize];
                                let from = way.from as usize;
                                frame.copy_within(from..from + way.len as usize, way.to as usize);
                                way.pc
                            }};
                        }
                        if instr.code == Code::Break {
                            match planted {
                                Some(planted) if over_break => instr = planted.saved,
                                _ => break 'run Exit::Break,
                            }
                        }
                        over_break = false;
                        count += u64::from(instr.n);
                        if V::INSTRUCTIONS {
                            who.before(visitor, pc, frame, number, usize::MAX);
                        }
                        match instr.code {
                            $(Code::$un => {
                                let a = slot!(instr.b);
                                let value = unary(wasm::$un_f, a);
                                slot!(instr.a) = value;
                                own!(&[a], &[value]);
                            })*
                            $(Code::$ut => {
                                let a = slot!(instr.b);
                                match try_unary(wasm::$ut_f, a) {
                                    Ok(value) => {
                                        slot!(instr.a) = value;
                                        own!(&[a], &[value]);
                                    }
                                    Err(code) => trap!(&[a], to_trap(code)),
                                }
                            })*
                            $(Code::$bi => {
                                let (l, r) = (slot!(instr.b), slot!(instr.c));
                                let value = binary(wasm::$bi_f, l, r);
                                slot!(instr.a) = value;
                                own!(&[l, r], &[value]);
                            }
                            Code::$bi_i => {
                                let (l, r) = (slot!(instr.b), immediate(wasm::$bi_f, instr.c));
                                let value = binary(wasm::$bi_f, l, r);
                                slot!(instr.a) = value;
                                own!(&[l, r], &[value]);
                            })*
                            $(Code::$bn => {
                                let (l, r) = (slot!(instr.b), slot!(instr.c));
                                let value = binary(wasm::$bn_f, l, r);
                                slot!(instr.a) = value;
                                own!(&[l, r], &[value]);
                            })*
                            $(Code::$bt => {
                                let (l, r) = (slot!(instr.b), slot!(instr.c));
                                match try_binary(wasm::$bt_f, l, r) {
                                    Ok(value) => {
                                        slot!(instr.a) = value;
                                        own!(&[l, r], &[value]);
                                    }
                                    Err(code) => trap!(&[l, r], to_trap(code)),
                                }
                            })*
                            $(Code::$c => {
                                let (l, r) = (slot!(instr.b), slot!(instr.c));
                                let value = binary(wasm::$c_f, l, r);
                                slot!(instr.a) = value;
                                own!(&[l, r], &[value]);
                            }
                            Code::$c_i => {
                                let (l, r) = (slot!(instr.b), immediate(wasm::$c_f, instr.c));
                                let value = binary(wasm::$c_f, l, r);
                                slot!(instr.a) = value;
                                own!(&[l, r], &[value]);
                            }
                            Code::$c_b => {
                                let (l, r) = (slot!(instr.a), slot!(instr.b));
                                let taken = binary(wasm::$c_f, l, r) != 0;
                                compared!(l, r, taken)
                            }
                            Code::$c_bi => {
                                let (l, r) = (slot!(instr.a), immediate(wasm::$c_f, instr.b));
                                let taken = binary(wasm::$c_f, l, r) != 0;
                                compared!(l, r, taken)
                            })*
                            Code::Cover => {}
                            Code::Const => {
                                let value = u64::from(instr.b) | u64::from(instr.c) << 32;
                                slot!(instr.a) = value;
                                if V::INSTRUCTIONS && body.covers[pc].has_own {
                                    tell_copy(who, visitor, pc, number, &[value]);
                                }
                            }
                            Code::ConstWide => {
                                let value = put_pair!(instr.a, body.wides[instr.b as usize]);
                                own!(&[], &value);
                            }
                            Code::Copy => {
                                let value = slot!(instr.b);
                                slot!(instr.a) = value;
                                if V::INSTRUCTIONS && body.covers[pc].has_own {
                                    tell_copy(who, visitor, pc, number, &[value]);
                                }
                            }
                            Code::CopyWide => {
                                let value = put_pair!(instr.a, pair!(instr.b));
                                if V::INSTRUCTIONS && body.covers[pc].has_own {
                                    tell_copy(who, visitor, pc, number, &value);
                                }
                            }
                            Code::Select => {
                                let condition = slot!(code[pc + 1].a);
                                let (a, b) = (slot!(instr.b), slot!(instr.c));
                                let value = if condition as u32 != 0 { a } else { b };
                                slot!(instr.a) = value;
                                own!(&[a, b, condition], &[value]);
                                pc += 1;
                            }
                            Code::SelectWide => {
                                let condition = slot!(code[pc + 1].a);
                                let (a, b) = (pair!(instr.b), pair!(instr.c));
                                let value = put_pair!(instr.a, if condition as u32 != 0 { a } else { b });
                                own!(&[a[0], a[1], b[0], b[1], condition], &value);
                                pc += 1;
                            }
                            Code::GlobalGet => {
                                let value = globals[instr.b as usize][0];
                                slot!(instr.a) = value;
                                own!(&[], &[value]);
                            }
                            Code::GlobalSet => {
                                let value = slot!(instr.a);
                                globals[instr.b as usize][0] = value;
                                own!(&[value], &[]);
                            }
                            Code::GlobalGetWide => {
                                let value = put_pair!(instr.a, globals[instr.b as usize]);
                                own!(&[], &value);
                            }
                            Code::GlobalSetWide => {
                                let value = pair!(instr.a);
                                globals[instr.b as usize] = value;
                                own!(&value, &[]);
                            }
                            Code::I32Load | Code::F32Load => load!(load_u32, 4),
                            Code::I64Load | Code::F64Load => load!(load_u64, 8),
                            Code::I32Load8S => load!(i32_load8_s, 1),
                            Code::I32Load8U => load!(i32_load8_u, 1),
                            Code::I32Load16S => load!(i32_load16_s, 2),
                            Code::I32Load16U => load!(i32_load16_u, 2),
                            Code::I64Load8S => load!(i64_load8_s, 1),
                            Code::I64Load8U => load!(i64_load8_u, 1),
                            Code::I64Load16S => load!(i64_load16_s, 2),
                            Code::I64Load16U => load!(i64_load16_u, 2),
                            Code::I64Load32S => load!(i64_load32_s, 4),
                            Code::I64Load32U => load!(i64_load32_u, 4),
                            Code::I32Store | Code::F32Store => store!(store32, u32, 4),
                            Code::I64Store | Code::F64Store => store!(store64, u64, 8),
                            Code::I32Store8 => store!(i32_store8, i32, 1),
                            Code::I32Store16 => store!(i32_store16, i32, 2),
                            Code::I64Store8 => store!(i64_store8, i64, 1),
                            Code::I64Store16 => store!(i64_store16, i64, 2),
                            Code::I64Store32 => store!(i64_store32, i64, 4),
                            Code::VectorUnary => {
                                let a = pair!(instr.b);
                                let value = some!(vector::unary(opcode(instr.c), vector::to_v128(a)));
                                let value = put_pair!(instr.a, vector::from_v128(value));
                                own!(&a, &value);
                            }
                            Code::VectorBinary => {
                                let (a, b) = (pair!(instr.b), pair!(instr.c));
                                let opcode = opcode(code[pc + 1].a);
                                let value =
                                    some!(vector::binary(opcode, vector::to_v128(a), vector::to_v128(b)));
                                let value = put_pair!(instr.a, vector::from_v128(value));
                                own!(&[a[0], a[1], b[0], b[1]], &value);
                                pc += 1;
                            }
                            Code::VectorTernary => {
                                let data = code[pc + 1];
                                let (a, b, c) = (pair!(instr.b), pair!(instr.c), pair!(data.b));
                                let value = some!(vector::ternary(
                                    opcode(data.a),
                                    vector::to_v128(a),
                                    vector::to_v128(b),
                                    vector::to_v128(c)
                                ));
                                let value = put_pair!(instr.a, vector::from_v128(value));
                                own!(&[a[0], a[1], b[0], b[1], c[0], c[1]], &value);
                                pc += 1;
                            }
                            Code::VectorShift => {
                                let (a, by) = (pair!(instr.b), slot!(instr.c));
                                let opcode = opcode(code[pc + 1].a);
                                let value = some!(vector::shift(opcode, vector::to_v128(a), by as u32));
                                let value = put_pair!(instr.a, vector::from_v128(value));
                                own!(&[a[0], a[1], by], &value);
                                pc += 1;
                            }
                            Code::VectorTest => {
                                let a = pair!(instr.b);
                                let value = some!(vector::test(opcode(instr.c), vector::to_v128(a)));
                                slot!(instr.a) = value;
                                own!(&a, &[value]);
                            }
                            Code::VectorSplat => {
                                let a = slot!(instr.b);
                                let value = some!(vector::splat(opcode(instr.c), a));
                                let value = put_pair!(instr.a, vector::from_v128(value));
                                own!(&[a], &value);
                            }
                            Code::VectorExtract => {
                                let (a, data) = (pair!(instr.b), code[pc + 1]);
                                let value =
                                    vector::extract(opcode(data.a), vector::to_v128(a), data.b as u8);
                                let value = some!(value);
                                slot!(instr.a) = value;
                                own!(&a, &[value]);
                                pc += 1;
                            }
                            Code::VectorReplace => {
                                let (a, b, data) = (pair!(instr.b), slot!(instr.c), code[pc + 1]);
                                let value =
                                    vector::replace(opcode(data.a), vector::to_v128(a), data.b as u8, b);
                                let value = put_pair!(instr.a, vector::from_v128(some!(value)));
                                own!(&[a[0], a[1], b], &value);
                                pc += 1;
                            }
                            Code::VectorShuffle => {
                                let (a, b) = (pair!(instr.b), pair!(instr.c));
                                let lanes = body.wides[code[pc + 1].a as usize];
                                let lanes = u128::from(lanes[0]) | u128::from(lanes[1]) << 64;
                                let value = vector::shuffle(vector::to_v128(a), vector::to_v128(b), lanes);
                                let value = put_pair!(instr.a, vector::from_v128(some!(value)));
                                own!(&[a[0], a[1], b[0], b[1]], &value);
                                pc += 1;
                            }
                            Code::LoadFar if body.fars[instr.c as usize].memory == near_of => {
                                let (far, address) = (body.fars[instr.c as usize], slot!(instr.b));
                                let is_lane = vector::takes_lane(far.opcode);
                                let old = if is_lane { pair!(code[pc + 1].a) } else { [0; 2] };
                                let operands = [address, old[0], old[1]];
                                let operands = &operands[..if is_lane { 3 } else { 1 }];
                                match vector::load(far.opcode, memory, address, far.offset, old, far.lane) {
                                    Ok(value) => {
                                        let value = some!(value);
                                        if V::MEMORY {
                                            tell_far(who, visitor, pc, &far, address, false);
                                        }
                                        let len = if vector::is_vector(far.opcode) { 2 } else { 1 };
                                        let to = instr.a as usize;
                                        frame[to..to + len].copy_from_slice(&value[..len]);
                                        own!(operands, &value[..len]);
                                    }
                                    Err(code) => trap!(operands, to_trap(code)),
                                }
                                pc += 1;
                            }
                            Code::StoreFar if body.fars[instr.c as usize].memory == near_of => {
                                let (far, address) = (body.fars[instr.c as usize], slot!(instr.a));
                                let len = if vector::is_vector(far.opcode) { 2 } else { 1 };
                                let from = instr.b as usize;
                                let mut value = [0; 2];
                                value[..len].copy_from_slice(&frame[from..from + len]);
                                let operands = [address, value[0], value[1]];
                                let operands = &operands[..1 + len];
                                let (opcode, offset) = (far.opcode, far.offset);
                                match vector::store(opcode, memory, address, offset, value, far.lane) {
                                    Ok(done) => {
                                        some!(done);
                                        if V::MEMORY {
                                            tell_far(who, visitor, pc, &far, address, true);
                                        }
                                        own!(operands, &[]);
                                    }
                                    Err(code) => trap!(operands, to_trap(code)),
                                }
                            }
                            Code::Wide4 | Code::Wide2 => {
                                let from = instr.b as usize;
                                let len = if instr.code == Code::Wide4 { 4 } else { 2 };
                                let mut operands = [0; 4];
                                operands[..len].copy_from_slice(&frame[from..from + len]);
                                let value = some!(vector::wide(opcode(instr.c), operands));
                                let value = put_pair!(instr.a, value);
                                own!(&operands[..len], &value);
                            }
                            Code::RefIsNull => {
                                let a = slot!(instr.b);
                                let value = u64::from(a == 0);
                                slot!(instr.a) = value;
                                own!(&[a], &[value]);
                            }
                            Code::Br => {
                                own!(&[], &[]);
                                pc = instr.c as usize;
                                continue 'run;
                            }
                            Code::BrLoop => {
                                own!(&[], &[]);
                                branch!(true, instr.c)
                            }
                            Code::BrMove => {
                                own!(&[], &[]);
                                pc = carry!(instr.c) as usize;
                                continue 'run;
                            }
                            Code::BrLoopMove => {
                                own!(&[], &[]);
                                branch!(true, carry!(instr.c))
                            }
                            Code::BrNonZero => {
                                let value = slot!(instr.a);
                                if V::INSTRUCTIONS {
                                    tell_branch(who, visitor, pc, number, value);
                                }
                                branch!(value != 0, instr.c)
                            }
                            Code::BrZero => {
                                let value = slot!(instr.a);
                                if V::INSTRUCTIONS {
                                    tell_branch(who, visitor, pc, number, value);
                                }
                                branch!(value == 0, instr.c)
                            }
                            Code::BrNonZeroMove => {
                                let value = slot!(instr.a);
                                own!(&[value], &[]);
                                let taken = value != 0;
                                branch!(taken, if taken { carry!(instr.c) } else { 0 })
                            }
                            Code::BrTable => {
                                let (table, index) = (body.tables[instr.b as usize], slot!(instr.a));
                                own!(&[index], &[]);
                                let label = (index as u32).min(table.len - 1);
                                let way = table.first + label;
                                if table.width == 0 {
                                    if table.is_loop {
                                        branch!(true, carry!(way))
                                    }
                                    pc = carry!(way) as usize;
                                    continue 'run;
                                }
                                match decisions.bits(table.width) {
                                    Ok(recorded) if recorded == u64::from(label) => {}
                                    Ok(recorded) => {
                                        let computed = label.into();
                                        let kind = ValuesErrorKind::Label { computed, recorded };
                                        break 'run Exit::Failed(kind);
                                    }
                                    Err(error) => break 'run Exit::Failed(error.into()),
                                }
                                pc = carry!(way) as usize;
                                if decisions.is_at_end() {
                                    break 'run Exit::Last;
                                }
                                continue 'run;
                            }
                            Code::Unreachable => trap!(&[], Trap::Unreachable),
                            Code::Call => {
                                if V::INSTRUCTIONS {
                                    who.own(visitor, pc, number, &[], &[]);
                                }
                                break 'run Exit::Call(instr);
                            }
                            Code::Return => {
                                let from = instr.a as usize;
                                own!(&frame[from..from + instr.b as usize], &[]);
                                break 'run Exit::Return(instr);
                            }
                            Code::Data | Code::Break => {
                                break 'run Exit::Failed(ValuesErrorKind::Effects("unknown code"));
                            }
                            _ => break 'run Exit::Slow(instr),
                        }
                        pc += 1;
                    };
                    self.count = count;
                    if let Some(frame) = self.frames.last_mut() {
                        frame.pc = pc;
                    }
                    if self.count > self.check.instructions_limit {
                        return Err(ValuesErrorKind::TooLong { limit: self.check.instructions_limit });
                    }
                    match exit {
                        Exit::Return(instr) => {
                            let len = instr.b as usize;
                            let from = fp + instr.a as usize;
                            self.stack.copy_within(from..from + len, fp);
                            self.frames.pop();
                            visitor.leave(&self.stack[fp..fp + len]);
                            let base = self.invocations.last().map_or(0, |invocation| invocation.base);
                            if self.frames.len() == base {
                                return self.end(RETURNED, Some(fp), visitor);
                            }
                        }
                        Exit::Call(instr) => {
                            self.check.call()?;
                            if let Some(frame) = self.frames.last_mut() {
                                frame.pc += 1;
                            }
                            let at = fp + instr.a as usize;
                            self.enter(instr.b, at)?;
                            self.tell_call(visitor, instr.b, at, false);
                        }
                        Exit::Last => {
                            if self.is_cut_after_decision() {
                                return self.end(CUT, None, visitor);
                            }
                            self.plant()?;
                        }
                        Exit::Wrong(computed) => return Err(self.wrong(computed)),
                        Exit::Trap(code) => return self.trap(code, visitor),
                        Exit::Break => match self.at_break(visitor)? {
                            true => return Ok(()),
                            false => over_break = true,
                        },
                        Exit::Slow(instr) => {
                            if self.slow(instr, visitor)? {
                                return Ok(());
                            }
                        }
                        Exit::Failed(kind) => return Err(kind),
                    }
                }
            }
        }
    };
}
for_each_scalar!(define_run);

/// Tells of a copy that is a `local.set` or `local.tee`.
fn tell_copy<V: Visitor>(who: Who<'_>, visitor: &mut V, pc: usize, number: u64, value: &[u64]) {
    let cover = who.body.covers[pc];
    let op = &who.body.ops[cover.first as usize + usize::from(cover.before)];
    let results = if op.opcode == Opcode::LocalTee { value } else { &[] };
    who.own(visitor, pc, number, value, results);
}

/// Tells of a branch on a value, which may be an `eqz` and a branch.
fn tell_branch<V: Visitor>(who: Who<'_>, visitor: &mut V, pc: usize, number: u64, value: u64) {
    let result = [u64::from(value == 0)];
    let results = if who.body.covers[pc].has_after { &result[..] } else { &[] };
    who.own(visitor, pc, number, &[value], results);
}

fn tell_far<V: Visitor>(
    who: Who<'_>,
    visitor: &mut V,
    pc: usize,
    far: &super::code::Far,
    address: u64,
    is_write: bool,
) {
    let cover = who.body.covers[pc];
    let op = &who.body.ops[cover.first as usize + usize::from(cover.before)];
    let address = address.wrapping_add(far.offset);
    let access = Access { memory: far.memory, address, len: vector::width(far.opcode), is_write };
    visitor.access(who.function, op, access);
}

impl Machine<'_> {
    fn tell_call(&mut self, visitor: &mut impl Visitor, func: u32, at: usize, is_tail: bool) {
        let function = &self.store.funcs[func as usize];
        let params = function.body.as_ref().map_or(0, |body| body.params as usize);
        visitor.call(function.key, &self.stack[at..at + params], is_tail);
    }

    #[cold]
    fn wrong(&mut self, computed: bool) -> ValuesErrorKind {
        match self.check.decisions.bit() {
            Ok(_) => ValuesErrorKind::Branch { computed },
            Err(error) => error.into(),
        }
    }

    /// The offset in the body of the operator that the instruction at `pc` of the top frame is.
    fn offset_here(&self) -> Option<(crate::trace::FuncKey, u32)> {
        let frame = self.frames.last()?;
        let function = self.store.funcs.get(frame.func as usize)?;
        let body = function.body.as_ref()?;
        let cover = body.covers.get(frame.pc)?;
        let op = body.ops.get(cover.first as usize + usize::from(cover.before))?;
        Some((function.key, op.offset - body.start))
    }

    /// Ends the invocation with a trap, if that is what was recorded.
    #[cold]
    fn trap(&mut self, code: Trap, visitor: &mut impl Visitor) -> Result<()> {
        // What the instruction would have done after its own was not executed.
        if let Some(frame) = self.frames.last()
            && let Some(body) = &self.store.funcs[frame.func as usize].body
        {
            self.count -= u64::from(body.covers[frame.pc].has_after);
        }
        let base = self.invocations.last().map_or(0, |invocation| invocation.base);
        let depth = (self.frames.len() - base) as u32;
        let (bits, calls) = (self.check.decisions.position(), self.check.calls());
        let site = self.offset_here();
        let differs = |recorded: String| ValuesErrorKind::Trap { computed: code, recorded: recorded.into() };
        match self.check.records.peek() {
            Some(Record::End(End::Trapped { code: recorded, at })) => {
                let here = crate::trace::TracePosition { bits, calls, depth, site };
                if *recorded != code || *at != here {
                    return Err(differs(format!("{recorded} at {at:?}, here {here:?}")));
                }
            }
            record => return Err(differs(record.map_or("nothing", Record::name).into())),
        }
        visitor.trap(code);
        self.end("trapped", None, visitor)
    }

    /// At the marked instruction: whether the invocation ends here.
    fn at_break(&mut self, visitor: &mut impl Visitor) -> Result<bool> {
        let Some(planted) = self.planted else { return Ok(false) };
        if !self.is_cut_here(&planted) {
            return Ok(false);
        }
        let is_own = self.is_own(&planted);
        if is_own && planted.saved.code == Code::Call {
            self.check.call()?;
        }
        if is_own
            && is_bulk(planted.saved.code)
            && matches!(self.check.records.peek(), Some(Record::Bulk { .. }))
        {
            self.check_bulk(planted.saved)?;
            if !matches!(self.check.records.peek(), Some(Record::End(_))) {
                return Err(self.check.unexpected("End"));
            }
        }
        self.tell_covered(&planted, visitor);
        self.count += u64::from(planted.position) + 1;
        self.end(CUT, None, visitor)?;
        Ok(true)
    }

    fn tell_covered<V: Visitor>(&self, planted: &super::machine::Planted, visitor: &mut V) {
        let function = &self.store.funcs[planted.func as usize];
        let (Some(body), Some((instance, index))) = (&function.body, function.defined) else { return };
        let Some(frame) = self.frames.last() else { return };
        if !V::INSTRUCTIONS {
            return;
        }
        let who = Who { instance, function: FuncIndex(index), body };
        let slots = &self.stack[frame.fp..frame.fp + body.slots as usize];
        who.before(visitor, planted.pc, slots, self.count, planted.position as usize + 1);
        let cover = body.covers[planted.pc];
        // The own operator and what follows it come without their operands: they did not act.
        for position in u32::from(cover.before)..planted.position + 1 {
            let op = &body.ops[(cover.first + position) as usize];
            let number = self.count + u64::from(position);
            visitor.instruction(At { number, instance, function: who.function, op }, &[], &[]);
        }
    }

    fn here(&self, slot: u32) -> u64 {
        let fp = self.frames.last().map_or(0, |frame| frame.fp);
        self.stack.get(fp + slot as usize).copied().unwrap_or(0)
    }

    fn set(&mut self, slot: u32, value: u64) {
        let fp = self.frames.last().map_or(0, |frame| frame.fp);
        if let Some(target) = self.stack.get_mut(fp + slot as usize) {
            *target = value;
        }
    }

    fn data(&self) -> Instr {
        let frame = self.frames.last().map_or(Frame { func: 0, pc: 0, fp: 0 }, |frame| *frame);
        let body = self.store.funcs[frame.func as usize].body.as_ref();
        let data = body.and_then(|body| body.code.get(frame.pc + 1)).copied();
        data.unwrap_or(Instr { code: Code::Data, n: 0, a: 0, b: 0, c: 0 })
    }

    /// Tells of the instruction that is being done, and goes on after it.
    fn told<V: Visitor>(&mut self, visitor: &mut V, n: u16, operands: &[u64], results: &[u64], step: usize) {
        let Some(&frame) = self.frames.last() else { return };
        if V::INSTRUCTIONS {
            let function = &self.store.funcs[frame.func as usize];
            if let (Some(body), Some((instance, index))) = (&function.body, function.defined) {
                let who = Who { instance, function: FuncIndex(index), body };
                who.own(visitor, frame.pc, self.count - u64::from(n), operands, results);
            }
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.pc += step;
        }
    }

    fn access<V: Visitor>(&self, visitor: &mut V, memory: u32, address: u64, len: u64, is_write: bool) {
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

    /// Tells of an instruction that traps, and ends the invocation.
    fn fails(
        &mut self,
        visitor: &mut impl Visitor,
        instr: Instr,
        operands: &[u64],
        code: Trap,
    ) -> Result<bool> {
        self.told(visitor, instr.n, operands, &[], 0);
        self.trap(code, visitor)?;
        Ok(true)
    }

    /// Does a rare instruction; whether Wasm is left.
    #[inline(never)]
    fn slow(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        match instr.code {
            Code::LoadFar | Code::StoreFar => self.far(instr, visitor),
            Code::MemorySize => {
                self.take_memory(NONE);
                let memory = self.store.memory(instr.b)?;
                let pages = memory.bytes.len() as u64 >> memory.page_log2;
                self.set(instr.a, pages);
                self.told(visitor, instr.n, &[], &[pages], 1);
                Ok(false)
            }
            Code::MemoryGrow => self.memory_grow(instr, visitor),
            Code::TableSize | Code::TableGet | Code::TableSet | Code::TableGrow => self.table(instr, visitor),
            Code::DataDrop => {
                if let Some(segment) = self.store.segments.get_mut(instr.a as usize) {
                    segment.bytes = 0..0;
                }
                self.told(visitor, instr.n, &[], &[], 1);
                Ok(false)
            }
            Code::ElemDrop => {
                if let Some(element) = self.store.elements.get_mut(instr.a as usize) {
                    *element = Vec::new();
                }
                self.told(visitor, instr.n, &[], &[], 1);
                Ok(false)
            }
            code if is_bulk(code) => self.bulk(instr, visitor),
            Code::ReturnCall | Code::CallImport | Code::ReturnCallImport => self.call(instr, visitor),
            Code::CallIndirect | Code::ReturnCallIndirect => self.call_indirect(instr, visitor),
            _ => Err(ValuesErrorKind::Effects("unknown code")),
        }
    }

    fn far(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let Some(&frame) = self.frames.last() else { return Err(too_deep()) };
        let body = self.store.funcs[frame.func as usize].body.as_ref();
        let far = body.and_then(|body| body.fars.get(instr.c as usize)).copied();
        let far = far.ok_or(ValuesErrorKind::Effects("unknown code"))?;
        let len = if vector::is_vector(far.opcode) { 2 } else { 1 };
        let unknown = ValuesErrorKind::Effects("unknown code");
        self.take_memory(NONE);
        if instr.code == Code::LoadFar {
            let (address, old) = (self.here(instr.b), self.data().a);
            let is_lane = vector::takes_lane(far.opcode);
            let old = if is_lane { [self.here(old), self.here(old + 1)] } else { [0; 2] };
            let operands = [address, old[0], old[1]];
            let operands = &operands[..if is_lane { 3 } else { 1 }];
            let memory = &self.store.memory(far.memory)?.bytes;
            match vector::load(far.opcode, memory, address, far.offset, old, far.lane) {
                Ok(value) => {
                    let value = value.ok_or(unknown)?;
                    self.access(
                        visitor,
                        far.memory,
                        address.wrapping_add(far.offset),
                        vector::width(far.opcode),
                        false,
                    );
                    (0..len as u32).for_each(|n| self.set(instr.a + n, value[n as usize]));
                    self.told(visitor, instr.n, operands, &value[..len], 2);
                    Ok(false)
                }
                Err(code) => self.fails(visitor, instr, operands, to_trap(code)),
            }
        } else {
            let address = self.here(instr.a);
            let value = [self.here(instr.b), if len == 2 { self.here(instr.b + 1) } else { 0 }];
            let operands = [address, value[0], value[1]];
            let operands = &operands[..1 + len];
            let memory = &mut self.store.memory(far.memory)?.bytes;
            let (opcode, offset) = (far.opcode, far.offset);
            match vector::store(opcode, memory, address, offset, value, far.lane) {
                Ok(done) => {
                    done.ok_or(unknown)?;
                    self.access(
                        visitor,
                        far.memory,
                        address.wrapping_add(far.offset),
                        vector::width(far.opcode),
                        true,
                    );
                    self.told(visitor, instr.n, operands, &[], 1);
                    Ok(false)
                }
                Err(code) => self.fails(visitor, instr, operands, to_trap(code)),
            }
        }
    }

    fn memory_grow(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        self.take_memory(NONE);
        let delta = self.here(instr.b);
        let result = self.check.grow(delta)?;
        let memory = self.store.memory(instr.c)?;
        let (size, maximum) = (memory.bytes.len() as u64 >> memory.page_log2, memory.maximum);
        if !is_refusal(result) {
            let fits =
                size.checked_add(delta).is_some_and(|new| maximum.is_none_or(|maximum| new <= maximum));
            if result != size || !fits {
                return Err(ValuesErrorKind::Growth { delta, size, result });
            }
            self.store.grow_memory(instr.c, delta)?;
        }
        self.set(instr.a, result);
        self.told(visitor, instr.n, &[delta], &[result], 1);
        Ok(false)
    }

    fn table(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let bad = ValuesErrorKind::Effects("no such table");
        match instr.code {
            Code::TableSize => {
                let table = self.store.tables.get(instr.b as usize).ok_or(bad)?;
                let len = table.elements.len() as u64;
                self.set(instr.a, len);
                self.told(visitor, instr.n, &[], &[len], 1);
            }
            Code::TableGet => {
                let index = self.here(instr.b);
                let table = self.store.tables.get(instr.c as usize).ok_or(bad)?;
                let Some(&value) = table.elements.get(index as usize) else {
                    return self.fails(visitor, instr, &[index], Trap::OutOfBoundsTableAccess);
                };
                self.set(instr.a, value);
                self.told(visitor, instr.n, &[index], &[value], 1);
            }
            Code::TableSet => {
                let (index, value) = (self.here(instr.a), self.here(instr.b));
                let table = self.store.tables.get_mut(instr.c as usize).ok_or(bad)?;
                let Some(element) = table.elements.get_mut(index as usize) else {
                    return self.fails(visitor, instr, &[index, value], Trap::OutOfBoundsTableAccess);
                };
                *element = value;
                self.told(visitor, instr.n, &[index, value], &[], 1);
            }
            _ => {
                let (value, delta, number) = (self.here(instr.b), self.here(instr.c), self.data().a);
                let result = self.check.grow(delta)?;
                let table = self.store.tables.get(number as usize).ok_or(bad.clone())?;
                let (size, maximum) = (table.elements.len() as u64, table.maximum);
                if !is_refusal(result) {
                    let fits = size
                        .checked_add(delta)
                        .is_some_and(|new| maximum.is_none_or(|maximum| new <= maximum));
                    if result != size || !fits {
                        return Err(ValuesErrorKind::Growth { delta, size, result });
                    }
                    self.store.check_elements(delta)?;
                    let table = self.store.tables.get_mut(number as usize).ok_or(bad)?;
                    table.elements.resize((size + delta) as usize, value);
                }
                self.set(instr.a, result);
                self.told(visitor, instr.n, &[value, delta], &[result], 2);
            }
        }
        Ok(false)
    }

    /// Compares a bulk operation with its record.
    fn check_bulk(&mut self, instr: Instr) -> Result<[u64; 3]> {
        let [dst, src, len] = [instr.a, instr.b, instr.c].map(|slot| self.here(slot));
        let recorded = match instr.code {
            // The value that is filled in is a byte.
            Code::MemoryFill => src & 0xff,
            Code::TableFill => 0,
            _ => src,
        };
        self.check.bulk(dst, recorded, len)?;
        Ok([dst, src, len])
    }

    fn bulk(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        self.take_memory(NONE);
        let operands = self.check_bulk(instr)?;
        let (data, [dst, src, len]) = (self.data(), operands);
        let done = match instr.code {
            Code::MemoryCopy => self.memory_copy(data, operands),
            Code::MemoryFill => {
                let memory = self.store.memory(data.a)?;
                range(dst, len, memory.bytes.len()).map(|range| memory.bytes[range].fill(src as u8))
            }
            Code::MemoryInit => self.memory_init(data, operands),
            Code::TableFill => {
                let table = self.store.tables.get_mut(data.a as usize);
                table.and_then(|table| {
                    range(dst, len, table.elements.len()).map(|range| table.elements[range].fill(src))
                })
            }
            Code::TableCopy => self.table_copy(data, operands),
            _ => self.table_init(data, operands),
        };
        if done.is_none() {
            let is_table = matches!(instr.code, Code::TableCopy | Code::TableFill | Code::TableInit);
            let code = if is_table { Trap::OutOfBoundsTableAccess } else { Trap::OutOfBoundsMemoryAccess };
            return self.fails(visitor, instr, &operands, code);
        }
        match instr.code {
            Code::MemoryCopy => {
                self.access(visitor, data.b, src, len, false);
                self.access(visitor, data.a, dst, len, true);
            }
            Code::MemoryFill => self.access(visitor, data.a, dst, len, true),
            Code::MemoryInit => self.access(visitor, data.b, dst, len, true),
            _ => {}
        }
        self.told(visitor, instr.n, &operands, &[], 2);
        Ok(false)
    }

    fn memory_copy(&mut self, data: Instr, [dst, src, len]: [u64; 3]) -> Option<()> {
        let (to, from) = (data.a as usize, data.b as usize);
        let target = range(dst, len, self.store.memories.get(to)?.bytes.len())?;
        let source = range(src, len, self.store.memories.get(from)?.bytes.len())?;
        if to == from {
            self.store.memories[to].bytes.copy_within(source, target.start);
            return Some(());
        }
        let [to, from] = self.store.memories.get_disjoint_mut([to, from]).ok()?;
        to.bytes[target].copy_from_slice(&from.bytes[source]);
        Some(())
    }

    fn memory_init(&mut self, data: Instr, [dst, src, len]: [u64; 3]) -> Option<()> {
        let segment = self.store.segments.get(data.a as usize)?;
        let module = self.trace.modules.get(segment.module)?;
        let bytes = module.bytes().get(segment.bytes.clone())?;
        let source = range(src, len, bytes.len())?;
        let memory = self.store.memories.get_mut(data.b as usize)?;
        let target = range(dst, len, memory.bytes.len())?;
        memory.bytes[target].copy_from_slice(&bytes[source]);
        Some(())
    }

    fn table_copy(&mut self, data: Instr, [dst, src, len]: [u64; 3]) -> Option<()> {
        let (to, from) = (data.a as usize, data.b as usize);
        let target = range(dst, len, self.store.tables.get(to)?.elements.len())?;
        let source = range(src, len, self.store.tables.get(from)?.elements.len())?;
        if to == from {
            self.store.tables[to].elements.copy_within(source, target.start);
            return Some(());
        }
        let [to, from] = self.store.tables.get_disjoint_mut([to, from]).ok()?;
        to.elements[target].copy_from_slice(&from.elements[source]);
        Some(())
    }

    fn table_init(&mut self, data: Instr, [dst, src, len]: [u64; 3]) -> Option<()> {
        let items = self.store.elements.get(data.a as usize)?;
        let source = range(src, len, items.len())?;
        let table = self.store.tables.get_mut(data.b as usize)?;
        let target = range(dst, len, table.elements.len())?;
        table.elements[target].copy_from_slice(&items[source]);
        Some(())
    }

    /// Replaces the top frame by one of another function, with arguments from slot `at` on.
    fn replace(&mut self, func: u32, at: usize, visitor: &mut impl Visitor) -> Result<()> {
        let Some(frame) = self.frames.pop() else { return Err(too_deep()) };
        self.move_arguments(func, at, frame.fp)?;
        self.enter(func, frame.fp)?;
        self.tell_call(visitor, func, frame.fp, true);
        Ok(())
    }

    fn move_arguments(&mut self, func: u32, from: usize, to: usize) -> Result<()> {
        let params = self.store.func_ty(func).map(|ty| ty.params.iter().map(|ty| ty.slots() as usize).sum());
        let len: usize = params.unwrap_or(0);
        self.reserve(from + len)?;
        self.stack.copy_within(from..from + len, to);
        Ok(())
    }

    fn call(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let fp = self.frames.last().map_or(0, |frame| frame.fp);
        let at = fp + instr.a as usize;
        let is_tail = instr.code != Code::CallImport;
        self.told(visitor, instr.n, &[], &[], 1);
        if instr.code == Code::ReturnCall {
            return match self.check.decisions.takes(true) {
                Taken::No => Err(self.wrong(true)),
                Taken::Last if self.is_cut_after_decision() => {
                    self.end(CUT, None, visitor)?;
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
    fn go(&mut self, func: u32, at: usize, is_tail: bool, visitor: &mut impl Visitor) -> Result<bool> {
        let key = self.store.funcs[func as usize].key;
        self.check.callee(key)?;
        if self.check.decisions.is_at_end() {
            if self.is_cut_after_decision() {
                self.end(CUT, None, visitor)?;
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
            (None, false) => self.host_call(func, at, visitor).map(|()| true),
            (None, true) => {
                let Some(frame) = self.frames.pop() else { return Err(too_deep()) };
                self.move_arguments(func, at, frame.fp)?;
                self.host_call(func, frame.fp, visitor).map(|()| true)
            }
        }
    }

    fn call_indirect(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
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
        self.told(visitor, instr.n, &[index], &[], 1);
        let is_tail = instr.code == Code::ReturnCallIndirect;
        self.go(func, frame.fp + instr.a as usize, is_tail, visitor)
    }
}

/// Whether the result of a growth says that there was none, in either index type.
fn is_refusal(result: u64) -> bool {
    result == u64::MAX || result == u64::from(u32::MAX)
}

fn range(start: u64, len: u64, bound: usize) -> Option<std::ops::Range<usize>> {
    let end = start.checked_add(len).filter(|&end| end <= bound as u64)?;
    Some(start as usize..end as usize)
}
