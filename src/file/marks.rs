//! Marks in a file: states of replay from which it can be taken up, and which functions ran between two of them.
//!
//! Made by one replay after the run, which costs about a tenth of it. A mark comes about every [`EVERY`] instructions, and later ones further
//! apart, so that there are hundreds at most.

use std::{io, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::trace::{Checkpoint, Event, Events, Progress, RanFunction, Replay, ReplayError, ReplayLimits, Run, Trace, Visitor};

use super::{
    chunk::{Chunk, append},
    frame::{Kind, MAX_CHUNK},
    reader::Reader,
    recorded::Recorded,
    tape::Sink,
};

/// Instructions between two marks at least.
const EVERY: u64 = if cfg!(test) { 1 << 12 } else { 1 << 24 };
/// The part of what was replayed so far after which the next mark comes, if that is more.
const PART: u64 = 64;

/// A moment of the replay.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The state of replay; `None` at the end of the trace.
    pub(super) checkpoint: Option<Checkpoint>,
    /// Functions (index in the function space) that ran since the mark before, in order.
    pub(super) functions: Vec<u32>,
}

/// Notes which blocks ran, and pauses.
#[derive(Default)]
struct Marker {
    instructions: u64,
    pause_at: u64,
    /// Whether each block ran since the last mark, by number.
    blocks: Vec<bool>,
    /// First block and index of each function.
    functions: Vec<(usize, u32)>,
}

impl Visitor for Marker {
    fn load(&mut self, function: RanFunction<'_>) {
        self.functions.push((function.first_block(), function.index().0));
        self.blocks.resize(function.first_block() + function.code().blocks().len(), false);
    }

    fn block(&mut self, run: Run<'_>) {
        self.instructions += u64::from(run.len());
        if let Some(block) = self.blocks.get_mut(run.number()) {
            *block = true;
        }
    }

    fn wants_pause(&self) -> bool {
        self.instructions >= self.pause_at
    }
}

impl Marker {
    /// The functions of which a block ran since the last time.
    fn take_functions(&mut self) -> Vec<u32> {
        let ends = self.functions.iter().skip(1).map(|function| function.0).chain([self.blocks.len()]);
        let ran = |first: usize, end: usize| self.blocks.get(first..end).is_some_and(|blocks| blocks.contains(&true));
        let mut functions: Vec<u32> =
            self.functions.iter().zip(ends).filter(|&(&(first, _), end)| ran(first, end)).map(|(&(_, index), _)| index).collect();
        self.blocks.fill(false);
        functions.sort_unstable();
        functions.dedup();
        functions
    }
}

/// Replays what was written and writes marks; gives the number of instructions, or `None` if nothing could be started.
pub(super) fn write(sink: &mut Sink, path: &Path, wasm: &[u8]) -> io::Result<Option<u64>> {
    let Ok(recorded) = Reader::open(path).and_then(|reader| Recorded::of(reader, Some(wasm))) else { return Ok(None) };
    let Ok(run) = &recorded.run else { return Ok(None) };
    let Ok(mut replay) = Replay::new(&run.trace, ReplayLimits::default()) else { return Ok(None) };
    let (mut marker, mut functions) = (Marker { pause_at: EVERY, ..Marker::default() }, Vec::new());
    loop {
        let progress = replay.run(&mut marker);
        functions.extend(marker.take_functions());
        functions.sort_unstable();
        functions.dedup();
        match progress {
            Ok(Progress::Paused) => {
                let mark = Mark { checkpoint: replay.checkpoint(), functions: functions.clone() };
                if write_mark(sink, marker.instructions, false, &mark)? {
                    functions.clear();
                }
                marker.pause_at = marker.instructions + EVERY.max(marker.instructions / PART);
            }
            Ok(Progress::Done(summary)) => {
                write_mark(sink, summary.instructions, true, &Mark { checkpoint: None, functions })?;
                return Ok(Some(summary.instructions));
            }
            Err(error) => return Err(io::Error::other(format!("what was recorded cannot be replayed: {error}"))),
        }
    }
}

/// Writes a mark unless it is too large: of a very deep stack.
fn write_mark(sink: &mut Sink, instructions: u64, is_last: bool, mark: &Mark) -> io::Result<bool> {
    let mut raw = Vec::new();
    append(mark, &mut raw).map_err(io::Error::other)?;
    if raw.len() > MAX_CHUNK {
        return Ok(false);
    }
    sink.write(&Chunk { kind: Kind::Checkpoint, is_last, first: instructions, count: 1, calls: 0, raw })?;
    Ok(true)
}

impl Recorded {
    /// Executed instructions, if the file says so.
    pub fn instructions(&self) -> Option<u64> {
        instructions(&self.reader)
    }

