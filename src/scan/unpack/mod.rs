//! Modules inside other files: archives, compressed streams, and whatever has a module among its bytes or in
//! its text.
//!
//! All of it is foreign and much of it hostile, so a scan does this in a confined worker, one for each file.
//! Nothing is written to a disk, and a member's name is only a name. [`Caps`] bounds what a file expands to.
//! Whatever a cap leaves out is counted and reported as a failure of kind `cut`, once for each cap.
//!
//! A container hides nothing. All of it is searched like any other file, but for the contents of members that
//! lie there as they are.

mod carve;
mod limits;
mod streams;
mod tar;
mod text;
mod zip;

use std::{
    collections::BTreeMap,
    fmt::Display,
    io::{self, Read as _},
    ops::Range,
};

use base64::Engine as _;
use memchr::memmem;

use self::carve::Search;
use self::limits::{WAY_LEAST_NAME, WAY_NAMES, ZIP_READS};
use super::rows::{Failure, FailureKind};
use crate::{
    hex,
    module::{HEAD, extent},
    text::{self as texts, json_len},
};

/// Bounds of what one file expands to. Defaults suit a worker with 2 GiB of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps {
    /// Containers within containers. Default 8.
    pub depth: usize,
    /// Members of all archives and pieces of all texts together. Default 200,000; [`Self::of_file`] gives
    /// fewer.
    pub members: u64,
    /// Bytes that all of them expand to. Default 4 GiB; [`Self::of_file`] gives fewer.
    pub bytes: u64,
    /// Bytes of one member. Default 256 MiB.
    pub member_bytes: u64,
    /// How many times its compressed size a member of more than [`Caps::BOMB_BYTES`] may have. Default 200.
    pub ratio: u64,
    /// Failures that are reported one by one; others are counted. Default 1000.
    pub failures: u64,
}

impl Caps {
    /// Up to this size nothing is a bomb: an empty memory compresses well.
    pub const BOMB_BYTES: u64 = limits::BOMB_BYTES;

    /// For a file of `len` bytes: nested archives of a few kilobytes get seconds, not the time that a large
    /// archive is worth.
    pub fn of_file(len: u64) -> Self {
        let of = |least: u64, more: u64, most: u64| least.saturating_add(more).min(most);
        Self {
            members: of(limits::LEAST_MEMBERS, len / limits::MEMBER_PACKED, limits::MEMBERS),
            bytes: of(limits::LEAST_BYTES, len.saturating_mul(limits::ALL_RATIO), limits::BYTES),
            ..Self::default()
        }
    }
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            depth: limits::DEPTH,
            members: limits::MEMBERS,
            bytes: limits::BYTES,
            member_bytes: limits::MEMBER_BYTES,
            ratio: limits::RATIO,
            failures: limits::FAILURES,
        }
    }
}

/// What was found, and the way to it.
#[derive(Debug)]
pub enum Found<'a> {
    /// A module or component, binary or text.
    Module(&'a [u8]),
    /// Something that could not be looked into, or not to its end.
    Failure(Failure),
}

