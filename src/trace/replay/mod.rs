//! The replay engine: walks the code, pulls decisions and records, tells a visitor.
//!
//! Two loops. [`Replay::walk`] goes from block to block inside one invocation and handles everything that
//! costs only decisions. If a step pulls a record, ends an invocation or pauses, it goes back to
//! [`Replay::run`], which goes on from there. The state between two blocks is small (a block number and a
//! [`Cursor`]), so a replay can pause after any block.
//!
//! The place where an invocation is cut short is found without looking at each block. It sets a barrier in
//! the decision stream. Only when the window is spent are block and place compared.
//!
//! A hostile trace cannot keep it going. Every cycle of blocks reads a decision. Direct calls are counted
//! against the trace's own count, and they and the blocks between decisions against the limit of silent
//! steps. The call stack is bounded, and the rest consumes records.

mod checkpoint;
mod explore;
mod leap;
mod memo;
mod place;
mod records;
mod shelf;
mod unwind;
mod walk;

use std::mem;

use super::decisions::{Chunks, DecisionErrorKind, Source, Window};
use super::error::Inner;
use super::growing::{Ended, Growing};
use super::limits::{MAX_PARKED_FRAMES, MAX_THREADS, ReplayLimits};
use super::map::{CodeMap, Destination, FlatBlock, FlatExit};
use super::{
    CallKind, End, ExecutedBlock, ExecutedFunction, FuncKey, HostCall, Record, RecordStream, ReplayError,
    ReplayErrorKind, Threads, Trace, TracePosition, Visitor,
};
pub use checkpoint::{Checkpoint, CheckpointFrame, CheckpointInvocation};
use memo::Memo;
pub(crate) use records::{Cuts, Pull};
pub(crate) use shelf::Mood;
use walk::{Halt, push};

/// On the call stack: below the first frame of an invocation.
const BOTTOM: u32 = u32::MAX;

/// Totals of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReplaySummary {
    /// Executed instructions.
    pub instructions: u64,
    /// Decisions read, in bits.
    pub decisions: u64,
    /// Calls of defined functions by `call`.
    pub calls: u64,
    /// Invocations by the host.
    pub invocations: u64,
    /// Host functions entered.
    pub host_calls: u64,
}

/// Why [`Replay::run`] came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayProgress {
    /// The visitor wanted a pause.
    Paused,
    /// The trace is at its end, and everything in it was used.
    Done(ReplaySummary),
}

/// A replay that can pause between two blocks.
#[derive(Debug)]
pub struct Replay<'t> {
    trace: &'t Trace,
    limits: ReplayLimits,
    map: CodeMap<'t>,
    source: Source<'t>,
    cursor: Cursor,
    /// Blocks to return to, with [`BOTTOM`] below the first frame of each invocation.
    frames: Vec<u32>,
    invocations: Vec<Invocation>,
    /// Frames and invocations of the threads that do not run.
    threads: Threads<(Vec<u32>, Vec<Invocation>)>,
    cuts: Cuts,
    records: Pull<'t>,
    state: State,
    invoked: u64,
    host_calls: u64,
    /// What it remembers, once it looks for something.
    memo: Option<Box<Memo>>,
    /// The trace is still recorded.
    growing: Option<Growing>,
}

/// What changes from block to block.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    window: Window,
    instructions: u64,
    calls_left: u64,
    /// Silent steps that it may still take, and one.
    silent_left: u64,
    last: Target,
}

/// The target that was read last.
#[derive(Debug, Clone, Copy)]
struct Target {
    key: FuncKey,
    /// `None` before the first.
    destination: Option<Destination>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// The host runs: at top level, or in a host call of the last invocation.
    Outside,
    /// This block is next.
    At(u32),
    Done(ReplaySummary),
}

#[derive(Debug)]
struct Invocation {
    /// How many were begun before it.
    number: u64,
    /// Where it is cut short, if that was known when it began.
    place: Option<TracePosition>,
    /// Frames below its own.
    base: usize,
    /// In a host call: what comes after it.
    host: Option<AfterHost>,
}

#[derive(Debug, Clone, Copy)]
enum AfterHost {
    /// This block follows the one that called.
    Next(u32),
    /// The frame is gone: a tail call, or the host function was itself invoked.
    Return,
}

/// How an invocation ended, as replay sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Returned,
    Thrown,
    Cut,
    HostFailed,
}

