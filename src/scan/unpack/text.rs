//! Modules written down in text: base64 (data URLs too), hexadecimal, lists of numbers, string literals with escapes.
//!
//! A regular expression, which takes linear time, finds where one begins; a reader takes over from there and stops at the first byte that does
//! not belong. What comes out is looked at like any other file, so that a packed script within a data URL is entered too.

use std::{io, sync::LazyLock};

use base64::{Engine as _, alphabet, engine::general_purpose as engines};
use regex::bytes::Regex;

use super::{Cut, Unpacker};

/// Ways to write bytes down. The first of each pair is the name of the step; the pattern matches at most the first bytes of a module, except for
/// data URLs, whose kind of contents is not asked.
const KINDS: [(&str, &str, Reader); 4] = [
    // Beginnings of: a module, gzip with any flags, zip, zstd, xz. Then any data URL.
    ("base64", r"AGFzbQ|H4sI[A-H]|UEsDB|KLUv(?:[/_]|%2[Ff])|(?:[/_]|%2[Ff])Td6WFoA|;base64,", base64),
    ("hex", r"(?i)0061736d0[1d]000[01]00", hex),
    ("array", r"(?i)\b0(?:x0*)?\s*,\s*(?:0x0*61|97)\s*,\s*(?:0x0*73|115)\s*,\s*(?:0x0*6d|109)\s*,", array),
    (
        "string",
        r"(?i)\\(?:x00|u0000|0{1,3})(?:a|\\x61|\\u0061|\\141)(?:s|\\x73|\\u0073|\\163)(?:m|\\x6d|\\u006d|\\155)\\",
        string,
    ),
];

/// Reads bytes from where a pattern matched; gives them and how far it went.
type Reader = fn(&[u8]) -> (Vec<u8>, usize);

static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let patterns = KINDS.iter().map(|(_, pattern, _)| regex::bytes::RegexBuilder::new(pattern).unicode(false).build());
    patterns.filter_map(Result::ok).collect()
});

/// Fewer bytes than this are no module worth a sample.
const LEAST: usize = 9;

impl Unpacker<'_> {
    pub(super) fn text(&mut self, bytes: &[u8], from: usize) -> io::Result<()> {
        for ((kind, _, read), pattern) in KINDS.iter().zip(PATTERNS.iter()) {
            let mut at = from;
            while let Some(found) = bytes.get(at..).and_then(|rest| pattern.find(rest)) {
                let is_url = found.as_bytes().starts_with(b";");
                let start = at + if is_url { found.end() } else { found.start() };
                let (piece, len) = read(bytes.get(start..).unwrap_or_default());
                // Past the first byte of the pattern, at least; after a data URL without contents another may begin.
                at = (start + len).max(at + found.start() + 1);
                if piece.len() < LEAST {
                    continue;
                }
                if self.is_deep() {
                    self.cut(Cut::Depth, 1);
                } else if self.admit(piece.len() as u64) {
                    self.enter(format!("{kind}@{start}"), &piece)?;
                }
            }
        }
        Ok(())
    }
}

/// Both alphabets, with or without padding; the last bits may be anything.
fn engine(url_safe: bool) -> engines::GeneralPurpose {
    let config = engines::GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
    engines::GeneralPurpose::new(if url_safe { &alphabet::URL_SAFE } else { &alphabet::STANDARD }, config)
}

fn base64(text: &[u8]) -> (Vec<u8>, usize) {
    // Which alphabet it is, as soon as a digit tells; one of the other is no part of it.
    let (mut digits, mut at, mut url_safe) = (Vec::new(), 0, None);
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        let (digit, len) = match byte {
            // Percent encoding, as in a URL.
            b'%' if rest.get(1..3).is_some_and(|hex| hex.eq_ignore_ascii_case(b"2b")) => (b'+', 3),
            b'%' if rest.get(1..3).is_some_and(|hex| hex.eq_ignore_ascii_case(b"2f")) => (b'/', 3),
            byte => (byte, 1),
        };
        let is_digit = match digit {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => true,
            b'+' | b'/' => !*url_safe.get_or_insert(false),
            b'-' | b'_' => *url_safe.get_or_insert(true),
            _ => false,
        };
        if is_digit {
            digits.push(digit);
            at += len;
            continue;
        }
        match joint(rest) {
            0 => break,
            len => at += len,
        }
    }
    // A last digit alone says nothing.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    (engine(url_safe == Some(true)).decode(&digits).unwrap_or_default(), at)
}

