//! The call stack of a replay, as far as counting needs it. It knows which functions and loops are active,
//! and counts their calls.
//!
//! Every operation takes constant time (amortised), whatever the depth; replay bounds the depth.

use std::mem;

use hashbrown::HashMap;

use crate::trace::Threads;

use super::{State, limits::MARKED};

/// No block, no loop.
pub(super) const NONE: u32 = u32::MAX;

/// A frame of the sample or of the host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// The block that called; [`NONE`] if the host did.
    pub(super) site: u32,
    /// The innermost loop around it, or [`NONE`].
    pub(super) group: u32,
    /// The function that was called, whatever took its place by tail calls.
    pub(super) callee: State,
    /// Whether a host function was called in place of its caller.
    pub(super) is_tail: bool,
}

/// A frame, and how things stood when it began.
#[derive(Debug, Clone, Copy)]
struct Entry {
    frame: Frame,
    /// Host calls so far.
    host_calls: u64,
    /// Length of [`Stack::chain`].
    chain: usize,
}

/// A loop while the trace is replayed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Group {
    /// Frames that were called from its blocks.
    active: u32,
    /// Host calls made while it was running. They came from its own blocks, those of inner loops left out, or
    /// while a call from them had not come back.
    pub(super) host_calls: u64,
    /// Whether a limit stopped the run in it.
    pub(super) is_stopped: bool,
}

/// The call stack of a thread that does not run.
#[derive(Debug, Default)]
struct Parked {
    frames: Vec<Entry>,
    bases: Vec<usize>,
    chain: Vec<State>,
    host_calls: u64,
}

/// The call stack.
#[derive(Debug, Default)]
pub(super) struct Stack {
    frames: Vec<Entry>,
    /// Frames below each invocation that has not ended.
    bases: Vec<usize>,
    /// How often each function is on the stack, by ordinal.
    active: Vec<u32>,
    /// Functions that took the place of their callers and were on the stack nowhere else.
    chain: Vec<State>,
    pub(super) groups: Vec<Group>,
    host_calls: u64,
    threads: Threads<Parked>,
    /// Calls that never came back, by block.
    pub(super) abandoned: HashMap<u32, u64>,
}

impl Stack {
    /// A function and its loops are known from now on.
    pub(super) fn load(&mut self, loops: usize) {
        self.active.push(0);
        self.groups.resize(self.groups.len() + loops, Group::default());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bases.is_empty()
    }

    /// Whether nothing runs, in the thread that the host calls in.
    pub(super) fn is_idle(&self) -> bool {
        self.is_empty() && self.threads.is_main()
    }

    /// Another thread goes on.
    pub(super) fn switch(&mut self, thread: u32) {
        self.mark(false);
        let mut here = Parked {
            frames: mem::take(&mut self.frames),
            bases: mem::take(&mut self.bases),
            chain: mem::take(&mut self.chain),
            host_calls: self.host_calls,
        };
        self.threads.leave(thread, &mut here, |parked| parked.bases.is_empty());
        Parked { frames: self.frames, bases: self.bases, chain: self.chain, host_calls: self.host_calls } =
            here;
        self.mark(true);
    }

    /// Marks what is on the stack as active, or as not. Of a deep stack it stays marked: each switch would
    /// cost as much as it is deep.
    fn mark(&mut self, is_active: bool) {
        if self.frames.len() + self.chain.len() > MARKED {
            return;
        }
        let by = |count: &mut u32| {
            *count = if is_active { *count + 1 } else { count.saturating_sub(1) };
        };
        let callees = self.frames.iter().map(|entry| entry.frame.callee).filter(|callee| !callee.is_host());
        for callee in callees.chain(self.chain.iter().copied()) {
            self.active.get_mut(callee.position()).map(by);
        }
        for entry in &self.frames {
            if let Some(group) = self.groups.get_mut(entry.frame.group as usize) {
                by(&mut group.active);
            }
        }
    }

    /// The host function that runs, if one does.
    pub(super) fn host(&self) -> Option<State> {
        self.frames.last().map(|entry| entry.frame.callee).filter(|callee| callee.is_host())
    }

    pub(super) fn invoke(&mut self) {
        self.bases.push(self.frames.len());
    }

    /// Whether `callee` is on the stack, or was there before a tail call took its place.
    #[inline]
    pub(super) fn is_active(&self, callee: State) -> bool {
        self.active.get(callee.position()).is_some_and(|active| *active > 0) && !callee.is_host()
    }

    #[inline]
    pub(super) fn push(&mut self, frame: Frame) {
        if frame.callee.is_host() {
            self.count_host_call(frame.group);
        } else if let Some(active) = self.active.get_mut(frame.callee.position()) {
            *active += 1;
        }
        if let Some(group) = self.groups.get_mut(frame.group as usize) {
            group.active += 1;
        }
        self.frames.push(Entry { frame, host_calls: self.host_calls, chain: self.chain.len() });
    }

    /// A loop that called, directly or not, counts the host call when that comes back.
    fn count_host_call(&mut self, group: u32) {
        self.host_calls += 1;
        if let Some(group) = self.groups.get_mut(group as usize).filter(|group| group.active == 0) {
            group.host_calls += 1;
        }
    }

    /// `callee` takes the place of the top frame.
    pub(super) fn replace(&mut self, callee: State) {
        if !self.is_active(callee)
            && let Some(active) = self.active.get_mut(callee.position())
        {
            *active += 1;
            self.chain.push(callee);
        }
    }

    /// The top frame of the current invocation is gone, having come back or not.
    #[inline]
    pub(super) fn pop(&mut self, came_back: bool) -> Option<Frame> {
        let base = self.bases.last().copied().unwrap_or(0);
        let Entry { frame, host_calls, chain } =
            if self.frames.len() > base { self.frames.pop()? } else { return None };
        if let Some(group) = self.groups.get_mut(frame.group as usize) {
            group.active -= 1;
            if group.active == 0 {
                group.host_calls += self.host_calls - host_calls;
            }
        }
        if !frame.callee.is_host() {
            self.release(frame.callee);
        }
        while self.chain.len() > chain
            && let Some(function) = self.chain.pop()
        {
            self.release(function);
        }
        if !came_back && frame.site != NONE && !frame.is_tail {
            *self.abandoned.entry(frame.site).or_default() += 1;
        }
        Some(frame)
    }

    #[inline]
    fn release(&mut self, function: State) {
        if let Some(active) = self.active.get_mut(function.position()) {
            *active -= 1;
        }
    }

    /// The last invocation ended.
    pub(super) fn end(&mut self) {
        while self.pop(false).is_some() {}
        self.bases.pop();
    }

    /// A limit stopped the run in the loop `group` and in all loops that wait for it.
    pub(super) fn stop(&mut self, group: u32) {
        let waiting = self.frames.iter().map(|entry| entry.frame.group);
        for group in waiting.chain([group]) {
            if let Some(group) = self.groups.get_mut(group as usize) {
                group.is_stopped = true;
            }
        }
    }
}
