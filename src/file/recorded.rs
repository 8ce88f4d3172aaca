//! A file as the run that it holds.

use std::{collections::BTreeMap, path::Path, sync::Arc};
use wasmspoor_hooks::recorder::stream;

use crate::{
    LoadError, hex,
    limitation::Limitation,
    module::Module,
    sandbox::{self, Run, RunOptions, Status},
    text,
    trace::{Level, Trace},
    tracer::{Timeout, replay_limits},
};

use super::{
    contents::{Header, Links, Outcome, Rest, Totals},
    limits::UNKNOWN_TOLD,
    log::Log,
    objects,
    reader::{FileError, Reader},
    store::Store,
};

/// A run that was recorded.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recorded {
    /// What was run, and how.
    pub header: Header,
    /// The sample in the binary format.
    pub wasm: Arc<[u8]>,
    /// What came of it. Its streams are read from the file when they are needed.
    pub run: Result<Run, LoadError>,
    /// Whether the file says how the run ended: it is not cut off.
    pub is_over: bool,
    /// Whether the header was read. Without it, it is not known how the sample was run, and `header` stands
    /// for any.
    pub has_header: bool,
    /// When the clock struck.
    pub timeouts: Vec<Timeout>,
    pub(super) reader: Arc<Reader>,
}

impl Recorded {
    /// Opens a file. `sample` is the sample if the file does not hold it, or holds it damaged; binary or
    /// text.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no trace file, or the sample cannot be had.
    pub fn open(path: &Path, sample: Option<&[u8]>) -> Result<Self, FileError> {
        Self::of(Reader::open(path)?, sample)
    }

    /// As [`Self::open`], of a file that is open.
    ///
    /// # Errors
    ///
    /// As for [`Self::open`].
    pub fn of(reader: Reader, sample: Option<&[u8]>) -> Result<Self, FileError> {
        let reader = Arc::new(reader);
        let header = objects::header(&reader);
        let wasm: Arc<[u8]> = wasm(&reader, header.as_ref(), sample)?.into();
        let has_header = header.is_some();
        let header = header.unwrap_or_else(|| made_up(&wasm));
        let rest = match objects::outcome(&reader) {
            Some(Outcome::Refused(error)) => {
                return Ok(Self {
                    header,
                    wasm,
                    run: Err(error),
                    is_over: true,
                    has_header,
                    timeouts: Vec::new(),
                    reader,
                });
            }
            Some(Outcome::Ran(rest)) => Some(*rest),
            None => None,
        };
        let is_over = rest.is_some();
        let mut trace = trace(&reader, &wasm, header.level, rest.as_ref().map(Rest::totals));
        // There are no more than there is room for.
        let words = trace.stored.as_ref().map_or(0, |stored| stored.lens().0);
        let decisions = trace.decisions.min(words.saturating_mul(stream::WORD_BITS.into()));
        trace.limits = replay_limits(has_header.then_some(&header.options.limits), decisions);
        let mut log = Log::read(&reader);
        let timeouts = std::mem::take(&mut log.timeouts);
        let mut run = run(trace, log, rest, &reader);
        let unknown = unknown(&header);
        run.lost.extend(unknown.clone());
        run.limitations.extend(unknown);
        sandbox::judge(&header.options, &mut run);
        Ok(Self { header, wasm, run: Ok(run), is_over, has_header, timeouts, reader })
    }

    /// The file.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }
}

/// That the sample was run in a way which this program does not know.
fn unknown(header: &Header) -> Option<Limitation> {
    let names = &header.unknown_options;
    let first: Vec<_> = names.iter().take(UNKNOWN_TOLD).map(|name| text::cut(name, 40)).collect();
    let more = (names.len() - first.len()) as u64;
    (!names.is_empty()).then_some(Limitation::UnknownOptions { first, more })
}

/// What stands for a header that is lost.
fn made_up(wasm: &[u8]) -> Header {
    Header {
        tool: "unknown".into(),
        name: "unknown".into(),
        sha256: hex::sha256(wasm),
        sample_len: wasm.len() as u64,
        from_text: false,
        is_embedded: true,
        level: Level::Flow,
        options: RunOptions::default(),
        unknown_options: Vec::new(),
    }
}

