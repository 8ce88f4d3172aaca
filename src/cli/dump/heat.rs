//! `spoor dump --heat-map`: where memory was touched over the run, as data.

use std::io::Write;

use serde::Serialize;
use wasmspoor::{
    text,
    trace::Trace,
    values::{Heat, HeatCell, Timeline},
};

use super::super::{Exit, Failure, limits::HEAT_COLUMNS, output::Object, valued};

#[derive(Debug, Serialize)]
struct Map {
    from: u64,
    to: u64,
    instructions_per_column: u64,
    page_bytes: u64,
    cells: Vec<Cell>,
}

#[derive(Debug, Serialize)]
struct Cell {
    memory: u32,
    address: u64,
    column: u64,
    read: u64,
    written: u64,
}

impl From<HeatCell> for Cell {
    fn from(cell: HeatCell) -> Self {
        let HeatCell { memory, address, column, read, written } = cell;
        Self { memory, address, column, read, written }
    }
}

/// Prints the map of the events from `from` on and before `to`.
pub(super) fn write(trace: &Trace, from: u64, to: u64, out: &mut impl Write) -> Result<Exit, Failure> {
    let mut timeline = Timeline::new(trace).map_err(valued::end)?;
    let (total, known) = match timeline.total() {
        Ok(total) => (total, Ok(())),
        Err(error) => (error.instructions(), Err(error)),
    };
    let (is_known, to) = (to <= total, to.min(total).max(from));
    if known.is_ok() && from > 0 && from >= total {
        super::tell_end(from, total);
    }
    let mut heat = Heat::new(from, to, HEAT_COLUMNS);
    if from < to {
        let walked = timeline.walk(from, to, &mut heat);
        if known.is_ok() {
            walked.map_err(valued::end)?;
        }
    }
    let fields = Map {
        from,
        to,
        instructions_per_column: heat.per_column(),
        page_bytes: heat.page_bytes(),
        cells: heat.cells().map(Cell::from).collect(),
    };
    text::write_json(out, &Object { schema: "spoor.heat/1", fields: &fields })?;
    // What is known is printed in any case.
    match known {
        Err(error) if !is_known => Err(valued::end(error)),
        _ => Ok(Exit::Done),
    }
}
