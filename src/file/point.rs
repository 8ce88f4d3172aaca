//! Which event a position in a stream belongs to: the trace is replayed up to there.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    module::{CodeOffset, FuncIndex, Place},
    trace::{ExecutedBlock, Record, Streams, Stretch, Trace, Visitor, stream},
};

/// A moment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Point {
    /// Instructions executed before it.
    pub event: u64,
    /// Index of the function that runs, imports first.
    pub function: Option<FuncIndex>,
    /// Byte offset in the module of the instruction that comes to the difference.
    pub offset: Option<CodeOffset>,
}

impl Point {
    /// The instruction.
    pub fn place(&self) -> Option<Place> {
        Some(Place { function: self.function?, offset: self.offset? })
    }
}

/// A position in one of the streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// Before decision number so many.
    Decision(u64),
    /// Before record number so many.
    Record(u64),
}

/// Streams up to a position.
#[derive(Debug)]
struct Limited {
    streams: Arc<dyn Streams>,
    position: Position,
}

impl Streams for Limited {
    fn words(&self, index: usize) -> Option<Vec<u64>> {
        let Position::Decision(limit) = self.position else { return self.streams.words(index) };
        let (last, first) = self.streams.words_at(limit)?;
        match index.cmp(&last) {
            std::cmp::Ordering::Less => self.streams.words(index),
            std::cmp::Ordering::Equal => {
                Some(first_decisions(self.streams.words(index)?, limit.saturating_sub(first)))
            }
            std::cmp::Ordering::Greater => None,
        }
    }

    fn records(&self, index: usize) -> Option<Vec<Record>> {
        let Position::Record(limit) = self.position else { return self.streams.records(index) };
        let (last, first) = self.streams.records_at(limit)?;
        let mut records = if index <= last { self.streams.records(index)? } else { return None };
        if index == last {
            records.truncate(usize::try_from(limit.saturating_sub(first)).unwrap_or(usize::MAX));
        }
        Some(records)
    }

    fn words_at(&self, bit: u64) -> Option<(usize, u64)> {
        self.streams.words_at(bit)
    }

    fn records_at(&self, record: u64) -> Option<(usize, u64)> {
        self.streams.records_at(record)
    }

    fn lens(&self) -> (u64, u64) {
        self.streams.lens()
    }

    fn gap(&self) -> Option<String> {
        None
    }

    fn is_whole(&self) -> bool {
        true
    }
}

/// The words with the first `count` decisions.
fn first_decisions(mut words: Vec<u64>, count: u64) -> Vec<u64> {
    let mut left = count;
    for (position, word) in words.iter_mut().enumerate() {
        let len = u64::from(stream::decisions_in(*word));
        if len >= left {
            // The decisions below those that stay fall off at the end; the sentinel moves along.
            *word >>= len - left;
            words.truncate(position + 1);
            return words;
        }
        left -= len;
    }
    words
}

/// Counts what was executed.
#[derive(Default)]
struct Count(u64);

impl Visitor for Count {
    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.0 += u64::from(run.len());
    }

    #[inline(always)]
    fn patience(&self) -> u64 {
        u64::MAX
    }

    fn stretch(&mut self, run: Stretch<'_>) {
        self.0 += run.instructions();
    }
}

/// The moment at which replay comes to a position; `None` if the trace is in memory.
pub(super) fn locate(trace: &Trace, position: Position) -> Option<Point> {
    let streams = Arc::clone(trace.stored.as_ref()?);
    let trace = Trace { stored: Some(Arc::new(Limited { streams, position })), ..trace.clone() };
    let mut count = Count::default();
    let site = trace.replay(&mut count).err().and_then(|error| error.site());
    let (function, offset) = site.map(|(_, function, offset)| (function, offset)).unzip();
    // The block is told before the instruction at its end asks for what is not there.
    Some(Point { event: count.0 - u64::from(site.is_some() && count.0 > 0), function, offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_within() {
        assert_eq!(first_decisions(vec![0b1_011, 0b1_10], 5), [0b1011, 0b110]);
        assert_eq!(first_decisions(vec![0b1_011, 0b1_10], 4), [0b1011, 0b11]);
        assert_eq!(first_decisions(vec![0b1_011, 0b1_10], 3), [0b1011]);
        assert_eq!(first_decisions(vec![0b1_011, 0b1_10], 1), [0b10]);
        assert_eq!(first_decisions(vec![0b1_011, 0b1_10], 0), [0b1]);
    }
}
