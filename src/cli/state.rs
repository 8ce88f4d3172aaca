//! `spoor state`: the state of a recorded run at a moment.

use std::{io::Write, path::PathBuf, rc::Rc};

use clap::Args;
use serde::Serialize;
use wasmspoor::{
    module::SourceFrame,
    text::{self, grouped},
    trace::MAIN,
    values::{Activation, Level, State, Timeline, Typed, Waiting},
};

use super::limits::STATE_MEMORY;
use super::{
    Exit, Failure,
    output::Object,
    places::Places,
    report::DetachedSample,
    symbols,
    valued::{self, Range},
};

/// Show the state of a recorded run before an event: the call stack with locals and operands, globals,
/// memories, tables
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor record sample.wasm -o sample.spoor
  spoor state sample.spoor --at 120000
  spoor state sample.spoor --at 120000 --memory 0x400:64
  spoor state sample.spoor --at 18446744073709551615 --json | jq .globals

An event is an instruction; its number is that before which so many were executed, as `spoor dump --from` counts. A number beyond the end shows
the state after the run. What was computed is computed again and checked against the recording; of a file that was recorded without --effects the
sample is run again first. A file that is cut off has no end of the run: beyond what it holds, nothing is shown.
Exit codes: 0 shown; 1 the values are not known as far (the message says why), the sample runs in another way now, or the file lost its sample or header; 2 wrong usage, or a file
that cannot be read; 3 nothing ran.")]
pub(super) struct Arguments {
    /// The trace file
    file: PathBuf,
    #[command(flatten)]
    sample: DetachedSample,
    #[command(flatten)]
    symbols: symbols::Arguments,
    /// The moment: before event N
    #[arg(long, value_name = "EVENT", allow_negative_numbers = true, value_parser = valued::number)]
    at: u64,
    /// Show these bytes of memory too: address and length, decimal or with 0x; of another memory than 0 with
    /// its number in front. May be repeated
    #[arg(long, value_name = "[MEMORY:]ADDR:LEN", value_parser = valued::range)]
    memory: Vec<Range>,
    /// Print one JSON object; its fields are described in docs/json.md
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Output<'t> {
    event: u64,
    is_end: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<u32>,
    levels: Vec<LevelJson<'t>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<WaitingJson<'t>>,
    globals: Vec<valued::Shown>,
    memories: Vec<u64>,
    tables: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    memory: Vec<Bytes>,
}

/// A thread that waits for its turn.
#[derive(Debug, Serialize)]
struct WaitingJson<'t> {
    thread: u32,
    levels: Vec<LevelJson<'t>>,
    globals: Vec<valued::Shown>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum LevelJson<'t> {
    Wasm {
        function: u32,
        name: Option<&'t str>,
        offset: u32,
        opcode: &'static str,
        #[serde(skip_serializing_if = "valued::no_frames")]
        source: Rc<[SourceFrame]>,
        locals: Vec<valued::Shown>,
        operands: Vec<valued::Shown>,
    },
    Host {
        host: String,
    },
}

/// Bytes of a memory, as hexadecimal digits.
#[derive(Debug, Serialize)]
struct Bytes {
    #[serde(flatten)]
    range: Range,
    hex: String,
}

impl Bytes {
    fn of(range: Range, bytes: &[u8]) -> Self {
        Self { range, hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect() }
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    if let Some(range) = arguments.memory.iter().find(|range| range.len > STATE_MEMORY) {
        let message =
            format!("{} bytes of memory are asked for; at most {STATE_MEMORY} are shown", range.len);
        return Err(valued::usage(message));
    }
    let recorded = valued::open(&arguments.sample, &arguments.file)?;
    let trace = valued::trace(&recorded)?;
    let places = arguments.symbols.places(trace)?;
    let mut timeline = Timeline::new(trace).map_err(valued::end)?;
    let state = timeline.state(arguments.at).map_err(valued::end)?;
    let memory = arguments.memory.iter().map(|range| Ok((*range, range.bytes(&timeline)?.to_vec())));
    let memory = memory.collect::<Result<Vec<_>, Failure>>()?;
    match arguments.json {
        true => {
            let fields = output(&places, &state, timeline.is_over(), &memory);
            text::write_json(out, &Object { schema: "spoor.state/1", fields: &fields })?;
        }
        false => print(&places, &state, timeline.is_over(), &memory, out)?,
    }
    Ok(Exit::Done)
}

fn output<'t>(
    places: &'t Places<'_>,
    state: &State,
    is_end: bool,
    memory: &[(Range, Vec<u8>)],
) -> Output<'t> {
    let one = |level: &Level| match level {
        Level::Wasm(frame) => LevelJson::Wasm {
            function: frame.function.0,
            name: places.name(frame.function),
            offset: frame.offset.0,
            opcode: frame.opcode.mnemonic(),
            source: places.frames(frame.offset),
            locals: valued::values(&frame.locals),
            operands: valued::values(&frame.operands),
        },
        Level::Host(func) => LevelJson::Host { host: places.callee(*func) },
    };
    let levels = |levels: &[Level]| levels.iter().map(one).collect();
    let waiting = |of: &Waiting| WaitingJson {
        thread: of.thread,
        levels: levels(&of.levels),
        globals: valued::values(&of.globals),
    };
    Output {
        event: state.event,
        is_end,
        thread: has_threads(state).then_some(state.thread),
        levels: levels(&state.levels),
        waiting: state.waiting.iter().map(waiting).collect(),
        globals: valued::values(&state.globals),
        memories: state.memories.clone(),
        tables: state.tables.iter().map(Vec::len).collect(),
        memory: memory.iter().map(|(range, bytes)| Bytes::of(*range, bytes)).collect(),
    }
}

