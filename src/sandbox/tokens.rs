//! Honeytokens: who touched the bait of a persona, and where its bytes went.
//!
//! Bytes are looked for from when they were first handed out on: before that, the sample cannot have them
//! from the sandbox. Everything that a call is handed is searched as far as `import` reads it, plain, in
//! hexadecimal digits and in base64. At the end files, streams and connections are searched as well.
//!
//! Bounded: [`TOKEN_SCANNED`] bytes of calls, [`TOKEN_LEAKS`] places for a token.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use aho_corasick::AhoCorasick;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use super::limits::{TOKEN_HITS, TOKEN_LEAKS, TOKEN_PIECES, TOKEN_SCANNED};
use super::{
    fs::Ino,
    persona::Honeytoken,
    types::{Leak, LeakEncoding, LeakPlace, TokenUse},
};

/// Bytes of a piece of a long token.
const PIECE: usize = 24;
/// Different bytes that a piece has at least: zeros are found everywhere.
const DISTINCT: usize = 5;

/// Where a token lies at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    File(Ino),
    Environment,
    Arguments,
    Stdin,
}

/// All tokens of a run.
#[derive(Debug, Default)]
pub(super) struct Watch {
    tokens: Vec<Token>,
    /// Where in a source which token lies.
    places: BTreeMap<Source, Vec<(Range<u64>, usize)>>,
    /// Made when the first token is handed out.
    finder: Option<Finder>,
    scanned: u64,
    /// The call that was searched last, and how often it was found to carry bait, by token and position of
    /// the leak.
    last: (Option<usize>, BTreeMap<(usize, usize), u64>),
    /// Bytes that were not looked through.
    pub(super) cut: u64,
}

#[derive(Debug)]
struct Token {
    name: String,
    value: Vec<u8>,
    touched_in: BTreeSet<String>,
    opened: u64,
    read: u64,
    first_call: Option<usize>,
    leaks: Vec<Leak>,
    leaks_cut: u64,
}

/// Looks for all tokens in all encodings at once.
#[derive(Debug)]
struct Finder {
    automaton: AhoCorasick,
    /// Token and encoding of each pattern.
    patterns: Vec<(usize, LeakEncoding)>,
}

impl Watch {
    pub(super) fn new(tokens: &[Honeytoken]) -> Self {
        let tokens = tokens.iter().map(|token| Token {
            name: token.name.clone(),
            value: token.value.clone(),
            touched_in: BTreeSet::new(),
            opened: 0,
            read: 0,
            first_call: None,
            leaks: Vec::new(),
            leaks_cut: 0,
        });
        Self { tokens: tokens.collect(), ..Self::default() }
    }

    /// Notes which tokens lie in a source.
    pub(super) fn place(&mut self, source: Source, bytes: &[u8]) {
        for (index, token) in self.tokens.iter().enumerate() {
            let len = token.value.len();
            let found = memchr::memmem::find_iter(bytes, &token.value).take(TOKEN_HITS);
            let ranges = found.map(|at| (at as u64..(at + len) as u64, index));
            let ranges: Vec<_> = ranges.collect();
            if !ranges.is_empty() {
                self.places.entry(source).or_default().extend(ranges);
            }
        }
    }

    /// An inode is another file from now on.
    pub(super) fn forget(&mut self, ino: Ino) {
        self.places.remove(&Source::File(ino));
    }

    /// A file was opened; `path` is what it is called.
    pub(super) fn opened(&mut self, ino: Ino, path: &str, call: Option<usize>) {
        let tokens: BTreeSet<usize> =
            self.places.get(&Source::File(ino)).into_iter().flatten().map(|&(_, token)| token).collect();
        for index in tokens {
            if let Some(token) = self.tokens.get_mut(index) {
                token.opened += 1;
                token.touch(path, call);
            }
        }
    }

    /// Bytes of a source were handed out.
    pub(super) fn read(&mut self, source: Source, bytes: Range<u64>, place: &str, call: Option<usize>) {
        let Some(places) = self.places.get(&source) else { return };
        let overlaps = |at: &Range<u64>| at.start < bytes.end && bytes.start < at.end;
        let tokens: BTreeSet<usize> =
            places.iter().filter(|(at, _)| overlaps(at)).map(|&(_, token)| token).collect();
        if tokens.is_empty() {
            return;
        }
        for index in tokens {
            if let Some(token) = self.tokens.get_mut(index) {
                token.read += 1;
                token.touch(place, call);
            }
        }
        if self.finder.is_none() {
            self.finder = Finder::new(&self.tokens);
        }
    }

    /// Whether anything is looked for.
    pub(super) fn is_armed(&self) -> bool {
        self.finder.is_some()
    }

    /// Looks through what a call was handed.
    pub(super) fn search(&mut self, bytes: &[u8], to: &LeakPlace, by: &str, call: Option<usize>) {
        let room = TOKEN_SCANNED.saturating_sub(self.scanned).min(bytes.len() as u64) as usize;
        self.cut += (bytes.len() - room) as u64;
        self.scanned += room as u64;
        if self.last.0 != call {
            self.last = (call, BTreeMap::new());
        }
        for (index, encoding) in self.hits(&bytes[..room]) {
            let Some(token) = self.tokens.get_mut(index).filter(|token| token.read > 0) else { continue };
            let made = Leak { to: to.clone(), by: by.into(), encoding, first_call: call, calls: 1 };
            if let Some(leak) = token.add(made) {
                *self.last.1.entry((index, leak)).or_default() += 1;
            }
        }
    }

