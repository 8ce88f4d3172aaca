//! Metrics of what was executed.

use crate::{
    module::view::Classes,
    passes::{Branch, ExecutedLoop, FunctionMetrics},
    sandbox::EntryKind,
};

use super::{Index, MINING, Subject, bits, share, windows};

/// The classes of what a subject executed.
fn classes<'i>(index: &'i Index<'_>, subject: Subject<'i>) -> Option<&'i Classes> {
    match subject {
        Subject::Run => Some(&index.facts.dynamic.metrics.classes),
        Subject::Entry(position) => Some(&index.facts.dynamic.entries.get(position)?.classes),
        Subject::RunFunction(function) => Some(&function.classes),
        Subject::Loop(of) => Some(&of.classes),
        _ => None,
    }
}

/// A share of what a subject executed.
fn part(index: &Index<'_>, subject: Subject<'_>, value: fn(&Classes) -> u64) -> Option<f64> {
    classes(index, subject).map(|classes| share(value(classes), classes.total))
}

fn count(index: &Index<'_>, subject: Subject<'_>, value: fn(&Classes) -> u64) -> Option<f64> {
    classes(index, subject).map(|classes| value(classes) as f64)
}

/// The executed windows of the named signatures, of all if none is named.
fn executed_windows(index: &Index<'_>, subject: Subject<'_>, names: &[&str]) -> Option<u64> {
    match subject {
        Subject::Run => Some(windows(&index.facts.dynamic.signatures, names)),
        Subject::RunFunction(function) => Some(windows(&function.signatures, names)),
        Subject::Loop(of) => Some(windows(&of.signatures, names)),
        _ => None,
    }
}

fn window_share(index: &Index<'_>, subject: Subject<'_>, names: &[&str]) -> Option<f64> {
    Some(share(executed_windows(index, subject, names)?, classes(index, subject)?.total))
}

fn of_run(subject: Subject<'_>, value: impl FnOnce() -> f64) -> Option<f64> {
    matches!(subject, Subject::Run).then(value)
}

fn of_loop(subject: Subject<'_>, value: fn(&ExecutedLoop) -> f64) -> Option<f64> {
    match subject {
        Subject::Loop(of) => Some(value(of)),
        _ => None,
    }
}

/// The loops of the run, or of one function.
fn loops<'i>(index: &'i Index<'_>, subject: Subject<'i>) -> Option<impl Iterator<Item = &'i ExecutedLoop>> {
    let (all, own) = match subject {
        Subject::Run => (&index.facts.dynamic.loops[..], None),
        Subject::RunFunction(function) => (&[][..], Some(index.loops_of(function.index).map(|(_, of)| of))),
        _ => return None,
    };
    Some(all.iter().chain(own.into_iter().flatten()))
}

pub(super) fn instructions(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    count(index, subject, |classes| classes.total)
}

fn share_of_run(index: &Index<'_>, instructions: u64) -> f64 {
    share(instructions, index.facts.dynamic.metrics.classes.total)
}

pub(super) fn own_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    match subject {
        Subject::Loop(of) => Some(of.share),
        Subject::Run => None,
        _ => classes(index, subject).map(|classes| share_of_run(index, classes.total)),
    }
}

pub(super) fn xor(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    count(index, subject, |classes| classes.xor)
}

pub(super) fn xor_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    part(index, subject, |classes| classes.xor)
}

pub(super) fn rotate_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    part(index, subject, |classes| classes.rotate)
}

pub(super) fn shift_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    part(index, subject, |classes| classes.shift)
}

pub(super) fn logic_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    part(index, subject, |classes| classes.logic)
}

pub(super) fn arithmetic_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    part(index, subject, |classes| classes.arithmetic)
}

pub(super) fn bit_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    part(index, subject, bits)
}

pub(super) fn simd_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    part(index, subject, |classes| classes.simd)
}

pub(super) fn load_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    part(index, subject, |classes| classes.load)
}

pub(super) fn store_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    part(index, subject, |classes| classes.store)
}

pub(super) fn nops(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    count(index, subject, |classes| classes.nop)
}

pub(super) fn nop_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    part(index, subject, |classes| classes.nop)
}

