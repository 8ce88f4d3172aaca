//! Counts executed instructions while a sample runs, so that a budget can be in instructions.
//!
//! A decision may stand for two instructions or for eight thousand, so decisions bound neither time nor work.
//! The counter walks the code as replay does, a chunk of decisions at a time. It does so when the recorder
//! hands one over, about every quarter of a million decisions. It keeps its place between two chunks, so each
//! decision is walked once.
//!
//! It never goes ahead of the run: it moves only while it knows a decision that is still to come. So what
//! follows the last decision of an invocation is not counted. A budget need not be that exact; replay is.
//!
//! Costs a few nanoseconds for each decision, and less where the same decisions come again at the same place
//! (`memo`). It costs nothing while no limit is near (`late`). Not here: limits (`capture`).

mod late;
mod memo;
mod seen;
mod steps;
mod unwind;

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::Arc,
};

use crate::{
    module::{Block, BlockIndex, Chain, Code, FuncIndex, Module},
    trace::{
        FuncKey, Record, Threads, Window,
        step::{Landed, land, step, thrown},
    },
};
pub(super) use late::LateCounter;
use memo::{Memo, Place, Worth};
use seen::Seen;
use steps::{Chunk, Steps};
use unwind::Unwinding;

/// The walker.
#[derive(Debug)]
pub(super) struct InstructionCounter {
    module: Arc<Module>,
    first_key: u32,
    /// Instructions so far.
    total: u64,
    /// Landing pads that exceptions passed.
    passed: u64,
    /// Invocations from the top that were begun, and the total when the last of them was.
    entries: u64,
    entry_began: u64,
    /// Decisions taken so far, in bits.
    taken: u64,
    /// Decisions of the current word.
    window: Window,
    /// Decisions that it had at first.
    word: u64,
    last_target: u32,
    next_record: usize,
    /// Records noted so far.
    noted: usize,
    /// The records from the next on.
    records: VecDeque<Known>,
    ends: Ends,
    at: At,
    frames: Vec<Place>,
    invocations: Vec<Invocation>,
    /// Frames and invocations of the other threads.
    threads: Threads<(Vec<Place>, Vec<Invocation>)>,
    /// The stream did not fit the code: it counts no more.
    is_lost: bool,
    seen: Seen,
    words: Memo,
    chunks: Memo,
    chunk: Chunk,
}

/// Where it stands.
#[derive(Debug, Clone, Copy)]
enum At {
    /// The host runs.
    Outside,
    /// Before this block of this function.
    Block(FuncIndex, BlockIndex),
    /// This block of this function throws again: so many bits of the tag are known, and these.
    Throw(FuncIndex, BlockIndex, u32, u32),
    /// Before the bit of a handler that is a loop.
    Loop(FuncIndex, BlockIndex),
    /// The host function that this block of this function called is left by an exception with this tag.
    Passed(FuncIndex, BlockIndex, u32),
}

#[derive(Debug)]
struct Invocation {
    /// Position of its `Invoke`.
    begun_at: usize,
    /// Frames below it.
    base: usize,
    /// Where it goes on after the host call that it is in.
    after_host: Option<AfterHost>,
}

#[derive(Debug, Clone, Copy)]
enum AfterHost {
    Block(FuncIndex, BlockIndex),
    Return,
}

/// What it must know of a record.
#[derive(Debug, Clone, Copy)]
enum Known {
    Invoke(FuncKey),
    HostReturn,
    HostThrew(u32),
    Switch(u32),
    Other,
}

/// How the invocations ended that it has not left yet.
#[derive(Debug, Default)]
struct Ends {
    /// By the position of their `Invoke`: decisions at the end, and the position of the `End`.
    ends: HashMap<usize, (u64, usize)>,
    /// Positions of the `Invoke`s of those that the run is in, and those of the other threads.
    open: Vec<usize>,
    threads: Threads<Vec<usize>>,
}

/// Why the walk stops for now.
enum Stop {
    /// No decisions are known.
    Dry,
    /// The stream does not fit.
    Lost,
    /// It goes on elsewhere: the host runs, or an exception is thrown.
    Elsewhere,
}

