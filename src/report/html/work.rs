//! The course of a run is drawn from its replay, and from where its values went if it is short.

use std::collections::BTreeMap;

use super::limits;
use crate::{
    passes::course::Course,
    report::Report,
    sandbox::Run,
    values::{Heat, Timeline},
};

/// What is drawn of the course of a run.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) course: Course,
    /// Rows of pages, ascending, and their cells: what was read and written in a column.
    pub(super) rows: Vec<Row>,
    pub(super) cells: BTreeMap<(usize, u64), (u64, u64)>,
    /// Instructions of a column of the map, and bytes of a row.
    pub(super) per_column: u64,
}

/// A row of the map of memory: some pages that were touched, one after the other.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) memory: u32,
    /// Where the first begins, and the address of the last byte.
    pub(super) address: u64,
    pub(super) last: u64,
    pub(super) pages: u64,
    /// Bytes of a page.
    pub(super) bytes: u64,
}

impl Row {
    fn of(pages: &[(u32, u64)], bytes: u64) -> Option<Self> {
        let &(memory, address) = pages.first()?;
        // The next memory begins in the same row if there are many.
        let own: Vec<_> = pages.iter().take_while(|page| page.0 == memory).collect();
        let last = own.last()?.1.saturating_add(bytes - 1);
        Some(Self { memory, address, last, pages: own.len() as u64, bytes })
    }
}

impl Work {
    /// Of a run that is not too long to be gone through again.
    pub(super) fn of(report: &Report<'_>, run: &Run) -> Option<Self> {
        let total = report.instructions;
        if total == 0 || total > limits::COURSE {
            return None;
        }
        let course = Course::of(&run.trace, total, limits::COLUMNS).ok()?;
        let mut work = Self { course, rows: Vec::new(), cells: BTreeMap::new(), per_column: 1 };
        if total <= limits::MEMORY_MAP {
            work.touched(run, total);
        }
        Some(work)
    }

    /// Which pages were touched when.
    fn touched(&mut self, run: &Run, total: u64) {
        let mut heat = Heat::new(0, total, limits::COLUMNS);
        // As far as the values are known.
        let walked = Timeline::new(&run.trace).and_then(|mut timeline| timeline.walk(0, total, &mut heat));
        if walked.is_err() {
            return;
        }
        self.per_column = heat.per_column();
        let mut pages: Vec<_> = heat.cells().map(|cell| (cell.memory, cell.address)).collect();
        pages.sort_unstable();
        pages.dedup();
        let per_row = pages.len().div_ceil(limits::PAGES).max(1);
        self.rows = pages.chunks(per_row).filter_map(|pages| Row::of(pages, heat.page_bytes())).collect();
        for cell in heat.cells() {
            let Ok(at) = pages.binary_search(&(cell.memory, cell.address)) else { continue };
            let sum = self.cells.entry((at / per_row, cell.column)).or_default();
            *sum = (sum.0.saturating_add(cell.read), sum.1.saturating_add(cell.written));
        }
    }
}
