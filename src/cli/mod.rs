//! Options, help and exit codes; one file for each subcommand.
//!
//! A subcommand reads, calls the library and writes to the given output. Only [`main`] prints errors and picks the exit code; a reader that
//! closes its end of a pipe early is no error.

mod dump;
mod limits;
mod run;
mod text;
mod trace;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Exit codes, as `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Done = 0,
    Usage = 2,
    Invalid = 3,
    NotExecutable = 4,
    Internal = 5,
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

/// Runs hostile WebAssembly in a patched interpreter and records every executed instruction.
///
/// Nothing that a sample does leaves the interpreter: it sees no file, clock, network or environment of this machine. Imports are answered
/// with zeros.
#[derive(Debug, Parser)]
#[command(name = "spoor", version, after_help = EXIT_CODES, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  done, whatever the sample did: a trap or a limit reached is a result
  2  wrong usage, or a file that cannot be read
  3  not a valid module, or one that needs what the engine lacks
  4  valid but not executable: no such export, arguments that do not fit, or no way to instantiate it
  5  internal error";

#[derive(Debug, Subcommand)]
enum Command {
    Trace(trace::Arguments),
    Dump(dump::Arguments),
}

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let result = match arguments.command {
        Command::Trace(arguments) => trace::run(&arguments, &mut out),
        Command::Dump(arguments) => dump::run(&arguments, &mut out),
    };
    let result = result.and_then(|exit| out.flush().map(|()| exit).map_err(Failure::from));
    match result {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) if is_closed_pipe(&failure.cause) => ExitCode::from(Exit::Done as u8),
        Err(failure) => {
            eprintln!("spoor: {}", text::escape(&format!("{:#}", failure.cause)));
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
