//! Running a recorded sample again, and comparing with the recording while it runs.
//!
//! Everything that a run depends on is in the header, but for the clock: when that struck is in the log, as the number of a question that a run asks at
//! the same moments on every machine, and there it strikes again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::{
    sandbox::{self, Item, Journal, Recorder},
    trace::{FuncKey, Host, Instance, Record, Trace},
    tracer::{Batch, Outlet, Strike},
};

use super::{
    bits::{Bits, Compared},
    chunk::things_of_bytes,
    contents::Rest,
    frame::Kind,
    point::{self, Place, Point},
    reader::{Damage, Reader},
    recorded::Recorded,
};

/// What came of running again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rerun {
    /// Whether all that was compared is equal.
    pub is_equal: bool,
    /// Whether all of the run was compared: the file is not cut off, and nothing in its streams is damaged.
    pub is_complete: bool,
    /// Decisions compared, in bits.
    pub decisions: u64,
    /// Records compared.
    pub records: u64,
    /// Items of the log compared: entry points, host calls, output.
    pub log_items: u64,
    /// The first difference.
    pub difference: Option<Difference>,
    /// What of the file is damaged: from there on, nothing could be compared.
    pub damage: Vec<Damage>,
}

/// Where two runs part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// In what: `decisions`, `records`, `log`, `outcome`.
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
        let comparer = Arc::new(Comparer { state: Mutex::new(State::new(self)) });
        let recorder: Arc<dyn Recorder> = Arc::clone(&comparer) as _;
        let run = sandbox::run_with(&self.wasm, &self.header.options, Some(recorder), Some(self.strikes.clone()));
        let mut state = comparer.lock();
        if !state.is_over {
            match (&self.run, &run) {
                (Ok(_), Ok(run)) => state.end(self.rest.as_ref(), run),
                (Err(recorded), Err(now)) if recorded == now => {}
                (recorded, now) => state.differs("outcome", 0, ended(recorded), ended(now)),
            }
        }
        let mut found = std::mem::take(&mut state.found);
        if let Ok(run) = &self.run {
            found.iter_mut().for_each(|difference| difference.point = locate(&run.trace, difference));
        }
        // What is in no stream comes last; of two at the same event, the one that was found first.
        found.sort_by_key(|difference| difference.point.map_or(u64::MAX, |point| point.event));
        let gap = self.run.as_ref().ok().and_then(|run| run.trace.gap());
        let (damage, _) = self.reader.damage();
        Rerun {
            is_equal: found.is_empty(),
            is_complete: self.is_over && gap.is_none() && damage.is_empty(),
            damage,
            decisions: state.words.position,
            records: state.record,
            log_items: state.item,
            difference: found.into_iter().next(),
        }
    }
}

fn ended<T>(run: &Result<T, crate::LoadError>) -> String {
    run.as_ref().map_or_else(ToString::to_string, |_| "it ran".into())
}

