//! Encodings that text and programs are handed over in: what stands behind them.
//!
//! Each layer takes all of what it is given or nothing, so that prose is none. At most `LAYERS` are taken
//! off, and no more than `BEHIND` bytes come of one, which bounds them together, too.
//!
//! Long runs of letters and numbers that may be such an encoding are looked for within other text, too.
//!
//! Not here: what the bytes are then (`fs/contents`).

use super::{
    fs::Contents,
    limits::{BEHIND, RUN_HEAD, RUNS},
};
use crate::hex;

/// Letters that an encoded text has at least.
const LEAST: usize = 24;
/// Escapes from which on a text is made of them, and the share of its bytes.
const ESCAPES: usize = 3;
const ESCAPES_SHARE: f64 = 0.5;

/// Letters of a run within other text that is looked at: longer than words are, and enough for a page.
const RUN: usize = 48;
/// Escapes of `<` from which on a text is markup, however few others there are.
const TAGS: usize = 2;

/// Bytes of an entity at most, after its `&#`.
const ENTITY: usize = 9;

type Layer = fn(&[u8]) -> Option<Vec<u8>>;

/// All of them, those that are told by the first bytes first.
const ALL: &[Layer] = &[packed, wider, wide, hexadecimal, base64, percent, entities, escapes, numbers];

/// What bytes are without their outermost layer; several if that is not clear.
pub(super) fn peel(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let inner = ALL.iter().filter_map(move |layer| layer(bytes));
    inner.filter(move |inner| inner.len() >= LEAST && inner != bytes)
}

/// gzip and zlib.
#[cfg(feature = "scan")]
fn packed(bytes: &[u8]) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let mut out = Vec::new();
    let is_zlib = matches!(bytes, [0x78, flags, ..] if (0x7800 + u32::from(*flags)).is_multiple_of(31));
    let room = BEHIND as u64;
    // What came before an error counts too.
    match bytes {
        [0x1f, 0x8b, 8, ..] => _ = flate2::read::GzDecoder::new(bytes).take(room).read_to_end(&mut out),
        _ if is_zlib => _ = flate2::read::ZlibDecoder::new(bytes).take(room).read_to_end(&mut out),
        _ => {}
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(not(feature = "scan"))]
fn packed(_: &[u8]) -> Option<Vec<u8>> {
    None
}

/// How characters lie in memory that take more than a byte each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// UTF-16 and numbers of 32 and 64 bits, the low byte first.
    Bytes(usize),
    /// Floats of 32 and 64 bits.
    Float(usize),
}

/// All of them.
pub(super) const WIDTHS: &[Width] =
    &[Width::Bytes(2), Width::Bytes(4), Width::Bytes(8), Width::Float(4), Width::Float(8)];

impl Width {
    /// Latin text in this form.
    pub(super) fn write(self, text: &str) -> Vec<u8> {
        let bytes = |code: u32| match self {
            Self::Bytes(len) => u64::from(code).to_le_bytes()[..len].to_vec(),
            Self::Float(4) => (code as f32).to_le_bytes().to_vec(),
            Self::Float(_) => f64::from(code).to_le_bytes().to_vec(),
        };
        text.chars().flat_map(|letter| bytes(letter.into())).collect()
    }

    /// The text at the beginning of bytes, and how many of them it takes.
    pub(super) fn read(self, bytes: &[u8]) -> (Vec<u8>, usize) {
        let (Self::Bytes(len) | Self::Float(len)) = self;
        let code = |bytes: &[u8]| {
            let mut eight = [0; 8];
            eight[..bytes.len()].copy_from_slice(bytes);
            match self {
                Self::Bytes(_) => u32::try_from(u64::from_le_bytes(eight)).ok(),
                Self::Float(4) => whole(f32::from_le_bytes(eight.first_chunk().copied()?).into()),
                Self::Float(_) => whole(f64::from_le_bytes(eight)),
            }
        };
        let codes = bytes.chunks_exact(len).map_while(code).take_while(|code| is_code(*code));
        let codes: Vec<u32> = codes.collect();
        let text: String = match self {
            Self::Bytes(2) => {
                let units = codes.iter().map(|code| *code as u16);
                char::decode_utf16(units).map_while(Result::ok).collect()
            }
            _ => codes.iter().map_while(|code| char::from_u32(*code)).collect(),
        };
        (text.into_bytes(), codes.len() * len)
    }
}

