//! `spoor dump`: runs a sample and prints what was executed, instruction by instruction.

mod heat;
#[cfg(feature = "parquet")]
mod table;
mod tenet;
mod values;

use std::{io::Write, path::PathBuf, rc::Rc};

use clap::Args;
use serde::Serialize;
use wasmspoor::{
    LoadError,
    module::{FuncIndex, Opcode, SourceFrame},
    sandbox::Run,
    text,
    trace::{Callee, ControlEffect, End, Event, Executed, FuncKey, ReplayError, Trace},
    values::ValuesError,
};

use self::values::{Border, Told, Values};
use super::{Exit, Failure, export::exit_of, names, places::Places, report, sample, symbols, valued};

/// Run a sample, or read a trace file, and print the executed instructions in order, with calls, returns,
/// branch outcomes, host calls and traps
///
/// A sample is run in the sandbox, as `spoor run` runs it: with files, and the exports that seem worth it.
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor dump sample.wasm --limit 100
  spoor dump sample.wasm --invoke main --function 5 --opcode br_if
  spoor dump sample.spoor --from 1000000 --to 1000100
  spoor dump sample.spoor --values --opcode i32.store --limit 20
  spoor dump sample.spoor --heat-map > heat.json
  spoor dump sample.spoor --tenet --from 5000 --to 90000 > sample.log
  spoor dump sample.wasm --json | jq -r 'select(.event == \"instruction\") | .opcode' | sort | uniq -c

Each line of text is: wasm-function[INDEX]:OFFSET, the opcode, and what it did. OFFSET is the byte offset in the module. The events are those of one run
of the sample: `spoor record` keeps it, so that more can be asked of the same events. Options of the run are refused with a trace file. If nothing is
printed, standard error says why.

Exit codes: 0 printed; 1 the trace file is cut off or damaged, or the values are not known as far, and what could be read was printed, which is nothing
of one that lost its sample; 2 wrong usage, or a file that cannot be read; 3 not a valid module; 4 valid but not executable, or no such export or
function.")]
pub(super) struct Arguments {
    /// The sample, binary or text, or a trace file; `-` reads a sample from standard input
    file: PathBuf,
    /// Only instructions of this function, which must have code: its index in the function space (imports
    /// first), or its name; may be repeated
    #[arg(long, value_name = "INDEX|NAME")]
    function: Vec<String>,
    /// Begin with event N: that before which N instructions were executed. Of a trace file, what is long
    /// before it is not read
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0)]
    from: u64,
    /// End before event N
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = u64::MAX, hide_default_value = true)]
    to: u64,
    #[command(flatten)]
    sample: report::DetachedSample,
    #[command(flatten)]
    symbols: symbols::Arguments,
    /// Only instructions with this mnemonic, such as i32.xor; may be repeated
    #[arg(long, value_name = "MNEMONIC", value_parser = mnemonic)]
    opcode: Vec<String>,
    /// Print at most this many lines
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    limit: Option<u64>,
    /// Say what each instruction took and gave, and which memory it accessed: computed again from the trace
    /// and checked against it. Of a trace file that was recorded without --effects the sample is run again
    /// first
    #[arg(long)]
    values: bool,
    /// Print, in place of events, where memory was read and written between --from and --to, by pages and
    /// stretches of instructions, as a JSON object; see docs/json.md
    #[arg(long, conflicts_with_all = ["values", "json", "function", "opcode", "limit"])]
    heat_map: bool,
    /// Print the instructions between --from and --to with their values as the text that Tenet reads; see
    /// docs/values.md
    #[arg(long, conflicts_with_all = ["values", "json", "function", "opcode", "limit", "heat_map"])]
    tenet: bool,
    /// Write the instructions with their values to this file in place of printing events: as Parquet, a row
    /// each; see docs/values.md
    #[cfg(feature = "parquet")]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "heat_map", "tenet"])]
    parquet: Option<PathBuf>,
    /// Print each event as a JSON object on a line; see docs/json.md
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    how: sample::Arguments,
}

impl Arguments {
    fn needs_values(&self) -> bool {
        self.values || self.heat_map || self.tenet || self.table().is_some()
    }

