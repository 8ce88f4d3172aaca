//! Running a recorded sample again, and comparing with the recording while it runs.
//!
//! Everything that a run depends on is in the header, but for the clock. A run asks it at the same moments on
//! every machine. The log has the number of the question at which the clock ended an entry, and there the
//! entry is ended again.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;

use crate::{
    LoadError,
    limitation::Limitation,
    sandbox::{self, Arg, Call, FileChange, Item, Journal, Pointed, Recorder},
    trace::{FuncKey, Host, Instance, Record, Trace, effects::Effects},
    tracer::{Batch, LimitError, StreamSink, Timeout},
};

use super::limits::{ITEM_TEXT, RERUN_HELD, RERUN_TOLD};
use super::{
    bits::{Bits, Compared},
    chunk::Things,
    contents::{Outcome, Rest},
    decode::Budget,
    effects,
    frame::ChunkKind,
    objects,
    point::{self, Point, Position},
    reader::{Damage, Reader},
    recorded::Recorded,
    wire,
};

/// What came of running again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Rerun {
    /// Whether all that was compared is equal.
    pub is_equal: bool,
    /// Whether all of the run was compared. Then the file is not cut off, nothing in its streams is damaged,
    /// and no option in it is unknown.
    pub is_complete: bool,
    /// Decisions compared, in bits.
    pub decisions: u64,
    /// Records compared.
    pub records: u64,
    /// Items of the log compared: entry points, host calls, output.
    pub log_items: u64,
    /// The first difference.
    pub difference: Option<Difference>,
    /// The parts of the run that are damaged in the file. From there on, nothing could be compared.
    pub damage: Vec<Damage>,
}

/// Where two runs part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// In what: `memory` (one of the two systems had less room for it than its limits allow), `decisions`,
    /// `records`, `log`, `outcome`.
    pub stream: &'static str,
    /// Number of the decision, record or item.
    pub position: u64,
    /// The event; `None` if the difference is not in a stream.
    pub point: Option<Point>,
    /// What is recorded there, in words.
    pub recorded: String,
    /// What there was now.
    pub now: String,
}

impl Recorded {
    /// Runs the sample again as it was run, and compares.
    pub fn rerun(&self) -> Rerun {
        self.rerun_with(false).0
    }

    /// Gives the trace what the host did to the sample, if it has it not yet. It comes from the file, or from
    /// running the sample again as it was run. Whatever comes of it, values are checked against the
    /// recording.
    ///
    /// # Errors
    ///
    /// If the sample did not run, or must not or cannot be run again as it was.
    pub fn get_effects(&mut self) -> Result<EffectsFrom, EffectsError> {
        match &self.run {
            Err(error) => return Err(EffectsError::NoRun(error.clone())),
            Ok(run) if run.trace.effects.is_some() => return Ok(EffectsFrom::File),
            Ok(_) => {}
        }
        let (effects, from) = match effects::read(&self.reader) {
            Some(effects) => (Some(Arc::new(effects)), EffectsFrom::File),
            None => (self.effects_again()?, EffectsFrom::Rerun),
        };
        if let Ok(run) = &mut self.run {
            run.trace.effects = effects;
        }
        Ok(from)
    }

    /// Gives the trace what the host did to the sample, if the file holds it: nothing is run. Whether the
    /// trace has it then.
    pub fn read_effects(&mut self) -> bool {
        let Ok(run) = &mut self.run else { return false };
        if run.trace.effects.is_none() {
            run.trace.effects = effects::read(&self.reader).map(Arc::new);
        }
        run.trace.effects.is_some()
    }

    fn effects_again(&self) -> Result<Option<Arc<Effects>>, EffectsError> {
        if !self.has_header {
            return Err(EffectsError::NoHeader);
        }
        self.header.options.limits.check().map_err(EffectsError::Limits)?;
        match self.rerun_with(true) {
            (Rerun { difference: Some(difference), .. }, _) => {
                Err(EffectsError::Differs(Box::new(difference)))
            }
            (_, effects) => Ok(effects),
        }
    }

