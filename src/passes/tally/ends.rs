//! Where invocations end: in which block, and whether that has a way on.
//!
//! PERF: the hot hook writes one number.

use hashbrown::HashMap;

use crate::{
    module::Exit,
    trace::{ExecutedBlock, FuncKey, Stretch, Visitor},
};

use super::Function;

/// No block.
const NOWHERE: usize = usize::MAX;

/// Follows where the run is.
#[derive(Debug)]
pub(in crate::passes) struct Ends {
    /// The block that ran last, if to its end.
    last: usize,
    /// The block that was cut short last.
    cut_in: usize,
    /// Blocks that ran to their end without a way on, which only a count of those that have one shows.
    pub(in crate::passes) stuck: HashMap<usize, u64>,
}

impl Ends {
    pub(super) fn new() -> Self {
        Self { last: NOWHERE, cut_in: NOWHERE, stuck: HashMap::new() }
    }

    /// A host function came back to the block that called it.
    pub(super) fn came_back(&mut self, site: Option<u32>) {
        self.last = site.map_or(NOWHERE, |site| site as usize);
    }

    /// The block in which the invocation ended.
    pub(super) fn place(&self) -> usize {
        if self.last == NOWHERE { self.cut_in } else { self.last }
    }

    /// The invocation ended at an instruction. A block that ends without a decision or a call has no way on
    /// if that was its last.
    pub(super) fn note_stuck(&mut self, functions: &[Function]) {
        let owner = functions.partition_point(|function| function.first_block <= self.last).wrapping_sub(1);
        let Some(function) = functions.get(owner) else { return };
        let block = function.code().and_then(|code| code.blocks().get(self.last - function.first_block));
        if block
            .is_some_and(|block| matches!(block.exit, Exit::Next | Exit::Skip(_) | Exit::Grow | Exit::Bulk))
        {
            *self.stuck.entry(self.last).or_default() += 1;
        }
    }

    /// The invocation ended, and nothing ran since.
    pub(super) fn forget(&mut self) {
        (self.last, self.cut_in) = (NOWHERE, NOWHERE);
    }
}

impl Visitor for Ends {
    #[inline(always)]
    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.last = run.number();
    }

    #[inline(always)]
    fn stretch(&mut self, run: Stretch<'_>) {
        if let Some(last) = run.last() {
            self.last = last.number();
        }
    }

    fn cut(&mut self, run: ExecutedBlock<'_>) {
        (self.last, self.cut_in) = (NOWHERE, run.number());
    }

    fn invoke(&mut self, _: FuncKey) {
        self.last = NOWHERE;
    }
}
