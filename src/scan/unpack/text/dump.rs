//! Hexdumps: lines of an offset and the bytes there, as xxd, hexdump and od write them.
//!
//! The offsets tell how many bytes a line has, so that the column of characters is not taken for digits. They
//! also tell how many times a line is repeated where `*` stands for repetitions. Numbers of more than a byte
//! are read in both orders, and those of three digits in both radices. The caller looks which makes sense.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{
    Reading,
    limits::{MAX_LINE, MAX_REPEATED, MAX_WIDTH},
};

/// The first line of a dump.
pub(super) const LINE: &str = r"(?m)^ [\x20\t>\x23]{0,8} (?:0x)? [0-9a-fA-F]{4,16} :? [\x20\t]{1,4}
    [0-9a-fA-F]{1,16} (?: [\x20\t]{1,3} [0-9a-fA-F]{1,16} )+";

static SPLIT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let line = r"\A[ \t>#]{0,8}(?:0x)?([0-9a-fA-F]{4,16})(:?)(?:[ \t]|\z)";
    regex::bytes::RegexBuilder::new(line).unicode(false).build().ok()
});

/// How the numbers of a dump are written.
#[derive(Debug, Clone, Copy)]
struct Format {
    /// Of the offsets.
    offsets: u32,
    radix: u32,
    /// Bytes of a number.
    width: usize,
    is_big: bool,
}

/// A line: its offset as it is written, and what follows.
struct Line<'t> {
    offset: &'t str,
    rest: &'t [u8],
    has_colon: bool,
    /// Where the next line begins.
    next: usize,
}

fn line(text: &[u8], at: usize) -> Option<Line<'_>> {
    let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
    let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let shown = rest.get(..len.min(MAX_WIDTH))?;
    let shown = shown.strip_suffix(b"\r").unwrap_or(shown);
    let parts = SPLIT.as_ref()?.captures(shown)?;
    let (offset, all) = (parts.get(1)?, parts.get(0)?);
    let offset = std::str::from_utf8(offset.as_bytes()).ok()?;
    let has_colon = parts.get(2).is_some_and(|colon| !colon.is_empty());
    Some(Line { offset, rest: shown.get(all.end()..)?, has_colon, next: at + len + 1 })
}

/// Whether a line says that the one before is repeated.
fn is_repetition(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    (rest.get(..len)?.trim_ascii() == b"*").then_some(at + len + 1)
}

/// Reads a dump in every way that its first lines allow.
pub(super) fn dump(text: &[u8]) -> Reading {
    let Some(first) = line(text, 0) else { return Reading::default() };
    let token = first.rest.trim_ascii_start().split(|byte| byte.is_ascii_whitespace()).next();
    let digits = token.map_or(0, <[u8]>::len);
    let formats: &[(u32, usize, bool)] = match (digits, first.has_colon) {
        (1 | 2, _) => &[(16, 1, false), (10, 1, false)],
        (3, _) => &[(8, 1, false), (10, 1, false)],
        (4, true) => &[(16, 2, true), (16, 2, false)],
        (4, false) => &[(16, 2, false), (16, 2, true)],
        (5, _) => &[(10, 2, false)],
        (6, _) => &[(8, 2, false)],
        (8, true) => &[(16, 4, true), (16, 4, false)],
        (8, false) => &[(16, 4, false), (16, 4, true)],
        (11, _) => &[(8, 4, false)],
        (16, _) => &[(16, 8, false), (16, 8, true)],
        _ => &[],
    };
    let mut readings = formats.iter().map(|&(radix, width, is_big)| {
        let offsets = base_of_offsets(text, width);
        read(text, Format { offsets, radix, width, is_big })
    });
    let Some((bytes, end)) = readings.next() else { return Reading::default() };
    let others = readings.collect();
    Reading { others, is_closed: true, pad: 7, ..Reading::one(bytes, end) }
}

