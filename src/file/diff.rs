//! Two recorded runs of a sample: where they part, and what only one of them did.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    hex,
    module::CodeOffset,
    sandbox::{Entry, FileChange, Run},
    trace::{ExecutedFunction, Record, Stretch, Trace, Visitor, stream},
};

use super::{
    bits::first_difference,
    point::{self, Point, Position},
    recorded::Recorded,
};

/// What is different between two runs of a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TraceDiff {
    /// Whether decisions and records are the same, as far as both files have them.
    pub is_same_path: bool,
    /// The parts that the first and the second file lack: then what is in the other only may have happened in
    /// both.
    pub lost: [Vec<String>; 2],
    /// Where they part; `None` if they do not, or there is no trace.
    pub first: Option<Parting>,
    /// Functions that ran in the first only, by index, with their names.
    pub functions_only_a: Vec<NamedFunction>,
    /// Functions that ran in the second only.
    pub functions_only_b: Vec<NamedFunction>,
    /// Host functions that were called in one only, or not as often.
    pub host_calls: Vec<HostCalls>,
    /// What else came out differently: how it ended, entry points, files, output.
    pub outcomes: Vec<OutcomeDifference>,
}

/// Where two runs part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Parting {
    /// In what: `decisions` or `records`.
    pub stream: &'static str,
    /// Number of the decision or record, from 0.
    pub position: u64,
    /// The event in the first run.
    pub a: Option<Point>,
    /// The event in the second run.
    pub b: Option<Point>,
    /// Name of the function of the first run, if it has one.
    pub name: Option<String>,
    /// What is next there in the first and in the second run, in words.
    pub next: [String; 2],
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct NamedFunction {
    /// Index in the function space, imports first.
    pub index: u32,
    /// Its name, if it has one.
    pub name: Option<String>,
}

/// Calls of a host function in both runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HostCalls {
    /// Module and name, with a dot between.
    pub name: String,
    /// Calls in the first.
    pub a: u64,
    /// Calls in the second.
    pub b: u64,
}

/// Something that came out differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OutcomeDifference {
    /// What: `status`, `exit code`, `entry NAME`, `file PATH`, `standard output`, …
    pub what: String,
    /// In the first; `None` if there is none.
    pub a: Option<String>,
    /// In the second.
    pub b: Option<String>,
}

/// Why two files cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceDiffError {
    /// They are of different samples.
    #[error("the files are of different samples (spoor diff compares samples)")]
    OtherSample,
    /// At least one has no run.
    #[error("the sample could not be run")]
    NotRun,
}

impl TraceDiff {
    /// Compares two runs.
    ///
    /// # Errors
    ///
    /// If they are not of the same sample, or it could not be run.
    pub fn of(a: &Recorded, b: &Recorded) -> Result<Self, TraceDiffError> {
        if a.header.sha256 != b.header.sha256 {
            return Err(TraceDiffError::OtherSample);
        }
        let (Ok(run_a), Ok(run_b)) = (&a.run, &b.run) else {
            return Err(TraceDiffError::NotRun);
        };
        let (trace_a, trace_b) = (&run_a.trace, &run_b.trace);
        let first = parting(trace_a, trace_b);
        let (ran_a, ran_b) = (ran(trace_a), ran(trace_b));
        let only = |these: &BTreeMap<u32, NamedFunction>, those: &BTreeMap<u32, NamedFunction>| {
            these.values().filter(|function| !those.contains_key(&function.index)).cloned().collect()
        };
        let lost = [run_a, run_b]
            .map(|run| run.lost.iter().map(ToString::to_string).chain(run.trace.gap()).collect());
        Ok(Self {
            is_same_path: first.is_none(),
            lost,
            first,
            functions_only_a: only(&ran_a, &ran_b),
            functions_only_b: only(&ran_b, &ran_a),
            host_calls: host_calls(trace_a, trace_b),
            outcomes: outcomes(run_a, run_b),
        })
    }
}

/// The first difference of the streams, in the order in which replay of the first trace comes to them.
fn parting(a: &Trace, b: &Trace) -> Option<Parting> {
    let decision = first_difference(a.decision_chunks(), b.decision_chunks());
    let record = first_record(a, b);
    let decision = decision.map(|position| (Position::Decision(position), position, "decisions"));
    let record = record.map(|position| (Position::Record(position), position, "records"));
    // Where a file is cut off, nothing is known of the run.
    let is_cut = |at| [a, b].into_iter().any(|trace| trace.gap().is_some() && is_end(trace, at));
    let found = [decision, record].into_iter().flatten().filter(|&(at, ..)| !is_cut(at));
    let found = found.map(|(at, position, stream)| (point::locate(a, at), at, position, stream));
    let (point, at, position, stream) =
        found.min_by_key(|(point, ..)| point.map_or(u64::MAX, |at| at.event))?;
    let function = point.and_then(|point| point.function);
    let name = function.and_then(|function| a.modules.first()?.name(function).map(str::to_owned));
    let next = [a, b].map(|trace| next(trace, at, point));
    Some(Parting { stream, position, a: point, b: point::locate(b, at), name, next })
}

fn is_end(trace: &Trace, position: Position) -> bool {
    match position {
        Position::Decision(at) => bit(trace, at).is_none(),
        Position::Record(at) => {
            trace.record_stream().nth(usize::try_from(at).unwrap_or(usize::MAX)).is_none()
        }
    }
}

fn first_record(a: &Trace, b: &Trace) -> Option<u64> {
    let (mut a, mut b) = (a.record_stream(), b.record_stream());
    for position in 0.. {
        match (a.next(), b.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            _ => return Some(position),
        }
    }
    None
}

