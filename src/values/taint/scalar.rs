//! How labels go through operators on numbers, byte by byte.
//!
//! These are exact: moves, bit operations with known masks, shifts and rotations by known amounts, extension,
//! comparison (one byte), and which bytes a carry reaches. A byte of a sum depends on lower ones only if the
//! carry into it can differ. Operators that mix (division, floats) label each byte of the result that can be
//! other than zero.

use super::label::{Label, Labels};
use super::operation::Operation;

/// The labels of the bytes of a slot, the lowest first.
pub(super) type Word = [Label; 8];

pub(super) const CLEAN: Word = [Label::NONE; 8];

/// A value with its labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tainted {
    pub(super) value: u64,
    pub(super) word: Word,
}

/// A bit operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bitwise {
    And,
    Or,
    Xor,
    /// And with the complement of the second.
    AndNot,
}

pub(super) fn is_clean(word: &Word) -> bool {
    word.iter().all(|label| !label.is_some())
}

impl Tainted {
    fn byte(&self, index: usize) -> u8 {
        (self.value >> (8 * index)) as u8
    }

    /// The least and the greatest value when labelled bytes are anything, within `width` bytes.
    fn bounds(&self, width: usize) -> (u64, u64) {
        let (mut low, mut high) = (self.value & ones(width), self.value & ones(width));
        for (index, label) in self.word.iter().enumerate().take(width) {
            if label.is_some() {
                low &= !(0xff << (8 * index));
                high |= 0xff << (8 * index);
            }
        }
        (low, high)
    }

    fn is_clean(&self) -> bool {
        is_clean(&self.word)
    }
}

/// All bits of so many bytes.
fn ones(width: usize) -> u64 {
    if width >= 8 { u64::MAX } else { (1 << (8 * width)) - 1 }
}

/// The union of the first `width` labels.
pub(super) fn all(labels: &mut Labels, word: &Word, width: usize) -> Label {
    word[..width].iter().fold(Label::NONE, |sum, &label| labels.union(sum, label))
}

/// `label` for each byte of a result that is at most `most`.
fn up_to(label: Label, most: u64, width: usize) -> Word {
    let mut word = CLEAN;
    let bytes = (64 - most.leading_zeros() as usize).div_ceil(8).min(width);
    word[..bytes].fill(label);
    word
}

pub(super) fn bitwise(labels: &mut Labels, how: Bitwise, a: &Tainted, b: &Tainted, width: usize) -> Word {
    let mut word = CLEAN;
    for (index, byte) in word.iter_mut().enumerate().take(width) {
        *byte = bit_byte(labels, how, (a.byte(index), a.word[index]), (b.byte(index), b.word[index]));
    }
    word
}

/// One byte of a bit operation: a byte without label may decide the result, or leave it as it is.
pub(super) fn bit_byte(labels: &mut Labels, how: Bitwise, a: (u8, Label), b: (u8, Label)) -> Label {
    let step = match how {
        Bitwise::And | Bitwise::AndNot => Operation::And,
        Bitwise::Or => Operation::Or,
        Bitwise::Xor => Operation::Xor,
    };
    // The effect of the byte without label, seen from the other: it decides, it changes nothing, or neither.
    let (known, label) = match (a.1.is_some(), b.1.is_some()) {
        (false, false) => return Label::NONE,
        (true, true) => return labels.join(a.1, b.1, step),
        (true, false) if how == Bitwise::AndNot => (!b.0, a.1),
        (true, false) => (b.0, a.1),
        (false, true) => (a.0, b.1),
    };
    match (how, known) {
        (Bitwise::And | Bitwise::AndNot, 0) | (Bitwise::Or, 0xff) => Label::NONE,
        (Bitwise::And, 0xff) | (Bitwise::Or | Bitwise::Xor, 0) => label,
        (Bitwise::AndNot, 0xff) if a.1.is_some() => label,
        _ => labels.step(label, step),
    }
}

