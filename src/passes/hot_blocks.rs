//! The blocks that executed most.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::{Place, view::View},
    sandbox::Run,
    text::share,
};

use super::{
    Cost, HOT_BLOCKS, Pass, Replayed,
    profile::Ran,
    top::{Ranked, Top},
};

/// A block and how often it ran.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct HotBlock {
    /// Its first instruction.
    #[serde(flatten)]
    pub place: Place,
    /// Instructions in it.
    pub len: u32,
    /// How often it ran.
    pub count: u64,
    /// Share of the run's instructions, 0 to 1.
    pub share: f64,
}

/// The hottest blocks, at most [`HOT_BLOCKS`].
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct HotBlocks {
    /// Blocks that ran most.
    #[serde(rename = "hot_blocks")]
    pub blocks: Vec<HotBlock>,
    /// Blocks that ran and are not in `hot_blocks`.
    #[serde(rename = "hot_blocks_cut")]
    pub cut: u64,
}

/// The pass.
pub(super) struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "hot-blocks";
    const HELP: &'static str = "the blocks that executed most instructions";
    const COST: Cost = Cost::Code;
    type Counter = ();
    type Output = HotBlocks;

    fn counter(&self, _: &Run, _: &View) {}

    fn of(&self, (): (), profile: &Replayed<'_>) -> HotBlocks {
        let mut top = Top::new(HOT_BLOCKS);
        for ran in profile.functions() {
            blocks(ran, |executed, block| top.push(executed, block));
        }
        let (blocks, cut) = named(top.finish(), profile.instructions());
        HotBlocks { blocks, cut }
    }
}

/// The hottest `max` blocks of a function, and how many others ran.
pub(super) fn of_function(ran: Ran<'_>, max: usize, total: u64) -> (Vec<HotBlock>, u64) {
    let mut top = Top::new(max);
    blocks(ran, |executed, block| top.push(executed, block));
    named(top.finish(), total)
}

/// A block: its first instruction, its instructions, how often it began.
type Block = (Place, u32, u64);

/// Gives each block that ran, with the instructions executed in it.
fn blocks(ran: Ran<'_>, mut give: impl FnMut(u64, Block)) {
    let mut executed = vec![0u64; ran.code.blocks().len()];
    for (block, ops, count) in ran.slices() {
        executed[block.position()] += ops.len() as u64 * count;
    }
    for ((block, executed), count) in ran.code.blocks().iter().zip(executed).zip(ran.begun()) {
        if let Some(first) = ran.ops(block).first() {
            let place = Place { function: ran.func(), offset: first.offset };
            give(executed, (place, block.len, count));
        }
    }
}

fn named(ranked: Ranked<Block>, total: u64) -> (Vec<HotBlock>, u64) {
    let block =
        |(executed, (place, len, count))| HotBlock { place, len, count, share: share(executed, total) };
    (ranked.items.into_iter().map(block).collect(), ranked.cut)
}
