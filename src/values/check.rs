//! The recording as something to check against: decisions, records, and where invocations are cut short.

use std::sync::Arc;

use crate::trace::{
    FuncKey, Record, Trace, TracePosition,
    recorded::{Cuts, DecisionReader, Pull},
};

use super::error::ValuesErrorKind;

type Result<T, E = ValuesErrorKind> = std::result::Result<T, E>;

/// The recording.
#[derive(Debug)]
pub(super) struct Check<'t> {
    pub(super) decisions: DecisionReader<'t>,
    pub(super) records: Pull<'t>,
    cuts: Arc<Cuts>,
    invoked: u64,
    calls: u64,
    /// Direct calls that the trace counts and that were not made yet.
    pub(super) calls_left: u64,
    pub(super) instructions_limit: u64,
    /// Landing pads that may be passed, and that may still be.
    pads_limit: u64,
    pads_left: u64,
}

/// A place in the recording.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    decisions: u64,
    target: u32,
    records: u64,
    invoked: u64,
    calls_left: u64,
    pads_left: u64,
}

impl<'t> Check<'t> {
    pub(super) fn new(trace: &'t Trace) -> Result<Self> {
        let cuts = Cuts::of(trace.record_stream(), 0, 0)
            .map_err(|_| ValuesErrorKind::Effects("the records do not nest"))?;
        Ok(Self {
            decisions: DecisionReader::new(trace.decision_chunks()),
            records: Pull::new(trace.record_stream(), 0),
            cuts: Arc::new(cuts),
            invoked: 0,
            calls: trace.calls,
            calls_left: trace.calls,
            instructions_limit: trace.limits.max_instructions,
            pads_limit: trace.limits.max_silent,
            pads_left: trace.limits.max_silent,
        })
    }

    /// Where it is in the recording.
    pub(super) fn position(&self) -> Position {
        Position {
            decisions: self.decisions.position(),
            target: self.decisions.last_target(),
            records: self.records.position,
            invoked: self.invoked,
            calls_left: self.calls_left,
            pads_left: self.pads_left,
        }
    }

    /// Goes to where it was before, in the same recording. How far decisions may be read is to be set anew.
    pub(super) fn go_to(&mut self, trace: &'t Trace, position: &Position) -> Result<()> {
        let (chunks, first) = trace.decisions_from(position.decisions);
        self.decisions = DecisionReader::at(chunks, first, position.decisions, position.target)
            .ok_or(ValuesErrorKind::Effects("decisions that were there cannot be read again"))?;
        self.records = Pull::new(trace.records_from(position.records), position.records);
        (self.invoked, self.calls_left) = (position.invoked, position.calls_left);
        self.pads_left = position.pads_left;
        Ok(())
    }

    /// Direct calls made so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls - self.calls_left
    }

    /// Where the invocation that begins now is cut short.
    pub(super) fn begin(&mut self) -> Option<TracePosition> {
        let place = self.cuts.of_invocation(self.invoked);
        self.invoked += 1;
        place
    }

    /// Counts a direct call.
    #[inline(always)]
    pub(super) fn call(&mut self) -> Result<()> {
        match self.calls_left.checked_sub(1) {
            Some(left) => {
                self.calls_left = left;
                Ok(())
            }
            None => Err(ValuesErrorKind::TooManyCalls { calls: self.calls }),
        }
    }

    /// Counts a landing pad that an exception passes.
    pub(super) fn pass(&mut self) -> Result<()> {
        let none = ValuesErrorKind::TooManyPads { limit: self.pads_limit };
        self.pads_left = self.pads_left.checked_sub(1).ok_or(none)?;
        Ok(())
    }

    /// Compares a callee with the recorded one.
    pub(super) fn callee(&mut self, computed: FuncKey) -> Result<()> {
        let recorded = FuncKey(self.decisions.target()?);
        if recorded != computed {
            return Err(ValuesErrorKind::Callee { computed, recorded });
        }
        Ok(())
    }

    /// Takes the record of a growth.
    pub(super) fn grow(&mut self, delta: u64) -> Result<u64> {
        match self.records.peek() {
            Some(&Record::Grow { delta: recorded, result }) => {
                same(0, delta, recorded)?;
                self.records.take();
                Ok(result)
            }
            _ => Err(self.unexpected("a growth")),
        }
    }

    /// Takes the record of a bulk operation.
    pub(super) fn bulk(&mut self, dst: u64, src: u64, len: u64) -> Result<()> {
        match self.records.peek() {
            Some(&Record::Bulk { dst: d, src: s, len: l }) => {
                same(0, dst, d)?;
                same(1, src, s)?;
                same(2, len, l)?;
                self.records.take();
                Ok(())
            }
            _ => Err(self.unexpected("a bulk operation")),
        }
    }

    #[cold]
    pub(super) fn unexpected(&self, expected: &'static str) -> ValuesErrorKind {
        let found = self.records.peek().map_or("the end of the records", Record::name);
        ValuesErrorKind::Record { expected, found }
    }
}

fn same(index: u32, computed: u64, recorded: u64) -> Result<()> {
    match computed == recorded {
        true => Ok(()),
        false => Err(ValuesErrorKind::Operand { index, computed, recorded }),
    }
}
