//! `spoor passes`: what each pass says of a run and what it costs.

use std::io::Write;

use clap::Args;
use wasmspoor::passes::{Info, ON_DEMAND, PASSES};

use super::{Exit, Failure};

/// List what is measured of a run: each pass, what it says, what it costs
///
/// All of the first list are fed by one replay of the trace; `run --json` has what they say.
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = table())]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    writeln!(out, "{}", table())?;
    Ok(Exit::Done)
}

fn table() -> String {
    let list = |passes: &[Info]| passes.iter().map(entry).collect::<String>();
    format!("Passes of every run:\n{}\nWhen asked for:\n{}", list(PASSES), list(ON_DEMAND).trim_end())
}

fn entry(pass: &Info) -> String {
    let Info { name, help, cost, .. } = pass;
    format!("  {name:<12}  {help}\n{:16}cost: {cost}\n", "")
}
