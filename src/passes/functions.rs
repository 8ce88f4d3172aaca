//! Functions that ran, the hottest blocks, and every branch instruction.

use std::collections::BTreeMap;

use crate::{
    module::{
        BlockIndex, CodeOffset, Exit, FuncIndex, OPCODES, Op, Opcode,
        signatures::{self, SIGNATURES},
        view::{Classes, View},
    },
    text::share,
};

use super::{
    Branch, Detail, Dynamic, ExclusiveMetrics, FunctionMetrics, HOT, HOT_BLOCKS, HOT_OF_FUNCTION, HotBlock,
    HotBranch, HotFunction,
    coverage::Ratio,
    metrics,
    profile::{Profile, Ran},
    top::{Ranked, Top},
};

/// Signatures of executed windows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Windows([u64; signatures::COUNT]);

impl Windows {
    /// Adds the windows of instructions that ran in a row `count` times.
    pub(super) fn add(&mut self, ops: &[Op], count: u64) {
        for (sum, found) in self.0.iter_mut().zip(signatures::windows(ops)) {
            *sum = sum.saturating_add(u64::from(found).saturating_mul(count));
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more);
        }
    }

    /// By name, those that were found.
    pub(super) fn named(self) -> BTreeMap<String, u64> {
        SIGNATURES
            .iter()
            .zip(self.0)
            .filter(|(_, count)| *count != 0)
            .map(|(name, count)| ((*name).to_owned(), count))
            .collect()
    }
}

/// Adds instructions that ran in a row.
pub(super) fn add_ops(classes: &mut Classes, ops: &[Op], count: u64) {
    for op in ops {
        classes.add_opcode(op.opcode, count);
    }
}

pub(super) fn derive(profile: &Profile<'_>, view: &View, dynamic: &mut Dynamic) {
    let mut all = Windows::default();
    let mut hot = Top::new(HOT_BLOCKS);
    let mut opcodes = vec![0; OPCODES];
    for ran in profile.functions() {
        let (mut function, windows) = function(profile, ran, &mut opcodes);
        let in_module = || profile.module().and_then(|module| module.name(ran.func())).map(str::to_owned);
        function.name =
            view.function(ran.func()).and_then(|function| function.name.clone()).or_else(in_module);
        all.merge(windows);
        branches(ran, &mut dynamic.branches);
        let mut own = Top::new(HOT_OF_FUNCTION);
        blocks(ran, |executed, block| {
            own.push(executed, block);
            hot.push(executed, block);
        });
        (function.exclusive.detail.hot_blocks, function.exclusive.detail.hot_blocks_cut) =
            hot_blocks(own.finish(), profile.instructions());
        dynamic.functions.push(function);
    }
    dynamic.signatures = all.named();
    (dynamic.hot_blocks, dynamic.hot_blocks_cut) = hot_blocks(hot.finish(), profile.instructions());
    rank(profile, dynamic);
}

/// The hottest of all, into the metrics of the run.
fn rank(profile: &Profile<'_>, dynamic: &mut Dynamic) {
    let metrics = &mut dynamic.metrics;
    metrics.detail.hot_blocks = dynamic.hot_blocks.iter().take(HOT).cloned().collect();
    let blocks = dynamic.hot_blocks.len() as u64 + dynamic.hot_blocks_cut;
    metrics.detail.hot_blocks_cut = blocks - metrics.detail.hot_blocks.len() as u64;
    let mut functions = Top::new(HOT);
    dynamic.functions.iter().for_each(|function| functions.push(function.classes.total, function.index));
    let functions = functions.finish();
    let function = |(instructions, func)| HotFunction {
        func,
        instructions,
        share: share(instructions, profile.instructions()),
    };
    metrics.hot_functions_cut = functions.cut;
    metrics.hot_functions = functions.items.into_iter().map(function).collect();
    let mut branches = Top::new(HOT);
    for &Branch { func, offset, taken, not_taken, .. } in &dynamic.branches {
        branches.push(taken + not_taken, (func, offset, taken, not_taken));
    }
    let branches = branches.finish();
    let branch = |(_, (func, offset, taken, not_taken))| HotBranch { func, offset, taken, not_taken };
    metrics.hot_branches_cut = branches.cut;
    metrics.hot_branches = branches.items.into_iter().map(branch).collect();
}

