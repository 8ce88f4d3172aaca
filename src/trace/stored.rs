//! Streams that are not in memory: read chunk by chunk from where they are kept.
//!
//! Not here: how they are kept (`file`).

use std::{borrow::Cow, fmt, slice, sync::Arc, vec};

use super::{Chunks, Record, Trace, growing::Growing};

/// The two streams of a trace, kept in chunks outside of memory. A chunk that cannot be read is `None`, as if
/// the stream ended there, and [`Self::gap`] says so from then on.
pub trait Streams: fmt::Debug + Send + Sync {
    /// Chunk `index` of decision words, oldest first.
    fn words(&self, index: usize) -> Option<Vec<u64>>;

    /// Chunk `index` of records.
    fn records(&self, index: usize) -> Option<Vec<Record>>;

    /// The chunk that holds decision number `bit` (from 0), or the last one, and the number of its first
    /// decision.
    fn words_at(&self, bit: u64) -> Option<(usize, u64)>;

    /// The chunk that holds record number `record` (from 0), or the last one, and the number of its first
    /// record.
    fn records_at(&self, record: u64) -> Option<(usize, u64)>;

    /// Words and records in all.
    fn lens(&self) -> (u64, u64);

    /// Why the streams end before the run did, if they do as far as they were read.
    fn gap(&self) -> Option<String>;

    /// Whether the file was ended and is as it was written, as far as it was read.
    fn is_whole(&self) -> bool;
}

/// The words from chunk `first` on, up to the first that cannot be read: what comes after it is not known to
/// follow.
pub(super) fn words<'t>(streams: &Arc<dyn Streams>, first: usize) -> Chunks<'t> {
    let streams = Arc::clone(streams);
    Box::new((first..).map_while(move |index| streams.words(index).map(Cow::Owned)).fuse())
}

/// The records of a trace, in order.
#[derive(Debug)]
pub struct RecordStream<'t> {
    source: Source<'t>,
}

#[derive(Debug)]
enum Source<'t> {
    Memory(slice::Iter<'t, Record>),
    Growing(Growing),
    Stored { streams: Arc<dyn Streams>, chunk: vec::IntoIter<Record>, next: usize },
}

impl<'t> RecordStream<'t> {
    /// Those of a trace that is still recorded, as far as they are known.
    pub(super) fn growing(growing: Growing) -> Self {
        Self { source: Source::Growing(growing) }
    }

    /// From record number `first` on.
    pub(super) fn new(trace: &'t Trace, first: u64) -> Self {
        let Some(streams) = &trace.stored else {
            let first = usize::try_from(first).unwrap_or(usize::MAX);
            return Self { source: Source::Memory(trace.records.get(first..).unwrap_or_default().iter()) };
        };
        let (next, begins) =
            if first == 0 { Some((0, 0)) } else { streams.records_at(first) }.unwrap_or((usize::MAX, first));
        let mut stream = Self {
            source: Source::Stored { streams: Arc::clone(streams), chunk: Vec::new().into_iter(), next },
        };
        for _ in begins..first {
            if stream.next().is_none() {
                break;
            }
        }
        stream
    }
}

impl<'t> Iterator for RecordStream<'t> {
    type Item = Cow<'t, Record>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Memory(records) => records.next().map(Cow::Borrowed),
            Source::Growing(growing) => growing.record().map(Cow::Owned),
            Source::Stored { streams, chunk, next } => loop {
                if let Some(record) = chunk.next() {
                    return Some(Cow::Owned(record));
                }
                *chunk = streams.records(*next)?.into_iter();
                *next = next.checked_add(1)?;
            },
        }
    }
}
