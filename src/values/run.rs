//! The loop: executes instructions of one frame after another and checks each decision.
//!
//! PERF: one `match` on a small instruction; what is rare (bulk, tables, growth, calls of the host) leaves
//! the loop and comes back. With a visitor that asks for nothing, what it is told is compiled away.

mod atomic;
mod bulk;
mod calls;
mod exits;
mod objects;
mod rare;
mod references;
mod tell;
mod throw;
mod traps;
mod vectors;

use wasmi_core::wasm;

use crate::{
    module::FuncIndex,
    trace::{Trap, recorded::Taken},
};

use self::exits::{Exit, Next};
use self::tell::{Who, tell_branch, tell_copy, tell_far};
use self::traps::{to_trap, wrong_label};
use super::code::{AFTER, Body, Code, IF, OWN};
use super::error::ValuesErrorKind;
use super::machine::{Frame, Machine, Result};
use super::slot::{Slot, binary, immediate, try_binary, try_unary, unary};
use super::table::for_each_scalar;
use super::vector;
use super::visitor::{Access, Touched, Visitor};

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
                        // What was computed, or a trap.
                        macro_rules! tried {
                            ($done:expr, $operands:expr) => {
                                match $done {
                                    Ok(value) => value,
                                    Err(code) => trap!($operands, to_trap(code)),
                                }
                            };
                        }
                        // A value is put into its slot.
                        macro_rules! put {
                            ($from:expr, $operands:expr, $value:expr) => {{
                                let value = $value;
                                slot!(instr.a) = value;
                                moved!($from, Some(instr.a), $operands, &[value]);
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
                        // What a vector operator gives, with its operands.
                        macro_rules! vectored {
                            ($done:expr) => {{
                                let (operands, value) = some!($done);
                                let value = put_pair!(instr.a, value);
                                own!(&operands, &value);
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
                                let loaded = wasm::$f(memory, address, instr.c.into());
                                let value = tried!(loaded, &[address]).to_slot();
                                slot!(instr.a) = value;
                                let touched = Touched::Memory(accessed!(address, $len, false));
                                told!(&[instr.b], Some(instr.a), touched, &[address], &[value]);
                            }};
                        }
                        macro_rules! store {
                            ($f:ident, $ty:ty, $len:expr) => {{
                                let (address, value) = (slot!(instr.a), slot!(instr.b));
                                let stored = wasm::$f(memory, address, instr.c.into(), value as $ty);
                                tried!(stored, &[address, value]);
                                let access = accessed!(address, $len, true);
                                let (touched, from) = (Touched::Memory(access), &[instr.a, instr.b]);
                                if !V::WRITES {
                                    told!(from, None, touched, &[address, value], &[]);
                                } else if !skips!(from, None, touched) {
                                    access!(access);
                                    visitor.written(count, near_of, memory, access.address, $len);
                                    own!(&[address, value], &[]);
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
                                put!(&[instr.b], &[a], unary(wasm::$un_f, a));
                            })*
                            $(Code::$ut => {
                                let a = slot!(instr.b);
                                put!(&[instr.b], &[a], tried!(try_unary(wasm::$ut_f, a), &[a]));
                            })*
                            $(Code::$bi => {
                                let (l, r) = (slot!(instr.b), slot!(instr.c));
                                put!(&[instr.b, instr.c], &[l, r], binary(wasm::$bi_f, l, r));
                            }
                            Code::$bi_i => {
                                let (l, r) = (slot!(instr.b), immediate(wasm::$bi_f, instr.c));
                                put!(&[instr.b], &[l, r], binary(wasm::$bi_f, l, r));
                            })*
                            $(Code::$bn => {
                                let (l, r) = (slot!(instr.b), slot!(instr.c));
                                put!(&[instr.b, instr.c], &[l, r], binary(wasm::$bn_f, l, r));
                            })*
                            $(Code::$bt => {
                                let (l, r) = (slot!(instr.b), slot!(instr.c));
                                let value = tried!(try_binary(wasm::$bt_f, l, r), &[l, r]);
                                put!(&[instr.b, instr.c], &[l, r], value);
                            })*
                            $(Code::$c => {
                                let (l, r) = (slot!(instr.b), slot!(instr.c));
                                put!(&[instr.b, instr.c], &[l, r], binary(wasm::$c_f, l, r));
                            }
                            Code::$c_i => {
                                let (l, r) = (slot!(instr.b), immediate(wasm::$c_f, instr.c));
                                put!(&[instr.b], &[l, r], binary(wasm::$c_f, l, r));
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
                            Code::VectorUnary => vectored!(vectors::unary(frame, instr)),
                            Code::VectorBinary => {
                                vectored!(vectors::binary(frame, instr, code[pc + 1]));
                                pc += 1;
                            }
                            Code::VectorTernary => {
                                vectored!(vectors::ternary(frame, instr, code[pc + 1]));
                                pc += 1;
                            }
                            Code::VectorShift => {
                                vectored!(vectors::shift(frame, instr, code[pc + 1]));
                                pc += 1;
                            }
                            Code::VectorTest => {
                                let (operands, value) = some!(vectors::test(frame, instr));
                                slot!(instr.a) = value;
                                own!(&operands, &[value]);
                            }
                            Code::VectorSplat => vectored!(vectors::splat(frame, instr)),
                            Code::VectorExtract => {
                                let (operands, value) = some!(vectors::extract(frame, instr, code[pc + 1]));
                                slot!(instr.a) = value;
                                own!(&operands, &[value]);
                                pc += 1;
                            }
                            Code::VectorReplace => {
                                vectored!(vectors::replace(frame, instr, code[pc + 1]));
                                pc += 1;
                            }
                            Code::VectorShuffle => {
                                let lanes = vectors::lanes(body, code[pc + 1]);
                                visitor.lanes(lanes);
                                vectored!(vectors::shuffle(frame, instr, lanes));
                                pc += 1;
                            }
                            Code::LoadFar if body.fars[instr.c as usize].memory == near_of => {
                                let far = body.fars[instr.c as usize];
                                let (operands, len) = vectors::to_load(&far, frame, instr, code[pc + 1]);
                                let ([address, low, high], operands) = (operands, &operands[..len]);
                                let old = [low, high];
                                let (opcode, offset) = (far.opcode, far.offset);
                                let loaded = vector::load(opcode, memory, address, offset, old, far.lane);
                                let value = some!(tried!(loaded, operands));
                                if V::MEMORY {
                                    tell_far(who, visitor, pc, &far, address, false);
                                }
                                let len = if vector::is_vector(opcode) { 2 } else { 1 };
                                let to = instr.a as usize;
                                frame[to..to + len].copy_from_slice(&value[..len]);
                                own!(operands, &value[..len]);
                                pc += 1;
                            }
                            Code::StoreFar if body.fars[instr.c as usize].memory == near_of => {
                                let far = body.fars[instr.c as usize];
                                let (operands, len) = vectors::to_store(&far, frame, instr);
                                let ([address, low, high], operands) = (operands, &operands[..len]);
                                let (opcode, offset, value) = (far.opcode, far.offset, [low, high]);
                                let stored = vector::store(opcode, memory, address, offset, value, far.lane);
                                some!(tried!(stored, operands));
                                if V::MEMORY {
                                    tell_far(who, visitor, pc, &far, address, true);
                                }
                                if V::WRITES {
                                    let at = address.wrapping_add(far.offset);
                                    visitor.written(count, near_of, memory, at, vector::width(opcode));
                                }
                                own!(operands, &[]);
                            }
                            Code::Wide4 | Code::Wide2 => {
                                let (operands, len, value) = some!(vectors::wide(frame, instr));
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
                                if let Some(kind) = wrong_label(decisions, table.width, label) {
                                    break 'run Exit::Failed(kind);
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