/// The radix of the offsets. In it the first two lines are as far apart as a line has bytes.
fn base_of_offsets(text: &[u8], width: usize) -> u32 {
    let Some(first) = line(text, 0) else { return 16 };
    let Some(second) = line(text, first.next) else { return 16 };
    let tokens = first.rest.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let most = (tokens.count() * width) as u64;
    let apart = |radix| {
        let [from, to] = [first.offset, second.offset].map(|offset| u64::from_str_radix(offset, radix).ok());
        to?.checked_sub(from?)
    };
    let fits = |radix: &u32| apart(*radix).is_some_and(|len| (1..=most.min(MAX_LINE)).contains(&len));
    // Of those that fit, the one that leaves least over.
    [8, 10, 16].into_iter().filter(fits).max_by_key(|radix| apart(*radix)).unwrap_or(16)
}

fn read(text: &[u8], format: Format) -> (Vec<u8>, usize) {
    let (mut bytes, mut at, mut end) = (Vec::new(), 0, 0);
    let (mut last, mut repeated, mut column) = (0..0, 0, None);
    let mut is_repeated = false;
    // The offset that the bytes so far lead to.
    let mut reached = None;
    loop {
        if let Some(next) = is_repetition(text, at).filter(|_| !bytes.is_empty() && !is_repeated) {
            (at, is_repeated) = (next, true);
            continue;
        }
        let Some(this) = line(text, at) else { break };
        let Ok(offset) = u64::from_str_radix(this.offset, format.offsets) else { break };
        let gap = offset.checked_sub(reached.unwrap_or(offset));
        match gap {
            Some(0) => {}
            Some(gap) if is_repeated && !last.is_empty() => {
                let gap = usize::try_from(gap).unwrap_or(usize::MAX);
                if gap > MAX_REPEATED - repeated {
                    break;
                }
                repeated += gap;
                let pattern: Vec<u8> = bytes.get(last.clone()).unwrap_or_default().to_vec();
                bytes.extend(pattern.iter().cycle().take(gap));
            }
            _ => break,
        }
        is_repeated = false;
        // The next line, or one behind repetitions, says how many bytes this one has.
        let next =
            line(text, this.next).and_then(|next| u64::from_str_radix(next.offset, format.offsets).ok());
        let len = next.and_then(|next| next.checked_sub(offset)).filter(|len| *len <= MAX_LINE);
        let begin = bytes.len();
        let stop = numbers(this.rest, format, len.map(|len| len as usize), column, &mut bytes);
        if let Some(len) = len {
            column = column.or(Some(stop));
            bytes.truncate(begin + len as usize);
        }
        last = begin..bytes.len();
        end = this.next.min(text.len());
        reached = offset.checked_add(last.len() as u64);
        at = this.next;
        if len.is_some_and(|len| (last.len() as u64) < len) {
            break;
        }
    }
    (bytes, end)
}

/// Appends the numbers of a line, as many as make `len` bytes or stand before `column`. Gives the end of the
/// last one.
fn numbers(
    text: &[u8],
    format: Format,
    len: Option<usize>,
    column: Option<usize>,
    bytes: &mut Vec<u8>,
) -> usize {
    let (begin, mut at, mut end) = (bytes.len(), 0, 0);
    loop {
        let gap = text.get(at..).unwrap_or_default().iter().take_while(|b| b.is_ascii_whitespace()).count();
        at += gap;
        let word = text.get(at..).unwrap_or_default();
        let word =
            word.get(..word.iter().take_while(|b| !b.is_ascii_whitespace()).count()).unwrap_or_default();
        let is_full = len.is_some_and(|len| bytes.len() - begin >= len);
        let is_behind = column.is_some_and(|column| at + word.len() > column);
        if word.is_empty() || is_full || is_behind {
            return end;
        }
        let Some(value) =
            std::str::from_utf8(word).ok().and_then(|w| u64::from_str_radix(w, format.radix).ok())
        else {
            return end;
        };
        // A last group may be short, of bytes in the order of the file.
        let is_short = format.is_big && format.radix == 16 && word.len() < 2 * format.width;
        let width = if is_short { word.len().div_ceil(2) } else { format.width };
        if width < 8 && value >> (8 * width) != 0 {
            return end;
        }
        let all = value.to_le_bytes();
        let number = all.get(..width).unwrap_or_default();
        if format.is_big {
            bytes.extend(number.iter().rev())
        } else {
            bytes.extend(number)
        }
        at += word.len();
        end = at;
    }
}
