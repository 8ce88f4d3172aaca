//! The report as one object, schema `spoor.report/1`: `docs/json.md` describes it, `docs/report.schema.json`
//! is generated from it.
//!
//! It borrows from the analysis, so that a module with tens of thousands of functions is not copied. No time
//! stamps, no order that is not that of the sample: same analysis, same bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use base64::Engine as _;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::{
    analysis::Analysis,
    categories::{self, Mode, Profiles},
    hex,
    limitation::Limitation,
    module::{
        FuncIndex, Place, SourceFrame,
        view::{File, Ioc, Proposal, Validity, View},
    },
    passes::{Dynamic, Metrics, flows::DataFlows},
    rules::{Family, Match},
    sandbox::{self, Answer, Call, ChangedKind, FileChange, Run, Status, TokenUse, is_unfinished},
    verdict::{Class, Correlation, Finding, Reason, Technique},
};

use super::{
    LibraryReport, libraries,
    limits::{RETURNED_HEAD, SOURCE_PLACES},
    options::{OptionsUsed, options_used},
    timeline::{self, TimelineEntry},
};

/// Name and version of the layout of [`Report`]. Fields may be added within a version; none is removed or
/// changes its meaning.
pub const SCHEMA: &str = "spoor.report/1";

/// What a report is made from.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The sample as the user named it.
    pub name: &'a str,
    /// What is known of it.
    pub analysis: &'a Analysis,
    /// How it was run.
    pub options: &'a sandbox::RunOptions,
    /// Host calls in [`Report::host_calls`] at most.
    pub max_log: usize,
}

/// Everything that is known of a sample.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report<'a> {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made the report.
    pub tool: Tool,
    /// What the sample is.
    pub verdict: Class,
    /// 0 to 100.
    pub score: u8,
    /// The family, if the evidence speaks for one.
    pub family: Option<Family>,
    /// How sure, 0 to 100.
    pub confidence: u8,
    /// How the run as a whole ended.
    pub status: Status,
    /// What the sample gave to `proc_exit` or `exit`; 0 if its `_start` returned.
    pub exit_code: Option<i32>,
    /// Why the verdict, weightiest first.
    pub reasons: &'a [Reason],
    /// What limits how far the result can be trusted, weightiest first.
    pub limitations: &'a [Limitation],
    /// The file.
    pub sample: SampleReport<'a>,
    /// Executed instructions.
    pub instructions: u64,
    /// Mnemonic → executions.
    pub opcodes: &'a BTreeMap<String, u64>,
    /// What it wrote to standard output, if that is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<&'a str>,
    /// What it wrote to standard output, if that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout_base64: Option<String>,
    /// What it wrote to standard error, if that is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<&'a str>,
    /// What it wrote to standard error, if that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr_base64: Option<String>,
    /// ATT&CK techniques.
    pub attack: &'a [Technique],
    /// Rules that matched, with their evidence.
    pub rules: &'a [Match],
    /// Static findings that the run confirms or contradicts.
    pub correlations: &'a [Correlation],
    /// Notable facts.
    pub findings: &'a [Finding],
    /// Indicators of compromise.
    pub iocs: &'a [Ioc],
    /// Entry points in the order they were called, each with what it did.
    pub entries: Vec<EntryReport<'a>>,
    /// What passes say of the run, each under a key of its own; `spoor help passes` lists them.
    #[serde(flatten)]
    pub dynamic: &'a Dynamic,
    /// Host calls in their order, up to the length asked for.
    pub host_calls: Vec<HostCallReport<'a>>,
    /// Host calls that are not in `host_calls`.
    pub host_calls_cut: u64,
    /// The deeds of the sample, in the order of virtual time: the log, folded where it says nothing.
    pub timeline: Vec<TimelineEntry>,
    /// Steps that are not in `timeline`.
    pub timeline_cut: u64,
    /// WASI calls by risk level and function group, if there were any; `spoor categories` explains them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wasi: Option<Profiles>,
    /// Who answered the host calls, and how many answers were made up.
    pub fabricated: Vec<Fabricated<'a>>,
    /// What it did to files.
    #[serde(serialize_with = "with_kinds")]
    #[schemars(with = "Vec<FileReport<'_>>")]
    pub files: &'a [FileChange],
    /// Connections that it used.
    pub connections: Vec<ConnectionReport<'a>>,
    /// Bait of the persona that it touched.
    pub honeytokens: &'a [TokenUse],
    /// Where its inputs went, byte by byte; absent if that was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_flows: Option<&'a DataFlows>,
    /// Modules that it built in memory.
    pub carved: Vec<Carved>,
    /// What its exports returned that is more than a number.
    pub returned: Vec<ReturnedReport>,
    /// Libraries whose functions it has, by their fingerprints; absent if none is known. No part of the
    /// verdict.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<LibraryReport>,
    /// Virtual nanoseconds slept.
    pub slept_ns: u64,
    /// Calls that slept.
    pub sleeps: u64,
    /// Why the trace could not be replayed to its end, if so.
    pub replay_error: Option<&'a str>,
    /// How it was run: with these, the run can be repeated.
    pub options: OptionsUsed<'a>,
    /// Offset of an instruction that the report names (hexadecimal, `0x1a2b`) → where it comes from in the
    /// source, the innermost inlined call first; absent without debug information.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub source_lines: BTreeMap<String, Vec<SourceFrame>>,
    /// What the bytes say.
    pub view: &'a View,
    /// Items that are left out of long lists, by the list's name; absent if there are none or all were asked
    /// for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cut: BTreeMap<&'static str, u64>,
    /// The module; not part of the JSON.
    #[serde(skip)]
    pub wasm: &'a Arc<[u8]>,
    /// The text that it was given as, if so; not part of the JSON.
    #[serde(skip)]
    pub text: Option<&'a str>,
}