impl InstructionCounter {
    pub(super) fn new(module: Arc<Module>, first_key: FuncKey) -> Self {
        Self {
            module,
            first_key: first_key.0,
            total: 0,
            passed: 0,
            entries: 0,
            entry_began: 0,
            taken: 0,
            window: Window::SPENT,
            word: 0,
            last_target: 0,
            next_record: 0,
            noted: 0,
            records: VecDeque::new(),
            ends: Ends::default(),
            at: At::Outside,
            frames: Vec::new(),
            invocations: Vec::new(),
            threads: Threads::default(),
            is_lost: false,
            seen: Seen::default(),
            words: Memo::new(Worth::WORD),
            chunks: Memo::new(Worth::CHUNK),
            chunk: Chunk::default(),
        }
    }

    /// Instructions counted so far. A landing pad counts as one: an exception may pass a thousand of them,
    /// and that takes its time.
    pub(super) fn total(&self) -> u64 {
        self.total.saturating_add(self.passed)
    }

    /// Basic blocks that ran so far, each once; those that fall through into the next are one with it.
    pub(super) fn blocks_seen(&self) -> u64 {
        self.seen.count
    }

    /// Instructions counted of the `entries`-th invocation from the top.
    pub(super) fn of_entry(&self, entries: u64) -> u64 {
        if self.entries == entries { self.total() - self.entry_began } else { 0 }
    }

    /// All that anybody is told of it.
    #[cfg(test)]
    fn standing(&self) -> (u64, u64, u64, u64) {
        (self.total(), self.blocks_seen(), self.entries, self.entry_began)
    }

    /// Takes note of the next record, made after so many decisions if it is the end of an invocation. Returns
    /// whether it begins one from the top.
    pub(super) fn note(&mut self, record: &Record, decisions: u64) -> bool {
        let position = self.noted;
        self.noted += 1;
        let (known, mut is_top) = (Known::of(record), false);
        match record {
            Record::Invoke { .. } => {
                self.ends.open.push(position);
                is_top = self.ends.open.len() == 1 && self.ends.threads.is_main();
            }
            Record::End(_) => {
                if let Some(begun_at) = self.ends.open.pop()
                    && !self.is_lost
                {
                    self.ends.ends.insert(begun_at, (decisions, position));
                }
            }
            Record::Switch { thread } => {
                self.ends.threads.leave(*thread, &mut self.ends.open, Vec::is_empty);
            }
            _ => {}
        }
        if !self.is_lost {
            self.records.push_back(known);
        }
        is_top
    }

    /// Walks on through `words`.
    pub(super) fn advance(&mut self, words: &[u64]) {
        if self.is_lost {
            return;
        }
        let module = Arc::clone(&self.module);
        let mut words = words.iter();
        self.is_lost = matches!(self.walk(&module, &mut words), Err(Stop::Lost));
        if self.is_lost {
            self.records = VecDeque::new();
            self.ends.ends = HashMap::new();
        }
    }

    /// The next record; `None` if it is not made yet.
    fn record(&mut self) -> Option<Known> {
        // It may have been passed over before it was made.
        let passed = self.next_record.saturating_sub(self.noted - self.records.len());
        self.records.drain(..passed.min(self.records.len()));
        if self.next_record < self.noted { self.records.front().copied() } else { None }
    }

    /// The end of the invocation that began at that record.
    fn end_of(&self, invocation: &Invocation) -> Option<(u64, usize)> {
        self.ends.ends.get(&invocation.begun_at).copied()
    }

    fn walk(&mut self, module: &Module, words: &mut Words<'_>) -> Result<(), Stop> {
        loop {
            if let Some(invocation) = self.invocations.last()
                && let Some((decisions, record)) = self.end_of(invocation)
                && self.taken >= decisions
            {
                self.leave(record);
                continue;
            }
            self.fill(words)?;
            match self.at {
                At::Outside => self.outside()?,
                At::Block(func, block) => match self.run(module, func, block, words) {
                    Err(Stop::Elsewhere) => {}
                    stopped => stopped?,
                },
                At::Throw(func, block, read, tag) => self.throw(module, (func, block), read, tag)?,
                At::Passed(func, block, tag) => self.land(module, (func, block), tag)?,
                At::Loop(func, block) => {
                    self.take_bit();
                    self.at = At::Block(func, block);
                }
            }
        }
    }

