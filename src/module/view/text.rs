//! Strings of data segments and custom sections, plain and as UTF-16, and those hidden in them: base64,
//! hexadecimal digits, rot13, one byte xored to all.
//!
//! A string xored with one byte keeps the differences of neighbouring bytes, whatever the key. So one search
//! over the differences finds every needle under all 255 keys at once, and plain where it is the signature of
//! a file. A text is decoded once, not again and again.
//!
//! Every string is searched for indicators, those beyond [`MAX_STRINGS`] too: only the list is cut. Time is
//! linear in the bytes.

use std::sync::LazyLock;

use base64::{Engine, alphabet, engine};
use regex::bytes;
use schemars::JsonSchema;
use serde::Serialize;

pub use super::limits::MAX_STRINGS;
use super::limits::{EMBEDDED_HEAD, MAX_AROUND, MAX_DECODED, MAX_DECODED_LEN, MAX_LINK};
use super::{
    encoding::TextEncoding,
    ioc::{Found, Iocs},
    kinds::Seen,
};
use crate::{module::sections, text::Sought};

/// Characters of the shortest string.
const LEAST: usize = 6;
/// Digits of the shortest encoded string.
const LEAST_ENCODED: usize = 16;

/// A string.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Text {
    /// The string; bytes that are not UTF-8 do not occur.
    pub text: String,
    /// Byte offset in the file.
    pub offset: u64,
    /// Address in memory, if the segment has a constant one.
    pub address: Option<u64>,
    /// How it was decoded.
    pub encoding: TextEncoding,
}

/// Bytes in which strings are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) bytes: &'a [u8],
    /// Offset in the file.
    pub(super) offset: u64,
    pub(super) address: Option<u64>,
}

impl Source<'_> {
    fn found(&self, position: usize, encoding: TextEncoding) -> Found {
        let position = position as u64;
        Found {
            offset: self.offset + position,
            address: self.address.map(|address| address.saturating_add(position)),
            encoding,
        }
    }
}

/// The texts that are looked for under all keys, each with the kind of file that it begins, if it does.
const NEEDLES: &[(&[u8], Option<&str>)] = &[
    (b"http://", None),
    (b"https://", None),
    (b"/bin/sh", None),
    (b"/bin/bash", None),
    (b"stratum+tcp", None),
    (b"stratum+ssl", None),
    (b"mining.subscribe", None),
    (b"cmd.exe", None),
    (b"powershell", None),
    (b"/etc/passwd", None),
    (b"/etc/shadow", None),
    (b"/.ssh/", None),
    (b".onion", None),
    (b"This program cannot be run in DOS mode", Some("PE executable")),
    (b"\x7fELF\x02\x01\x01", Some("ELF executable")),
    (b"\x7fELF\x01\x01\x01", Some("ELF executable")),
    (b"\0asm\x01\0\0\0", Some("WebAssembly module")),
];

/// The differences of neighbouring bytes of each needle.
static NEEDLE_DIFFERENCES: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| NEEDLES.iter().map(|(needle, _)| differences(needle)).collect());

/// Whether any of them is there.
static DIFFERENT: LazyLock<Sought> = LazyLock::new(|| Sought::new(NEEDLE_DIFFERENCES.iter().cloned()));

/// A pattern of them all.
static DIFFERENCES: LazyLock<Option<bytes::Regex>> = LazyLock::new(|| {
    let escape =
        |needle: &[u8]| differences(needle).iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let needles: Vec<_> = NEEDLES.iter().map(|(needle, _)| escape(needle)).collect();
    bytes::Regex::new(&format!("(?s-u:{})", needles.join("|"))).ok()
});

/// Whether more than a magic number stands there: a program that reads or writes such files holds the number,
/// too.
fn is_whole_header(head: &[u8]) -> bool {
    match head {
        [0, b'a', b's', b'm', ..] => sections(head).next().is_some(),
        [0x7f, b'E', b'L', b'F', ..] => {
            matches!(head.get(16..20), Some([1..=4, 0, machine @ ..]) if machine != [0, 0])
        }
        _ => true,
    }
}

/// Collects strings.
#[derive(Default)]
pub(super) struct Texts {
    plain: Vec<Text>,
    decoded: Vec<Text>,
    cut: u64,
    /// Characters decoded so far.
    decoded_len: usize,
    pub(super) iocs: Iocs,
}