    /// Runs again and compares; with what the host did, if that is wanted.
    fn rerun_with(&self, effects: bool) -> (Rerun, Option<Arc<Effects>>) {
        let comparer = Arc::new(Comparer { state: Mutex::new(State::new(self)) });
        let recorder: Arc<dyn Recorder> = Arc::clone(&comparer) as _;
        let timeouts = Some(self.timeouts.clone());
        let manner = sandbox::Manner { recorder: Some(recorder), timeouts, effects };
        let run = sandbox::run_with(&self.wasm, &self.header.options, manner);
        let mut state = comparer.lock();
        if !state.is_over {
            match (&self.run, &run) {
                (Ok(_), Ok(run)) => match objects::outcome(&self.reader) {
                    Some(Outcome::Ran(rest)) => state.end(Some(&rest), run),
                    _ => state.end(None, run),
                },
                (Err(recorded), Err(now)) if recorded == now => {}
                (recorded, now) => state.differs("outcome", 0, ended(recorded), ended(now)),
            }
        }
        let mut found = std::mem::take(&mut state.found);
        if let Ok(run) = &self.run {
            let call = state.call;
            found.iter_mut().for_each(|difference| difference.point = locate(&run.trace, difference, call));
        }
        // A difference that is in no stream comes last. Of two at the same event, the one that was found
        // first comes first.
        found.sort_by_key(|difference| difference.point.map_or(u64::MAX, |point| point.event));
        if !found.is_empty()
            && let (Some(Outcome::Ran(rest)), Ok(run)) = (objects::outcome(&self.reader), &run)
            && let Some(difference) = of_memory(&rest.limitations, &run.limitations)
        {
            found.insert(0, difference);
        }
        let gap = self.run.as_ref().ok().and_then(|run| run.trace.gap());
        let damage = harm(&self.reader);
        let effects = run.ok().and_then(|run| run.trace.effects);
        let rerun = Rerun {
            is_equal: found.is_empty(),
            is_complete: state.is_complete
                && gap.is_none()
                && damage.is_empty()
                && self.header.unknown_options.is_empty(),
            damage,
            decisions: state.words.position,
            records: state.record,
            log_items: state.item,
            difference: found.into_iter().next(),
        };
        (rerun, effects)
    }
}

/// Where what the host did is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EffectsFrom {
    /// The file holds it.
    File,
    /// The sample was run again.
    Rerun,
}

/// Why it is not known what the host did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EffectsError {
    /// The sample did not run.
    #[error("the sample did not run: {0}")]
    NoRun(LoadError),
    /// It is not known how the sample was run.
    #[error("the header is missing or damaged: it is not known how the sample was run")]
    NoHeader,
    /// The limits of the run are beyond what is allowed.
    #[error("it is not run again: {0}")]
    Limits(LimitError),
    /// The sample runs in another way now.
    #[error(
        "run again, the sample goes another way (`spoor rerun` says where): {} number {}: recorded is {}, now {}",
        .0.stream, .0.position, .0.recorded, .0.now
    )]
    Differs(Box<Difference>),
}

/// The difference that explains all others: the system of one of two runs had less room for memory.
fn of_memory(recorded: &[String], now: &[Limitation]) -> Option<Difference> {
    let short = Limitation::MemoryShort.to_string();
    let (was, is) = (recorded.contains(&short), now.contains(&Limitation::MemoryShort));
    let word = |is_short: bool| if is_short { short.clone() } else { "room for all memories".into() };
    (was != is).then(|| Difference {
        stream: "memory",
        position: 0,
        point: None,
        recorded: word(was),
        now: word(is),
    })
}

/// What is damaged of the run itself.
fn harm(reader: &Reader) -> Vec<Damage> {
    reader.harm().0
}

fn ended<T>(run: &Result<T, LoadError>) -> String {
    run.as_ref().map_or_else(ToString::to_string, |_| "it ran".into())
}

/// The event that a difference belongs to; of the log, the host call with record number `call`.
fn locate(trace: &Trace, difference: &Difference, call: Option<u64>) -> Option<Point> {
    match difference.stream {
        "decisions" => point::locate(trace, Position::Decision(difference.position)),
        "records" => point::locate(trace, Position::Record(difference.position)),
        "log" => point::locate(trace, Position::Record(call?)),
        _ => None,
    }
}

