//! The bytes around the contents: head of the file, frame of a chunk, foot of the file. All numbers are
//! little-endian.
//!
//! Not here: what is in a chunk (`chunk`, `contents`).

pub(super) use super::limits::MAX_CHUNK;
use std::fmt;

/// First bytes of a trace file: none of a text, and broken by a transfer that changes ends of lines.
pub const MAGIC: [u8; 8] = *b"\x89SPOOR\r\n";
/// Version of the format.
pub const VERSION: u32 = 1;
/// Feature bit of a file that holds what the host did.
pub(super) const EFFECTS: u32 = 1;
/// Feature bit of a file in which something ends as nothing did when version 1 was fixed.
pub(super) const LATER_ENDS: u32 = 2;
/// Feature bit of a file whose run had threads, or may have had.
pub(super) const THREADS: u32 = 4;
/// Feature bit of such a file whose checkpoints know that a block ends at an atomic operator, as it does
/// since another thread may go on there.
pub(super) const THREAD_BLOCKS: u32 = 8;
/// Feature bits that a reader of this version knows. A file with another one cannot be read.
pub(super) const FEATURES: u32 = EFFECTS | LATER_ENDS | THREADS | THREAD_BLOCKS;
/// Bytes of the head of the file.
pub(super) const HEAD: usize = 20;
/// First bytes of a frame.
pub(super) const SYNC: [u8; 4] = *b"\xf5SpC";
/// Bytes of a frame before its contents.
pub(super) const FRAME: usize = 52;
/// Last bytes of a file that was ended.
pub(super) const END: [u8; 8] = *b"SPOOREND";
/// Bytes of the foot of the file.
pub(super) const FOOT: usize = 20;

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
#[non_exhaustive]
pub enum ChunkKind {
    /// What a later program wrote, and this one passes over.
    Unknown = 0,
    /// Part of the header: what was run, and how.
    Header = 1,
    /// Part of the sample.
    Sample = 2,
    /// Part of the table of instances and host functions.
    Links = 3,
    /// What happened: entries, host calls, output.
    Log = 4,
    /// Records.
    Records = 5,
    /// Words of decisions.
    Decisions = 6,
    /// Part of what came of the run.
    Outcome = 7,
    /// A state of replay.
    Checkpoint = 8,
    /// Part of the index.
    Index = 9,
    /// Part of what the host did to the sample.
    Effects = 10,
}

impl ChunkKind {
    /// All that are known, in their order.
    pub const ALL: [Self; 10] = [
        Self::Header,
        Self::Sample,
        Self::Links,
        Self::Log,
        Self::Records,
        Self::Decisions,
        Self::Outcome,
        Self::Checkpoint,
        Self::Index,
        Self::Effects,
    ];

    fn from_byte(byte: u8) -> Self {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte).unwrap_or(Self::Unknown)
    }

    /// The name, as in messages and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Header => "header",
            Self::Sample => "sample",
            Self::Links => "links",
            Self::Log => "log",
            Self::Records => "records",
            Self::Decisions => "decisions",
            Self::Outcome => "outcome",
            Self::Checkpoint => "checkpoint",
            Self::Index => "index",
            Self::Effects => "effects",
        }
    }
}

impl fmt::Display for ChunkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a frame says of its chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// What it holds.
    pub kind: ChunkKind,
    /// Whether the contents are compressed (zstd).
    pub is_compressed: bool,
    /// Whether it is the last chunk of its kind.
    pub is_last: bool,
    /// Number of the chunk in the file, from 0.
    pub number: u32,
    /// Number of the first decision, record or item in it. Of a part of something it is its first byte; of a
    /// checkpoint, the instructions before it.
    pub first: u64,
    /// Decisions, records, items or bytes in it.
    pub count: u64,
    /// Direct calls of the run so far (decisions only).
    pub calls: u64,
    /// Bytes of the contents, before they were compressed.
    pub raw_len: u32,
    /// Bytes of the contents in the file.
    pub stored_len: u32,
    /// CRC-32 of the contents in the file.
    pub checksum: u32,
}

impl Frame {
    /// The bytes before the contents.
    pub fn to_bytes(&self) -> [u8; FRAME] {
        let flags = u16::from(self.is_last);
        let mut bytes = [0; FRAME];
        let parts: [&[u8]; 11] = [
            &SYNC,
            &[self.kind as u8, u8::from(self.is_compressed)],
            &flags.to_le_bytes(),
            &self.number.to_le_bytes(),
            &self.first.to_le_bytes(),
            &self.count.to_le_bytes(),
            &self.calls.to_le_bytes(),
            &self.raw_len.to_le_bytes(),
            &self.stored_len.to_le_bytes(),
            &self.checksum.to_le_bytes(),
            &[0; 4],
        ];
        fill(&mut bytes, &parts);
        seal(&mut bytes);
        bytes
    }

    /// A whole chunk with this frame and contents, which are not compressed: for those who make files for
    /// tests.
    pub fn with_contents(&self, raw: &[u8]) -> Vec<u8> {
        let len = raw.len().min(MAX_CHUNK) as u32;
        let frame = Self {
            is_compressed: false,
            raw_len: len,
            stored_len: len,
            checksum: crc32fast::hash(raw),
            ..*self
        };
        [&frame.to_bytes()[..], raw].concat()
    }

