//! `spoor who-wrote`: which instruction, host function or segment wrote some bytes of memory last.

use std::{io::Write, path::PathBuf};

use clap::Args;
use serde::Serialize;
use wasmspoor::{
    text,
    values::{LastWriters, Timeline, Writer},
};

use super::limits::COPIES_FOLLOWED;
use super::{
    Exit, Failure,
    output::Object,
    places::Places,
    report::DetachedSample,
    symbols,
    valued::{self, Range, WriterJson},
};

/// Say who wrote bytes of memory last before an event: an instruction, a host function, a data segment
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor who-wrote sample.spoor --at 120000 0x400:16
  spoor who-wrote sample.spoor --at 120000 0x400:16 --json

Bytes that `memory.copy` moved are followed back to where they came from. For values that went through loads and stores see `spoor slice`.
Exit codes: 0 said; 1 the values are not known as far, or the file lost its sample or header; 2 wrong usage, bytes that are not there at that moment, or a file that cannot be read; 3 nothing
ran.")]
pub(super) struct Arguments {
    /// The trace file
    file: PathBuf,
    /// The bytes: address and length, decimal or with 0x; of another memory than 0 with its number in front
    #[arg(value_name = "[MEMORY:]ADDR:LEN", value_parser = valued::range)]
    range: Range,
    #[command(flatten)]
    sample: DetachedSample,
    #[command(flatten)]
    symbols: symbols::Arguments,
    /// The moment: before event N, as `spoor dump --from` counts
    #[arg(long, value_name = "EVENT", allow_negative_numbers = true, value_parser = valued::number)]
    at: u64,
    /// Print one JSON object; its fields are described in docs/json.md
    #[arg(long)]
    json: bool,
}

/// Bytes that were written at once, and how they got there.
#[derive(Debug)]
struct Run {
    address: u64,
    len: u64,
    writer: Option<Writer>,
    /// Of copied bytes: where they were copied from.
    before: Vec<Run>,
    memory: u32,
}

#[derive(Debug, Serialize)]
struct RunJson {
    memory: u32,
    address: u64,
    len: u64,
    #[serde(flatten)]
    writer: WriterJson,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    before: Vec<RunJson>,
}

#[derive(Debug, Serialize)]
struct Output {
    at: u64,
    runs: Vec<RunJson>,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    valued::check_watched(&arguments.range).map_err(valued::usage)?;
    let recorded = valued::open(&arguments.sample, &arguments.file)?;
    let trace = valued::trace(&recorded)?;
    let places = &arguments.symbols.places(trace)?;
    let mut timeline = Timeline::new(trace).map_err(valued::end)?;
    let mut left = COPIES_FOLLOWED;
    let runs = runs(&mut timeline, arguments.at, arguments.range, &mut left)?;
    match arguments.json {
        true => {
            let runs = runs.iter().map(|run| json(places, run)).collect();
            let fields = Output { at: arguments.at, runs };
            text::write_json(out, &Object { schema: "spoor.who_wrote/1", fields: &fields })?;
        }
        false => runs.iter().try_for_each(|run| print(places, run, 0, out))?,
    }
    Ok(Exit::Done)
}

/// The last writers before a moment; copies are followed while there are any left to follow.
fn runs(timeline: &mut Timeline<'_>, at: u64, range: Range, left: &mut u32) -> Result<Vec<Run>, Failure> {
    let mut last = LastWriters::of(range.memory, range.address, range.len, at);
    timeline.walk(0, at, &mut last).map_err(valued::end)?;
    range.bytes(timeline)?;
    let mut runs = Vec::new();
    for (address, len, writer) in last.runs() {
        let before = match writer {
            Some(Writer::Instruction { event, from: Some((memory, address)), .. }) if *left > 0 => {
                *left -= 1;
                self::runs(timeline, event, Range { memory, address, len }, left)?
            }
            _ => Vec::new(),
        };
        runs.push(Run { address, len, writer, before, memory: range.memory });
    }
    Ok(runs)
}

fn json(places: &Places<'_>, run: &Run) -> RunJson {
    RunJson {
        memory: run.memory,
        address: run.address,
        len: run.len,
        writer: WriterJson::of(places, run.writer.as_ref()),
        before: run.before.iter().map(|run| json(places, run)).collect(),
    }
}

fn print(places: &Places<'_>, run: &Run, depth: usize, out: &mut impl Write) -> Result<(), Failure> {
    let bytes = valued::between(run.address, run.len);
    let writer = valued::writer(places, run.writer.as_ref());
    writeln!(out, "{}{bytes}: {writer}", "  ".repeat(depth))?;
    run.before.iter().try_for_each(|run| print(places, run, depth + 1, out))
}