/// Compares a run with a recording.
struct Comparer {
    state: Mutex<State>,
}

impl std::fmt::Debug for Comparer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Comparer").finish_non_exhaustive()
    }
}

struct State {
    words: Bits<'static>,
    records: Box<dyn Iterator<Item = Record> + Send>,
    items: Box<dyn Iterator<Item = Item> + Send>,
    record: u64,
    item: u64,
    /// Direct calls of the recording, and of those the run may make as many as are replayed. One that makes
    /// more, and no decision, would not end: no time limit applies that is not recorded.
    calls: u64,
    most_calls: u64,
    /// The first difference of each stream.
    found: Vec<Difference>,
    /// Number of the record of the host call that the first difference of the log is in.
    call: Option<u64>,
    /// Whether the recording holds the whole run, as far as it says itself.
    is_complete: bool,
    /// Says what turned out to be damaged.
    reader: Arc<Reader>,
    /// Nothing more is compared.
    is_over: bool,
}

impl State {
    fn new(recorded: &Recorded) -> Self {
        let trace = recorded.run.as_ref().ok().map(|run| &run.trace);
        let (calls, most_calls) =
            trace.map_or((0, 0), |trace| (trace.calls, trace.calls.min(trace.limits.max_silent)));
        let streams = trace.and_then(|trace| trace.stored.clone());
        let (words, records) = (streams.clone(), streams);
        let words =
            (0..).map_while(move |index| words.as_ref()?.words(index).map(std::borrow::Cow::Owned)).fuse();
        let records = (0..).map_while(move |index| records.as_ref()?.records(index)).flatten();
        Self {
            words: Bits::new(Box::new(words)),
            records: Box::new(records),
            items: items(Arc::clone(&recorded.reader)),
            record: 0,
            item: 0,
            calls,
            most_calls,
            found: Vec::new(),
            call: None,
            is_complete: recorded.is_over,
            reader: Arc::clone(&recorded.reader),
            is_over: false,
        }
    }

    fn differs(&mut self, stream: &'static str, position: u64, recorded: String, now: String) {
        self.is_over = true;
        if self.found.iter().all(|found| found.stream != stream) {
            self.found.push(Difference { stream, position, point: None, recorded, now });
        }
    }

    /// The recording of a stream ends here and the run goes on.
    fn runs_out(&mut self, stream: &'static str, position: u64, now: String) {
        match self.is_complete && harm(&self.reader).is_empty() {
            true => self.differs(stream, position, "the end".into(), now),
            false => self.is_over = true,
        }
    }

    fn item(&mut self, now: &Item) {
        if self.is_over {
            return;
        }
        let Some(recorded) = self.items.next() else { return self.runs_out("log", self.item, told(now)) };
        if wire::to_bytes(recorded.clone()) != wire::to_bytes(now.clone()) {
            self.call = [&recorded, now].into_iter().filter_map(record_of).min();
            return self.differs("log", self.item, told(&recorded), told(now));
        }
        self.item += 1;
    }

    /// Compares records up to the first that differs.
    fn compare_records(&mut self, records: &[Record]) {
        for now in records {
            match self.records.next() {
                Some(recorded) if recorded == *now => self.record += 1,
                Some(recorded) => {
                    self.differs("records", self.record, recorded.to_string(), now.to_string());
                    return;
                }
                None => return self.runs_out("records", self.record, now.to_string()),
            }
        }
    }

    fn take(&mut self, batch: &Batch) -> bool {
        if self.is_over && self.found.is_empty() {
            return false;
        }
        self.compare_records(&batch.records);
        if batch.calls > self.most_calls {
            // More than would be replayed, and not more than were recorded: nothing differs so far, and
            // nothing more is compared.
            self.is_complete &= batch.calls > self.calls;
            self.runs_out("decisions", self.words.position, "further calls".into());
        }
        let position = |state: &Self| state.words.position;
        match self.words.compare(&batch.words) {
            Compared::Equal => {}
            Compared::Differs => {
                self.differs("decisions", position(self), "one way".into(), "the other".into())
            }
            Compared::AtEnd => self.runs_out("decisions", position(self), "further decisions".into()),
        }
        !self.is_over
    }