/// What a stream has at a position, in words.
fn next(trace: &Trace, position: Position, at: Option<Point>) -> String {
    let record = match position {
        Position::Decision(bit) => return decision(trace, bit, at.and_then(|at| at.offset)),
        Position::Record(record) => trace.record_stream().nth(usize::try_from(record).unwrap_or(usize::MAX)),
    };
    match record.as_deref() {
        None => "the end of the records".into(),
        Some(Record::HostCall { func } | Record::Invoke { func }) => {
            let host = trace.hosts.get(func).map(|host| crate::text::import_name(&host.module, &host.name));
            let what = record.as_deref().map_or("", Record::name);
            host.map_or_else(|| format!("{what}, with key {func}"), |host| format!("{what}, {host}"))
        }
        Some(record) => record.to_string(),
    }
}

/// Which way decision number `at` goes, of the instruction at `offset`.
fn decision(trace: &Trace, at: u64, offset: Option<CodeOffset>) -> String {
    let Some(bit) = bit(trace, at) else { return "the end of the decisions".into() };
    let opcode = offset.and_then(|offset| trace.modules.first()?.image().get(offset.position()).copied());
    // What a decision means is in docs/trace-stream.md.
    match (opcode, bit) {
        (Some(0x04), false) => "the condition is not zero".into(),
        (Some(0x04), true) => "the condition is zero".into(),
        (Some(0x0d), false) => "the branch is not taken".into(),
        (Some(0x0d), true) => "the branch is taken".into(),
        (Some(0x0e), _) => format!("another label, whose number has the bit {} there", u8::from(bit)),
        (Some(0x10..=0x13), _) => format!("another callee, whose key has the bit {} there", u8::from(bit)),
        _ => format!("decision {}", u8::from(bit)),
    }
}

fn bit(trace: &Trace, mut at: u64) -> Option<bool> {
    for words in trace.decision_chunks() {
        for &word in words.iter() {
            let len = u64::from(stream::decisions_in(word));
            if at < len {
                return Some(word >> (len - 1 - at) & 1 == 1);
            }
            at -= len;
        }
    }
    None
}

/// Notes the functions that ran.
#[derive(Default)]
struct Ran(BTreeMap<u32, NamedFunction>);

impl Visitor for Ran {
    fn load(&mut self, function: ExecutedFunction<'_>) {
        let index = function.index();
        let name = function.module().name(index).map(str::to_owned);
        self.0.insert(index.0, NamedFunction { index: index.0, name });
    }

    #[inline(always)]
    fn patience(&self) -> u64 {
        u64::MAX
    }

    fn stretch(&mut self, _: Stretch<'_>) {}
}

/// The functions that ran, as far as the trace goes.
fn ran(trace: &Trace) -> BTreeMap<u32, NamedFunction> {
    let mut ran = Ran::default();
    // Events that cannot be replayed are among those that are lost.
    _ = trace.replay(&mut ran);
    ran.0
}

fn host_calls(a: &Trace, b: &Trace) -> Vec<HostCalls> {
    let mut calls = BTreeMap::<String, [u64; 2]>::new();
    for (side, trace) in [a, b].into_iter().enumerate() {
        for func in trace.host_calls() {
            if let Some(host) = trace.hosts.get(&func) {
                calls.entry(crate::text::import_name(&host.module, &host.name)).or_default()[side] += 1;
            }
        }
    }
    let differing = calls.into_iter().filter(|(_, [a, b])| a != b);
    differing.map(|(name, [a, b])| HostCalls { name, a, b }).collect()
}

/// What became of files in both runs, by path.
fn files(runs: [&Run; 2]) -> BTreeMap<&str, [Option<String>; 2]> {
    let mut files = BTreeMap::<&str, [Option<String>; 2]>::new();
    for (side, run) in runs.into_iter().enumerate() {
        for change in &run.files {
            files.entry(&change.path).or_default()[side] = Some(file(change));
        }
    }
    files
}

fn outcomes(a: &Run, b: &Run) -> Vec<OutcomeDifference> {
    let code = |run: &Run| run.exit_code.map(|code| code.to_string());
    let mut pairs = vec![
        ("status".to_owned(), Some(a.status.to_string()), Some(b.status.to_string())),
        ("exit code".to_owned(), code(a), code(b)),
        ("standard output".to_owned(), Some(output(&a.stdout)), Some(output(&b.stdout))),
        ("standard error".to_owned(), Some(output(&a.stderr)), Some(output(&b.stderr))),
    ];
    for position in 0..a.entries.len().max(b.entries.len()) {
        let (a, b) = (a.entries.get(position), b.entries.get(position));
        let name = a.or(b).map_or_else(String::new, |entry| entry.name.clone());
        pairs.push((format!("entry {position} {name}"), a.map(entry), b.map(entry)));
    }
    pairs.extend(files([a, b]).into_iter().map(|(path, [a, b])| (format!("file {path}"), a, b)));
    pairs
        .into_iter()
        .filter(|(_, a, b)| a != b)
        .map(|(what, a, b)| OutcomeDifference { what, a, b })
        .collect()
}

fn output(bytes: &[u8]) -> String {
    let hash = hex::sha256(bytes);
    format!("{} bytes, SHA-256 {}", bytes.len(), hash.get(..16).unwrap_or_default())
}

fn entry(entry: &Entry) -> String {
    let args: Vec<_> = entry.args.iter().map(ToString::to_string).collect();
    format!("{}({}): {}", entry.name, args.join(", "), entry.end)
}

fn file(change: &FileChange) -> String {
    let hash = change.sha256.as_deref().and_then(|hash| hash.get(..16)).unwrap_or("none");
    format!("{}, {} bytes, SHA-256 {hash}", change.change, change.size_after.unwrap_or(0))
}
