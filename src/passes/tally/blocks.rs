//! How often each block ran, and which way it was left.
//!
//! PERF: each hook adds to one element of a vector.

use crate::{
    module::{BlockIndex, Code, Exit, cfg::Cfg},
    trace::{ExecutedBlock, Stretch, Visitor},
};

use super::stack::NONE;

/// Counters of a block.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::passes) struct Block {
    /// How often it ran to its end.
    pub(in crate::passes) ran: u64,
    /// For a conditional branch: not taken, taken. For any other branch or a call: how often, in the second.
    pub(in crate::passes) ways: [u64; 2],
    /// The innermost loop around it.
    pub(super) group: u32,
    /// Whether its direct call came to a function that was on the stack.
    pub(in crate::passes) is_back: bool,
}

/// Counts blocks, branches and labels.
#[derive(Debug, Default)]
pub(in crate::passes) struct Blocks {
    /// By the number of the block.
    pub(in crate::passes) all: Vec<Block>,
    /// The first label counter of each block; means something for those that have a table.
    label_base: Vec<u32>,
    labels: Vec<u64>,
}

impl Blocks {
    /// The blocks of a function are known from now on; its loops are numbered from `first_loop`.
    pub(super) fn add(&mut self, code: &Code, cfg: &Cfg, first_loop: usize) {
        for (position, block) in code.blocks().iter().enumerate() {
            let innermost = cfg.loops_around(BlockIndex(position as u32)).next();
            let group = innermost.map_or(NONE, |innermost| (first_loop + innermost) as u32);
            self.all.push(Block { group, ..Block::default() });
            self.label_base.push(self.labels.len() as u32);
            if let Exit::BrTable(table) = block.exit {
                let labels = code.tables().get(table as usize).map_or(0, |table| code.labels(table).len());
                self.labels.resize(self.labels.len() + labels, 0);
            }
        }
    }

    /// The block calls.
    #[inline]
    pub(super) fn call(&mut self, number: usize) -> &mut Block {
        let block = &mut self.all[number];
        block.ways[1] += 1;
        block
    }

    /// The counts of the table at the end of a block.
    pub(in crate::passes) fn labels(&self, number: usize, len: usize) -> &[u64] {
        let base = self.label_base.get(number).map_or(0, |base| *base as usize);
        self.labels.get(base..base + len).unwrap_or_default()
    }
}

impl Visitor for Blocks {
    #[inline(always)]
    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.all[run.number()].ran += 1;
    }

    fn stretches(&mut self, run: Stretch<'_>, times: u64) {
        for (block, taken, label) in run.ways() {
            let number = block.number();
            let counters = &mut self.all[number];
            counters.ran += times;
            if let Some(taken) = taken {
                counters.ways[usize::from(taken)] += times;
            }
            if let Some(label) = label {
                counters.ways[1] += times;
                self.labels[self.label_base[number] as usize + label as usize] += times;
            }
        }
    }

    #[inline(always)]
    fn branch(&mut self, run: ExecutedBlock<'_>, taken: bool) {
        self.all[run.number()].ways[usize::from(taken)] += 1;
    }

    #[inline]
    fn branch_table(&mut self, run: ExecutedBlock<'_>, index: u32) {
        self.all[run.number()].ways[1] += 1;
        self.labels[self.label_base[run.number()] as usize + index as usize] += 1;
    }
}
