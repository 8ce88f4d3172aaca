//! `spoor rerun`: runs a recorded sample again and compares.

use std::{io::Write, path::PathBuf};

use clap::Args;
use wasmspoor::{
    file::Rerun,
    text::{self, grouped, line},
};

use super::{
    Exit, Failure,
    input::Progress,
    output::Object,
    report::{self, DetachedSample},
};

/// Run a recorded sample again as it was run, and compare every decision, record and host call
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor rerun sample.spoor
  spoor rerun sample.spoor --json

A run that the clock stopped is stopped again at the same moment, whatever the time. Of a file that is cut off, what is there is compared;
of one that is damaged, what comes before the damage.
Exit codes: 0 everything is equal; 1 something differs (the first event that does is named), or the file is cut off or damaged, even if it lacks
only its index: what is there was compared, unless header or sample is lost; 2 the file cannot be read, or the limits in it are higher than
`spoor record` takes.")]
pub(super) struct Arguments {
    /// The trace file
    file: PathBuf,
    #[command(flatten)]
    sample: DetachedSample,
    /// Print one JSON object; its fields are described in docs/json.md
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let recorded = arguments.sample.open(&arguments.file)?;
    if !recorded.has_header {
        let name = arguments.file.display();
        let message =
            format!("{name}: the header is missing or damaged: it is not known how the sample was run");
        return Err(Failure::new(Exit::Findings, anyhow::anyhow!(message)));
    }
    if let Err(problem) = recorded.header.options.limits.check() {
        let name = arguments.file.display();
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!("{name}: it is not run again: {problem}")));
    }
    let progress = Progress::begin("running again", &arguments.file);
    let rerun = recorded.rerun();
    let is_whole = recorded.run.as_ref().map_or(true, |run| run.trace.is_whole());
    drop(progress);
    match arguments.json {
        true => text::write_json(out, &Object { schema: "spoor.rerun/1", fields: &rerun })?,
        false => print(&rerun, out)?,
    }
    if rerun.is_equal && rerun.is_complete && !is_whole {
        report::tell_harmless(&arguments.file);
    }
    Ok(if rerun.is_equal && rerun.is_complete && is_whole { Exit::Done } else { Exit::Findings })
}

fn print(rerun: &Rerun, out: &mut impl Write) -> Result<(), Failure> {
    let Rerun { decisions, records, log_items, .. } = rerun;
    let (decisions, records, items) = (grouped(*decisions), grouped(*records), grouped(*log_items));
    let compared = format!("{decisions} decisions, {records} records, {items} items of the log");
    for damage in &rerun.damage {
        writeln!(out, "the file is damaged: {damage}")?;
    }
    let Some(difference) = &rerun.difference else {
        let what = if rerun.is_complete { "equal" } else { "equal as far as the file goes" };
        writeln!(out, "{what}: {compared}")?;
        return Ok(());
    };
    writeln!(out, "differs in the {} at number {}", difference.stream, grouped(difference.position))?;
    if let Some(point) = &difference.point {
        let site = point.place().map(|site| format!(", {site}")).unwrap_or_default();
        writeln!(out, "event:    {}{site}", grouped(point.event))?;
    }
    writeln!(out, "recorded: {}", line(&difference.recorded))?;
    writeln!(out, "now:      {}", line(&difference.now))?;
    writeln!(out, "equal before that: {compared}")?;
    Ok(())
}
