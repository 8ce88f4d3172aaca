//! Compressed streams: gzip, zstd, xz, zlib, deflate and brotli, as a whole file or among other bytes.
//!
//! Deflate and brotli have no magic number. They are taken for one if the decoder makes the beginning of a
//! module of the first bytes. Zlib and brotli are also taken for one if all of it, or much, can be read.

use std::io::{self, Read};

use memchr::memmem;

use crate::text::vocabulary;

use super::limits::{DICTIONARY_KIB, STREAM_PEEK, STREAM_WHOLE};
use super::{Cut, Unpacker, carve::Search, is_binary, read_within, verbatim};

vocabulary! {
    /// How a stream is compressed.
    enum StreamKind {
        Gzip = "gzip",
        Zstd = "zstd",
        Xz = "xz",
        Zlib = "zlib",
        Deflate = "deflate",
        Brotli = "brotli",
    }
}

/// Beginnings of streams.
const MAGICS: [(StreamKind, &[u8]); 3] = [
    (StreamKind::Gzip, b"\x1f\x8b\x08"),
    (StreamKind::Zstd, b"\x28\xb5\x2f\xfd"),
    (StreamKind::Xz, b"\xfd7zXZ\0"),
];
/// Bytes that must be there before a stream is one with a magic number.
const HEADER: usize = 6;

/// Bytes that a stream among other bytes must have made to count although it is broken.
const LEAST_BROKEN: usize = 256;
/// What Unity writes into an empty block of metadata at the beginning of brotli.
const UNITY: &[u8] = b"UnityWeb Compressed Content (brotli)";

fn kind(bytes: &[u8]) -> Option<StreamKind> {
    let begins =
        |kind, magic| if kind == StreamKind::Zstd { skipped(bytes) } else { bytes }.starts_with(magic);
    let known = MAGICS.iter().find(|&&(kind, magic)| begins(kind, magic)).map(|(kind, _)| *kind);
    known.or_else(|| guess(bytes))
}

pub(super) fn is_one(bytes: &[u8]) -> bool {
    kind(bytes).is_some()
}

/// Whether these are the first bytes of a stream that has a module in it, or of one with a magic number.
pub(super) fn is_packed_module(head: &[u8]) -> bool {
    [StreamKind::Zlib, StreamKind::Deflate, StreamKind::Brotli].iter().any(|&kind| makes_module(kind, head))
        || is_zlib(head)
}

fn makes_module(kind: StreamKind, bytes: &[u8]) -> bool {
    (kind != StreamKind::Zlib || is_zlib(bytes)) && is_binary(&peek(kind, bytes, 4).0)
}

/// The first bytes of what is in a stream, and whether the decoder is content so far.
fn peek(kind: StreamKind, bytes: &[u8], len: u64) -> (Vec<u8>, bool) {
    content(reader(kind, bytes), len)
}

/// The same of a decoder.
fn content(reader: impl Read, len: u64) -> (Vec<u8>, bool) {
    // The end of what is there is no fault of it.
    let (head, _, error) = read_within(reader, len);
    let is_end = error.as_ref().is_none_or(|error| error.kind() == io::ErrorKind::UnexpectedEof);
    (head, is_end)
}

/// The header of a zlib stream (RFC 1950): deflate with a window, no dictionary, and a check of both bytes.
fn is_zlib(bytes: &[u8]) -> bool {
    let Some(&[method, flags, ..]) = bytes.first_chunk::<3>() else { return false };
    let sum = u16::from_be_bytes([method, flags]);
    method & 0x0f == 8 && method >> 4 <= 7 && sum.is_multiple_of(31) && flags & 0x20 == 0
}

