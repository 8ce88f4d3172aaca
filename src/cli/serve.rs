//! `spoor serve`: samples on standard input, reports on standard output, for pipelines; and `spoor scan -`,
//! which is the same for one sample.

use std::{
    io::{self, IsTerminal as _, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use clap::Args;
use wasmspoor::{
    report::Known,
    scan::{
        process::Spawner,
        serve::{Framed, Served, Source, Whole, serve},
    },
};

use super::{Exit, Failure, known, sample, scan::MAX_JOBS, worker};

/// Answer samples that come on standard input with full reports on standard output, each from a process of
/// its own: for pipelines
///
/// A line of JSON with an identifier and a length stands before each sample; so it does before each answer.
/// docs/protocol.md describes both. Archives and other files are looked into, and what is found in them is
/// handed back. The next sample is read when there is a free worker for it. On SIGTERM or Ctrl-C, what is
/// under way is finished; the second time, everything ends at once.
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor serve --stdio --jobs 4
  spoor scan - < sample.wasm > answer  (one sample, no header before it)

Exit codes:
  0    the input ended, or SIGTERM came, and everything that was read is answered
  2    wrong usage, or input that cannot be understood; what came before it is answered
  5    internal error
  130  interrupted twice")]
pub(super) struct Arguments {
    /// Read samples from standard input and answer on standard output
    #[arg(long, required = true)]
    stdio: bool,
    /// Samples at a time, 1 to 256 [default: as many as there are processors]
    #[arg(short, long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(1..=MAX_JOBS as i64))]
    jobs: Option<u16>,
    #[command(flatten)]
    bounds: worker::BoundArguments,
    #[command(flatten)]
    confinement: worker::ConfinementArguments,
    #[command(flatten)]
    known: known::Arguments,
    #[command(flatten)]
    sample: sample::Arguments,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let spawner = worker::reporter(&arguments.sample, &arguments.bounds, interrupted)?;
    arguments.confinement.check(&spawner)?;
    let jobs = worker::jobs(arguments.jobs);
    let source = Framed(io::BufReader::new(io::stdin()));
    answer(&spawner, (jobs, arguments.known.list()?), source, out)
}

/// One sample, which is all of standard input.
pub(super) fn one(spawner: &Spawner, known: &Known, out: &mut impl Write) -> Result<Exit, Failure> {
    answer(spawner, (1, known), Whole(io::stdin(), "-"), out)
}

/// Answers, on what is no terminal: bytes of samples are handed on as they are.
fn answer(
    spawner: &Spawner,
    (jobs, known): (usize, &Known),
    source: impl Source,
    out: &mut impl Write,
) -> Result<Exit, Failure> {
    if io::stdout().is_terminal() {
        let message =
            "answers hold bytes of samples as they are: send them to a program or a file, not to a terminal";
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)));
    }
    let draining = Arc::new(AtomicBool::new(false));
    let (first, second) = (Arc::clone(&draining), Arc::clone(&spawner.interrupted));
    let handler = move || {
        if first.swap(true, Ordering::Relaxed) {
            second.store(true, Ordering::Relaxed);
        }
    };
    ctrlc::set_handler(handler).context("interruptions cannot be handled")?;
    let Served { is_understood, .. } = serve(spawner, (jobs, known), &draining, source, out)?;
    Ok(match (is_understood, spawner.interrupted.load(Ordering::Relaxed)) {
        (_, true) => Exit::Interrupted,
        (true, false) => Exit::Done,
        (false, false) => Exit::Usage,
    })
}
