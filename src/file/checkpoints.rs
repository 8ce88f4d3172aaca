//! Checkpoints in a file: states of replay from which it can be taken up, and which functions ran between two
//! of them.
//!
//! Made by one replay beside the run, or after it where there is one processor only. A checkpoint comes about
//! every [`EVERY`] instructions, and later ones further apart, so that there are hundreds at most.

use std::{io, path::Path, sync::Arc};

use crate::{
    Limits,
    trace::{
        Checkpoint, Event, Events, ExecutedBlock, ExecutedFunction, Level, Replay, ReplayError,
        ReplayErrorKind, ReplayLimits, ReplayProgress, Stretch, Trace, Visitor, growing::Growing,
    },
    tracer::replay_limits,
};

use super::limits::{CHECKPOINT_HELD, CHECKPOINTS_HELD, DAMAGED_CHECKPOINTS, MAX_CHECKPOINTS};
use super::{
    chunk::Chunk,
    contents::Totals,
    decode::Budget,
    frame::{ChunkKind, MAX_CHUNK},
    reader::Reader,
    recorded::{self, Recorded},
    wire,
    writer::ChunkWriter,
};

/// Instructions between two checkpoints at least.
const EVERY: u64 = if cfg!(test) { 1 << 12 } else { 1 << 24 };
/// The next checkpoint comes after this part of what was replayed so far, if that is more.
const PART: u64 = 64;

/// A moment of the replay.
#[derive(Debug, Clone)]
pub(super) struct StoredCheckpoint {
    /// The state of replay; `None` at the end of the trace, and while threads wait for their turns.
    pub(super) checkpoint: Option<Checkpoint>,
    /// Functions (index in the function space) that ran since the checkpoint before, in order. Empty if they
    /// are too many; then any may have run.
    pub(super) functions: Vec<u32>,
}

impl StoredCheckpoint {
    /// Whether any of these functions may have run since the checkpoint before.
    fn has_any(&self, functions: &[u32]) -> bool {
        self.functions.is_empty()
            || functions.iter().any(|function| self.functions.binary_search(function).is_ok())
    }
}

/// Notes which blocks ran, and pauses.
#[derive(Default)]
struct CheckpointVisitor {
    instructions: u64,
    pause_at: u64,
    /// Whether each block ran since the last checkpoint, by number.
    blocks: Vec<bool>,
    /// First block and index of each function.
    functions: Vec<(usize, u32)>,
}

impl Visitor for CheckpointVisitor {
    fn load(&mut self, function: ExecutedFunction<'_>) {
        self.functions.push((function.first_block(), function.index().0));
        self.blocks.resize(function.first_block() + function.code().blocks().len(), false);
    }

    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.instructions += u64::from(run.len());
        if let Some(block) = self.blocks.get_mut(run.number()) {
            *block = true;
        }
    }

    fn patience(&self) -> u64 {
        self.pause_at.saturating_sub(self.instructions)
    }

    fn stretch(&mut self, run: Stretch<'_>) {
        self.instructions += run.instructions();
    }

    fn stretches(&mut self, run: Stretch<'_>, _: u64) {
        for block in run.blocks() {
            if let Some(ran) = self.blocks.get_mut(block.number()) {
                *ran = true;
            }
        }
    }

    fn wants_pause(&self) -> bool {
        self.instructions >= self.pause_at
    }
}

impl CheckpointVisitor {
    /// The functions of which a block ran since the last time.
    fn take_functions(&mut self) -> Vec<u32> {
        let ends = self.functions.iter().skip(1).map(|function| function.0).chain([self.blocks.len()]);
        let ran = |first: usize, end: usize| {
            self.blocks.get(first..end).is_some_and(|blocks| blocks.contains(&true))
        };
        let mut functions: Vec<u32> = self
            .functions
            .iter()
            .zip(ends)
            .filter(|&(&(first, _), end)| ran(first, end))
            .map(|(&(_, index), _)| index)
            .collect();
        self.blocks.fill(false);
        functions.sort_unstable();
        functions.dedup();
        functions
    }
}