/// What made a report.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Tool {
    /// `wasmspoor`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// This program.
pub(super) const TOOL: Tool = Tool { name: "wasmspoor", version: env!("CARGO_PKG_VERSION") };

/// The file.
#[derive(Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct SampleReport<'a> {
    /// As the user named it.
    pub name: &'a str,
    /// Bytes of the binary module.
    pub size: u64,
    /// SHA-256 of the binary module, hexadecimal.
    pub sha256: &'a str,
    /// SHA-1, hexadecimal.
    pub sha1: &'a str,
    /// MD5, hexadecimal.
    pub md5: &'a str,
    /// MD5 of the names of the imported functions; null if it imports none.
    pub imphash: Option<&'a str>,
    /// TLSH; absent for a file that is too short or too uniform for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tlsh: Option<&'a str>,
    /// Shannon entropy in bits per byte.
    pub entropy: f64,
    /// Whether the sample was given as text; hashes and offsets are those of the binary made from it.
    pub from_text: bool,
    /// Whether it is a module, and valid.
    pub validity: &'a Validity,
    /// Field → `name version`.
    pub producers: &'a [(String, String)],
    /// Proposals that it uses.
    pub proposals: &'a [Proposal],
    /// The name that a list of known files has for this file, byte for byte; absent if none names it. No part
    /// of the verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<&'a str>,
}

/// An entry point and what it did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EntryReport<'a> {
    /// How it was called and how it ended.
    #[serde(flatten)]
    pub entry: &'a sandbox::Entry,
    /// `func`, as it is called elsewhere.
    pub function: Option<FuncIndex>,
    /// What it did.
    pub metrics: Option<&'a Metrics>,
}

/// A host call and where it was made.
#[derive(Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct HostCallReport<'a> {
    /// The call.
    #[serde(flatten)]
    pub call: &'a Call,
    /// `func`, as it is called elsewhere.
    pub function: FuncIndex,
    /// The instruction that called; absent if the host did.
    pub site: Option<Place>,
    /// Its category if it is a WASI call, such as `B-1`, or `U` for one that the table does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The thread that called, 0 being the one of the entry point; absent in a run without others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<u32>,
}

/// Calls of one imported function that were answered in one way.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Fabricated<'a> {
    /// First part of its name.
    pub module: &'a str,
    /// Second part of its name.
    pub name: &'a str,
    /// Who answered.
    pub answer: Answer,
    /// Calls answered so.
    pub calls: u64,
    /// Of these, answers that were made up.
    pub fabricated: u64,
}

/// What it did to a file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FileReport<'a> {
    /// The change.
    #[serde(flatten)]
    pub change: &'a FileChange,
    /// What was changed: `file`, `directory`, `symlink`, `hardlink`. `to` is where a link leads.
    pub kind: ChangedKind,
}

fn with_kinds<S: Serializer>(files: &[FileChange], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(files.iter().map(|change| FileReport { change, kind: change.kind() }))
}

/// A module that the sample built in memory.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Carved {
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// What an export returned that is more than a number.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ReturnedReport {
    /// What it is.
    pub contents: sandbox::Contents,
    /// Bytes, at most 65,536: only the first are kept.
    pub size: u64,
    /// SHA-256 of these, hexadecimal.
    pub sha256: String,
    /// Its beginning, if it is text.
    pub head: Option<String>,
}