    /// The run is over: is the recording?
    fn end(&mut self, rest: Option<&Rest>, run: &sandbox::Run) {
        if let Some(record) = self.records.next() {
            self.differs("records", self.record, record.to_string(), "the end".into());
        }
        if self.words.fill() {
            self.differs("decisions", self.words.position, "further decisions".into(), "the end".into());
        }
        if let Some(item) = self.items.next() {
            self.differs("log", self.item, told(&item), "the end".into());
        }
        let Some(rest) = rest else { return };
        if let Some((recorded, now)) = first_field(rest, run, self.record) {
            self.differs("outcome", 0, recorded, now);
        }
    }
}

/// Modules and other things as the file holds them.
fn carved(run: &sandbox::Run) -> Vec<Vec<u8>> {
    run.carved.iter().chain(run.returned.iter().map(|returned| &returned.bytes)).cloned().collect()
}

/// Returns the first of some fields that differs. Each is compared as it stands: a run may leave a hundred
/// MiB, of which nothing differs.
macro_rules! compare {
    ($rest:ident: $($name:ident $now:expr;)*) => {$({
        let now = $now;
        if $rest.$name != *now {
            return Some((field(stringify!($name), &$rest.$name), field(stringify!($name), now)));
        }
    })*};
}

/// The first field of the outcome that differs from that of a run with so many records, both ways.
fn first_field(rest: &Rest, run: &sandbox::Run, records: u64) -> Option<(String, String)> {
    compare! { rest:
        calls &run.trace.calls;
        calls_cut &run.calls_cut;
        carved &carved(run);
        connections &run.connections;
        decisions &run.trace.decisions;
        exit_code &run.exit_code;
    }
    if let Some(found) = first_file(rest, run) {
        return Some(found);
    }
    // In the words that the file has.
    let limitations: Vec<_> = run.limitations.iter().map(ToString::to_string).collect();
    compare! { rest:
        honeytokens &run.honeytokens;
        limitations &limitations;
        records &records;
        slept_ns &run.slept_ns;
        sleeps &run.sleeps;
        status &run.status;
    }
    None
}

/// The first file that differs, both ways.
fn first_file(rest: &Rest, run: &sandbox::Run) -> Option<(String, String)> {
    let count = rest.files.len().max(run.files.len());
    for (recorded, now) in (0..count).map(|at| (rest.files.get(at), run.files.get(at))) {
        let both = recorded.zip(now);
        let is_equal = |(a, b): (&(FileChange, Vec<u8>), &FileChange)| {
            a.1 == b.contents && wire::to_bytes(a.0.clone()) == wire::to_bytes(b.clone())
        };
        if !both.is_some_and(is_equal) {
            let recorded = recorded.map(|(change, contents)| (change, contents));
            let now = now.map(|change| (change, &change.contents));
            return Some((field("files", &recorded), field("files", &now)));
        }
    }
    None
}

/// A field as JSON, as much of it as is told.
fn field(name: &str, value: &impl Serialize) -> String {
    let mut head = Head(Vec::new());
    // It ends with an error where no more is wanted.
    _ = serde_json::to_writer(&mut head, value);
    format!("{name}: {}", String::from_utf8_lossy(&head.0).chars().take(RERUN_TOLD).collect::<String>())
}

