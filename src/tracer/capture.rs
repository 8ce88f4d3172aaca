//! What the recorder hands over while a session runs, and when that must end.
//!
//! Decision words are copied out of the recorder's chunk. They are a few percent of a bit for each
//! instruction, so copying costs nothing that shows. Records are kept as they come. Past the trace limit
//! words go to an unnamed temporary file, if that was asked for.
//!
//! Not here: what an entry may use up (`entry`), what the numbers mean (`limits`), reading any of it back
//! (`trace`).

mod entry;

use std::{
    collections::{HashSet, VecDeque},
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use wasmspoor_hooks::recorder::{self, Event};

use crate::{
    module::lower::{Exceptions, Sites, Stop},
    trace::{
        End, FuncKey, Record, TracePosition, Trap, Words,
        effects::{Effect, Effects},
        growing::Ended,
    },
};

use self::entry::Entry;
use super::limits::{BATCH_RECORDS, BATCH_WORDS, HANDED_OVER};
use super::{
    cancel::Cancel,
    feeder::Feeder,
    instruction_counter::LateCounter,
    limits::{AtTraceLimit, Limit, Limits},
    sink::{Batch, StreamSink, Timeout},
    told::trap_of,
};

/// A moment of a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moment {
    /// Position of the last record.
    pub(crate) record: usize,
    /// Executed instructions so far: exact if a limit or budget is in instructions, else what so many
    /// decisions usually stand for.
    pub(crate) instructions: u64,
    /// Bytes moved by bulk operations so far.
    pub(crate) bulk: u64,
}

/// Work of a poll that few words led to: a thousand calls, or thousands of operators of straight code.
const SILENT_TICK: u64 = 2048;
/// Words between two polls below which it was something else that asked. Words, because a word of wide fields
/// holds as little as half the decisions of another.
const FEW_WORDS: u64 = recorder::WORDS_PER_POLL as u64 * 7 / 8;
/// Instructions that a decision or a direct call stands for in most programs.
const USUAL: u64 = 5;
/// Work of a host call, and of a bulk operation besides its length.
const HOST_CALL: u64 = 64;
const BULK: u64 = 16;

/// The sink of a session.
pub(super) struct Capture {
    words: Words,
    records: Vec<Record>,
    /// Takes words and records away, if they are not to stay in memory.
    sink: Option<Arc<dyn StreamSink>>,
    /// Gives the streams to a replay beside the run too, and how many of the records it has.
    feeder: Option<Feeder>,
    fed: usize,
    /// Bytes of words that count as in memory, wherever they are.
    word_bytes: u64,
    /// Records so far.
    made: usize,
    /// Words and records that the sink does not have yet; work and direct calls at the last hand-over.
    pending: Vec<u64>,
    handed_at: u64,
    calls: u64,
    /// Work when words came last.
    words_at: u64,
    /// Times that it was asked whether time or space is used up.
    asked: u64,
    /// When the clock ends an entry or the session, instead of by the clock: soonest first.
    timeouts: Option<VecDeque<Timeout>>,
    limits: Limits,
    cancel: Cancel,
    deadline: Option<Instant>,
    host_calls: u64,
    stopped_by: Option<Limit>,
    last_place: Option<recorder::Place>,
    /// Decisions at the last poll, and words.
    polled_at: u64,
    words_polled_at: u64,
    /// Words that were handed over.
    handed: u64,
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
    instruction_counter: Option<LateCounter>,
    /// Invocations from the top.
    entries: u64,
    /// What the host does, if that is wanted.
    effects: Option<Effects>,
    /// Where the engine's code stood in the sample's, if it is not the same, and the key of the first
    /// function.
    sites: Option<(Sites, FuncKey)>,
    /// How exceptions are thrown in that code.
    exceptions: Option<Exceptions>,
    /// The exception that left the invocation that ended last, and the one for which a host function did not
    /// go on.
    thrown: Option<recorder::Thrown>,
    escaped: Option<recorder::Thrown>,
    /// Why the invocation that ended last trapped.
    last_trap: Option<Trap>,
    /// A wait failed that nobody could end, and where; or the thread that is ended waited so.
    deadlock: Option<(u32, u32)>,
    is_deadlock: bool,
    /// Host functions that were called, by their keys.
    hosts: HashSet<u32>,
}