    /// The file that instructions are written to.
    fn table(&self) -> Option<&PathBuf> {
        #[cfg(feature = "parquet")]
        return self.parquet.as_ref();
        #[cfg(not(feature = "parquet"))]
        None
    }

    /// Writes what is asked for in place of events, if anything is.
    fn write_other(&self, trace: &Trace, out: &mut impl Write) -> Option<Result<Exit, Failure>> {
        match (self.heat_map, self.tenet) {
            (true, _) => Some(heat::write(trace, self.from, self.to, out)),
            (_, true) => Some(tenet::write(trace, self.from, self.to, out)),
            _ => None,
        }
    }
}

fn mnemonic(text: &str) -> Result<String, String> {
    match Opcode::from_mnemonic(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!(
            "no instruction is called `{text}` (they are called as in the text format: i32.add, br_if, local.get)"
        )),
    }
}

/// A line of `--json`. The fields are described in `docs/json.md`.
#[derive(Debug, Default, Serialize)]
struct Line<'t> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opcode: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    immediates: String,
    #[serde(skip_serializing_if = "valued::no_frames")]
    source: Rc<[SourceFrame]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callee: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'t str>,
    #[serde(flatten)]
    values: Option<LineValues>,
}

/// What `--values` adds to a line.
#[derive(Debug, Default, Serialize)]
struct LineValues {
    number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    operands: Option<Vec<valued::Shown>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Vec<valued::Shown>>,
    /// What memory is written, or else read.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Where a copy reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_memory: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_address: Option<u64>,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    if arguments.from >= arguments.to {
        let (from, to) = (arguments.from, arguments.to);
        return Err(valued::usage(match to {
            u64::MAX => format!("--from {from}: no run has so many events"),
            _ => format!("--from {from} --to {to}: no event is from {from} on and before {to}"),
        }));
    }
    match arguments.sample.is_of_trace(&arguments.file)? {
        true => dump_file(arguments, out),
        false => dump_sample(arguments, out),
    }
}

/// Runs a sample in the sandbox and prints what ran.
fn dump_sample(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let run = arguments.how.prepare()?.run(&arguments.file, arguments.needs_values())?;
    if run.entries.is_empty() {
        // Not among the events: those are read by programs.
        crate::cli::complain!("spoor: nothing ran: {}", text::line(&nothing(&run)));
    }
    if let Some(written) = arguments.write_other(&run.trace, out) {
        return written;
    }
    let places = arguments.symbols.places(&run.trace)?;
    Printer::new(arguments, &places, out)?.print_all()
}

/// Why nothing of a sample ran.
fn nothing(run: &Run) -> String {
    let exports = run.trace.modules.first().map(|module| names::exports(module)).unwrap_or_default();
    match exports.is_empty() {
        true => "the module has no start function and exports no function".to_owned(),
        false => format!(
            "the module has no start function and exports no `_start`; {}: name one with --invoke, or call all with \
             --drive exports",
            names::exported(&exports)
        ),
    }
}

fn dump_file(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let recorded = match arguments.needs_values() {
        true => valued::open(&arguments.sample, &arguments.file)?,
        false => {
            let recorded = arguments.sample.open(&arguments.file)?;
            recorded.run.iter().for_each(|run| report::tell_lost(&arguments.file, run));
            recorded
        }
    };
    // Not as an error of loading, whose lines are laid out: what it says is the file's.
    let refused =
        |error: &LoadError| Failure::new(Exit::of_refused(error), anyhow::anyhow!(error.to_string()));
    let run = recorded.run.as_ref().map_err(refused)?;
    // Events that could be read are printed in any case, and standard error says what is missing.
    let done = || exit_of(&arguments.file, run);
    if let Some(written) = arguments.write_other(&run.trace, out) {
        return written.map(|_| done());
    }
    let places = arguments.symbols.places(&run.trace)?;
    let mut printer = Printer::new(arguments, &places, out)?;
    let functions = printer.functions.clone();
    if printer.left == 0 {
        printer.tell_nothing(None);
        return printer.finish().map(|()| done());
    }
    let ended = recorded.events(&run.trace, (arguments.from, arguments.to), &functions, |number, event| {
        printer.print(number, event)?;
        Ok::<_, Failure>(printer.left > 0)
    });
    // What is missing is the file's fault, not this program's.
    if ended.is_ok() {
        printer.tell_nothing(recorded.instructions());
    }
    printer.finish()?;
    match ended {
        Err(failure) if failure.cause.is::<ReplayError>() => Err(Failure { exit: Exit::Findings, ..failure }),
        ended => ended.map(|()| done()),
    }
}

