//! A moment of a run, to go back to it: everything that a machine is made of. It has the pages of memory that
//! did not change in common with the moment before.

use std::{collections::HashSet, mem};

use super::super::{check::Position, pages::Pages, store::Store};
use super::{Frame, Invocation, Kept, Machine, Result, State, Thread};
use crate::trace::Threads;

/// A moment of a run, while Wasm runs.
#[derive(Debug)]
pub(in crate::values) struct Saved {
    pub(in crate::values) instructions: u64,
    cursor: usize,
    made: usize,
    check: Position,
    frames: Vec<Frame>,
    stack: Vec<u64>,
    invocations: Vec<Invocation>,
    threads: Threads<Thread>,
    /// Without the bytes of its memories.
    store: Store,
    memories: Vec<Pages>,
    lens: Vec<usize>,
    kept: Kept,
}

impl Saved {
    /// Bytes of all these moments together, what they have in common counted once.
    pub(in crate::values) fn bytes(moments: &[Self]) -> u64 {
        let mut seen = HashSet::new();
        let pages = |moment: &Self| moment.memories.iter().map(|pages| pages.bytes(&mut seen)).sum::<u64>();
        let pages: u64 = moments.iter().map(pages).sum();
        pages + moments.iter().map(Self::own_bytes).sum::<u64>()
    }

    /// Bytes besides memories.
    fn own_bytes(&self) -> u64 {
        let frames = size_of_val(&self.frames[..]) + size_of_val(&self.stack[..]);
        let threads: u64 = self.threads.parked().map(Thread::bytes).sum();
        (frames + size_of_val(&self.invocations[..])) as u64 + threads + self.store.bytes()
    }
}

impl Machine<'_> {
    /// Saves this moment of a machine that paused.
    pub(in crate::values) fn save(&mut self, before: Option<&Saved>) -> Result<Saved> {
        self.take_memory(super::NONE);
        self.unplant();
        let bytes: Vec<Vec<u8>> =
            self.store.memories.iter_mut().map(|memory| mem::take(&mut memory.bytes)).collect();
        let store = self.store.clone();
        let mut memories = Vec::with_capacity(bytes.len());
        let lens = bytes.iter().map(Vec::len).collect();
        for (index, (memory, bytes)) in self.store.memories.iter_mut().zip(bytes).enumerate() {
            let before = before.and_then(|before| before.memories.get(index));
            memories.push(Pages::of(&bytes, before).0);
            memory.bytes = bytes;
        }
        // A caller may need more than the function that it called.
        let end = |frame: &Frame| {
            let body = self.store.funcs[frame.func as usize].body.as_ref();
            frame.fp + body.map_or(0, |body| body.slots as usize)
        };
        let top = self.frames.iter().map(end).max().unwrap_or(0);
        let saved = Saved {
            instructions: self.count,
            cursor: self.cursor,
            made: self.made,
            check: self.check.position(),
            frames: self.frames.clone(),
            stack: self.stack.get(..top).unwrap_or(&self.stack).to_vec(),
            invocations: self.invocations.clone(),
            threads: self.threads.clone(),
            store,
            memories,
            lens,
            kept: self.kept.clone(),
        };
        self.arm()?;
        Ok(saved)
    }

    /// Goes back, or on, to a moment of the same run.
    pub(in crate::values) fn go_to(&mut self, saved: &Saved) -> Result<()> {
        self.take_memory(super::NONE);
        self.planted = None;
        // Memories are used again where they are as long: only what differs is written.
        let mut old = mem::replace(&mut self.store, saved.store.clone()).memories.into_iter();
        for ((memory, pages), &len) in self.store.memories.iter_mut().zip(&saved.memories).zip(&saved.lens) {
            let old = old.next().map(|old| old.bytes).filter(|old| old.len() == len);
            memory.bytes = old.unwrap_or_else(|| vec![0; len]);
            pages.restore(&mut memory.bytes);
        }
        self.frames.clone_from(&saved.frames);
        self.stack.clone_from(&saved.stack);
        self.invocations.clone_from(&saved.invocations);
        self.threads.clone_from(&saved.threads);
        self.kept.clone_from(&saved.kept);
        (self.cursor, self.made, self.count) = (saved.cursor, saved.made, saved.instructions);
        self.state = State::Wasm;
        self.check.go_to(self.trace, &saved.check)?;
        self.arm()
    }
}