impl<'t> Replay<'t> {
    /// Prepares a replay of `trace`.
    ///
    /// # Errors
    /// When the instances do not fit the modules.
    pub fn new(trace: &'t Trace, limits: ReplayLimits) -> Result<Self, ReplayError> {
        Self::with_chunks(trace, trace.decision_chunks(), limits)
    }

    /// As [`Self::new`], with decisions that come from elsewhere than the trace.
    ///
    /// # Errors
    /// When the instances do not fit the modules.
    pub fn with_chunks(
        trace: &'t Trace,
        chunks: Chunks<'t>,
        limits: ReplayLimits,
    ) -> Result<Self, ReplayError> {
        let failed = |kind| {
            let inner = Inner { kind, decisions: 0, record: 0, site: None };
            ReplayError { inner: Box::new(inner) }
        };
        let cuts = Cuts::of(trace.record_stream(), 0, 0).map_err(failed)?;
        Self::of(trace, limits, Source::new(chunks), (cuts, Pull::new(trace.record_stream(), 0)))
            .map_err(failed)
    }

    /// A replay of a run that is still recorded: it waits for what it does not know yet. `trace` has the
    /// modules, instances and hosts; its streams are empty, and its calls as many as there can be.
    pub(crate) fn growing(
        trace: &'t Trace,
        growing: Growing,
        limits: ReplayLimits,
    ) -> Result<Self, ReplayErrorKind> {
        let source = (Source::growing(growing.clone()), Window::SPENT);
        let records = Pull::new(RecordStream::growing(growing.clone()), 0);
        let mut replay = Self::of(trace, limits, source, (Cuts::growing(growing.clone()), records))?;
        replay.growing = Some(growing);
        replay.set_barrier()?;
        Ok(replay)
    }

