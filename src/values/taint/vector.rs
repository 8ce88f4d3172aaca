//! How labels go through operators on vectors, lane by lane.

use super::class::{Shift, Vector};
use super::label::{Label, Labels};
use super::operation::Operation;
use super::scalar::{self, Bitwise, CLEAN, Tainted, Word};

/// The labels of the bytes of a vector.
pub(super) type Lanes = [Label; 16];

/// A vector with its labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wide {
    pub(super) bytes: [u8; 16],
    pub(super) lanes: Lanes,
}

impl Wide {
    pub(super) fn new(values: [u64; 2], words: [Word; 2]) -> Self {
        let (mut bytes, mut lanes) = ([0; 16], [Label::NONE; 16]);
        for half in 0..2 {
            bytes[8 * half..8 * half + 8].copy_from_slice(&values[half].to_le_bytes());
            lanes[8 * half..8 * half + 8].copy_from_slice(&words[half]);
        }
        Self { bytes, lanes }
    }

    /// A lane as a number.
    fn lane(&self, start: usize, width: usize) -> Tainted {
        let mut tainted = Tainted { value: 0, word: CLEAN };
        for index in 0..width {
            tainted.value |= u64::from(self.bytes[start + index]) << (8 * index);
            tainted.word[index] = self.lanes[start + index];
        }
        tainted
    }

    fn all(&self, labels: &mut Labels, start: usize, width: usize) -> Label {
        let lanes = &self.lanes[start..start + width];
        lanes.iter().fold(Label::NONE, |sum, &label| labels.union(sum, label))
    }
}

/// The two slots of a vector.
pub(super) fn slots(lanes: &Lanes) -> [Word; 2] {
    let mut words = [CLEAN; 2];
    words[0].copy_from_slice(&lanes[..8]);
    words[1].copy_from_slice(&lanes[8..]);
    words
}

/// What an operation takes besides its vectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    /// The scalar operand.
    pub(super) scalar: Tainted,
    /// The lane that is named.
    pub(super) index: usize,
    /// The lanes that a shuffle picks.
    pub(super) picks: u128,
}

/// The labels of a result: two slots, of a scalar the first.
pub(super) fn apply(labels: &mut Labels, how: Vector, operands: &[Wide], given: &Given) -> [Word; 2] {
    let [a, rest @ ..] = operands else { return splat(how, given) };
    let b = rest.first().unwrap_or(a);
    let lanes = match how {
        Vector::Extract { lane, is_signed } => {
            let start = (given.index * lane).min(16 - lane);
            let word = a.lane(start, lane).word;
            return [scalar::extend(&word, lane, lane.max(4), is_signed), CLEAN];
        }
        Vector::Test => {
            let all = a.all(labels, 0, 16);
            return [scalar::to_byte(labels, &[([all; 8], 1)], Operation::Compare), CLEAN];
        }
        Vector::Bitmask(lane) => return [bitmask(labels, a, lane), CLEAN],
        Vector::Splat(_) => return splat(how, given),
        Vector::Replace(_) | Vector::Shuffle | Vector::Swizzle => moved(labels, how, [a, b], given),
        Vector::Not | Vector::Bitwise(_) | Vector::Bitselect => bits(labels, how, operands, b),
        Vector::Shift(..) | Vector::Add { .. } | Vector::Lanes(..) => {
            arithmetic(labels, how, (operands, [a, b]), given)
        }
        Vector::Narrow(_) | Vector::Widen { .. } | Vector::Multiply { .. } | Vector::Convert { .. } => {
            resized(labels, how, a, b)
        }
    };
    slots(&lanes)
}

/// Lanes of so many bytes, each with the labels that `of` gives where it starts.
#[inline(always)]
fn by_lane(width: usize, mut of: impl FnMut(usize) -> Word) -> Lanes {
    let mut lanes = [Label::NONE; 16];
    for start in (0..16).step_by(width) {
        lanes[start..start + width].copy_from_slice(&of(start)[..width]);
    }
    lanes
}

/// What only puts bytes elsewhere.
#[inline]
fn moved(labels: &mut Labels, how: Vector, [a, b]: [&Wide; 2], given: &Given) -> Lanes {
    let mut lanes = a.lanes;
    match how {
        Vector::Replace(lane) => {
            let start = (given.index * lane).min(16 - lane);
            lanes[start..start + lane].copy_from_slice(&given.scalar.word[..lane]);
        }
        Vector::Shuffle => {
            let both: Vec<Label> = a.lanes.iter().chain(&b.lanes).copied().collect();
            for (label, pick) in lanes.iter_mut().zip(given.picks.to_le_bytes()) {
                *label = both[usize::from(pick) % 32];
            }
        }
        _ => swizzle(labels, a, b, &mut lanes),
    }
    lanes
}

