//! Compressed streams: gzip, zstd, xz.

use std::io::{self, Read};

use super::{Unpacker, carve::Search, verbatim};

/// Beginnings of streams.
const MAGICS: [(&str, &[u8]); 3] =
    [("gzip", b"\x1f\x8b\x08"), ("zstd", b"\x28\xb5\x2f\xfd"), ("xz", b"\xfd7zXZ\0")];

/// Memory that an xz or zstd stream may ask for, in KiB.
const DICTIONARY_KIB: u32 = 128 << 10;

fn kind(bytes: &[u8]) -> Option<&'static str> {
    let begins = |kind, magic| if kind == "zstd" { skipped(bytes) } else { bytes }.starts_with(magic);
    MAGICS.iter().find(|&&(kind, magic)| begins(kind, magic)).map(|(kind, _)| *kind)
}

pub(super) fn is_one(bytes: &[u8]) -> bool {
    kind(bytes).is_some()
}

impl Unpacker<'_> {
    pub(super) fn stream(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(kind) = kind(bytes) else { return Ok(()) };
        let (expanded, error) = self.read(reader(kind, bytes), Some(bytes.len() as u64));
        if let Some(error) = error {
            self.broken(kind, &error)?;
        }
        let mut search = Search::all(bytes);
        // What came before the end counts, however it ended.
        if self.admit(expanded.len() as u64) {
            self.enter(kind.to_owned(), &expanded)?;
            search.seen.extend(verbatim(bytes, 0..bytes.len(), &expanded));
        }
        drop(expanded);
        // Headers have fields for anything, frames are passed over, and where a broken stream broke off is
        // not known.
        self.pieces(bytes, &search)
    }
}

fn reader<'a>(kind: &str, bytes: &'a [u8]) -> Box<dyn Read + 'a> {
    match kind {
        "gzip" => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        "zstd" => Box::new(Frames { bytes, frame: None }),
        _ => Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, DICTIONARY_KIB)),
    }
}

/// What follows the frames at the beginning that a zstd stream has for other uses (RFC 8878, 3.1.2), parallel
/// compressors for one.
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
