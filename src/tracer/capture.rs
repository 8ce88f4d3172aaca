//! What the recorder hands over while a session runs, and when that must end.
//!
//! Decision words are copied out of the recorder's chunk (a few percent of a bit for each instruction, so copying costs nothing that shows);
//! records are kept as they come. Past the trace limit words go to an unnamed temporary file, if that was asked for.
//!
//! Not here: what the numbers mean (`limits`), reading any of it back (`trace`).

use std::time::{Duration, Instant};

use wasmspoor_hooks::recorder::{self, Event};

use crate::trace::{self, FuncKey, Record, Trap, Words};

use super::{
    host::Moment,
    limits::{AtTraceLimit, Budget, Limit, Limits},
    odometer::{Ends, Odometer},
};

/// Work of a tick that few decisions led to: a thousand calls, or thousands of operators of straight code.
const SILENT_TICK: u64 = 2048;
/// Decisions between two ticks below which it was something else that asked.
const FEW_DECISIONS: u64 = 900;
/// Instructions that a decision or a direct call stands for in most programs.
const USUAL: u64 = 5;
/// Work of a host call, and of a bulk operation besides its length.
const HOST_CALL: u64 = 64;
const BULK: u64 = 16;

/// The sink of a session.
pub(super) struct Capture {
    words: Words,
    records: Vec<Record>,
    limits: Limits,
    deadline: Option<Instant>,
    host_calls: u64,
    stopped_by: Option<Limit>,
    last_place: Option<recorder::Place>,
    /// Decisions at the last tick.
    ticked_at: u64,
    /// A bulk operation asks next.
    bulk_asks: bool,
    /// Work so far: decisions, and what else takes time, in about the same unit.
    work: u64,
    /// Work at the last host call.
    host_called_at: u64,
    /// Bytes moved by bulk operations.
    bulk: u64,
    entry: Entry,
    /// Counts instructions, if a budget is in them.
    odometer: Option<Odometer>,
    ends: Ends,
    /// Invocations from the top.
    entries: u64,
}

/// The part of a run that has a budget of its own.
#[derive(Default)]
struct Entry {
    deadline: Option<Instant>,
    /// Work at which it is over.
    work: Option<u64>,
    instructions: Option<u64>,
    stopped_by: Option<Limit>,
}