/// Whether there is more than the thread of the entry point.
pub(super) fn has_threads(state: &State) -> bool {
    state.thread != MAIN || !state.waiting.is_empty()
}

/// Prints a state for people, the innermost frame first.
pub(super) fn print(
    places: &Places<'_>,
    state: &State,
    is_end: bool,
    memory: &[(Range, Vec<u8>)],
    out: &mut impl Write,
) -> Result<(), Failure> {
    let thread = if has_threads(state) { format!(", thread {}", state.thread) } else { String::new() };
    let end = if is_end { ", the end of the run" } else { "" };
    writeln!(out, "event {}{thread}{end}", grouped(state.event))?;
    print_levels(places, &state.levels, out)?;
    for waiting in &state.waiting {
        writeln!(out, "\nthread {} waits for its turn", waiting.thread)?;
        print_levels(places, &waiting.levels, out)?;
        print_globals(&waiting.globals, out)?;
    }
    print_instances(state, out)?;
    for (range, bytes) in memory {
        writeln!(out)?;
        dump(range.address, bytes, out)?;
    }
    Ok(())
}

fn print_levels(places: &Places<'_>, levels: &[Level], out: &mut impl Write) -> Result<(), Failure> {
    for (depth, level) in levels.iter().rev().enumerate() {
        match level {
            Level::Wasm(frame) => print_frame(places, depth, frame, out)?,
            Level::Host(func) => writeln!(out, "\n#{depth} host function {}", places.callee(*func))?,
        }
    }
    Ok(())
}

fn print_frame(
    places: &Places<'_>,
    depth: usize,
    frame: &Activation,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let (site, opcode) = (valued::site(frame), frame.opcode.mnemonic());
    let name = places.name(frame.function);
    let name = name.map(|name| format!(" {}", text::line(name))).unwrap_or_default();
    writeln!(out, "\n#{depth} {site}{name}, at {opcode}{}", places.source(frame.offset))?;
    for (index, local) in frame.locals.iter().enumerate() {
        writeln!(out, "  local {index:<4} {}", valued::words(&valued::shown(local)))?;
    }
    for (index, operand) in frame.operands.iter().enumerate() {
        writeln!(out, "  operand {index:<2} {}", valued::words(&valued::shown(operand)))?;
    }
    Ok(())
}

fn print_globals(globals: &[Typed], out: &mut impl Write) -> Result<(), Failure> {
    if !globals.is_empty() {
        writeln!(out)?;
    }
    for (index, global) in globals.iter().enumerate() {
        writeln!(out, "global {index:<4} {}", valued::words(&valued::shown(global)))?;
    }
    Ok(())
}

/// Globals with their values, memories and tables with their sizes.
fn print_instances(state: &State, out: &mut impl Write) -> Result<(), Failure> {
    print_globals(&state.globals, out)?;
    for (index, len) in state.memories.iter().enumerate() {
        writeln!(out, "memory {index:<4} {} bytes", grouped(*len))?;
    }
    for (index, table) in state.tables.iter().enumerate() {
        let set = table.iter().filter(|element| **element != 0).count();
        let (len, set) = (grouped(table.len() as u64), grouped(set as u64));
        writeln!(out, "table {index:<5} {len} elements, {set} set")?;
    }
    Ok(())
}

/// Prints bytes as sixteen in a line, with what they are as characters.
pub(super) fn dump(address: u64, bytes: &[u8], out: &mut impl Write) -> Result<(), Failure> {
    for (at, row) in (address..).step_by(16).zip(bytes.chunks(16)) {
        let digits: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown =
            |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
        let characters: String = row.iter().map(shown).collect();
        writeln!(out, "{at:08x}  {:<48}  {characters}", digits.join(" "))?;
    }
    Ok(())
}