/// Replays and tells each checkpoint, with the number of instructions before it and whether it is the last.
/// Gives the number of all, or `None` if it would take too long. Functions that `tell` gives back go to the
/// next checkpoint.
fn make(
    replay: &mut Replay<'_>,
    mut tell: impl FnMut(&Replay<'_>, u64, bool, StoredCheckpoint) -> io::Result<Vec<u32>>,
) -> io::Result<Option<u64>> {
    let (mut visitor, mut functions) =
        (CheckpointVisitor { pause_at: EVERY, ..CheckpointVisitor::default() }, Vec::new());
    loop {
        let progress = replay.run(&mut visitor);
        functions = merged(functions, visitor.take_functions());
        match progress {
            Ok(ReplayProgress::Paused) => {
                let stored = StoredCheckpoint { checkpoint: replay.checkpoint(), functions };
                functions = tell(replay, visitor.instructions, false, stored)?;
                visitor.pause_at = visitor.instructions + EVERY.max(visitor.instructions / PART);
            }
            Ok(ReplayProgress::Done(summary)) => {
                tell(replay, summary.instructions, true, StoredCheckpoint { checkpoint: None, functions })?;
                return Ok(Some(summary.instructions));
            }
            Err(error) if matches!(error.kind(), ReplayErrorKind::TooSilent { .. }) => return Ok(None),
            Err(error) => {
                return Err(io::Error::other(format!("what was recorded cannot be replayed: {error}")));
            }
        }
    }
}

/// Both lists of functions as one, in order.
fn merged(mut functions: Vec<u32>, more: Vec<u32>) -> Vec<u32> {
    functions.extend(more);
    functions.sort_unstable();
    functions.dedup();
    functions
}

/// Replays the streams that were written and writes checkpoints. Gives the number of instructions, or `None`
/// if nothing could be started, or it would take too long.
pub(super) fn write(
    sink: &mut ChunkWriter,
    path: &Path,
    wasm: &[u8],
    limits: &Limits,
    totals: Totals,
) -> io::Result<Option<u64>> {
    let Ok(reader) = Reader::open(path) else { return Ok(None) };
    // Of the file only the streams: its log and its outcome may be larger than all else together.
    let mut trace = recorded::trace(&Arc::new(reader), wasm, Level::Flow, Some(totals));
    trace.limits = replay_limits(Some(limits), totals.decisions);
    let Ok(mut replay) = Replay::new(&trace, trace.limits) else { return Ok(None) };
    make(&mut replay, |_, instructions, is_last, stored| {
        write_checkpoint(sink, instructions, is_last, stored)
    })
}

/// The checkpoints of a run, made while it was recorded.
#[derive(Debug)]
pub(super) struct Made {
    checkpoints: Vec<(u64, StoredCheckpoint)>,
    instructions: u64,
}

impl Made {
    /// Makes them of what comes through `growing`; `trace` is of the run before it began. `None` if they take
    /// too much memory, or there is an error: then they are made of the file.
    pub(super) fn of(trace: &Trace, growing: &Growing) -> Option<Self> {
        let mut replay = Replay::growing(trace, growing.clone(), ReplayLimits::default()).ok()?;
        let (mut checkpoints, mut held) = (Vec::new(), 0);
        let instructions = make(&mut replay, |replay, instructions, _, stored| {
            let frames = stored.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.frames.len());
            let open = replay.open_invocations();
            held += stored.functions.len() + frames + open.len() + 1;
            checkpoints.push((instructions, stored, open));
            match held > CHECKPOINTS_HELD {
                true => Err(io::Error::other("too much")),
                false => Ok(Vec::new()),
            }
        });
        let instructions = instructions.ok()??;
        // Where the invocations end that were open is known by now.
        let filled = checkpoints.into_iter().map(|(instructions, mut stored, open)| {
            let places = stored.checkpoint.iter_mut().flat_map(|checkpoint| &mut checkpoint.open);
            places.zip(open).for_each(|(invocation, number)| invocation.place = growing.cut(number));
            (instructions, stored)
        });
        Some(Self { checkpoints: filled.collect(), instructions })
    }

    /// Writes them; gives the number of instructions.
    pub(super) fn write(self, sink: &mut ChunkWriter) -> io::Result<u64> {
        let (mut left, count) = (Vec::new(), self.checkpoints.len());
        for (number, (instructions, stored)) in (1..).zip(self.checkpoints) {
            let functions = merged(left, stored.functions);
            let stored = StoredCheckpoint { functions, ..stored };
            left = write_checkpoint(sink, instructions, number == count, stored)?;
        }
        Ok(self.instructions)
    }
}

fn chunk(instructions: u64, is_last: bool, raw: Vec<u8>) -> Chunk {
    Chunk { kind: ChunkKind::Checkpoint, is_last, first: instructions, count: 1, calls: 0, raw }
}

