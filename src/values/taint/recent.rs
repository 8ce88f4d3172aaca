//! What operators made of words lately: in a loop the same words meet again and again.
//!
//! The labels of a result follow from the operator, the labels of its operands, and something of the values
//! of those bytes that have none. (A byte that has a label may be anything.) A *signature* says which facts
//! of the values matter. For a sum, it is where a carry surely comes and where one may; for a bit operation,
//! which bytes decide. So a counter beside labelled bytes does not make every turn of a loop another one.

use super::brief::{Brief, Rule};
use super::limits::MAX_RECENT;
use super::places::Places;
use super::words::WordId;

/// The number of an opcode is below this.
const LOOKUP: u32 = 1 << 16;

/// An operator, the numbers of its operands' words, and the signature of their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    op: u32,
    a: WordId,
    b: WordId,
    signature: u64,
}

impl Key {
    pub(super) fn new(opcode: u16, a: WordId, b: WordId, signature: u64) -> Self {
        Self { op: opcode.into(), a, b, signature }
    }

    /// A load of what has word `data`, at an address of word `address`.
    pub(super) fn lookup(opcode: u16, data: WordId, address: WordId) -> Self {
        Self { op: LOOKUP | u32::from(opcode), a: data, b: address, signature: 0 }
    }

    #[inline(always)]
    fn hash(&self) -> u64 {
        let ids = u64::from(self.a.0) | u64::from(self.b.0) << 32;
        let hash = ids.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ (self.signature ^ u64::from(self.op) << 48).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
        (hash ^ hash >> 31) >> 20
    }
}

/// Results by key.
#[derive(Debug)]
pub(super) struct Recent(Places<(Key, WordId)>);

impl Default for Recent {
    fn default() -> Self {
        let none = Key { op: u32::MAX, a: WordId::CLEAN, b: WordId::CLEAN, signature: 0 };
        Self(Places::new((none, WordId::CLEAN), MAX_RECENT))
    }
}

impl Recent {
    #[inline(always)]
    pub(super) fn get(&self, key: &Key) -> Option<WordId> {
        let (known, result) = self.0.at(key.hash());
        (known == key).then_some(*result)
    }

    pub(super) fn put(&mut self, key: Key, result: WordId) {
        self.0.put(key.hash(), (key, result));
    }
}

/// A value, and all bits of its bytes that have labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Masked {
    pub(super) value: u64,
    pub(super) mask: u64,
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// The lowest bit of each byte that is not zero.
#[inline(always)]
fn not_zero(value: u64) -> u64 {
    let low = 0x7f * ONES;
    ((((value & low) + low) | value) >> 7) & ONES
}

fn ones(width: usize) -> u64 {
    if width >= 8 { u64::MAX } else { (1 << (8 * width)) - 1 }
}

/// How many bytes a value needs.
fn bytes(value: u128) -> u64 {
    u64::from((128 - value.leading_zeros()).div_ceil(8))
}

impl Masked {
    fn low(self, width: usize) -> u64 {
        self.value & ones(width) & !self.mask
    }

    fn high(self, width: usize) -> u64 {
        (self.value | self.mask) & ones(width)
    }
}

/// All that a rule takes from the values of its operands, in 64 bits. At least one of them has labels.
#[inline(always)]
pub(super) fn signature(brief: Brief, a: Masked, b: Masked) -> u64 {
    let width = usize::from(brief.width);
    // Of a bit operation: only where one of both has a label does the other decide.
    let known = (a.value & !a.mask & b.mask) | (b.value & !b.mask & a.mask);
    match brief.rule {
        Rule::Xor => not_zero(known),
        Rule::AndOr => not_zero(known) | not_zero(!known) << 1,
        Rule::Add => carries(a, b, width, false),
        Rule::Subtract => carries(a, b, width, true),
        Rule::Shift => amount(b, width),
        Rule::Multiply => product(a, b, width),
        Rule::Divide => quotient(a, b, brief),
        _ => 0,
    }
}

/// The carries into each byte that come in any case and those that may, and which bytes are not zero.
#[inline(always)]
fn carries(a: Masked, b: Masked, width: usize, is_sub: bool) -> u64 {
    let ((a_low, a_high), (b_low, b_high)) = ((a.low(width), a.high(width)), (b.low(width), b.high(width)));
    let (least, most) = match is_sub {
        false => (a_low ^ b_low ^ a_low.wrapping_add(b_low), a_high ^ b_high ^ a_high.wrapping_add(b_high)),
        true => (a_high ^ b_low ^ a_high.wrapping_sub(b_low), a_low ^ b_high ^ a_low.wrapping_sub(b_high)),
    };
    let clean = not_zero(b.value & !b.mask) << 2 | not_zero(a.value & !a.mask) << 3;
    least & ONES | (most & ONES) << 1 | clean
}

/// The bits that are shifted by, unless the byte that says so has a label.
fn amount(b: Masked, width: usize) -> u64 {
    if b.mask & 1 != 0 { u64::MAX } else { b.value % (8 * width as u64) }
}

#[inline(never)]
fn product(a: Masked, b: Masked, width: usize) -> u64 {
    let known = match (a.mask, b.mask) {
        (0, _) => Some(a.value),
        (_, 0) => Some(b.value),
        _ => None,
    };
    match known.map(|value| value & ones(width)) {
        Some(0) => return 1,
        Some(value) if value.is_power_of_two() => return 2 | u64::from(value.trailing_zeros()) << 8,
        _ => {}
    }
    let most = u128::from(a.high(width)) * u128::from(b.high(width));
    let zeros = known.map_or(0, |value| u64::from(value.trailing_zeros()));
    3 | zeros << 8 | bytes(most) << 16
}

#[inline(never)]
fn quotient(a: Masked, b: Masked, brief: Brief) -> u64 {
    let Brief { width, is_remainder, is_signed, .. } = brief;
    let width = usize::from(width);
    let (divisor, a_high, b_high) = (b.value & ones(width), a.high(width), b.high(width));
    let is_signed = is_signed && (a_high | b_high) >> (8 * width - 1) & 1 != 0;
    if b.mask == 0 && divisor.is_power_of_two() && !is_signed {
        return 1 | u64::from(divisor.trailing_zeros()) << 8;
    }
    let most = match (is_signed, is_remainder) {
        (true, _) => u64::MAX,
        (false, true) => a_high.min(b_high.saturating_sub(1)),
        (false, false) => a_high / b.low(width).max(1),
    };
    2 | bytes(most.into()) << 8
}
