//! Opening a file: by its index, or, where that is missing or damaged, by its frames one after the other.
//! Reading one chunk at a time.
//!
//! Memory: what the frames say (64 bytes a chunk, of [`MAX_CHUNKS`] at most) and one chunk.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use super::limits::{MAX_CHUNKS, MAX_DAMAGES, SEARCHED};
use super::{
    chunk::unpack,
    frame::{
        ChunkKind, END, FEATURES, FOOT, FRAME, Frame, HEAD, Head, MAX_CHUNK, SYNC, THREAD_BLOCKS, THREADS,
        VERSION, read_foot, read_head,
    },
};

/// Why a trace file cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system says so.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("not a trace file (one begins with 89 53 50 4f 4f 52 0d 0a)")]
    Other,
    /// It was written by a later version.
    #[error(
        "a trace file of version {version} with the features {features:#x}; this program reads version {VERSION} with the features {FEATURES:#x} and fewer"
    )]
    Version {
        /// The version of the format.
        version: u32,
        /// The feature bits.
        features: u32,
    },
    /// What nothing can be done without is not there.
    #[error("{0}")]
    Missing(String),
    /// Something is missing or damaged without which nothing can be done: the file was cut off, or is not as
    /// it was written.
    #[error("{0}")]
    Lost(String),
}

/// Bytes that can be read from anywhere.
pub trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// A part of the file that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Damage {
    /// Number of the chunk, if it is one.
    pub chunk: Option<u32>,
    /// What it holds, if that is known.
    pub kind: Option<ChunkKind>,
    /// What is wrong, in words.
    pub what: String,
}

