//! The two streams of a file, for replay.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::trace::{Record, Streams};

use super::{
    chunk::{things_of_bytes, words_of_bytes},
    frame::Kind,
    reader::Reader,
};

/// The streams of a file, as far as they are whole.
pub(super) struct Store {
    reader: Arc<Reader>,
    /// Positions of the chunks of each stream, up to the first that is missing.
    decisions: Vec<usize>,
    records: Vec<usize>,
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
        let mut store = Self { reader, decisions, records, gap: Mutex::new(None) };
        let mut missing = None;
        for (kind, total) in [(Kind::Decisions, is_over.map(|over| over.0)), (Kind::Records, is_over.map(|over| over.1))] {
            let (positions, lost) = store.follow(kind, total);
            match kind {
                Kind::Decisions => store.decisions = positions,
                _ => store.records = positions,
            }
            missing = missing.or(lost);
        }
        *store.gap() = missing.or(gap);
        store
    }

    fn gap(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.gap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The chunks of a stream that follow each other, and what is missing after them.
    fn follow(&self, kind: Kind, total: Option<u64>) -> (Vec<usize>, Option<String>) {
        let (mut positions, mut next) = (Vec::new(), 0);
        for position in self.reader.of_kind(kind) {
            let Some((frame, _)) = self.reader.chunks().get(position) else { break };
            if frame.first != next {
                return (positions, Some(format!("{kind} {next} to {} are missing", frame.first)));
            }
            next += frame.count;
            positions.push(position);
        }
        let lost = total.filter(|&total| next < total).map(|total| format!("{kind} {next} to {total} are missing"));
        (positions, lost)
    }

    /// Decisions, records, and direct calls, as the frames say.
    pub(super) fn totals(&self) -> (u64, u64, u64) {
        let last = |positions: &[usize]| positions.last().and_then(|&position| self.reader.chunks().get(position));
        let end = |positions: &[usize]| last(positions).map_or(0, |(frame, _)| frame.first + frame.count);
        (end(&self.decisions), end(&self.records), last(&self.decisions).map_or(0, |(frame, _)| frame.calls))
    }

    /// Reads a chunk; one that is damaged is where the stream ends.
    fn read<T>(&self, position: Option<&usize>, parse: impl Fn(&super::frame::Frame, &[u8]) -> Option<Vec<T>>) -> Option<Vec<T>> {
        let &position = position?;
        let (frame, _) = self.reader.chunks().get(position)?;
        let things = self.reader.read(position).and_then(|raw| parse(frame, &raw));
        if things.is_none() {
            *self.gap() = Some(self.reader.spoilt(position));
        }
        things
    }

    /// The chunk of a stream that holds number `at`, or the last one.
    fn find(&self, positions: &[usize], at: u64) -> Option<(usize, u64)> {
        let first = |&position: &usize| self.reader.chunks().get(position).map_or(u64::MAX, |(frame, _)| frame.first);
        let index = positions.partition_point(|position| first(position) <= at).checked_sub(1)?;
        Some((index, first(positions.get(index)?)))
    }
}

impl Streams for Store {
    fn words(&self, index: usize) -> Option<Vec<u64>> {
        self.read(self.decisions.get(index), words_of_bytes)
    }

    fn records(&self, index: usize) -> Option<Vec<Record>> {
        self.read(self.records.get(index), things_of_bytes)
    }

    fn words_at(&self, bit: u64) -> Option<(usize, u64)> {
        self.find(&self.decisions, bit)
    }

    fn records_at(&self, record: u64) -> Option<(usize, u64)> {
        self.find(&self.records, record)
    }

    fn lens(&self) -> (u64, u64) {
        let bytes = |&position: &usize| self.reader.chunks().get(position).map_or(0, |(frame, _)| u64::from(frame.raw_len));
        (self.decisions.iter().map(bytes).sum::<u64>() / 8, self.totals().1)
    }

    fn gap(&self) -> Option<String> {
        Store::gap(self).clone()
    }
}
