//! `spoor info`: what is in a trace file, and whether it is whole.

use std::{collections::BTreeMap, io::Write, path::PathBuf};

use clap::Args;
use serde::Serialize;
use wasmspoor::{
    file::{Info, Reader},
    report::{
        escape::{self, line},
        text::grouped,
    },
};

use super::{Exit, Failure, input::Progress, record};

/// Say what is in a trace file: how the sample was run, sizes by stream, and whether every chunk is whole
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor info sample.spoor
  spoor info sample.spoor --json | jq .damage

Reads every chunk. Exit codes: 0 the file is whole; 1 it is cut off or damaged; 2 it is no trace file.")]
pub(super) struct Arguments {
    /// The trace file
    file: PathBuf,
    /// Print one JSON object; its fields are described in docs/json.md
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Output<'a> {
    schema: &'static str,
    #[serde(flatten)]
    info: &'a Info,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let progress = Progress::begin("reading", &arguments.file);
    let reader = Reader::open(&arguments.file).map_err(|error| record::failure(&arguments.file, error))?;
    let info = Info::of(&reader);
    drop(progress);
    match arguments.json {
        true => escape::write_json(out, &Output { schema: "spoor.info/1", info: &info })?,
        false => print(&info, out)?,
    }
    Ok(if info.is_whole { Exit::Done } else { Exit::Findings })
}

fn print(info: &Info, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "format:        version {}, {} bytes, {} chunks", info.version, grouped(info.bytes), grouped(info.chunks))?;
    if let Some(run) = &info.run {
        writeln!(out, "recorded by:   {}", line(&run.tool))?;
        let embedded = if run.is_embedded { "" } else { ", not in the file" };
        writeln!(out, "sample:        {} ({} bytes{embedded})", line(&run.name), grouped(run.sample_bytes))?;
        writeln!(out, "sha256:        {}", line(&run.sha256))?;
        writeln!(out, "persona:       {}, seed {}", line(&run.persona), run.seed)?;
    }
    let state = match (info.is_ended, info.is_over) {
        (_, false) => "cut off: the run did not come to its end",
        (false, true) => "the run came to its end, the file has no index",
        (true, true) => "ended",
    };
    writeln!(out, "state:         {state}")?;
    writeln!(out, "decisions:     {}", grouped(info.decisions))?;
    writeln!(out, "records:       {}", grouped(info.records))?;
    if let (Some(instructions), Some(bits)) = (info.instructions, info.bits_per_instruction) {
        writeln!(out, "instructions:  {}, {bits:.4} bits of the file for each", grouped(instructions))?;
    }
    writeln!(out, "\n{:<12} {:>8} {:>16} {:>16} {:>7}", "stream", "chunks", "bytes", "uncompressed", "ratio")?;
    let streams: &BTreeMap<_, _> = &info.streams;
    for (kind, stream) in streams {
        let ratio = stream.raw_bytes as f64 / stream.bytes.max(1) as f64;
        let (bytes, raw) = (grouped(stream.bytes), grouped(stream.raw_bytes));
        writeln!(out, "{:<12} {:>8} {bytes:>16} {raw:>16} {ratio:>7.2}", kind.name(), grouped(stream.chunks))?;
    }
    if !info.damage.is_empty() {
        writeln!(out, "\ndamage:")?;
    }
    for damage in &info.damage {
        writeln!(out, "  {damage}")?;
    }
    if info.more_damage > 0 {
        writeln!(out, "  and {} more", grouped(info.more_damage))?;
    }
    Ok(())
}