pub(super) fn mining_windows(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    executed_windows(index, subject, MINING).map(|count| count as f64)
}

pub(super) fn mining_window_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    window_share(index, subject, MINING)
}

pub(super) fn coinhive_windows(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    executed_windows(index, subject, &["coinhive"]).map(|count| count as f64)
}

pub(super) fn cryptoloot_windows(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    executed_windows(index, subject, &["cryptoloot"]).map(|count| count as f64)
}

pub(super) fn arx_window_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    window_share(index, subject, &["arx32", "arx64"])
}

pub(super) fn sha2_window_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    window_share(index, subject, &["sha2_32", "sha2_64"])
}

pub(super) fn keccak_window_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    window_share(index, subject, &["keccak"])
}

pub(super) fn hash_window_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    window_share(index, subject, &[])
}

/// SEISMIC's opcodes.
const SEISMIC: [&str; 5] = ["i32.add", "i32.and", "i32.shl", "i32.shr_u", "i32.xor"];

fn executions(index: &Index<'_>, names: &[&str]) -> u64 {
    names
        .iter()
        .filter_map(|name| index.facts.dynamic.opcodes.get(*name))
        .copied()
        .fold(0, u64::saturating_add)
}

fn seismic(index: &Index<'_>, subject: Subject<'_>, name: &str) -> Option<f64> {
    of_run(subject, || share(executions(index, &[name]), executions(index, &SEISMIC)))
}

pub(super) fn seismic_add(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    seismic(index, subject, "i32.add")
}

pub(super) fn seismic_and(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    seismic(index, subject, "i32.and")
}

pub(super) fn seismic_shl(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    seismic(index, subject, "i32.shl")
}

pub(super) fn seismic_shr(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    seismic(index, subject, "i32.shr_u")
}

pub(super) fn seismic_xor(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    seismic(index, subject, "i32.xor")
}

pub(super) fn seismic_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || share_of_run(index, executions(index, &SEISMIC)))
}

pub(super) fn hot_loop_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    loops(index, subject).map(|loops| loops.map(|of| of.share).fold(0.0, f64::max))
}

pub(super) fn quiet_loop_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let quiet = index.facts.dynamic.loops.iter().filter(|of| of.host_calls == 0);
    of_run(subject, || quiet.map(|of| of.share).fold(0.0, f64::max))
}

pub(super) fn top_function_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let most = index.facts.dynamic.functions.iter().map(|function| function.classes.total).max().unwrap_or(0);
    of_run(subject, || share_of_run(index, most))
}

pub(super) fn loop_iterations_max(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    loops(index, subject).map(|loops| loops.map(|of| of.iterations).max().unwrap_or(0) as f64)
}

pub(super) fn iterations(_: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_loop(subject, |of| of.iterations as f64)
}

pub(super) fn entries(_: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_loop(subject, |of| of.entries as f64)
}

pub(super) fn iterations_per_entry(_: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_loop(subject, |of| share(of.iterations, of.entries))
}

pub(super) fn instructions_per_iteration(_: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_loop(subject, |of| share(of.classes.total, of.iterations))
}

pub(super) fn xor_per_iteration(_: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_loop(subject, |of| share(of.classes.xor, of.iterations))
}

pub(super) fn host_calls_per_iteration(_: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_loop(subject, |of| share(of.host_calls, of.iterations))
}

pub(super) fn loads_per_iteration(_: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_loop(subject, |of| share(of.classes.load, of.iterations))
}

pub(super) fn stores_per_iteration(_: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_loop(subject, |of| share(of.classes.store, of.iterations))
}

pub(super) fn depth(_: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_loop(subject, |of| f64::from(of.depth))
}

pub(super) fn stopped_in(_: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_loop(subject, |of| f64::from(u8::from(of.stopped_in)))
}

pub(super) fn stopped_in_loop(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let entries = index.run().map(|run| &run.entries[..]).unwrap_or_default();
    of_run(subject, || entries.iter().filter(|entry| entry.stalled_in.is_some()).count() as f64)
}