impl Texts {
    /// Collects the strings of `source`.
    pub(super) fn read(&mut self, source: &Source<'_>) {
        self.ascii(source);
        self.utf16(source);
        self.xored(source);
    }

    /// Looks for indicators in a name, which is not listed as a string: compilers write literals as names of
    /// imports.
    pub(super) fn name(&mut self, name: &str, offset: u64, place: Seen) {
        self.iocs.place = place;
        let source = Source { bytes: name.as_bytes(), offset, address: None };
        let mut begin = 0;
        for run in source.bytes.split(|byte| !is_printable(*byte)) {
            if let (LEAST.., Ok(text)) = (run.len(), std::str::from_utf8(run)) {
                self.iocs.search(text, source.found(begin, TextEncoding::Plain));
                self.decode(text, begin, &source);
            }
            begin += run.len() + 1;
        }
        self.iocs.place = Seen::default();
    }

    /// All strings by place, and how many were cut.
    pub(super) fn finish(mut self) -> (Vec<Text>, u64, Iocs) {
        let room = MAX_STRINGS - self.decoded.len();
        self.cut += self.plain.len().saturating_sub(room) as u64;
        self.plain.truncate(room);
        self.plain.append(&mut self.decoded);
        self.plain.sort_by_key(|a| (a.offset, a.encoding));
        (self.plain, self.cut, self.iocs)
    }

    fn ascii(&mut self, source: &Source<'_>) {
        let mut begin = 0;
        for run in source.bytes.split(|byte| !is_printable(*byte)) {
            if let (LEAST.., Ok(text)) = (run.len(), std::str::from_utf8(run)) {
                self.take(text, source.found(begin, TextEncoding::Plain));
                self.decode(text, begin, source);
            }
            begin += run.len() + 1;
        }
    }

    fn utf16(&mut self, source: &Source<'_>) {
        let mut begin = 0;
        while begin + 2 * LEAST - 1 <= source.bytes.len() {
            // The last zero of a segment is often left out: memory is zero anyway.
            let pairs = source.bytes.get(begin..).unwrap_or_default().chunks(2);
            let letters = pairs.map_while(|pair| match *pair {
                [letter] | [letter, 0] => Some(letter).filter(|letter| is_printable(*letter)),
                _ => None,
            });
            let text: String = letters.map(char::from).collect();
            if text.len() >= LEAST && is_prose(&text) {
                self.take(&text, source.found(begin, TextEncoding::Utf16));
            }
            begin += (2 * text.len()).max(1);
        }
    }

    /// What digits in a string stand for.
    fn decode(&mut self, text: &str, begin: usize, source: &Source<'_>) {
        if text.len() < LEAST_ENCODED {
            return;
        }
        for (position, digits) in encoded_runs(text) {
            if let Some((decoded, encoding)) = decode_digits(digits) {
                self.take(&decoded, source.found(begin + position, encoding));
            }
        }
        for link in ["uggc://", "uggcf://", "fgenghz+gpc://"] {
            let mut end = 0;
            for (position, _) in text.match_indices(link) {
                if position >= end {
                    let rest = text.get(position..).unwrap_or_default();
                    let decoded: String =
                        rest.chars().take_while(char::is_ascii_graphic).take(MAX_LINK).map(rotate).collect();
                    end = position + decoded.len();
                    self.take(&decoded, source.found(begin + position, TextEncoding::Rot13));
                }
            }
        }
    }

    fn xored(&mut self, source: &Source<'_>) {
        let differences = differences(source.bytes);
        if DIFFERENT.to_search(&differences).is_none() {
            return;
        }
        // Where the last string under each key ended.
        let mut ends = [0; 256];
        for hit in DIFFERENCES.iter().flat_map(|regex| regex.find_iter(&differences)) {
            let Some(&first) = source.bytes.get(hit.start()) else { continue };
            let of = NEEDLE_DIFFERENCES.iter().position(|differences| differences == hit.as_bytes());
            let Some(&(needle, file)) = of.and_then(|of| NEEDLES.get(of)) else { continue };
            let key = first ^ needle.first().copied().unwrap_or(0);
            let encoding = if key == 0 { TextEncoding::Plain } else { TextEncoding::Xor(key) };
            if let Some(kind) = file {
                let rest = source.bytes.get(hit.start()..).unwrap_or_default();
                let head: Vec<u8> = rest.iter().take(EMBEDDED_HEAD).map(|byte| byte ^ key).collect();
                if !is_whole_header(&head) {
                    continue;
                }
                self.iocs.embedded(kind, source.found(hit.start(), encoding));
                continue;
            }
            // Letters under the key 0x20 are the same letters in the other case.
            let is_case = key == 0x20 && needle.iter().all(u8::is_ascii_alphabetic);
            let end = &mut ends[usize::from(key)];
            if key == 0 || is_case || hit.start() < *end {
                continue;
            }
            let (begin, text) = around(source.bytes, *end, hit.start(), key);
            *end = begin + text.len();
            self.take(&text, source.found(begin, encoding));
        }
    }