/// A sum, or a difference.
pub(super) fn add(labels: &mut Labels, a: &Tainted, b: &Tainted, width: usize, is_sub: bool) -> Word {
    let (mut word, mut below) = (CLEAN, Label::NONE);
    let ((a_low, a_high), (b_low, b_high)) = (a.bounds(width), b.bounds(width));
    let carry = |a: u64, b: u64, index: usize| {
        let part = ones(index);
        match is_sub {
            false => index > 0 && u128::from(a & part) + u128::from(b & part) > u128::from(part),
            true => index > 0 && a & part < b & part,
        }
    };
    for (index, byte) in word.iter_mut().enumerate().take(width) {
        let (least, most) = match is_sub {
            false => (carry(a_low, b_low, index), carry(a_high, b_high, index)),
            true => (carry(a_high, b_low, index), carry(a_low, b_high, index)),
        };
        let (left, right) = (a.word[index], b.word[index]);
        let changes = least || most || right.is_some() || b.byte(index) != 0;
        // Nothing is added to it: it is moved.
        let own = match (left.is_some(), right.is_some()) {
            (true, false) if !changes => left,
            (false, true) if !is_sub && !least && !most && a.byte(index) == 0 => right,
            _ => labels.join(left, right, Operation::Add),
        };
        *byte = if least == most {
            own
        } else {
            let carried = labels.step(below, Operation::Add);
            labels.union(own, carried)
        };
        let both = labels.union(left, right);
        below = labels.union(below, both);
    }
    word
}

pub(super) fn multiply(labels: &mut Labels, a: &Tainted, b: &Tainted, width: usize) -> Word {
    for (known, other) in [(a, b), (b, a)] {
        if known.is_clean() {
            let value = known.value & ones(width);
            match value {
                0 => return CLEAN,
                value if value.is_power_of_two() => {
                    return shift_left(labels, &other.word, value.trailing_zeros(), width);
                }
                _ => {}
            }
        }
    }
    let ((_, a_high), (_, b_high)) = (a.bounds(width), b.bounds(width));
    let most = u128::from(a_high) * u128::from(b_high);
    let zeros = |tainted: &Tainted| {
        let known = if tainted.is_clean() { tainted.value.trailing_zeros() } else { 0 };
        known.min(64) as usize
    };
    let zeros = zeros(a) + zeros(b);
    let (mut word, mut sum) = (CLEAN, Label::NONE);
    let mut next = 0;
    for (index, byte) in word.iter_mut().enumerate().take(width) {
        // Of the byte at `next`, the lowest bit comes to bit `8 * next + zeros`.
        while next < width && 8 * next + zeros < 8 * (index + 1) {
            let both = labels.union(a.word[next], b.word[next]);
            let both = labels.step(both, Operation::Multiply);
            sum = labels.union(sum, both);
            next += 1;
        }
        if most >> (8 * index) != 0 {
            *byte = sum;
        }
    }
    word
}

/// Division and remainder, with or without sign.
pub(super) fn divide(
    labels: &mut Labels,
    a: &Tainted,
    b: &Tainted,
    width: usize,
    is_remainder: bool,
    is_signed: bool,
) -> Word {
    let ((_, a_high), (b_low, b_high)) = (a.bounds(width), b.bounds(width));
    let is_power = b.is_clean() && (b.value & ones(width)).is_power_of_two();
    // A value whose sign bit is surely clear is divided as if it had none.
    let is_signed = is_signed && (a_high | b_high) >> (8 * width - 1) & 1 != 0;
    if is_power && !is_signed {
        return match is_remainder {
            true => {
                let mask = Tainted { value: (b.value & ones(width)) - 1, word: CLEAN };
                bitwise(labels, Bitwise::And, a, &mask, width)
            }
            false => shift_right(labels, &a.word, (b.value & ones(width)).trailing_zeros(), width, false),
        };
    }
    let (left, right) = (all(labels, &a.word, width), all(labels, &b.word, width));
    let label = labels.join(left, right, Operation::Divide);
    let most = match (is_signed, is_remainder) {
        (true, _) => u64::MAX,
        (false, true) => a_high.min(b_high.saturating_sub(1)),
        (false, false) => a_high / b_low.max(1),
    };
    up_to(label, most, width)
}

fn part(labels: &mut Labels, low: Label, high: Label, is_whole: bool, step: Operation) -> Label {
    if is_whole { low } else { labels.join(low, high, step) }
}

pub(super) fn shift_left(labels: &mut Labels, word: &Word, by: u32, width: usize) -> Word {
    let by = by as usize % (8 * width);
    let (bytes, is_whole) = (by / 8, by.is_multiple_of(8));
    let mut shifted = CLEAN;
    for index in bytes..width {
        let below = if index > bytes { word[index - bytes - 1] } else { Label::NONE };
        shifted[index] = part(labels, word[index - bytes], below, is_whole, Operation::Shift);
    }
    shifted
}