/// The character code that a float is.
fn whole(value: f64) -> Option<u32> {
    (value.fract() == 0.0 && (0.0..1_114_112.0).contains(&value)).then_some(value as u32)
}

/// UTF-16, the low byte first, up to its end. It begins as Latin text does, since any two letters make a
/// character of UTF-16, too.
pub(super) fn wide(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.get(1) != Some(&0) && !bytes.starts_with(&[0xff, 0xfe]) {
        return None;
    }
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let text: Vec<u16> = units.take_while(|unit| is_code(u32::from(*unit))).collect();
    (text.len() >= LEAST).then(|| String::from_utf16_lossy(&text).into_bytes())
}

/// Characters as numbers or floats of 32 or 64 bits, up to the first that is none.
pub(super) fn wider(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut texts = WIDTHS.iter().skip(1).map(|width| width.read(bytes).0);
    texts.find(|text| text.len() >= LEAST)
}

/// Whether bytes are text whose characters take more than a byte each.
pub(super) fn is_wide(bytes: &[u8]) -> bool {
    wide(bytes).or_else(|| wider(bytes)).is_some()
}

/// Whether a number is a character that text has.
pub(super) fn is_code(code: u32) -> bool {
    matches!(code, 9 | 10 | 13 | 32..=126 | 160..=0x10_ffff)
}

fn hexadecimal(bytes: &[u8]) -> Option<Vec<u8>> {
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b':' | b'\\' | b'x');
    let digits: Vec<u8> = bytes.iter().copied().filter(|byte| !is_between(byte)).collect();
    if digits.len() < 2 * LEAST || digits.len() % 2 == 1 {
        return None;
    }
    hex::bytes(&digits)
}

fn base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let start = match bytes.starts_with(b"data:") {
        true => memchr::memmem::find(bytes.get(..200).unwrap_or(bytes), b"base64,")? + 7,
        false => 0,
    };
    let text: Vec<u8> = bytes[start..].iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let is_one = |byte: &u8| is_letter(*byte) || *byte == b'=';
    if text.len() < LEAST || !text.iter().all(is_one) {
        return None;
    }
    of_letters(&text)
}

/// Whether a byte is a letter of base64, in one alphabet or the other.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// What letters of base64 stand for.
fn of_letters(text: &[u8]) -> Option<Vec<u8>> {
    use base64::{
        Engine as _,
        alphabet::{STANDARD, URL_SAFE},
        engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    };
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let alphabet = if text.iter().any(|byte| matches!(byte, b'-' | b'_')) { URL_SAFE } else { STANDARD };
    GeneralPurpose::new(&alphabet, config).decode(text).ok()
}

/// What runs within a text stand for. Each is base64, hexadecimal or numbers of characters, and what it
/// stands for looks like text or a program. Also whether these are all such runs.
pub(super) fn runs(text: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let of_base64 = text.split(|byte| !is_letter(*byte) && !matches!(byte, b'\r' | b'\n'));
    let is_of_list = |byte: u8| byte.is_ascii_digit() || matches!(byte, b',' | b' ' | b'\r' | b'\n');
    let of_numbers = text.split(|byte| !is_of_list(*byte)).filter(|run| run.contains(&b','));
    let mut long = of_base64.chain(of_numbers).filter(|run| run.len() >= RUN && run.len() < text.len());
    let found = long.by_ref().take(RUNS).filter_map(run).collect();
    (found, long.next().is_none())
}

/// Whether there may be such runs in a text: most have none.
pub(super) fn has_runs(text: &[u8]) -> bool {
    let (found, is_all) = runs(text);
    !is_all || !found.is_empty()
}

