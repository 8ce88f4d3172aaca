//! Lists of numbers: bytes, signed or not, words, and objects whose keys count.

use super::limits::{COMMENT_BYTES, NUMBER_DIGITS};
use super::{Reading, joint::blank};

/// How the numbers of a list become bytes.
#[derive(Debug, Clone, Copy)]
struct Width {
    bytes: usize,
    is_big: bool,
}

/// The magic number as words of any width, with how they are written.
const WORDS: [(u64, usize, bool); 6] = [
    (0x6100, 2, false),
    (0x0061, 2, true),
    (0x6d73_6100, 4, false),
    (0x0061_736d, 4, true),
    (0x0000_0001_6d73_6100, 8, false),
    (0x0061_736d_0100_0000, 8, true),
];

/// Numbers of a byte each.
pub(super) fn array(text: &[u8]) -> Reading {
    list(text, Width { bytes: 1, is_big: false })
}

/// Words whose first number tells how wide they are.
pub(super) fn words(text: &[u8]) -> Reading {
    let first = number(text).and_then(|(value, _)| u64::try_from(value).ok());
    let known = WORDS.iter().find(|(magic, ..)| Some(*magic) == first);
    known.map_or_else(Reading::default, |&(_, bytes, is_big)| list(text, Width { bytes, is_big }))
}

fn list(text: &[u8], width: Width) -> Reading {
    let (mut bytes, mut at, mut end) = (Vec::new(), 0, 0);
    while let Some((value, len)) = number(text.get(at..).unwrap_or_default()) {
        if !push(&mut bytes, value, width) {
            break;
        }
        end = at + len;
        match separator(text.get(end..).unwrap_or_default()) {
            Some(gap) => at = end + gap,
            None => break,
        }
    }
    Reading { is_closed: is_end(text, end), pad: width.bytes - 1, ..Reading::one(bytes, end) }
}

/// Whether a list ends here: nothing follows that could have been a number of it.
fn is_end(text: &[u8], end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default();
    let rest = rest.get(separator(rest).unwrap_or_else(|| blank(rest))..).unwrap_or_default();
    matches!(rest.first(), None | Some(b']' | b'}' | b')' | b'>' | b';' | b'"' | b'\'' | b'`' | b'<'))
}

fn push(bytes: &mut Vec<u8>, value: i128, Width { bytes: width, is_big }: Width) -> bool {
    let bits = 8 * width as u32;
    if value >= 1 << bits || value < -(1 << (bits - 1)) {
        return false;
    }
    // Of a negative number, the low bytes are those of its complement.
    let all = (value as u128).to_le_bytes();
    let word = all.get(..width).unwrap_or_default();
    if is_big {
        bytes.extend(word.iter().rev())
    } else {
        bytes.extend(word)
    }
    true
}

/// Length of a comma (or what stands for one) with blanks and comments around it, or of white space alone.
fn separator(text: &[u8]) -> Option<usize> {
    let mut at = gap(text);
    let is_comma = matches!(text.get(at), Some(b',' | b'|'));
    if is_comma {
        at += 1;
        at += gap(text.get(at..).unwrap_or_default());
    }
    (at != 0).then_some(at)
}

/// White space, escaped line breaks and comments.
fn gap(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let len = match rest {
            [b'/', b'*', ..] => {
                rest.windows(2).take(COMMENT_BYTES).position(|end| end == b"*/").map_or(0, |end| end + 2)
            }
            [b'/', b'/', ..] => rest.iter().take(COMMENT_BYTES).position(|byte| *byte == b'\n').unwrap_or(0),
            [b'\\', b'\n' | b'\r', ..] => 1,
            [b'\\', b'n' | b'r' | b't', ..] => 2,
            _ => blank(rest),
        };
        if len == 0 {
            return at;
        }
        at += len;
    }
}

/// A number with what languages write around one: a cast before it, quotes, a suffix.
fn number(text: &[u8]) -> Option<(i128, usize)> {
    let mut at = cast(text);
    let quote = text.get(at).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    if let (Some(b'\''), Some(&letter), Some(b'\'')) = (quote, text.get(at + 1), text.get(at + 2))
        && !letter.is_ascii_digit()
    {
        return Some((letter.into(), at + 3));
    }
    at += usize::from(quote.is_some());
    let is_negative = text.get(at) == Some(&b'-');
    at += usize::from(is_negative);
    let rest = text.get(at..)?;
    let (radix, from) = match rest {
        [b'0', b'x' | b'X', ..] => (16, 2),
        [b'0', b'o' | b'O', ..] => (8, 2),
        [b'0', b'b' | b'B', ..] => (2, 2),
        [b'$' | b'#', digit, ..] if digit.is_ascii_hexdigit() => (16, 1),
        _ => (10, 0),
    };
    let len = rest
        .get(from..)?
        .iter()
        .take(NUMBER_DIGITS)
        .take_while(|byte| char::from(**byte).is_digit(radix))
        .count();
    let word = std::str::from_utf8(rest.get(from..from + len)?).ok()?;
    let value = i128::from(u64::from_str_radix(word, radix).ok()?);
    at += from + len;
    at += suffix(text.get(at..).unwrap_or_default());
    at += usize::from(quote.is_some() && text.get(at).copied() == quote);
    Some((if is_negative { -value } else { value }, at))
}