    /// Goes from block to block until the host runs, the invocation ends or no decisions are known.
    fn run(
        &mut self,
        module: &Module,
        func: FuncIndex,
        block: BlockIndex,
        words: &mut Words<'_>,
    ) -> Result<(), Stop> {
        let end = self
            .invocations
            .last()
            .and_then(|invocation| self.end_of(invocation))
            .map_or(u64::MAX, |(end, _)| end);
        let mut steps = Steps { counter: self, module, inside: Inside::of(module, func)? };
        steps.counter.drop_trails();
        let mut block = block;
        loop {
            let Steps { counter, inside, .. } = &mut steps;
            if counter.taken >= end {
                counter.at = At::Block(inside.func, block);
                return Ok(());
            }
            if counter.window.is_low() {
                counter.keep_word((inside.func, block));
                if counter.fill(words).is_err() {
                    counter.at = At::Block(inside.func, block);
                    return Err(Stop::Dry);
                }
                if let Some(next) = steps.leap(block, end)? {
                    block = next;
                    continue;
                }
            }
            if let Some(next) = steps.leap_chunk(block, end)? {
                block = next;
                continue;
            }
            let Steps { counter, inside, .. } = &mut steps;
            counter.seen.mark(inside.position, block.position(), inside.chains.len());
            let chain = inside.chains.get(block.position()).ok_or(Stop::Lost)?;
            let &Block { len, exit, .. } =
                inside.code.blocks().get(chain.end.position()).ok_or(Stop::Lost)?;
            counter.total += chain.len + u64::from(len);
            block = step(&mut steps, chain.end, exit)?;
        }
    }

    fn take_bit(&mut self) -> bool {
        self.taken += 1;
        self.window.take_bit()
    }

    /// A block throws; of its tag so much was read.
    fn throw(&mut self, module: &Module, from: Place, read: u32, tag: u32) -> Result<(), Stop> {
        let code = module.code(from.0).map_err(|_| Stop::Lost)?;
        let tag = match thrown(module.tags(), code.thrown(from.1)) {
            Ok(tag) => tag,
            Err(bits) if read >= bits => tag,
            Err(_) => {
                let tag = tag << 1 | u32::from(self.take_bit());
                self.at = At::Throw(from.0, from.1, read + 1, tag);
                return Ok(());
            }
        };
        self.land(module, from, tag)
    }

    /// An exception comes out of a block.
    fn land(&mut self, module: &Module, from: Place, tag: u32) -> Result<(), Stop> {
        let Landed { to: (func, block), is_loop, .. } =
            land(&mut Unwinding { counter: self, module }, from, tag)?;
        self.at = if is_loop { At::Loop(func, block) } else { At::Block(func, block) };
        Ok(())
    }

    /// A word is walked to its end, and this place is next: it is remembered if all of it was walked here.
    fn keep_word(&mut self, next: Place) {
        self.keep_chunk(next);
        self.chunk = Chunk::default();
        self.words.keep(next, self.word, (&self.frames, self.total, self.last_target));
    }

    /// The same for a chunk. One that does not end where a step ends is none.
    #[inline(always)]
    fn keep_chunk(&mut self, next: Place) {
        let width = self.taken - self.chunk.from;
        if (1..=self.chunk.most).contains(&width) {
            self.chunks.keep(next, width, (&self.frames, self.total, self.last_target));
        } else {
            self.chunks.drop_trail();
        }
    }

    /// What is being walked is not remembered.
    fn drop_trails(&mut self) {
        self.words.drop_trail();
        self.chunks.drop_trail();
        self.chunk = Chunk::default();
    }

    /// Makes sure that a decision is known.
    #[inline(always)]
    fn fill(&mut self, words: &mut Words<'_>) -> Result<(), Stop> {
        while self.window.is_low() {
            let &word = words.next().ok_or(Stop::Dry)?;
            self.window = if word == 0 { Window::SPENT } else { Window::of(word) };
            self.word = self.window.len().into();
        }
        Ok(())
    }

    fn defined(&self, module: &Module, key: u32) -> Option<FuncIndex> {
        let position =
            key.checked_sub(self.first_key).filter(|&position| position < module.defined_functions())?;
        Some(FuncIndex(module.imported_functions() + position))
    }

    /// The record of the call need not be there yet. It is passed over, and the next one is looked at when
    /// there are more decisions.
    fn enter_host(&mut self, after: AfterHost) -> Result<(), Stop> {
        self.invocations.last_mut().ok_or(Stop::Lost)?.after_host = Some(after);
        self.next_record += 1;
        self.at = At::Outside;
        Ok(())
    }