fn locate(trace: &Trace, difference: &Difference) -> Option<Point> {
    match difference.stream {
        "decisions" => point::locate(trace, Place::Decision(difference.position)),
        "records" => point::locate(trace, Place::Record(difference.position)),
        // Found before the record of a host call is compared.
        _ => difference.point,
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
    /// The first difference of each stream.
    found: Vec<Difference>,
    /// Whether the recording holds the whole run, as far as it says itself.
    is_complete: bool,
    /// Says what turned out to be damaged.
    reader: Arc<Reader>,
    /// Nothing more is compared.
    is_over: bool,
}

impl State {
    fn new(recorded: &Recorded) -> Self {
        let streams = recorded.run.as_ref().ok().and_then(|run| run.trace.stored.clone());
        let (words, records) = (streams.clone(), streams);
        let words = (0..).map_while(move |index| words.as_ref()?.words(index).map(std::borrow::Cow::Owned));
        let records = (0..).map_while(move |index| records.as_ref()?.records(index)).flatten();
        Self {
            words: Bits::new(Box::new(words)),
            records: Box::new(records),
            items: items(Arc::clone(&recorded.reader)),
            record: 0,
            item: 0,
            found: Vec::new(),
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
        match self.is_complete && self.reader.damage().0.is_empty() {
            true => self.differs(stream, position, "the end".into(), now),
            false => self.is_over = true,
        }
    }

    fn item(&mut self, now: &Item) {
        if self.is_over {
            return;
        }
        let Some(recorded) = self.items.next() else { return self.runs_out("log", self.item, told(now)) };
        if postcard::to_allocvec(&recorded) != postcard::to_allocvec(now) {
            return self.differs("log", self.item, told(&recorded), told(now));
        }
        self.item += 1;
    }

    fn take(&mut self, batch: &Batch) -> bool {
        if self.is_over && self.found.is_empty() {
            return false;
        }
        for now in &batch.records {
            match self.records.next() {
                Some(recorded) if recorded == *now => self.record += 1,
                Some(recorded) => {
                    self.differs("records", self.record, format!("{recorded:?}"), format!("{now:?}"));
                    break;
                }
                None => {
                    self.runs_out("records", self.record, format!("{now:?}"));
                    break;
                }
            }
        }
        let position = |state: &Self| state.words.position;
        match self.words.compare(&batch.words) {
            Compared::Equal => {}
            Compared::Differs => self.differs("decisions", position(self), "one way".into(), "the other".into()),
            Compared::AtEnd => self.runs_out("decisions", position(self), "further decisions".into()),
        }
        !self.is_over
    }

    /// The run is over: is the recording?
    fn end(&mut self, rest: Option<&Rest>, run: &sandbox::Run) {
        if let Some(record) = self.records.next() {
            self.differs("records", self.record, format!("{record:?}"), "the end".into());
        }
        if self.words.fill() {
            self.differs("decisions", self.words.position, "further decisions".into(), "the end".into());
        }
        if let Some(item) = self.items.next() {
            self.differs("log", self.item, told(&item), "the end".into());
        }
        let Some(rest) = rest else { return };
        let now = Rest { records: self.record, ..Rest::of(run) };
        if let Some((recorded, now)) = first_field(rest, &now) {
            self.differs("outcome", 0, recorded, now);
        }
    }
}

/// The first field of the outcomes that differs, both ways.
fn first_field(a: &Rest, b: &Rest) -> Option<(String, String)> {
    let (a, b) = (serde_json::to_value(a).ok()?, serde_json::to_value(b).ok()?);
    let (a, b) = (a.as_object()?, b.as_object()?);
    let (name, value) = a.iter().find(|&(name, value)| b.get(name) != Some(value))?;
    let clip = |value: &serde_json::Value| format!("{name}: {}", value.to_string().chars().take(200).collect::<String>());
    Some((clip(value), b.get(name).map_or_else(String::new, clip)))
}

/// An item in words.
fn told(item: &Item) -> String {
    let text = match item {
        Item::Begun(entry) => format!("`{}` is called", entry.name),
        Item::Ended(entry) => format!("`{}` ended: {:?}", entry.name, entry.end),
        Item::Call { call, .. } => {
            format!("{}.{} with {:?} gave {:?}", call.module, call.name, call.args, call.results)
        }
        Item::Stdout(bytes) => format!("{} bytes of standard output", bytes.len()),
        Item::Stderr(bytes) => format!("{} bytes of standard error", bytes.len()),
        Item::Strike(strike) => format!("the clock struck at question {}", strike.asked),
    };
    text.chars().take(300).collect()
}

/// The items of the log, as far as they are whole.
fn items(reader: Arc<Reader>) -> Box<dyn Iterator<Item = Item> + Send> {
    let positions: Vec<usize> = reader.of_kind(Kind::Log).collect();
    let mut next = 0;
    let chunks = positions.into_iter().map_while(move |position| {
        let (frame, _) = reader.chunks().get(position)?;
        // One before it is lost.
        if frame.first != next {
            return None;
        }
        next += frame.count;
        things_of_bytes(frame, &reader.read(position)?)
    });
    Box::new(chunks.flatten())
}

impl Comparer {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlet for Comparer {
    fn linked(&self, _: &[Instance], _: &std::collections::BTreeMap<FuncKey, Host>) {}

    fn take(&self, batch: Batch) -> bool {
        self.lock().take(&batch)
    }

    fn strike(&self, strike: Strike) {
        self.lock().item(&Item::Strike(strike));
    }
}

impl Journal for Comparer {
    fn note(&self, item: &Item) {
        super::tape::pieces(item, |item| self.lock().item(item));
    }
}
