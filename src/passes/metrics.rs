//! Metrics of the run and of each entry point.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::{
        BothKeys, FuncIndex, Place, both_keys,
        view::{Classes, View},
    },
    sandbox::{Entry, EntryKind, Run},
    text::share,
};

use super::{
    Branch, Constant, Cost, Detail, HOT, HotBlock, MAX_TARGETS, Pass, Replayed, branches, constants,
    detail::{ranked_targets, targets},
    functions, hot_blocks, is_zero, opcodes,
    profile::Profile,
    tally::{Hot, Invocation, State, Totals, tables},
    top::{Ranked, Top},
};

/// Measurements of a run or an entry point.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Metrics {
    /// Executed instructions by class; `classes.total` is all of them.
    pub classes: Classes,
    /// Calls of defined functions, host calls left out.
    pub calls: u64,
    /// `memory.grow` that succeeded, and the pages they added.
    pub grown_pages: u64,
    /// `memory.grow` that was refused.
    pub grow_refused: u64,
    /// Conditional branches taken (`br_if`, `if` with its `then` arm).
    pub taken: u64,
    /// Conditional branches not taken.
    pub not_taken: u64,
    /// `br_table` executed.
    pub tables: u64,
    /// Bytes and elements of bulk operations.
    pub bulk_len: u64,
    /// Basic blocks that ran for the first time. An entry point showed them, and none before it did.
    pub new_blocks: u64,
    /// Host calls: `module.name` → calls.
    pub host_calls: BTreeMap<String, u64>,
    /// Whether the start function ran.
    pub start_ran: bool,
    /// Functions that executed most, callees left out, at most [`HOT`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hot_functions: Vec<HotFunction>,
    /// Functions that executed something and are not in `hot_functions`.
    #[serde(skip_serializing_if = "is_zero")]
    pub hot_functions_cut: u64,
    /// Branch instructions decided most often, at most [`HOT`]; those of the run are all in
    /// [`Dynamic::branches`](super::Dynamic::branches).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hot_branches: Vec<HotBranch>,
    /// Branch instructions that were decided and are not in `hot_branches`.
    #[serde(skip_serializing_if = "is_zero")]
    pub hot_branches_cut: u64,
    /// What a function has too.
    #[serde(flatten)]
    pub detail: Detail,
}

/// A function and how much it executed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct HotFunction {
    /// The function.
    #[serde(flatten, serialize_with = "both_keys")]
    #[schemars(with = "BothKeys<FuncIndex>")]
    pub func: FuncIndex,
    /// Its own instructions, callees left out.
    pub instructions: u64,
    /// Share of the run's or the entry point's instructions, 0 to 1.
    pub share: f64,
}

/// A branch instruction and which way it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct HotBranch {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// How often it was taken; for a `br_table` all executions.
    pub taken: u64,
    /// How often not.
    pub not_taken: u64,
}

/// The pass of the run.
pub(super) struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "metrics";
    const HELP: &'static str =
        "instructions by class and opcode, calls, branches, growth, host calls, of the run";
    const COST: Cost = Cost::Code;
    type Counter = ();
    type Output = Metrics;

    fn counter(&self, _: &Run, _: &View) {}

    fn of(&self, (): (), profile: &Replayed<'_>) -> Metrics {
        let totals = profile.totals();
        let mut metrics = metrics(profile, totals, profile.classes, tables(&totals.opcodes));
        metrics.start_ran = profile.get(&OfEntries).iter().any(|entry| entry.start_ran);
        metrics.detail = Detail {
            opcodes: opcodes::named((0u16..).zip(totals.opcodes.iter().copied())),
            ..targets(profile, &profile.calls)
        };
        (metrics.detail.hot_blocks, metrics.detail.hot_blocks_cut) = hottest_blocks(profile);
        (metrics.hot_functions, metrics.hot_functions_cut) = hottest_functions(profile);
        (metrics.hot_branches, metrics.hot_branches_cut) = hottest_branches(profile);
        profile.get(&constants::OfRun).iter().for_each(|constant| metrics.detail.keep(constant));
        metrics
    }
}

/// The pass of each entry point.
pub(super) struct OfEntries;

