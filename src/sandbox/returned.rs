//! Things that exports hand to whoever calls them. They are pages, scripts, commands, programs or archives at
//! an address that an export returned.
//!
//! A result may be an address. A pair of address and length may stand among the results, be packed into one,
//! or stand in memory where a result or the first argument points. Text is UTF-8 or, as AssemblyScript keeps
//! it, UTF-16. Modules are left to `carve`.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::{
    built,
    fs::Contents,
    handed::{LOOK, is_text, text_of},
    layers,
    limits::{BEHIND, HANDED_BLANKS, LAYERS, RETURNED_BYTES, RETURNED_KEPT, RETURNED_SCAN, RETURNED_SCANNED},
    members::{Members, members},
};
use crate::Value;

/// What an export returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// What it is.
    pub contents: Contents,
    /// The first of its bytes, at most 64 KiB; text as UTF-8.
    pub bytes: Vec<u8>,
}

/// Letters of text that is looked at; shorter ones are words.
pub(super) const LEAST: usize = 24;
/// Bytes of a text that show what it is.
const FAR: usize = 4096;
/// An address below this is a number.
const FIRST_ADDRESS: u64 = 64;

/// What says what bytes are.
type Judge = fn(&[u8]) -> Option<Contents>;

impl Returned {
    /// What bytes are, if they are any of it.
    pub(crate) fn of(bytes: Vec<u8>) -> Option<Self> {
        let contents = Contents::of(&bytes)?;
        Some(Self { contents, bytes })
    }

    /// What bytes are that a sample keeps, or what stands behind layers of encoding.
    pub(crate) fn behind_layers(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < LEAST {
            return None;
        }
        Self::behind(bytes.to_vec(), LAYERS, Contents::of_handed, &mut Peeling::default())
    }

    /// The thing that stands in bytes or behind layers of encoding; an archive only if nothing is behind it.
    fn behind(bytes: Vec<u8>, depth: usize, of: Judge, peeling: &mut Peeling) -> Option<Self> {
        peeling.spent += bytes.len();
        // Packed bytes may begin with much else. Of a long text only the beginning is kept.
        let far = if bytes.len() > RETURNED_SCAN { bytes.get(FAR..).and_then(built::first) } else { None };
        if let Some(far) = far
            && let Some(contents) = of(far)
        {
            return Some(Self { contents, bytes: far.to_vec() });
        }
        let plain = of(&bytes);
        if plain.is_some_and(|contents| contents != Contents::Archive) {
            return Some(Self { contents: plain?, bytes });
        }
        let has_room = depth > 0 && peeling.spent < BEHIND;
        if has_room {
            let found = layers::peel(&bytes).find_map(|inner| Self::behind(inner, depth - 1, of, peeling));
            let found = found.or_else(|| Self::within(&bytes, depth - 1, peeling));
            if let Some(found) = found.filter(|found| found.contents != Contents::Archive) {
                return Some(found);
            }
        }
        peeling.is_cut |= bytes.len() >= BEHIND || !has_room && layers::peel(&bytes).next().is_some();
        Some(Self { contents: plain?, bytes })
    }
}

impl Returned {
    /// What stands in an archive, or in runs of letters within a text.
    fn within(bytes: &[u8], depth: usize, peeling: &mut Peeling) -> Option<Self> {
        // What is one stream is a layer.
        let is_stream = matches!(bytes, [0x1f | 0x78, ..]);
        let (parts, is_whole) = match Contents::is_binary(bytes) {
            true if is_stream => return None,
            true => {
                let Members { parts, is_whole } = members(bytes, BEHIND - peeling.spent.min(BEHIND));
                (parts, is_whole)
            }
            false => layers::runs(bytes),
        };
        peeling.is_cut |= !is_whole && peeling.is_all;
        let one = |part: Vec<u8>| match part.starts_with(b"\0asm\x01\0\0\0") {
            true => Some(Self { contents: Contents::Module, bytes: part }),
            false => Self::behind(part, depth, Contents::of_handed, peeling),
        };
        parts
            .into_iter()
            .filter(|part| part.len() >= LEAST)
            .filter_map(one)
            .find(|found| found.contents != Contents::Archive)
    }
}

/// How far it went: a text may be read in several ways, again and again.
#[derive(Debug, Default)]
struct Peeling {
    /// Bytes that were looked at.
    spent: usize,
    /// The bytes are all that was handed over.
    is_all: bool,
    /// There is more behind.
    is_cut: bool,
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
    /// Things that were not looked through, or not to the last of their layers.
    pub(super) unlooked: u64,
}

impl Returns {
    /// Looks at what an entry that got `args` returned.
    pub(super) fn look(&mut self, args: &[Value], results: &[Value], memory: &[u8]) {
        for (address, len) in addresses(args, results, memory) {
            if self.scanned >= RETURNED_SCANNED {
                self.unlooked += 1;
                return;
            }
            let Some(from) = usize::try_from(address).ok().and_then(|address| memory.get(address..)) else {
                continue;
            };
            let whole = from.get(..len.unwrap_or(HANDED_BLANKS)).unwrap_or(from);
            let head = window(whole, len.is_some());
            self.scanned += 256;
            for bytes in readings(head, len.is_some()).into_iter().flatten() {
                let (found, spent) = self.behind(bytes, Contents::of, len.is_some());
                self.scanned += spent;
                if let Some(returned) = found {
                    self.keep(returned);
                    break;
                }
            }
            self.scanned += self.take_far(whole);
        }
    }