/// Length of what may stand between two parts of a long literal: a line break, escaped or not, or the end of one literal, a plus sign, and the
/// beginning of the next; 0 if there is no such thing.
fn joint(text: &[u8]) -> usize {
    let blank = |from: usize| text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    match text {
        [b'\\', b'n' | b'r', ..] => 2,
        [b'\\', b'\n' | b'\r', ..] => 1 + blank(1),
        [b'\n' | b'\r', ..] => blank(0),
        [b'"' | b'\'' | b'`', ..] => {
            let plus = 1 + blank(1);
            if text.get(plus) != Some(&b'+') {
                return 0;
            }
            let quote = plus + 1 + blank(plus + 1);
            if matches!(text.get(quote), Some(b'"' | b'\'' | b'`')) { quote + 1 } else { 0 }
        }
        _ => 0,
    }
}

fn hex(text: &[u8]) -> (Vec<u8>, usize) {
    let (mut bytes, mut high, mut at) = (Vec::new(), None, 0);
    while let Some(&byte) = text.get(at) {
        match (char::from(byte).to_digit(16), high) {
            (Some(digit), None) => high = Some(digit),
            (Some(digit), Some(first)) => {
                bytes.push((first << 4 | digit) as u8);
                high = None;
            }
            (None, _) => match joint(text.get(at..).unwrap_or_default()) {
                0 => break,
                len => {
                    at += len;
                    continue;
                }
            },
        }
        at += 1;
    }
    (bytes, at)
}

/// Numbers from 0 to 255, decimal or hexadecimal, with commas between them.
fn array(text: &[u8]) -> (Vec<u8>, usize) {
    let (mut bytes, mut at) = (Vec::new(), 0);
    let blank = |at: usize| at + text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    while let Some((byte, len)) = number(text.get(at..).unwrap_or_default()) {
        bytes.push(byte);
        let end = at + len;
        at = blank(end);
        if text.get(at) != Some(&b',') {
            return (bytes, end);
        }
        at = blank(at + 1);
    }
    (bytes, at)
}

fn number(text: &[u8]) -> Option<(u8, usize)> {
    let (radix, from) = match text {
        [b'0', b'x' | b'X', ..] => (16, 2),
        _ => (10, 0),
    };
    let digits = text.get(from..)?.iter().take(8).take_while(|byte| char::from(**byte).is_digit(radix)).count();
    let word = std::str::from_utf8(text.get(from..from + digits)?).ok()?;
    u8::from_str_radix(word, radix).ok().map(|number| (number, from + digits))
}

/// The inside of a string literal of C or JavaScript up to its quote, a character a byte.
fn string(text: &[u8]) -> (Vec<u8>, usize) {
    let (mut bytes, mut at) = (Vec::new(), 0);
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        let (value, len) = match byte {
            b'"' | b'\'' | b'`' => match joint(rest) {
                0 => break,
                len => {
                    at += len;
                    continue;
                }
            },
            b'\n' | b'\r' => break,
            b'\\' => match escape(rest) {
                Some(escape) => escape,
                None => break,
            },
            byte => (byte, 1),
        };
        bytes.push(value);
        at += len;
    }
    (bytes, at)
}

/// The byte that an escape sequence stands for, and the length of the sequence.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    let digits = |from: usize, len: usize, radix| {
        let word = text.get(from..from + len).and_then(|word| std::str::from_utf8(word).ok())?;
        u8::try_from(u32::from_str_radix(word, radix).ok()?).ok()
    };
    Some(match *text.get(1)? {
        b'x' => (digits(2, 2, 16)?, 4),
        b'u' => (digits(2, 4, 16)?, 6),
        b'n' => (b'\n', 2),
        b'r' => (b'\r', 2),
        b't' => (b'\t', 2),
        b'b' => (8, 2),
        b'f' => (12, 2),
        b'v' => (11, 2),
        b'0'..=b'7' => {
            let len = text.get(1..4).unwrap_or(&text[1..]).iter().take_while(|digit| (b'0'..=b'7').contains(digit)).count();
            // Three digits may say more than a byte holds.
            let len = if len == 3 && text[1] > b'3' { 2 } else { len };
            (digits(1, len, 8)?, 1 + len)
        }
        other => (other, 2),
    })
}