    fn of(
        trace: &'t Trace,
        limits: ReplayLimits,
        (source, window): (Source<'t>, Window),
        (cuts, records): (Cuts, Pull<'t>),
    ) -> Result<Self, ReplayErrorKind> {
        let map = CodeMap::new(trace)?;
        let last = Target { key: FuncKey(0), destination: None };
        Ok(Self {
            trace,
            limits,
            map,
            source,
            cursor: Cursor {
                window,
                instructions: 0,
                calls_left: trace.calls,
                silent_left: limits.silent_left(),
                last,
            },
            frames: Vec::new(),
            invocations: Vec::new(),
            threads: Threads::default(),
            cuts,
            records,
            state: State::Outside,
            invoked: 0,
            host_calls: 0,
            memo: None,
            growing: None,
        })
    }

    /// Replays until the visitor wants a pause or the trace ends. Call again to go on; at the end it stays at
    /// the end.
    ///
    /// # Errors
    /// When the trace does not fit its modules, or a limit is reached. The visitor has seen everything before
    /// that. Replay cannot go on then.
    pub fn run(&mut self, visitor: &mut impl Visitor) -> Result<ReplayProgress, ReplayError> {
        let progress = self.go(visitor);
        self.settle(visitor);
        progress
    }

    fn go(&mut self, visitor: &mut impl Visitor) -> Result<ReplayProgress, ReplayError> {
        loop {
            match self.state {
                State::Done(summary) => return Ok(ReplayProgress::Done(summary)),
                State::Outside => {
                    self.state = self.outside(visitor).map_err(|kind| self.error(kind, None))?
                }
                State::At(number) => {
                    let (number, halt) = self.walk(visitor, number);
                    let handled = halt.and_then(|halt| self.halt(visitor, halt));
                    self.state = handled.map_err(|kind| self.error(kind, Some(number)))?;
                }
            }
            if visitor.wants_pause() {
                return Ok(ReplayProgress::Paused);
            }
        }
    }

    /// Tells what was only counted so far.
    fn settle(&mut self, visitor: &mut impl Visitor) {
        if let Some(memo) = &mut self.memo {
            memo.settle(&self.map, visitor);
        }
    }

    pub(super) fn map(&self) -> &CodeMap<'t> {
        &self.map
    }

    /// Does what the walk could not, and says where to go on.
    fn halt(&mut self, visitor: &mut impl Visitor, halt: Halt) -> Result<State, ReplayErrorKind> {
        self.refresh();
        match halt {
            Halt::Paused(number) => Ok(State::At(number)),
            Halt::Returned => self.end(visitor, How::Returned),
            Halt::CutAfter => self.end(visitor, How::Cut),
            Halt::Cut { number, len } => self.cut(visitor, number, len),
            Halt::Host { number, key, kind, is_tail } => {
                let call = self.host_call(key, Some(kind), is_tail)?;
                if !self.is_meeting(number) {
                    self.host_calls += 1;
                    visitor.host_call(Some(self.map.run(number)), call);
                }
                Ok(self.in_host(if is_tail { AfterHost::Return } else { AfterHost::Next(number) }))
            }
            Halt::Record(number) => self.pull(visitor, number),
            Halt::Thrown(number) => self.throw(visitor, number),
        }
    }

    fn cut(&mut self, visitor: &mut impl Visitor, number: u32, len: u32) -> Result<State, ReplayErrorKind> {
        let FlatBlock { len: whole, exit } = self.map.blocks[number as usize];
        let run = ExecutedBlock { map: &self.map, number, len };
        match len {
            0 => {}
            _ if len == whole => visitor.block(run),
            _ => visitor.cut(run),
        }
        self.cursor.instructions += u64::from(len);
        if let FlatExit::Call(_) = exit
            && len == whole
        {
            let calls = self.trace.calls;
            self.cursor.calls_left =
                self.cursor.calls_left.checked_sub(1).ok_or(ReplayErrorKind::TooManyCalls { calls })?;
        }
        self.end(visitor, How::Cut)
    }

    /// Pulls the record of a growth or a bulk operation.
    fn pull(&mut self, visitor: &mut impl Visitor, number: u32) -> Result<State, ReplayErrorKind> {
        let run = self.map.run(number);
        let is_grow = self.map.blocks[number as usize].exit == FlatExit::Grow;
        match self.records.peek() {
            Some(&Record::Grow { delta, result }) if is_grow => visitor.grow(run, delta, result),
            Some(&Record::Bulk { dst, src, len }) if !is_grow => visitor.bulk(run, dst, src, len),
            _ => return Err(self.unexpected(if is_grow { "a growth" } else { "a bulk operation" })),
        }
        self.records.take();
        match self.is_cut_after_record(number) {
            true => self.end(visitor, How::Cut),
            false => Ok(State::At(number + 1)),
        }
    }

    /// Pulls the next record while the host runs.
    fn outside(&mut self, visitor: &mut impl Visitor) -> Result<State, ReplayErrorKind> {
        self.refresh();
        let after = self.invocations.last().and_then(|invocation| invocation.host);
        match (self.records.peek(), after) {
            (Some(&Record::Invoke { func }), _) => self.invoke(visitor, func),
            (Some(&Record::HostReturn { failed }), Some(after)) => self.host_return(visitor, after, failed),
            (Some(&Record::HostThrew { tag }), Some(after)) => self.host_threw(visitor, after, tag),
            (Some(&Record::Switch { thread }), _) => self.switch(visitor, thread),
            (None, None) if self.trace.gap().is_none() => self.finish().map(State::Done),
            (_, None) => Err(self.unexpected("a call by the host")),
            (_, Some(_)) => Err(self.unexpected("the return of a host function, or a call by the host")),
        }
    }

    /// Whether a block ends with an atomic operator: what it asks is no call of the sample's.
    fn is_meeting(&self, number: u32) -> bool {
        matches!(self.map.blocks[number as usize].exit, FlatExit::Atomic(_))
    }

    /// Another thread goes on.
    fn switch(&mut self, visitor: &mut impl Visitor, thread: u32) -> Result<State, ReplayErrorKind> {
        if let Some(memo) = &mut self.memo {
            memo.settle(&self.map, visitor);
        }
        self.records.take();
        let mut here = (mem::take(&mut self.frames), mem::take(&mut self.invocations));
        self.threads.leave(thread, &mut here, |(_, invocations)| invocations.is_empty());
        (self.frames, self.invocations) = here;
        if self.threads.len() > MAX_THREADS {
            return Err(ReplayErrorKind::TooManyThreads { limit: MAX_THREADS });
        }
        if self.threads.parked().map(|(frames, _)| frames.len()).sum::<usize>() > MAX_PARKED_FRAMES {
            return Err(ReplayErrorKind::TooDeep { limit: MAX_PARKED_FRAMES });
        }
        visitor.switch(thread);
        self.set_barrier()?;
        Ok(State::Outside)
    }

    /// Begins an invocation.
    fn invoke(&mut self, visitor: &mut impl Visitor, func: FuncKey) -> Result<State, ReplayErrorKind> {
        let limit = self.limits.max_instructions;
        if self.cursor.instructions > limit {
            return Err(ReplayErrorKind::TooLong { limit });
        }
        let number = self.invoked;
        let place = self.cuts.of_invocation(number);
        self.records.take();
        self.invoked += 1;
        visitor.invoke(func);
        let base = self.frames.len();
        push(&mut self.frames, BOTTOM)?;
        self.invocations.push(Invocation { number, place, base, host: None });
        self.set_barrier()?;
        let place = self.invocations.last().and_then(|invocation| self.place_of(invocation));
        if place.is_some_and(|place| place.depth == 0) {
            self.due().ok_or(ReplayErrorKind::OtherEnd { how: "began", recorded: "an end before that" })?;
            return self.end(visitor, How::Cut);
        }
        match self.map.destination(func)? {
            Destination::Slot(slot) => self.enter(visitor, slot).map(State::At),
            Destination::Host => {
                let call = self.host_call(func, None, false)?;
                self.host_calls += 1;
                visitor.host_call(None, call);
                Ok(self.in_host(AfterHost::Return))
            }
        }
    }

    fn enter(&mut self, visitor: &mut impl Visitor, slot: u32) -> Result<u32, ReplayErrorKind> {
        if let Some(entry) = self.map.entry(slot) {
            return Ok(entry);
        }
        let entry = self.map.load(slot)?;
        visitor.load(ExecutedFunction::new(&self.map, entry));
        Ok(entry)
    }

    /// Pulls the record of a host call.
    fn host_call(
        &mut self,
        key: FuncKey,
        kind: Option<CallKind>,
        is_tail: bool,
    ) -> Result<HostCall<'t>, ReplayErrorKind> {
        let host = self.trace.hosts.get(&key).ok_or(ReplayErrorKind::UnknownKey { key })?;
        let record = self.records.position as usize;
        match self.records.peek() {
            Some(&Record::HostCall { func }) if func == key => {}
            Some(&Record::HostCall { func }) => {
                return Err(ReplayErrorKind::OtherHost { called: key, recorded: func });
            }
            _ => return Err(self.unexpected("a call of a host function")),
        }
        self.records.take();
        Ok(HostCall { func: key, host, record, kind, is_tail })
    }

