//! String literals that hold the bytes of a module as characters and escapes.
//!
//! A literal ends at the quote that opened it. The meaning of an escape or of a character beyond ASCII
//! depends on the language, which nobody names. So it is read in each way, and the way in which a whole
//! module comes out is right.

use super::{Reading, is_whole, joint::between};

/// What octal-looking escapes and characters beyond ASCII are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Style {
    /// Digits behind a backslash: their radix, and how many at most.
    digits: (u32, usize),
    /// A character is its code point, and U+0100 is zero (Emscripten); else it is its bytes.
    is_code_point: bool,
}

/// C and JavaScript first; then Lua, whose escapes are decimal; then the text format of modules.
const STYLES: [Style; 4] = [
    Style { digits: (8, 3), is_code_point: true },
    Style { digits: (8, 3), is_code_point: false },
    Style { digits: (10, 3), is_code_point: false },
    Style { digits: (16, 2), is_code_point: false },
];

/// Reads from `from` on, where a literal may have begun just before.
pub(super) fn string(bytes: &[u8], from: usize) -> Reading {
    let quote = from.checked_sub(1).and_then(|before| bytes.get(before)).copied().filter(|b| is_quote(*b));
    let text = bytes.get(from..).unwrap_or_default();
    let mut all = STYLES.iter().filter_map(|style| read(text, quote, *style));
    let Some((first, end, is_closed)) = all.next() else { return Reading::default() };
    let mut reading = Reading { is_closed, ..Reading::one(first, end) };
    if is_whole(&reading.bytes) {
        return reading;
    }
    for (other, end, _) in all {
        if other != reading.bytes && reading.others.iter().all(|(known, _)| *known != other) {
            reading.others.push((other, end));
        }
    }
    reading
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// The bytes, how far they go, and whether a quote ends them; `None` if a character has no byte.
fn read(text: &[u8], mut quote: Option<u8>, style: Style) -> Option<(Vec<u8>, usize, bool)> {
    let (mut bytes, mut at) = (Vec::new(), 0);
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        if is_quote(byte) && quote.is_none_or(|quote| quote == byte) {
            let Some(len) = between(rest, false) else { return Some((bytes, at, true)) };
            quote = rest.get(len - 1).copied();
            at += len;
            continue;
        }
        let (value, len) = match byte {
            // Without a quote, nothing says that it goes on.
            b'\n' | b'\r' if quote.is_none() => break,
            b'\\' => match escape(rest, style) {
                Some(escape) => escape,
                None => break,
            },
            0x80.. if style.is_code_point => code_point(rest)?,
            _ => (Some(byte), 1),
        };
        bytes.extend(value);
        at += len;
    }
    Some((bytes, at, false))
}

/// A character of UTF-8 that stands for a byte.
fn code_point(text: &[u8]) -> Option<(Option<u8>, usize)> {
    let &[first, second] = text.first_chunk()?;
    let code = match (first, second) {
        (0xc2..=0xc4, 0x80..=0xbf) => u16::from(first & 0x1f) << 6 | u16::from(second & 0x3f),
        _ => return None,
    };
    byte_of(code.into()).map(|byte| (Some(byte), 2))
}

/// The byte that a character stands for: today's Emscripten writes zero as U+0100.
fn byte_of(code: u32) -> Option<u8> {
    if code == 0x100 { Some(0) } else { u8::try_from(code).ok() }
}

/// The byte that an escape stands for, if it stands for one, and its length.
fn escape(text: &[u8], style: Style) -> Option<(Option<u8>, usize)> {
    let number = |from: usize, len: usize, radix| {
        let digits = text.get(from..from + len).and_then(|word| std::str::from_utf8(word).ok())?;
        u32::from_str_radix(digits, radix).ok()
    };
    let run = |from: usize, most: usize, radix| {
        let digits = text.get(from..).unwrap_or_default().iter().take(most);
        digits.take_while(|digit| char::from(**digit).is_digit(radix)).count()
    };
    let (radix, most) = style.digits;
    let one = |byte: u8| Some((Some(byte), 2));
    match *text.get(1)? {
        b'x' if text.get(2) == Some(&b'{') => {
            let len = run(3, 6, 16);
            Some((Some(byte_of(number(3, len, 16)?)?), 4 + len))
        }
        b'x' => {
            let len = run(2, 2, 16);
            Some((Some(byte_of(number(2, len, 16)?)?), 2 + len))
        }
        b'u' if text.get(2) == Some(&b'{') => {
            let len = run(3, 6, 16);
            Some((Some(byte_of(number(3, len, 16)?)?), 4 + len))
        }
        b'u' => Some((Some(byte_of(number(2, 4, 16)?)?), 6)),
        digit if char::from(digit).is_digit(radix) => {
            let mut len = run(1, most, radix);
            // Three digits may say more than a byte holds.
            if number(1, len, radix)? > 255 {
                len -= 1;
            }
            Some((Some(byte_of(number(1, len, radix)?)?), 1 + len))
        }
        b'n' => one(b'\n'),
        b'r' => one(b'\r'),
        b't' => one(b'\t'),
        b'b' => one(8),
        b'f' => one(12),
        b'v' => one(11),
        b'a' => one(7),
        b'e' => one(0x1b),
        // The literal goes on in the next line.
        b'\r' if text.get(2) == Some(&b'\n') => Some((None, 3)),
        b'\n' | b'\r' => Some((None, 2)),
        other => one(other),
    }
}
