//! `spoor trace-diff`: where two recorded runs of a sample part.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use wasmspoor::{
    file::{NamedFunction, OutcomeDifference, Parting, Point, Recorded, TraceDiff},
    text::{self, grouped, line},
};

use super::limits::MAX_LOST;
use super::{Exit, Failure, input::Progress, output::Object, report::DetachedSample};

/// Compare two recorded runs of a sample: where they part, and what only one of them did
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor record sample.wasm -o a.spoor
  spoor record sample.wasm -o b.spoor --persona workstation
  spoor trace-diff a.spoor b.spoor
  spoor trace-diff a.spoor b.spoor --json | jq .first

Exit codes: 0 compared, whatever came of it; 1 a file that lost its sample; 2 a file that cannot be read, files of different samples, or of one that could not be run.")]
pub(super) struct Arguments {
    /// The first trace file
    a: PathBuf,
    /// The second trace file
    b: PathBuf,
    #[command(flatten)]
    sample: DetachedSample,
    /// Print one JSON object; its fields are described in docs/json.md
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let open = |path: &Path| -> Result<Recorded, Failure> { arguments.sample.open(path) };
    let (a, b) = (open(&arguments.a)?, open(&arguments.b)?);
    let progress = Progress::begin("comparing", &arguments.a);
    let diff = TraceDiff::of(&a, &b).map_err(|error| Failure::new(Exit::Usage, anyhow::anyhow!(error)))?;
    drop(progress);
    match arguments.json {
        true => text::write_json(out, &Object { schema: "spoor.trace_diff/1", fields: &diff })?,
        false => print(&diff, out)?,
    }
    Ok(Exit::Done)
}

fn print(diff: &TraceDiff, out: &mut impl Write) -> Result<(), Failure> {
    match &diff.first {
        None if diff.lost.iter().all(Vec::is_empty) => writeln!(out, "the runs take the same way")?,
        None => writeln!(out, "the runs take the same way as far as both files have it")?,
        Some(first) => print_parting(first, out)?,
    }
    for (which, lost) in ["first", "second"].into_iter().zip(&diff.lost) {
        for lost in lost.iter().take(MAX_LOST) {
            writeln!(out, "the {which} file is not whole: {}", line(lost))?;
        }
    }
    for (title, functions) in [("first", &diff.functions_only_a), ("second", &diff.functions_only_b)] {
        print_functions(title, functions, out)?;
    }
    if !diff.host_calls.is_empty() {
        writeln!(out, "\n{:>14} {:>14}  host calls", "first", "second")?;
    }
    for calls in &diff.host_calls {
        writeln!(out, "{:>14} {:>14}  {}", grouped(calls.a), grouped(calls.b), line(&calls.name))?;
    }
    diff.outcomes.iter().try_for_each(|outcome| print_outcome(outcome, out))
}

fn print_outcome(outcome: &OutcomeDifference, out: &mut impl Write) -> Result<(), Failure> {
    let shown = |text: &Option<String>| text.as_deref().map_or_else(|| "none".to_owned(), line);
    writeln!(out, "\n{}", line(&outcome.what))?;
    writeln!(out, "  first:  {}\n  second: {}", shown(&outcome.a), shown(&outcome.b))?;
    Ok(())
}

fn print_parting(first: &Parting, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "the runs part in the {} at number {}", first.stream, grouped(first.position))?;
    let shown = |point: &Option<Point>| {
        let Some(point) = point else { return "unknown".to_owned() };
        let site = point.place().map(|site| format!(", {site}")).unwrap_or_default();
        format!("event {}{site}", grouped(point.event))
    };
    let name = first.name.as_ref().map(|name| format!(" {}", line(name))).unwrap_or_default();
    let [a, b] = &first.next;
    writeln!(
        out,
        "  first:  {}{name}: {}\n  second: {}: {}",
        shown(&first.a),
        line(a),
        shown(&first.b),
        line(b)
    )?;
    Ok(())
}

fn print_functions(title: &str, functions: &[NamedFunction], out: &mut impl Write) -> Result<(), Failure> {
    if functions.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nfunctions that ran in the {title} only:")?;
    for function in functions {
        let name = function.name.as_ref().map(|name| format!(" {}", line(name))).unwrap_or_default();
        writeln!(out, "  wasm-function[{}]{name}", function.index)?;
    }
    Ok(())
}
