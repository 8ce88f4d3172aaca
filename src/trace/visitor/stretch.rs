//! A stretch of a replay: blocks that ran one after another, and will again where the same decisions come at
//! the same place.
//!
//! Nothing in it pulls a record or ends an invocation: between its blocks are branches, calls of defined
//! functions and returns only. Not here: where stretches come from (`replay/memo.rs`).

use std::ops::Range;

use super::super::map::CodeMap;
use super::super::{ExecutedBlock, ExecutedFunction};
use super::{CallKind, Visitor};

/// A block that ran to its end, and how it was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::trace) struct BlockExit {
    pub(in crate::trace) number: u32,
    pub(in crate::trace) kind: ExitKind,
}

/// How a block was left. Functions stand as the numbers of their first blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::trace) enum ExitKind {
    /// By going on without a branch, which visitors are not told.
    On,
    /// By a branch that names one label: whether it was taken.
    Branch(bool),
    /// By a table: the index of the label.
    Label(u32),
    Call(CallKind, u32),
    TailCall(CallKind, u32),
    Leave,
}

impl ExitKind {
    pub(in crate::trace) fn is_branch(self) -> bool {
        matches!(self, Self::Branch(_) | Self::Label(_))
    }

    pub(in crate::trace) fn is_call_or_return(self) -> bool {
        matches!(self, Self::Call(..) | Self::TailCall(..) | Self::Leave)
    }
}

/// A part of a stretch: all its steps, and those of them that call or return.
#[derive(Debug, Clone, Copy)]
pub(in crate::trace) struct Part<'r> {
    pub(in crate::trace) steps: &'r [BlockExit],
    pub(in crate::trace) calls: &'r [BlockExit],
}

/// The parts of all stretches, by number.
#[derive(Debug, Default)]
pub(in crate::trace) struct Kept {
    /// Where the steps of a part stand in `steps`, and in `calls`.
    pub(in crate::trace) parts: Vec<(Range<u32>, Range<u32>)>,
    pub(in crate::trace) steps: Vec<BlockExit>,
    calls: Vec<BlockExit>,
}

impl Kept {
    pub(in crate::trace) fn part(&self, id: u32) -> Part<'_> {
        let of = |range: &Range<u32>| range.start as usize..range.end as usize;
        let (steps, calls) = &self.parts[id as usize];
        Part { steps: &self.steps[of(steps)], calls: &self.calls[of(calls)] }
    }

    /// Adds a part; whether anything in it calls or returns.
    pub(in crate::trace) fn add(&mut self, steps: &[BlockExit]) -> bool {
        let first = self.calls.len() as u32;
        self.calls.extend(steps.iter().filter(|step| step.kind.is_call_or_return()));
        let begin = self.steps.len() as u32;
        self.steps.extend(steps);
        self.parts.push((begin..self.steps.len() as u32, first..self.calls.len() as u32));
        self.calls.len() as u32 > first
    }
}

/// Blocks that ran one after another, as a visitor sees them.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'r> {
    pub(in crate::trace) map: &'r CodeMap<'r>,
    pub(in crate::trace) parts: Parts<'r>,
    pub(in crate::trace) instructions: u64,
    pub(in crate::trace) has_calls: bool,
}

/// Where the parts of a stretch stand.
#[derive(Debug, Clone, Copy)]
pub(in crate::trace) struct Parts<'r> {
    pub(in crate::trace) ids: &'r [u32],
    pub(in crate::trace) kept: &'r Kept,
}

impl<'r> Stretch<'r> {
    /// Instructions that ran.
    #[inline(always)]
    pub fn instructions(self) -> u64 {
        self.instructions
    }

    /// Whether a function was called or returned.
    #[inline(always)]
    pub fn has_calls(self) -> bool {
        self.has_calls
    }

    /// The blocks that ran, in order, each to its end.
    pub fn blocks(self) -> impl Iterator<Item = ExecutedBlock<'r>> {
        let map = self.map;
        self.parts().flat_map(move |part| part.steps.iter().map(move |step| map.run(step.number)))
    }

    /// The block that ran last.
    pub fn last(self) -> Option<ExecutedBlock<'r>> {
        let last = self.parts.ids.last().map(|&id| self.parts.kept.part(id))?;
        last.steps.last().map(|step| self.map.run(step.number))
    }

    /// Tells a visitor everything that happened, block by block.
    pub fn tell(self, visitor: &mut impl Visitor) {
        for step in self.parts().flat_map(|part| part.steps) {
            visitor.block(self.map.run(step.number));
            self.tell_way(*step, visitor);
        }
    }

    /// Tells a visitor of calls, tail calls and returns only.
    #[inline]
    pub fn tell_calls(self, visitor: &mut impl Visitor) {
        if self.has_calls {
            for step in self.parts().flat_map(|part| part.calls) {
                self.tell_way(*step, visitor);
            }
        }
    }

    /// The blocks that ran. For each it says whether the branch at its end was taken, if that names one
    /// label, or which label of a table it took.
    pub(crate) fn ways(self) -> impl Iterator<Item = (ExecutedBlock<'r>, Option<bool>, Option<u32>)> {
        let map = self.map;
        let way = move |step: &BlockExit| match step.kind {
            ExitKind::Branch(taken) => (map.run(step.number), Some(taken), None),
            ExitKind::Label(index) => (map.run(step.number), None, Some(index)),
            _ => (map.run(step.number), None, None),
        };
        self.parts().flat_map(move |part| part.steps.iter().map(way))
    }

    fn parts(self) -> impl Iterator<Item = Part<'r>> {
        self.parts.ids.iter().map(move |&id| self.parts.kept.part(id))
    }

    #[inline]
    fn tell_way(self, BlockExit { number, kind }: BlockExit, visitor: &mut impl Visitor) {
        let run = self.map.run(number);
        let function = |entry| ExecutedFunction::new(self.map, entry);
        match kind {
            ExitKind::On => {}
            ExitKind::Branch(taken) => visitor.branch(run, taken),
            ExitKind::Label(index) => visitor.branch_table(run, index),
            ExitKind::Call(kind, entry) => visitor.call(run, kind, function(entry)),
            ExitKind::TailCall(kind, entry) => visitor.tail_call(run, kind, function(entry)),
            ExitKind::Leave => visitor.leave(run),
        }
    }
}