/// A connection and what was sent through it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ConnectionReport<'a> {
    /// The name of the socket; that of an accepted connection has its number after `#`, from 1.
    pub name: &'a str,
    /// Bytes that the sample sent.
    pub sent_bytes: u64,
    /// Of these, the bytes that were not kept.
    pub sent_cut: u64,
    /// SHA-256 of what was kept of them, hexadecimal.
    pub sha256: String,
    /// What it sent, if that is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<&'a str>,
    /// What it sent, if that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_base64: Option<String>,
    /// Bytes that it received.
    pub received_bytes: u64,
    /// Which directions it shut down: 1 receiving, 2 sending, 3 both.
    pub shut_down: u8,
}

/// The JSON Schema of [`Report`] as it is written: what may be absent is not required.
pub fn schema() -> schemars::Schema {
    schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Report<'static>>()
}

/// How the run of a sample ended, or why there was none.
pub fn status(analysis: &Analysis) -> Status {
    match (&analysis.view.validity, &analysis.run) {
        (Validity::Invalid { .. }, _) => Status::Invalid,
        (Validity::Unsupported { .. }, None) | (Validity::Valid, None) => Status::Unsupported,
        (_, Some(run)) => run.status,
    }
}

impl<'a> Report<'a> {
    /// Whether the recording ends before the run did: no limit was reached then.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.entries.last().is_some_and(|last| is_unfinished(&last.entry.end))
    }

    /// Makes the report of a sample.
    pub fn of(subject: &Subject<'a>) -> Self {
        let &Subject { name, analysis, options, max_log } = subject;
        let Analysis { view, dynamic, verdict, .. } = analysis;
        let run = analysis.run.as_ref();
        let (stdout, stdout_base64) = output(run.map(|run| &run.stdout[..]));
        let (stderr, stderr_base64) = output(run.map(|run| &run.stderr[..]));
        let threads = run.map_or_else(Vec::new, Run::call_threads);
        let host_calls = host_calls(run, dynamic, &threads, max_log);
        let (timeline, timeline_cut) = timeline::of(run, &threads);
        let all_calls = run.map_or(0, |run| run.calls.len() as u64 + run.calls_cut);
        Self {
            schema: SCHEMA,
            tool: TOOL,
            verdict: verdict.class,
            score: verdict.score,
            family: verdict.family,
            confidence: verdict.confidence,
            status: status(analysis),
            exit_code: run.and_then(|run| run.exit_code),
            reasons: &verdict.reasons,
            limitations: &analysis.limitations,
            sample: sample(name, view),
            instructions: dynamic.metrics.classes.total,
            opcodes: &dynamic.opcodes,
            stdout,
            stdout_base64,
            stderr,
            stderr_base64,
            attack: &verdict.attack,
            rules: &analysis.rules,
            correlations: &analysis.correlations,
            findings: &analysis.findings,
            iocs: &view.iocs,
            entries: entries(run, dynamic),
            dynamic,
            host_calls_cut: all_calls - host_calls.len() as u64,
            host_calls,
            timeline,
            timeline_cut,
            wasi: wasi(run, dynamic),
            fabricated: fabricated(run),
            files: run.map_or(&[], |run| &run.files),
            connections: run.map(|run| run.connections.iter().map(connection).collect()).unwrap_or_default(),
            honeytokens: run.map_or(&[], |run| &run.honeytokens),
            data_flows: analysis.data_flows.as_ref(),
            carved: run.map(|run| run.carved.iter().map(|bytes| carved(bytes)).collect()).unwrap_or_default(),
            returned: run.map(|run| run.returned.iter().map(returned).collect()).unwrap_or_default(),
            libraries: libraries::of(view, dynamic),
            slept_ns: run.map_or(0, |run| run.slept_ns),
            sleeps: run.map_or(0, |run| run.sleeps),
            replay_error: dynamic.error.as_deref(),
            options: options_used(options),
            source_lines: source_lines(analysis, max_log),
            view,
            cut: BTreeMap::new(),
            wasm: &analysis.wasm,
            text: analysis.text.as_deref(),
        }
    }
}

