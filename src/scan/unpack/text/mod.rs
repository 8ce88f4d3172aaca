//! Modules written down in text: base64 (data URLs too), base32, hexadecimal, hexdumps, lists of numbers,
//! objects whose keys count, records of uuencode and of programmers of chips, and string literals with
//! escapes. All of that may be in UTF-16.
//!
//! A regular expression, which takes linear time, finds where one begins. A reader takes over from there and
//! stops at the first byte that does not belong. Where the beginning was a decoy, it begins anew within the
//! same run. Where a text can be read in several ways, that one counts in which a whole module comes out. The
//! result is looked at like any other file, so that a packed script within a data URL is entered too.

mod digits;
mod dump;
mod joint;
mod kinds;
mod limits;
mod literal;
mod numbers;
mod records;
mod wide;

use std::{collections::BTreeMap, io, ops::Range};

use memchr::memmem;
use regex::bytes::Regex;

use self::{
    digits::{Digit, Style},
    kinds::{KINDS, Kind, Notation, PATTERNS, RUN},
};
use super::{Cut, Unpacker, carve::Search, is_container, streams};
use crate::{
    module::{extent, is_cut},
    scan::rows::FailureKind,
};

/// What a reader made of a text.
#[derive(Debug, Default)]
struct Reading {
    bytes: Vec<u8>,
    /// How much of the text it read.
    end: usize,
    /// What else the text can mean, with the end of each.
    others: Vec<(Vec<u8>, usize)>,
    /// Whether the text ends there, and not only what the reader understands.
    is_closed: bool,
    /// As many zeros at the end may be there only to fill a word.
    pad: usize,
}

impl Reading {
    fn one(bytes: Vec<u8>, end: usize) -> Self {
        Self { bytes, end, ..Self::default() }
    }

    /// The same, if reading began so many bytes before.
    fn after(mut self, before: usize) -> Self {
        self.end = self.end.saturating_sub(before);
        self.others.iter_mut().for_each(|(_, end)| *end = end.saturating_sub(before));
        self
    }

    /// The meaning that makes most sense: a whole module, else what begins or has something known, else the
    /// first.
    fn choose(mut self) -> (Vec<u8>, usize, bool) {
        let mut all = vec![(std::mem::take(&mut self.bytes), self.end)];
        all.append(&mut self.others);
        for (bytes, _) in &mut all {
            let end = if bytes.starts_with(MAGIC) { extent(bytes) } else { bytes.len() };
            let tail = bytes.get(end..).unwrap_or_default();
            if tail.len() <= self.pad && tail.iter().all(|byte| *byte == 0) {
                bytes.truncate(end);
            }
        }
        let best =
            all.iter().enumerate().max_by_key(|(index, (bytes, _))| (sense(bytes), usize::MAX - index));
        let best = best.map_or(0, |(index, _)| index);
        let (bytes, end) = all.swap_remove(best);
        (bytes, end, self.is_closed)
    }
}

const MAGIC: &[u8] = b"\0asm";

/// Whether bytes are a module to its end.
fn is_whole(bytes: &[u8]) -> bool {
    sense(bytes).0 == 3
}

/// How much sense bytes make: whole modules before parts, those before what has one in it.
fn sense(bytes: &[u8]) -> (u8, usize) {
    if bytes.starts_with(MAGIC) {
        let end = extent(bytes);
        (if end == bytes.len() { 3 } else { 2 }, end)
    } else if is_container(bytes) {
        (2, bytes.len())
    } else {
        (u8::from(memmem::find(bytes, MAGIC).is_some()), 0)
    }
}

/// Digits of such a run from which it is guessed.
const GUESSED: usize = 1024;

/// Fewer bytes than this are no module worth a sample.
const LEAST: usize = 9;
/// Bytes of a match that may lie behind where it may begin.
const MATCH: usize = 160;

/// Where whole modules were read, by beginning.
type Read = BTreeMap<usize, usize>;

fn has_read(read: &Read, at: usize) -> Option<usize> {
    read.range(..=at).next_back().map(|(_, end)| *end).filter(|end| at < *end)
}

