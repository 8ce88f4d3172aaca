//! What ran, against what there is.
//!
//! Blocks and edges are those of the field, not of replay. A block that only ends because it calls goes on
//! after the call. A function that did not run counts with the figures of the static view, or is decoded
//! where the view has none.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::{
        BlockIndex, FuncIndex,
        cfg::{Cfg, EdgeKind},
        view::{self, View},
    },
    sandbox::Run,
};

use super::{
    Cost, HiddenCall, Pass, Replayed, ResolvedCall, TableWrite,
    hidden::hidden,
    profile::{Profile, Ran},
};

/// What ran, against what there is.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Coverage {
    /// Defined functions that ran.
    pub functions_run: u32,
    /// Defined functions.
    pub functions: u32,
    /// Blocks that ran.
    pub blocks_run: u64,
    /// Reachable blocks of all functions.
    pub blocks: u64,
    /// Edges between blocks that were taken.
    pub edges_run: u64,
    /// Edges between blocks.
    pub edges: u64,
    /// Instructions that were executed at least once.
    pub instructions_run: u64,
    /// Instructions.
    pub instructions: u64,
    /// Functions that never ran and that nothing can call: dead code confirmed.
    pub dead_confirmed: Vec<FuncIndex>,
    /// Functions that never ran.
    pub never_ran: Vec<FuncIndex>,
    /// Functions that ran although the static view calls them dead.
    pub unexpected: Vec<FuncIndex>,
    /// Calls that the static call graph lacks, with what explains them.
    pub hidden: Vec<HiddenCall>,
    /// Calls through a table that the static call graph has only because segments and types resolve them.
    pub resolved: Vec<ResolvedCall>,
    /// Instructions that wrote tables, by place: who set what a hidden call went through. At most 256.
    pub table_writes: Vec<TableWrite>,
    /// Instructions beyond those.
    pub table_writes_cut: u64,
}

/// The pass.
pub(super) struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "coverage";
    const HELP: &'static str =
        "functions, blocks, edges, instructions that ran; dead code confirmed, hidden calls";
    const COST: Cost = Cost::Code;
    type Counter = ();
    type Output = Coverage;

    fn counter(&self, _: &Run, _: &View) {}

    fn of(&self, (): (), profile: &Replayed<'_>) -> Coverage {
        coverage(profile, profile.view())
    }
}

/// What ran of a function, and what it has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ratio {
    pub(super) blocks_run: u64,
    pub(super) blocks: u64,
    edges_run: u64,
    edges: u64,
    pub(super) instructions_run: u64,
    instructions: u64,
}

impl Ratio {
    pub(super) fn of(ran: Ran<'_>) -> Self {
        let (cfg, taken, begun) = (&ran.function.cfg, ran.edges(), ran.begun());
        let mut predecessors = vec![0u32; begun.len()];
        cfg.edges.iter().for_each(|edge| predecessors[edge.to.position()] += 1);
        let is_inner = |edge: &crate::module::cfg::Edge| {
            edge.kind == EdgeKind::Next && predecessors[edge.to.position()] == 1
        };
        let mut begins = vec![true; begun.len()];
        cfg.edges.iter().filter(|edge| is_inner(edge)).for_each(|edge| begins[edge.to.position()] = false);
        let edges_run =
            cfg.edges.iter().zip(&taken).filter(|(edge, count)| **count != 0 && !is_inner(edge)).count();
        let blocks_run = begins.iter().zip(&begun).filter(|(begins, count)| **begins && **count != 0).count();
        Self {
            blocks_run: blocks_run as u64,
            blocks: u64::from(cfg.block_count),
            edges_run: edges_run as u64,
            edges: u64::from(cfg.edge_count),
            instructions_run: instructions_run(ran),
            instructions: ran.code.ops().len() as u64,
        }
    }

    /// Of a function that did not run.
    fn of_static(profile: &Profile<'_>, func: FuncIndex, known: Option<&view::Function>) -> Self {
        if let Some(known) = known.filter(|known| known.error.is_none() && known.blocks != 0) {
            let (blocks, edges) = (known.blocks.into(), known.edges.into());
            return Self { blocks, edges, instructions: known.classes.total, ..Self::default() };
        }
        let Some(code) = profile.module().and_then(|module| module.code(func).ok()) else {
            return Self::default();
        };
        let cfg = Cfg::of(code);
        let instructions = code.ops().len() as u64;
        Self { blocks: cfg.block_count.into(), edges: cfg.edge_count.into(), instructions, ..Self::default() }
    }
}

/// Instructions that were executed at least once.
fn instructions_run(ran: Ran<'_>) -> u64 {
    let mut longest: BTreeMap<BlockIndex, usize> = BTreeMap::new();
    for (block, ops, _) in ran.slices() {
        let longest = longest.entry(block).or_default();
        *longest = (*longest).max(ops.len());
    }
    longest.values().map(|len| *len as u64).sum()
}

impl Coverage {
    /// Adds what ran of a function.
    fn add(&mut self, ratio: &Ratio) {
        self.blocks_run += ratio.blocks_run;
        self.blocks += ratio.blocks;
        self.edges_run += ratio.edges_run;
        self.edges += ratio.edges;
        self.instructions_run += ratio.instructions_run;
        self.instructions += ratio.instructions;
    }
}

fn coverage(profile: &Profile<'_>, view: &View) -> Coverage {
    let mut coverage = Coverage::default();
    let dead = &view.calls.dead;
    for func in profile.module().into_iter().flat_map(|module| module.defined()) {
        let ran = profile.function(func).filter(|ran| ran.function.entered != 0);
        let ratio = ran.map_or_else(|| Ratio::of_static(profile, func, view.function(func)), Ratio::of);
        coverage.functions += 1;
        coverage.functions_run += u32::from(ran.is_some());
        coverage.add(&ratio);
        match (ran.is_some(), dead.binary_search(&func).is_ok()) {
            (true, true) => coverage.unexpected.push(func),
            (true, false) => {}
            (false, is_dead) => {
                coverage.never_ran.push(func);
                coverage.dead_confirmed.extend(is_dead.then_some(func));
            }
        }
    }
    let hidden = hidden(profile, view);
    (coverage.hidden, coverage.resolved) = (hidden.calls, hidden.resolved);
    (coverage.table_writes, coverage.table_writes_cut) = hidden.writes;
    coverage
}
