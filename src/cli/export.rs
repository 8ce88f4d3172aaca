//! `spoor export`: what ran, for the tools that paint coverage and flame graphs.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use wasmspoor::{
    passes::{
        flow::{self, RanBlock},
        stacks::Stacks,
    },
    report::{Names, Report, Subject, chrome, coverage, folded, lcov, pprof, speedscope},
    sandbox::Run,
    trace::ReplayError,
};

use super::{Exit, Failure, names, output, refusal, report, sample, symbols};

/// Write what ran for other tools: coverage for Ghidra, IDA and Binary Ninja, call stacks, a flame graph
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor export drcov sample.wasm -o sample.drcov     # Lighthouse, Cartographer, lightkeeper; base 0x80000000 as Ghidra loads it
  spoor export modoff sample.wasm -o sample.modoff   # a line `sample.wasm+3a06` for each executed instruction; of a component, where it stands in its file
  spoor export folded sample.wasm | inferno-flamegraph > sample.svg
  spoor export flame sample.wasm -o sample.svg
  spoor export speedscope sample.wasm -o sample.speedscope.json
  spoor export pprof sample.wasm -o sample.pb        # pprof -http=: sample.pb
  spoor export chrome sample.wasm -o trace.json      # ui.perfetto.dev, chrome://tracing: entry points, host calls, memory
  spoor export lcov sample.wasm -o sample.info       # lines of the debug information, or of a .wat; genhtml reads it

Of a trace file that is cut off or damaged, what can be replayed is written, and the exit code is 1. Options of the run are refused with a trace file.")]
pub(super) struct Arguments {
    /// What is written
    #[arg(value_enum)]
    kind: Kind,
    /// The sample, binary or text, or a trace file, of which nothing is run; `-` reads a sample from
    /// standard input
    file: PathBuf,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    recorded: report::DetachedSample,
    #[command(flatten)]
    symbols: symbols::Arguments,
    #[command(flatten)]
    sample: sample::Arguments,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Executed blocks, drcov version 2
    Drcov,
    /// Executed instructions as module+offset
    Modoff,
    /// Call stacks with executed instructions
    Folded,
    /// The call stacks as a flame graph, SVG
    Flame,
    /// The call stacks as a profile for speedscope
    Speedscope,
    /// The call stacks as a profile for pprof
    Pprof,
    /// Entry points, host calls and memory on virtual time, for Perfetto
    Chrome,
    /// Which lines of the source ran, as lcov has it
    Lcov,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    output::spares(arguments.output.as_ref(), [&arguments.file])?;
    let mut analysed = arguments.recorded.analyse_either(&arguments.file, &arguments.sample)?;
    arguments.symbols.give(&mut analysed)?;
    if let Some(refused) = refusal(&analysed) {
        return Err(refused);
    }
    let sample::Analysed { name, analysis, options } = analysed;
    let Some(run) = &analysis.run else {
        return Err(Failure::new(Exit::NotExecutable, anyhow::anyhow!("the sample did not run")));
    };
    let names = Names::of(&analysis.view);
    let mut bytes = Vec::new();
    match arguments.kind {
        Kind::Drcov => coverage::write_drcov(&name, &*names::module(&analysis)?, &blocks(run)?, &mut bytes)?,
        Kind::Modoff => {
            coverage::write_modoff(&name, &*names::module(&analysis)?, &blocks(run)?, &mut bytes)?
        }
        Kind::Folded => folded::write(&stacks(run)?, &names, &mut bytes)?,
        Kind::Flame => folded::write_svg(&stacks(run)?, &names, &name, &mut bytes)?,
        Kind::Speedscope => speedscope::write(&name, &stacks(run)?, &analysis.view, &mut bytes)?,
        Kind::Pprof => pprof::write(&name, &stacks(run)?, &analysis.view, &mut bytes)?,
        Kind::Chrome => {
            let subject = Subject { name: &name, analysis: &analysis, options: &options, max_log: 0 };
            chrome::write(&Report::of(&subject), run, &mut bytes)?;
        }
        Kind::Lcov => {
            let module = names::module(&analysis)?;
            let text = analysis.text.as_deref();
            let source = lcov::Source { name: &name, module: &module, view: &analysis.view, text };
            lcov::write(source, &blocks(run)?, &mut bytes)
                .map_err(|error| Failure::new(Exit::NotExecutable, error))?;
        }
    }
    output::write(arguments.output.as_ref(), &bytes, out)?;
    // Events that could be replayed are written in any case, and standard error says what is missing.
    Ok(exit_of(&arguments.file, run))
}

/// Whether the trace file lacks something of the run.
pub(super) fn is_incomplete(run: &Run) -> bool {
    !run.lost.is_empty() || run.trace.gap().is_some()
}

/// The exit code when all is told that the trace file holds. It says whether the file was cut off or damaged,
/// even if it lacks only its index.
pub(super) fn exit_of(file: &Path, run: &Run) -> Exit {
    match (is_incomplete(run), run.trace.is_whole()) {
        (true, _) => Exit::Findings,
        (false, true) => Exit::Done,
        (false, false) => {
            report::tell_harmless(file);
            Exit::Findings
        }
    }
}

/// What was replayed of a run. That it ended early is an error unless the trace file lacks the rest.
pub(super) fn known<T>(run: &Run, (part, ended): (T, Result<(), ReplayError>)) -> Result<T, Failure> {
    match ended {
        Err(error) if !is_incomplete(run) => Err(error.into()),
        _ => Ok(part),
    }
}

fn blocks(run: &Run) -> Result<Vec<RanBlock>, Failure> {
    known(run, flow::known_blocks(&run.trace))
}

fn stacks(run: &Run) -> Result<Stacks, Failure> {
    let stacks = known(run, Stacks::known(&run.trace))?;
    if stacks.merged > 0 {
        crate::cli::complain!(
            "spoor: {} instructions of deeper or further stacks count for a caller",
            stacks.merged
        );
    }
    Ok(stacks)
}