/// Says on standard error why nothing is printed from an event on, if the run has so many instructions.
pub(super) fn tell_end(from: u64, total: u64) {
    let (total, from) = (text::plural(total, "instruction"), text::grouped(from));
    crate::cli::complain!("spoor: nothing is printed: the run has {total}, and ends before event {from}");
}

/// The values, if they are asked for.
fn values<'t>(arguments: &Arguments, trace: &'t Trace) -> Result<Option<Values<'t>>, Failure> {
    match arguments.values || arguments.table().is_some() {
        true => Ok(Some(Values::new(trace).map_err(valued::end)?)),
        false => Ok(None),
    }
}

/// The functions whose instructions are asked for. One that is not there is a mistake, and no function that
/// did not run.
fn functions(arguments: &Arguments, places: &Places<'_>) -> Result<Vec<u32>, Failure> {
    if places.trace.modules.is_empty() {
        return Ok(Vec::new());
    }
    arguments.function.iter().map(|given| Ok(places.defined(given)?.0)).collect()
}

/// Prints events that the filters let pass, as many as are left.
struct Printer<'a, W> {
    arguments: &'a Arguments,
    functions: Vec<u32>,
    places: &'a Places<'a>,
    /// The line of source that the line before was of.
    source: String,
    values: Option<Values<'a>>,
    #[cfg(feature = "parquet")]
    table: Option<table::Table>,
    left: u64,
    printed: u64,
    out: &'a mut W,
}

impl<'a, W: Write> Printer<'a, W> {
    fn new(arguments: &'a Arguments, places: &'a Places<'a>, out: &'a mut W) -> Result<Self, Failure> {
        let functions = functions(arguments, places)?;
        let values = values(arguments, places.trace)?;
        let left = arguments.limit.unwrap_or(u64::MAX);
        Ok(Self {
            arguments,
            functions,
            places,
            source: String::new(),
            values,
            #[cfg(feature = "parquet")]
            table: arguments.table().map(|file| table::Table::new(file, &arguments.file)).transpose()?,
            left,
            printed: 0,
            out,
        })
    }

    /// Prints the events that are asked for. Whatever ends them, a table that was begun is made whole.
    fn print_all(mut self) -> Result<Exit, Failure> {
        let printed = self.print_events();
        if let Ok(total) = &printed {
            self.tell_nothing(*total);
        }
        self.finish()?;
        printed.map(|_| Exit::Done)
    }

    /// Prints events; gives how many instructions the run has, if all were walked.
    fn print_events(&mut self) -> Result<Option<u64>, Failure> {
        let mut number = 0;
        for event in self.places.trace.events() {
            if number >= self.arguments.to || self.left == 0 {
                return Ok(None);
            }
            let event = event?;
            if number >= self.arguments.from {
                self.print(number, &event)?;
            }
            number += u64::from(matches!(event, Event::Op(_)));
        }
        Ok(Some(number))
    }

    /// Says on standard error why nothing was printed, if nothing was. `total` is the number of instructions,
    /// if it is known.
    fn tell_nothing(&self, total: Option<u64>) {
        if self.arguments.limit == Some(0) {
            crate::cli::complain!("spoor: nothing is printed: --limit 0 asks for no line");
            return;
        }
        if self.printed > 0 || self.places.trace.instances.is_empty() {
            return;
        }
        match total.filter(|total| self.arguments.from > 0 && self.arguments.from >= *total) {
            Some(total) => tell_end(self.arguments.from, total),
            None => crate::cli::complain!("spoor: nothing is printed: no event is what the options ask for"),
        }
    }

    fn write(&mut self, line: &Line<'_>) -> Result<(), Failure> {
        #[cfg(feature = "parquet")]
        if let Some(table) = &mut self.table {
            return table.push(line);
        }
        match self.arguments.json {
            true => Ok(text::write_json_line(self.out, line)?),
            false => {
                // A line of source is said once, where it begins.
                let source = wasmspoor::report::source(&line.source).unwrap_or_default();
                let is_new = source != self.source && !source.is_empty();
                print(line, is_new.then_some(&*source), self.out)?;
                self.source = source;
                Ok(())
            }
        }
    }

