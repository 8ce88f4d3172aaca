//! Modules written down in text: base64 (data URLs too), hexadecimal, lists of numbers, string literals with
//! escapes.
//!
//! A regular expression, which takes linear time, finds where one begins; a reader takes over from there and
//! stops at the first byte that does not belong, and begins anew within the same run where the first
//! beginning was a decoy. What comes out is looked at like any other file, so that a packed script within a
//! data URL is entered too.

use std::{io, ops::Range, sync::LazyLock};

use base64::{Engine as _, alphabet, engine::general_purpose as engines};
use regex::bytes::Regex;

use super::{Cut, Unpacker, carve::Search};

/// A way to write bytes down.
struct Kind {
    /// The name of the step.
    name: &'static str,
    /// Matches at most the first bytes of a module, except for other containers and for data URLs, whose
    /// kind of contents is not asked.
    pattern: &'static str,
    /// Reads bytes from where the pattern matched; gives them and how far it went.
    read: fn(&[u8]) -> (Vec<u8>, usize),
    /// What the reader takes for a digit, and how many of them begin with a byte: where in a run a module
    /// begins shifts all its digits.
    digits: Option<(Digit, u32)>,
}

/// The digit with which a text begins, or what joins two parts of a run of digits, and its length; `None` if
/// it belongs to no run. The flag is the alphabet, once a digit told.
type Digit = fn(&[u8], &mut Option<bool>) -> Option<(Option<u8>, usize)>;

const KINDS: [Kind; 4] = [
    Kind {
        name: "base64",
        // Beginnings of: a module, gzip with any flags, zip, zstd, xz. Then any data URL.
        pattern: r"AGFzbQ|H4sI[A-H]|UEsDB|KLUv(?:[/_]|%2[Ff])|(?:[/_]|%2[Ff])Td6WFoA|;base64,",
        read: base64,
        digits: Some((base64_digit, 4)),
    },
    Kind { name: "hex", pattern: r"(?i)0061736d0[1d]000[01]00", read: hex, digits: Some((hex_digit, 2)) },
    Kind {
        name: "array",
        pattern: r"(?i)\b0(?:x0*)?\s*,\s*(?:0x0*61|97)\s*,\s*(?:0x0*73|115)\s*,\s*(?:0x0*6d|109)\s*,",
        read: array,
        digits: None,
    },
    Kind {
        name: "string",
        pattern: r"(?i)\\(?:x00|u0000|0{1,3})(?:a|\\x61|\\u0061|\\141)(?:s|\\x73|\\u0073|\\163)(?:m|\\x6d|\\u006d|\\155)\\",
        read: string,
        digits: None,
    },
];

static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let patterns =
        KINDS.iter().map(|kind| regex::bytes::RegexBuilder::new(kind.pattern).unicode(false).build());
    patterns.filter_map(Result::ok).collect()
});

/// Fewer bytes than this are no module worth a sample.
const LEAST: usize = 9;
/// Bytes of a match that may lie behind where it may begin.
const MATCH: usize = 64;

impl Unpacker<'_> {
    pub(super) fn text(&mut self, bytes: &[u8], search: &Search) -> io::Result<()> {
        for (kind, pattern) in KINDS.iter().zip(PATTERNS.iter()) {
            let mut at = 0;
            for range in &search.starts {
                at = at.max(range.start);
                let end = range.end.saturating_add(MATCH).min(bytes.len());
                while let Some(found) = bytes.get(at..end).and_then(|part| pattern.find(part)) {
                    let from = at + found.start();
                    if from >= range.end {
                        break;
                    }
                    // `\00` is octal in C and hexadecimal in the text format, where it was read as what it
                    // is.
                    let is_foreign =
                        search.is_source && kind.name == "string" && found.as_bytes().starts_with(b"\\0");
                    let is_url = found.as_bytes().starts_with(b";");
                    // After a data URL without contents another may begin.
                    let start = if is_url { at + found.end() } else { from };
                    at = if is_foreign {
                        from + 1
                    } else {
                        self.run(bytes, (kind, pattern), start, search)?.max(from + 1)
                    };
                }
            }
        }
        Ok(())
    }

    /// Reads a run of text from where something may begin in it; gives where the run ends. What began there
    /// may be a decoy: it is read again from where something else may begin so that its digits make other
    /// bytes, once for each number of digits that may be over.
    fn run(
        &mut self,
        bytes: &[u8],
        (kind, pattern): (&Kind, &Regex),
        start: usize,
        search: &Search,
    ) -> io::Result<usize> {
        let mut count =
            kind.digits.map(|(digit, phases)| Count { digit, phases, at: start, digits: 0, alphabet: None });
        let (mut tried, mut found, mut end, mut from) = (0u32, false, None, start);
        loop {
            let (piece, len) = (kind.read)(bytes.get(from..).unwrap_or_default());
            let end = *end.get_or_insert(from + len);
            found |= self.piece(kind.name, from..from + len, &piece, search)?;
            drop(piece);
            let Some(count) = &mut count else { return Ok(end) };
            tried |= 1 << count.phase(bytes, from);
            loop {
                let again = bytes.get(from + 1..end).filter(|_| tried.count_ones() < count.phases);
                let Some(again) = again.and_then(|part| pattern.find(part)) else { return Ok(end) };
                from += 1 + again.start();
                // Among many digits, short beginnings of other things come about by chance.
                let is_module = kind.name == "hex" || again.as_bytes().starts_with(b"AGFzbQ");
                if (is_module || !found) && tried & (1 << count.phase(bytes, from)) == 0 {
                    break;
                }
            }
        }
    }

    /// Looks at what a run of text says; gives whether there was a module in it.
    fn piece(&mut self, kind: &str, place: Range<usize>, piece: &[u8], search: &Search) -> io::Result<bool> {
        if piece.len() < LEAST || search.has_seen(&place) {
            return Ok(false);
        }
        let before = self.credible;
        if self.is_deep() {
            self.cut(Cut::Depth, 1);
        } else if self.admit(piece.len() as u64) {
            self.enter(format!("{kind}@{}", place.start), piece)?;
        }
        Ok(self.credible > before)
    }
}