impl Capture {
    pub(super) fn new(limits: Limits) -> Self {
        Self::with(limits, Cancel::default(), None, None)
    }

    /// One whose streams go to `sink`, and whose clock ends entries when `timeouts` say.
    pub(super) fn with(
        limits: Limits,
        cancel: Cancel,
        sink: Option<Arc<dyn StreamSink>>,
        timeouts: Option<Vec<Timeout>>,
    ) -> Self {
        Self {
            words: Words::default(),
            records: Vec::new(),
            sink,
            feeder: None,
            fed: 0,
            word_bytes: 0,
            made: 0,
            pending: Vec::new(),
            handed_at: 0,
            words_at: 0,
            calls: 0,
            asked: 0,
            timeouts: timeouts.map(VecDeque::from),
            deadline: limits.wall_time.map(|time| Instant::now() + time.min(Duration::from_secs(1 << 30))),
            limits,
            cancel,
            host_calls: 0,
            stopped_by: None,
            last_place: None,
            polled_at: 0,
            words_polled_at: 0,
            handed: 0,
            bulk_asks: false,
            work: 0,
            host_called_at: 0,
            bulk: 0,
            entry: Entry::default(),
            instruction_counter: None,
            entries: 0,
            effects: None,
            sites: None,
            exceptions: None,
            thrown: None,
            escaped: None,
            last_trap: None,
            deadlock: None,
            is_deadlock: false,
            hosts: HashSet::new(),
        }
    }

    /// Notes what the host does, from now on.
    pub(super) fn want_effects(&mut self) {
        self.effects.get_or_insert_default();
    }

    /// Whether what the host does is wanted.
    pub(super) fn wants_effects(&self) -> bool {
        self.effects.is_some()
    }

    /// Notes something that the host did before the next record.
    pub(super) fn effect(&mut self, effect: impl FnOnce() -> Effect) {
        if let Some(effects) = &mut self.effects {
            effects.push(self.made as u64, effect());
        }
    }

    /// Notes something that belongs before the record made last.
    pub(super) fn effect_of_last(&mut self, effect: impl FnOnce() -> Effect) {
        if let Some(effects) = &mut self.effects {
            effects.push((self.made as u64).saturating_sub(1), effect());
        }
    }

    /// Notes that the host read bytes.
    pub(super) fn read(&mut self, memory: u32, address: u64, len: u64) {
        if let Some(effects) = &mut self.effects {
            effects.read(self.made as u64, memory, address, len);
        }
    }

    /// What the host did.
    pub(super) fn take_effects(&mut self) -> Option<Effects> {
        self.effects.take()
    }

    /// Counts instructions from the start of the run on.
    pub(super) fn set_instruction_counter(&mut self, counter: LateCounter) {
        self.instruction_counter = Some(counter);
    }

    /// Gives what is recorded from the start of the run on to a replay beside it.
    pub(super) fn set_feeder(&mut self, feeder: Feeder) {
        self.feeder = Some(feeder);
    }

    /// Whether a limit of the session needs the counter.
    pub(super) fn counts_instructions(&self) -> bool {
        self.limits.instructions.is_some()
    }

    /// Whether any instruction is counted.
    pub(super) fn has_instruction_counter(&self) -> bool {
        self.instruction_counter.is_some()
    }