    fn in_host(&mut self, after: AfterHost) -> State {
        if let Some(invocation) = self.invocations.last_mut() {
            invocation.host = Some(after);
        }
        State::Outside
    }

    /// Leaves a host function.
    fn host_return(
        &mut self,
        visitor: &mut impl Visitor,
        after: AfterHost,
        failed: bool,
    ) -> Result<State, ReplayErrorKind> {
        self.records.take();
        if !matches!(after, AfterHost::Next(number) if self.is_meeting(number)) {
            visitor.host_return(failed);
        }
        if let Some(invocation) = self.invocations.last_mut() {
            invocation.host = None;
        }
        if failed {
            return self.end(visitor, How::HostFailed);
        }
        match after {
            AfterHost::Next(number) => Ok(State::At(number + 1)),
            AfterHost::Return => match self.frames.pop() {
                Some(BOTTOM) | None => self.end(visitor, How::Returned),
                Some(back) => Ok(State::At(back)),
            },
        }
    }

    /// Ends the last invocation; its `End` must be next.
    fn end(&mut self, visitor: &mut impl Visitor, how: How) -> Result<State, ReplayErrorKind> {
        self.refresh();
        // Records are pulled in their order, so an `End` is that of the last invocation.
        let Some(Record::End(end)) = self.records.peek() else {
            return Err(self.unexpected("the end of a call by the host"));
        };
        let fits = match how {
            How::Returned => *end == End::Returned,
            How::Thrown => *end == End::Thrown,
            How::Cut | How::HostFailed => !matches!(end, End::Returned | End::Thrown),
        };
        if !fits {
            let how = match how {
                How::Returned => "returned",
                How::Thrown => "was left by an exception",
                How::Cut => "was cut short",
                How::HostFailed => "failed in a host function",
            };
            return Err(ReplayErrorKind::OtherEnd { how, recorded: end.name() });
        }
        if let Some(memo) = &mut self.memo {
            memo.settle(&self.map, visitor);
        }
        visitor.end(end);
        self.records.take();
        if let Some(invocation) = self.invocations.pop() {
            self.frames.truncate(invocation.base);
        }
        self.set_barrier()?;
        Ok(State::Outside)
    }