/// Takes what is found, with the steps of the way to it.
pub trait Sink {
    /// Takes it.
    ///
    /// # Errors
    ///
    /// When it cannot be handed on; then unpacking ends.
    fn take(&mut self, inside: &[String], found: Found<'_>) -> io::Result<()>;
}

impl<F: FnMut(&[String], Found<'_>) -> io::Result<()>> Sink for F {
    fn take(&mut self, inside: &[String], found: Found<'_>) -> io::Result<()> {
        self(inside, found)
    }
}

/// Looks for modules in a file and hands each to `sink`. The file itself is handed over if it is one.
///
/// # Errors
///
/// When `sink` gives one.
pub fn unpack(bytes: &[u8], caps: &Caps, sink: &mut dyn Sink) -> io::Result<()> {
    let mut unpacker = Unpacker::new(caps, sink);
    unpacker.look(bytes)?;
    unpacker.finish()
}

/// Looks for modules within a module: in its segments, custom sections, and strings, and in a zip behind it.
/// It also looks into the text that it was compiled from, whose comments are not in it.
///
/// # Errors
///
/// When `sink` gives one.
pub fn embedded(module: &[u8], source: Option<&[u8]>, caps: &Caps, sink: &mut dyn Sink) -> io::Result<()> {
    let mut unpacker = Unpacker::new(caps, sink);
    if zip::is_one(module) {
        // The bytes before the zip are a module without it.
        unpacker.zip(module)?;
    } else {
        unpacker.pieces(module, &Search::within(module))?;
    }
    if let Some(source) = source {
        unpacker.pieces(source, &Search::source(source))?;
    }
    unpacker.finish()
}

/// Whether the expressions for text were compiled.
#[cfg(test)]
pub(super) fn is_warm() -> bool {
    text::is_warm()
}

/// Whether the bytes begin like a module or component in the binary format.
pub fn is_binary(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm")
}

/// Whether the bytes begin like a module in the text format: white space and comments, then `(module` or
/// `(component`.
pub fn is_text(bytes: &[u8]) -> bool {
    let mut rest = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    loop {
        rest = rest.trim_ascii_start();
        if rest.starts_with(b";;") {
            rest = memchr::memchr(b'\n', rest).map_or(&[], |end| &rest[end..]);
        } else if rest.starts_with(b"(;") {
            rest = memmem::find(rest, b";)").map_or(&[], |end| &rest[end + 2..]);
        } else {
            return rest.starts_with(b"(module") || rest.starts_with(b"(component");
        }
    }
}

/// Whether the bytes begin like an archive or a compressed stream that is entered. For a tar, the first 512
/// tell.
pub fn is_container(bytes: &[u8]) -> bool {
    zip::is_start(bytes) || streams::is_one(bytes) || tar::is_one(bytes)
}

/// What the caps left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    Depth,
    Members,
    Bytes,
    MemberBytes,
    Overlaps,
    Failures,
    Guesses,
}

impl Cut {
    /// How much was left out, and which cap it was.
    fn text(self, count: u64, caps: &Caps) -> String {
        let of = |noun| format!("{count} {}", texts::noun(count, noun));
        match self {
            Self::Depth => format!("{} within more than {} others", of("container"), caps.depth),
            Self::Members => format!("{} beyond the limit of {}", of("member"), caps.members),
            Self::Bytes => {
                format!("{} beyond the limit of {} bytes for all of them, expanded", of("member"), caps.bytes)
            }
            Self::MemberBytes => format!(
                "{} larger, expanded, than the limit of {} bytes, or of {} and {} times the compressed size",
                of("member"),
                caps.member_bytes,
                Caps::BOMB_BYTES.min(caps.member_bytes),
                caps.ratio,
            ),
            Self::Overlaps => format!(
                "{} of zip files whose members lie over each other, of which {ZIP_READS} times their size was read",
                of("member"),
            ),
            Self::Failures => format!("{} beyond the limit of {}", of("failure"), caps.failures),
            Self::Guesses => format!(
                "{} where something packed may begin, beyond {} of them or {} bytes",
                of("place"),
                Guesses::ALL.places,
                Guesses::ALL.bytes,
            ),
        }
    }
}

/// How much is tried where something packed may begin and no container says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Guesses {
    places: u64,
    bytes: u64,
    /// Bytes of text that is read once more as one, because it may be.
    joined: u64,
}

impl Guesses {
    /// A decoder takes some microseconds to begin, so the places are a second; the bytes are some seconds.
    const ALL: Self = Self { places: 50_000, bytes: 1 << 30, joined: 512 << 20 };
}

/// What is left of the bounds, and the way to where it is.
struct Unpacker<'a> {
    caps: Caps,
    /// What is left of those that count something.
    left: Caps,
    sink: &'a mut dyn Sink,
    inside: Vec<String>,
    guesses: Guesses,
    /// Modules that were handed over and look like some.
    credible: u64,
    /// Headers that claim to begin more than may be handed over.
    oversize: u64,
    /// Which cap left out how much.
    cuts: BTreeMap<Cut, u64>,
}