pub(super) fn shift_right(labels: &mut Labels, word: &Word, by: u32, width: usize, is_signed: bool) -> Word {
    let by = by as usize % (8 * width);
    let (bytes, is_whole) = (by / 8, by.is_multiple_of(8));
    let sign = if is_signed { word[width - 1] } else { Label::NONE };
    let mut shifted = CLEAN;
    for (index, byte) in shifted.iter_mut().enumerate().take(width) {
        let at = |place: usize| if place < width { word[place] } else { sign };
        *byte = part(labels, at(index + bytes), at(index + bytes + 1), is_whole, Operation::Shift);
    }
    shifted
}

pub(super) fn rotate_left(labels: &mut Labels, word: &Word, by: u32, width: usize) -> Word {
    let by = by as usize % (8 * width);
    let (bytes, is_whole) = (by / 8, by.is_multiple_of(8));
    let mut rotated = CLEAN;
    for (index, byte) in rotated.iter_mut().enumerate().take(width) {
        let at = |back: usize| word[(index + 2 * width - back) % width];
        *byte = part(labels, at(bytes), at(bytes + 1), is_whole, Operation::Rotate);
    }
    rotated
}

/// A shift or rotation whose amount, of which only the lowest byte counts, is labelled: each byte depends on
/// all.
pub(super) fn by_unknown(labels: &mut Labels, word: &Word, by: &Word, width: usize, step: Operation) -> Word {
    let value = all(labels, word, width);
    up_to(labels.join(value, by[0], step), u64::MAX, width)
}

/// Each byte of the result depends on each of the operands.
pub(super) fn mix(labels: &mut Labels, operands: &[(Word, usize)], result: usize, step: Operation) -> Word {
    let mut label = Label::NONE;
    for (word, width) in operands {
        let one = all(labels, word, *width);
        label = labels.union(label, one);
    }
    up_to(labels.step(label, step), u64::MAX, result)
}

/// A result of one byte that depends on all.
pub(super) fn to_byte(labels: &mut Labels, operands: &[(Word, usize)], step: Operation) -> Word {
    mix(labels, operands, 1, step)
}