    fn take(&mut self, text: &str, found: Found) {
        let is_decoded = !found.encoding.is_plain();
        if is_decoded {
            self.decoded_len += text.len();
            if self.decoded_len > MAX_DECODED_LEN {
                self.cut += 1;
                return;
            }
        }
        self.iocs.search(text, found);
        let (list, room) =
            if is_decoded { (&mut self.decoded, MAX_DECODED) } else { (&mut self.plain, MAX_STRINGS) };
        if list.len() >= room {
            self.cut += 1;
            return;
        }
        let Found { offset, address, encoding } = found;
        list.push(Text { text: text.to_owned(), offset, address, encoding });
    }
}

/// Whether characters of two bytes are text and not a table of small numbers.
fn is_prose(text: &str) -> bool {
    let mut letters: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).collect();
    let is_most = letters.len() * 10 >= text.len() * 6;
    letters.sort_unstable();
    letters.dedup();
    is_most && letters.len() >= 4
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

fn differences(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().zip(bytes.iter().skip(1)).map(|(a, b)| a ^ b).collect()
}

/// The printable characters under `key` on either side of `position`, not before `least`.
fn around(bytes: &[u8], least: usize, position: usize, key: u8) -> (usize, String) {
    let clear = |byte: &u8| Some(byte ^ key).filter(|byte| is_printable(*byte));
    let before =
        bytes.get(least..position).unwrap_or_default().iter().rev().take(MAX_AROUND).map_while(clear).count();
    let begin = position - before;
    let text = bytes.get(begin..).unwrap_or_default().iter().take(before + MAX_AROUND).map_while(clear);
    (begin, text.map(char::from).collect())
}

/// Runs of digits of base64 (either alphabet) or hexadecimal numbers, with their padding.
fn encoded_runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_digit = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '-' | '_');
    let mut begin = 0;
    let runs = text.split(move |letter: char| !is_digit(letter)).map(move |run| {
        let start = begin;
        begin += run.len() + 1;
        (start, run.len())
    });
    runs.filter(|(_, len)| *len >= LEAST_ENCODED).filter_map(|(start, len)| {
        let rest = text.get(start + len..)?;
        let padding = rest.bytes().take(2).take_while(|byte| *byte == b'=').count();
        Some((start, text.get(start..start + len + padding)?))
    })
}

/// What hexadecimal or base64 digits stand for, if that is text.
fn decode_digits(digits: &str) -> Option<(String, TextEncoding)> {
    if digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<_>> = digits.as_bytes().chunks(2).map(byte).collect();
        return Some((to_text(bytes?)?, TextEncoding::Hex));
    }
    let config =
        engine::GeneralPurposeConfig::new().with_decode_padding_mode(engine::DecodePaddingMode::Indifferent);
    let is_url = digits.contains(['-', '_']);
    let alphabet = if is_url { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    let bytes = engine::GeneralPurpose::new(alphabet, config).decode(digits).ok()?;
    // What PowerShell takes as an encoded command.
    let is_wide = bytes.len().is_multiple_of(2) && bytes.iter().skip(1).step_by(2).all(|byte| *byte == 0);
    match is_wide {
        true => Some((to_text(bytes.into_iter().step_by(2).collect())?, TextEncoding::Base64Utf16)),
        false => Some((to_text(bytes)?, TextEncoding::Base64)),
    }
}

/// Text, if all bytes are printable but for ends of lines. A word of letters is hardly ever that when it is
/// taken for base64.
fn to_text(bytes: Vec<u8>) -> Option<String> {
    let is_text = |byte: &u8| is_printable(*byte) || matches!(byte, b'\n' | b'\r');
    let has_letters = bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()).count() * 2 >= bytes.len();
    let is_repeated = bytes.iter().all(|byte| bytes.first() == Some(byte));
    (bytes.len() >= LEAST && has_letters && !is_repeated && bytes.iter().all(is_text))
        .then(|| String::from_utf8(bytes).ok())?
}

