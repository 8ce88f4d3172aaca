//! Compressed streams: gzip, zstd, xz.

use std::io::{self, Read};

use super::{Unpacker, read_within};
use crate::scan::rows::FailureKind;

/// Beginnings of streams.
const MAGICS: [(&str, &[u8]); 3] = [("gzip", b"\x1f\x8b\x08"), ("zstd", b"\x28\xb5\x2f\xfd"), ("xz", b"\xfd7zXZ\0")];

/// Memory that an xz or zstd stream may ask for, in KiB.
const DICTIONARY_KIB: u32 = 128 << 10;

fn kind(bytes: &[u8]) -> Option<&'static str> {
    MAGICS.iter().find(|(_, magic)| bytes.starts_with(magic)).map(|(kind, _)| *kind)
}

pub(super) fn is_one(bytes: &[u8]) -> bool {
    kind(bytes).is_some()
}

impl Unpacker<'_> {
    pub(super) fn stream(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(kind) = kind(bytes) else { return Ok(()) };
        let room = self.room(bytes.len() as u64);
        let (expanded, more, error) = match reader(kind, bytes) {
            Ok(reader) => read_within(reader, room),
            Err(text) => return self.fail(Some(kind.to_owned()), FailureKind::Broken, &text),
        };
        if let Some(error) = error {
            self.fail(Some(kind.to_owned()), FailureKind::Broken, &error.to_string())?;
        }
        if more {
            self.cut("stream larger than the limit when expanded", 1)?;
        }
        // What came before the end counts, however it ended.
        match self.admit(expanded.len() as u64)? {
            true => self.enter(kind.to_owned(), &expanded),
            false => Ok(()),
        }
    }
}

fn reader<'a>(kind: &str, bytes: &'a [u8]) -> Result<Box<dyn Read + 'a>, String> {
    Ok(match kind {
        "gzip" => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        "zstd" => Box::new(Frames { bytes, frame: None }),
        _ => Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, DICTIONARY_KIB)),
    })
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