/// What a stream without a magic number is.
fn guess(bytes: &[u8]) -> Option<StreamKind> {
    let head = bytes.get(..64).unwrap_or(bytes);
    let is_text = head.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n'));
    if bytes.len() < 8 || is_text || is_binary(bytes) {
        return None;
    }
    if memmem::find(head, UNITY).is_some() {
        return Some(StreamKind::Brotli);
    }
    let kinds = [StreamKind::Zlib, StreamKind::Deflate, StreamKind::Brotli];
    let found = kinds.into_iter().find(|&kind| makes_module(kind, bytes));
    found.or_else(|| [StreamKind::Zlib, StreamKind::Brotli].into_iter().find(|&kind| is_whole(kind, bytes)))
}

/// Whether a stream can be read to its end, or for long.
fn is_whole(kind: StreamKind, bytes: &[u8]) -> bool {
    if kind == StreamKind::Zlib && !is_zlib(bytes) {
        return false;
    }
    let (head, is_content) = peek(kind, bytes, STREAM_PEEK);
    if head.is_empty() || !is_content {
        return false;
    }
    let (_, _, error) = read_within(reader(kind, bytes), STREAM_WHOLE);
    error.is_none()
}

impl Unpacker<'_> {
    pub(super) fn stream(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(kind) = kind(bytes) else { return Ok(()) };
        let (expanded, error) = self.read(reader(kind, bytes), Some(bytes.len() as u64));
        if let Some(error) = error {
            self.broken(kind.as_str(), &error)?;
        }
        // Of its own magic numbers, the first is that of the stream.
        let mut search = Search { has_streams: false, ..Search::all(bytes) };
        // Bytes that came before the end count, however it ended.
        if self.admit(expanded.len() as u64) {
            self.enter(kind.to_string(), &expanded)?;
            search.seen.extend(verbatim(bytes, 0..bytes.len(), &expanded));
        }
        drop(expanded);
        // Headers have fields for anything, frames are passed over, and where a broken stream broke off is
        // not known.
        self.pieces(bytes, &search)
    }

    /// Looks for streams that begin among other bytes.
    pub(super) fn streams(&mut self, bytes: &[u8], search: &Search) -> io::Result<()> {
        if !search.has_streams {
            return Ok(());
        }
        let finders = MAGICS.map(|(kind, magic)| (kind, memmem::Finder::new(magic)));
        for (kind, finder) in finders {
            for range in &search.starts {
                let mut at = range.start;
                while let Some(found) = bytes.get(at..range.end).and_then(|part| finder.find(part)) {
                    at += found;
                    at += self.stream_at(kind, at, bytes, search)?.max(1);
                }
            }
        }
        // The marks of zlib are too few for anything but a module.
        for range in &search.starts {
            for at in memchr::memchr_iter(0x78, bytes.get(range.clone()).unwrap_or_default()) {
                let at = range.start + at;
                let rest = bytes.get(at..).unwrap_or_default();
                if is_zlib(rest) && self.may_guess(1) && makes_module(StreamKind::Zlib, rest) {
                    self.stream_at(StreamKind::Zlib, at, bytes, search)?;
                }
            }
        }
        Ok(())
    }

    /// Looks into what may be a stream; gives how far it goes, if it is one.
    fn stream_at(&mut self, kind: StreamKind, at: usize, bytes: &[u8], search: &Search) -> io::Result<usize> {
        let rest = bytes.get(at..).unwrap_or_default();
        // The decoder of zstd takes that much longer to begin.
        let price = if kind == StreamKind::Zstd { 10 } else { 1 };
        if rest.len() < HEADER || self.is_deep() || !self.may_guess(price) {
            return Ok(0);
        }
        // Of one stream alone: what follows a short one is no fault of it.
        let (head, is_content) = content(reader_of(kind, &mut { rest }), STREAM_PEEK);
        if head.is_empty() || !is_content {
            return Ok(0);
        }
        let mut left = rest;
        let room = self.guesses.bytes.min(self.left.bytes).min(self.caps.member_bytes);
        let (expanded, more, error) = read_within(reader_of(kind, &mut left), room);
        let used = rest.len() - left.len();
        self.guesses.bytes = self.guesses.bytes.saturating_sub(expanded.len().max(used) as u64);
        if more {
            self.cut(Cut::Guesses, 1);
        }
        if error.is_some() && expanded.len() < LEAST_BROKEN && !is_binary(&expanded) {
            return Ok(0);
        }
        if !search.has_seen(&(at..at + used)) && self.admit(expanded.len() as u64) {
            let step = format!("{kind}@{at}");
            if let Some(error) = error.as_ref().filter(|_| is_binary(&expanded)) {
                self.broken(&step, error)?;
            }
            self.enter(step, &expanded)?;
        }
        Ok(if error.is_none() { used } else { 0 })
    }
}