fn rotate(letter: char) -> char {
    let turn = |base: u8| char::from((letter as u8 - base + 13) % 26 + base);
    match letter {
        'a'..='z' => turn(b'a'),
        'A'..='Z' => turn(b'A'),
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<(String, u64, Option<u64>, String)> {
        let mut texts = Texts::default();
        texts.read(&Source { bytes, offset: 100, address: Some(1024) });
        let (texts, cut, _) = texts.finish();
        assert_eq!(cut, 0);
        let row = |text: Text| (text.text, text.offset - 100, text.address, text.encoding.to_string());
        texts.into_iter().map(row).collect()
    }

    fn xor(text: &[u8], key: u8) -> Vec<u8> {
        text.iter().map(|byte| byte ^ key).collect()
    }

    #[test]
    fn strings_have_place_and_encoding() {
        let wide: Vec<u8> = "wide text".bytes().flat_map(|byte| [byte, 0]).collect();
        for (bytes, expected) in [
            (b"\0\0hello world\0short\0".to_vec(), vec![("hello world", 2, "plain")]),
            (b"sixsix".to_vec(), vec![("sixsix", 0, "plain")]),
            ([&b"\x01"[..], &wide].concat(), vec![("wide text", 1, "utf16")]),
            (wide[..17].to_vec(), vec![("wide text", 0, "utf16")]),
            (
                b"\0aHR0cHM6Ly9ldmlsLmV4YW1wbGUvYQ==\0".to_vec(),
                vec![
                    ("https://evil.example/a", 1, "base64"),
                    ("aHR0cHM6Ly9ldmlsLmV4YW1wbGUvYQ==", 1, "plain"),
                ],
            ),
            (
                b"dwBoAG8AYQBtAGkAIAAvAGEAbABsAA==".to_vec(),
                vec![("whoami /all", 0, "base64 utf16"), ("dwBoAG8AYQBtAGkAIAAvAGEAbABsAA==", 0, "plain")],
            ),
            (
                b"68747470733a2f2f6576696c2e6578616d706c65\0".to_vec(),
                vec![
                    ("https://evil.example", 0, "hex"),
                    ("68747470733a2f2f6576696c2e6578616d706c65", 0, "plain"),
                ],
            ),
            (
                b"see uggcf://rivy.rknzcyr/n\0".to_vec(),
                vec![("see uggcf://rivy.rknzcyr/n", 0, "plain"), ("https://evil.example/a", 4, "rot13")],
            ),
        ] {
            let found = texts(&bytes);
            let found: Vec<_> = found
                .iter()
                .map(|(text, offset, address, encoding)| {
                    assert_eq!(*address, Some(1024 + offset));
                    (&**text, *offset, &**encoding)
                })
                .collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn needles_are_found_under_every_key() {
        for key in 1..=255u8 {
            let bytes = [&b"\0\0\0"[..], &xor(b"go to http://evil.example/x\0", key), b"\0\0"].concat();
            let expected = format!("xor {key:#04x}");
            let found: Vec<_> = texts(&bytes).into_iter().filter(|found| found.3 == expected).collect();
            assert_eq!(found.len(), 1, "{expected}");
            assert!(found[0].0.contains("go to http://evil.example/x"), "{found:?}");
        }
        assert!(texts(b"\0\0POWERSHELL\0").iter().all(|found| found.3 == "plain"));
    }

    #[test]
    fn names_are_not_taken_for_base64() {
        let names = b"AbstractControlDirective __wbindgen_describe_closure core::panicking::panic_bounds_check \
            /rustc/9fc6b43126469e3858e2fe86cafb4f0fd5068869/library/core/src/fmt/mod.rs ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/ \
            00000000000000000000 AAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(texts(names).iter().all(|found| found.3 == "plain"), "{:?}", texts(names));
    }

    #[test]
    fn the_list_is_cut_and_the_search_is_not() {
        let mut bytes = b"string\0".repeat(MAX_STRINGS + 10);
        bytes.extend(b"http://last.example/\0");
        let mut texts = Texts::default();
        texts.read(&Source { bytes: &bytes, offset: 0, address: None });
        let (texts, cut, iocs) = texts.finish();
        assert_eq!((texts.len(), cut), (MAX_STRINGS, 11));
        assert_eq!(iocs.finish().0[0].value, "http://last.example/");
    }
}
