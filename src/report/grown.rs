//! How memory grew in the course of a run.

use super::Report;
use crate::{sandbox::Run, trace::Record};

/// Virtual time in nanoseconds → pages of memory from then on, at each `memory.grow` that succeeded. The
/// time is that of the host call before it. Growth of tables and of other memories is recorded alike, so
/// where a table grew, or there are several memories, it is not told.
pub(super) fn sizes(report: &Report<'_>, run: &Run) -> Vec<(u64, u64)> {
    if report.opcodes.contains_key("table.grow") || report.view.memories.len() != 1 {
        return Vec::new();
    }
    let mut time = 0;
    let mut calls = run.calls.iter().peekable();
    let mut sizes = Vec::new();
    for (position, record) in run.trace.records.iter().enumerate() {
        while let Some(call) = calls.next_if(|call| call.record <= position) {
            time = call.time_ns;
        }
        let &Record::Grow { delta, result } = record else { continue };
        // A refused growth gave -1, in the index type.
        let Ok(former) = i32::try_from(result) else { continue };
        sizes.push((time, u64::from(former.unsigned_abs()).saturating_add(delta)));
    }
    sizes
}