pub(super) fn calls(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    match subject {
        Subject::RunFunction(function) => Some(function.calls as f64),
        _ => measured(index, subject).map(|metrics| metrics.calls as f64),
    }
}

/// What was measured of the run or an entry point.
pub(super) fn measured<'i>(index: &'i Index<'_>, subject: Subject<'_>) -> Option<&'i crate::passes::Metrics> {
    match subject {
        Subject::Run => Some(&index.facts.dynamic.metrics),
        Subject::Entry(position) => index.facts.dynamic.entries.get(position),
        _ => None,
    }
}

pub(super) fn indirect_calls(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    count(index, subject, |classes| classes.indirect_call)
}

pub(super) fn indirect_share(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    part(index, subject, |classes| classes.indirect_call)
}

pub(super) fn indirect_targets(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let edges = index
        .facts
        .dynamic
        .call_graph
        .edges
        .iter()
        .filter(|edge| edge.kind == crate::passes::CallEdgeKind::Indirect);
    of_run(subject, || edges.map(|edge| edge.callee).collect::<std::collections::BTreeSet<_>>().len() as f64)
}

pub(super) fn tail_calls(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    if matches!(subject, Subject::Loop(_)) {
        return None;
    }
    count(index, subject, |classes| classes.tail_call)
}

/// The branches of the run, or of one function.
fn branches<'i>(index: &'i Index<'_>, subject: Subject<'_>) -> Option<&'i [Branch]> {
    let all = &index.facts.dynamic.branches[..];
    match subject {
        Subject::Run => Some(all),
        Subject::RunFunction(FunctionMetrics { index: func, .. }) => {
            // Branches are ordered by place.
            let first = all.partition_point(|branch| branch.place.function < *func);
            let end = all.partition_point(|branch| branch.place.function <= *func);
            Some(all.get(first..end).unwrap_or_default())
        }
        _ => None,
    }
}

pub(super) fn table_branches(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    if let Some(metrics) = measured(index, subject) {
        return Some(metrics.tables as f64);
    }
    let tables = branches(index, subject)?.iter().filter(|branch| !branch.labels.is_empty());
    Some(tables.map(|branch| branch.taken).fold(0, u64::saturating_add) as f64)
}

pub(super) fn one_way_branches(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let is_one_way = |branch: &&Branch| {
        let (taken, not_taken) = (branch.taken, branch.not_taken);
        branch.labels.is_empty() && taken.saturating_add(not_taken) >= 16 && (taken == 0 || not_taken == 0)
    };
    Some(branches(index, subject)?.iter().filter(is_one_way).count() as f64)
}

pub(super) fn grows(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    measured(index, subject).map(|metrics| metrics.classes.memory_grow as f64)
}

pub(super) fn grown_pages(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    measured(index, subject).map(|metrics| metrics.grown_pages as f64)
}

pub(super) fn grow_refused(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    measured(index, subject).map(|metrics| metrics.grow_refused as f64)
}

pub(super) fn coverage(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    match subject {
        Subject::Run => {
            let coverage = &index.facts.dynamic.coverage;
            Some(share(coverage.instructions_run, coverage.instructions))
        }
        Subject::RunFunction(function) => Some(share(function.blocks_run.into(), function.blocks.into())),
        _ => None,
    }
}

pub(super) fn hidden_calls(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || index.facts.dynamic.coverage.hidden.len() as f64)
}

pub(super) fn start_ran(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    of_run(subject, || f64::from(u8::from(index.facts.dynamic.metrics.start_ran)))
}

pub(super) fn start_instructions(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let entries = index.run().map(|run| &run.entries[..]).unwrap_or_default();
    let of_start =
        entries.iter().zip(&index.facts.dynamic.entries).filter(|(entry, _)| entry.kind == EntryKind::Start);
    of_run(subject, || of_start.map(|(_, metrics)| metrics.classes.total).fold(0, u64::saturating_add) as f64)
}

pub(super) fn executed_crypto(index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
    let algorithms = index.facts.dynamic.constants.iter().map(|constant| constant.algorithm.as_str());
    of_run(subject, || algorithms.collect::<std::collections::BTreeSet<_>>().len() as f64)
}
