//! `spoor trace`: runs a sample and prints totals.

use std::{collections::BTreeMap, io::Write, time::Duration};

use clap::Args;
use serde::Serialize;
use wasmspoor::{
    Limit, Outcome, Session, Value,
    module::Place,
    text::{self, grouped, import_name, line},
    trace::{Counting, Counts, Trace},
};

use super::limits::TRACE_ROWS;
use super::{
    Exit, Failure, plural,
    session::{self, Entry},
};

/// Run a sample and print what was executed: totals, opcodes, functions, how it ended
///
/// Runs the start function, then `_start` if it is exported, or the export named with --invoke: in the engine
/// alone, without the sandbox. Imported functions give zeros there, so a sample that asks for a file, the
/// time or an argument does another thing than in `spoor run`, `record` and `dump`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor trace sample.wasm
  spoor trace sample.wasm --invoke mine --json
  spoor trace sample.wasm --invoke sum 3 -4
  spoor trace sample.wat --max-decisions 1000000 --at-max-trace spill")]
pub(super) struct Arguments {
    #[command(flatten)]
    run: session::Arguments,
    /// Print one JSON object instead of tables; its fields are described in docs/json.md
    #[arg(long)]
    json: bool,
}

/// What `--json` prints. The fields are described in `docs/json.md`.
#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    instructions: u64,
    /// Whether counting took longer than the run may take, so that only the beginning is counted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    counted_in_part: bool,
    opcodes: BTreeMap<&'static str, u64>,
    status: &'static str,
    trap: Option<Trap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thrown: Option<Thrown>,
    stopped_by: Option<Stopped>,
    error: Option<String>,
    entries: Vec<EntryReport>,
    functions: Vec<Function>,
    host_calls: Vec<HostCalls>,
    refused_growth: u64,
    decisions: u64,
    trace_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Trap {
    code: wasmspoor::trace::Trap,
    message: &'static str,
    function: Option<u32>,
    offset: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Thrown {
    tag: u32,
    name: Option<String>,
    operands: Vec<Value>,
    function: Option<u32>,
    offset: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Stopped {
    limit: Limit,
    function: Option<u32>,
    offset: Option<u32>,
}

#[derive(Debug, Serialize)]
struct EntryReport {
    entry: String,
    status: &'static str,
    results: Vec<Value>,
}

#[derive(Debug, Serialize)]
struct Function {
    index: u32,
    name: Option<String>,
    instructions: u64,
}

#[derive(Debug, Serialize)]
struct HostCalls {
    module: String,
    name: String,
    calls: u64,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let (session, counting, entries) = session::run(&arguments.run)?;
    let nothing = entries.is_empty().then(|| session::nothing(session.module()));
    let report = report(session, (counting, arguments.run.time_limit()), &entries)?;
    if report.counted_in_part {
        super::complain!("spoor: counting came to the time limit of the run: only its beginning is counted");
    }
    if arguments.json {
        text::write_json(out, &report)?;
    } else {
        print(&report, &entries, nothing.as_deref(), out)?;
    }
    Ok(Exit::Done)
}

fn report(
    session: Session,
    (counting, limit): (Counting, Option<Duration>),
    entries: &[Entry],
) -> Result<Report, Failure> {
    let refused_growth = session.refused_growth();
    let trace = session.finish();
    let (counts, is_whole) = match limit {
        Some(limit) => counting.finish_within(&trace, limit)?,
        None => (counting.finish(&trace)?, true),
    };
    let last = entries.last().map(|entry| &entry.outcome);
    let mut report = Report {
        schema: "spoor.trace/1",
        instructions: counts.total,
        counted_in_part: !is_whole,
        opcodes: opcodes(&counts),
        status: last.map_or("nothing_ran", status),
        trap: None,
        thrown: None,
        stopped_by: None,
        error: None,
        entries: entries.iter().map(entry_report).collect(),
        functions: functions(&trace, &counts),
        host_calls: host_calls(&trace),
        refused_growth,
        decisions: trace.decisions,
        trace_bytes: trace.size_bytes(),
    };
    if let Some(last) = last {
        report.note_end(last);
    }
    Ok(report)
}

impl Report {
    /// Why the last call did not return.
    fn note_end(&mut self, outcome: &Outcome) {
        let place = |site: &Option<Place>| (site.map(|site| site.function.0), site.map(|site| site.offset.0));
        match outcome {
            Outcome::Trapped { code, site } => {
                let (function, offset) = place(site);
                self.trap = Some(Trap { code: *code, message: code.message(), function, offset });
            }
            Outcome::Stopped { limit, site } => {
                let (function, offset) = place(site);
                self.stopped_by = Some(Stopped { limit: *limit, function, offset });
            }
            Outcome::Thrown { tag, name, operands, site } => {
                let words = thrown(*tag, name.as_deref(), operands);
                self.error = Some(format!("an exception was not caught: {words}"));
                let (function, offset) = place(site);
                let (tag, name, operands) = (*tag, name.clone(), operands.clone());
                self.thrown = Some(Thrown { tag, name, operands, function, offset });
            }
            Outcome::HostError { message, .. } | Outcome::Failed { message, .. } => {
                self.error = Some(message.clone());
            }
            _ => {}
        }
    }
}

fn status(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Returned(_) => "returned",
        Outcome::Trapped { .. } => "trapped",
        Outcome::Thrown { .. } => "thrown",
        Outcome::Stopped { .. } => "stopped",
        Outcome::HostError { .. } => "host_error",
        _ => "failed",
    }
}

fn entry_report(entry: &Entry) -> EntryReport {
    let results = match &entry.outcome {
        Outcome::Returned(results) => results.clone(),
        _ => Vec::new(),
    };
    EntryReport { entry: entry.name.clone(), status: status(&entry.outcome), results }
}

fn opcodes(counts: &Counts) -> BTreeMap<&'static str, u64> {
    let mut opcodes = BTreeMap::new();
    for (mnemonic, count) in counts.mnemonics() {
        *opcodes.entry(mnemonic).or_insert(0) += count;
    }
    opcodes
}