impl<'a> Unpacker<'a> {
    fn new(caps: &Caps, sink: &'a mut dyn Sink) -> Self {
        Self {
            caps: caps.clone(),
            left: caps.clone(),
            sink,
            inside: Vec::new(),
            guesses: Guesses::ALL,
            credible: 0,
            oversize: 0,
            cuts: BTreeMap::new(),
        }
    }

    /// Looks at a whole file or member.
    fn look(&mut self, bytes: &[u8]) -> io::Result<()> {
        if is_binary(bytes) || is_text(bytes) {
            self.credible += u64::from(!is_binary(bytes) || extent(bytes) > HEAD);
            return self.sink.take(&self.inside, Found::Module(bytes));
        }
        let is_zip = zip::is_one(bytes);
        if self.is_deep() && (is_zip || is_container(bytes)) {
            self.cut(Cut::Depth, 1);
            // Not entered, but what lies open in it is found.
            self.pieces(bytes, &Search::all(bytes))
        } else if is_zip {
            self.zip(bytes)
        } else {
            self.unzipped(bytes)
        }
    }

    /// Looks at what is no zip, or at what comes before one.
    fn unzipped(&mut self, bytes: &[u8]) -> io::Result<()> {
        if streams::is_one(bytes) {
            self.stream(bytes)
        } else if tar::is_one(bytes) {
            self.tar(bytes)
        } else {
            self.pieces(bytes, &Search::all(bytes))
        }
    }

    /// Looks at a part of what it is in.
    fn enter(&mut self, step: String, bytes: &[u8]) -> io::Result<()> {
        self.inside.push(step);
        let result = self.look(bytes);
        self.inside.pop();
        result
    }

    /// Whether it is in as many containers as it may enter.
    fn is_deep(&self) -> bool {
        self.inside.len() >= self.caps.depth
    }

    /// The bound that allows no further member.
    fn spent(&self) -> Option<Cut> {
        match (self.left.members, self.left.bytes) {
            (0, _) => Some(Cut::Members),
            (_, 0) => Some(Cut::Bytes),
            _ => None,
        }
    }

    /// Takes a place, at this price, from those where something packed may begin; false if there were too
    /// many.
    fn may_guess(&mut self, price: u64) -> bool {
        let is_left = self.guesses.places >= price && self.guesses.bytes != 0;
        if is_left {
            self.guesses.places -= price;
        } else {
            self.cut(Cut::Guesses, 1);
        }
        is_left
    }

    /// Takes a member from the bounds; false if they do not allow it.
    fn admit(&mut self, bytes: u64) -> bool {
        if self.left.members == 0 {
            self.cut(Cut::Members, 1);
            return false;
        }
        self.left.members -= 1;
        let Some(rest) = self.left.bytes.checked_sub(bytes) else {
            self.left.bytes = 0;
            self.cut(Cut::Bytes, 1);
            return false;
        };
        self.left.bytes = rest;
        true
    }

    /// Reads a member as far as the bounds allow; `compressed` is its length in the archive if it is
    /// compressed. The excess is counted.
    fn read(&mut self, input: impl io::Read, compressed: Option<u64>) -> (Vec<u8>, Option<io::Error>) {
        let honest =
            compressed.map_or(u64::MAX, |bytes| bytes.saturating_mul(self.caps.ratio).max(Caps::BOMB_BYTES));
        let room = honest.min(self.caps.member_bytes);
        let (bytes, more, error) = read_within(input, room.min(self.left.bytes));
        if more {
            self.cut(if self.left.bytes < room { Cut::Bytes } else { Cut::MemberBytes }, 1);
        }
        (bytes, error)
    }

    fn cut(&mut self, what: Cut, count: u64) {
        *self.cuts.entry(what).or_default() += count;
    }