/// Takes the first bytes, and no more.
struct Head(Vec<u8>);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = (4 * RERUN_TOLD).saturating_sub(self.0.len());
        let kept = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.0.extend_from_slice(kept);
        Ok(kept.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn record_of(item: &Item) -> Option<u64> {
    match item {
        Item::Call { call, .. } => Some(call.record as u64),
        _ => None,
    }
}

/// An item in words.
fn told(item: &Item) -> String {
    let text = match item {
        Item::Begun(entry) => format!("`{}` is called", entry.name),
        Item::Ended(entry) => format!("`{}` ended: {}", entry.name, entry.end),
        Item::Call { call, .. } => called(call),
        Item::Stdout(bytes) => format!("{} bytes of standard output", bytes.len()),
        Item::Stderr(bytes) => format!("{} bytes of standard error", bytes.len()),
        Item::Timeout(timeout) => format!("the clock struck at question {}", timeout.clock_reads),
    };
    text.chars().take(ITEM_TEXT).collect()
}

/// A call of a host function, with what its arguments point at.
fn called(call: &Call) -> String {
    let arg = |arg: &Arg| match &arg.points_at {
        Some(Pointed::Text { text }) => format!("{} \"{text}\"", arg.value),
        Some(Pointed::Bytes { hex, .. }) => format!("{} [{hex}]", arg.value),
        Some(Pointed::Resource { name }) => format!("{} of \"{name}\"", arg.value),
        None => arg.value.to_string(),
    };
    let args: Vec<_> = call.args.iter().map(arg).collect();
    let results: Vec<_> = call.results.iter().map(ToString::to_string).collect();
    let (args, results) = (args.join(", "), results.join(", "));
    let errno = call.errno.as_ref().map(|errno| format!(" {errno}")).unwrap_or_default();
    format!("{}.{}({args}) gave ({results}){errno}", call.module, call.name)
}

/// The items of the log, as far as they are whole.
fn items(reader: Arc<Reader>) -> Box<dyn Iterator<Item = Item> + Send> {
    let positions: Vec<usize> = reader.of_kind(ChunkKind::Log).collect();
    let mut next = 0;
    let chunks = positions.into_iter().map_while(move |position| {
        let (frame, _) = reader.chunks().get(position)?;
        // One before it is lost.
        if frame.first != next {
            return None;
        }
        next += frame.count;
        Some(Things::new(frame, reader.read(position)?, Budget::of(RERUN_HELD)))
    });
    Box::new(chunks.flatten().map_while(Result::ok))
}

impl Comparer {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamSink for Comparer {
    fn linked(&self, _: &[Instance], _: &std::collections::BTreeMap<FuncKey, Host>) {}

    fn take(&self, batch: Batch) -> bool {
        self.lock().take(&batch)
    }

    fn timeout(&self, timeout: Timeout) {
        self.lock().item(&Item::Timeout(timeout));
    }
}

impl Journal for Comparer {
    fn note(&self, item: &Item) {
        super::writer::pieces(item, |item| self.lock().item(item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_that_has_less_room_for_memory_is_named() {
        let short = Limitation::MemoryShort;
        let difference = of_memory(&[short.to_string()], &[]).unwrap();
        assert_eq!((difference.stream, &*difference.now), ("memory", "room for all memories"));
        assert_eq!(difference.recorded, short.to_string());
        assert_eq!(of_memory(&[], &[]), None);
        assert_eq!(of_memory(&[short.to_string()], &[short]), None);
    }

    #[test]
    fn the_field_that_differs_is_named_and_clipped() {
        let file = |path: &str, contents: &[u8]| FileChange {
            path: path.into(),
            contents: contents.to_vec(),
            entropy_after: Some(f64::NAN),
            ..FileChange::default()
        };
        let run = || sandbox::Run {
            files: vec![file("/a", b"1"), file("/b", &[7; 5000])],
            ..sandbox::Run::default()
        };
        let rest = Rest::of(run());
        assert_eq!(first_field(&rest, &run(), 0), None);
        let (recorded, now) = first_field(&rest, &run(), 1).unwrap();
        assert_eq!((&*recorded, &*now), ("records: 0", "records: 1"));
        let (recorded, now) = first_field(&rest, &sandbox::Run { exit_code: Some(3), ..run() }, 0).unwrap();
        assert_eq!((&*recorded, &*now), ("exit_code: null", "exit_code: 3"));
        let mut other = run();
        other.files[1].contents.push(8);
        let (recorded, now) = first_field(&rest, &other, 0).unwrap();
        assert!(
            recorded.starts_with("files: [{\"path\":\"/b\"") && recorded.chars().count() <= RERUN_TOLD + 10,
            "{recorded}"
        );
        assert_eq!(recorded.len(), now.len());
        other.files.truncate(1);
        assert_eq!(first_field(&rest, &other, 0).unwrap().1, "files: null");
    }
}