    /// Instructions counted so far.
    pub(super) fn instructions(&mut self) -> u64 {
        self.instruction_counter.as_mut().map_or(0, |counter| counter.known().total())
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

    /// Where a host call is that was recorded last, after so many decisions and direct calls, all of them
    /// handed over.
    pub(super) fn moment(&mut self, decisions: u64, calls: u64) -> Moment {
        // Draining puts off the next poll: who calls the host often enough would never see one.
        self.work = self.work.saturating_add(decisions.saturating_sub(self.polled_at));
        self.polled_at = decisions;
        self.words_polled_at = self.handed;
        // Such a program would seem to come to new things for ever, too.
        self.mark_quarter();
        self.check(decisions);
        let usual = || decisions.saturating_add(calls).saturating_mul(USUAL);
        let instructions =
            self.instruction_counter.as_mut().map_or_else(usual, |counter| counter.known().total());
        Moment { record: self.made.saturating_sub(1), instructions, bulk: self.bulk }
    }

    /// The engine runs code that was written anew, whose first function has this key.
    pub(super) fn set_sites(&mut self, sites: Sites, first_key: FuncKey, exceptions: Option<Exceptions>) {
        self.sites = Some((sites, first_key));
        self.exceptions = exceptions;
    }

    /// The host function that runs fails because the caller waits for ever: the position of the function, and
    /// the offset in its body.
    pub(super) fn note_deadlock(&mut self, place: (u32, u32)) {
        (self.deadlock, self.is_deadlock) = (Some(place), true);
    }

    /// The invocation that is ended next waits for ever.
    pub(super) fn deadlock(&mut self) {
        self.is_deadlock = true;
    }

    /// The place where an invocation ended by a wait that nobody could end, once.
    pub(super) fn take_deadlock(&mut self) -> Option<(u32, u32)> {
        self.deadlock.take()
    }

    /// The exception that left the invocation that ended last, once.
    pub(super) fn take_thrown(&mut self) -> Option<recorder::Thrown> {
        self.thrown.take()
    }

    /// The exception that left an invocation last, if nothing happened since.
    pub(super) fn escaped(&self) -> Option<recorder::Thrown> {
        self.escaped
    }

    /// The exception that left an invocation by a host function that then failed, once.
    pub(super) fn take_escaped(&mut self) -> Option<recorder::Thrown> {
        self.escaped.take()
    }

    /// Position of the function, and offset in its body, of the operator that threw.
    pub(super) fn place_of(&self, thrown: &recorder::Thrown) -> Option<(u32, u32)> {
        self.exceptions.as_ref()?.places.get(thrown.place as usize).copied()
    }

    /// Keeps in mind which exception left an invocation: a host function that goes on all the same has
    /// swallowed it.
    fn note_thrown(&mut self, event: &Event) {
        match *event {
            Event::End { end, .. } => {
                self.thrown = match end {
                    recorder::End::Thrown(thrown) => Some(thrown),
                    _ => None,
                };
                self.escaped = self.thrown.or(self.escaped.filter(|_| end == recorder::End::HostError));
            }
            Event::HostReturn { failed: true } => {}
            _ => self.escaped = None,
        }
    }

    /// Leads the place at which an invocation ends to the sample's own code. Gives why it stops there, if the
    /// engine does not say.
    fn lead_back(&self, place: &mut recorder::Place) -> Option<Stop> {
        let (sites, first_key) = self.sites.as_ref()?;
        let (key, offset) = place.site?;
        let position = key.checked_sub(first_key.0)? as usize;
        let (offset, stop) = sites.of(position, offset)?;
        place.site = Some((key, offset));
        stop
    }

    /// Why the invocation that ended last trapped.
    pub(super) fn last_trap(&self) -> Option<Trap> {
        self.last_trap
    }

    /// Where the invocation that ended last was cut short.
    pub(super) fn last_place(&self) -> Option<recorder::Place> {
        self.last_place
    }

    /// The streams, or what the sink left of them.
    pub(super) fn into_streams(mut self, ended: Ended) -> (Words, Vec<Record>) {
        if let Some(feeder) = self.feeder.take() {
            feeder.end(&self.records[self.fed..], ended);
        }
        self.hand_over();
        (self.words, self.records)
    }

    /// Gives the sink what there is.
    fn hand_over(&mut self) {
        self.handed_at = self.work;
        let Some(sink) = &self.sink else { return };
        self.fed = 0;
        let batch = Batch {
            words: std::mem::take(&mut self.pending),
            records: std::mem::take(&mut self.records),
            calls: self.calls,
        };
        if !sink.take(batch) {
            self.stopped_by.get_or_insert(Limit::Spill);
        }
    }

    /// Whether so much is pending, in bytes or in work, that the sink should get it.
    fn is_much_pending(&self) -> bool {
        let is_long = self.work.saturating_sub(self.handed_at) >= HANDED_OVER;
        is_long || self.pending.len() >= BATCH_WORDS || self.records.len() >= BATCH_RECORDS
    }

    /// Whether the host function entered last may run.
    pub(super) fn may_call(&mut self) -> bool {
        !self.is_over()
    }

    /// Whether any invocation began.
    pub(super) fn has_run(&self) -> bool {
        self.made > 0
    }

    fn stop(&mut self, limit: Limit) {
        self.stopped_by.get_or_insert(limit);
    }

    /// Whether time or space is used up, of the session or of the entry.
    fn is_over(&mut self) -> bool {
        self.look_at_clock();
        if self.entry.work.is_some_and(|limit| self.work >= limit) && !self.goes_on() {
            self.entry.stopped_by.get_or_insert(Limit::Decisions);
        }
        if self.bytes() > self.limits.trace_bytes {
            self.stop(Limit::TraceBytes);
        }
        if self.cancel.is_cancelled() {
            self.stop(Limit::Cancelled);
        }
        self.entry_stopped_by().is_some()
    }

    /// Bytes of records and words that count as in memory.
    fn bytes(&self) -> u64 {
        (self.made * size_of::<Record>()) as u64 + self.word_bytes
    }

    /// Notes whether time is used up: by the clock, or as it was in the run that is run again.
    fn look_at_clock(&mut self) {
        self.asked += 1;
        let (mut session, mut entry) = (false, false);
        if let Some(timeouts) = &mut self.timeouts {
            while let Some(timeout) = timeouts.pop_front_if(|timeout| timeout.clock_reads <= self.asked) {
                session |= timeout.is_session;
                entry |= !timeout.is_session;
            }
        } else if self.deadline.is_some() || self.entry.deadline.is_some() {
            let now = Instant::now();
            session = self.deadline.is_some_and(|deadline| now >= deadline);
            entry = self.entry.deadline.is_some_and(|deadline| now >= deadline);
            if entry && self.came_to_new() {
                let more = self.entry.budget.time.unwrap_or_default().max(Duration::from_millis(1));
                (entry, self.entry.deadline) = (false, now.checked_add(more));
            }
        }
        for (struck, is_session) in [(session, true), (entry, false)] {
            let stop = if is_session { &mut self.stopped_by } else { &mut self.entry.stopped_by };
            if struck && stop.is_none() {
                *stop = Some(Limit::WallTime);
                if let Some(sink) = &self.sink {
                    sink.timeout(Timeout { clock_reads: self.asked, is_session });
                }
            }
        }
    }

    /// Notes the limits in decisions and instructions that were reached.
    fn check(&mut self, decisions: u64) {
        if let Some(counter) = &mut self.instruction_counter {
            let is_over = self.limits.instructions.is_some_and(|limit| counter.reaches(limit));
            let is_entry_over = self.entry.instructions.is_some_and(|limit| {
                counter.most_of_entry(self.entries) >= limit
                    && counter.known().of_entry(self.entries) >= limit
            });
            if is_over {
                self.stop(Limit::Instructions);
            }
            if is_entry_over && !self.goes_on() {
                self.entry.stopped_by.get_or_insert(Limit::Instructions);
            }
        }
        if self.limits.decisions.is_some_and(|limit| decisions >= limit) {
            self.stop(Limit::Decisions);
        }
    }

    /// Counts the work since the last poll. Decisions alone would let straight code, calls and bulk
    /// operations run for ever.
    fn count_work(&mut self, decisions: u64, words: u64) {
        let made = decisions.saturating_sub(self.polled_at);
        let made_words = words.saturating_sub(self.words_polled_at);
        (self.polled_at, self.words_polled_at) = (decisions, words);
        let silent = made_words < FEW_WORDS && !std::mem::take(&mut self.bulk_asks);
        self.work = self.work.saturating_add(made).saturating_add(if silent { SILENT_TICK } else { 0 });
        self.mark_quarter();
    }
}

impl recorder::Sink for Capture {
    fn words(&mut self, words: &[u64], calls: u64) {
        (self.calls, self.words_at) = (calls, self.work);
        self.handed = self.handed.saturating_add(words.len() as u64);
        if let Some(counter) = &mut self.instruction_counter {
            counter.advance(words, calls);
        }
        if let Some(feeder) = &mut self.feeder {
            feeder.take(words, &self.records[self.fed..]);
            self.fed = self.records.len();
        }
        let bytes = size_of_val(words) as u64;
        // Words after spilled ones are spilled too, however small: else they would be read before them.
        let is_beyond = self.limits.at_trace_limit == AtTraceLimit::Spill
            && (self.words.is_spilled() || self.bytes() + bytes > self.limits.trace_bytes);
        if !is_beyond {
            self.word_bytes += bytes;
        }
        if self.sink.is_some() {
            self.pending.extend_from_slice(words);
        } else if !is_beyond {
            self.words.push(words);
        } else if self.words.spill(words).is_err() {
            self.stop(Limit::Spill);
            // Nothing may be lost: the words of the moment are kept, and no more follow.
            self.words.push(words);
        }
        if self.is_much_pending() {
            self.hand_over();
        }
    }

