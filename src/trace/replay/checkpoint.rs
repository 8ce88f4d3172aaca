//! The state of a replay, to be kept and taken up again later: functions by their keys, blocks by their place
//! in their function.

use std::mem;

use super::super::decisions::Source;
use super::super::error::Inner;
use super::super::limits::{MAX_FRAMES, ReplayLimits};
use super::super::map::{CodeMap, Destination};
use super::super::{FuncKey, RecordStream, ReplayError, ReplayErrorKind, Threads, Trace, TracePosition};
use super::records::{Cuts, Pull};
use super::{AfterHost, BOTTOM, Cursor, Invocation, Replay, State, Target};

/// A moment of a replay, between two blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Instructions before it.
    pub instructions: u64,
    /// Decisions read before it, in bits.
    pub decisions: u64,
    /// Calls of defined functions by `call` before it.
    pub calls: u64,
    /// Records pulled before it.
    pub records: u64,
    /// Invocations begun before it.
    pub invocations: u64,
    /// Host functions entered before it.
    pub host_calls: u64,
    /// The target that was read last; 0 before the first.
    pub target: FuncKey,
    /// The block that is next: key of its function, index in it; `None` while the host runs.
    pub next: Option<(FuncKey, u32)>,
    /// The call stack, outermost first.
    pub frames: Vec<CheckpointFrame>,
    /// The invocations that are open, outermost first: as many as there are bottoms among the frames.
    pub open: Vec<CheckpointInvocation>,
}

/// An entry of the call stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointFrame {
    /// Below the first frame of an invocation.
    Bottom,
    /// A caller: key of its function, index of the block at which it goes on.
    Back(FuncKey, u32),
}

/// An invocation that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointInvocation {
    /// Where it is cut short.
    pub place: Option<TracePosition>,
    /// The state in a host call: the block that called, or `None` inside if its frame is gone.
    pub host: Option<Option<(FuncKey, u32)>>,
}

