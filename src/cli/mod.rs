//! Options, help and exit codes; one file for each subcommand.
//!
//! A subcommand reads, calls the library and writes to the given output. Only [`main`] prints errors and
//! picks the exit code; a reader that closes its end of a pipe early is no error.

/// As `eprintln!`, but nobody need listen: whether standard error is full or closed changes nothing.
macro_rules! complain {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        _ = writeln!(std::io::stderr(), $($words)*);
    }};
}
pub(crate) use complain;

mod categories;
mod classify;
mod completions;
mod config;
mod debug;
mod diff;
mod dump;
mod export;
mod extract;
mod find;
mod format;
mod given;
mod graph;
mod host_dir;
mod info;
mod input;
mod known;
mod limits;
mod names;
mod numbers;
mod output;
mod passes;
mod places;
mod print;
mod record;
mod report;
mod rerun;
mod rules;
mod run;
mod sample;
mod scan;
mod serve;
mod session;
mod slice;
mod state;
mod symbols;
mod taint;
mod trace;
mod trace_diff;
mod valued;
mod watch;
mod who_wrote;
mod worker;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use wasmspoor::{
    LoadError,
    limitation::Limitation,
    module::view::Validity,
    report::schema,
    sandbox::Status,
    text::{self, plural},
};

/// Exit codes, as `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Done = 0,
    Findings = 1,
    Usage = 2,
    Invalid = 3,
    NotExecutable = 4,
    Internal = 5,
    Interrupted = 130,
}

impl Exit {
    /// That of a sample which was not loaded.
    fn of_refused(error: &LoadError) -> Self {
        match error {
            LoadError::Unsupported { .. } | LoadError::Engine { .. } | LoadError::TooBig { .. } => {
                Self::NotExecutable
            }
            _ => Self::Invalid,
        }
    }
}

/// An error with the exit code that it stands for.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    cause: anyhow::Error,
}