impl Capture {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            words: Words::default(),
            records: Vec::new(),
            deadline: limits.wall_time.map(|time| Instant::now() + time.min(Duration::from_secs(1 << 30))),
            limits,
            host_calls: 0,
            stopped_by: None,
            last_place: None,
            ticked_at: 0,
            bulk_asks: false,
            work: 0,
            host_called_at: 0,
            bulk: 0,
            entry: Entry::default(),
            odometer: None,
            ends: Ends::default(),
            entries: 0,
        }
    }

    /// Counts instructions from the start of the run on.
    pub(super) fn set_odometer(&mut self, odometer: Odometer) {
        self.odometer = Some(odometer);
    }

    /// Whether a limit of the session needs the odometer.
    pub(super) fn counts_instructions(&self) -> bool {
        self.limits.instructions.is_some()
    }

    /// Whether any instruction is counted.
    pub(super) fn has_odometer(&self) -> bool {
        self.odometer.is_some()
    }

    /// Instructions counted so far.
    #[cfg(test)]
    pub(super) fn instructions(&self) -> u64 {
        self.odometer.as_ref().map_or(0, Odometer::total)
    }

    /// Begins an entry with a budget of its own.
    pub(super) fn arm(&mut self, budget: &Budget) {
        self.entry = Entry {
            deadline: budget.time.map(|time| Instant::now() + time.min(Duration::from_secs(1 << 30))),
            work: budget.work.map(|work| self.work.saturating_add(work)),
            instructions: budget.instructions,
            stopped_by: None,
        };
        self.host_called_at = self.work;
        self.last_place = None;
    }

    /// The limit of the session that was reached first.
    pub(super) fn stopped_by(&self) -> Option<Limit> {
        self.stopped_by
    }

    /// The limit that ended the entry: the session's or its own.
    pub(super) fn entry_stopped_by(&self) -> Option<Limit> {
        self.stopped_by.or(self.entry.stopped_by)
    }

    /// Work so far, and work at the last host call (or the start of the entry).
    pub(super) fn work(&self) -> (u64, u64) {
        (self.work, self.host_called_at)
    }

    /// Where a host call is that was recorded last, after so many decisions and direct calls, all of them handed over.
    pub(super) fn moment(&mut self, decisions: u64, calls: u64) -> Moment {
        // Draining puts off the next tick: who calls the host often enough would never see one.
        self.work = self.work.saturating_add(decisions.saturating_sub(self.ticked_at));
        self.ticked_at = decisions;
        self.check(decisions);
        let usual = || decisions.saturating_add(calls).saturating_mul(USUAL);
        let instructions = self.odometer.as_ref().map_or_else(usual, Odometer::total);
        Moment { record: self.records.len().saturating_sub(1), instructions, bulk: self.bulk }
    }

    /// Where the invocation that ended last was cut short.
    pub(super) fn last_place(&self) -> Option<recorder::Place> {
        self.last_place
    }

    pub(super) fn into_streams(self) -> (Words, Vec<Record>) {
        (self.words, self.records)
    }

    /// Whether the host function entered last may run.
    pub(super) fn may_call(&mut self) -> bool {
        !self.is_over()
    }

    /// Whether any invocation began.
    pub(super) fn has_run(&self) -> bool {
        !self.records.is_empty()
    }

    fn stop(&mut self, limit: Limit) {
        self.stopped_by.get_or_insert(limit);
    }

    /// Whether time or space is used up, of the session or of the entry.
    fn is_over(&mut self) -> bool {
        if self.deadline.is_some() || self.entry.deadline.is_some() {
            let now = Instant::now();
            if self.deadline.is_some_and(|deadline| now >= deadline) {
                self.stop(Limit::WallTime);
            }
            if self.entry.deadline.is_some_and(|deadline| now >= deadline) {
                self.entry.stopped_by.get_or_insert(Limit::WallTime);
            }
        }
        if self.entry.work.is_some_and(|limit| self.work >= limit) {
            self.entry.stopped_by.get_or_insert(Limit::Decisions);
        }
        let records = (self.records.len() * size_of::<Record>()) as u64;
        if records + self.words.bytes_in_memory() > self.limits.trace_bytes {
            self.stop(Limit::TraceBytes);
        }
        self.entry_stopped_by().is_some()
    }

    /// Notes the limits in decisions and instructions that were reached.
    fn check(&mut self, decisions: u64) {
        if let Some(odometer) = &self.odometer {
            let of_entry = odometer.of_entry(self.entries);
            let total = odometer.total();
            if self.limits.instructions.is_some_and(|limit| total >= limit) {
                self.stop(Limit::Instructions);
            }
            if self.entry.instructions.is_some_and(|limit| of_entry >= limit) {
                self.entry.stopped_by.get_or_insert(Limit::Instructions);
            }
        }
        if self.limits.decisions.is_some_and(|limit| decisions >= limit) {
            self.stop(Limit::Decisions);
        }
    }

    /// Counts the work since the last tick. Decisions alone would let straight code, calls and bulk operations run for ever.
    fn count_work(&mut self, decisions: u64) {
        let made = decisions.saturating_sub(self.ticked_at);
        self.ticked_at = decisions;
        let silent = made < FEW_DECISIONS && !std::mem::take(&mut self.bulk_asks);
        self.work = self.work.saturating_add(made).saturating_add(if silent { SILENT_TICK } else { 0 });
    }
}