/// The lines of the places that a report names.
fn source_lines(analysis: &Analysis, max_log: usize) -> BTreeMap<String, Vec<SourceFrame>> {
    let Analysis { view, dynamic, .. } = analysis;
    if view.dwarf.is_none() {
        return BTreeMap::new();
    }
    let entries = analysis.run.as_ref().map_or(&[][..], |run| &run.entries);
    let rules = analysis.rules.iter().flat_map(|rule| &rule.places);
    let correlations = analysis.correlations.iter().flat_map(|found| &found.places);
    let findings = analysis.findings.iter().flat_map(|found| &found.places);
    let loops = dynamic.loops.iter().map(|found| found.place);
    let functions = dynamic.functions.iter().filter_map(|ran| view.function(ran.index));
    let offsets = rules.chain(correlations).chain(findings).copied().chain(loops).map(|place| place.offset);
    let offsets = offsets
        .chain(entries.iter().filter_map(|entry| Some(entry.site?.offset)))
        .chain(dynamic.call_sites.iter().take(max_log).flatten().map(|site| site.offset))
        .chain(functions.map(|function| function.offset));
    let offsets: BTreeSet<_> = offsets.take(SOURCE_PLACES).collect();
    let with_lines = offsets.into_iter().map(|offset| (format!("{:#x}", offset.0), view.source(offset)));
    with_lines.filter(|(_, frames)| !frames.is_empty()).collect()
}

fn sample<'a>(name: &'a str, view: &'a View) -> SampleReport<'a> {
    let File { size, sha256, sha1, md5, imphash, tlsh, entropy, from_text, .. } = &view.file;
    SampleReport {
        name,
        size: *size,
        sha256,
        sha1,
        md5,
        imphash: imphash.as_deref(),
        tlsh: tlsh.as_deref(),
        entropy: *entropy,
        from_text: *from_text,
        validity: &view.validity,
        producers: &view.producers,
        proposals: &view.proposals,
        known: None,
    }
}

/// Text as text, anything else in base64: never a lossy string.
fn output(bytes: Option<&[u8]>) -> (Option<&str>, Option<String>) {
    let bytes = bytes.unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(base64::engine::general_purpose::STANDARD.encode(bytes))),
    }
}

fn entries<'a>(run: Option<&'a Run>, dynamic: &'a Dynamic) -> Vec<EntryReport<'a>> {
    let entries = run.map_or(&[][..], |run| &run.entries);
    entries
        .iter()
        .enumerate()
        .map(|(position, entry)| EntryReport {
            entry,
            function: entry.func,
            metrics: dynamic.entries.get(position),
        })
        .collect()
}

fn host_calls<'a>(
    run: Option<&'a Run>,
    dynamic: &Dynamic,
    threads: &[u32],
    max_log: usize,
) -> Vec<HostCallReport<'a>> {
    let calls = run.map_or(&[][..], |run| &run.calls);
    let site = |position: usize| dynamic.call_sites.get(position).copied().flatten();
    let category =
        |call| categories::wasi_function(call).map(|name| categories::name(categories::of(name, Mode::Full)));
    let calls = calls.iter().take(max_log).enumerate();
    calls
        .map(|(position, call)| HostCallReport {
            call,
            function: call.func,
            site: site(position),
            category: category(call),
            thread: threads.get(position).copied(),
        })
        .collect()
}

fn wasi(run: Option<&Run>, dynamic: &Dynamic) -> Option<Profiles> {
    run.map(|run| Profiles::of(run, dynamic, Mode::Full)).filter(|profiles| profiles.run.calls > 0)
}

fn fabricated(run: Option<&Run>) -> Vec<Fabricated<'_>> {
    let mut answers: BTreeMap<(&str, &str, u8), Fabricated<'_>> = BTreeMap::new();
    for call in run.map_or(&[][..], |run| &run.calls) {
        let key = (&*call.module, &*call.name, call.answer as u8);
        let new = || Fabricated {
            module: &call.module,
            name: &call.name,
            answer: call.answer,
            calls: 0,
            fabricated: 0,
        };
        let entry = answers.entry(key).or_insert_with(new);
        entry.calls += 1;
        entry.fabricated += u64::from(call.fabricated);
    }
    answers.into_values().collect()
}

fn returned(returned: &sandbox::Returned) -> ReturnedReport {
    let sandbox::Returned { contents, bytes } = returned;
    let text = std::str::from_utf8(bytes).ok();
    ReturnedReport {
        contents: *contents,
        size: bytes.len() as u64,
        sha256: hex::sha256(bytes),
        head: text.map(|text| crate::text::cut(text, RETURNED_HEAD)),
    }
}

fn carved(bytes: &[u8]) -> Carved {
    Carved { size: bytes.len() as u64, sha256: hex::sha256(bytes) }
}

fn connection(connection: &sandbox::Connection) -> ConnectionReport<'_> {
    let (sent, sent_base64) = output(Some(&connection.sent));
    ConnectionReport {
        name: &connection.name,
        sent_bytes: connection.sent.len() as u64 + connection.sent_cut,
        sent_cut: connection.sent_cut,
        sha256: hex::sha256(&connection.sent),
        sent,
        sent_base64,
        received_bytes: connection.received,
        shut_down: connection.shut_down,
    }
}
