//! Functions that ran, the hottest blocks, and every branch instruction.

use std::collections::{BTreeMap, HashMap};

use crate::module::{
    BlockIndex, Exit, Op, Opcode,
    signatures::{self, SIGNATURES},
    view::{Classes, View},
};

use super::{
    Branch, Dynamic, Function, HOT_BLOCKS, HotBlock,
    coverage::Ratio,
    profile::{Profile, Ran},
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
        SIGNATURES.iter().zip(self.0).filter(|(_, count)| *count != 0).map(|(name, count)| ((*name).to_owned(), count)).collect()
    }
}

/// Adds instructions that ran in a row.
pub(super) fn add_ops(classes: &mut Classes, ops: &[Op], count: u64) {
    for op in ops {
        classes.add_opcode(op.opcode, count);
    }
}

pub(super) fn derive(profile: &Profile<'_>, view: &View, dynamic: &mut Dynamic) {
    let mut host_calls: HashMap<usize, u64> = HashMap::new();
    for call in profile.calls.iter().filter(|call| call.callee.is_host()) {
        if let Some(caller) = call.caller.filter(|caller| !caller.is_host()) {
            *host_calls.entry(caller.position()).or_default() += call.count;
        }
    }
    let mut all = Windows::default();
    for ran in profile.functions() {
        let host_calls = host_calls.get(&ran.ordinal).copied().unwrap_or(0);
        let (mut function, windows) = function(ran, host_calls);
        let in_module = || profile.module().and_then(|module| module.name(ran.func())).map(str::to_owned);
        function.name = view.function(ran.func()).and_then(|function| function.name.clone()).or_else(in_module);
        all.merge(windows);
        dynamic.functions.push(function);
        branches(ran, &mut dynamic.branches);
        hot_blocks(ran, profile.instructions(), &mut dynamic.hot_blocks);
    }
    dynamic.signatures = all.named();
    trim(&mut dynamic.hot_blocks);
}

fn function(ran: Ran<'_>, host_calls: u64) -> (Function, Windows) {
    let (mut classes, mut windows) = (Classes::default(), Windows::default());
    for (_, ops, count) in ran.slices() {
        add_ops(&mut classes, ops, count);
        windows.add(ops, count);
    }
    let Ratio { blocks_run, instructions_run, blocks, .. } = Ratio::of(ran);
    let function = Function {
        index: ran.func(),
        name: None,
        calls: ran.function.entered,
        classes,
        blocks_run: blocks_run as u32,
        blocks: blocks as u32,
        instructions_run: instructions_run as u32,
        signatures: windows.named(),
        host_calls,
    };
    (function, windows)
}

/// Conditional branches and tables that were decided at least once.
fn branches(ran: Ran<'_>, branches: &mut Vec<Branch>) {
    let br_table = Opcode::from_mnemonic("br_table");
    for (position, block) in ran.code.blocks().iter().enumerate() {
        let index = BlockIndex(position as u32);
        let (_, [not_taken, taken]) = ran.counts(index);
        let Some(last) = ran.code.ops().get(block.range()).and_then(<[Op]>::last) else { continue };
        let is_branch = match block.exit {
            Exit::BrIf(_) | Exit::If(_) | Exit::BrTable(_) => true,
            // All its labels are equal, so which of them was taken is not known.
            Exit::Br(_) | Exit::BrLoop(_) => Some(last.opcode) == br_table,
            _ => false,
        };
        if is_branch && taken + not_taken != 0 {
            let labels = ran.labels(index).to_vec();
            branches.push(Branch { func: ran.func(), offset: last.offset, taken, not_taken, labels });
        }
    }
}

fn hot_blocks(ran: Ran<'_>, total: u64, hot: &mut Vec<HotBlock>) {
    let mut executed = vec![0u64; ran.code.blocks().len()];
    for (block, ops, count) in ran.slices() {
        executed[block.position()] += ops.len() as u64 * count;
    }
    for ((block, executed), count) in ran.code.blocks().iter().zip(executed).zip(ran.begun()) {
        let first = ran.code.ops().get(block.range()).and_then(<[Op]>::first);
        if let Some(first) = first.filter(|_| executed != 0) {
            let share = share(executed, total);
            hot.push(HotBlock { func: ran.func(), offset: first.offset, len: block.len, count, share });
        }
    }
    if hot.len() > 4 * HOT_BLOCKS {
        trim(hot);
    }
}

fn trim(hot: &mut Vec<HotBlock>) {
    hot.sort_by(|a, b| b.share.total_cmp(&a.share).then((a.func, a.offset).cmp(&(b.func, b.offset))));
    hot.truncate(HOT_BLOCKS);
}

/// A part of a whole, 0 if there is no whole.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