/// Counts the digits of a run from its beginning.
struct Count {
    digit: Digit,
    phases: u32,
    at: usize,
    digits: u32,
    alphabet: Option<bool>,
}

impl Count {
    /// How many digits are over, before a place behind the last one asked for, when as many are taken
    /// together as begin with a byte.
    fn phase(&mut self, bytes: &[u8], place: usize) -> u32 {
        while self.at < place {
            let Some((digit, len)) =
                (self.digit)(bytes.get(self.at..).unwrap_or_default(), &mut self.alphabet)
            else {
                break;
            };
            self.digits = (self.digits + u32::from(digit.is_some())) % self.phases;
            self.at += len;
        }
        self.digits
    }
}

/// Both alphabets, with or without padding; the last bits may be anything.
fn engine(url_safe: bool) -> engines::GeneralPurpose {
    let config = engines::GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
    engines::GeneralPurpose::new(if url_safe { &alphabet::URL_SAFE } else { &alphabet::STANDARD }, config)
}

fn base64_digit(text: &[u8], url_safe: &mut Option<bool>) -> Option<(Option<u8>, usize)> {
    let (digit, len) = match *text.first()? {
        // Percent encoding, as in a URL.
        b'%' if text.get(1..3).is_some_and(|hex| hex.eq_ignore_ascii_case(b"2b")) => (b'+', 3),
        b'%' if text.get(1..3).is_some_and(|hex| hex.eq_ignore_ascii_case(b"2f")) => (b'/', 3),
        byte => (byte, 1),
    };
    // Which alphabet it is, as soon as a digit tells; one of the other is no part of it.
    let is_digit = match digit {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => true,
        b'+' | b'/' => !*url_safe.get_or_insert(false),
        b'-' | b'_' => *url_safe.get_or_insert(true),
        _ => false,
    };
    if is_digit { Some((Some(digit), len)) } else { joint(text).map(|len| (None, len)) }
}

fn base64(text: &[u8]) -> (Vec<u8>, usize) {
    let (mut digits, mut at, mut url_safe) = (Vec::new(), 0, None);
    while let Some((digit, len)) = text.get(at..).and_then(|rest| base64_digit(rest, &mut url_safe)) {
        digits.extend(digit);
        at += len;
    }
    // A last digit alone says nothing.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    (engine(url_safe == Some(true)).decode(&digits).unwrap_or_default(), at)
}

/// Length of what may stand between two parts of a long literal: a line break, escaped or not, or the end of
/// one literal, a plus sign, and the beginning of the next; `None` if there is no such thing.
fn joint(text: &[u8]) -> Option<usize> {
    let blank = |from: usize| {
        text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count()
    };
    match text {
        [b'\\', b'n' | b'r', ..] => Some(2),
        [b'\\', b'\n' | b'\r', ..] => Some(1 + blank(1)),
        [b'\n' | b'\r', ..] => Some(blank(0)),
        [b'"' | b'\'' | b'`', ..] => {
            let plus = 1 + blank(1);
            let quote = plus + 1 + blank(plus + 1);
            let is_one =
                text.get(plus) == Some(&b'+') && matches!(text.get(quote), Some(b'"' | b'\'' | b'`'));
            is_one.then_some(quote + 1)
        }
        _ => None,
    }
}

fn hex_digit(text: &[u8], _: &mut Option<bool>) -> Option<(Option<u8>, usize)> {
    match char::from(*text.first()?).to_digit(16) {
        Some(digit) => Some((Some(digit as u8), 1)),
        None => joint(text).map(|len| (None, len)),
    }
}

fn hex(text: &[u8]) -> (Vec<u8>, usize) {
    let (mut bytes, mut high, mut at) = (Vec::new(), None, 0);
    while let Some((digit, len)) = text.get(at..).and_then(|rest| hex_digit(rest, &mut None)) {
        match (digit, high) {
            (Some(digit), None) => high = Some(digit),
            (Some(digit), Some(first)) => {
                bytes.push(first << 4 | digit);
                high = None;
            }
            (None, _) => {}
        }
        at += len;
    }
    (bytes, at)
}

/// Numbers from 0 to 255, decimal or hexadecimal, with commas between them.
fn array(text: &[u8]) -> (Vec<u8>, usize) {
    let (mut bytes, mut at) = (Vec::new(), 0);
    let blank = |at: usize| {
        at + text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count()
    };
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
    let digits =
        text.get(from..)?.iter().take(8).take_while(|byte| char::from(**byte).is_digit(radix)).count();
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
                None => break,
                Some(len) => {
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
            let len = text
                .get(1..4)
                .unwrap_or(&text[1..])
                .iter()
                .take_while(|digit| (b'0'..=b'7').contains(digit))
                .count();
            // Three digits may say more than a byte holds.
            let len = if len == 3 && text[1] > b'3' { 2 } else { len };
            (digits(1, len, 8)?, 1 + len)
        }
        other => (other, 2),
    })
}