    /// Reads a frame; `None` if it is none, is damaged, or says of itself what cannot be.
    pub fn from_bytes(bytes: &[u8; FRAME]) -> Option<Self> {
        if bytes[..4] != SYNC || !is_sealed(bytes) || bytes[5] > 1 {
            return None;
        }
        let flags = u16::from_le_bytes([bytes[6], bytes[7]]);
        let frame = Self {
            kind: ChunkKind::from_byte(bytes[4]),
            is_compressed: bytes[5] == 1,
            is_last: flags & 1 != 0,
            number: u32_at(bytes, 8),
            first: u64_at(bytes, 12),
            count: u64_at(bytes, 20),
            calls: u64_at(bytes, 28),
            raw_len: u32_at(bytes, 36),
            stored_len: u32_at(bytes, 40),
            checksum: u32_at(bytes, 44),
        };
        let is_small = frame.raw_len as usize <= MAX_CHUNK && frame.stored_len as usize <= MAX_CHUNK;
        (flags <= 1 && is_small && frame.first.checked_add(frame.count).is_some()).then_some(frame)
    }
}

/// The head of a file with these feature bits.
pub(super) fn head(features: u32) -> [u8; HEAD] {
    let mut bytes = [0; HEAD];
    fill(&mut bytes, &[&MAGIC, &VERSION.to_le_bytes(), &features.to_le_bytes(), &[0; 4]]);
    seal(&mut bytes);
    bytes
}

/// The bytes that a file begins with.
pub fn head_bytes() -> [u8; 20] {
    head(0)
}

/// What the head of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// The version and the features, if they are sound.
    Trace(Option<(u32, u32)>),
    /// It is no trace file.
    Other,
}

/// Reads the head of a file.
pub(super) fn read_head(bytes: &[u8; HEAD]) -> Head {
    match (bytes[..8] == MAGIC, is_sealed(bytes)) {
        (false, _) => Head::Other,
        (true, true) => Head::Trace(Some((u32_at(bytes, 8), u32_at(bytes, 12)))),
        (true, false) => Head::Trace(None),
    }
}

/// The foot of a file whose index begins at `index`.
pub(super) fn foot(index: u64) -> [u8; FOOT] {
    let mut bytes = [0; FOOT];
    fill(&mut bytes, &[&index.to_le_bytes(), &crc32fast::hash(&index.to_le_bytes()).to_le_bytes(), &END]);
    bytes
}

/// Where the index begins, if these bytes are a foot.
pub(super) fn read_foot(bytes: &[u8; FOOT]) -> Option<u64> {
    let is_whole = bytes[12..] == END && crc32fast::hash(&bytes[..8]) == u32_at(bytes, 8);
    is_whole.then(|| u64_at(bytes, 0))
}

fn fill(bytes: &mut [u8], parts: &[&[u8]]) {
    for (target, &source) in bytes.iter_mut().zip(parts.iter().copied().flatten()) {
        *target = source;
    }
}

/// Writes the checksum of all that comes before the last four bytes there.
fn seal(bytes: &mut [u8]) {
    if let Some((body, checksum)) = bytes.split_last_chunk_mut::<4>() {
        *checksum = crc32fast::hash(body).to_le_bytes();
    }
}

fn is_sealed(bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk::<4>()
        .is_some_and(|(body, checksum)| crc32fast::hash(body).to_le_bytes() == *checksum)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_and_every_changed_bit_is_seen() {
        let frame = Frame {
            kind: ChunkKind::Decisions,
            is_compressed: true,
            is_last: true,
            number: 7,
            first: 1 << 40,
            count: 3,
            calls: 9,
            raw_len: 1 << 20,
            stored_len: 17,
            checksum: 0xdead_beef,
        };
        let bytes = frame.to_bytes();
        assert_eq!(Frame::from_bytes(&bytes), Some(frame));
        for bit in 0..FRAME * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Frame::from_bytes(&changed), None, "bit {bit}");
        }
        let too_big = Frame { raw_len: (1 << 20) + 1, ..frame };
        assert_eq!(Frame::from_bytes(&too_big.to_bytes()), None);
        let beyond = Frame { first: u64::MAX, ..frame };
        assert_eq!(Frame::from_bytes(&beyond.to_bytes()), None);
    }

    #[test]
    fn head_and_foot_come_back() {
        assert_eq!(read_head(&head(EFFECTS)), Head::Trace(Some((VERSION, EFFECTS))));
        let mut changed = head(0);
        changed[9] ^= 1;
        assert_eq!(read_head(&changed), Head::Trace(None));
        changed[0] ^= 1;
        assert_eq!(read_head(&changed), Head::Other);
        assert_eq!(read_foot(&foot(77)), Some(77));
        for bit in 0..FOOT * 8 {
            let mut changed = foot(77);
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read_foot(&changed), None, "bit {bit}");
        }
    }
}
