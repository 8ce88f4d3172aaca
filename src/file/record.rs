//! Recording a run to a file.

use std::{
    fs::File,
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Limit, LoadError, hex,
    module::{self, Module},
    sandbox::{self, EntryEnd, Recorder, Run, RunOptions, Status},
    trace::Level,
};

use super::{
    checkpointer::Checkpointer,
    checkpoints,
    contents::{Header, Outcome, Rest, Totals},
    effects,
    frame::{ChunkKind, EFFECTS, THREAD_BLOCKS, THREADS},
    objects,
    writer::{Recording, TraceWriter},
};

/// A sample to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'s> {
    /// What the user calls it.
    pub name: &'s str,
    /// Its bytes, binary or text.
    pub bytes: &'s [u8],
    /// Whether the file is to hold it.
    pub is_embedded: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Bytes of the file.
    pub bytes: u64,
    /// Executed instructions, if they were counted: of a regular file.
    pub instructions: Option<u64>,
    /// How the run ended, or why the sample could not be loaded. A file that takes no more before the run
    /// begins is an error of [`record`].
    pub status: Result<Status, LoadError>,
    /// The entry points that a budget or a limit stopped, by name, and which.
    pub stopped: Vec<(String, Limit)>,
}

/// The entry points of a run that were stopped.
fn stopped(run: &Run) -> Vec<(String, Limit)> {
    let stopped = run.entries.iter().filter_map(|entry| match entry.end {
        EntryEnd::Stopped { limit } => Some((entry.name.clone(), limit)),
        _ => None,
    });
    stopped.collect()
}

/// Runs a sample and writes all that is recorded of it to `file`, which is empty and lies at `path`. The run
/// stops if the file cannot be written.
///
/// # Errors
///
/// If the file cannot be written, or cannot hold the options (`InvalidInput`; see [`super::check_options`]).
/// Also if what was written cannot be replayed: that is a fault of this program, and the file stays.
pub fn record(file: File, path: &Path, sample: &Sample<'_>, options: &RunOptions) -> io::Result<Written> {
    record_as(file, path, sample, options, false).map(|(written, _)| written)
}

/// As [`record`]. The file also holds what the host did to the sample, so that `values` need not run it
/// again.
///
/// # Errors
///
/// As [`record`].
pub fn record_with_effects(
    file: File,
    path: &Path,
    sample: &Sample<'_>,
    options: &RunOptions,
) -> io::Result<Written> {
    record_as(file, path, sample, options, true).map(|(written, _)| written)
}

/// As [`record`]; also tells how long the run took, all of its streams written. What comes after it are
/// checkpoints and the index.
///
/// # Errors
///
/// As [`record`].
pub fn record_timed(
    file: File,
    path: &Path,
    sample: &Sample<'_>,
    options: &RunOptions,
) -> io::Result<(Written, Duration)> {
    record_as(file, path, sample, options, false)
}

fn record_as(
    file: File,
    path: &Path,
    sample: &Sample<'_>,
    options: &RunOptions,
    with_effects: bool,
) -> io::Result<(Written, Duration)> {
    objects::check_options(options)
        .map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))?;
    let begun = Instant::now();
    let is_regular = file.metadata()?.is_file();
    let binary = module::to_binary(sample.bytes).ok();
    let from_text = matches!(binary, Some(std::borrow::Cow::Owned(_)));
    let wasm = binary.unwrap_or(sample.bytes.into());
    let options = &options.clone().seeded(&wasm);
    let header = header(sample, &wasm, from_text, options);
    let header = objects::header_to_bytes(header).map_err(io::Error::other)?;
    let module = Module::parse(&wasm[..]).ok().map(Arc::new);
    let has_threads = module.as_ref().is_some_and(|module| module.is_threaded());
    let threads = if has_threads { THREADS | THREAD_BLOCKS } else { 0 };
    let features = if with_effects { EFFECTS } else { 0 } | threads;
    let recording = Recording::begin(file, features)?;
    let writer = recording.writer();
    let checkpointer = Arc::new(Checkpointer::new(Arc::clone(&writer), module.filter(|_| is_regular)));
    let mut goes_on = writer.object(ChunkKind::Header, &header);
    if sample.is_embedded {
        goes_on &= writer.object(ChunkKind::Sample, &wasm);
    }
    // Without a run the file takes no more, and `recording.end()` says why.
    let ran =
        if goes_on { run(&checkpointer, &writer, &wasm, options, with_effects)? } else { Ran::default() };
    let mut sink = recording.end()?;
    let took = begun.elapsed();
    let made = checkpointer.end(ran.totals);
    let instructions = match (made, ran.totals) {
        (Some(made), _) => made.write(&mut sink).map(Some),
        (None, Some(totals)) if is_regular => {
            checkpoints::write(&mut sink, path, &wasm, &options.limits, totals)
        }
        _ => Ok(None),
    };
    let bytes = sink.end()?;
    Ok((Written { bytes, instructions: instructions?, status: ran.status, stopped: ran.stopped }, took))
}

fn header(sample: &Sample<'_>, wasm: &[u8], from_text: bool, options: &RunOptions) -> Header {
    Header {
        tool: concat!("spoor ", env!("CARGO_PKG_VERSION")).into(),
        name: sample.name.into(),
        sha256: hex::sha256(wasm),
        sample_len: wasm.len() as u64,
        from_text,
        is_embedded: sample.is_embedded,
        level: Level::Flow,
        options: options.clone(),
        unknown_options: Vec::new(),
    }
}

/// What is known of a run beside what its file holds.
struct Ran {
    status: Result<Status, LoadError>,
    /// Nothing if it was refused.
    totals: Option<Totals>,
    stopped: Vec<(String, Limit)>,
}

impl Default for Ran {
    /// Nothing ran.
    fn default() -> Self {
        Self { status: Ok(Status::NothingRan), totals: None, stopped: Vec::new() }
    }
}

/// Runs the sample into the file.
fn run(
    checkpointer: &Arc<Checkpointer>,
    writer: &TraceWriter,
    wasm: &[u8],
    options: &RunOptions,
    with_effects: bool,
) -> io::Result<Ran> {
    let recorder: Arc<dyn Recorder> = Arc::clone(checkpointer) as _;
    let manner = sandbox::Manner { recorder: Some(recorder), timeouts: None, effects: with_effects };
    let (outcome, ran, done) = match sandbox::run_with(wasm, options, manner) {
        Ok(mut run) => {
            let (done, stopped) = (run.trace.effects.take(), stopped(&run));
            let rest = Rest { records: writer.records(), ..Rest::of(run) };
            let ran = Ran { status: Ok(rest.status), totals: Some(rest.totals()), stopped };
            (Outcome::Ran(Box::new(rest)), ran, done)
        }
        Err(error) => (Outcome::Refused(error.clone()), Ran { status: Err(error), ..Ran::default() }, None),
    };
    writer.end_log();
    let bytes = objects::outcome_to_bytes(outcome).map_err(io::Error::other)?;
    objects::check_outcome(&bytes).map_err(io::Error::other)?;
    writer.object(ChunkKind::Outcome, &bytes);
    if let Some(done) = done {
        writer.object(ChunkKind::Effects, &effects::to_bytes(&done).map_err(io::Error::other)?);
    }
    Ok(ran)
}
