//! `spoor info`: what is in a trace file, and whether it is whole.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;
use wasmspoor::{
    file::{ChunkKind, Info, Reader, RunInfo, Stream},
    report::{OptionsUsed, options_used},
    text::{self, grouped, line, plural},
    trace::ReplayErrorKind,
};

use super::{
    Exit, Failure, input::Progress, output::Object, record, report::DetachedSample, sample::NO_ENTRY_TIME,
};

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
    #[command(flatten)]
    sample: DetachedSample,
    /// Print one JSON object; its fields are described in docs/json.md
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Output<'a> {
    #[serde(flatten)]
    info: &'a Info,
    truncated_after_events: Option<u64>,
    options: Option<OptionsUsed<'a>>,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let progress = Progress::begin("reading", &arguments.file);
    let reader = Reader::open(&arguments.file).map_err(|error| record::failure(&arguments.file, error))?;
    let info = Info::of(&reader);
    let truncated = if info.is_over { None } else { truncated_after(&arguments.file, &arguments.sample) };
    drop(progress);
    let options = info.run.as_ref().map(|run| options_used(&run.options));
    let output = Output { info: &info, truncated_after_events: truncated, options };
    match arguments.json {
        true => text::write_json(out, &Object { schema: "spoor.info/1", fields: &output })?,
        false => print(&output, out)?,
    }
    Ok(if info.is_whole { Exit::Done } else { Exit::Findings })
}

/// Instructions that can be replayed of a file that is cut off. `None` without the sample, or if the file
/// does not fit it.
fn truncated_after(file: &Path, sample: &DetachedSample) -> Option<u64> {
    let run = sample.open(file).ok()?.run.ok()?;
    match run.trace.counts().err()?.kind() {
        ReplayErrorKind::Truncated { instructions, .. } => Some(*instructions),
        // It is not even known which functions there are.
        _ if run.trace.instances.is_empty() => Some(0),
        _ => None,
    }
}

fn print_options(options: &OptionsUsed<'_>, out: &mut impl Write) -> Result<(), Failure> {
    let args: Vec<_> = options.args.iter().map(|arg| line(arg)).collect();
    writeln!(out, "arguments:     {}", args.join(" "))?;
    for (name, value) in options.env.iter() {
        writeln!(out, "variable:      {}={}", line(name), line(value))?;
    }
    for (path, bytes) in &options.files {
        writeln!(out, "file:          {} ({} bytes)", line(path), grouped(*bytes))?;
    }
    if options.stdin_bytes > 0 {
        writeln!(out, "input:         {} bytes", grouped(options.stdin_bytes))?;
    }
    if let Some((export, values)) = &options.invoke {
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        writeln!(out, "called:        {} {}", line(export), values.join(" "))?;
    }
    let time = match u128::from(options.entry_time_ms) >= NO_ENTRY_TIME.as_millis() {
        true => "as long as it takes".to_owned(),
        false => format!("{} ms", grouped(options.entry_time_ms)),
    };
    writeln!(out, "driven:        {}, {time} for an entry point", line(&options.drive))?;
    Ok(())
}

/// Whether the run and the file came to their ends.
fn state(info: &Info) -> &'static str {
    match (info.is_ended, info.is_over) {
        (_, false) => "cut off: the run did not come to its end",
        (false, true) => "the run came to its end, the file has no index",
        (true, true) => "ended",
    }
}

fn print(output: &Output<'_>, out: &mut impl Write) -> Result<(), Failure> {
    let Output { info, truncated_after_events, options, .. } = output;
    let (bytes, chunks) = (plural(info.bytes, "byte"), plural(info.chunks, "chunk"));
    writeln!(out, "format:        version {}, {bytes}, {chunks}", info.version)?;
    if let Some(run) = &info.run {
        print_run(run, out)?;
    }
    if let Some(options) = options {
        print_options(options, out)?;
    }
    writeln!(out, "state:         {}", state(info))?;
    if let Some(events) = truncated_after_events {
        writeln!(out, "truncated:     after {} events", grouped(*events))?;
    }
    writeln!(out, "decisions:     {}", grouped(info.decisions))?;
    writeln!(out, "records:       {}", grouped(info.records))?;
    if let (Some(instructions), Some(bits)) = (info.instructions, info.bits_per_instruction) {
        writeln!(out, "instructions:  {}, {bits:.4} bits of the file for each", grouped(instructions))?;
    }
    print_streams(&info.streams, out)?;
    print_damage(info, out)
}

/// How large each stream is, stored and unpacked.
fn print_streams(streams: &BTreeMap<ChunkKind, Stream>, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(
        out,
        "\n{:<12} {:>8} {:>16} {:>16} {:>7}",
        "stream", "chunks", "bytes", "uncompressed", "ratio"
    )?;
    for (kind, stream) in streams {
        let ratio = stream.raw_bytes as f64 / stream.bytes.max(1) as f64;
        let (name, chunks) = (kind.name(), grouped(stream.chunks));
        let (bytes, raw) = (grouped(stream.bytes), grouped(stream.raw_bytes));
        writeln!(out, "{name:<12} {chunks:>8} {bytes:>16} {raw:>16} {ratio:>7.2}")?;
    }
    Ok(())
}

fn print_damage(info: &Info, out: &mut impl Write) -> Result<(), Failure> {
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

/// What was recorded, and with what.
fn print_run(run: &RunInfo, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "recorded by:   {}", line(&run.tool))?;
    let embedded = if run.is_embedded { "" } else { ", not in the file" };
    writeln!(out, "sample:        {} ({} bytes{embedded})", line(&run.name), grouped(run.sample_bytes))?;
    writeln!(out, "sha256:        {}", line(&run.sha256))?;
    writeln!(out, "persona:       {}, seed {}", line(&run.persona), run.seed)?;
    Ok(())
}
