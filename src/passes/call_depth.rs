//! How deep calls were nested, for each entry point.
//!
//! The depth of a frame is the number of the sample's frames on the stack, itself included. Those that wait
//! below a host function that called back count; host functions do not. A tail call enters a frame at the
//! depth of the one that it replaces.

use std::mem;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::view::View,
    sandbox,
    trace::{CallKind, End, ExecutedBlock, ExecutedFunction, FuncKey, HostCall, Stretch, Threads, Visitor},
};

use super::{Cost, Pass, Replayed};

/// How deep the calls of an entry point were nested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct CallDepth {
    /// The greatest depth: 1 if it called no function, 0 if it did not begin.
    pub max: u64,
    /// The mean depth of the frames that were entered.
    pub mean: f64,
}

/// The pass.
pub(super) struct OfEntries;

impl Pass for OfEntries {
    const NAME: &'static str = "call-depth";
    const HELP: &'static str = "how deep calls were nested, by entry point: greatest and mean depth";
    const COST: Cost = Cost::Calls;
    type Counter = Depths;
    type Output = Vec<CallDepth>;

    fn counter(&self, run: &sandbox::Run, _: &View) -> Depths {
        Depths { keep: run.entries.len(), ..Depths::default() }
    }

    fn of(&self, mut depths: Depths, replayed: &Replayed<'_>) -> Vec<CallDepth> {
        if depths.has_begun {
            depths.close();
        }
        let of_entry = |entry: Option<usize>| entry.and_then(|entry| depths.kept.get(entry).copied());
        replayed.invocations().into_iter().map(|entry| of_entry(entry).unwrap_or_default()).collect()
    }
}

/// Follows the depth while a trace is replayed.
#[derive(Debug, Default)]
pub(super) struct Depths {
    /// Entry points that are kept.
    keep: usize,
    /// Whether one began.
    has_begun: bool,
    kept: Vec<CallDepth>,
    depth: u64,
    /// The depth below each invocation that has not ended.
    below: Vec<u64>,
    /// An invocation began, and it is not known yet whether its first frame did.
    is_pending: bool,
    /// The same three of the other threads.
    threads: Threads<(u64, Vec<u64>, bool)>,
    /// Of the current entry point: greatest depth, sum of depths, frames.
    max: u64,
    sum: u64,
    frames: u64,
}

impl Depths {
    /// A frame is entered at the current depth.
    #[inline]
    fn enter(&mut self) {
        self.max = self.max.max(self.depth);
        self.sum = self.sum.saturating_add(self.depth);
        self.frames += 1;
    }

    /// Something happened in the first frame of the invocation: so it was entered.
    #[inline]
    fn begin(&mut self) {
        if self.is_pending {
            self.is_pending = false;
            self.depth += 1;
            self.enter();
        }
    }

    /// The next entry point begins, or the replay is over.
    fn close(&mut self) {
        if self.kept.len() < self.keep {
            let mean = if self.frames == 0 { 0.0 } else { self.sum as f64 / self.frames as f64 };
            self.kept.push(CallDepth { max: self.max, mean });
        }
        (self.max, self.sum, self.frames) = (0, 0, 0);
    }
}

impl Visitor for Depths {
    #[inline]
    fn call(&mut self, _: ExecutedBlock<'_>, _: CallKind, _: ExecutedFunction<'_>) {
        self.begin();
        self.depth += 1;
        self.enter();
    }

    #[inline]
    fn tail_call(&mut self, _: ExecutedBlock<'_>, _: CallKind, _: ExecutedFunction<'_>) {
        self.begin();
        self.enter();
    }

    #[inline]
    fn leave(&mut self, _: ExecutedBlock<'_>) {
        self.begin();
        self.depth = self.depth.saturating_sub(1);
    }

    #[inline(always)]
    fn patience(&self) -> u64 {
        u64::MAX
    }

    #[inline(always)]
    fn stretch(&mut self, run: Stretch<'_>) {
        run.tell_calls(self);
    }

    fn host_call(&mut self, run: Option<ExecutedBlock<'_>>, call: HostCall<'_>) {
        if run.is_none() {
            // The host called a host function: no frame of the sample.
            self.is_pending = false;
            return;
        }
        self.begin();
        if call.is_tail {
            self.depth = self.depth.saturating_sub(1);
        }
    }

    fn invoke(&mut self, _: FuncKey) {
        if self.has_begun && self.below.is_empty() && self.threads.is_main() {
            self.close();
        }
        self.has_begun = true;
        self.below.push(self.depth);
        self.is_pending = true;
    }

    fn switch(&mut self, thread: u32) {
        let mut here = (self.depth, mem::take(&mut self.below), self.is_pending);
        self.threads.leave(thread, &mut here, |(_, below, _)| below.is_empty());
        (self.depth, self.below, self.is_pending) = here;
    }

    fn end(&mut self, end: &End) {
        if end.place().is_none_or(|place| place.depth > 0) {
            self.begin();
        }
        self.is_pending = false;
        self.depth = self.below.pop().unwrap_or(0);
    }
}