fn functions(trace: &Trace, counts: &Counts) -> Vec<Function> {
    let mut functions: Vec<_> = counts
        .per_function
        .iter()
        .map(|function| {
            let name = trace.modules.first().and_then(|module| module.name(function.func)).map(str::to_owned);
            Function { index: function.func.0, name, instructions: function.total }
        })
        .collect();
    functions.sort_by_key(|function| (std::cmp::Reverse(function.instructions), function.index));
    functions
}

fn host_calls(trace: &Trace) -> Vec<HostCalls> {
    let mut calls = BTreeMap::new();
    for func in trace.host_calls() {
        *calls.entry(func).or_insert(0) += 1;
    }
    let named = calls.into_iter().filter_map(|(key, calls)| {
        let host = trace.hosts.get(&key)?;
        Some(HostCalls { module: host.module.to_string(), name: host.name.to_string(), calls })
    });
    named.collect()
}

fn print_totals(report: &Report, out: &mut impl Write) -> Result<(), Failure> {
    let part = if report.counted_in_part { " of the beginning: counting came to the time limit" } else { "" };
    writeln!(out, "instructions:  {}{part}", grouped(report.instructions))?;
    let (decisions, bytes) = (plural(report.decisions, "decision"), plural(report.trace_bytes, "byte"));
    writeln!(out, "trace:         {decisions}, {bytes}")?;
    if report.refused_growth > 0 {
        let requests = plural(report.refused_growth, "request");
        writeln!(out, "refused:       {requests} to grow a memory or table beyond the limit")?;
    }
    Ok(())
}

fn print(
    report: &Report,
    entries: &[Entry],
    nothing: Option<&str>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    for entry in entries {
        writeln!(out, "{:<14} {}", format!("{}:", line(&entry.name)), line(&ending(&entry.outcome)))?;
    }
    if let Some(nothing) = nothing {
        writeln!(out, "nothing ran:   {}", line(nothing))?;
    }
    print_totals(report, out)?;
    let mut opcodes: Vec<_> = report.opcodes.iter().map(|(&name, &count)| (count, name.to_owned())).collect();
    opcodes.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    table("opcodes", &opcodes, report.instructions, out)?;
    let function = |function: &Function| {
        let name = function.name.as_ref().map(|name| format!(" {}", line(name))).unwrap_or_default();
        (function.instructions, format!("wasm-function[{}]{name}", function.index))
    };
    let functions: Vec<_> = report.functions.iter().map(function).collect();
    table("functions", &functions, report.instructions, out)?;
    let host = |host: &HostCalls| (host.calls, line(&import_name(&host.module, &host.name)));
    let hosts: Vec<_> = report.host_calls.iter().map(host).collect();
    table("host calls", &hosts, hosts.iter().map(|(calls, _)| calls).sum(), out)
}

/// What was thrown, in words.
fn thrown(tag: u32, name: Option<&str>, operands: &[Value]) -> String {
    let operands: Vec<_> = operands.iter().map(ToString::to_string).collect();
    text::thrown(tag, name, &operands)
}

/// How an invocation ended, in words.
fn ending(outcome: &Outcome) -> String {
    let at = |site: &Option<Place>| site.map(|site| format!(" at {site}")).unwrap_or_default();
    match outcome {
        Outcome::Returned(results) if results.is_empty() => "returned".into(),
        Outcome::Returned(results) => {
            let results: Vec<_> = results.iter().map(ToString::to_string).collect();
            format!("returned {}", results.join(" "))
        }
        Outcome::Trapped { code, site } => format!("trapped: {}{}", code.message(), at(site)),
        Outcome::Thrown { tag, name, operands, site } => {
            let thrown = thrown(*tag, name.as_deref(), operands);
            format!("not caught: {thrown}{}", at(site))
        }
        Outcome::Stopped { limit, site } => format!("stopped by the limit {limit}{}", at(site)),
        Outcome::HostError { message, site } | Outcome::Failed { message, site } => {
            format!("ended: {message}{}", at(site))
        }
        _ => "ended".into(),
    }
}

fn table(title: &str, rows: &[(u64, String)], total: u64, out: &mut impl Write) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{:>18}  {:>6}  {title}", "count", "share")?;
    for (count, name) in rows.iter().take(TRACE_ROWS) {
        let share = *count as f64 * 100.0 / total.max(1) as f64;
        writeln!(out, "{:>18}  {share:>5.1}%  {name}", grouped(*count))?;
    }
    if rows.len() > TRACE_ROWS {
        let rest: u64 = rows[TRACE_ROWS..].iter().map(|(count, _)| count).sum();
        writeln!(out, "{:>18}  {:>6}  in {} more", grouped(rest), "", rows.len() - TRACE_ROWS)?;
    }
    Ok(())
}
