//! Vector operators on the slots of a frame: each gives its operands and its result, or `None` for code that
//! nobody knows.
//!
//! PERF: they stand in the loop, as if they were written there.

use super::super::{
    code::{Body, Code, Far, Instr},
    vector::{self, from_v128, to_v128},
};
use crate::module::Opcode;

type Pair = [u64; 2];

#[inline(always)]
fn pair(frame: &[u64], slot: u32) -> Pair {
    [frame[slot as usize], frame[slot as usize + 1]]
}

#[inline(always)]
fn opcode(number: u32) -> Opcode {
    Opcode::ALL.get(number as usize).copied().unwrap_or(Opcode::Nop)
}

#[inline(always)]
pub(super) fn unary(frame: &[u64], instr: Instr) -> Option<(Pair, Pair)> {
    let a = pair(frame, instr.b);
    Some((a, from_v128(vector::unary(opcode(instr.c), to_v128(a))?)))
}

#[inline(always)]
pub(super) fn binary(frame: &[u64], instr: Instr, data: Instr) -> Option<([u64; 4], Pair)> {
    let (a, b) = (pair(frame, instr.b), pair(frame, instr.c));
    let value = vector::binary(opcode(data.a), to_v128(a), to_v128(b))?;
    Some(([a[0], a[1], b[0], b[1]], from_v128(value)))
}

#[inline(always)]
pub(super) fn ternary(frame: &[u64], instr: Instr, data: Instr) -> Option<([u64; 6], Pair)> {
    let (a, b, c) = (pair(frame, instr.b), pair(frame, instr.c), pair(frame, data.b));
    let value = vector::ternary(opcode(data.a), to_v128(a), to_v128(b), to_v128(c))?;
    Some(([a[0], a[1], b[0], b[1], c[0], c[1]], from_v128(value)))
}

#[inline(always)]
pub(super) fn shift(frame: &[u64], instr: Instr, data: Instr) -> Option<([u64; 3], Pair)> {
    let (a, by) = (pair(frame, instr.b), frame[instr.c as usize]);
    let value = vector::shift(opcode(data.a), to_v128(a), by as u32)?;
    Some(([a[0], a[1], by], from_v128(value)))
}

#[inline(always)]
pub(super) fn test(frame: &[u64], instr: Instr) -> Option<(Pair, u64)> {
    let a = pair(frame, instr.b);
    Some((a, vector::test(opcode(instr.c), to_v128(a))?))
}

#[inline(always)]
pub(super) fn splat(frame: &[u64], instr: Instr) -> Option<([u64; 1], Pair)> {
    let a = frame[instr.b as usize];
    Some(([a], from_v128(vector::splat(opcode(instr.c), a)?)))
}

#[inline(always)]
pub(super) fn extract(frame: &[u64], instr: Instr, data: Instr) -> Option<(Pair, u64)> {
    let a = pair(frame, instr.b);
    Some((a, vector::extract(opcode(data.a), to_v128(a), data.b as u8)?))
}

#[inline(always)]
pub(super) fn replace(frame: &[u64], instr: Instr, data: Instr) -> Option<([u64; 3], Pair)> {
    let (a, b) = (pair(frame, instr.b), frame[instr.c as usize]);
    let value = vector::replace(opcode(data.a), to_v128(a), data.b as u8, b)?;
    Some(([a[0], a[1], b], from_v128(value)))
}

/// The lanes that a shuffle takes.
#[inline(always)]
pub(super) fn lanes(body: &Body, data: Instr) -> u128 {
    let lanes = body.wides[data.a as usize];
    u128::from(lanes[0]) | u128::from(lanes[1]) << 64
}

#[inline(always)]
pub(super) fn shuffle(frame: &[u64], instr: Instr, lanes: u128) -> Option<([u64; 4], Pair)> {
    let (a, b) = (pair(frame, instr.b), pair(frame, instr.c));
    let value = vector::shuffle(to_v128(a), to_v128(b), lanes)?;
    Some(([a[0], a[1], b[0], b[1]], from_v128(value)))
}

/// Arithmetic on pairs of slots; the operands are as many as the number beside them.
#[inline(always)]
pub(super) fn wide(frame: &[u64], instr: Instr) -> Option<([u64; 4], usize, Pair)> {
    let (from, len) = (instr.b as usize, if instr.code == Code::Wide4 { 4 } else { 2 });
    let mut operands = [0; 4];
    operands[..len].copy_from_slice(&frame[from..from + len]);
    Some((operands, len, vector::wide(opcode(instr.c), operands)?))
}

/// The operands of a load of another kind or memory, and how many they are. They are the address, and the
/// vector that a lane is loaded into.
#[inline(always)]
pub(super) fn to_load(far: &Far, frame: &[u64], instr: Instr, data: Instr) -> ([u64; 3], usize) {
    let is_lane = vector::takes_lane(far.opcode);
    let [low, high] = if is_lane { pair(frame, data.a) } else { [0; 2] };
    ([frame[instr.b as usize], low, high], if is_lane { 3 } else { 1 })
}

/// The operands of such a store, and how many they are: the address and the value.
#[inline(always)]
pub(super) fn to_store(far: &Far, frame: &[u64], instr: Instr) -> ([u64; 3], usize) {
    let (from, len) = (instr.b as usize, if vector::is_vector(far.opcode) { 2 } else { 1 });
    let mut value = [0; 2];
    value[..len].copy_from_slice(&frame[from..from + len]);
    ([frame[instr.a as usize], value[0], value[1]], 1 + len)
}