impl<'t> Replay<'t> {
    /// The state of a replay that paused; `None` at the end of the trace, and while there are other threads.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        if !(self.threads.is_main() && self.threads.is_empty()) {
            return None;
        }
        let place = |number: u32| self.map.place(number);
        let next = match self.state {
            State::Done(_) => return None,
            State::Outside => None,
            State::At(number) => Some(place(number)),
        };
        let frame = |&number: &u32| match number {
            BOTTOM => CheckpointFrame::Bottom,
            _ => {
                let (key, block) = place(number);
                CheckpointFrame::Back(key, block)
            }
        };
        let host = |after: AfterHost| match after {
            AfterHost::Next(number) => Some(place(number)),
            AfterHost::Return => None,
        };
        let open = self
            .invocations
            .iter()
            .map(|open| CheckpointInvocation { place: self.place_of(open), host: open.host.map(host) });
        Some(Checkpoint {
            instructions: self.cursor.instructions,
            decisions: self.source.position(self.cursor.window),
            calls: self.trace.calls - self.cursor.calls_left,
            records: self.records.position,
            invocations: self.invoked,
            host_calls: self.host_calls,
            target: self.cursor.last.key,
            next,
            frames: self.frames.iter().map(frame).collect(),
            open: open.collect(),
        })
    }

    /// The numbers of the invocations that are open, outermost first.
    pub(crate) fn open_invocations(&self) -> Vec<u64> {
        self.invocations.iter().map(|open| open.number).collect()
    }

    /// Takes up a replay where another left it. Reads the records from there on, and no decision before.
    ///
    /// # Errors
    /// When the instances do not fit the modules, or the checkpoint does not fit the trace.
    pub fn resume(trace: &'t Trace, limits: ReplayLimits, from: &Checkpoint) -> Result<Self, ReplayError> {
        let begin = || {
            let mut replay = Self::at(trace, limits, from)?;
            replay.cuts =
                Cuts::of(RecordStream::new(trace, from.records), from.open.len(), from.invocations)?;
            replay.set_barrier()?;
            Ok(replay)
        };
        begin().map_err(|kind| failed(kind, from))
    }

    /// Goes on from a later moment of the same trace, if it is one. No decision is read again, and the
    /// records from where this replay began are not looked through again. Whether it was later; if it was
    /// not, or there is an error, all is as before.
    ///
    /// # Errors
    /// As for [`Self::resume`].
    pub fn resume_later(&mut self, from: &Checkpoint) -> Result<bool, ReplayError> {
        let decisions = self.source.position(self.cursor.window);
        let is_later = from.instructions >= self.cursor.instructions
            && from.decisions >= decisions
            && from.calls >= self.trace.calls - self.cursor.calls_left
            && from.records >= self.records.position;
        if !is_later {
            return Ok(false);
        }
        let mut later = Self::at(self.trace, self.limits, from).map_err(|kind| failed(kind, from))?;
        // What the silent steps of a trace may be, those of all its parts are.
        later.cursor.silent_left = self.cursor.silent_left;
        mem::swap(&mut later.cuts, &mut self.cuts);
        if let Err(kind) = later.set_barrier() {
            mem::swap(&mut later.cuts, &mut self.cuts);
            return Err(failed(kind, from));
        }
        *self = later;
        Ok(true)
    }

    /// The state of a checkpoint, without what cuts invocations short.
    fn at(trace: &'t Trace, limits: ReplayLimits, from: &Checkpoint) -> Result<Self, ReplayErrorKind> {
        let mut map = CodeMap::new(trace)?;
        // Each invocation and each host call has a record. Where replay counts on from the largest number
        // there is, it counts nothing.
        let is_possible =
            from.invocations <= from.records && from.host_calls <= from.records && from.instructions <= MOST;
        if !is_possible {
            return Err(ReplayErrorKind::Checkpoint);
        }
        let calls_left = trace.calls.checked_sub(from.calls).ok_or(ReplayErrorKind::Checkpoint)?;
        let (frames, bases) = frames(&mut map, from)?;
        let mut invocations = Vec::with_capacity(bases.len());
        for (open, base) in from.open.iter().zip(bases) {
            let host = match open.host {
                None => None,
                Some(None) => Some(AfterHost::Return),
                Some(Some(place)) => Some(AfterHost::Next(number(&mut map, place)?)),
            };
            // Its number is asked for only where its place is not known.
            invocations.push(Invocation { number: u64::MAX, place: open.place, base, host });
        }
        let state = match (from.next, invocations.last()) {
            (Some(_), None | Some(Invocation { host: Some(_), .. })) => {
                return Err(ReplayErrorKind::Checkpoint);
            }
            (Some(place), Some(_)) => State::At(number(&mut map, place)?),
            (None, _) => State::Outside,
        };
        let records = Pull::new(RecordStream::new(trace, from.records), from.records);
        let (chunks, first) = trace.decisions_from(from.decisions);
        let (source, window) =
            Source::at(chunks, first, from.decisions).ok_or_else(|| match trace.gap() {
                Some(why) => ReplayErrorKind::Truncated { instructions: from.instructions, why: why.into() },
                None => ReplayErrorKind::Checkpoint,
            })?;
        let last = Target { key: from.target, destination: None };
        let cursor = Cursor {
            window,
            instructions: from.instructions,
            calls_left,
            silent_left: limits.silent_left(),
            last,
        };
        let (invoked, host_calls) = (from.invocations, from.host_calls);
        let cuts = Cuts::default();
        Ok(Self {
            trace,
            limits,
            map,
            source,
            cursor,
            frames,
            invocations,
            threads: Threads::default(),
            cuts,
            records,
            state,
            invoked,
            host_calls,
            memo: None,
            growing: None,
        })
    }
}

/// Most instructions before a checkpoint.
const MOST: u64 = u64::MAX >> 1;

fn failed(kind: ReplayErrorKind, from: &Checkpoint) -> ReplayError {
    let inner = Inner { kind, decisions: from.decisions, record: from.records as usize, site: None };
    ReplayError { inner: Box::new(inner) }
}

/// The call stack by block numbers, and where in it each invocation has its bottom.
fn frames(map: &mut CodeMap<'_>, from: &Checkpoint) -> Result<(Vec<u32>, Vec<usize>), ReplayErrorKind> {
    let (mut frames, mut bases) = (Vec::new(), Vec::new());
    if from.frames.len() > MAX_FRAMES {
        return Err(ReplayErrorKind::TooDeep { limit: MAX_FRAMES });
    }
    for frame in &from.frames {
        match *frame {
            CheckpointFrame::Bottom => {
                bases.push(frames.len());
                frames.push(BOTTOM);
            }
            CheckpointFrame::Back(key, block) => frames.push(number(map, (key, block))?),
        }
    }
    let begins_well = from.frames.first().is_none_or(|frame| *frame == CheckpointFrame::Bottom);
    match begins_well && bases.len() == from.open.len() {
        true => Ok((frames, bases)),
        false => Err(ReplayErrorKind::Checkpoint),
    }
}

/// The number of a block, whose function is loaded if it is not yet.
fn number(map: &mut CodeMap<'_>, (key, block): (FuncKey, u32)) -> Result<u32, ReplayErrorKind> {
    let Destination::Slot(slot) = map.destination(key)? else { return Err(ReplayErrorKind::Checkpoint) };
    let first = match map.entry(slot) {
        Some(entry) => entry,
        None => map.load(slot)?,
    };
    map.block_of(first, block).ok_or(ReplayErrorKind::Checkpoint)
}