    /// Looks at what stands in a text beyond what is looked at of others; the bytes that it cost.
    pub(super) fn take_far(&mut self, whole: &[u8]) -> usize {
        let Some(far) = whole.get(RETURNED_SCAN..).filter(|_| is_text(whole[RETURNED_SCAN - 1])) else {
            return 0;
        };
        if text_of(&whole[..RETURNED_SCAN]).len() < RETURNED_SCAN {
            return 0;
        }
        let far = text_of(far);
        if let Some(found) = built::first(far) {
            self.take_whole(found);
        }
        // What begins before the edge goes on behind it.
        let edge = RETURNED_SCAN - RETURNED_SCAN / 8;
        let (parts, is_all) = layers::runs(whole.get(edge..RETURNED_SCAN + far.len()).unwrap_or_default());
        self.unlooked += u64::from(!is_all);
        parts.iter().map(|part| self.take(part)).sum::<usize>() + far.len() / LOOK
    }

    /// What stands in bytes or behind their layers, and how much was looked at for that.
    fn behind(&mut self, bytes: Vec<u8>, of: Judge, is_all: bool) -> (Option<Returned>, usize) {
        let mut peeling = Peeling { is_all, ..Peeling::default() };
        let found = Returned::behind(bytes, LAYERS, of, &mut peeling);
        let is_all = found.as_ref().is_some_and(|found| found.contents != Contents::Archive);
        self.unlooked += u64::from(peeling.is_cut && !is_all);
        (found, peeling.spent)
    }

    /// Looks at what came in several calls; the bytes looked at.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        if bytes.len() < LEAST {
            return 0;
        }
        let (found, spent) = self.behind(bytes.to_vec(), Contents::of_handed, true);
        if let Some(found) = found {
            self.keep_found(found);
        }
        spent
    }

    /// Looks at what an argument points at, if it is no text that stands there openly; the bytes looked at.
    pub(super) fn take_hidden(&mut self, bytes: &[u8], has_len: bool) -> usize {
        let mut spent = 0;
        for plain in readings(bytes, has_len).into_iter().flatten() {
            let is_open = bytes.starts_with(&plain) && std::str::from_utf8(&plain).is_ok();
            let (found, looked) = self.behind(plain, Contents::of_handed, has_len);
            spent += looked;
            let is_shown = |found: &Returned| is_open && bytes.starts_with(&found.bytes);
            if let Some(found) = found.filter(|found| !is_shown(found)) {
                self.keep_found(found);
            }
        }
        spent
    }

    /// Looks at a whole thing.
    pub(super) fn take_whole(&mut self, bytes: &[u8]) {
        if let Some(contents) = Contents::of_handed(bytes) {
            self.keep_found(Returned { contents, bytes: bytes.to_vec() });
        }
    }

    /// Looks at what begins as a program or an archive does; false if it is one that may hold anything.
    pub(super) fn take_program(&mut self, bytes: &[u8]) -> bool {
        let bytes = bytes.get(..RETURNED_SCAN).unwrap_or(bytes);
        let is_program = Contents::of(bytes) == Some(Contents::Program);
        if is_program {
            self.keep(Returned { contents: Contents::Program, bytes: bytes.to_vec() });
        }
        is_program
    }

    /// An archive is what it is: many compress what they hand over.
    fn keep_found(&mut self, found: Returned) {
        if found.contents != Contents::Archive {
            self.keep(found);
        }
    }

    fn keep(&mut self, mut returned: Returned) {
        returned.bytes.truncate(RETURNED_SCAN);
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

/// As much of bytes as is looked at: an archive has its list at its end.
pub(super) fn window(bytes: &[u8], has_len: bool) -> &[u8] {
    let room = if has_len && Contents::is_binary(bytes) { BEHIND } else { RETURNED_SCAN };
    bytes.get(..room).unwrap_or(bytes)
}

/// The bytes as they stand, as text up to its end, and as characters of more than a byte.
fn readings(head: &[u8], has_len: bool) -> [Option<Vec<u8>>; 2] {
    // Of a known length it may be packed.
    let is_packed = has_len && matches!(head, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]);
    if Contents::is_binary(head) || is_packed {
        return [Some(head.to_vec()), None];
    }
    let len = text_of(head).len();
    // Of a known length all of it is text, or a zero ends it.
    let is_whole = !has_len || head.get(len).is_none_or(|byte| *byte == 0);
    let utf8 = head.get(..len).filter(|text| text.len() >= LEAST && is_whole).map(<[u8]>::to_vec);
    let wide = if utf8.is_none() { layers::wide(head).or_else(|| layers::wider(head)) } else { None };
    [utf8, wide]
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
    fn what_was_seen_is_kept_once() {
        let memory = memory(&[(2048, PAGE)]);
        let mut returns = Returns::default();
        for _ in 0..3 {
            returns.look(&[], &[Value::I32(2048)], &memory);
        }
        assert_eq!(returns.kept.len(), 1);
    }
}