    /// All was printed.
    fn finish(self) -> Result<(), Failure> {
        #[cfg(feature = "parquet")]
        if let Some(table) = self.table {
            table.finish()?;
        }
        Ok(())
    }

    fn print(&mut self, number: u64, event: &Event) -> Result<(), Failure> {
        if self.left == 0 || !wanted(self.arguments, &self.functions, event) {
            return Ok(());
        }
        let mut line = line(self.places, event);
        if let Some(values) = &mut self.values {
            line.values = Some(line_values(values, number, event).map_err(valued::end)?);
        }
        self.write(&line)?;
        (self.left, self.printed) = (self.left - 1, self.printed + 1);
        Ok(())
    }
}

/// Whether the filters let an event pass; filters and a table ask for instructions.
fn wanted(arguments: &Arguments, functions: &[u32], event: &Event) -> bool {
    let Event::Op(Executed { function, opcode, .. }) = event else {
        return functions.is_empty() && arguments.opcode.is_empty() && arguments.table().is_none();
    };
    let in_function = functions.is_empty() || functions.contains(&function.0);
    in_function
        && (arguments.opcode.is_empty() || arguments.opcode.iter().any(|name| name == opcode.mnemonic()))
}

fn line_values(values: &mut Values<'_>, number: u64, event: &Event) -> Result<LineValues, ValuesError> {
    let mut line = LineValues { number, ..LineValues::default() };
    let (border, is_call) = match event {
        Event::Op(_) => {
            let Some(told) = values.instruction(number)? else { return Ok(line) };
            fill(&mut line, told);
            return Ok(line);
        }
        Event::Invoke { .. } => (Border::Invoke, true),
        Event::HostCall { .. } => (Border::HostCall, true),
        Event::Leave => (Border::Leave, false),
        Event::Caught { .. } | Event::Switch { .. } => return Ok(line),
        Event::HostReturn { .. } => (Border::HostReturn, false),
        Event::End(_) => (Border::End, false),
    };
    let crossed = Some(values.border(border, number)?);
    (line.operands, line.results) = if is_call { (crossed, None) } else { (None, crossed) };
    Ok(line)
}

fn fill(line: &mut LineValues, told: Told) {
    (line.operands, line.results) = (Some(told.operands), Some(told.results));
    if let Some(access) = told.access {
        (line.memory, line.address, line.bytes) =
            (Some(access.memory), Some(access.address), Some(access.len));
    }
    if let Some(source) = told.source {
        (line.from_memory, line.from_address) = (Some(source.memory), Some(source.address));
    }
}

fn line<'t>(places: &'t Places<'_>, event: &'t Event) -> Line<'t> {
    let trace = places.trace;
    let named = |event| Line { event, ..Line::default() };
    match event {
        Event::Op(executed) => instruction(places, executed),
        Event::Leave => named("leave"),
        Event::Caught { func, offset } => {
            let offset = offset.map(|offset| offset.0);
            Line { function: callee(trace, *func).0, offset, ..named("caught") }
        }
        Event::Invoke { func } => {
            let (function, host) = callee(trace, *func);
            Line { function, host, ..named("invoke") }
        }
        Event::HostCall { func, .. } => Line { host: callee(trace, *func).1, ..named("host_call") },
        Event::Switch { thread } => Line { thread: Some(*thread), ..named("switch") },
        Event::HostReturn { failed } => Line { failed: Some(*failed), ..named("host_return") },
        Event::End(end) => {
            let (status, message) = match end {
                End::Returned => ("returned", None),
                End::Thrown => ("thrown", None),
                End::HostError => ("host_error", None),
                End::Trapped { code, .. } => ("trapped", Some(code.message())),
                End::Stopped { .. } => ("stopped", None),
                End::Failed { message, .. } => ("failed", Some(&**message)),
            };
            Line { status: Some(status), message, ..named("end") }
        }
    }
}