/// What a run stands for. What stands right before it may be letters, too.
fn run(letters: &[u8]) -> Option<Vec<u8>> {
    if letters.contains(&b',') {
        return numbers(letters);
    }
    let letters: Vec<u8> = letters.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let whole = |letters: &[u8], count: usize| letters.len() - letters.len() % count;
    let in_digits = || {
        let digits =
            letters.get(..whole(&letters, 2)).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        digits.and_then(hex::bytes).filter(|bytes| is_something(bytes))
    };
    let from = |start: usize| {
        let letters = letters.get(start..)?;
        let letters = &letters[..letters.len() - usize::from(letters.len() % 4 == 1)];
        let head = letters.get(..RUN_HEAD.min(whole(letters, 4)))?;
        of_letters(head).filter(|head| is_something(head)).and_then(|_| of_letters(letters)).map(begun)
    };
    in_digits().or_else(|| (0..4).find_map(from))
}

/// What is left of text without what a few letters before it make.
fn begun(mut bytes: Vec<u8>) -> Vec<u8> {
    let head = bytes.get(..LEAST).unwrap_or(&bytes);
    let noise = head.iter().rposition(|byte| !is_plain(*byte)).map_or(0, |last| last + 1);
    if !Contents::is_binary(&bytes) {
        bytes.drain(..noise);
    }
    bytes
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')
}

/// Whether bytes begin as text or a program does.
fn is_something(bytes: &[u8]) -> bool {
    let head = bytes.get(..RUN_HEAD / 2).unwrap_or(bytes);
    let plain = head.iter().filter(|byte| is_plain(**byte)).count();
    Contents::is_binary(bytes) || 10 * plain >= 9 * head.len()
}

fn percent(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut count = 0;
    let mut pieces = text.split('%');
    let mut out = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        match piece.get(..2).and_then(hexadecimal_number) {
            Some(byte) => {
                count += 1;
                out.push(byte as u8);
                out.extend_from_slice(&piece.as_bytes()[2..]);
            }
            None => {
                out.push(b'%');
                out.extend_from_slice(piece.as_bytes());
            }
        }
    }
    (count >= ESCAPES).then_some(out)
}

/// A number in hexadecimal digits and nothing else.
fn hexadecimal_number(digits: &str) -> Option<u32> {
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| are_digits)
}

/// A text of which half or more are escapes that begin so, each read by `read`: what it stands for, and its
/// length.
fn escaped(bytes: &[u8], begin: &str, read: impl Fn(&str) -> Option<(u32, usize)>) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (mut out, mut taken, mut count, mut tags, mut rest) = (String::new(), 0, 0, 0, text);
    while let Some(at) = rest.find(begin) {
        out.push_str(&rest[..at]);
        rest = &rest[at + begin.len()..];
        match read(rest).and_then(|(code, len)| Some((char::from_u32(code)?, len))) {
            Some((code, len)) => {
                out.push(code);
                rest = rest.get(len..)?;
                (taken, count) = (taken + begin.len() + len, count + 1);
                tags += usize::from(code == '<');
            }
            None => out.push_str(begin),
        }
    }
    out.push_str(rest);
    // Prose shows markup with entities, and has no other escapes.
    let is_markup = begin == "\\" && tags >= TAGS;
    let is_most = taken as f64 >= ESCAPES_SHARE * text.len() as f64;
    (count >= ESCAPES && (is_most || is_markup)).then(|| out.into_bytes())
}

/// `&#60;` and `&#x3c;`. A few of them are how HTML shows code.
fn entities(bytes: &[u8]) -> Option<Vec<u8>> {
    escaped(bytes, "&#", |rest| {
        let end = rest.bytes().take(ENTITY).position(|byte| byte == b';')?;
        let code = match rest.strip_prefix(['x', 'X']) {
            Some(_) => hexadecimal_number(rest.get(1..end)?)?,
            None => rest.get(..end).filter(|digits| !digits.starts_with('+'))?.parse().ok()?,
        };
        Some((code, end + 1))
    })
}

/// `\x3c` and `\u003c`.
fn escapes(bytes: &[u8]) -> Option<Vec<u8>> {
    escaped(bytes, "\\", |rest| {
        let len = match rest.bytes().next()? {
            b'x' => 2,
            b'u' => 4,
            _ => return None,
        };
        Some((hexadecimal_number(rest.get(1..=len)?)?, len + 1))
    })
}

