//! The two streams of a file, for replay.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::trace::{Record, Streams};

use super::{
    chunk::{records_of_bytes, words_of_bytes},
    frame::{ChunkKind, Frame},
    reader::Reader,
};

/// The streams of a file, as far as they are whole.
pub(super) struct Store {
    reader: Arc<Reader>,
    /// Positions of the chunks of each stream, up to the first that is missing.
    decisions: Vec<usize>,
    records: Vec<usize>,
    /// Number of the first chunk of records that is missing or cannot be read. Decisions that were made at
    /// the same time as its records, or later, come in chunks with higher numbers. They cannot be told from
    /// those before: the end of an invocation may be among those records.
    lost_records: AtomicU32,
    /// Why they end where they do, if that is before the run did.
    gap: Mutex<Option<String>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl Store {
    /// `is_over`: the file says how the run ended, so the streams are meant to end where they do.
    pub(super) fn new(reader: Arc<Reader>, is_over: Option<(u64, u64)>) -> Self {
        let (decisions, records, mut gap) = (Vec::new(), Vec::new(), None);
        if is_over.is_none() {
            gap = Some("the file ends before the run did".to_owned());
        }
        let mut store = Self {
            reader,
            decisions,
            records,
            lost_records: AtomicU32::new(u32::MAX),
            gap: Mutex::new(None),
        };
        let (decisions, lost_decisions) =
            follow(&store.reader, ChunkKind::Decisions, is_over.map(|over| over.0));
        let (records, lost_records) = follow(&store.reader, ChunkKind::Records, is_over.map(|over| over.1));
        // Nobody knows how many there are of a file that is cut off: any chunk that is missing may have held
        // some.
        if lost_records.is_some() || is_over.is_none() {
            store.lost_records = AtomicU32::new(store.first_missing(&records));
        }
        (store.decisions, store.records) = (decisions, records);
        *store.gap() = lost_decisions.or(lost_records).or(gap);
        store
    }

    fn gap(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.gap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first number after the last of these chunks that no chunk of the file has. If the next chunk of
    /// records does not follow, it is that chunk's number.
    fn first_missing(&self, records: &[usize]) -> u32 {
        let after = records.last().map_or(0, |position| position + 1);
        let mut expected = after
            .checked_sub(1)
            .and_then(|last| self.reader.chunks().get(last))
            .map_or(0, |(last, _)| last.number.saturating_add(1));
        for (frame, _) in self.reader.chunks().iter().skip(after) {
            if frame.number != expected || frame.kind == ChunkKind::Records {
                break;
            }
            expected = expected.saturating_add(1);
        }
        expected
    }

    /// Decisions, records, and direct calls, as the frames say.
    pub(super) fn totals(&self) -> (u64, u64, u64) {
        let last =
            |positions: &[usize]| positions.last().and_then(|&position| self.reader.chunks().get(position));
        let end = |positions: &[usize]| last(positions).map_or(0, |(frame, _)| frame.first + frame.count);
        (end(&self.decisions), end(&self.records), last(&self.decisions).map_or(0, |(frame, _)| frame.calls))
    }

    fn frame(&self, position: Option<&usize>) -> Option<&Frame> {
        self.reader.chunks().get(*position?).map(|(frame, _)| frame)
    }

    /// Reads a chunk; one that is damaged is where the stream ends.
    fn read<T>(
        &self,
        position: Option<&usize>,
        parse: impl Fn(&Frame, Vec<u8>) -> Option<Vec<T>>,
    ) -> Option<Vec<T>> {
        let frame = self.frame(position)?;
        let &position = position?;
        let things = self.reader.read(position).and_then(|raw| parse(frame, raw));
        if things.is_none() {
            *self.gap() = Some(self.reader.spoilt(position));
        }
        things
    }

    /// The chunk of a stream that holds number `at`, or the last one.
    fn find(&self, positions: &[usize], at: u64) -> Option<(usize, u64)> {
        let first =
            |&position: &usize| self.reader.chunks().get(position).map_or(u64::MAX, |(frame, _)| frame.first);
        let index = positions.partition_point(|position| first(position) <= at).checked_sub(1)?;
        Some((index, first(positions.get(index)?)))
    }
}

/// The chunks of a stream that follow each other, and what is missing after them.
pub(super) fn follow(reader: &Reader, kind: ChunkKind, total: Option<u64>) -> (Vec<usize>, Option<String>) {
    let (mut positions, mut next) = (Vec::new(), 0);
    for position in reader.of_kind(kind) {
        let Some((frame, _)) = reader.chunks().get(position) else { break };
        if frame.first != next {
            return (positions, Some(format!("{kind} {next} to {} are missing", frame.first)));
        }
        next += frame.count;
        positions.push(position);
    }
    let lost =
        total.filter(|&total| next < total).map(|total| format!("{kind} {next} to {total} are missing"));
    (positions, lost)
}

impl Streams for Store {
    fn words(&self, index: usize) -> Option<Vec<u64>> {
        let position = self.decisions.get(index);
        let number = self.frame(position)?.number;
        if number > self.lost_records.load(Ordering::Relaxed) {
            return None;
        }
        self.read(position, words_of_bytes)
    }

    fn records(&self, index: usize) -> Option<Vec<Record>> {
        let position = self.records.get(index);
        let records = self.read(position, records_of_bytes);
        if let (None, Some(frame)) = (&records, self.frame(position)) {
            self.lost_records.fetch_min(frame.number, Ordering::Relaxed);
        }
        records
    }

    fn words_at(&self, bit: u64) -> Option<(usize, u64)> {
        self.find(&self.decisions, bit)
    }

    fn records_at(&self, record: u64) -> Option<(usize, u64)> {
        self.find(&self.records, record)
    }

    fn lens(&self) -> (u64, u64) {
        let bytes = |&position: &usize| {
            self.reader.chunks().get(position).map_or(0, |(frame, _)| u64::from(frame.raw_len))
        };
        (self.decisions.iter().map(bytes).sum::<u64>() / 8, self.totals().1)
    }

    fn gap(&self) -> Option<String> {
        Store::gap(self).clone()
    }

    fn is_whole(&self) -> bool {
        self.reader.is_ended() && self.reader.damage() == (Vec::new(), 0)
    }
}
