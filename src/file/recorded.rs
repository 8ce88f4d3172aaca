//! A file as the run that it holds.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use crate::{
    LoadError, hex,
    module::Module,
    sandbox::{self, Call, Entry, Item, MAX_CALLS, MAX_OUTPUT, Options, Run, Status, unfinished},
    trace::{Level, Record, Trace},
    tracer::Strike,
};

use super::{
    chunk::things_of_bytes,
    contents::{Header, Links, Outcome, Rest},
    frame::Kind,
    reader::{Damage, FileError, Reader},
    store::Store,
};

/// Bytes of the header, of the sample, and of the outcome at most: what a run can be given, and what it leaves.
const MAX_HEADER: usize = 256 << 20;
const MAX_SAMPLE: usize = 1 << 30;
const MAX_OUTCOME: usize = 512 << 20;
const MAX_LINKS: usize = 256 << 20;
/// Bytes of the log at most: a log of ours has 64 MiB of arguments and what comes with them.
const MAX_LOG: u64 = 512 << 20;
/// Entry points at most.
const MAX_ENTRIES: usize = 1_000_000;

/// A run that was recorded.
#[derive(Debug)]
pub struct Recorded {
    /// What was run, and how.
    pub header: Header,
    /// The sample in the binary format.
    pub wasm: Arc<[u8]>,
    /// What came of it. Its streams are read from the file when they are needed.
    pub run: Result<Run, LoadError>,
    /// Whether the file says how the run ended: it is not cut off.
    pub is_over: bool,
    /// Whether the header was read: without it, it is not known how the sample was run, and `header` stands for any.
    pub has_header: bool,
    /// When the clock struck.
    pub strikes: Vec<Strike>,
    pub(super) reader: Arc<Reader>,
    pub(super) rest: Option<Rest>,
}

impl Recorded {
    /// Opens a file. `sample` is the sample if the file does not hold it, or holds it damaged; binary or text.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no trace file, or the sample is not to be had.
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
        let header = header(&reader);
        let wasm: Arc<[u8]> = wasm(&reader, header.as_ref(), sample)?.into();
        let has_header = header.is_some();
        let header = header.unwrap_or_else(|| made_up(&wasm));
        let outcome = match reader.object(Kind::Outcome, MAX_OUTCOME).map(|bytes| postcard::from_bytes(&bytes)) {
            Some(Ok(Outcome::Refused(error))) => {
                let (run, strikes, rest) = (Err(error), Vec::new(), None);
                return Ok(Self { header, wasm, run, is_over: true, has_header, strikes, reader, rest });
            }
            Some(Ok(Outcome::Ran(rest))) => Some(*rest),
            Some(Err(_)) => {
                reader.note(None, Some(Kind::Outcome), "the outcome is not what this program writes".into());
                None
            }
            None => None,
        };
        let log = Log::read(&reader);
        let trace = trace(&reader, &wasm, header.level, outcome.as_ref());
        let strikes = log.strikes.clone();
        let run = run(trace, log, outcome.as_ref(), &reader);
        Ok(Self { header, wasm, run: Ok(run), is_over: outcome.is_some(), has_header, strikes, reader, rest: outcome })
    }

    /// The file.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }
}

fn header(reader: &Reader) -> Option<Header> {
    let header = reader.object(Kind::Header, MAX_HEADER).and_then(|bytes| postcard::from_bytes(&bytes).ok());
    if header.is_none() {
        reader.note(None, Some(Kind::Header), "the header is missing or damaged: it is not known how the sample was run".into());
    }
    header
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
        options: Options::default(),
    }
}

/// The sample, from the file or as given.
fn wasm(reader: &Reader, header: Option<&Header>, sample: Option<&[u8]>) -> Result<Vec<u8>, FileError> {
    let wasm = match sample {
        Some(sample) => crate::tracer::to_binary(sample).map_or_else(|_| sample.to_vec(), |wasm| wasm.into_owned()),
        None if header.is_some_and(|header| !header.is_embedded) => {
            let sha256 = header.map(|header| &*header.sha256).unwrap_or_default();
            return Err(FileError::Missing(format!(
                "the file does not hold the sample (SHA-256 {sha256}): name it with --sample"
            )));
        }
        None => {
            let missing = || FileError::Missing("the sample in the file is missing or damaged: name it with --sample".into());
            reader.object(Kind::Sample, MAX_SAMPLE).ok_or_else(missing)?
        }
    };
    match header {
        Some(header) if header.sha256 != hex::sha256(&wasm) => {
            Err(FileError::Missing(format!("the sample is another one: its SHA-256 is not {}", header.sha256)))
        }
        _ => Ok(wasm),
    }
}