/// `opcodes` is a buffer of zeros, and one again afterwards.
fn function(profile: &Profile<'_>, ran: Ran<'_>, opcodes: &mut [u64]) -> (FunctionMetrics, Windows) {
    let mut windows = Windows::default();
    for (_, ops, count) in ran.slices() {
        for op in ops {
            if let Some(executed) = opcodes.get_mut(op.opcode as usize) {
                *executed = executed.saturating_add(count);
            }
        }
        windows.add(ops, count);
    }
    let classes = Classes::of_histogram(opcodes);
    let tables = opcodes.get(Opcode::BrTable as usize).copied().unwrap_or(0);
    let [not_taken, taken] = conditional(ran);
    let calls = profile.calls_of(ran.ordinal);
    let mut host_calls_by_name = BTreeMap::new();
    for call in calls.iter().filter(|call| call.callee.is_host()) {
        *host_calls_by_name.entry(profile.host_name(call.callee.position())).or_default() += call.count;
    }
    let Ratio { blocks_run, instructions_run, blocks, .. } = Ratio::of(ran);
    let grown = ran.function.grown;
    let function = FunctionMetrics {
        index: ran.func(),
        name: None,
        calls: ran.function.entered,
        classes,
        blocks_run: blocks_run as u32,
        blocks: blocks as u32,
        instructions_run: instructions_run as u32,
        signatures: windows.named(),
        host_calls: host_calls_by_name.values().sum(),
        exclusive: ExclusiveMetrics {
            taken,
            not_taken,
            tables,
            grown_pages: grown.pages,
            grow_refused: grown.refused,
            bulk_len: grown.bulk_len,
            host_calls_by_name,
            detail: Detail {
                opcodes: metrics::opcodes((0u16..).zip(opcodes.iter().copied())),
                ..metrics::targets(profile, calls)
            },
        },
    };
    opcodes.fill(0);
    (function, windows)
}

/// How often the conditional branches of a function were not taken and taken.
fn conditional(ran: Ran<'_>) -> [u64; 2] {
    let blocks = (0u32..).map(BlockIndex).zip(ran.code.blocks());
    let conditional = blocks.filter(|(_, block)| matches!(block.exit, Exit::BrIf(_) | Exit::If(_)));
    conditional.fold([0; 2], |[not_taken, taken], (index, _)| {
        let (_, [not, yes]) = ran.counts(index);
        [not_taken + not, taken + yes]
    })
}

/// Conditional branches and tables that were decided at least once.
fn branches(ran: Ran<'_>, branches: &mut Vec<Branch>) {
    for (position, block) in ran.code.blocks().iter().enumerate() {
        let index = BlockIndex(position as u32);
        let (_, [not_taken, taken]) = ran.counts(index);
        let Some(last) = ran.code.ops().get(block.range()).and_then(<[Op]>::last) else { continue };
        let is_branch = match block.exit {
            Exit::BrIf(_) | Exit::If(_) | Exit::BrTable(_) => true,
            // All its labels are equal, so which of them was taken is not known.
            Exit::Br(_) | Exit::BrLoop(_) => last.opcode == Opcode::BrTable,
            _ => false,
        };
        if is_branch && taken + not_taken != 0 {
            let labels = ran.labels(index).to_vec();
            branches.push(Branch { func: ran.func(), offset: last.offset, taken, not_taken, labels });
        }
    }
}

/// A block: its function, its first instruction, its instructions, how often it began.
type Block = (FuncIndex, CodeOffset, u32, u64);

/// Gives each block that ran, with the instructions executed in it.
fn blocks(ran: Ran<'_>, mut give: impl FnMut(u64, Block)) {
    let mut executed = vec![0u64; ran.code.blocks().len()];
    for (block, ops, count) in ran.slices() {
        executed[block.position()] += ops.len() as u64 * count;
    }
    for ((block, executed), count) in ran.code.blocks().iter().zip(executed).zip(ran.begun()) {
        if let Some(first) = ran.ops(block).first() {
            give(executed, (ran.func(), first.offset, block.len, count));
        }
    }
}

fn hot_blocks(ranked: Ranked<Block>, total: u64) -> (Vec<HotBlock>, u64) {
    let block = |(executed, (func, offset, len, count))| HotBlock {
        func,
        offset,
        len,
        count,
        share: share(executed, total),
    };
    (ranked.items.into_iter().map(block).collect(), ranked.cut)
}
