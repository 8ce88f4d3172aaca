//! Stirring: whether a long run does to what it keeps what a hash does.
//!
//! The run is computed with its values up to its middle. There all that it keeps in frames, globals and words
//! of memory is marked, and followed for a while. Costs as much as computing half of the run, of long runs
//! only.

use super::limits::{MOST_COMPUTED, STIRRED_INSTRUCTIONS, STIRRED_WHILE};
use crate::{
    sandbox::{EntryKind, Run},
    values::{
        Machine,
        taint::{Taint, TaintOptions},
    },
};

/// Whether the run of so many instructions stirs what it keeps. Exports of a library that are called one
/// after another make long runs of any work: only a program is looked at.
pub(super) fn stirs(run: &Run, executed: u64) -> bool {
    let is_own = |kind| matches!(kind, EntryKind::Start | EntryKind::Initialize | EntryKind::Main);
    let is_program = run.entries.iter().all(|entry| is_own(entry.kind));
    executed >= STIRRED_INSTRUCTIONS && is_program && looked_at(run, executed).unwrap_or(false)
}

fn looked_at(run: &Run, executed: u64) -> Option<bool> {
    let mut machine = Machine::new(&run.trace).ok()?;
    let mut taint = Taint::new(&run.trace, TaintOptions::default().sources([]));
    let middle = (executed / 2).min(MOST_COMPUTED);
    machine.run_to(middle, &mut taint).ok()?;
    // Memory is known by what is done to it for a while.
    taint.mark();
    let middle = middle + STIRRED_WHILE / 4;
    machine.run_to(middle, &mut taint).ok()?;
    let marks = taint.mark();
    machine.run_to(middle + STIRRED_WHILE, &mut taint).ok()?;
    Some(taint.stirred(&marks) >= 2)
}