    /// A call did nothing: what it was handed went nowhere. That it was tried stays known.
    pub(super) fn failed(&mut self, call: usize) {
        if self.last.0 != Some(call) {
            return;
        }
        // From the end, so that taking one out moves none of the others.
        for ((index, leak), times) in std::mem::take(&mut self.last.1).into_iter().rev() {
            let Some(token) = self.tokens.get_mut(index) else { continue };
            let Some(of) = token.leaks.get_mut(leak) else { continue };
            let tried =
                Leak { to: LeakPlace::FailedCall, first_call: Some(call), calls: times, ..of.clone() };
            of.calls = of.calls.saturating_sub(times);
            if of.calls == 0 {
                token.leaks.remove(leak);
            }
            token.add(tried);
        }
    }

    /// Looks through what was left after the run; what a call was seen to bring there is known.
    pub(super) fn search_rest(&mut self, bytes: &[u8], to: &LeakPlace) {
        for (token, encoding) in self.hits(bytes) {
            let Some(token) = self.tokens.get_mut(token).filter(|token| token.read > 0) else { continue };
            if !token.leaks.iter().any(|leak| leak.to == *to && leak.encoding == encoding) {
                token.leak(Leak { to: to.clone(), by: String::new(), encoding, first_call: None, calls: 0 });
            }
        }
    }

    fn hits(&self, bytes: &[u8]) -> BTreeSet<(usize, LeakEncoding)> {
        let Some(finder) = &self.finder else { return BTreeSet::new() };
        let hits = finder.automaton.find_overlapping_iter(bytes).take(TOKEN_HITS);
        hits.filter_map(|hit| finder.patterns.get(hit.pattern().as_usize()).copied()).collect()
    }

    /// The tokens that were touched.
    pub(super) fn into_used(self) -> Vec<TokenUse> {
        let touched = self.tokens.into_iter().filter(|token| token.opened > 0 || token.read > 0);
        let used = touched.map(|token| TokenUse {
            name: token.name,
            touched_in: token.touched_in.into_iter().collect(),
            opened: token.opened,
            read: token.read,
            first_call: token.first_call,
            leaks: token.leaks,
            leaks_cut: token.leaks_cut,
        });
        used.collect()
    }
}

impl Token {
    fn touch(&mut self, place: &str, call: Option<usize>) {
        if self.touched_in.is_empty() {
            self.first_call = call;
        }
        if self.touched_in.len() < TOKEN_LEAKS {
            self.touched_in.insert(place.to_owned());
        }
    }

    /// Counts a leak that is known, or keeps it; its position.
    fn add(&mut self, leak: Leak) -> Option<usize> {
        let is_same = |of: &Leak| of.to == leak.to && of.by == leak.by && of.encoding == leak.encoding;
        if let Some(at) = self.leaks.iter().position(is_same) {
            self.leaks.get_mut(at)?.calls += leak.calls;
            return Some(at);
        }
        self.leak(leak);
        self.leaks.len().checked_sub(1).filter(|_| self.leaks_cut == 0)
    }

    fn leak(&mut self, leak: Leak) {
        match self.leaks.len() < TOKEN_LEAKS {
            true => self.leaks.push(leak),
            false => self.leaks_cut += 1,
        }
    }
}

impl Finder {
    fn new(tokens: &[Token]) -> Option<Self> {
        let (mut texts, mut patterns) = (Vec::new(), Vec::new());
        for (index, token) in tokens.iter().enumerate() {
            for piece in pieces(&token.value) {
                for (encoding, text) in encodings(piece) {
                    texts.push(text);
                    patterns.push((index, encoding));
                }
            }
        }
        Some(Self { automaton: AhoCorasick::new(&texts).ok()?, patterns })
    }
}

/// The parts of a token that are looked for: a long one may go out in parts.
fn pieces(value: &[u8]) -> Vec<&[u8]> {
    if value.len() <= 2 * PIECE {
        return vec![value];
    }
    let last = value.len() - PIECE;
    let count = TOKEN_PIECES.min(last + 1);
    let starts: BTreeSet<usize> = (0..count).map(|index| index * last / (count - 1).max(1)).collect();
    let parts = starts.into_iter().filter_map(|start| value.get(start..start + PIECE));
    parts.filter(|piece| piece.iter().collect::<BTreeSet<_>>().len() >= DISTINCT).collect()
}