impl Damage {
    /// Whether the run is all there without it. The index and the checkpoints are made from the rest, and
    /// what the host did by running again.
    pub fn is_harmless(&self) -> bool {
        matches!(self.kind, Some(ChunkKind::Index | ChunkKind::Checkpoint | ChunkKind::Effects))
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// The damages so far.
#[derive(Default)]
struct Damages {
    told: Vec<Damage>,
    /// Those beyond [`MAX_DAMAGES`] that do harm, and those that do not.
    more: [u64; 2],
    /// Chunks among those, a bit each, so that one that is read again does not count again.
    counted: Vec<u64>,
}

impl Damages {
    fn note(&mut self, new: Damage) {
        if self.told.contains(&new) {
            return;
        }
        let is_harmless = new.is_harmless();
        match self.told.iter().filter(|told| told.is_harmless() == is_harmless).count() < MAX_DAMAGES {
            true => self.told.push(new),
            false => self.count(new.chunk, is_harmless),
        }
    }

    fn count(&mut self, chunk: Option<u32>, is_harmless: bool) {
        if let Some(number) = chunk.map(|chunk| chunk as usize).filter(|&number| number < MAX_CHUNKS) {
            let (word, bit) = (number / 64, 1 << (number % 64));
            if self.counted.len() <= word {
                self.counted.resize(word + 1, 0);
            }
            if self.counted.get(word).is_some_and(|word| word & bit != 0) {
                return;
            }
            self.counted.iter_mut().skip(word).take(1).for_each(|word| *word |= bit);
        }
        let [harmful, harmless] = &mut self.more;
        *(if is_harmless { harmless } else { harmful }) += 1;
    }
}

/// An open file.
pub struct Reader {
    source: Mutex<Box<dyn Source>>,
    /// Bytes of the file.
    len: u64,
    /// Each chunk and where it begins, in the order of their numbers.
    chunks: Vec<(Frame, u64)>,
    damage: Mutex<Damages>,
    /// Whether it has its index: it was ended, not cut off.
    is_ended: bool,
    /// Whether its checkpoints name blocks that are blocks today.
    has_todays_blocks: bool,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("len", &self.len)
            .field("chunks", &self.chunks.len())
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is no trace file, or is of a version that this program does not know.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Self::of(Box::new(File::open(path)?))
    }

    /// Whether its checkpoints name blocks that are blocks today. An earlier program cut the code of modules
    /// with threads in another way.
    pub(super) fn has_todays_blocks(&self) -> bool {
        self.has_todays_blocks
    }

    /// Opens bytes from anywhere.
    ///
    /// # Errors
    ///
    /// As for [`Self::open`].
    pub fn of(mut source: Box<dyn Source>) -> Result<Self, FileError> {
        let len = source.seek(SeekFrom::End(0))?;
        let (chunks, damage) = (Vec::new(), Mutex::new(Damages::default()));
        let mut reader = Self {
            source: Mutex::new(source),
            len,
            chunks,
            damage,
            is_ended: false,
            has_todays_blocks: true,
        };
        let mut head = [0; HEAD];
        if len < HEAD as u64 || reader.read_at(0, &mut head).is_err() {
            return Err(FileError::Other);
        }
        match read_head(&head) {
            Head::Other => return Err(FileError::Other),
            Head::Trace(Some((VERSION, features))) if features & !FEATURES == 0 => {
                reader.has_todays_blocks = features & THREADS == 0 || features & THREAD_BLOCKS != 0;
            }
            Head::Trace(Some((version, features))) => return Err(FileError::Version { version, features }),
            Head::Trace(None) => reader.note(None, None, "the head of the file is damaged".into()),
        }
        match reader.by_index() {
            Some(chunks) => (reader.chunks, reader.is_ended) = (chunks, true),
            None => reader.scan()?,
        }
        Ok(reader)
    }

    /// Bytes of the file.
    pub fn file_len(&self) -> u64 {
        self.len
    }

    /// Whether the file was ended and has its index.
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// The chunks, by number, and where each begins.
    pub fn chunks(&self) -> &[(Frame, u64)] {
        &self.chunks
    }

    /// The damages, as far as the file was read, and how many more are not told.
    pub fn damage(&self) -> (Vec<Damage>, u64) {
        let damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        (damage.told.clone(), damage.more.iter().sum())
    }

    /// As [`Self::damage`], of the run itself: without what is made from the rest.
    pub fn harm(&self) -> (Vec<Damage>, u64) {
        let damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        let told = damage.told.iter().filter(|damage| !damage.is_harmless()).cloned().collect();
        (told, damage.more[0])
    }

    /// The contents of the chunk at `position`; `None` if they are damaged, which is noted.
    pub fn read(&self, position: usize) -> Option<Vec<u8>> {
        let &(frame, offset) = self.chunks.get(position)?;
        let mut head = [0; FRAME];
        let mut stored = vec![0; frame.stored_len as usize];
        let is_read =
            self.read_at(offset, &mut head).and_then(|()| self.read_at(offset + FRAME as u64, &mut stored));
        if is_read.is_ok() && Frame::from_bytes(&head) != Some(frame) {
            self.note(
                Some(frame.number),
                Some(frame.kind),
                format!("the frame of {} is damaged", name(&frame)),
            );
        }
        let raw = unpack(&frame, stored).filter(|_| is_read.is_ok());
        if raw.is_none() {
            self.spoilt(position);
        }
        raw
    }

    /// Notes that the contents of a chunk are not what its frame says.
    pub(super) fn spoilt(&self, position: usize) -> String {
        let Some((frame, _)) = self.chunks.get(position) else { return String::new() };
        let what = format!("{} is damaged", name(frame));
        self.note(Some(frame.number), Some(frame.kind), what.clone());
        what
    }

    pub(super) fn note(&self, chunk: Option<u32>, kind: Option<ChunkKind>, what: String) {
        self.damage.lock().unwrap_or_else(PoisonError::into_inner).note(Damage { chunk, kind, what });
    }

    /// Positions of the chunks of a kind.
    pub(super) fn of_kind(&self, kind: ChunkKind) -> impl Iterator<Item = usize> {
        (0..self.chunks.len())
            .filter(move |&position| self.chunks.get(position).is_some_and(|(frame, _)| frame.kind == kind))
    }

    /// Something that was written in parts, up to `most` bytes. `None` if it is not there, or not all of it,
    /// which is noted.
    pub(super) fn object(&self, kind: ChunkKind, most: usize) -> Option<Vec<u8>> {
        let (mut bytes, mut is_whole) = (Vec::new(), false);
        for position in self.of_kind(kind) {
            let (frame, _) = self.chunks.get(position)?;
            if is_whole || frame.first != bytes.len() as u64 || bytes.len() + frame.raw_len as usize > most {
                self.note(
                    Some(frame.number),
                    Some(kind),
                    format!("{} does not follow the one before it", name(frame)),
                );
                return None;
            }
            bytes.extend(self.read(position)?);
            is_whole = frame.is_last;
        }
        is_whole.then_some(bytes)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.seek(SeekFrom::Start(offset))?;
        source.read_exact(bytes)
    }

    /// The frame at `offset`, if a sound one is there and its contents are before `end`; and where the next
    /// begins.
    fn frame_at(&self, offset: u64, end: u64) -> Option<(Frame, u64)> {
        let mut bytes = [0; FRAME];
        let contents = offset.checked_add(FRAME as u64).filter(|&contents| contents <= end)?;
        self.read_at(offset, &mut bytes).ok()?;
        let frame = Frame::from_bytes(&bytes)?;
        let next = contents + u64::from(frame.stored_len);
        (next <= end).then_some((frame, next))
    }

    /// The part of the index that begins there, with its frame and where the next one begins.
    fn part_of_index(&self, part: u64, at: Range<u64>) -> Option<(Frame, u64, Vec<u8>)> {
        let (frame, next) = self.frame_at(at.start, at.end)?;
        if frame.kind != ChunkKind::Index || frame.first != part {
            return None;
        }
        let mut stored = vec![0; frame.stored_len as usize];
        self.read_at(next - u64::from(frame.stored_len), &mut stored).ok()?;
        let raw = unpack(&frame, stored)?;
        Some((frame, next, raw))
    }

    /// The chunks as the index at the end of the file says; `None` if there is none, or it is damaged.
    fn by_index(&self) -> Option<Vec<(Frame, u64)>> {
        let mut bytes = [0; FOOT];
        let foot = self.len.checked_sub(FOOT as u64)?;
        self.read_at(foot, &mut bytes).ok()?;
        let begin = read_foot(&bytes)?;
        let (mut entries, mut at, mut part) = (Vec::new(), begin, 0u64);
        // Each chunk that the index names takes a frame of the file: what says more is none.
        let frames = usize::try_from(self.len).unwrap_or(usize::MAX).div_ceil(FRAME).min(MAX_CHUNKS);
        let most = frames.saturating_mul(FRAME + 8);
        loop {
            if entries.len() > most {
                return None;
            }
            let (frame, next, raw) = self.part_of_index(part, at..foot)?;
            part += raw.len() as u64;
            entries.extend(raw);
            at = next;
            if frame.is_last {
                break;
            }
        }
        if at == foot { chunks_of_index(&entries, begin) } else { None }
    }

    /// Finds the chunks by their frames; goes on after what is damaged.
    fn scan(&mut self) -> Result<(), FileError> {
        let has_foot = self.has_end();
        let end = if has_foot { self.len - FOOT as u64 } else { self.len };
        let mut walk = Walk { at: HEAD as u64, expected: 0, over: None, damage: None };
        while walk.at < end {
            if self.chunks.len() >= MAX_CHUNKS {
                let what = format!(
                    "chunks from number {} on are not read: a file has {MAX_CHUNKS} at most",
                    walk.expected
                );
                self.note(None, walk.kind(), what);
                break;
            }
            if let Some((frame, next)) =
                self.frame_at(walk.at, end).filter(|(frame, _)| frame.number >= walk.least())
            {
                self.pass(&mut walk, frame, next);
                continue;
            }
            let Some((frame, next)) = self.pass_damage(&mut walk, end)? else { break };
            self.pass(&mut walk, frame, next);
        }
        if has_foot {
            self.note(None, Some(ChunkKind::Index), "the index at the end of the file is damaged".into());
        }
        Ok(())
    }

    /// Passes over a chunk whose frame is sound.
    fn pass(&mut self, walk: &mut Walk, frame: Frame, next: u64) {
        // A thing that looked like a chunk within a damaged one was none, if its number is that of one that
        // comes later.
        if frame.number < walk.expected {
            self.chunks.truncate(self.chunks.partition_point(|(known, _)| known.number < frame.number));
            walk.over = walk.over.filter(|&over| over < self.chunks.len());
        }
        if frame.number > walk.expected {
            self.note(
                None,
                walk.kind(),
                format!("chunks {} to {} are missing", walk.expected, frame.number - 1),
            );
        }
        // The last chunk that the run wrote.
        if frame.kind == ChunkKind::Outcome && frame.is_last {
            walk.over.get_or_insert(self.chunks.len());
        }
        if frame.kind != ChunkKind::Index {
            self.chunks.push((frame, walk.at));
        }
        walk.expected = frame.number.saturating_add(1);
        walk.at = next;
    }

    /// Passes over what is no sound chunk; gives the next one, and where it ends.
    fn pass_damage(&self, walk: &mut Walk, end: u64) -> Result<Option<(Frame, u64)>, FileError> {
        let (at, expected) = (walk.at, walk.expected);
        if !walk.is_near_damage() {
            walk.damage = Some((at, expected));
        }
        let Some((offset, frame, next)) = self.search(walk, end)? else {
            let what = format!("chunk {expected} is cut off or damaged (from byte {at} to the end)");
            self.note(Some(expected), walk.kind(), what);
            return Ok(None);
        };
        match frame.number > expected {
            true => {
                self.note(
                    Some(expected),
                    walk.kind(),
                    format!("chunk {expected} is damaged (bytes {at} to {offset})"),
                );
                walk.expected = expected.saturating_add(1);
            }
            false => self.note(None, walk.kind(), format!("bytes {at} to {offset} are no chunk")),
        }
        walk.at = offset;
        Ok(Some((frame, next)))
    }

    /// Whether the last bytes look like a foot, sound or not.
    fn has_end(&self) -> bool {
        let mut bytes = [0; FOOT];
        let is_read =
            self.len.checked_sub(FOOT as u64).is_some_and(|at| self.read_at(at, &mut bytes).is_ok());
        is_read && (bytes[12..] == END || read_foot(&bytes).is_some())
    }

    /// The next sound frame after where the walk is: where it is, and where its contents end. Each chunk that
    /// is missing before it takes a frame at least. So a number that is higher is not believed: it would hide
    /// all that follows.
    fn search(&self, walk: &Walk, end: u64) -> io::Result<Option<(u64, Frame, u64)>> {
        let (mut at, mut block) = (walk.at + 1, vec![0; SEARCHED]);
        while at < end {
            let len = usize::try_from(end - at).unwrap_or(SEARCHED).min(SEARCHED);
            let block = &mut block[..len];
            self.read_at(at, block)?;
            for found in memchr::memmem::find_iter(block, &SYNC) {
                // One that goes beyond the block is whole in the next.
                let Some(bytes) = block.get(found..).and_then(|rest| rest.first_chunk::<FRAME>()) else {
                    break;
                };
                let offset = at + found as u64;
                let most = u64::from(walk.expected) + (offset - walk.at) / FRAME as u64;
                let is_next = |frame: &Frame| frame.number >= walk.least() && u64::from(frame.number) <= most;
                if Frame::from_bytes(bytes).is_some_and(|frame| is_next(&frame))
                    && let Some((frame, next)) = self.frame_at(offset, end)
                {
                    return Ok(Some((offset, frame, next)));
                }
            }
            at += len.saturating_sub(FRAME - 1).max(1) as u64;
        }
        Ok(None)
    }
}

/// Where a walk over the frames is.
struct Walk {
    at: u64,
    /// The number of the next chunk, if none is missing.
    expected: u32,
    /// Position of the end of the outcome among the chunks, if it was passed: what is left is checkpoints
    /// and the index.
    over: Option<usize>,
    /// Where the last damage begins, and the number that was expected there.
    damage: Option<(u64, u32)>,
}

impl Walk {
    /// Whether the walk may still be within the largest chunk that can be damaged, or one that was planted in
    /// it. Chunks that were found there since may be none at all.
    fn is_near_damage(&self) -> bool {
        self.damage.is_some_and(|(begin, _)| self.at - begin <= 2 * (FRAME + MAX_CHUNK) as u64)
    }

