//! A run made of a trace: of a session that an embedder drove by hand.
//!
//! Nothing is known but what stands in the trace. It has the exports that were called and how each ended, and
//! the host functions that were called. Arguments, results, files and time are not in it.

use std::{collections::BTreeMap, mem, sync::Arc};

use super::types::{Answer, Call, Entry, EntryEnd, EntryKind, MAX_CALLS, Run, Status};
use crate::{
    limitation::Limitation,
    module::{CodeOffset, FuncIndex, Place},
    trace::{Callee, End, FuncKey, Record, Threads, Trace, TracePosition},
    tracer::{Limit, Session},
};

impl Run {
    /// The run of a session that was driven by hand, for
    /// [`Analysis::of_run`](crate::analysis::Analysis::of_run). A limit that was reached is part of it.
    ///
    /// ```
    /// use wasmspoor::{Limit, Limits, Options, Tracer, analysis::Analysis, rules, sandbox};
    ///
    /// let wasm = wat::parse_str(r#"(module (func (export "main") (loop (br 0))))"#)?;
    /// let mut limits = Limits::default();
    /// limits.decisions = Some(10_000);
    /// let mut session = Tracer::new(Options::default().limits(limits)).load(&wasm)?;
    /// session.start()?;
    /// session.invoke("main", &[])?;
    ///
    /// let run = sandbox::Run::of_session(session);
    /// assert_eq!(run.entries[0].end, sandbox::EntryEnd::Stopped { limit: Limit::Decisions });
    /// let analysis = Analysis::of_run(wasm.into(), false, Ok(run), &rules::Set::builtin());
    /// assert_eq!(analysis.run.map(|run| run.status), Some(sandbox::Status::Stopped));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_session(mut session: Session) -> Self {
        let stopped_by = session.stopped_by();
        Self::of_trace(session.finish(), stopped_by)
    }

    /// As [`Self::of_session`], of the trace that it gave, and the limit that stopped it, if one did
    /// ([`Session::stopped_by`]).
    pub fn of_trace(trace: Trace, stopped_by: Option<Limit>) -> Self {
        let mut reader = Reader::new(&trace, stopped_by);
        for (position, record) in trace.record_stream().enumerate() {
            reader.record(position, &record);
        }
        let Reader { entries, calls, calls_cut, .. } = reader;
        let limitations = stopped_by.map(|limit| Limitation::RunStopped { limit });
        let status = status(&entries);
        Self {
            entries,
            calls,
            calls_cut,
            status,
            limitations: limitations.into_iter().collect(),
            trace,
            ..Self::default()
        }
    }
}

/// What the records say, in their order.
struct Reader<'t> {
    trace: &'t Trace,
    stopped_by: Option<Limit>,
    /// Names of the functions that are exported.
    names: BTreeMap<FuncIndex, &'t str>,
    /// Invocations that have not ended: those nested in a host call are of no entry of their own.
    depth: usize,
    /// Host calls that have not returned: their positions in `calls`, if they have one.
    open: Vec<Option<usize>>,
    /// The same two of the other threads.
    threads: Threads<(usize, Vec<Option<usize>>)>,
    entries: Vec<Entry>,
    calls: Vec<Call>,
    calls_cut: u64,
}

impl<'t> Reader<'t> {
    fn new(trace: &'t Trace, stopped_by: Option<Limit>) -> Self {
        let mut names = BTreeMap::new();
        for export in trace.modules.iter().take(1).flat_map(|module| module.exports()) {
            if let Some(func) = export.func {
                names.entry(func).or_insert(&*export.name);
            }
        }
        Self {
            trace,
            stopped_by,
            names,
            depth: 0,
            open: Vec::new(),
            threads: Threads::default(),
            entries: Vec::new(),
            calls: Vec::new(),
            calls_cut: 0,
        }
    }