/// Writes a checkpoint, without its functions if it is too large with them. Gives the functions back if it is
/// still too large: of a very deep stack.
fn write_checkpoint(
    sink: &mut ChunkWriter,
    instructions: u64,
    is_last: bool,
    mut stored: StoredCheckpoint,
) -> io::Result<Vec<u32>> {
    let mut kept = Vec::new();
    loop {
        let mut raw = Vec::new();
        wire::append(stored.clone(), &mut raw).map_err(io::Error::other)?;
        if raw.len() <= MAX_CHUNK {
            sink.write(&chunk(instructions, is_last, raw))?;
            return Ok(Vec::new());
        }
        if stored.functions.is_empty() {
            return Ok(kept);
        }
        kept = std::mem::take(&mut stored.functions);
    }
}

impl Recorded {
    /// Executed instructions, if the file says so.
    pub fn instructions(&self) -> Option<u64> {
        instructions(&self.reader)
    }

    /// The events from `from` on and before `to`, each with its number. A number is how many instructions
    /// were executed before the event. Begins at the last checkpoint before `from`. With `function`,
    /// stretches in which that function does not run are passed over as far as checkpoints say so.
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
        let checkpoints = Checkpoints::of(&self.reader);
        let mut stretch = checkpoints.stretch(from);
        let mut checkpoint = checkpoints.checkpoint(&self.reader, stretch);
        let mut telling: Option<Telling<'_>> = None;
        let mut failure = None;
        while stretch <= checkpoints.0.len() {
            let (begin, end) = checkpoints.bounds(stretch);
            if begin >= to {
                break;
            }
            // Without a filter one replay goes to the end.
            let stored = if functions.is_empty() { None } else { checkpoints.read(&self.reader, stretch) };
            let end = if functions.is_empty() { to } else { end.min(to) };
            if stored.as_ref().is_none_or(|stored| stored.has_any(functions)) {
                let told = Telling::go_on(&mut telling, trace, checkpoint.as_ref());
                match told.tell((from.max(begin), end), &mut tell)? {
                    Told::All => {}
                    Told::Enough => return Ok(()),
                    // What comes after a part that is lost may be there.
                    Told::Failed(error) if matches!(error.kind(), ReplayErrorKind::Truncated { .. }) => {
                        failure.get_or_insert(error);
                    }
                    Told::Failed(error) => return Err(failure.unwrap_or(error).into()),
                }
            }
            if end == to {
                break;
            }
            checkpoint = stored.and_then(|stored| stored.checkpoint).or(checkpoint);
            stretch += 1;
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Events that are being told.
struct Telling<'t> {
    events: Events<'t>,
    /// Instructions before the next.
    number: u64,
    /// How often they could not begin.
    failed: usize,
}

/// How telling a range ended.
enum Told {
    All,
    /// Nothing more is wanted.
    Enough,
    Failed(ReplayError),
}

impl<'t> Telling<'t> {
    /// Goes on at a checkpoint if that is later than where it is. If it has not begun, it begins there, or at
    /// the begin of the trace.
    fn go_on<'a>(
        telling: &'a mut Option<Self>,
        trace: &'t Trace,
        checkpoint: Option<&Checkpoint>,
    ) -> &'a mut Self {
        let number = checkpoint.map_or(0, |checkpoint| checkpoint.instructions);
        let begin = || checkpoint.map_or_else(|| trace.events(), |checkpoint| trace.events_from(checkpoint));
        let telling = telling.get_or_insert_with(|| Self { events: begin(), number, failed: 0 });
        let failed = telling.failed + usize::from(telling.events.has_not_begun());
        // To begin is to look through all records.
        if failed > telling.failed && failed <= DAMAGED_CHECKPOINTS {
            *telling = Self { events: begin(), number, failed };
        } else if checkpoint.is_some_and(|checkpoint| {
            checkpoint.instructions > telling.number && telling.events.later(checkpoint)
        }) {
            telling.number = number;
        }
        telling
    }

    /// Tells the events in a range.
    fn tell<E>(
        &mut self,
        (from, to): (u64, u64),
        tell: &mut impl FnMut(u64, &Event) -> Result<bool, E>,
    ) -> Result<Told, E> {
        while self.number < to {
            let event = match self.events.next() {
                Some(Ok(event)) => event,
                Some(Err(error)) => return Ok(Told::Failed(error)),
                None => break,
            };
            if self.number >= from && !tell(self.number, &event)? {
                return Ok(Told::Enough);
            }
            self.number += u64::from(matches!(event, Event::Op(_)));
        }
        Ok(Told::All)
    }
}