/// What works bit by bit.
#[inline]
fn bits(labels: &mut Labels, how: Vector, operands: &[Wide], b: &Wide) -> Lanes {
    let mut lanes = [Label::NONE; 16];
    let Some(a) = operands.first() else { return lanes };
    match how {
        Vector::Not => lanes = a.lanes.map(|from| labels.step(from, Operation::Xor)),
        Vector::Bitwise(how) => {
            for (index, to) in lanes.iter_mut().enumerate() {
                let (left, right) = ((a.bytes[index], a.lanes[index]), (b.bytes[index], b.lanes[index]));
                *to = scalar::bit_byte(labels, how, left, right);
            }
        }
        _ => bitselect(labels, operands, &mut lanes),
    }
    lanes
}

/// What works on lanes of one width.
#[inline]
fn arithmetic(
    labels: &mut Labels,
    how: Vector,
    (operands, [a, b]): (&[Wide], [&Wide; 2]),
    given: &Given,
) -> Lanes {
    match how {
        Vector::Shift(shift, lane) => {
            by_lane(lane, |start| shifted(labels, shift, &a.lane(start, lane).word, &given.scalar, lane))
        }
        Vector::Add { lane, is_sub } => by_lane(lane, |start| {
            let (left, right) = (a.lane(start, lane), b.lane(start, lane));
            scalar::add(labels, &left, &right, lane, is_sub)
        }),
        Vector::Lanes(step, lane) => by_lane(lane, |start| {
            let label = operands.iter().fold(Label::NONE, |sum, operand| {
                let one = operand.all(labels, start, lane);
                labels.union(sum, one)
            });
            [labels.step(label, step); 8]
        }),
        _ => a.lanes,
    }
}

/// What makes lanes of another width.
#[inline]
fn resized(labels: &mut Labels, how: Vector, a: &Wide, b: &Wide) -> Lanes {
    let from = |start: usize, is_high: bool| start / 2 + if is_high { 8 } else { 0 };
    match how {
        Vector::Narrow(lane) => std::array::from_fn(|index| {
            let source = if index < 8 { a } else { b };
            let start = (index % 8) / lane * 2 * lane;
            let label = source.all(labels, start, 2 * lane);
            labels.step(label, Operation::Lanes)
        }),
        Vector::Widen { lane, is_high, is_signed } => by_lane(lane, |start| {
            let word = a.lane(from(start, is_high), lane / 2).word;
            scalar::extend(&word, lane / 2, lane, is_signed)
        }),
        Vector::Multiply { lane, is_high } => by_lane(lane, |start| {
            let from = from(start, is_high);
            let (left, right) = (a.all(labels, from, lane / 2), b.all(labels, from, lane / 2));
            [labels.join(left, right, Operation::Multiply); 8]
        }),
        Vector::Convert { from, to } => {
            let mut lanes = [Label::NONE; 16];
            for lane in 0..2 {
                let label = a.all(labels, lane * from, from);
                lanes[lane * to..(lane + 1) * to].fill(labels.step(label, Operation::Float));
            }
            lanes
        }
        _ => a.lanes,
    }
}

fn splat(how: Vector, given: &Given) -> [Word; 2] {
    let Vector::Splat(lane) = how else { return [CLEAN; 2] };
    let lanes: Lanes = std::array::from_fn(|index| given.scalar.word[index % lane]);
    slots(&lanes)
}

pub(super) fn shifted(labels: &mut Labels, shift: Shift, word: &Word, by: &Tainted, width: usize) -> Word {
    if by.word[0].is_some() {
        let step = if matches!(shift, Shift::RotateLeft | Shift::RotateRight) {
            Operation::Rotate
        } else {
            Operation::Shift
        };
        return scalar::by_unknown(labels, word, &by.word, width, step);
    }
    let by = by.value as u32;
    match shift {
        Shift::Left => scalar::shift_left(labels, word, by, width),
        Shift::Right => scalar::shift_right(labels, word, by, width, false),
        Shift::RightSigned => scalar::shift_right(labels, word, by, width, true),
        Shift::RotateLeft => scalar::rotate_left(labels, word, by, width),
        Shift::RotateRight => {
            let bits = 8 * width as u32;
            scalar::rotate_left(labels, word, bits - by % bits, width)
        }
    }
}

/// A bit of the result for each lane: its sign.
fn bitmask(labels: &mut Labels, a: &Wide, lane: usize) -> Word {
    let mut word = CLEAN;
    for number in 0..16 / lane {
        let sign = labels.step(a.lanes[(number + 1) * lane - 1], Operation::Compare);
        word[number / 8] = labels.union(word[number / 8], sign);
    }
    word
}

/// Bytes of the first vector, picked by those of the second.
fn swizzle(labels: &mut Labels, a: &Wide, b: &Wide, lanes: &mut Lanes) {
    for (index, to) in lanes.iter_mut().enumerate() {
        let (pick, label) = (usize::from(b.bytes[index]), b.lanes[index]);
        let data = a.lanes.get(pick).copied().unwrap_or(Label::NONE);
        *to = labels.lookup(data, label);
    }
}