fn trace(reader: &Arc<Reader>, wasm: &[u8], level: Level, rest: Option<&Rest>) -> Trace {
    let links = reader.object(Kind::Links, MAX_LINKS).and_then(|bytes| postcard::from_bytes::<Links>(&bytes).ok());
    if links.is_none() {
        reader.note(None, Some(Kind::Links), "it is not known which function is which: the links are missing or damaged".into());
    }
    let Links { instances, hosts } = links.unwrap_or_default();
    let store = Store::new(Arc::clone(reader), rest.map(|rest| (rest.decisions, rest.records)));
    let (decisions, _, calls) = store.totals();
    let (decisions, calls) = rest.map_or((decisions, calls), |rest| (rest.decisions, rest.calls));
    let modules = Module::parse(wasm).map(Arc::new).into_iter().collect();
    Trace { modules, instances, hosts, decisions, calls, level, stored: Some(Arc::new(store)), ..Trace::default() }
}

/// What the log holds.
#[derive(Debug, Default)]
struct Log {
    entries: Vec<Entry>,
    /// The last one has not ended.
    is_open: bool,
    calls: BTreeMap<u64, Call>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    strikes: Vec<Strike>,
}

impl Log {
    fn read(reader: &Reader) -> Self {
        let (mut log, mut bytes, mut next) = (Self::default(), 0u64, 0);
        for position in reader.of_kind(Kind::Log) {
            let Some((frame, _)) = reader.chunks().get(position) else { break };
            bytes += u64::from(frame.raw_len);
            if bytes > MAX_LOG {
                reader.note(Some(frame.number), Some(Kind::Log), format!("the log is longer than {MAX_LOG} bytes"));
                break;
            }
            if frame.first != next {
                let what = format!("items {next} to {} of the log are missing", frame.first);
                reader.note(None, Some(Kind::Log), what);
            }
            next = frame.first + frame.count;
            let Some(raw) = reader.read(position) else { continue };
            match things_of_bytes(frame, &raw) {
                Some(items) => items.into_iter().for_each(|item| log.take(item)),
                None => _ = reader.spoilt(position),
            }
        }
        log
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Begun(_) | Item::Ended(_) if self.entries.len() >= MAX_ENTRIES => {}
            Item::Begun(mut entry) => {
                // One that begins while another is open: that one never began.
                if self.is_open {
                    self.entries.pop();
                }
                entry.end = unfinished();
                self.entries.push(entry);
                self.is_open = true;
            }
            Item::Ended(entry) => {
                if std::mem::take(&mut self.is_open) {
                    self.entries.pop();
                }
                self.entries.push(entry);
            }
            Item::Call { position, call } => {
                if position < MAX_CALLS as u64 {
                    self.calls.insert(position, call);
                }
            }
            Item::Stdout(bytes) => append(&mut self.stdout, &bytes),
            Item::Stderr(bytes) => append(&mut self.stderr, &bytes),
            Item::Strike(strike) => self.strikes.push(strike),
        }
    }
}

fn append(output: &mut Vec<u8>, bytes: &[u8]) {
    let room = MAX_OUTPUT.saturating_sub(output.len());
    output.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// The run as `sandbox::run` gave it, or what is left of it.
fn run(trace: Trace, mut log: Log, rest: Option<&Rest>, reader: &Reader) -> Run {
    if rest.is_some() && log.is_open {
        // It did not begin: what came of the run knows it not.
        log.entries.pop();
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
        None => {
            let host_calls = run.trace.record_stream().filter(|record| matches!(**record, Record::HostCall { .. })).count();
            run.calls_cut = (host_calls as u64).saturating_sub(run.calls.len() as u64);
            run.status = if run.entries.is_empty() { Status::NothingRan } else { Status::Stopped };
            run.lost.push("the file ends before the run did".into());
        }
    }
    let (damage, more) = reader.damage();
    // Without index and checkpoints everything is there.
    let harmless = |damage: &&Damage| matches!(damage.kind, Some(Kind::Index | Kind::Checkpoint));
    run.lost.extend(damage.iter().filter(|damage| !harmless(damage)).map(|damage| format!("the file is damaged: {damage}")));
    if more > 0 {
        run.lost.push(format!("the file is damaged in {more} more places"));
    }
    run.limitations.extend(run.lost.iter().cloned());
    run
}

fn fill(run: &mut Run, rest: &Rest, positions: &BTreeMap<u64, usize>) {
    let rest = rest.clone();
    run.calls_cut = rest.calls_cut;
    run.status = rest.status;
    run.exit_code = rest.exit_code;
    run.slept_ns = rest.slept_ns;
    run.sleeps = rest.sleeps;
    run.limitations = rest.limitations;
    run.honeytokens = rest.honeytokens;
    run.connections = rest.connections;
    run.carved = rest.carved;
    run.files = rest.files.into_iter().map(|(change, contents)| sandbox::FileChange { contents, ..change }).collect();
    // Calls of a damaged part are not there, and those after them moved up.
    let moved = |call: Option<usize>| call.and_then(|call| positions.get(&(call as u64)).copied());
    for token in &mut run.honeytokens {
        token.first_call = moved(token.first_call);
        for leak in &mut token.leaks {
            leak.first_call = moved(leak.first_call);
        }
    }
}
