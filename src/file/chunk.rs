//! The contents of a chunk: compressed and not, words, records and items. Everything that comes from a file is hostile.

use serde::{Serialize, de::DeserializeOwned};

use super::frame::{FRAME, Frame, Kind, MAX_CHUNK};

/// Compression level of zstd: what ten times the time would gain is a few percent (`docs/performance.md`).
const LEVEL: i32 = 3;

/// What a chunk to be written holds.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) kind: Kind,
    pub(super) is_last: bool,
    pub(super) first: u64,
    pub(super) count: u64,
    pub(super) calls: u64,
    pub(super) raw: Vec<u8>,
}

/// Compresses chunks.
pub(super) struct Packer {
    zstd: zstd::bulk::Compressor<'static>,
}

impl Packer {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Compressor::new(LEVEL)? })
    }

    /// The bytes of chunk `number`, frame first. Contents that do not get smaller are left as they are.
    pub(super) fn pack(&mut self, chunk: &Chunk, number: u32) -> std::io::Result<(Frame, Vec<u8>)> {
        let packed = self.zstd.compress(&chunk.raw)?;
        let is_compressed = packed.len() < chunk.raw.len();
        let stored = if is_compressed { &packed } else { &chunk.raw };
        let frame = Frame {
            kind: chunk.kind,
            is_compressed,
            is_last: chunk.is_last,
            number,
            first: chunk.first,
            count: chunk.count,
            calls: chunk.calls,
            raw_len: chunk.raw.len() as u32,
            stored_len: stored.len() as u32,
            checksum: crc32fast::hash(stored),
        };
        let mut bytes = Vec::with_capacity(FRAME + stored.len());
        bytes.extend_from_slice(&frame.to_bytes());
        bytes.extend_from_slice(stored);
        Ok((frame, bytes))
    }
}

/// The contents of a chunk; `None` if they are not what the frame says.
pub(super) fn unpack(frame: &Frame, stored: Vec<u8>) -> Option<Vec<u8>> {
    if stored.len() != frame.stored_len as usize || crc32fast::hash(&stored) != frame.checksum {
        return None;
    }
    let raw_len = frame.raw_len as usize;
    let raw = match frame.is_compressed {
        true => zstd::bulk::decompress(&stored, raw_len.min(MAX_CHUNK)).ok()?,
        false => stored,
    };
    (raw.len() == raw_len).then_some(raw)
}

/// Words as bytes.
pub(super) fn words_to_bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Decisions in words; `None` if one is 0.
pub(super) fn decisions_of(words: &[u64]) -> Option<u64> {
    words.iter().try_fold(0u64, |sum, word| Some(sum + u64::from(63u32.checked_sub(word.leading_zeros())?)))
}

/// Words of bytes, if they hold as many decisions as the frame says.
pub(super) fn words_of_bytes(frame: &Frame, raw: &[u8]) -> Option<Vec<u64>> {
    let (words, rest) = raw.as_chunks::<8>();
    let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    (rest.is_empty() && decisions_of(&words)? == frame.count).then_some(words)
}

/// As many things, one after the other, as the frame says.
pub(super) fn things_of_bytes<T: DeserializeOwned>(frame: &Frame, mut raw: &[u8]) -> Option<Vec<T>> {
    // Each takes a byte at least, so the count is bounded by what was read.
    let mut things = Vec::with_capacity(usize::try_from(frame.count).ok()?.min(raw.len()));
    for _ in 0..frame.count {
        let (thing, rest) = postcard::take_from_bytes(raw).ok()?;
        things.push(thing);
        raw = rest;
    }
    raw.is_empty().then_some(things)
}

/// Appends a thing to bytes.
pub(super) fn append<T: Serialize>(thing: &T, bytes: &mut Vec<u8>) -> postcard::Result<()> {
    postcard::to_io(thing, bytes).map(|_| ())
}