/// How a piece may be written. Base64 looks different depending on how many bytes stand before it: the
/// letters that its neighbours decide are left out.
fn encodings(piece: &[u8]) -> Vec<(LeakEncoding, Vec<u8>)> {
    let hex = |upper: bool| {
        let digits = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        piece.iter().map(digits).collect::<String>().into_bytes()
    };
    let mut all = vec![
        (LeakEncoding::Plain, piece.to_vec()),
        (LeakEncoding::Hex, hex(false)),
        (LeakEncoding::Hex, hex(true)),
    ];
    for before in 0..3usize {
        let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(piece.iter().copied()).collect();
        let (first, end) = ((8 * before).div_ceil(6), padded.len() * 8 / 6);
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&padded).into_bytes();
            all.extend(text.get(first..end).map(|letters| (LeakEncoding::Base64, letters.to_vec())));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: &str) -> LeakPlace {
        place.to_owned().into()
    }

    fn watch(values: &[&[u8]]) -> Watch {
        let token =
            |(index, value): (usize, &&[u8])| Honeytoken { name: format!("t{index}"), value: value.to_vec() };
        Watch::new(&values.iter().enumerate().map(token).collect::<Vec<_>>())
    }

    #[test]
    fn what_was_read_is_found_in_every_encoding() {
        let secret = b"s3cr3t-T0ken-value";
        let mut watch = watch(&[secret, b"another one"]);
        watch.place(Source::File(Ino(4)), b"key = s3cr3t-T0ken-value\n");
        watch.place(Source::Environment, b"X=another one");
        watch.search(secret, &at("stdout"), "wasi.fd_write", Some(0));
        assert!(!watch.is_armed(), "nobody has it yet");
        watch.opened(Ino(4), "/key", Some(1));
        watch.read(Source::File(Ino(4)), 0..6, "/key", Some(2));
        assert!(!watch.is_armed(), "only what stands before it was read");
        watch.read(Source::File(Ino(4)), 6..7, "/key", Some(3));
        for (call, before) in ["", "a", "ab"].into_iter().enumerate() {
            let text = base64::engine::general_purpose::STANDARD
                .encode(format!("{before}s3cr3t-T0ken-value and more"));
            watch.search(text.as_bytes(), &at("socket c2"), "wasi.sock_send", Some(call + 4));
        }
        let hex: String = secret.iter().map(|byte| format!("{byte:02X}")).collect();
        watch.search(hex.as_bytes(), &at("stdout"), "wasi.fd_write", Some(9));
        watch.search(b"another one", &at("stdout"), "wasi.fd_write", Some(10));
        watch.search_rest(b"__s3cr3t-T0ken-value__", &at("/copy"));
        watch.search_rest(hex.as_bytes(), &at("stdout"));
        let used = watch.into_used();
        let [token] = &used[..] else { panic!("{used:?}") };
        assert_eq!((token.name.as_str(), token.opened, token.read, token.first_call), ("t0", 1, 1, Some(1)));
        assert_eq!(token.touched_in, ["/key"]);
        let leaks: Vec<_> = token
            .leaks
            .iter()
            .map(|leak| (leak.to.to_string(), leak.encoding, leak.first_call, leak.calls))
            .collect();
        let expected = [
            ("socket c2".to_owned(), LeakEncoding::Base64, Some(4), 3),
            ("stdout".to_owned(), LeakEncoding::Hex, Some(9), 1),
            ("/copy".to_owned(), LeakEncoding::Plain, None, 0),
        ];
        assert_eq!(leaks, expected);
    }

    #[test]
    fn what_a_failed_call_was_handed_went_nowhere() {
        let mut watch = watch(&[b"0123456789"]);
        watch.place(Source::Arguments, b"0123456789");
        watch.read(Source::Arguments, 0..1, "arguments", None);
        for call in 0..5 {
            watch.search(b"0123456789", &at("argument"), "wasi.sock_send", Some(call));
            if call != 2 {
                watch.failed(call);
            }
        }
        let used = watch.into_used();
        let leaks: Vec<_> =
            used[0].leaks.iter().map(|leak| (leak.to.to_string(), leak.first_call, leak.calls)).collect();
        assert_eq!(leaks, [("failed call".to_owned(), Some(0), 4), ("argument".to_owned(), Some(2), 1)]);
    }

    #[test]
    fn parts_of_a_long_token_are_found_and_zeros_are_not() {
        let mut long: Vec<u8> = vec![0; 2000];
        long.extend((0..2000u32).map(|index| (index * index * 7 / 13) as u8));
        let mut watch = watch(&[&long]);
        watch.place(Source::Stdin, &long);
        watch.read(Source::Stdin, 0..10, "standard input", None);
        watch.search(&[0; 4096], &at("stdout"), "f", None);
        assert!(watch.tokens[0].leaks.is_empty());
        watch.search(&long[2500..3100], &at("stdout"), "f", None);
        assert_eq!(watch.tokens[0].leaks.len(), 1);
    }

    #[test]
    fn places_are_bounded() {
        let mut watch = watch(&[b"0123456789"]);
        watch.place(Source::Arguments, b"0123456789");
        watch.read(Source::Arguments, 0..1, "arguments", None);
        for index in 0..TOKEN_LEAKS + 5 {
            watch.search(b"0123456789", &at(&index.to_string()), "f", None);
        }
        let used = watch.into_used();
        assert_eq!((used[0].leaks.len(), used[0].leaks_cut), (TOKEN_LEAKS, 5));
    }
}