impl Failure {
    fn new(exit: Exit, cause: impl Into<anyhow::Error>) -> Self {
        Self { exit, cause: cause.into() }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(cause: E) -> Self {
        Self::new(Exit::Internal, cause)
    }
}

/// Runs hostile WebAssembly in a patched interpreter, records every executed instruction, and says what the
/// sample is.
///
/// `spoor run FILE` is the main job. Nothing that a sample does leaves the interpreter: it sees no file,
/// clock, network or environment of this machine.
#[derive(Debug, Parser)]
#[command(name = "spoor", version, after_help = EXIT_CODES, max_term_width = 110)]
struct Arguments {
    /// Options of subcommands from this file, as from the variable SPOOR_CONFIG; `spoor config` shows them
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  done, whatever the sample did: a trap or a limit reached is a result;
     `run`: the verdict is below --fail-on
  1  `run`: the verdict is at or above --fail-on; `rerun`: a difference;
     `scan`, `watch --once`: something has no result;
     `info`, `rerun`, `dump`, `export`, `taint`, and `graph` of a run: the
     trace file is cut off or damaged, even if it lacks only its index, and what is in it is
     told; a trace file that lost its sample, without --sample;
     what shows values: they are not known as far (`report` tells of such a file
     by its verdict alone, which is never CLEAN then);
     `rules lint`, `rules test`: something was found;
     `rules fmt --check`: a file would change
  2  wrong usage, a file that cannot be read, or one that cannot be created;
     `scan`: no module was found
  3  not a valid module
  4  valid but not executable: it needs what the engine lacks or cannot give,
     no such export or function, arguments that do not fit
  5  internal error, or output that cannot be written
130  `scan`, `watch`, `serve`: interrupted
`run`, `graph` and `diff` print what the bytes say of samples that give 3 or 4.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Scan(scan::Arguments),
    Watch(watch::Arguments),
    Serve(serve::Arguments),
    #[command(hide = true)]
    Worker(worker::Arguments),
    Record(record::Arguments),
    Report(report::Arguments),
    Info(info::Arguments),
    Rerun(rerun::Arguments),
    TraceDiff(trace_diff::Arguments),
    Graph(graph::Arguments),
    Export(export::Arguments),
    Diff(diff::Arguments),
    Rules(rules::Arguments),
    Categories(categories::Arguments),
    Passes(passes::Arguments),
    Classify(classify::Arguments),
    Trace(trace::Arguments),
    Dump(dump::Arguments),
    State(state::Arguments),
    WhoWrote(who_wrote::Arguments),
    Find(find::Arguments),
    Slice(slice::Arguments),
    Debug(debug::Arguments),
    Taint(taint::Arguments),
    Completions(completions::Arguments),
    Man(completions::Man),
    Config(config::Arguments),
    /// Print the JSON Schema of `run --json`
    Schema,
}

fn run(command: Command, out: &mut impl io::Write) -> Result<Exit, Failure> {
    match command {
        Command::Run(arguments) => run::run(&arguments, out),
        Command::Scan(arguments) => scan::run(&arguments, out),
        Command::Watch(arguments) => watch::run(&arguments, out),
        Command::Serve(arguments) => serve::run(&arguments, out),
        Command::Worker(arguments) => worker::run(&arguments, out),
        Command::Record(arguments) => record::run(&arguments, out),
        Command::Report(arguments) => report::run(&arguments, out),
        Command::Info(arguments) => info::run(&arguments, out),
        Command::Rerun(arguments) => rerun::run(&arguments, out),
        Command::TraceDiff(arguments) => trace_diff::run(&arguments, out),
        Command::Graph(arguments) => graph::run(&arguments, out),
        Command::Export(arguments) => export::run(&arguments, out),
        Command::Diff(arguments) => diff::run(&arguments, out),
        Command::Rules(arguments) => rules::run(&arguments, out),
        Command::Categories(arguments) => categories::run(&arguments, out),
        Command::Passes(arguments) => passes::run(&arguments, out),
        Command::Classify(arguments) => classify::run(&arguments, out),
        Command::Completions(arguments) => completions::run(&arguments, out),
        Command::Man(arguments) => completions::man(&arguments),
        Command::Config(config::Arguments {}) => config::run(out),
        Command::Schema => write_schema(&schema(), out),
        Command::Trace(arguments) => trace::run(&arguments, out),
        Command::Dump(arguments) => dump::run(&arguments, out),
        Command::State(arguments) => state::run(&arguments, out),
        Command::WhoWrote(arguments) => who_wrote::run(&arguments, out),
        Command::Find(arguments) => find::run(&arguments, out),
        Command::Slice(arguments) => slice::run(&arguments, out),
        Command::Debug(arguments) => debug::run(&arguments, out),
        Command::Taint(arguments) => taint::run(&arguments, out),
    }
}

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    #[cfg(unix)]
    output::fail_at_file_limit();
    if let Err(failure) = config::load() {
        crate::cli::complain!("spoor: {}", words(&failure.cause));
        return ExitCode::from(failure.exit as u8);
    }
    let arguments = Arguments::try_parse_from(numbers::hide(config::words().into_iter()));
    let arguments = arguments.unwrap_or_else(|error| misused(&error));
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let result = run(arguments.command, &mut out);
    let result = result.and_then(|exit| out.flush().map(|()| exit).map_err(Failure::from));
    match result {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) if is_closed_pipe(&failure.cause) => ExitCode::from(Exit::Done as u8),
        Err(failure) => {
            crate::cli::complain!("spoor: {}", words(&failure.cause));
            if failure.exit == Exit::Usage {
                tell_origin();
            }
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// Says that options may be those of a configuration file.
fn tell_origin() {
    if let Some(origin) = config::origin() {
        crate::cli::complain!("spoor: {origin}");
    }
}

/// Says what is wrong with the command line, or helps. Names of files are words of it, and whoever made a
/// sample may have chosen its name.
fn misused(error: &clap::Error) -> ! {
    let said = error.render().to_string();
    let shown = text::escape(&numbers::unhidden(&numbers::rendered(error)));
    if !error.use_stderr() {
        error.exit()
    }
    match shown == said {
        true => _ = error.print(),
        false => crate::cli::complain!("{}", shown.trim_end()),
    }
    if error.kind() == clap::error::ErrorKind::MissingRequiredArgument {
        tell_invoked();
    }
    tell_origin();
    std::process::exit(error.exit_code())
}

/// Other programs take `--invoke EXPORT FILE`, and nothing more of the export there.
fn tell_invoked() {
    if config::words().iter().any(|word| word == "--invoke") {
        crate::cli::complain!(
            "\n  tip: all that follows --invoke EXPORT are its arguments; put FILE before it, or write --invoke=EXPORT FILE"
        );
    }
}

fn write_schema(schema: &impl serde::Serialize, out: &mut impl io::Write) -> Result<Exit, Failure> {
    serde_json::to_writer_pretty(&mut *out, schema)?;
    writeln!(out)?;
    Ok(Exit::Done)
}

/// An error for a terminal. A sample chooses names, and a name with a line feed must not make a line of its
/// own. Only errors that this program lays out in lines, with the source and a caret, keep theirs.
fn words(error: &anyhow::Error) -> String {
    let is_laid_out = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<wasmspoor::rules::RuleLoadError>()
            || cause.is::<wasmspoor::sandbox::PersonaError>()
            || cause.is::<wasmspoor::sandbox::StubError>()
            || cause.is::<toml::de::Error>()
            || matches!(cause.downcast_ref(), Some(LoadError::Text { .. }))
    };
    let mut shown: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let text = if is_laid_out(cause) { text::escape(&text) } else { text::line(&text) };
        // Some errors tell their cause themselves.
        if !shown.last().is_some_and(|before| before.ends_with(&text)) {
            shown.push(text);
        }
    }
    shown.join(": ")
}

/// Why nothing of a sample could be executed, with its exit code; `None` if something could.
fn refusal(analysed: &sample::Analysed) -> Option<Failure> {
    let sample::Analysed { name, analysis, .. } = analysed;
    let exit = match (&analysis.view.validity, analysis.run.as_ref().map(|run| run.status)) {
        (Validity::Invalid { .. }, _) | (_, Some(Status::Invalid)) => Exit::Invalid,
        (_, None | Some(Status::Unsupported)) => Exit::NotExecutable,
        _ => return None,
    };
    let why = match analysis.limitations.first() {
        Some(Limitation::NothingExecuted(error)) => {
            anyhow::Error::new(error.clone()).context("nothing was executed")
        }
        Some(why) => anyhow::anyhow!("{why}"),
        None => anyhow::anyhow!("nothing was executed"),
    };
    Some(Failure::new(exit, why.context(name.clone())))
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests;