/// Bits of the first vector where those of the third are set, else of the second.
fn bitselect(labels: &mut Labels, operands: &[Wide], lanes: &mut Lanes) {
    let [a, b, mask] = operands else { return };
    for (index, to) in lanes.iter_mut().enumerate() {
        let bits = (mask.bytes[index], mask.lanes[index]);
        let left = scalar::bit_byte(labels, Bitwise::And, (a.bytes[index], a.lanes[index]), bits);
        let right = scalar::bit_byte(labels, Bitwise::AndNot, (b.bytes[index], b.lanes[index]), bits);
        *to = labels.union(left, right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(first: u32, value: u8) -> Wide {
        Wide { bytes: [value; 16], lanes: std::array::from_fn(|index| Labels::byte(first + index as u32)) }
    }

    fn known(value: u8) -> Wide {
        Wide { bytes: [value; 16], lanes: [Label::NONE; 16] }
    }

    /// The source bytes of the bytes of a result.
    fn result(how: Vector, operands: &[Wide], given: &Given) -> Vec<Vec<u32>> {
        let mut labels = Labels::default();
        labels.new_bytes(64);
        let words = apply(&mut labels, how, operands, given);
        let sets = words.iter().flatten().map(|&label| {
            let node = labels.node(label);
            labels.ranges(&[node.value, node.address]).iter().flat_map(|&(start, end)| start..end).collect()
        });
        sets.collect()
    }

    #[test]
    fn known_answers_of_each_class() {
        let scalar = Tainted { value: 4, word: std::array::from_fn(|index| Labels::byte(40 + index as u32)) };
        let given = Given { scalar, index: 1, picks: 0x1f_1e };
        let fixed = Given { scalar: Tainted { value: 8, word: CLEAN }, ..given };
        let (a, b) = (wide(0, 7), wide(16, 3));
        type Row<'a> = (&'a str, Vector, &'a [Wide], &'a Given, usize, &'a [u32]);
        let rows: &[Row<'_>] = &[
            ("and 0", Vector::Bitwise(Bitwise::And), &[a, known(0)], &given, 5, &[]),
            ("and", Vector::Bitwise(Bitwise::And), &[a, b], &given, 5, &[5, 21]),
            ("not", Vector::Not, &[a], &given, 15, &[15]),
            ("bitselect by ones", Vector::Bitselect, &[a, b, known(0xff)], &given, 2, &[2]),
            ("bitselect by zeros", Vector::Bitselect, &[a, b, known(0)], &given, 2, &[18]),
            ("shuffle", Vector::Shuffle, &[a, b], &given, 1, &[31]),
            ("shuffle", Vector::Shuffle, &[a, b], &given, 2, &[0]),
            ("swizzle by 3", Vector::Swizzle, &[a, known(3)], &given, 9, &[3]),
            ("swizzle by bytes", Vector::Swizzle, &[known(1), b], &given, 9, &[25]),
            ("swizzle too far", Vector::Swizzle, &[a, known(77)], &given, 9, &[]),
            ("splat", Vector::Splat(2), &[], &given, 5, &[41]),
            ("extract lane 1", Vector::Extract { lane: 4, is_signed: false }, &[a], &given, 2, &[6]),
            ("extract, signed", Vector::Extract { lane: 1, is_signed: true }, &[a], &given, 3, &[1]),
            ("replace lane 1", Vector::Replace(4), &[a], &given, 5, &[41]),
            ("replace lane 1", Vector::Replace(4), &[a], &given, 3, &[3]),
            ("shl 8", Vector::Shift(Shift::Left, 2), &[a], &fixed, 3, &[2]),
            ("shl 8", Vector::Shift(Shift::Left, 2), &[a], &fixed, 2, &[]),
            ("shr by a byte", Vector::Shift(Shift::Right, 1), &[a], &given, 3, &[3, 40]),
            ("add", Vector::Add { lane: 1, is_sub: false }, &[a, b], &given, 3, &[3, 19]),
            ("add", Vector::Add { lane: 2, is_sub: false }, &[a, b], &given, 3, &[2, 3, 18, 19]),
            ("lanes", Vector::Lanes(Operation::Float, 4), &[a, b], &given, 6, &[4, 5, 6, 7, 20, 21, 22, 23]),
            ("narrow", Vector::Narrow(1), &[a, b], &given, 3, &[6, 7]),
            ("narrow", Vector::Narrow(2), &[a, b], &given, 9, &[16, 17, 18, 19]),
            ("widen", Vector::Widen { lane: 2, is_high: true, is_signed: false }, &[a], &given, 2, &[9]),
            ("widen", Vector::Widen { lane: 2, is_high: true, is_signed: false }, &[a], &given, 3, &[]),
            ("widen", Vector::Widen { lane: 4, is_high: false, is_signed: true }, &[a], &given, 7, &[3]),
            ("extmul", Vector::Multiply { lane: 2, is_high: false }, &[a, b], &given, 3, &[1, 17]),
            ("promote", Vector::Convert { from: 4, to: 8 }, &[a], &given, 9, &[4, 5, 6, 7]),
            ("demote", Vector::Convert { from: 8, to: 4 }, &[a], &given, 9, &[]),
            ("bitmask", Vector::Bitmask(8), &[a], &given, 0, &[7, 15]),
        ];
        for &(name, how, operands, given, byte, expected) in rows {
            assert_eq!(result(how, operands, given)[byte], expected, "{name}, byte {byte}");
        }
    }
}