    /// The host runs: what does it do next?
    fn outside(&mut self) -> Result<(), Stop> {
        match (self.record(), self.invocations.last_mut().map(|invocation| &mut invocation.after_host)) {
            (None, _) => return Err(Stop::Dry),
            (Some(Known::Invoke(func)), _) => return self.invoke(func),
            (Some(Known::Switch(thread)), _) => {
                self.next_record += 1;
                self.switch(thread);
            }
            (Some(Known::HostReturn), Some(after)) => {
                self.next_record += 1;
                match after.take() {
                    Some(AfterHost::Block(func, block)) => self.at = At::Block(func, block),
                    Some(AfterHost::Return) => {
                        let (func, block) = self.pop_frame()?;
                        self.at = At::Block(func, block);
                    }
                    None => return Err(Stop::Lost),
                }
            }
            (Some(Known::HostThrew(tag)), Some(after)) => {
                self.next_record += 1;
                let (func, next) = match after.take() {
                    Some(AfterHost::Block(func, block)) => (func, block),
                    Some(AfterHost::Return) => self.pop_frame()?,
                    None => return Err(Stop::Lost),
                };
                // It would have gone on behind the block that called.
                self.at = At::Passed(func, BlockIndex(next.0.checked_sub(1).ok_or(Stop::Lost)?), tag);
            }
            _ => return Err(Stop::Lost),
        }
        Ok(())
    }

    /// Another thread goes on.
    fn switch(&mut self, thread: u32) {
        let mut here = (mem::take(&mut self.frames), mem::take(&mut self.invocations));
        self.threads.leave(thread, &mut here, |(_, invocations)| invocations.is_empty());
        (self.frames, self.invocations) = here;
        self.drop_trails();
    }

    fn invoke(&mut self, func: FuncKey) -> Result<(), Stop> {
        let begun_at = self.next_record;
        self.next_record += 1;
        if self.invocations.is_empty() && self.threads.is_main() {
            self.entries += 1;
            self.entry_began = self.total();
        }
        self.invocations.push(Invocation { begun_at, base: self.frames.len(), after_host: None });
        let module = Arc::clone(&self.module);
        match self.defined(&module, func.0) {
            Some(func) => self.at = At::Block(func, BlockIndex(0)),
            None => {
                // An exported import: its record follows.
                self.next_record += 1;
                if let Some(invocation) = self.invocations.last_mut() {
                    invocation.after_host = Some(AfterHost::Return);
                }
                self.at = At::Outside;
            }
        }
        Ok(())
    }

    /// Where the last frame of the invocation goes back to.
    fn pop_frame(&mut self) -> Result<Place, Stop> {
        let base = self.invocations.last().ok_or(Stop::Lost)?.base;
        if self.frames.len() <= base {
            return Err(Stop::Lost);
        }
        let frame = self.frames.pop().ok_or(Stop::Lost)?;
        self.words.trail.pop(frame, self.frames.len());
        self.chunks.trail.pop(frame, self.frames.len());
        Ok(frame)
    }

    /// The last invocation is over; `record` is its end. Those that it holds in host calls are over too, and
    /// were begun.
    fn leave(&mut self, record: usize) {
        if let Some(invocation) = self.invocations.pop() {
            self.frames.truncate(invocation.base);
            self.ends.ends.remove(&invocation.begun_at);
        }
        self.next_record = record + 1;
        self.at = At::Outside;
    }
}

/// The function that the walk is in.
struct Inside<'m> {
    func: FuncIndex,
    /// Its position among the functions that the module defines.
    position: usize,
    code: &'m Code,
    chains: &'m [Chain],
}

impl<'m> Inside<'m> {
    fn of(module: &'m Module, func: FuncIndex) -> Result<Self, Stop> {
        let code = module.code(func).map_err(|_| Stop::Lost)?;
        let position = func.0.saturating_sub(module.imported_functions()) as usize;
        Ok(Self { func, position, code, chains: code.chains() })
    }
}

impl Known {
    fn of(record: &Record) -> Self {
        match record {
            Record::Invoke { func } => Self::Invoke(*func),
            Record::HostReturn { .. } => Self::HostReturn,
            Record::HostThrew { tag } => Self::HostThrew(*tag),
            Record::Switch { thread } => Self::Switch(*thread),
            _ => Self::Other,
        }
    }
}

type Words<'w> = std::slice::Iter<'w, u64>;

#[cfg(test)]
mod tests;