    fn may_call_host(&mut self) -> bool {
        let may_call = self.limits.host_calls.is_none_or(|limit| self.host_calls < limit);
        if !may_call {
            self.stop(Limit::HostCalls);
        }
        may_call && !self.has_called_enough()
    }

    fn wants_words(&mut self) -> bool {
        // Whether or not there is a sink: a run must not depend on where it is recorded.
        self.work.saturating_sub(self.words_at) >= HANDED_OVER
    }

    fn event(&mut self, mut event: Event) {
        let (mut decisions, mut stop) = (0, None);
        self.note_thrown(&event);
        match &mut event {
            Event::HostCall { func } => {
                self.host_calls += 1;
                self.hosts.insert(*func);
                self.work = self.work.saturating_add(HOST_CALL);
                self.host_called_at = self.work;
            }
            Event::End { place, .. } => {
                stop = self.lead_back(place);
                self.last_place = Some(*place);
                decisions = place.decisions;
            }
            Event::Bulk { len, .. } => {
                self.bulk = self.bulk.saturating_add(*len);
                self.silent_bulk(*len);
            }
            _ => {}
        }
        let mut record = Record::from(event);
        if let Record::End(end @ End::HostError) = &mut record
            && mem::take(&mut self.is_deadlock)
        {
            let (bits, calls) = (decisions, self.last_place.map_or(0, |place| place.calls));
            let at = TracePosition { bits, calls, depth: 1, site: None };
            *end = End::Trapped { code: Trap::Deadlock, at };
        }
        if let Record::End(end) = &mut record {
            self.last_trap = trap_of(end, stop);
        }
        if let Some(counter) = &mut self.instruction_counter {
            self.entries += u64::from(counter.note(&record, decisions));
        }
        self.made += 1;
        self.records.push(record);
    }

    fn silent_bulk(&mut self, len: u64) {
        // It takes long, and leaves no decision.
        self.bulk_asks = true;
        self.work = self.work.saturating_add(BULK + len / 64);
    }

    fn poll(&mut self, decisions: u64, words: u64) -> bool {
        self.count_work(decisions, words);
        self.check(decisions);
        self.is_over()
    }
}