fn reader<'a>(kind: StreamKind, bytes: &'a [u8]) -> Box<dyn Read + 'a> {
    match kind {
        StreamKind::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        StreamKind::Zlib => Box::new(flate2::read::ZlibDecoder::new(bytes)),
        StreamKind::Deflate => Box::new(flate2::read::DeflateDecoder::new(bytes)),
        StreamKind::Brotli => Box::new(brotli_decompressor::Decompressor::new(bytes, 4096)),
        StreamKind::Zstd => Box::new(Frames { bytes, frame: None }),
        StreamKind::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, DICTIONARY_KIB)),
    }
}

/// Reads one stream and moves `bytes` behind it; of other bytes than a stream may follow.
fn reader_of<'a, 'b: 'a>(kind: StreamKind, bytes: &'a mut &'b [u8]) -> Box<dyn Read + 'a> {
    match kind {
        StreamKind::Gzip => Box::new(flate2::bufread::GzDecoder::new(bytes)),
        StreamKind::Zlib => Box::new(flate2::bufread::ZlibDecoder::new(bytes)),
        StreamKind::Zstd => Box::new(Frame { bytes, frame: None }),
        _ => Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, false, DICTIONARY_KIB)),
    }
}

/// One frame of a zstd stream.
struct Frame<'a, 'b> {
    bytes: &'a mut &'b [u8],
    frame: Option<Box<ruzstd::decoding::StreamingDecoder<&'b [u8], ruzstd::decoding::FrameDecoder>>>,
}

impl Read for Frame<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let frame = match &mut self.frame {
            Some(frame) => frame,
            None => {
                let frame = ruzstd::decoding::StreamingDecoder::new(*self.bytes).map_err(io::Error::other)?;
                self.frame.insert(Box::new(frame))
            }
        };
        let read = frame.read(buffer)?;
        *self.bytes = frame.get_ref();
        Ok(read)
    }
}

/// The bytes after the frames at the beginning that a zstd stream has for other uses (RFC 8878, 3.1.2).
/// Parallel compressors write such frames.
fn skipped(mut bytes: &[u8]) -> &[u8] {
    while let Some((&[0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d], rest)) = bytes.split_first_chunk() {
        bytes = rest.get(u32::from_le_bytes([a, b, c, d]) as usize..).unwrap_or_default();
    }
    bytes
}

/// The frames of a zstd stream, one after the other.
struct Frames<'a> {
    bytes: &'a [u8],
    frame: Option<Box<ruzstd::decoding::StreamingDecoder<&'a [u8], ruzstd::decoding::FrameDecoder>>>,
}

impl Read for Frames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(frame) = &mut self.frame else {
                self.bytes = skipped(self.bytes);
                if self.bytes.is_empty() {
                    return Ok(0);
                }
                let frame = ruzstd::decoding::StreamingDecoder::new(self.bytes).map_err(io::Error::other)?;
                self.frame = Some(Box::new(frame));
                continue;
            };
            let read = frame.read(buffer)?;
            if read != 0 || buffer.is_empty() {
                return Ok(read);
            }
            if let Some(frame) = self.frame.take() {
                let rest = frame.into_inner();
                if rest.len() >= self.bytes.len() {
                    return Ok(0);
                }
                self.bytes = rest;
            }
        }
    }
}