    /// Lets decisions be read up to where the last invocation is cut short.
    fn set_barrier(&mut self) -> Result<(), ReplayErrorKind> {
        let last = self.invocations.last();
        let place = last.and_then(|invocation| self.place_of(invocation));
        self.source.set_invocation(last.map(|invocation| invocation.number));
        let barrier = place.map_or(u64::MAX, |place| place.bits);
        self.cursor.window = self.source.set_barrier(self.cursor.window, barrier)?;
        Ok(())
    }

    /// The totals, if nothing is left over.
    fn finish(&self) -> Result<ReplaySummary, ReplayErrorKind> {
        if !(self.cursor.window.is_spent() && self.source.is_at_end()) {
            return Err(ReplayErrorKind::LeftOver);
        }
        let (calls, decisions) =
            (self.trace.calls - self.cursor.calls_left, self.source.position(self.cursor.window));
        let Trace { decisions: all, calls: all_calls, .. } = *self.trace;
        let recorded = match &self.growing {
            None => Ended { decisions: all, calls: all_calls },
            Some(growing) => growing.ended().ok_or(ReplayErrorKind::LeftOver)?,
        };
        for (what, replayed, recorded) in
            [("decisions", decisions, recorded.decisions), ("calls", calls, recorded.calls)]
        {
            if replayed != recorded {
                return Err(ReplayErrorKind::Total { what, replayed, recorded });
            }
        }
        let instructions = self.cursor.instructions;
        Ok(ReplaySummary {
            instructions,
            decisions,
            calls,
            invocations: self.invoked,
            host_calls: self.host_calls,
        })
    }

    /// Decisions read and records pulled so far.
    #[cfg(test)]
    pub(super) fn standing(&self) -> (u64, u64) {
        (self.source.position(self.cursor.window), self.records.position)
    }

    /// Where an invocation is cut short, as far as that is known.
    fn place_of(&self, invocation: &Invocation) -> Option<TracePosition> {
        match &self.growing {
            None => invocation.place,
            Some(_) => invocation.place.or_else(|| self.cuts.of_invocation(invocation.number)),
        }
    }

    /// Records may have come since the last was looked for.
    fn refresh(&mut self) {
        if self.growing.is_some() {
            self.records.refresh();
        }
    }

    #[cold]
    fn unexpected(&self, expected: &'static str) -> ReplayErrorKind {
        let found = self.records.peek().map_or("the end of the records", Record::name);
        ReplayErrorKind::Record { expected, found }
    }

    /// Adds where replay is, in block `number` if Wasm runs.
    #[cold]
    fn error(&self, kind: ReplayErrorKind, number: Option<u32>) -> ReplayError {
        let site = number.map(|number| {
            let run = self.map.run(number);
            let offset = run.offset().unwrap_or(run.function().code().start());
            (run.function().instance(), run.function().index(), offset)
        });
        let decisions = self.source.position(self.cursor.window);
        let excess = self.growing.as_ref().and_then(Growing::excess);
        let kind = excess.map_or_else(|| self.or_truncated(kind), ReplayErrorKind::from);
        ReplayError {
            inner: Box::new(Inner { kind, decisions, record: self.records.position as usize, site }),
        }
    }

    /// A part that is missing where the streams end before the run did is no fault of the trace.
    fn or_truncated(&self, kind: ReplayErrorKind) -> ReplayErrorKind {
        let is_want = match &kind {
            ReplayErrorKind::Decision(kind) => *kind == DecisionErrorKind::Exhausted,
            ReplayErrorKind::Record { .. } => self.records.peek().is_none(),
            ReplayErrorKind::TooManyCalls { .. }
            | ReplayErrorKind::LeftOver
            | ReplayErrorKind::Total { .. } => true,
            _ => false,
        };
        match self.trace.gap().filter(|_| is_want) {
            Some(why) => {
                ReplayErrorKind::Truncated { instructions: self.cursor.instructions, why: why.into() }
            }
            None => kind,
        }
    }

    /// Whether nothing more is known of the run, though it went on: no decision and no record is left.
    fn is_at_gap(&self) -> bool {
        self.trace.stored.is_some()
            && self.records.peek().is_none()
            && self.source.is_at_end()
            && self.trace.gap().is_some()
    }
}
