//! Bytes, and hashes of them, as hexadecimal digits.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Two small letters or digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

/// So many bytes from twice as many digits, and nothing else.
pub(crate) fn parse<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| (digit as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

/// The bytes of all digits of a text; `None` if anything else is in it.
pub(crate) fn bytes(text: &[u8]) -> Option<Vec<u8>> {
    let bytes = leading(text);
    (2 * bytes.len() == text.len()).then_some(bytes)
}

/// The bytes of the digits of a text, up to the first byte that is no digit.
pub(crate) fn leading(text: &[u8]) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let (pairs, _) = text.as_chunks::<2>();
    pairs.iter().map_while(|&[high, low]| Some((digit(high)? << 4 | digit(low)?) as u8)).collect()
}

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_back_and_nothing_else_is_taken() {
        assert_eq!(parse(&hex(&[0, 0x9f, 0xff])), Some([0, 0x9f, 0xff]));
        for wrong in ["", "0", "00", "0000000", "+f0000", "00 000", "gg0000", "é0000"] {
            assert_eq!(parse::<3>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn bytes_are_those_of_all_digits_and_leading_ones_those_before_the_first_that_is_none() {
        for (text, all, first) in [
            ("", Some(&[][..]), &[][..]),
            ("0fA0", Some(&[0x0f, 0xa0]), &[0x0f, 0xa0]),
            ("0fa", None, &[0x0f]),
            ("0f-a00", None, &[0x0f]),
        ] {
            assert_eq!(bytes(text.as_bytes()).as_deref(), all, "{text}");
            assert_eq!(leading(text.as_bytes()), first, "{text}");
        }
    }
}
