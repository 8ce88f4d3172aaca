//! The steps of the walk, as `trace::step` asks for them.

use super::{AfterHost, At, Inside, InstructionCounter, Stop, memo::Standing};
use crate::{
    module::{BlockIndex, FuncIndex, Meeting, Module},
    trace::{
        Window,
        step::{Call, Misfit, Walker},
    },
    tracer::limits::COUNTED_FRAMES,
};

/// The steps of the walk: blocks are those of the function that it is in.
pub(super) struct Steps<'o, 'm> {
    pub(super) counter: &'o mut InstructionCounter,
    pub(super) module: &'m Module,
    pub(super) inside: Inside<'m>,
}

impl Steps<'_, '_> {
    /// A word begins: goes over it at once if it came before at this place. Gives the block that is next.
    #[inline(always)]
    pub(super) fn leap(&mut self, block: BlockIndex, end: u64) -> Result<Option<BlockIndex>, Stop> {
        let counter = &mut *self.counter;
        let width = u64::from(counter.window.len());
        let base = counter.invocations.last().ok_or(Stop::Lost)?.base;
        if counter.taken.saturating_add(width) > end {
            return Ok(None);
        }
        let standing = Standing {
            start: (self.inside.func, block),
            word: counter.window.ahead(),
            frames: &counter.frames,
            base,
            last_target: counter.last_target,
            total: counter.total,
        };
        let Some(stretch) = counter.memo.find(standing) else { return Ok(None) };
        counter.total += stretch.instructions;
        counter.taken += width;
        counter.window = Window::SPENT;
        counter.last_target = stretch.left_target.unwrap_or(counter.last_target);
        counter.memo.replace(&stretch, &mut counter.frames);
        let (func, block) = stretch.next;
        if func != self.inside.func {
            self.inside = Inside::of(self.module, func)?;
        }
        Ok(Some(block))
    }
}

impl Walker for Steps<'_, '_> {
    type Block = BlockIndex;
    type Func = FuncIndex;
    type Stop = Stop;

    #[inline(always)]
    fn next(block: BlockIndex) -> BlockIndex {
        BlockIndex(block.0 + 1)
    }

    #[inline(always)]
    fn bit(&mut self) -> Result<bool, Stop> {
        self.counter.taken += 1;
        Ok(self.counter.window.take_bit())
    }

    #[inline(always)]
    fn field(&mut self, width: u32) -> Result<u64, Stop> {
        self.counter.taken += u64::from(width);
        self.counter.window.take_field(width).ok_or(Stop::Lost)
    }

    #[inline(always)]
    fn ahead(&self) -> u64 {
        self.counter.window.ahead()
    }

    #[inline(always)]
    fn last_target(&self) -> u32 {
        self.counter.last_target
    }

    #[inline(always)]
    fn resolve(&mut self, key: u32) -> Result<Option<FuncIndex>, Stop> {
        self.counter.memo.trail.has_target = true;
        self.counter.last_target = key;
        Ok(self.counter.defined(self.module, key))
    }

    #[inline(always)]
    fn labels(&self, table: u32) -> Result<u32, Stop> {
        let table = self.inside.code.tables().get(table as usize).ok_or(Stop::Lost)?;
        Ok(self.inside.code.labels(table).len() as u32)
    }

    #[inline(always)]
    fn label(&mut self, _: BlockIndex, table: u32, index: u32) -> Result<BlockIndex, Stop> {
        let table = self.inside.code.tables().get(table as usize).ok_or(Stop::Lost)?;
        self.inside.code.labels(table).get(index as usize).copied().ok_or(Stop::Lost)
    }

    #[inline(always)]
    fn meeting(&self, _: Meeting) -> Option<u32> {
        // Of which function the record is nobody asks here.
        Some(0)
    }

    #[inline(always)]
    fn call(&mut self, from: BlockIndex, call: Call<FuncIndex>) -> Result<BlockIndex, Stop> {
        if !call.is_tail {
            if self.counter.frames.len() >= COUNTED_FRAMES {
                return Err(Stop::Lost);
            }
            self.counter.frames.push((self.inside.func, Self::next(from)));
            self.counter.memo.trail.push(self.counter.frames.len());
        }
        self.inside = Inside::of(self.module, call.callee)?;
        Ok(BlockIndex(0))
    }

    fn host(&mut self, from: BlockIndex, call: Call<u32>) -> Result<BlockIndex, Stop> {
        let after = match call.is_tail {
            true => AfterHost::Return,
            false => AfterHost::Block(self.inside.func, Self::next(from)),
        };
        self.counter.enter_host(after)?;
        Err(Stop::Elsewhere)
    }

    #[inline(always)]
    fn leave(&mut self, _: BlockIndex) -> Result<BlockIndex, Stop> {
        let (func, block) = self.counter.pop_frame()?;
        if func != self.inside.func {
            self.inside = Inside::of(self.module, func)?;
        }
        Ok(block)
    }

    fn throw(&mut self, from: BlockIndex) -> Result<BlockIndex, Stop> {
        self.counter.memo.drop_trail();
        self.counter.at = At::Throw(self.inside.func, from, 0, 0);
        Err(Stop::Elsewhere)
    }

    #[inline(always)]
    fn record(&mut self, from: BlockIndex) -> Result<BlockIndex, Stop> {
        self.counter.memo.drop_trail();
        self.counter.next_record += 1;
        Ok(Self::next(from))
    }

    fn misfit(_: Misfit) -> Stop {
        Stop::Lost
    }
}