/// The first `from` bytes, the others as the sign says or zero.
pub(super) fn extend(word: &Word, from: usize, width: usize, is_signed: bool) -> Word {
    let mut extended = CLEAN;
    extended[..from].copy_from_slice(&word[..from]);
    if is_signed {
        extended[from..width].fill(word[from - 1]);
    }
    extended
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value whose bytes with a digit in `shape` are labelled as that source byte, the highest first.
    fn tainted(value: u64, shape: &str) -> Tainted {
        let mut word = CLEAN;
        for (index, digit) in shape.chars().rev().enumerate() {
            if let Some(number) = digit.to_digit(10) {
                word[index] = Labels::byte(number);
            }
        }
        Tainted { value, word }
    }

    /// The source bytes of each byte of `word`, the highest first.
    fn shown(labels: &Labels, word: &Word, width: usize) -> String {
        let bytes = word[..width].iter().rev().map(|&label| {
            let ranges = labels.ranges(&[labels.node(label).value]);
            let text: String =
                ranges.iter().flat_map(|&(start, end)| start..end).map(|number| number.to_string()).collect();
            if text.is_empty() { "-".to_owned() } else { text }
        });
        bytes.collect::<Vec<_>>().join(" ")
    }

    type Rule = fn(&mut Labels, &Tainted, &Tainted) -> Word;

    #[test]
    fn known_answers_of_each_class() {
        type Operand = (u64, &'static str);
        let rows: &[(&str, Rule, Operand, Operand, &str)] = &[
            ("and 0xff00", |l, a, b| bitwise(l, Bitwise::And, a, b, 4), (0, "3210"), (0xff00, ""), "- - 1 -"),
            ("or 0xff", |l, a, b| bitwise(l, Bitwise::Or, a, b, 4), (0, "3210"), (0xff, ""), "3 2 1 -"),
            (
                "xor both",
                |l, a, b| bitwise(l, Bitwise::Xor, a, b, 4),
                (0, "3210"),
                (0, "7654"),
                "37 26 15 04",
            ),
            ("andnot", |l, a, b| bitwise(l, Bitwise::AndNot, a, b, 4), (0, "3210"), (0xff, ""), "3 2 1 -"),
            ("a byte and 1: the carry", |l, a, b| add(l, a, b, 4, false), (5, "---0"), (1, ""), "- - 0 0"),
            ("a byte and 0x100", |l, a, b| add(l, a, b, 4, false), (5, "---0"), (0x100, ""), "- - - 0"),
            ("a byte at 0x100", |l, a, b| add(l, a, b, 4, false), (0x500, "--1-"), (7, ""), "- - 1 -"),
            (
                "two bytes: one of carry",
                |l, a, b| add(l, a, b, 4, false),
                (0, "---0"),
                (0, "---1"),
                "- - 01 01",
            ),
            ("less 1: the borrow", |l, a, b| add(l, a, b, 4, true), (5, "---0"), (1, ""), "0 0 0 0"),
            ("0x10000 less a byte", |l, a, b| add(l, a, b, 4, true), (0x10000, ""), (5, "---0"), "- 0 0 0"),
            ("times 0", |l, a, b| multiply(l, a, b, 4), (9, "3210"), (0, ""), "- - - -"),
            ("times 256", |l, a, b| multiply(l, a, b, 4), (9, "3210"), (256, ""), "2 1 0 -"),
            ("a byte times 3", |l, a, b| multiply(l, a, b, 4), (9, "---0"), (3, ""), "- - 0 0"),
            ("times 0x300", |l, a, b| multiply(l, a, b, 4), (9, "3210"), (0x300, ""), "012 01 0 -"),
            ("through 16", |l, a, b| divide(l, a, b, 4, false, false), (9, "--10"), (16, ""), "- - 1 01"),
            ("modulo 256", |l, a, b| divide(l, a, b, 4, true, false), (9, "3210"), (256, ""), "- - - 0"),
            ("modulo 10", |l, a, b| divide(l, a, b, 4, true, false), (9, "3210"), (10, ""), "- - - 0123"),
            (
                "signed through 16",
                |l, a, b| divide(l, a, b, 4, false, true),
                (9, "--10"),
                (16, ""),
                "- - 1 01",
            ),
            (
                "modulo a byte",
                |l, a, b| divide(l, a, b, 4, true, false),
                (9, "3210"),
                (3, "---5"),
                "- - - 01235",
            ),
            ("shl 8", |l, a, _| shift_left(l, &a.word, 8, 4), (0, "3210"), (0, ""), "2 1 0 -"),
            ("shl 4", |l, a, _| shift_left(l, &a.word, 4, 4), (0, "3210"), (0, ""), "23 12 01 0"),
            ("shl 36 of 32", |l, a, _| shift_left(l, &a.word, 36, 4), (0, "3210"), (0, ""), "23 12 01 0"),
            ("shr_u 12", |l, a, _| shift_right(l, &a.word, 12, 4, false), (0, "3210"), (0, ""), "- 3 23 12"),
            ("shr_s 24", |l, a, _| shift_right(l, &a.word, 24, 4, true), (0, "3210"), (0, ""), "3 3 3 3"),
            ("rotl 8", |l, a, _| rotate_left(l, &a.word, 8, 4), (0, "3210"), (0, ""), "2 1 0 3"),
            ("rotl 3", |l, a, _| rotate_left(l, &a.word, 3, 4), (0, "3210"), (0, ""), "23 12 01 03"),
            (
                "shl by a byte",
                |l, a, b| by_unknown(l, &a.word, &b.word, 4, Operation::Shift),
                (0, "---0"),
                (0, "---1"),
                "01 01 01 01",
            ),
            ("extend8_s", |_, a, _| extend(&a.word, 1, 4, true), (0, "3210"), (0, ""), "0 0 0 0"),
            ("extend_i32_u", |_, a, _| extend(&a.word, 2, 4, false), (0, "3210"), (0, ""), "- - 1 0"),
            (
                "compare",
                |l, a, b| to_byte(l, &[(a.word, 4), (b.word, 4)], Operation::Compare),
                (0, "3210"),
                (0, "---5"),
                "- - - 01235",
            ),
            (
                "floats",
                |l, a, b| mix(l, &[(a.word, 4), (b.word, 4)], 4, Operation::Float),
                (0, "3210"),
                (0, "---5"),
                "01235 01235 01235 01235",
            ),
        ];
        for (name, rule, a, b, expected) in rows {
            let mut labels = Labels::default();
            labels.new_bytes(10);
            let word = rule(&mut labels, &tainted(a.0, a.1), &tainted(b.0, b.1));
            assert_eq!(shown(&labels, &word, 4), *expected, "{name}");
        }
    }
}