    /// The lowest number that a chunk may have here.
    fn least(&self) -> u32 {
        self.damage.filter(|_| self.is_near_damage()).map_or(self.expected, |(_, number)| number)
    }

    /// What is lost here, if that is known.
    fn kind(&self) -> Option<ChunkKind> {
        self.over.map(|_| ChunkKind::Index)
    }
}

/// A chunk as messages call it.
pub(super) fn name(frame: &Frame) -> String {
    let Frame { kind, number, first, count, .. } = *frame;
    match kind {
        ChunkKind::Decisions | ChunkKind::Records => {
            format!("chunk {number} ({kind} {first} to {})", first + count)
        }
        _ => format!("chunk {number} ({kind})"),
    }
}

/// The entries of an index, if they are sound: chunks one after the other, from the head of the file to the
/// index.
fn chunks_of_index(bytes: &[u8], begin: u64) -> Option<Vec<(Frame, u64)>> {
    let (entries, rest) = bytes.as_chunks::<{ FRAME + 8 }>();
    let mut chunks = Vec::with_capacity(entries.len().min(MAX_CHUNKS));
    let mut at = HEAD as u64;
    for (number, entry) in entries.iter().enumerate() {
        let (frame, offset) = entry.split_first_chunk::<FRAME>()?;
        let (frame, offset) = (Frame::from_bytes(frame)?, u64::from_le_bytes(offset.try_into().ok()?));
        if frame.number as usize != number || offset != at || frame.kind == ChunkKind::Index {
            return None;
        }
        at = at.checked_add(FRAME as u64 + u64::from(frame.stored_len))?;
        chunks.push((frame, offset));
    }
    (rest.is_empty() && at == begin).then_some(chunks)
}

const _: () = assert!(MAX_CHUNK <= u32::MAX as usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damage_that_is_met_again_counts_once() {
        let mut damages = Damages::default();
        for _ in 0..3 {
            for chunk in [Some(5), Some(7), Some(7000)] {
                damages.count(chunk, false);
            }
        }
        assert_eq!(damages.more, [3, 0]);
        damages.count(None, true);
        assert_eq!(damages.more, [3, 1]);
    }

    #[test]
    fn harmless_damages_hide_no_others() {
        let mut damages = Damages::default();
        for chunk in 0..MAX_DAMAGES as u32 + 9 {
            damages.note(Damage {
                chunk: Some(chunk),
                kind: Some(ChunkKind::Checkpoint),
                what: format!("chunk {chunk}"),
            });
        }
        damages.note(Damage { chunk: None, kind: Some(ChunkKind::Log), what: "a part of the log".into() });
        assert_eq!((damages.told.len(), damages.more), (MAX_DAMAGES + 1, [0, 9]));
    }
}