/// A list of numbers of characters: `60,104,116`.
fn numbers(bytes: &[u8]) -> Option<Vec<u8>> {
    let is_of_list = |byte: &u8| {
        byte.is_ascii_hexdigit()
            || byte.is_ascii_whitespace()
            || matches!(byte, b',' | b';' | b'[' | b']' | b'x')
    };
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.bytes().all(|byte| is_of_list(&byte)))?;
    let words = text.split(|sign: char| ",;[] \t\r\n".contains(sign)).filter(|word| !word.is_empty());
    let number = |word: &str| match word.strip_prefix("0x") {
        Some(digits) => hexadecimal_number(digits),
        None => word.parse().ok(),
    };
    let out: Option<String> =
        words.map(|word| number(word).filter(|code| is_code(*code)).and_then(char::from_u32)).collect();
    out.filter(|out| out.chars().count() >= LEAST).map(String::into_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<html><script>go('somewhere')</script></html>";

    fn is_behind(bytes: &[u8]) -> bool {
        peel(bytes).any(|inner| inner == TEXT.as_bytes())
    }

    #[test]
    fn layers_are_taken_off() {
        use ::base64::Engine as _;
        let each = |form: &dyn Fn(u8) -> String| TEXT.bytes().map(form).collect::<Vec<_>>();
        let standard = ::base64::engine::general_purpose::STANDARD.encode(TEXT);
        let url = ::base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(TEXT);
        for text in [
            each(&|byte| format!("{byte:02x}")).concat(),
            each(&|byte| format!("{byte:02X}")).join(" "),
            each(&|byte| format!("%{byte:02x}")).concat(),
            each(&|byte| format!("&#{byte};")).concat(),
            each(&|byte| format!("&#x{byte:x};")).concat(),
            each(&|byte| format!("\\u{byte:04x}")).concat(),
            each(&|byte| byte.to_string()).join(","),
            each(&|byte| format!("0x{byte:x}")).join(", "),
            format!("data:text/html;base64,{standard}"),
            standard,
            url,
        ] {
            assert!(is_behind(text.as_bytes()), "{text}");
        }
        let wide: Vec<u8> = TEXT.bytes().flat_map(|byte| [byte, 0]).collect();
        assert!(is_behind(&wide));
        for width in WIDTHS {
            assert!(is_behind(&width.write(TEXT)), "{width:?}");
        }
    }

    #[test]
    fn what_stands_in_an_encoding_within_other_text_is_found() {
        use ::base64::Engine as _;
        let letters = ::base64::engine::general_purpose::STANDARD.encode(TEXT);
        let digits: String = TEXT.bytes().map(|byte| format!("{byte:02x}")).collect();
        let codes: Vec<String> = TEXT.bytes().map(|byte| byte.to_string()).collect();
        let lines = format!("{}\n{}", &letters[..40], &letters[40..]);
        for run in [letters.clone(), format!("z{letters}"), lines, digits, codes.join(",")] {
            let text = format!("{{\"title\": \"the garden\", \"body\": \"{run}\"}}");
            let (found, is_all) = runs(text.as_bytes());
            let is_one = |found: &Vec<u8>| memchr::memmem::find(found, b"<script>go('somewhere')").is_some();
            assert!(is_all && found.iter().any(is_one), "{text}");
        }
        let text = format!("{{\"body\": \"{}\"}}", TEXT.replace('<', "\\u003c"));
        assert!(peel(text.as_bytes()).any(|inner| memchr::memmem::find(&inner, TEXT.as_bytes()).is_some()));
        let words = "antidisestablishmentarianism/".repeat(RUNS);
        assert_eq!(runs(format!("see {words} for more").as_bytes()), (vec![], true));
        assert!(!runs(format!("{words} ").repeat(RUNS + 1).as_bytes()).1);
    }

    #[test]
    fn prose_and_noise_have_no_layer() {
        for plain in [
            &b"The quick brown fox jumps over thirteen lazy dogs, 100 % of the time."[..],
            b"Use &lt;script&gt; and &#60; with care, since a page is read by others too.",
            b"1,2,3",
            b"",
        ] {
            assert_eq!(peel(plain).count(), 0, "{}", String::from_utf8_lossy(plain));
        }
        let noise: Vec<u8> = (0..4096u32).map(|at| (at * at * 31 % 251) as u8).collect();
        assert!(peel(&noise).count() <= 1);
    }
}
