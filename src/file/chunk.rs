//! The contents of a chunk: compressed and not, words, records and items. Everything that comes from a file
//! is hostile.

use std::marker::PhantomData;
use wasmspoor_hooks::recorder::stream;

use super::{
    decode::Budget,
    frame::{ChunkKind, FRAME, Frame, MAX_CHUNK},
    wire::{self, Stored},
};
use crate::trace::Record;

/// Compression level of zstd: what ten times the time would gain is a few percent (`docs/performance.md`).
const LEVEL: i32 = 3;

/// What a chunk to be written holds.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) kind: ChunkKind,
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
    // A sentinel stands in each.
    let is_whole = !words.contains(&0);
    is_whole.then(|| words.iter().map(|&word| u64::from(stream::decisions_in(word))).sum())
}

/// Words of bytes, if they hold as many decisions as the frame says.
pub(super) fn words_of_bytes(frame: &Frame, raw: Vec<u8>) -> Option<Vec<u64>> {
    let (words, rest) = raw.as_chunks::<8>();
    let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    (rest.is_empty() && decisions_of(&words)? == frame.count).then_some(words)
}

/// The things of a chunk, one after the other, as many as the frame says. After one that is none, or is
/// beyond the budget, there are no more.
#[derive(Debug)]
pub(super) struct Things<T> {
    raw: Vec<u8>,
    at: usize,
    left: u64,
    budget: Budget,
    thing: PhantomData<fn() -> T>,
}

/// The bytes are not what the frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spoilt;

impl<T: Stored> Things<T> {
    /// `budget` is for what the things hold, not for themselves: who keeps them charges it for that.
    pub(super) fn new(frame: &Frame, raw: Vec<u8>, budget: Budget) -> Self {
        Self { raw, at: 0, left: frame.count, budget, thing: PhantomData }
    }

    /// What is left of the budget.
    pub(super) fn into_budget(self) -> Budget {
        self.budget
    }

    fn thing(&mut self) -> Option<T> {
        let rest = self.raw.get(self.at..)?;
        let (thing, after) = wire::read(rest, &self.budget)?;
        // An item that takes no bytes could be there without end.
        self.at += rest.len().checked_sub(after.len()).filter(|&len| len > 0)?;
        self.left -= 1;
        (self.left > 0 || after.is_empty()).then_some(thing)
    }
}

impl<T: Stored> Iterator for Things<T> {
    type Item = Result<T, Spoilt>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.left {
            0 if self.at == self.raw.len() => None,
            0 => {
                self.at = self.raw.len();
                Some(Err(Spoilt))
            }
            _ => {
                let thing = self.thing().ok_or(Spoilt);
                if thing.is_err() {
                    (self.left, self.at) = (0, self.raw.len());
                }
                Some(thing)
            }
        }
    }
}

/// All records of a chunk.
pub(super) fn records_of_bytes(frame: &Frame, raw: Vec<u8>) -> Option<Vec<Record>> {
    // A record takes two bytes at least: so many of them that a chunk stands for 25 MiB at most.
    Things::new(frame, raw, Budget::of(2 * MAX_CHUNK)).collect::<Result<_, _>>().ok()
}
