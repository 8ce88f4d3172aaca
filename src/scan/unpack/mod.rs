//! Modules inside other files: archives, compressed streams, and whatever has a module among its bytes or in its text.
//!
//! All of it is foreign and much of it hostile, so a scan does this in a confined worker, one for each file; nothing is written to a disk, and a
//! member's name is only a name. What a file expands to is bounded by [`Caps`]; whatever a cap leaves out is counted and reported as a failure of
//! kind `cut`, once for each cap.

mod carve;
mod streams;
mod tar;
mod text;
mod zip;

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
};

use base64::Engine as _;

use super::rows::{Failure, FailureKind};

/// Bounds of what one file expands to. Defaults suit a worker with 2 GiB of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps {
    /// Containers within containers. Default 8.
    pub depth: usize,
    /// Members of all archives and pieces of all texts together. Default 200,000.
    pub members: u64,
    /// Bytes that all of them expand to. Default 4 GiB.
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
    pub const BOMB_BYTES: u64 = 64 << 20;
}

impl Default for Caps {
    fn default() -> Self {
        Self { depth: 8, members: 200_000, bytes: 4 << 30, member_bytes: 256 << 20, ratio: 200, failures: 1000 }
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

/// Looks for modules within a module: in its segments, custom sections, and strings.
///
/// # Errors
///
/// When `sink` gives one.
pub fn embedded(module: &[u8], caps: &Caps, sink: &mut dyn Sink) -> io::Result<()> {
    let mut unpacker = Unpacker::new(caps, sink);
    // Past its own magic number.
    unpacker.pieces(module, 8.min(module.len()))?;
    unpacker.finish()
}

/// Whether the bytes begin like a module or component in the binary format.
pub fn is_binary(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm")
}

/// Whether the bytes begin like a module in the text format: white space and comments, then `(module` or `(component`.
pub fn is_text(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        rest = rest.trim_ascii_start();
        if rest.starts_with(b";;") {
            rest = memchr::memchr(b'\n', rest).map_or(&[], |end| &rest[end..]);
        } else if rest.starts_with(b"(;") {
            rest = memchr::memmem::find(rest, b";)").map_or(&[], |end| &rest[end + 2..]);
        } else {
            return rest.starts_with(b"(module") || rest.starts_with(b"(component");
        }
    }
}

/// What is left of the bounds, and the way to where it is.
struct Unpacker<'a> {
    caps: Caps,
    sink: &'a mut dyn Sink,
    inside: Vec<String>,
    /// Which cap left out how much.
    cuts: BTreeMap<&'static str, u64>,
}

impl<'a> Unpacker<'a> {
    fn new(caps: &Caps, sink: &'a mut dyn Sink) -> Self {
        Self { caps: caps.clone(), sink, inside: Vec::new(), cuts: BTreeMap::new() }
    }

    /// Looks at a whole file or member.
    fn look(&mut self, bytes: &[u8]) -> io::Result<()> {
        if is_binary(bytes) || is_text(bytes) {
            return self.sink.take(&self.inside, Found::Module(bytes));
        }
        if self.inside.len() >= self.caps.depth {
            // Archives are not entered; what lies open is still found.
            if streams::is_one(bytes) || zip::is_one(bytes) || tar::is_one(bytes) {
                return self.cut("container deeper than the limit", 1);
            }
        } else if zip::is_one(bytes) {
            return self.zip(bytes);
        } else if streams::is_one(bytes) {
            return self.stream(bytes);
        } else if tar::is_one(bytes) {
            return self.tar(bytes);
        }
        self.pieces(bytes, 0)
    }

    /// Looks at a part of what it is in.
    fn enter(&mut self, step: String, bytes: &[u8]) -> io::Result<()> {
        self.inside.push(step);
        let result = self.look(bytes);
        self.inside.pop();
        result
    }

    /// Takes a member from the bounds; false if they do not allow it.
    fn admit(&mut self, bytes: u64) -> io::Result<bool> {
        if self.caps.members == 0 {
            self.cut("member beyond the limit", 1)?;
            return Ok(false);
        }
        self.caps.members -= 1;
        let Some(rest) = self.caps.bytes.checked_sub(bytes) else {
            self.caps.bytes = 0;
            self.cut("member after the limit of expanded bytes", 1)?;
            return Ok(false);
        };
        self.caps.bytes = rest;
        Ok(true)
    }

    /// Bytes that a member of so many compressed bytes may expand to.
    fn room(&self, compressed: u64) -> u64 {
        let honest = compressed.saturating_mul(self.caps.ratio).max(Caps::BOMB_BYTES);
        honest.min(self.caps.member_bytes).min(self.caps.bytes)
    }

    fn cut(&mut self, what: &'static str, count: u64) -> io::Result<()> {
        *self.cuts.entry(what).or_default() += count;
        Ok(())
    }

    /// Reports a failure at a step below where it is.
    fn fail(&mut self, step: Option<String>, kind: FailureKind, text: &str) -> io::Result<()> {
        if self.caps.failures == 0 {
            return self.cut("failure beyond the limit", 1);
        }
        self.caps.failures -= 1;
        let text = text.chars().take(200).collect();
        let pushed = step.map(|step| self.inside.push(step)).is_some();
        let result = self.sink.take(&self.inside, Found::Failure(Failure { kind, text }));
        if pushed {
            self.inside.pop();
        }
        result
    }

    /// Says what was left out.
    fn finish(self) -> io::Result<()> {
        let Self { sink, cuts, .. } = self;
        for (what, count) in cuts {
            sink.take(&[], Found::Failure(Failure { kind: FailureKind::Cut, text: counted(count, what) }))?;
        }
        Ok(())
    }
}

/// A count with what it counts, the noun of which comes first and is in the singular.
fn counted(count: u64, what: &str) -> String {
    let (noun, which) = what.split_once(' ').unwrap_or((what, ""));
    format!("{count} {noun}{} {which}", if count == 1 { "" } else { "s" })
}

/// The step into a member of this name: as text, or its bytes in base64 if it is none.
fn step(kind: &str, name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(name) => format!("{kind}:{name}"),
        Err(_) => format!("{kind};base64:{}", base64::engine::general_purpose::STANDARD.encode(name)),
    }
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