fn instruction<'t>(places: &Places<'_>, executed: &Executed) -> Line<'t> {
    let trace = places.trace;
    let mut line = Line {
        event: "instruction",
        function: Some(executed.function.0),
        offset: Some(executed.offset.0),
        opcode: Some(executed.opcode.mnemonic()),
        immediates: trace
            .modules
            .first()
            .map_or_else(String::new, |module| module.immediates(executed.offset)),
        source: places.frames(executed.offset),
        ..Line::default()
    };
    match executed.kind {
        ControlEffect::Branch { taken } => line.taken = Some(taken),
        ControlEffect::Table { index } => line.index = Some(index),
        ControlEffect::Throw { tag } => line.tag = Some(tag),
        ControlEffect::Call { callee: key, .. } | ControlEffect::TailCall { callee: key, .. } => {
            (line.callee, line.host) = callee(trace, key)
        }
        _ => {}
    }
    line
}

/// The function index of a key, or the name of a host function.
fn callee(trace: &Trace, key: FuncKey) -> (Option<u32>, Option<String>) {
    match trace.resolve(key) {
        Some(Callee::Defined(_, FuncIndex(index))) => (Some(index), None),
        Some(Callee::Host(host)) => (None, Some(text::import_name(&host.module, &host.name))),
        None => (None, None),
    }
}

fn print(line: &Line<'_>, source: Option<&str>, out: &mut impl Write) -> Result<(), Failure> {
    match (line.function, line.offset, line.opcode) {
        (Some(function), Some(offset), Some(opcode)) => {
            write!(out, "{:<32} {opcode}", format!("wasm-function[{function}]:{offset:#x}"))?;
            if !line.immediates.is_empty() {
                write!(out, " {}", line.immediates)?;
            }
            print_decision(line, out)?;
        }
        _ => print_event(line, out)?,
    }
    if let Some(host) = line.host.as_deref().map(text::line) {
        write!(out, "  {host}")?;
    }
    if let Some(values) = &line.values {
        print_values(values, out)?;
    }
    if let Some(source) = source {
        write!(out, "  ;; {source}")?;
    }
    writeln!(out)?;
    Ok(())
}

/// Where an instruction went.
fn print_decision(line: &Line<'_>, out: &mut impl Write) -> Result<(), Failure> {
    if let Some(tag) = line.tag {
        write!(out, "  tag {tag}")?;
    }
    match (line.taken, line.index, line.callee) {
        (Some(taken), ..) => write!(out, "  {}", if taken { "taken" } else { "not taken" })?,
        (_, Some(index), _) => write!(out, "  label {index}")?,
        (_, _, Some(callee)) => write!(out, "  wasm-function[{callee}]")?,
        _ => {}
    }
    Ok(())
}

/// An event that is no instruction.
fn print_event(line: &Line<'_>, out: &mut impl Write) -> Result<(), Failure> {
    write!(out, "{}", line.event.replace('_', " "))?;
    if let Some(function) = line.function {
        write!(out, " wasm-function[{function}]")?;
    }
    if let Some(offset) = line.offset {
        write!(out, ":{offset:#x}")?;
    }
    if let Some(thread) = line.thread {
        write!(out, " to thread {thread}")?;
    }
    if let Some(failed) = line.failed {
        write!(out, "{}", if failed { " failed" } else { "" })?;
    }
    if let Some(status) = line.status {
        write!(out, " {}", status.replace('_', " "))?;
    }
    if let Some(message) = line.message {
        write!(out, ": {}", text::line(message))?;
    }
    Ok(())
}

/// What was taken and given, and the memory: `(i32 1, i32 2) → i32 3`.
fn print_values(values: &LineValues, out: &mut impl Write) -> Result<(), Failure> {
    if let Some(operands) = values.operands.as_ref().filter(|operands| !operands.is_empty()) {
        write!(out, "  ({})", valued::row(operands))?;
    }
    if let Some(results) = values.results.as_ref().filter(|results| !results.is_empty()) {
        write!(out, "  → {}", valued::row(results))?;
    }
    if let (Some(memory), Some(address), Some(bytes)) = (values.memory, values.address, values.bytes) {
        write!(out, "  memory {memory} at {address:#x}, {}", text::plural(bytes, "byte"))?;
    }
    if let (Some(memory), Some(address)) = (values.from_memory, values.from_address) {
        write!(out, ", from memory {memory} at {address:#x}")?;
    }
    Ok(())
}
