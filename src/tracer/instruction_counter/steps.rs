//! The steps of the walk, as `trace::step` asks for them.

use super::{
    AfterHost, At, Inside, InstructionCounter, Stop,
    memo::{Standing, Stretch},
};
use crate::{
    module::{BlockIndex, FuncIndex, Meeting, Module},
    trace::{
        Window,
        step::{Call, Misfit, Walker},
    },
    tracer::limits::{COUNTED_CHUNK, COUNTED_FRAMES},
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
        if counter.taken.saturating_add(u64::from(counter.window.len())) > end {
            return Ok(None);
        }
        let word = counter.window.ahead();
        let base = base(counter)?;
        let (last_target, total) = (counter.last_target, counter.total);
        let start = (self.inside.func, block);
        let standing = Standing { start, word, frames: &counter.frames, base, last_target, total };
        let Some(stretch) = counter.words.find(standing) else { return Ok(None) };
        counter.words.replace(&stretch, &mut counter.frames);
        counter.window = Window::SPENT;
        self.take(&stretch).map(Some)
    }

    /// Goes over the next few decisions of a word at once if they came before at this place.
    #[inline(always)]
    pub(super) fn leap_chunk(&mut self, block: BlockIndex, end: u64) -> Result<Option<BlockIndex>, Stop> {
        let counter = &mut *self.counter;
        let here = (self.inside.func, block);
        if counter.taken - counter.chunk.from < counter.chunk.least {
            return Ok(None);
        }
        counter.keep_chunk(here);
        let most = counter.window.len().min(COUNTED_CHUNK);
        if counter.taken.saturating_add(u64::from(most)) > end {
            return Ok(None);
        }
        counter.chunk = Chunk::begun(counter.taken, most);
        let word = counter.window.ahead() >> (64 - most) | 1 << most;
        let base = base(counter)?;
        let (last_target, total) = (counter.last_target, counter.total);
        let standing = Standing { start: here, word, frames: &counter.frames, base, last_target, total };
        let Some(stretch) = counter.chunks.find(standing) else { return Ok(None) };
        counter.chunks.follow(&stretch, &mut counter.words.trail, counter.frames.len());
        counter.chunks.replace(&stretch, &mut counter.frames);
        counter.window = counter.window.without(stretch.width);
        counter.chunk.least = 0;
        self.take(&stretch).map(Some)
    }

    #[inline(always)]
    fn take(&mut self, stretch: &Stretch) -> Result<BlockIndex, Stop> {
        let counter = &mut *self.counter;
        counter.total += stretch.instructions;
        counter.taken += u64::from(stretch.width);
        counter.last_target = stretch.left_target.unwrap_or(counter.last_target);
        let (func, block) = stretch.next;
        if func != self.inside.func {
            self.inside = Inside::of(self.module, func)?;
        }
        Ok(block)
    }
}

/// Frames below the invocation.
#[inline(always)]
fn base(counter: &InstructionCounter) -> Result<usize, Stop> {
    Ok(counter.invocations.last().ok_or(Stop::Lost)?.base)
}

/// The chunk that is walked, or that was sought in vain.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chunk {
    /// Decisions before it.
    pub(super) from: u64,
    /// It has at least so many, and at most.
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Chunk {
    /// One that ends where a step ends, within the decisions that it is known by.
    fn begun(from: u64, most: u32) -> Self {
        let least = if most == COUNTED_CHUNK { COUNTED_CHUNK - 2 } else { most };
        Self { from, least: least.into(), most: most.into() }
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
        self.counter.words.trail.has_target = true;
        self.counter.chunks.trail.has_target = true;
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
            self.counter.words.trail.push(self.counter.frames.len());
            self.counter.chunks.trail.push(self.counter.frames.len());
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
        self.counter.drop_trails();
        self.counter.at = At::Throw(self.inside.func, from, 0, 0);
        Err(Stop::Elsewhere)
    }

    #[inline(always)]
    fn record(&mut self, from: BlockIndex) -> Result<BlockIndex, Stop> {
        self.counter.drop_trails();
        self.counter.next_record += 1;
        Ok(Self::next(from))
    }

    fn misfit(_: Misfit) -> Stop {
        Stop::Lost
    }
}