/// Length of a cast such as `(byte) ` or `(unsigned char)`.
fn cast(text: &[u8]) -> usize {
    let Some(b'(') = text.first() else { return 0 };
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b' ' | b':');
    let name = text.get(1..).unwrap_or_default().iter().take(24).take_while(|byte| is_name(byte)).count();
    let is_type = text.get(1).is_some_and(u8::is_ascii_alphabetic) && text.get(1 + name) == Some(&b')');
    if is_type { name + 2 + blank(text.get(name + 2..).unwrap_or_default()) } else { 0 }
}

/// Length of what says the type behind a number, such as `u8`, `UL`, `n`, `.toByte()`.
fn suffix(text: &[u8]) -> usize {
    const SUFFIXES: [&[u8]; 16] = [
        b".toUByte()",
        b".toByte()",
        b" as u8",
        b"_u8",
        b"_i8",
        b"'u8",
        b"u8",
        b"i8",
        b"u16",
        b"u32",
        b"u64",
        b"uy",
        b"ULL",
        b"UL",
        b"ull",
        b"ul",
    ];
    let word = SUFFIXES.iter().find(|suffix| text.starts_with(suffix)).map(|suffix| suffix.len());
    word.unwrap_or_else(|| usize::from(matches!(text.first(), Some(b'n' | b'u' | b'U' | b'L' | b'l' | b'y'))))
}

/// `chr(0).chr(97)…`: numbers in calls that are joined.
pub(super) fn calls(text: &[u8]) -> Reading {
    let (mut bytes, mut at, mut end) = (Vec::new(), 0, 0);
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let name =
            rest.iter().take(10).take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'$').count();
        if name == 0 || rest.get(name) != Some(&b'(') {
            break;
        }
        let from = name + 1 + blank(rest.get(name + 1..).unwrap_or_default());
        let Some((value, digits)) = number(rest.get(from..).unwrap_or_default()) else { break };
        let close = from + digits + blank(rest.get(from + digits..).unwrap_or_default());
        if rest.get(close) != Some(&b')') || !push(&mut bytes, value, Width { bytes: 1, is_big: false }) {
            break;
        }
        end = at + close + 1;
        let joint = end + calls_gap(text.get(end..).unwrap_or_default());
        if !matches!(text.get(joint), Some(b'.' | b'&' | b'+' | b',')) {
            break;
        }
        at = joint + 1 + calls_gap(text.get(joint + 1..).unwrap_or_default());
    }
    Reading { is_closed: true, ..Reading::one(bytes, end) }
}

/// White space and comments; in Visual Basic `_` says that a line goes on.
fn calls_gap(text: &[u8]) -> usize {
    let at = gap(text);
    match text.get(at..) {
        Some([b'_', b'\r' | b'\n', ..]) => at + 1 + gap(text.get(at + 1..).unwrap_or_default()),
        _ => at,
    }
}

/// `{"0":0,"1":97,…}`, or with `=>`: keys that count up from zero.
pub(super) fn object(text: &[u8]) -> Reading {
    let (mut bytes, mut at, mut end) = (Vec::new(), 0, 0);
    let width = Width { bytes: 1, is_big: false };
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some((key, mut len)) = number(rest).filter(|(key, _)| *key == bytes.len() as i128) else { break };
        len += blank(rest.get(len..).unwrap_or_default());
        len += match rest.get(len..) {
            Some([b':', ..]) => 1,
            Some([b'=', b'>', ..]) => 2,
            _ => break,
        };
        len += blank(rest.get(len..).unwrap_or_default());
        let Some((value, digits)) = number(rest.get(len..).unwrap_or_default()) else { break };
        if !push(&mut bytes, value, width) {
            break;
        }
        debug_assert_eq!(bytes.len() as i128, key + 1);
        end = at + len + digits;
        match separator(text.get(end..).unwrap_or_default()) {
            Some(gap) => at = end + gap,
            None => break,
        }
    }
    Reading { is_closed: is_end(text, end), ..Reading::one(bytes, end) }
}
