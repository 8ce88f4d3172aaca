//! Where memory is touched over a run: bytes read and written by pages and by stretches of instructions.
//!
//! Bounded: when there are more cells than somebody can look at, pages are taken together in twos.

use std::collections::BTreeMap;

use crate::module::FuncIndex;

use super::code::Op;
use super::limits::{HEAT_PAGE_LOG2, MAX_HEAT_CELLS};
use super::visitor::{Access, Fused, Visitor};

/// What was done in a page during a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeatCell {
    /// Number of the memory.
    pub memory: u32,
    /// First address of the page.
    pub address: u64,
    /// Which stretch, from 0.
    pub column: u64,
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
}

/// A heat map of all memories: a visitor. What the host reads and writes counts, too.
#[derive(Debug)]
pub struct Heat {
    from: u64,
    per_column: u64,
    page_log2: u32,
    /// By memory, page and column.
    cells: BTreeMap<(u32, u64, u64), [u64; 2]>,
    /// Accesses of the instruction that comes next.
    pending: Vec<Access>,
    column: u64,
}

impl Heat {
    /// A map of the instructions from number `from` on and before number `to`, in so many columns.
    pub fn new(from: u64, to: u64, columns: u64) -> Self {
        let per_column = to.saturating_sub(from).div_ceil(columns.max(1)).max(1);
        let cells = BTreeMap::new();
        Self { from, per_column, page_log2: HEAT_PAGE_LOG2, cells, pending: Vec::new(), column: 0 }
    }

    /// Instructions of a column.
    pub fn per_column(&self) -> u64 {
        self.per_column
    }

    /// Bytes of a page: as small as there is room for.
    pub fn page_bytes(&self) -> u64 {
        1 << self.page_log2
    }

    /// The pages that were touched, by memory, address and column.
    pub fn cells(&self) -> impl Iterator<Item = HeatCell> + '_ {
        self.cells.iter().map(|(&(memory, page, column), &[read, written])| {
            let address = page << self.page_log2;
            HeatCell { memory, address, column, read, written }
        })
    }

    fn touch(&mut self, memory: u32, address: u64, len: u64, is_write: bool) {
        let end = address.saturating_add(len);
        let mut at = address;
        while at < end {
            let page = at >> self.page_log2;
            let last = (page << self.page_log2) | (self.page_bytes() - 1);
            let next = last.saturating_add(1).min(end);
            let cell = self.cells.entry((memory, page, self.column)).or_default();
            let bytes = &mut cell[usize::from(is_write)];
            *bytes = bytes.saturating_add(next - at);
            at = next;
            while self.cells.len() > MAX_HEAT_CELLS && self.page_log2 < 32 {
                self.coarsen();
            }
        }
    }

    /// Takes two pages as one.
    fn coarsen(&mut self) {
        self.page_log2 += 1;
        for ((memory, page, column), [read, written]) in std::mem::take(&mut self.cells) {
            let cell = self.cells.entry((memory, page >> 1, column)).or_default();
            *cell = [cell[0].saturating_add(read), cell[1].saturating_add(written)];
        }
    }
}

impl Visitor for Heat {
    const FUSED: bool = true;
    const MEMORY: bool = true;

    fn fused(&mut self, fused: Fused<'_>, _: &[u64], _: &[u64]) {
        self.column = fused.number.saturating_sub(self.from) / self.per_column;
        for position in 0..self.pending.len() {
            let Access { memory, address, len, is_write } = self.pending[position];
            self.touch(memory, address, len, is_write);
        }
        self.pending.clear();
    }

    fn access(&mut self, _: FuncIndex, _: &Op, access: Access) {
        self.pending.push(access);
    }

    fn host_write(&mut self, memory: u32, address: u64, bytes: &[u8]) {
        self.touch(memory, address, bytes.len() as u64, true);
    }

    fn host_read(&mut self, memory: u32, address: u64, bytes: &[u8]) {
        self.touch(memory, address, bytes.len() as u64, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_joined_when_there_are_too_many() {
        let mut heat = Heat::new(0, 100, 10);
        assert_eq!((heat.per_column(), heat.page_bytes()), (10, 1 << HEAT_PAGE_LOG2));
        let all = (2 * MAX_HEAT_CELLS as u64) << HEAT_PAGE_LOG2;
        heat.touch(1, 5, all, true);
        heat.touch(1, 7, 2, false);
        assert!(heat.cells.len() <= MAX_HEAT_CELLS && heat.page_bytes() > 1 << HEAT_PAGE_LOG2);
        assert_eq!(heat.cells().map(|cell| cell.written).sum::<u64>(), all);
        let first = heat.cells().next().unwrap();
        assert_eq!((first.memory, first.address, first.read), (1, 0, 2));
        assert_eq!(first.written, heat.page_bytes() - 5);
        heat.touch(0, u64::MAX - 1, 9, false);
        assert_eq!(heat.cells().next().unwrap().read, 1, "to the last address and no further");
    }
}
