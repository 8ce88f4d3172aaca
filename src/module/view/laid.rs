//! What lies where in memory before anything runs: the data segments, each over those before it.
//!
//! Costs sorting the segments once, when first asked for. A look-up is a search then, however many segments a
//! hostile file has.

use std::collections::BTreeMap;

use super::DataSegment;
use crate::module::MemoryIndex;

/// A part of a segment that nothing lies over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    /// The address after its last.
    end: u64,
    /// Position of the segment.
    segment: usize,
}

/// Parts of segments by where they begin. No two lie over each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Laid(BTreeMap<u64, Part>);

impl Laid {
    /// What is in the first memory lies over what is in others: nobody asks for those.
    pub(super) fn of(data: &[DataSegment]) -> Self {
        let mut laid = Self::default();
        let is_first = |segment: &DataSegment| segment.memory == Some(MemoryIndex(0));
        for wanted in [false, true] {
            for (segment, of) in data.iter().enumerate().filter(|(_, of)| is_first(of) == wanted) {
                if let Some(start) = of.address {
                    laid.put(start, Part { end: start.saturating_add(of.size), segment });
                }
            }
        }
        laid
    }

    fn put(&mut self, start: u64, part: Part) {
        if start >= part.end {
            return;
        }
        self.cut_at(start);
        self.cut_at(part.end);
        while let Some((&under, _)) = self.0.range(start..part.end).next() {
            self.0.remove(&under);
        }
        self.0.insert(start, part);
    }

    /// Makes two parts of one that goes on past an address.
    fn cut_at(&mut self, address: u64) {
        if let Some((_, part)) = self.0.range_mut(..address).next_back()
            && part.end > address
        {
            let rest = *part;
            part.end = address;
            self.0.insert(address, rest);
        }
    }

    /// The position of the segment that lies at an address.
    pub(super) fn at(&self, address: u64) -> Option<usize> {
        let (_, part) = self.0.range(..=address).next_back()?;
        (address < part.end).then_some(part.segment)
    }

    /// All that lies between two addresses, in order: from, to, and the position of the segment.
    pub(super) fn within(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, u64, usize)> {
        let before = self.0.range(..from).next_back();
        let parts = before.into_iter().chain(self.0.range(from..to.max(from)));
        parts.filter_map(move |(&start, part)| {
            let (start, end) = (start.max(from), part.end.min(to));
            (start < end).then_some((start, end, part.segment))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(segments: &[(u32, u64, u64)]) -> Laid {
        let segment = |&(memory, address, size): &(u32, u64, u64)| DataSegment {
            memory: Some(MemoryIndex(memory)),
            address: Some(address),
            offset: 0,
            size,
            entropy: 0.0,
        };
        Laid::of(&segments.iter().map(segment).collect::<Vec<_>>())
    }

    #[test]
    fn a_segment_lies_over_those_before_it() {
        let of = laid(&[(0, 10, 10), (0, 12, 3), (0, 18, 4), (1, 0, 100), (0, u64::MAX, 9), (0, 50, 0)]);
        let all: Vec<_> = of.within(0, 60).collect();
        assert_eq!(all, [(0, 10, 3), (10, 12, 0), (12, 15, 1), (15, 18, 0), (18, 22, 2), (22, 60, 3)]);
        assert_eq!(of.within(13, 16).collect::<Vec<_>>(), [(13, 15, 1), (15, 16, 0)]);
        assert_eq!([9, 10, 12, 14, 15, 18, 21].map(|at| of.at(at)), [3, 0, 1, 1, 0, 2, 2].map(Some));
        assert_eq!((of.at(200), of.at(u64::MAX)), (None, None));
        assert_eq!(of.within(9, 9).count() + of.within(9, 3).count(), 0);
    }

    #[test]
    fn as_many_parts_as_segments_however_they_lie() {
        let same = vec![(0, 1024, 1); 10_000];
        assert_eq!(laid(&same).0.len(), 1);
        let nested: Vec<_> = (0..1000).map(|at| (0, at, 4000 - 2 * at)).collect();
        assert!(laid(&nested).0.len() < 2 * nested.len());
    }
}