impl Pass for OfEntries {
    const NAME: &'static str = "entries";
    const HELP: &'static str = "the same of each entry point";
    const COST: Cost = Cost::Code;
    type Counter = ();
    type Output = Vec<Metrics>;

    fn counter(&self, _: &Run, _: &View) {}

    fn of(&self, (): (), profile: &Replayed<'_>) -> Vec<Metrics> {
        entries(profile, profile.view())
    }
}

fn hottest_blocks(profile: &Replayed<'_>) -> (Vec<HotBlock>, u64) {
    let all = profile.get(&hot_blocks::OfRun);
    let hottest: Vec<_> = all.blocks.iter().take(HOT).cloned().collect();
    let cut = all.blocks.len() as u64 + all.cut - hottest.len() as u64;
    (hottest, cut)
}

fn hottest_functions(profile: &Replayed<'_>) -> (Vec<HotFunction>, u64) {
    let mut top = Top::new(HOT);
    for function in profile.get(&functions::OfRun).iter() {
        top.push(function.classes.total, function.index);
    }
    let top = top.finish();
    let total = profile.instructions();
    let function =
        |(instructions, func)| HotFunction { func, instructions, share: share(instructions, total) };
    (top.items.into_iter().map(function).collect(), top.cut)
}

fn hottest_branches(profile: &Replayed<'_>) -> (Vec<HotBranch>, u64) {
    let mut top = Top::new(HOT);
    for branch in profile.get(&branches::OfRun).iter() {
        let &Branch { place, taken, not_taken, .. } = branch;
        top.push(taken + not_taken, (place, taken, not_taken));
    }
    let top = top.finish();
    let branch = |(_, (place, taken, not_taken))| HotBranch { place, taken, not_taken };
    (top.items.into_iter().map(branch).collect(), top.cut)
}

fn metrics(profile: &Profile<'_>, totals: &Totals, classes: Classes, tables: u64) -> Metrics {
    let mut host_calls = BTreeMap::new();
    for (&host, count) in &totals.host_calls {
        *host_calls.entry(profile.host_name(host).to_owned()).or_default() += count;
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
        new_blocks: totals.new_blocks,
        host_calls,
        ..Metrics::default()
    }
}

/// One for each entry point of the run; all zero for one that did not begin.
fn entries(profile: &Profile<'_>, view: &View) -> Vec<Metrics> {
    let of_entry = |(entry, invocation): (&Entry, Option<usize>)| {
        let Some(invocation) = invocation.and_then(|at| profile.tally.entries.kept.get(at)) else {
            return Metrics::default();
        };
        let start_ran = entry.kind == EntryKind::Start;
        Metrics { start_ran, ..of_invocation(profile, view, invocation) }
    };
    profile.run.entries.iter().zip(profile.invocations()).map(of_entry).collect()
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
        let place = Place { function: known.func?, offset };
        Some(Constant { name: known.name.clone(), algorithm: known.algorithm.clone(), place, count })
    });
    metrics.detail = Detail {
        opcodes: opcodes::named(executed.iter().copied()),
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
        let place = Place { function: ran.func(), offset: ran.ops(block).first()?.offset };
        Some(HotBlock { place, len: block.len, count, share: share(executed, total) })
    };
    listed(&hot.blocks, block)
}

fn hot_branches(profile: &Profile<'_>, hot: &Hot) -> (Vec<HotBranch>, u64) {
    let branch = |&(_, (number, [not_taken, taken])): &(u64, (usize, [u64; 2]))| {
        let (ran, block) = profile.own_block(number)?;
        let place = Place { function: ran.func(), offset: ran.ops(block).last()?.offset };
        Some(HotBranch { place, taken, not_taken })
    };
    listed(&hot.branches, branch)
}

/// The items that have a name, and how many are left out.
fn listed<T, L>(ranked: &Ranked<T>, item: impl Fn(&(u64, T)) -> Option<L>) -> (Vec<L>, u64) {
    let items: Vec<_> = ranked.items.iter().filter_map(item).collect();
    let cut = ranked.cut + (ranked.items.len() - items.len()) as u64;
    (items, cut)
}
