//! The loop: executes instructions of one frame after another and checks each decision.
//!
//! PERF: one `match` on a small instruction; what is rare (bulk, tables, growth, calls of the host) leaves
//! the loop and comes back. With a visitor that asks for nothing, what it is told is compiled away.

mod atomic;
mod bulk;
mod calls;
mod exits;
mod rare;
mod tell;
mod throw;
mod traps;

use wasmi_core::{TrapCode, wasm};

use crate::{
    module::{FuncIndex, Opcode},
    trace::{Trap, recorded::Taken},
};

use self::exits::{Exit, Next};
use self::tell::{Who, tell_branch, tell_copy, tell_far};
use super::code::{AFTER, Body, Code, IF, OWN};
use super::error::ValuesErrorKind;
use super::machine::{Frame, Machine, Result};
use super::slot::{Slot, binary, immediate, try_binary, try_unary, unary};
use super::table::for_each_scalar;
use super::vector;
use super::visitor::{Access, Touched, Visitor};

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
            pub(super) fn wasm<V: Visitor, const PAUSES: bool>(&mut self, visitor: &mut V) -> Result<()> {
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
                    let pause = self.pause;
                    let mut pc = start;
                    let exit = 'run: loop {
                        let mut instr = code[pc];
                        let number = count;
                        macro_rules! slot { ($slot:expr) => { frame[$slot as usize] } }
                        macro_rules! pair {
                            ($slot:expr) => { [frame[$slot as usize], frame[$slot as usize + 1]] };
                        }
                        macro_rules! own {
                            ($operands:expr, $results:expr) => {{
                                if V::INSTRUCTIONS {
                                    who.own(visitor, pc, number, $operands, $results);
                                }
                                fused!($operands, $results);
                            }};
                        }
                        // As `own`, of what reads slots `from` and writes slot `to`.
                        macro_rules! moved {
                            ($from:expr, $to:expr, $operands:expr, $results:expr) => {
                                told!($from, $to, Touched::Frame, $operands, $results);
                            };
                        }
                        // As `moved`, of what touches more than its frame.
                        macro_rules! told {
                            ($from:expr, $to:expr, $touched:expr, $operands:expr, $results:expr) => {{
                                let touched = $touched;
                                if skips!($from, $to, touched) {
                                } else if V::SLOTTED {
                                    let fused = who.fused(pc, number, instr, instr.n);
                                    visitor.slotted(fused, ($from, $to), touched, ($operands, $results));
                                } else {
                                    if let Touched::Memory(access) = touched {
                                        access!(access);
                                    }
                                    own!($operands, $results);
                                }
                            }};
                        }
                        macro_rules! skips {
                            ($from:expr, $to:expr, $touched:expr) => {
                                V::SKIPS && visitor.skips($from, $to, $touched)
                            };
                        }
                        macro_rules! fused {
                            ($operands:expr, $results:expr) => {
                                if V::FUSED {
                                    visitor.fused(who.fused(pc, number, instr, instr.n), $operands, $results);
                                }
                            };
                        }
                        // A slot is put into another, or a constant.
                        macro_rules! copied {
                            ($value:expr, $from:expr) => {
                                if V::SLOTTED {
                                    let operands = if instr.has(OWN) { &$value[..] } else { &[] };
                                    told!($from, Some(instr.a), Touched::Frame, operands, $value);
                                } else if (V::INSTRUCTIONS || V::FUSED)
                                    && !skips!($from, Some(instr.a), Touched::Frame)
                                {
                                    tell_copy(who, visitor, pc, number, instr, $value);
                                }
                            };
                        }
                        macro_rules! trap {
                            ($operands:expr, $code:expr) => {{
                                if V::INSTRUCTIONS {
                                    who.own(visitor, pc, number, $operands, &[]);
                                }
                                if V::FUSED {
                                    let n = instr.n - u8::from(instr.has(AFTER));
                                    visitor.fused(who.fused(pc, number, instr, n), $operands, &[]);
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
                            ($from:expr, $l:expr, $r:expr, $taken:expr) => {{
                                if V::INSTRUCTIONS || V::FUSED {
                                    let held = u64::from($taken != instr.has(IF));
                                    moved!($from, None, &[$l, $r], &[held]);
                                }
                                branch!($taken, instr.c)
                            }};
                        }
                        // A branch on a value, which may be an `eqz` and a branch.
                        macro_rules! tested {
                            ($value:expr) => {{
                                if V::SLOTTED {
                                    let result = [u64::from($value == 0)];
                                    let results = if instr.has(AFTER) { &result[..] } else { &[] };
                                    moved!(&[instr.a], None, &[$value], results);
                                } else if (V::INSTRUCTIONS || V::FUSED)
                                    && !skips!(&[instr.a], None, Touched::Frame)
                                {
                                    tell_branch(who, visitor, pc, number, instr, $value);
                                }
                            }};
                        }
                        macro_rules! accessed {
                            ($address:expr, $len:expr, $is_write:expr) => {{
                                let address = u64::wrapping_add($address, instr.c.into());
                                Access { memory: near_of, address, len: $len, is_write: $is_write }
                            }};
                        }
                        macro_rules! access {
                            ($access:expr) => {
                                if V::MEMORY {
                                    visitor.access(who.function, who.op(pc), $access);
                                }
                            };
                        }
                        macro_rules! load {
                            ($f:ident, $len:expr) => {{
                                let address = slot!(instr.b);
                                match wasm::$f(memory, address, instr.c.into()) {
                                    Ok(value) => {
                                        let value = value.to_slot();
                                        slot!(instr.a) = value;
                                        let touched = Touched::Memory(accessed!(address, $len, false));
                                        told!(&[instr.b], Some(instr.a), touched, &[address], &[value]);
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
                                        let access = accessed!(address, $len, true);
                                        let touched = Touched::Memory(access);
                                        let from = &[instr.a, instr.b];
                                        if !V::WRITES {
                                            told!(from, None, touched, &[address, value], &[]);
                                        } else if !skips!(from, None, touched) {
                                            access!(access);
                                            visitor.written(count, near_of, memory, access.address, $len);
                                            own!(&[address, value], &[]);
                                        }
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
                                visitor.moved(way.from, way.to, way.len);
                                way.pc
                            }};
                        }
                        if PAUSES && count + u64::from(instr.n) > pause {
                            break 'run Exit::Pause;
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
                                moved!(&[instr.b], Some(instr.a), &[a], &[value]);
                            })*
                            $(Code::$ut => {
                                let a = slot!(instr.b);
                                match try_unary(wasm::$ut_f, a) {
                                    Ok(value) => {
                                        slot!(instr.a) = value;
                                        moved!(&[instr.b], Some(instr.a), &[a], &[value]);
                                    }
                                    Err(code) => trap!(&[a], to_trap(code)),
                                }
                            })*
                            $(Code::$bi => {
                                let (l, r) = (slot!(instr.b), slot!(instr.c));
                                let value = binary(wasm::$bi_f, l, r);
                                slot!(instr.a) = value;
                                moved!(&[instr.b, instr.c], Some(instr.a), &[l, r], &[value]);
                            }
                            Code::$bi_i => {
                                let (l, r) = (slot!(instr.b), immediate(wasm::$bi_f, instr.c));
                                let value = binary(wasm::$bi_f, l, r);
                                slot!(instr.a) = value;
                                moved!(&[instr.b], Some(instr.a), &[l, r], &[value]);
                            })*
                            $(Code::$bn => {
                                let (l, r) = (slot!(instr.b), slot!(instr.c));
                                let value = binary(wasm::$bn_f, l, r);
                                slot!(instr.a) = value;
                                moved!(&[instr.b, instr.c], Some(instr.a), &[l, r], &[value]);
                            })*
                            $(Code::$bt => {
                                let (l, r) = (slot!(instr.b), slot!(instr.c));
                                match try_binary(wasm::$bt_f, l, r) {
                                    Ok(value) => {
                                        slot!(instr.a) = value;
                                        moved!(&[instr.b, instr.c], Some(instr.a), &[l, r], &[value]);
                                    }
                                    Err(code) => trap!(&[l, r], to_trap(code)),
                                }
                            })*
                            $(Code::$c => {
                                let (l, r) = (slot!(instr.b), slot!(instr.c));
                                let value = binary(wasm::$c_f, l, r);
                                slot!(instr.a) = value;
                                moved!(&[instr.b, instr.c], Some(instr.a), &[l, r], &[value]);
                            }
                            Code::$c_i => {
                                let (l, r) = (slot!(instr.b), immediate(wasm::$c_f, instr.c));
                                let value = binary(wasm::$c_f, l, r);
                                slot!(instr.a) = value;
                                moved!(&[instr.b], Some(instr.a), &[l, r], &[value]);
                            }
                            Code::$c_b => {
                                let (l, r) = (slot!(instr.a), slot!(instr.b));
                                let taken = binary(wasm::$c_f, l, r) != 0;
                                compared!(&[instr.a, instr.b], l, r, taken)
                            }
                            Code::$c_bi => {
                                let (l, r) = (slot!(instr.a), immediate(wasm::$c_f, instr.b));
                                let taken = binary(wasm::$c_f, l, r) != 0;
                                compared!(&[instr.a], l, r, taken)
                            })*
                            Code::Cover => {
                                if !skips!(&[], None, Touched::Frame) {
                                    fused!(&[], &[]);
                                }
                            }
                            Code::Drop => {
                                let value = slot!(instr.a);
                                own!(&[value], &[]);
                            }
                            Code::DropWide => {
                                let value = pair!(instr.a);
                                own!(&value, &[]);
                            }
                            Code::Const => {
                                let value = u64::from(instr.b) | u64::from(instr.c) << 32;
                                slot!(instr.a) = value;
                                copied!(&[value], &[]);
                            }
                            Code::ConstWide => {
                                let value = put_pair!(instr.a, body.wides[instr.b as usize]);
                                own!(&[], &value);
                            }
                            Code::Copy => {
                                let value = slot!(instr.b);
                                slot!(instr.a) = value;
                                copied!(&[value], &[instr.b]);
                            }
                            Code::CopyWide => {
                                let value = put_pair!(instr.a, pair!(instr.b));
                                let from = [instr.b, instr.b + 1];
                                // Both slots are clean then.
                                let to = [instr.a, instr.a + 1];
                                if (V::INSTRUCTIONS || V::FUSED)
                                    && !to.iter().all(|to| skips!(&from, Some(*to), Touched::Frame))
                                {
                                    tell_copy(who, visitor, pc, number, instr, &value);
                                }
                            }
                            Code::Select => {
                                let condition = slot!(code[pc + 1].a);
                                let (a, b) = (slot!(instr.b), slot!(instr.c));
                                let value = if condition as u32 != 0 { a } else { b };
                                slot!(instr.a) = value;
                                let from = [instr.b, instr.c, code[pc + 1].a];
                                moved!(&from, Some(instr.a), &[a, b, condition], &[value]);
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
                                told!(&[], Some(instr.a), Touched::Global, &[], &[value]);
                            }
                            Code::GlobalSet => {
                                let value = slot!(instr.a);
                                globals[instr.b as usize][0] = value;
                                told!(&[instr.a], None, Touched::Global, &[value], &[]);
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
                                visitor.lanes(lanes);
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
                                        if V::WRITES {
                                            let at = address.wrapping_add(far.offset);
                                            visitor.written(count, near_of, memory, at, vector::width(opcode));
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
                            Code::RefIsNullWide => {
                                let a = pair!(instr.b);
                                let value = u64::from(a == [0; 2]);
                                slot!(instr.a) = value;
                                own!(&a, &[value]);
                            }
                            Code::Br => {
                                moved!(&[], None, &[], &[]);
                                pc = instr.c as usize;
                                continue 'run;
                            }
                            Code::BrLoop => {
                                moved!(&[], None, &[], &[]);
                                branch!(true, instr.c)
                            }
                            Code::BrMove => {
                                moved!(&[], None, &[], &[]);
                                pc = carry!(instr.c) as usize;
                                continue 'run;
                            }
                            Code::BrLoopMove => {
                                moved!(&[], None, &[], &[]);
                                branch!(true, carry!(instr.c))
                            }
                            Code::BrNonZero => {
                                let value = slot!(instr.a);
                                tested!(value);
                                branch!(value != 0, instr.c)
                            }
                            Code::BrZero => {
                                let value = slot!(instr.a);
                                tested!(value);
                                branch!(value == 0, instr.c)
                            }
                            Code::BrNonZeroMove => {
                                let value = slot!(instr.a);
                                moved!(&[instr.a], None, &[value], &[]);
                                let taken = value != 0;
                                branch!(taken, if taken { carry!(instr.c) } else { 0 })
                            }
                            Code::BrTable => {
                                let (table, index) = (body.tables[instr.b as usize], slot!(instr.a));
                                moved!(&[instr.a], None, &[index], &[]);
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
                            Code::Unsupported => trap!(&[], Trap::Unsupported),
                            Code::NotShared => trap!(&[], Trap::NotShared),
                            Code::Call => {
                                moved!(&[], None, &[], &[]);
                                break 'run Exit::Call(instr);
                            }
                            Code::Return => {
                                let from = instr.a as usize;
                                moved!(&[], None, &frame[from..from + instr.b as usize], &[]);
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
                    match self.exit(exit, fp, visitor)? {
                        Next::Out => return Ok(()),
                        Next::On { over } => over_break = over,
                    }
                }
            }
        }
    };
}
for_each_scalar!(define_run);