impl Unpacker<'_> {
    pub(super) fn text(&mut self, bytes: &[u8], search: &Search) -> io::Result<()> {
        let mut read = Read::new();
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
                    let is_string = kind.notation == Notation::String;
                    let is_foreign = search.is_source && is_string && found.as_bytes().starts_with(b"\\0");
                    let is_url = found.as_bytes().starts_with(b";");
                    // After a data URL without contents another may begin.
                    let start = if is_url { at + found.end() } else { from };
                    at = match has_read(&read, from) {
                        Some(end) => end,
                        None if is_foreign => from + 1,
                        None => self.run(bytes, (kind, pattern), start, search, &mut read)?.max(from + 1),
                    };
                }
            }
        }
        self.guessed(bytes, search, &mut read)?;
        self.wide(bytes, search)
    }

    /// Reads a run of text from where something may begin in it; gives where the run ends. A beginning may be
    /// a decoy. So the run is read again from where something else may begin so that its digits make other
    /// bytes. That is once for each number of digits that may be over.
    fn run(
        &mut self,
        bytes: &[u8],
        (kind, pattern): (&Kind, &Regex),
        start: usize,
        search: &Search,
        read: &mut Read,
    ) -> io::Result<usize> {
        let mut count = kind.digits.map(|(digit, phases)| Count {
            digit,
            phases,
            at: start,
            digits: 0,
            style: Style::default(),
        });
        let (mut tried, mut found, mut end, mut from) = (0u32, false, None, start);
        loop {
            let reading = (kind.read)(bytes, from, self.guesses.joined != 0);
            let joined: u64 = reading.others.iter().map(|(_, end)| *end as u64).sum();
            self.guesses.joined = self.guesses.joined.saturating_sub(joined);
            let (piece, len, is_closed) = reading.choose();
            let end = *end.get_or_insert(from + len);
            let has_one = self.piece(kind.notation, from..from + len, (&piece, is_closed), search)?;
            if has_one && !is_cut(&piece) {
                read.insert(from, from + len);
            }
            found |= has_one;
            drop(piece);
            let Some(count) = &mut count else { return Ok(end) };
            tried |= 1 << count.phase(bytes, from);
            loop {
                let again = bytes.get(from + 1..end).filter(|_| tried.count_ones() < count.phases);
                let Some(again) = again.and_then(|part| pattern.find(part)) else { return Ok(end) };
                from += 1 + again.start();
                // Among many digits, short beginnings of other things come about by chance.
                let is_module = kind.notation == Notation::Hex || again.as_bytes().starts_with(b"AGFzbQ");
                if (is_module || !found) && tried & (1 << count.phase(bytes, from)) == 0 {
                    break;
                }
            }
        }
    }

    /// Looks at what a run of text says; gives whether there was a module in it.
    fn piece(
        &mut self,
        notation: Notation,
        place: Range<usize>,
        (piece, is_closed): (&[u8], bool),
        search: &Search,
    ) -> io::Result<bool> {
        // Tables of numbers look like dumps.
        let is_worth = notation != Notation::Dump || sense(piece).0 != 0;
        if piece.len() < LEAST || !is_worth || search.has_seen(&place) {
            return Ok(false);
        }
        let before = self.credible;
        if self.is_deep() {
            self.cut(Cut::Depth, 1);
        } else if self.admit(piece.len() as u64) {
            let step = format!("{notation}@{}", place.start);
            if !is_closed && is_cut(piece) {
                let text =
                    format!("cut here: spoor does not understand how the text goes on at {}", place.end);
                self.fail(Some(step.clone()), FailureKind::Cut, &text)?;
            }
            self.enter(step, piece)?;
        }
        Ok(self.credible > before)
    }

    /// Looks at runs of base64 whose contents have no magic number, for what a decoder makes a module of.
    fn guessed(&mut self, bytes: &[u8], search: &Search, read: &mut Read) -> io::Result<()> {
        let Some(pattern) = RUN.as_ref() else { return Ok(()) };
        for range in &search.starts {
            let mut at = range.start;
            while let Some(found) = bytes.get(at..range.end).and_then(|part| pattern.find(part)) {
                let from = at + found.start() + 1;
                if let Some(end) = has_read(read, from) {
                    at = end;
                    continue;
                }
                let is_one = self.may_guess(1) && {
                    let head = bytes.get(from..(from + GUESSED).min(bytes.len())).unwrap_or_default();
                    streams::is_packed_module(&digits::base64(head, false).bytes)
                };
                let (piece, len, is_closed) = match is_one {
                    true => digits::base64(bytes.get(from..).unwrap_or_default(), true).choose(),
                    false => (Vec::new(), digits::run(bytes.get(from..).unwrap_or_default()), true),
                };
                at = from + len.max(1);
                if self.piece(Notation::Base64, from..at, (&piece, is_closed), search)? {
                    read.insert(from, at);
                }
            }
        }
        Ok(())
    }

    /// Looks at text of two bytes a character.
    fn wide(&mut self, bytes: &[u8], search: &Search) -> io::Result<()> {
        if let Some(text) = wide::marked(bytes) {
            return self.wide_run(0..bytes.len(), &text, search);
        }
        for (place, text) in wide::runs(bytes) {
            let after = search.starts.partition_point(|range| range.end <= place.start);
            let is_inside = search.starts.get(after).is_some_and(|range| range.start <= place.start);
            if is_inside {
                self.wide_run(place, &text, search)?;
            }
        }
        Ok(())
    }

    fn wide_run(&mut self, place: Range<usize>, text: &[u8], search: &Search) -> io::Result<()> {
        if PATTERNS.iter().any(|pattern| pattern.is_match(text)) {
            self.piece(Notation::Utf16, place, (text, true), search)?;
        }
        Ok(())
    }
}

/// Counts the digits of a run from its beginning.
struct Count {
    digit: Digit,
    phases: u32,
    at: usize,
    digits: u32,
    style: Style,
}

impl Count {
    /// How many digits are over before a place behind the last one asked for. As many digits are taken
    /// together as begin with a byte.
    fn phase(&mut self, bytes: &[u8], place: usize) -> u32 {
        while self.at < place {
            let Some((digit, len)) = (self.digit)(bytes.get(self.at..).unwrap_or_default(), &mut self.style)
            else {
                break;
            };
            self.digits = (self.digits + u32::from(digit.is_some())) % self.phases;
            self.at += len;
        }
        self.digits
    }
}

#[cfg(test)]
pub(super) fn is_warm() -> bool {
    std::sync::LazyLock::get(&PATTERNS).is_some() && std::sync::LazyLock::get(&kinds::RUN).is_some()
}

#[cfg(test)]
mod tests;