/// The sample, from the file or as given.
fn wasm(reader: &Reader, header: Option<&Header>, sample: Option<&[u8]>) -> Result<Vec<u8>, FileError> {
    let wasm = match sample {
        Some(sample) => {
            crate::module::to_binary(sample).map_or_else(|_| sample.to_vec(), |wasm| wasm.into_owned())
        }
        None if header.is_some_and(|header| !header.is_embedded) => {
            let sha256 = header.map(|header| &*header.sha256).unwrap_or_default();
            return Err(FileError::Missing(format!(
                "the file does not hold the sample (SHA-256 {sha256}): name it with --sample"
            )));
        }
        None => {
            let missing = "the sample in the file is missing or damaged: name it with --sample";
            objects::sample(reader).ok_or_else(|| FileError::Lost(missing.into()))?
        }
    };
    match header {
        Some(header) if header.sha256 != hex::sha256(&wasm) => {
            let what = format!("the sample is another one: its SHA-256 is not {}", header.sha256);
            Err(if sample.is_some() { FileError::Missing(what) } else { FileError::Lost(what) })
        }
        _ => Ok(wasm),
    }
}

/// The streams of a file; with the totals, if the run is over.
pub(super) fn trace(reader: &Arc<Reader>, wasm: &[u8], level: Level, totals: Option<Totals>) -> Trace {
    let Links { instances, hosts } = objects::links(reader).unwrap_or_default();
    let store = Store::new(Arc::clone(reader), totals.map(|totals| (totals.decisions, totals.records)));
    let (decisions, _, calls) = store.totals();
    let (decisions, calls) = totals.map_or((decisions, calls), |totals| (totals.decisions, totals.calls));
    let modules = Module::parse(wasm).map(Arc::new).into_iter().collect();
    Trace {
        modules,
        instances,
        hosts,
        decisions,
        calls,
        level,
        stored: Some(Arc::new(store)),
        ..Trace::default()
    }
}

/// Fills in what can be told of a run whose outcome is not in the file.
fn end_early(run: &mut Run) {
    let host_calls = run.trace.host_calls().count();
    run.calls_cut = (host_calls as u64).saturating_sub(run.calls.len() as u64);
    run.status = if run.entries.is_empty() { Status::NothingRan } else { Status::Stopped };
    run.lost.push(Limitation::FileEnds);
}

/// Damage in the file is lost of the run.
fn note_harm(run: &mut Run, reader: &Reader) {
    let (damage, more) = reader.harm();
    let damaged = |damage: &_| Limitation::FileDamaged { damage: format!("{damage}") };
    run.lost.extend(damage.iter().map(damaged));
    if more > 0 {
        run.lost.push(Limitation::FileDamagedMore { count: more });
    }
}

/// The run as `sandbox::run` gave it, or what is left of it.
fn run(trace: Trace, mut log: Log, rest: Option<Rest>, reader: &Reader) -> Run {
    if rest.is_some() {
        log.end();
    }
    let entries = log.entries.len();
    log.calls.retain(|_, call| call.entry <= entries);
    let positions: BTreeMap<u64, usize> = log.calls.keys().copied().zip(0..).collect();
    let mut run = Run {
        trace,
        entries: log.entries,
        calls: log.calls.into_values().collect(),
        stdout: log.stdout,
        stderr: log.stderr,
        ..Run::default()
    };
    match rest {
        Some(rest) => fill(&mut run, rest, &positions),
        None => end_early(&mut run),
    }
    note_harm(&mut run, reader);
    run.limitations.extend(run.lost.iter().cloned());
    run
}

fn fill(run: &mut Run, rest: Rest, positions: &BTreeMap<u64, usize>) {
    run.calls_cut = rest.calls_cut;
    run.calls_inner = rest.calls_inner;
    let functions = run.trace.modules.first().map_or(0, |module| module.functions());
    run.calls_inner.retain(|func, _| func.0 < functions);
    run.status = rest.status;
    run.exit_code = rest.exit_code;
    run.slept_ns = rest.slept_ns;
    run.sleeps = rest.sleeps;
    run.limitations = rest.limitations.into_iter().map(Limitation::Recorded).collect();
    run.honeytokens = rest.honeytokens;
    run.connections = rest.connections;
    let is_module = |bytes: &Vec<u8>| bytes.starts_with(b"\0asm");
    let (carved, returned): (Vec<_>, Vec<_>) = rest.carved.into_iter().partition(is_module);
    run.carved = carved;
    run.returned = returned.into_iter().filter_map(sandbox::Returned::of).collect();
    run.files =
        rest.files.into_iter().map(|(change, contents)| sandbox::FileChange { contents, ..change }).collect();
    // Calls of a damaged part are not there, and those after them moved up.
    let moved = |call: Option<usize>| call.and_then(|call| positions.get(&(call as u64)).copied());
    for token in &mut run.honeytokens {
        token.first_call = moved(token.first_call);
        for leak in &mut token.leaks {
            leak.first_call = moved(leak.first_call);
        }
    }
}
