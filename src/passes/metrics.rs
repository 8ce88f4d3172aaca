//! Metrics of the run and of each entry point.

use std::collections::BTreeMap;

use crate::{
    module::{
        OPCODES, Opcode,
        view::{Classes, View},
    },
    sandbox::{Entry, EntryEnd, EntryKind},
    text::share,
};

use super::{
    CallEdgeKind, Constant, Detail, Dynamic, HotBlock, HotBranch, HotFunction, MAX_TARGETS, Metrics, Place,
    Target,
    profile::{Call, Profile},
    tally::{Hot, Invocation, State, Totals, tables},
    top::{Ranked, Top},
};

pub(super) fn derive(profile: &Profile<'_>, view: &View, dynamic: &mut Dynamic) {
    let totals = profile.totals();
    dynamic.metrics = metrics(profile, totals, profile.classes, tables(&totals.opcodes));
    dynamic.metrics.detail = Detail {
        opcodes: opcodes((0u16..).zip(totals.opcodes.iter().copied())),
        ..targets(profile, &profile.calls)
    };
    dynamic.entries = entries(profile, view);
    dynamic.metrics.start_ran = dynamic.entries.iter().any(|entry| entry.start_ran);
    dynamic.opcodes =
        dynamic.metrics.detail.opcodes.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    dynamic.call_sites = profile.tally.call_sites.clone();
}

/// Executions by mnemonic; two encodings may have one.
pub(super) fn opcodes(counts: impl IntoIterator<Item = (u16, u64)>) -> BTreeMap<&'static str, u64> {
    let mut opcodes = BTreeMap::new();
    let named = |(opcode, count): (u16, u64)| {
        Some((Opcode::ALL.get(..OPCODES)?.get(usize::from(opcode))?.mnemonic(), count))
    };
    for (name, count) in counts.into_iter().filter(|(_, count)| *count != 0).filter_map(named) {
        *opcodes.entry(name).or_default() += count;
    }
    opcodes
}

/// What calls through tables called.
pub(super) fn targets(profile: &Profile<'_>, calls: &[Call]) -> Detail {
    let mut callees: BTreeMap<State, u64> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.kind == CallEdgeKind::Indirect) {
        *callees.entry(call.callee).or_default() += call.count;
    }
    let mut top = Top::new(MAX_TARGETS);
    callees.into_iter().for_each(|(callee, count)| top.push(count, callee));
    let (indirect_targets, indirect_targets_cut) = ranked_targets(profile, &top.finish());
    Detail { indirect_targets, indirect_targets_cut, ..Detail::default() }
}

fn ranked_targets(profile: &Profile<'_>, ranked: &Ranked<State>) -> (Vec<Target>, u64) {
    let target = |&(count, callee): &(u64, State)| Some(Target { func: profile.index_of(callee)?, count });
    let targets: Vec<_> = ranked.items.iter().filter_map(target).collect();
    let all = ranked.items.iter().map(|(count, _)| count).sum::<u64>() + ranked.cut_weight;
    let listed = targets.iter().map(|target| target.count).sum::<u64>();
    (targets, all - listed)
}

fn metrics(profile: &Profile<'_>, totals: &Totals, classes: Classes, tables: u64) -> Metrics {
    let mut host_calls = BTreeMap::new();
    for (&host, count) in &totals.host_calls {
        *host_calls.entry(profile.host_name(host)).or_default() += count;
    }
    Metrics {
        classes,
        calls: totals.calls,
        grown_pages: totals.grown_pages,
        grow_refused: totals.grow_refused,
        taken: totals.taken,
        not_taken: totals.not_taken,
        tables,
        bulk_len: totals.bulk_len,
        host_calls,
        ..Metrics::default()
    }
}