impl recorder::Sink for Capture {
    fn words(&mut self, words: &[u64]) {
        if let Some(odometer) = &mut self.odometer {
            odometer.advance(words, &self.records, &self.ends);
        }
        let records = (self.records.len() * size_of::<Record>()) as u64;
        let after = records + self.words.bytes_in_memory() + size_of_val(words) as u64;
        if self.limits.at_trace_limit == AtTraceLimit::Spill && after > self.limits.trace_bytes {
            if self.words.spill(words).is_err() {
                self.stop(Limit::Spill);
                // Nothing may be lost: the words of the moment are kept, and no more follow.
                self.words.push(words);
            }
        } else {
            self.words.push(words);
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::HostCall { .. } => {
                self.host_calls += 1;
                self.work = self.work.saturating_add(HOST_CALL);
                self.host_called_at = self.work;
                if self.limits.host_calls.is_some_and(|limit| self.host_calls > limit) {
                    self.stop(Limit::HostCalls);
                }
            }
            Event::End { place, .. } => {
                self.last_place = Some(place);
                if self.odometer.is_some() {
                    self.ends.end(place.decisions, self.records.len());
                }
            }
            Event::Invoke { .. } if self.odometer.is_some() => {
                self.entries += u64::from(self.ends.begin(self.records.len()));
            }
            Event::Bulk { len, .. } => {
                self.bulk_asks = true;
                self.bulk = self.bulk.saturating_add(len);
                self.work = self.work.saturating_add(BULK + len / 64);
            }
            _ => {}
        }
        self.records.push(Record::from(event));
    }

    fn tick(&mut self, decisions: u64) -> bool {
        self.count_work(decisions);
        self.check(decisions);
        self.is_over()
    }
}

/// For whoever runs the hooked engine with a sink of their own.
impl From<Event> for Record {
    fn from(event: Event) -> Self {
        match event {
            Event::Invoke { func } => Self::Invoke { func: FuncKey(func) },
            Event::End { end, place } => Self::End(to_end(end, place)),
            Event::HostCall { func } => Self::HostCall { func: FuncKey(func) },
            Event::HostReturn { failed } => Self::HostReturn { failed },
            Event::Grow { delta, result } => Self::Grow { delta, result },
            Event::Bulk { dst, src, len } => Self::Bulk { dst, src, len },
        }
    }
}

fn to_end(end: recorder::End, place: recorder::Place) -> trace::End {
    let at = trace::Place {
        bits: place.decisions,
        calls: place.calls,
        depth: place.depth,
        site: place.site.filter(|_| !place.after_decision).map(|(func, offset)| (FuncKey(func), offset)),
    };
    match end {
        recorder::End::Returned => trace::End::Returned,
        recorder::End::HostError => trace::End::HostError,
        recorder::End::Failed => trace::End::Failed { message: "the engine could not go on".into(), at },
        recorder::End::Stopped => trace::End::Stopped { at },
        recorder::End::Trapped(code) => trace::End::Trapped { code: to_trap(code), at },
    }
}

pub(super) fn to_trap(code: wasmspoor_hooks::TrapCode) -> Trap {
    use wasmspoor_hooks::TrapCode as Engine;
    match code {
        Engine::UnreachableCodeReached => Trap::Unreachable,
        Engine::MemoryOutOfBounds => Trap::OutOfBoundsMemoryAccess,
        Engine::TableOutOfBounds => Trap::OutOfBoundsTableAccess,
        Engine::IndirectCallToNull => Trap::UninitializedElement,
        Engine::IntegerDivisionByZero => Trap::IntegerDivideByZero,
        Engine::IntegerOverflow => Trap::IntegerOverflow,
        Engine::BadConversionToInteger => Trap::InvalidConversionToInteger,
        Engine::StackOverflow => Trap::CallStackExhausted,
        Engine::BadSignature => Trap::IndirectCallTypeMismatch,
        Engine::OutOfFuel => Trap::OutOfFuel,
        Engine::GrowthOperationLimited => Trap::GrowthLimited,
        Engine::OutOfSystemMemory => Trap::OutOfSystemMemory,
    }
}