/// A checkpoint of the contents of its chunk, if they are those of one.
pub(super) fn parse(raw: &[u8]) -> Option<StoredCheckpoint> {
    wire::read(raw, &Budget::of(CHECKPOINT_HELD)).map(|(stored, _)| stored)
}

/// Executed instructions, if the file says so.
pub(super) fn instructions(reader: &Reader) -> Option<u64> {
    let frames = reader.of_kind(ChunkKind::Checkpoint).filter_map(|position| reader.chunks().get(position));
    frames.filter(|(frame, _)| frame.is_last).map(|(frame, _)| frame.first).last()
}

/// The checkpoints of a file: positions of their chunks, and instructions before each, in order. Stretch 0 is
/// before the first checkpoint, stretch n after the n-th.
/// None of those whose blocks are not those of today.
struct Checkpoints(Vec<(usize, u64)>);

impl Checkpoints {
    fn of(reader: &Arc<Reader>) -> Self {
        let mut checkpoints: Vec<(usize, u64)> = Vec::new();
        if !reader.has_todays_blocks() {
            return Self(checkpoints);
        }
        for position in reader.of_kind(ChunkKind::Checkpoint) {
            let Some((frame, _)) = reader.chunks().get(position) else { continue };
            if checkpoints.last().is_none_or(|last| last.1 < frame.first) || frame.is_last {
                checkpoints.push((position, frame.first));
            }
            if checkpoints.len() == MAX_CHECKPOINTS {
                break;
            }
        }
        Self(checkpoints)
    }

    /// The stretch that holds instruction `number`. What happens right before the first instruction after a
    /// checkpoint belongs to the stretch before.
    fn stretch(&self, number: u64) -> usize {
        self.0.partition_point(|stored| stored.1 < number)
    }

    /// Instructions before a stretch and at its end.
    fn bounds(&self, stretch: usize) -> (u64, u64) {
        let begin = stretch.checked_sub(1).and_then(|stored| self.0.get(stored)).map_or(0, |stored| stored.1);
        (begin, self.0.get(stretch).map_or(u64::MAX, |stored| stored.1))
    }

    fn read(&self, reader: &Reader, stored: usize) -> Option<StoredCheckpoint> {
        let &(position, _) = self.0.get(stored)?;
        let stored = reader.read(position).and_then(|raw| parse(&raw));
        if stored.is_none() {
            reader.spoilt(position);
        }
        stored
    }

    /// The last checkpoint at or before the begin of a stretch, unless many checkpoints in a row are damaged.
    fn checkpoint(&self, reader: &Reader, stretch: usize) -> Option<Checkpoint> {
        (0..stretch).rev().take(DAMAGED_CHECKPOINTS).find_map(|stored| self.read(reader, stored)?.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_mark_of_too_many_functions_is_written_without_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.spoor");
        let mut sink = ChunkWriter::begin(File::create_new(&path).unwrap()).unwrap();
        let many: Vec<u32> = (0..400_000).collect();
        let left = write_checkpoint(
            &mut sink,
            7,
            false,
            StoredCheckpoint { checkpoint: None, functions: many.clone() },
        )
        .unwrap();
        assert!(left.is_empty(), "the next checkpoint has its own only");
        write_checkpoint(&mut sink, 9, true, StoredCheckpoint { checkpoint: None, functions: vec![3] })
            .unwrap();
        sink.end().unwrap();
        let reader = Arc::new(Reader::open(&path).unwrap());
        assert_eq!(instructions(&reader), Some(9));
        let checkpoints = Checkpoints::of(&reader);
        assert!(checkpoints.read(&reader, 0).unwrap().has_any(&[1_000_000]), "any may have run");
        assert!(!checkpoints.read(&reader, 1).unwrap().has_any(&[1_000_000]));
    }

    #[test]
    fn no_more_marks_are_read_than_a_run_leaves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.spoor");
        let mut sink = ChunkWriter::begin(File::create_new(&path).unwrap()).unwrap();
        for number in 0..MAX_CHECKPOINTS as u64 + 10 {
            write_checkpoint(
                &mut sink,
                number + 1,
                false,
                StoredCheckpoint { checkpoint: None, functions: vec![1] },
            )
            .unwrap();
        }
        sink.end().unwrap();
        assert_eq!(Checkpoints::of(&Arc::new(Reader::open(&path).unwrap())).0.len(), MAX_CHECKPOINTS);
    }
}
