//! Base64, base32 and hexadecimal digits.

use base64::{Engine as _, alphabet, engine::general_purpose as engines};

use super::limits::GAP_BYTES;
use super::{
    MAGIC, Reading, is_whole,
    joint::{between_digits, disguised},
};

/// The way to read digits: the alphabet, once a digit told, and whether elements of a list are joined.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    url_safe: Option<bool>,
    pub(super) is_list: bool,
}

/// The digit with which a text begins, or the joint of two parts of a run of digits, and its length. `None`
/// if it belongs to no run.
pub(super) type Digit = fn(&[u8], &mut Style) -> Option<(Option<u8>, usize)>;

pub(super) fn base64_digit(text: &[u8], style: &mut Style) -> Option<(Option<u8>, usize)> {
    let &first = text.first()?;
    let (digit, len) = if first.is_ascii_alphanumeric() {
        (first, 1)
    } else {
        disguised(text).filter(|(byte, _)| is_digit(*byte)).unwrap_or((first, 1))
    };
    // Which alphabet it is, as soon as a digit tells; one of the other is no part of it.
    let is_digit = match digit {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => true,
        b'+' | b'/' => !*style.url_safe.get_or_insert(false),
        b'-' | b'_' => *style.url_safe.get_or_insert(true),
        _ => false,
    };
    match is_digit {
        true => Some((Some(digit), len)),
        false => between_digits(text, style.is_list).map(|len| (None, len)),
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn digits(text: &[u8], digit: Digit, style: &mut Style) -> (Vec<u8>, usize) {
    let (mut digits, mut at) = (Vec::new(), 0);
    while let Some((digit, len)) = text.get(at..).and_then(|rest| digit(rest, style)) {
        digits.extend(digit);
        at += len;
    }
    (digits, at)
}

/// Reads a run in other ways, too, where it is no whole module. If it goes on in a list, it is joined with
/// what follows. If it may be a module that ends before its last lines, it is read without them.
fn read(text: &[u8], may_join: bool, digit: Digit, decode: impl Fn(Vec<u8>, Style) -> Vec<u8>) -> Reading {
    let mut style = Style::default();
    let (alone, at) = digits(text, digit, &mut style);
    let first = decode(alone, style);
    let mut reading = Reading { is_closed: true, ..Reading::one(first, at) };
    let rest = text.get(at..).unwrap_or_default();
    let is_list = between_digits(rest, false).is_none() && between_digits(rest, true).is_some();
    if is_list && may_join && !is_whole(&reading.bytes) {
        let mut style = Style { is_list: true, ..Style::default() };
        let (joined, end) = digits(text, digit, &mut style);
        reading.others.push((decode(joined, style), end));
    }
    if may_join && reading.bytes.starts_with(MAGIC) && !is_whole(&reading.bytes) {
        for end in ends_of_lines(text.get(..at).unwrap_or_default()) {
            let mut style = Style::default();
            let (alone, end) = digits(text.get(..end).unwrap_or_default(), digit, &mut style);
            reading.others.push((decode(alone, style), end));
        }
    }
    reading
}

/// The places where a run that was cut into lines may end before what comes in lines below it. They are
/// before and after the first line that is shorter than the one before it.
fn ends_of_lines(text: &[u8]) -> impl Iterator<Item = usize> {
    let (mut at, mut before) = (0, 0);
    let mut ends = None;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let len = line.trim_ascii_end().len();
        if len < before {
            ends = Some([at, at + len]);
            break;
        }
        (at, before) = (at + line.len(), len);
    }
    ends.into_iter().flatten()
}

/// Reads base64 from where something known begins in it. A beginning that is known by a part of it begins up
/// to three digits before.
pub(super) fn base64_at(text: &[u8], from: usize, may_join: bool) -> Reading {
    let rest = text.get(from..).unwrap_or_default();
    let before = match rest {
        [b'F', b'H', b'R', b'n', ..] => 2,
        [b'B', b'R', b'0', b'Z', ..] => 3,
        _ => 0,
    };
    let begin = from.saturating_sub(before);
    let is_run = text.get(begin..from).is_some_and(|part| part.iter().all(|byte| is_digit(*byte)));
    match (before, is_run) {
        (0, _) | (_, false) => base64(rest, may_join),
        _ => base64(text.get(begin..).unwrap_or_default(), may_join).after(from - begin),
    }
}

pub(super) fn base64(text: &[u8], may_join: bool) -> Reading {
    read(text, may_join, base64_digit, |mut digits, style| {
        // A last digit alone says nothing.
        if digits.len() % 4 == 1 {
            digits.pop();
        }
        engine(style.url_safe == Some(true)).decode(&digits).unwrap_or_default()
    })
}

/// Both alphabets, with or without padding; the last bits may be anything.
fn engine(url_safe: bool) -> engines::GeneralPurpose {
    let config = engines::GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
    engines::GeneralPurpose::new(if url_safe { &alphabet::URL_SAFE } else { &alphabet::STANDARD }, config)
}

fn base32_digit(text: &[u8], style: &mut Style) -> Option<(Option<u8>, usize)> {
    let digit = match text.first()? {
        letter @ b'A'..=b'Z' => letter - b'A',
        digit @ b'2'..=b'7' => digit - b'2' + 26,
        _ => return between_digits(text, style.is_list).map(|len| (None, len)),
    };
    Some((Some(digit), 1))
}

pub(super) fn base32(text: &[u8], may_join: bool) -> Reading {
    read(text, may_join, base32_digit, |digits, _| {
        let mut bytes = Vec::with_capacity(digits.len() * 5 / 8);
        for group in digits.chunks(8) {
            let all = group.iter().fold(0u64, |all, digit| all << 5 | u64::from(*digit));
            // The bits of those that lack for a whole group, and of no whole byte, are none.
            let all = all << (5 * (8 - group.len()));
            bytes.extend(all.to_be_bytes().into_iter().skip(3).take(group.len() * 5 / 8));
        }
        bytes
    })
}

pub(super) fn hex_digit(text: &[u8], style: &mut Style) -> Option<(Option<u8>, usize)> {
    let &first = text.first()?;
    if let Some(digit) = char::from(first).to_digit(16) {
        return Some((Some(digit as u8), 1));
    }
    // Groups of digits.
    let blanks = text.iter().take(3).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if blanks != 0 && text.get(blanks).is_some_and(u8::is_ascii_hexdigit) {
        return Some((None, blanks));
    }
    between_digits(text, style.is_list).map(|len| (None, len))
}

pub(super) fn hex(text: &[u8], may_join: bool) -> Reading {
    read(text, may_join, hex_digit, |digits, _| {
        let (pairs, _) = digits.as_chunks::<2>();
        pairs.iter().map(|[high, low]| high << 4 | low).collect()
    })
}

/// Bytes of two hexadecimal digits each, with something between them.
pub(super) fn spaced_hex(text: &[u8]) -> Reading {
    let (mut bytes, mut at, mut end) = (Vec::new(), 0, 0);
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    while let (Some(high), Some(low)) = (digit(at), digit(at + 1)) {
        if digit(at + 2).is_some() {
            break;
        }
        bytes.push((high << 4 | low) as u8);
        end = at + 2;
        let is_gap = |byte: &u8| byte.is_ascii_whitespace() || br#",:;-_|"'%\"#.contains(byte);
        at = end
            + text.get(end..).unwrap_or_default().iter().take(GAP_BYTES).take_while(|b| is_gap(b)).count();
        if matches!(text.get(at), Some(b'x' | b'X')) {
            at += 1;
        }
    }
    Reading { is_closed: digit(at).is_none(), ..Reading::one(bytes, end) }
}

/// Length of a run of plain digits.
pub(super) fn run(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_digit(**byte)).count()
}