    fn record(&mut self, position: usize, record: &Record) {
        match record {
            Record::Invoke { func } => {
                if self.depth == 0 && self.threads.is_main() {
                    let entry = self.entry(*func);
                    self.entries.push(entry);
                }
                self.depth += 1;
            }
            Record::End(end) => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 && self.threads.is_main() {
                    self.end(end);
                }
            }
            Record::HostCall { func } => self.call(position, *func),
            Record::HostReturn { failed } => {
                if let Some(call) = self.open.pop().flatten().and_then(|call| self.calls.get_mut(call)) {
                    call.ended = *failed;
                }
            }
            Record::HostThrew { .. } => {
                if let Some(call) = self.open.pop().flatten().and_then(|call| self.calls.get_mut(call)) {
                    call.ended = true;
                }
            }
            Record::Switch { thread } => {
                let mut here = (self.depth, mem::take(&mut self.open));
                self.threads.leave(*thread, &mut here, |(depth, _)| *depth == 0);
                (self.depth, self.open) = here;
            }
            _ => {}
        }
    }

    /// An entry that has not ended.
    fn entry(&self, key: FuncKey) -> Entry {
        let func = match self.trace.resolve(key) {
            Some(Callee::Defined(_, func)) => Some(func),
            _ => None,
        };
        let start = self.trace.modules.first().and_then(|module| module.start());
        let is_start = self.entries.is_empty() && func.is_some() && func == start;
        let name = func.and_then(|func| self.names.get(&func)).copied();
        Entry {
            name: if is_start { "start" } else { name.unwrap_or_default() }.into(),
            kind: if is_start { EntryKind::Start } else { EntryKind::Main },
            func,
            args: Vec::new(),
            made_up: false,
            end: super::unfinished(),
            results: Vec::new(),
            site: None,
            stalled_in: None,
        }
    }

    fn end(&mut self, end: &End) {
        let site = end.place().and_then(|place| self.site(place));
        let stopped_by = self.stopped_by;
        let Some(entry) = self.entries.last_mut() else { return };
        entry.site = site;
        entry.end = match end {
            End::Returned => EntryEnd::Returned,
            // The record does not say which; replay finds it.
            End::Thrown => EntryEnd::Aborted { message: "an exception was not caught".into() },
            End::HostError => EntryEnd::Aborted { message: "a host function ended it".into() },
            End::Trapped { code, .. } => EntryEnd::Trapped { trap: *code },
            End::Stopped { .. } => match stopped_by {
                Some(limit) => EntryEnd::Stopped { limit },
                None => EntryEnd::Failed { message: "a limit was reached, and not told which".into() },
            },
            End::Failed { message, .. } => EntryEnd::Failed { message: message.to_string() },
        };
    }

    fn site(&self, place: &TracePosition) -> Option<Place> {
        let (key, offset) = place.site?;
        let Callee::Defined(instance, func) = self.trace.resolve(key)? else { return None };
        let module = self.trace.modules.get(self.trace.instances.get(instance.0 as usize)?.module)?;
        let offset = CodeOffset(module.body(func)?.start.checked_add(offset)?);
        Some(Place { function: func, offset })
    }

    /// A call of a host function; those beyond [`MAX_CALLS`] are counted.
    fn call(&mut self, position: usize, key: FuncKey) {
        if self.trace.is_meeting(key) {
            return self.open.push(None);
        }
        let Some(host) = self.trace.hosts.get(&key).filter(|_| self.calls.len() < MAX_CALLS) else {
            self.calls_cut += 1;
            self.open.push(None);
            return;
        };
        self.open.push(Some(self.calls.len()));
        let first = self.trace.hosts.keys().next().map_or(0, |first| first.0);
        self.calls.push(Call {
            number: self.calls.len() as u64 + self.calls_cut,
            record: position,
            entry: self.entries.len().saturating_sub(1),
            func: FuncIndex(key.0.saturating_sub(first)),
            module: Arc::from(&*host.module),
            name: Arc::from(&*host.name),
            args: Vec::new(),
            results: Vec::new(),
            answer: Answer::Stub,
            fabricated: false,
            errno: None,
            time_ns: 0,
            ended: false,
        });
    }
}

/// The status of the entry that was called last: a program that drives a session stops with what ended it.
fn status(entries: &[Entry]) -> Status {
    match entries.last().map(|entry| &entry.end) {
        None => Status::NothingRan,
        Some(EntryEnd::Returned | EntryEnd::Exited { .. }) => Status::Exited,
        Some(EntryEnd::Stopped { .. }) => Status::Stopped,
        Some(_) => Status::Trapped,
    }
}