/// One for each entry point of the run; all zero for one that did not begin. Those that began are in the
/// trace in the same order.
fn entries(profile: &Profile<'_>, view: &View) -> Vec<Metrics> {
    let (entries, begun) = (&profile.run.entries, profile.tally.entries.begun());
    let mut invocations = profile.tally.entries.kept.iter().peekable();
    let mut missing = entries.len().saturating_sub(begun);
    let of_entry = |entry: &Entry| {
        let began = |invocation: &&Invocation| missing == 0 || may_be(profile, entry, invocation);
        let Some(invocation) = invocations.next_if(began) else {
            missing = missing.saturating_sub(1);
            return Metrics::default();
        };
        let start_ran = entry.kind == EntryKind::Start;
        Metrics { start_ran, ..of_invocation(profile, view, invocation) }
    };
    entries.iter().map(of_entry).collect()
}

fn of_invocation(profile: &Profile<'_>, view: &View, invocation: &Invocation) -> Metrics {
    let Invocation { classes, totals, tables, opcodes: executed, hot, .. } = invocation;
    let mut metrics = metrics(profile, totals, *classes, *tables);
    (metrics.hot_functions, metrics.hot_functions_cut) = hot_functions(profile, hot, classes.total);
    (metrics.hot_branches, metrics.hot_branches_cut) = hot_branches(profile, hot);
    let (hot_blocks, hot_blocks_cut) = hot_blocks(profile, hot, classes.total);
    let (indirect_targets, indirect_targets_cut) = ranked_targets(profile, &hot.targets);
    let constants = hot.constants.iter().take(MAX_TARGETS).filter_map(|(&position, &(count, offset))| {
        let known = view.crypto.get(position as usize)?;
        let place = Place { func: known.func?, offset };
        Some(Constant { name: known.name.clone(), algorithm: known.algorithm.clone(), place, count })
    });
    metrics.detail = Detail {
        opcodes: opcodes(executed.iter().copied()),
        indirect_targets,
        indirect_targets_cut,
        hot_blocks,
        hot_blocks_cut,
        constants: constants.collect(),
        constants_cut: hot.constants.len().saturating_sub(MAX_TARGETS) as u64,
    };
    metrics
}

fn hot_functions(profile: &Profile<'_>, hot: &Hot, total: u64) -> (Vec<HotFunction>, u64) {
    let function = |&(instructions, ordinal): &(u64, usize)| {
        let func = profile.index_of(State::defined(ordinal))?;
        Some(HotFunction { func, instructions, share: share(instructions, total) })
    };
    listed(&hot.functions, function)
}

fn hot_blocks(profile: &Profile<'_>, hot: &Hot, total: u64) -> (Vec<HotBlock>, u64) {
    let block = |&(executed, (number, count)): &(u64, (usize, u64))| {
        let (ran, block) = profile.own_block(number)?;
        let offset = ran.ops(block).first()?.offset;
        Some(HotBlock { func: ran.func(), offset, len: block.len, count, share: share(executed, total) })
    };
    listed(&hot.blocks, block)
}

fn hot_branches(profile: &Profile<'_>, hot: &Hot) -> (Vec<HotBranch>, u64) {
    let branch = |&(_, (number, [not_taken, taken])): &(u64, (usize, [u64; 2]))| {
        let (ran, block) = profile.own_block(number)?;
        Some(HotBranch { func: ran.func(), offset: ran.ops(block).last()?.offset, taken, not_taken })
    };
    listed(&hot.branches, branch)
}

/// The items that have a name, and how many are left out.
fn listed<T, L>(ranked: &Ranked<T>, item: impl Fn(&(u64, T)) -> Option<L>) -> (Vec<L>, u64) {
    let items: Vec<_> = ranked.items.iter().filter_map(item).collect();
    let cut = ranked.cut + (ranked.items.len() - items.len()) as u64;
    (items, cut)
}

/// Whether an invocation may be that of an entry point. One that the engine refused before it began is not in
/// the trace.
fn may_be(profile: &Profile<'_>, entry: &Entry, invocation: &Invocation) -> bool {
    let is_other = entry.func.is_some_and(|func| profile.key_of(func) != Some(invocation.func));
    let is_refused = matches!(entry.end, EntryEnd::Failed { .. }) && entry.site.is_none();
    !is_other && !is_refused
}
