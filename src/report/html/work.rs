//! What the drawing of a run's course is made from: its replay, and where its values went if it is short.

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
    pub(super) rows: Vec<(u32, u64)>,
    pub(super) cells: BTreeMap<(usize, u64), (u64, u64)>,
    /// Instructions of a column of the map, and bytes of a row.
    pub(super) per_column: u64,
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
        self.rows = pages.iter().step_by(per_row).copied().collect();
        for cell in heat.cells() {
            let Ok(at) = pages.binary_search(&(cell.memory, cell.address)) else { continue };
            let sum = self.cells.entry((at / per_row, cell.column)).or_default();
            *sum = (sum.0.saturating_add(cell.read), sum.1.saturating_add(cell.written));
        }
    }
}
