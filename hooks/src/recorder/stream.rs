//! The layout of the decision stream, for all who write it or read it.
//!
//! A word holds its decisions below a sentinel bit, oldest first. A *target* is a decision that names a
//! function by its key, in one of three forms; the first bits say which:
//!
//! ```text
//! 0                     the key of the target before
//! 1 0 k k k k k k k k   a key below 256
//! 1 1 k … k (32 bits)   any key
//! ```
//!
//! Nothing here knows the engine: a reader of traces needs this file only. What is pushed when is
//! `docs/trace-stream.md`.

/// Most decisions that a word holds, in bits.
pub const WORD_BITS: u32 = 63;
/// Widest field, in bits: a target with any key.
pub const MAX_FIELD_BITS: u32 = LONG_BITS;

const REPEAT_BITS: u32 = 1;
const SHORT_BITS: u32 = 2 + 8;
const LONG_BITS: u32 = 2 + 32;
const SHORT_FORM: u64 = 0b10;
const LONG_FORM: u64 = 0b11;

/// The decisions in a word, in bits. The word 0 has no sentinel and none.
#[inline(always)]
pub const fn decisions_in(word: u64) -> u32 {
    WORD_BITS.saturating_sub(word.leading_zeros())
}

/// Width of the index of a `br_table` with so many labels, the default included; at least 2.
#[inline(always)]
pub const fn index_bits(labels: u32) -> u32 {
    u32::BITS - (labels - 1).leading_zeros()
}

/// Hands `push` the field for a target: value and width. `last` is the key of the target before.
///
/// PERF: a closure, so that the width is a constant in each of the three places where it is inlined.
#[inline(always)]
pub fn write_target<T>(key: u32, last: u32, push: impl FnOnce(u64, u32) -> T) -> T {
    match key {
        _ if key == last => push(0, REPEAT_BITS),
        0..256 => push(SHORT_FORM << 8 | u64::from(key), SHORT_BITS),
        _ => push(LONG_FORM << 32 | u64::from(key), LONG_BITS),
    }
}

/// Width of the target that begins with the highest bit of `bits`.
#[inline(always)]
pub const fn target_bits(bits: u64) -> u32 {
    match bits >> 62 {
        SHORT_FORM => SHORT_BITS,
        LONG_FORM => LONG_BITS,
        _ => REPEAT_BITS,
    }
}

/// The key in the field of a target, its form included. `last` is the key of the target before.
#[inline(always)]
pub const fn read_target(field: u64, last: u32) -> u32 {
    match field {
        0 => last,
        // A short key with its form has ten bits; longer fields are those of long keys.
        1..0x400 => (field & 0xff) as u32,
        _ => field as u32,
    }
}