    /// Reports a failure at a step below where it is.
    fn fail(&mut self, step: Option<String>, kind: FailureKind, text: &str) -> io::Result<()> {
        if self.left.failures == 0 {
            self.cut(Cut::Failures, 1);
            return Ok(());
        }
        self.left.failures -= 1;
        let text = text.chars().take(limits::FAILURE_TEXT).collect();
        let pushed = step.map(|step| self.inside.push(step)).is_some();
        let result = self.sink.take(&self.inside, Found::Failure(Failure { kind, text }));
        if pushed {
            self.inside.pop();
        }
        result
    }

    /// Reports that something is broken at a step below where it is.
    fn broken(&mut self, step: &str, error: &impl Display) -> io::Result<()> {
        self.fail(Some(step.to_owned()), FailureKind::Broken, &error.to_string())
    }

    /// The step into a member of this name: as text, or its bytes in base64 if it is no text.
    ///
    /// A name may be as long as its archive. It stands in every row of what the member holds, after the names
    /// of all steps before it. One that is too long for what these leave is cut, and a part of its hash keeps
    /// different names different.
    fn step(&self, kind: &str, name: &[u8]) -> String {
        let used: usize = self.inside.iter().flat_map(|step| step.chars()).map(json_len).sum();
        let room = WAY_NAMES.saturating_sub(used).max(WAY_LEAST_NAME);
        let mark = || format!("…{}", &hex::sha256(name)[..16]);
        match std::str::from_utf8(name) {
            Ok(name) => {
                let mut ends = name.char_indices().scan(0, |len, (at, char)| {
                    *len += json_len(char);
                    Some((*len, at))
                });
                match ends.find(|(len, _)| *len > room) {
                    Some((_, end)) => format!("{kind}:{}{}", &name[..end], mark()),
                    None => format!("{kind}:{name}"),
                }
            }
            Err(_) => {
                let shown = name.get(..room / 4 * 3).filter(|shown| shown.len() < name.len());
                let base64 = base64::engine::general_purpose::STANDARD.encode(shown.unwrap_or(name));
                format!("{kind};base64:{base64}{}", shown.map_or_else(String::new, |_| mark()))
            }
        }
    }

    /// Says what was left out.
    fn finish(self) -> io::Result<()> {
        let Self { sink, cuts, caps, .. } = self;
        for (what, count) in cuts {
            sink.take(
                &[],
                Found::Failure(Failure { kind: FailureKind::Cut, text: what.text(count, &caps) }),
            )?;
        }
        Ok(())
    }
}

/// The ranges up to `len` that none of the spans covers, in order.
fn gaps(len: usize, mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_unstable_by_key(|span| span.start);
    let (mut gaps, mut at) = (Vec::new(), 0);
    for span in spans.into_iter().chain(std::iter::once(len..len)) {
        if at < span.start.min(len) {
            gaps.push(at..span.start.min(len));
        }
        at = at.max(span.end);
    }
    gaps
}

/// The place in a range of its container where the contents of an entered member lie as they are. A member
/// that does not shrink is stored so. Only about as many bytes are looked through as the member has: ranges
/// of others may be the same.
fn verbatim(bytes: &[u8], range: Range<usize>, member: &[u8]) -> Option<Range<usize>> {
    /// Bytes of headers before it, and of frames in it for one of its own.
    const FRAMES: (usize, usize) = (1024, 8);
    let end = range.end.min(range.start.saturating_add(FRAMES.0 + member.len() + member.len() / FRAMES.1));
    let part = bytes.get(range.start..end).filter(|_| member.len() > HEAD)?;
    let start = range.start + memmem::find(part, member)?;
    Some(start..start + member.len())
}

/// Reads at most `room` bytes; the flag says whether there were more.
fn read_within(input: impl io::Read, room: u64) -> (Vec<u8>, bool, Option<io::Error>) {
    let mut bytes = Vec::new();
    let error = io::Read::take(input, room.saturating_add(1)).read_to_end(&mut bytes).err();
    let more = bytes.len() as u64 > room;
    bytes.truncate(usize::try_from(room).unwrap_or(usize::MAX));
    (bytes, more, error)
}

#[cfg(test)]
mod tests;
