//! `spoor debug`: a debugger on a recorded run, forwards and backwards.

mod dap;
mod listing;
mod prompt;
mod stops;

use std::{
    io::{self, BufRead, IsTerminal as _, Write},
    path::PathBuf,
};

use clap::Args;
use wasmspoor::{text::grouped, values::Debugger};

use self::prompt::{Flow, Prompt};
use super::{Exit, Failure, places::Places, report::DetachedSample, symbols, valued};

/// Walk through a recorded run as with a debugger: step, breakpoints, watchpoints, forwards and backwards
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor record sample.wasm -o sample.spoor
  spoor debug sample.spoor
  printf 'break host fd_write\\ncontinue\\nbacktrace\\n' | spoor debug sample.spoor
  spoor debug sample.spoor --dap

Nothing runs any more: the recording is walked through, so what happens at a breakpoint can be looked at as often as needed, and from there back to
where a value came from. `help` lists the commands. With --dap it speaks the Debug Adapter Protocol on standard input and output, for VS Code and
other editors (docs/debugging.md).
Exit codes: 0 ended; 1 the values are not known to where it was asked to go, or the file lost its sample or header; 2 wrong usage, or a file that cannot be read; 3 nothing ran.")]
pub(super) struct Arguments {
    /// The trace file
    file: PathBuf,
    #[command(flatten)]
    sample: DetachedSample,
    #[command(flatten)]
    symbols: symbols::Arguments,
    /// Speak the Debug Adapter Protocol on standard input and output
    #[arg(long)]
    dap: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let recorded = valued::open(&arguments.sample, &arguments.file)?;
    let trace = valued::trace(&recorded)?;
    let mut places = arguments.symbols.places(trace)?;
    let entries = recorded.run.as_ref().map_or(&[][..], |run| &run.entries);
    places.ended = entries.last().cloned().map(Box::new);
    let mut debugger = Debugger::new(trace).map_err(valued::end)?;
    let input = io::stdin().lock();
    if arguments.dap {
        return dap::serve(debugger, &places, input, out);
    }
    match io::stdin().is_terminal() {
        true => talk(&places, &mut debugger, out),
        false => read(Prompt::new(&mut debugger, &places), input, out),
    }
}

/// Reads commands from a file or a pipe.
fn read(mut prompt: Prompt<'_, '_>, input: impl BufRead, out: &mut impl Write) -> Result<Exit, Failure> {
    let mut exit = match prompt.execute("where", out)? {
        Flow::Ended => Exit::Findings,
        Flow::On | Flow::Quit => Exit::Done,
    };
    for line in input.lines() {
        match prompt.execute(&line?, out)? {
            Flow::Quit => break,
            Flow::Ended => exit = Exit::Findings,
            Flow::On => {}
        }
        out.flush()?;
    }
    Ok(exit)
}

/// Reads commands from a person: with history and completion.
fn talk<'t>(places: &Places<'t>, debugger: &mut Debugger<'t>, out: &mut impl Write) -> Result<Exit, Failure> {
    use rustyline::{Config, Editor, error::ReadlineError, history::MemHistory};
    let mut editor: Editor<prompt::Words, MemHistory> =
        Editor::with_history(Config::default(), MemHistory::new())?;
    editor.set_helper(Some(prompt::Words::of(places)));
    let mut prompt = Prompt::new(debugger, places);
    let mut last = String::from("where");
    prompt.execute(&last, out)?;
    loop {
        out.flush()?;
        match editor.readline(&format!("(spoor {}) ", grouped(prompt.position()))) {
            Ok(line) => {
                // An empty line is the command before once more, as debuggers have it.
                if !line.trim().is_empty() {
                    editor.add_history_entry(&line)?;
                    last = line;
                }
                if matches!(prompt.execute(&last, out)?, Flow::Quit) {
                    return Ok(Exit::Done);
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(Exit::Done),
            Err(error) => return Err(error.into()),
        }
    }
}
