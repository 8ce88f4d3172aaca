//! `spoor diff`: two samples, or two builds of one.

use std::{io::Write, path::PathBuf};

use clap::Args;
use wasmspoor::{
    report::{Report, Subject, diff::Diff},
    text,
};

use super::{
    Exit, Failure, refusal,
    sample::{self, Analysed},
    words,
};

/// Compare two samples: verdict, rules, imports, exports, functions, measurements, coverage, host calls
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor diff old.wasm new.wasm
  spoor diff old.wasm new.wasm --json | jq .facts

Both samples are run with the same options. The exit code is 3 if one is not a valid module, else 4 if one cannot be executed.")]
pub(super) struct Arguments {
    /// The first sample
    a: PathBuf,
    /// The second sample
    b: PathBuf,
    /// Print one JSON object, schema spoor.diff/1, see docs/json.md
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sample: sample::Arguments,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let analyser = arguments.sample.prepare()?;
    let (a, b) = (analyser.analyse(&arguments.a)?, analyser.analyse(&arguments.b)?);
    let diff = Diff::of(&report(&a), &report(&b));
    match arguments.json {
        true => text::write_json(out, &diff)?,
        false => diff.write_text(out)?,
    }
    out.flush()?;
    let mut exit = Exit::Done;
    for refused in [&a, &b].into_iter().filter_map(refusal) {
        crate::cli::complain!("spoor: {}", words(&refused.cause));
        exit = if exit == Exit::Invalid { exit } else { refused.exit };
    }
    Ok(exit)
}

fn report(Analysed { name, options, analysis }: &Analysed) -> Report<'_> {
    Report::of(&Subject { name, analysis, options, max_log: 0 })
}
