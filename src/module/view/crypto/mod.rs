//! Constants of cryptographic algorithms: among the immediates of code, and as tables in data segments.
//!
//! What is looked for stands in `rules/crypto-constants.toml`. In code the words of a constant may come in
//! any order, but enough different ones must be immediates of one function. In data enough consecutive
//! elements of its table must stand in a row. Raw bytes of code are never searched: an immediate is a LEB128
//! number there, and what looks like a table is something else.
//!
//! Both searches are one look at a bit for each immediate and each byte of data, and one into a list in order
//! for the few whose bit is set.

mod anchors;
mod limits;
mod table;

use schemars::JsonSchema;
use serde::Serialize;

use self::limits::CONSTANT_PLACES;
use self::table::{Index, may_be_anchor};
use super::DataSegment;
use crate::{
    module::{BothKeys, CodeOffset, FuncIndex, both_keys},
    text::vocabulary,
};

/// Words below this occur everywhere and do not count in code.
const LEAST_WORD: u64 = 0x1_0000;

vocabulary! {
    /// What an algorithm is for.
    pub enum CryptoClass {
        /// Hashes.
        Hash = "hash",
        /// Ciphers.
        Cipher = "cipher",
        /// Message authentication codes.
        Mac = "mac",
        /// Signatures.
        Signature = "signature",
        /// Checksums.
        Checksum = "checksum",
        /// Random numbers.
        Random = "random",
        /// Encodings.
        Encoding = "encoding",
        /// Miners.
        Mining = "mining",
        /// Alone, it says nothing.
        Constant = "constant",
    }
}

/// A constant of a cryptographic algorithm, where it really occurs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CryptoConstant {
    /// What it is, such as `SHA-256 initial hash value`.
    pub name: String,
    /// The algorithm, such as `SHA-256`.
    pub algorithm: String,
    /// What the algorithm is for.
    pub class: CryptoClass,
    /// Words or bytes of it that were found.
    pub found: u32,
    /// Words or bytes that it has.
    pub of: u32,
    /// `code` (immediates) or `data`.
    pub place: String,
    /// The function, for `code`.
    #[serde(flatten, serialize_with = "both_keys")]
    #[schemars(with = "BothKeys<Option<FuncIndex>>")]
    pub func: Option<FuncIndex>,
    /// Byte offset of the first match in the file.
    pub offset: u64,
    /// Address in memory, for `data` with a constant address.
    pub address: Option<u64>,
    /// All `const` instructions of `func` that hold a word of it, for `code`.
    #[serde(skip)]
    pub sites: Vec<CodeOffset>,
}

/// A word of a constant that an immediate holds: constant, word, place.
type Hit = (u16, u16, CodeOffset);

/// Collects immediates while bodies are read.
#[derive(Default)]
pub(super) struct Immediates {
    /// Of the body being read.
    hits: Vec<Hit>,
    found: Found,
}

/// The constants that were found: of each so many places at most.
#[derive(Default)]
pub(super) struct Found {
    constants: Vec<CryptoConstant>,
    /// Places of each constant so far.
    places: Vec<u32>,
    cut: u64,
}

impl Found {
    fn push(&mut self, constant: usize, found: impl FnOnce() -> CryptoConstant) {
        if self.places.len() <= constant {
            self.places.resize(constant + 1, 0);
        }
        match self.places.get_mut(constant) {
            Some(places) if *places < CONSTANT_PLACES => {
                *places += 1;
                self.constants.push(found());
            }
            _ => self.cut += 1,
        }
    }
}

impl Immediates {
    pub(super) fn word32(&mut self, value: u32, offset: u64) {
        if u64::from(value) >= LEAST_WORD {
            let words = Index::builtin().words32(value).iter();
            self.hits.extend(words.map(|&(_, (constant, word))| (constant, word, CodeOffset(offset as u32))));
        }
    }

    /// A word of 64 bits. If no constant has it, it may be two words of 32 bits: compilers store two at once.
    pub(super) fn word64(&mut self, value: u64, offset: u64) {
        if value < LEAST_WORD {
            return;
        }
        let words = Index::builtin().words64(value);
        let hit = |&(_, (constant, word)): &(u64, (u16, u16))| (constant, word, CodeOffset(offset as u32));
        self.hits.extend(words.iter().map(hit));
        if words.is_empty() {
            self.word32(value as u32, offset);
            self.word32((value >> 32) as u32, offset);
        }
    }

    pub(super) fn vector(&mut self, bytes: &[u8; 16], offset: u64) {
        let (low, high) = bytes.split_at(8);
        for half in [low, high] {
            self.word64(half.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)), offset);
        }
    }

    /// Ends a body.
    pub(super) fn finish(&mut self, func: FuncIndex) {
        if self.hits.is_empty() {
            return;
        }
        self.hits.sort_unstable();
        for hits in self.hits.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(number, _, _)) = hits.first() else { continue };
            let constant = &Index::builtin().constants[usize::from(number)];
            let different = hits.chunk_by(|a, b| a.1 == b.1).count() as u32;
            let has_must = constant.must.is_none_or(|must| hits.iter().any(|hit| hit.1 == must));
            if has_must && constant.code.is_some_and(|least| different >= least) {
                let mut sites: Vec<_> = hits.iter().map(|hit| hit.2).collect();
                sites.sort_unstable();
                sites.dedup();
                let offset = sites.first().map_or(0, |site| u64::from(site.0));
                let place = "code".to_owned();
                let found =
                    || CryptoConstant { func: Some(func), sites, ..constant.found(different, place, offset) };
                self.found.push(usize::from(number), found);
            }
        }
        self.hits.clear();
    }

    /// Looks through the data; returns everything found by place, and how much was found beyond
    /// [`CONSTANT_PLACES`].
    pub(super) fn with_data(
        mut self,
        segments: &[DataSegment],
        bytes: &[&[u8]],
    ) -> (Vec<CryptoConstant>, u64) {
        // Data has its own allowance.
        self.found.places.fill(0);
        // No anchor fits into less.
        for (segment, bytes) in segments.iter().zip(bytes).filter(|(_, bytes)| bytes.len() >= 8) {
            search(segment, bytes, &mut self.found);
        }
        let Found { mut constants, cut, .. } = self.found;
        constants.sort_by(|a, b| (a.offset, &a.name).cmp(&(b.offset, &b.name)));
        (constants, cut)
    }
}

/// Looks for tables in the bytes of a data segment.
fn search(segment: &DataSegment, bytes: &[u8], found: &mut Found) {
    // Where the last match of each image ended.
    let mut ends = Vec::new();
    for (position, window) in bytes.windows(8).enumerate() {
        let window = u64::from_le_bytes(window.try_into().unwrap_or_default());
        if !may_be_anchor(window) {
            continue;
        }
        let index = Index::builtin();
        ends.resize(index.images.len(), 0);
        for &(_, (number, anchor)) in index.anchors(window) {
            let image = &index.images[usize::from(number)];
            let end = &mut ends[usize::from(number)];
            if position < *end {
                continue;
            }
            let (begin, elements) = image.extend(bytes, position, usize::from(anchor));
            *end = begin + elements * image.element;
            let constant = &index.constants[usize::from(image.constant)];
            if constant.data.is_some_and(|least| elements as u32 >= least) {
                let offset = segment.offset.saturating_add(begin as u64);
                let address = segment.address.map(|address| address.saturating_add(begin as u64));
                let make = || CryptoConstant {
                    address,
                    ..constant.found(elements as u32, "data".to_owned(), offset)
                };
                found.push(usize::from(image.constant), make);
            }
        }
    }
}

#[cfg(test)]
mod tests;