    /// The events from that before which `from` instructions were executed up to that before which `to` were, with their numbers: how many
    /// instructions were executed before each. Begins at the last mark before `from`. With `function`, stretches in which that function does not run
    /// are passed over as far as marks say so.
    ///
    /// # Errors
    ///
    /// Of `tell`, and whatever replay says; `tell` says whether to go on.
    pub fn events<E: From<ReplayError>>(
        &self,
        trace: &Trace,
        (from, to): (u64, u64),
        functions: &[u32],
        mut tell: impl FnMut(u64, &Event) -> Result<bool, E>,
    ) -> Result<(), E> {
        let marks = Marks::of(&self.reader);
        let mut stretch = marks.stretch(from);
        loop {
            let (begin, end, next) = marks.bounds(stretch);
            if begin >= to {
                return Ok(());
            }
            let is_wanted = functions.is_empty() || marks.has_any(&self.reader, stretch, functions);
            if is_wanted {
                let checkpoint = marks.checkpoint(&self.reader, stretch);
                let start = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.instructions);
                let events = match &checkpoint {
                    Some(checkpoint) => trace.events_from(checkpoint),
                    None => trace.events(),
                };
                // Without a filter one replay goes to the end; with one, each stretch has its own.
                // With one nothing but instructions is told, so a stretch begins with its first.
                let range = if functions.is_empty() { (from, to) } else { (from.max(begin), to.min(end)) };
                if !tell_all(events, start, range, &mut tell)? || functions.is_empty() {
                    return Ok(());
                }
            }
            match next {
                Some(next) => stretch = next,
                None => return Ok(()),
            }
        }
    }
}

/// Tells the events in a range; returns whether to go on after it.
fn tell_all<E: From<ReplayError>>(
    events: Events<'_>,
    begin: u64,
    (from, to): (u64, u64),
    tell: &mut impl FnMut(u64, &Event) -> Result<bool, E>,
) -> Result<bool, E> {
    let mut number = begin;
    for event in events {
        if number >= to {
            break;
        }
        let event = event?;
        if number >= from && !tell(number, &event)? {
            return Ok(false);
        }
        number += u64::from(matches!(event, Event::Op(_)));
    }
    Ok(true)
}

/// Executed instructions, if the file says so.
pub(super) fn instructions(reader: &Reader) -> Option<u64> {
    let frames = reader.of_kind(Kind::Checkpoint).filter_map(|position| reader.chunks().get(position));
    frames.filter(|(frame, _)| frame.is_last).map(|(frame, _)| frame.first).last()
}

/// The marks of a file: positions of their chunks, and instructions before each, in order. Stretch 0 is before the first mark, stretch n after
/// the n-th.
struct Marks(Vec<(usize, u64)>);

impl Marks {
    fn of(reader: &Arc<Reader>) -> Self {
        let mut marks: Vec<(usize, u64)> = Vec::new();
        for position in reader.of_kind(Kind::Checkpoint) {
            let Some((frame, _)) = reader.chunks().get(position) else { continue };
            if marks.last().is_none_or(|last| last.1 < frame.first) || frame.is_last {
                marks.push((position, frame.first));
            }
        }
        Self(marks)
    }

    /// The stretch that holds instruction `number`. What happens right before the first instruction after a mark belongs to the stretch before.
    fn stretch(&self, number: u64) -> usize {
        self.0.partition_point(|mark| mark.1 < number)
    }

    /// Instructions before a stretch and at its end, and the stretch after it.
    fn bounds(&self, stretch: usize) -> (u64, u64, Option<usize>) {
        let begin = stretch.checked_sub(1).and_then(|mark| self.0.get(mark)).map_or(0, |mark| mark.1);
        match self.0.get(stretch) {
            Some(&(_, end)) => (begin, end, Some(stretch + 1)),
            None => (begin, u64::MAX, None),
        }
    }

    fn read(&self, reader: &Reader, mark: usize) -> Option<Mark> {
        let &(position, _) = self.0.get(mark)?;
        let mark = reader.read(position).and_then(|raw| postcard::from_bytes(&raw).ok());
        if mark.is_none() {
            reader.spoilt(position);
        }
        mark
    }

    /// Whether any of these functions may run in a stretch.
    fn has_any(&self, reader: &Reader, stretch: usize, functions: &[u32]) -> bool {
        let Some(mark) = self.read(reader, stretch) else { return true };
        functions.iter().any(|function| mark.functions.binary_search(function).is_ok())
    }

    /// The last checkpoint at or before the begin of a stretch.
    fn checkpoint(&self, reader: &Reader, stretch: usize) -> Option<Checkpoint> {
        (0..stretch).rev().find_map(|mark| self.read(reader, mark)?.checkpoint)
    }
}
