//! `spoor record`: runs a sample and writes what happened to a trace file.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use wasmspoor::{
    analysis::Analysis,
    file::{self, FileError, Recorded, Written},
    passes::flows::Look,
    sandbox::{RunOptions, Status},
    text::{grouped, line},
};

use super::{
    Exit, Failure,
    input::Progress,
    output, plural,
    print::unusable,
    sample::{self, Analysed, Analyser},
};

/// Run a sample and write everything that happened to a trace file, while it happens
///
/// The file holds the sample too, and lasts: `spoor report` makes the same report from it as `spoor run` of
/// the sample (with `--effects`; without, as `spoor run --values off`), `spoor rerun` runs it again and
/// compares. A recording that is cut off (a crash, a full disk) is read as far as it goes. An entry point
/// that comes to its budget is stopped: then the line that is printed says which.
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor record sample.wasm -o sample.spoor
  spoor record sample.wasm -o sample.spoor --detached --persona workstation
  spoor record sample.wasm -o sample.spoor --no-budgets --time-limit 600
  spoor report sample.spoor

Exit codes: 0 recorded; 2 wrong usage, or a file that is there already or cannot be created; 3 not a valid module, 4 valid but not executable
(the file says so); 5 the file could not be written to its end: what was written can be read; 130 interrupted, likewise.")]
pub(super) struct Arguments {
    /// The sample, binary or text; `-` reads standard input
    file: PathBuf,
    /// The trace file
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write over a file that is there already
    #[arg(long)]
    force: bool,
    /// Leave the sample out: only its SHA-256 is kept, and reading the file needs the sample beside it
    #[arg(long)]
    detached: bool,
    /// Keep what the host did to the sample too (results, bytes written to memory), so that `spoor report`
    /// can follow what it was given, and what shows values need not run the sample again. A program of before
    /// this option refuses the file
    #[arg(long)]
    effects: bool,
    #[command(flatten)]
    sample: sample::Arguments,
}

/// Says what was written.
fn print(path: &Path, written: &Written, out: &mut impl Write) -> Result<(), Failure> {
    write!(out, "{}: {} bytes", line(&path.display().to_string()), grouped(written.bytes))?;
    if let Some(instructions) = written.instructions {
        write!(out, ", {}", plural(instructions, "instruction"))?;
        if instructions > 0 {
            write!(out, ", {:.4} bits for each", written.bytes as f64 * 8.0 / instructions as f64)?;
        }
    }
    if !written.stopped.is_empty() {
        let stopped = written.stopped.iter().map(|(name, limit)| format!("{} ({limit})", line(name)));
        write!(out, ", stopped early: {}", stopped.collect::<Vec<_>>().join(", "))?;
    }
    writeln!(out)?;
    Ok(())
}

/// Why a trace file cannot be written where it should be.
fn problem(arguments: &Arguments) -> Option<&'static str> {
    match arguments.output.to_str() {
        Some("-") => Some("a trace file cannot be written to standard output"),
        _ if output::is_same_file(&arguments.file, &arguments.output) => {
            Some("the trace file would take the place of the sample")
        }
        _ if arguments.sample.has_rules() => Some("--rules judges nothing here: give it to `spoor report`"),
        _ => None,
    }
}

/// Says on standard error that entry points did not come to their end.
fn warn_of_stops(count: u64, has_budgets: bool) {
    let entries = plural(count, "entry point");
    match (count, has_budgets) {
        (0, _) => {}
        (_, true) => super::complain!(
            "spoor: {entries} came to a budget or a limit, and the file holds the run up to there; \
             --no-budgets lifts the budgets of entry points, and the limits are options too"
        ),
        (_, false) => super::complain!(
            "spoor: {entries} came to a limit of the whole run, and the file holds the run up to there; \
             --time-limit, --max-decisions and --max-instructions set the limits"
        ),
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    if let Some(problem) = problem(arguments) {
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!("{}: {problem}", arguments.output.display())));
    }
    let analyser = arguments.sample.prepare()?;
    let (bytes, options) = analyser.read(&arguments.file)?;
    let name = arguments.file.display().to_string();
    let sample = file::Sample { name: &name, bytes: &bytes, is_embedded: !arguments.detached };
    let written = write(&arguments.output, arguments.force, arguments.effects, &sample, &options)?;
    print(&arguments.output, &written, out)?;
    warn_of_stops(written.stopped.len() as u64, arguments.sample.has_budgets());
    match written.status {
        Err(error) => Err(Failure::new(Exit::of_refused(&error), error)),
        Ok(Status::Unsupported) => {
            let message = format!("{name}: the sample cannot be started; `spoor report` says why");
            Err(Failure::new(Exit::NotExecutable, anyhow::anyhow!(message)))
        }
        Ok(_) => Ok(Exit::Done),
    }
}

/// Runs a sample, records it to a new file, and analyses what is in the file.
pub(super) fn analyse(
    analyser: &Analyser<'_>,
    file: &Path,
    save: &Path,
    look: Look,
) -> Result<Analysed, Failure> {
    // It is read again for the report.
    if save.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        let message = format!("{}: is there already; --save makes a new file", save.display());
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)));
    }
    if fs::metadata(save).is_ok_and(|metadata| !metadata.is_file()) {
        let message =
            format!("{}: --save needs a regular file (`spoor record` writes to others)", save.display());
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)));
    }
    let (bytes, options) = analyser.read(file)?;
    let name = file.display().to_string();
    let sample = file::Sample { name: &name, bytes: &bytes, is_embedded: true };
    write(save, false, look != Look::Off, &sample, &options)?;
    let mut recorded = open(save, None)?;
    if look != Look::Off {
        recorded.read_effects();
    }
    let analysis = Analysis::of_recorded_with_values(recorded, analyser.rules(), look);
    Ok(Analysed { name, options, analysis })
}

/// Whether both are the same file, whatever they are called.
fn write(
    path: &Path,
    force: bool,
    effects: bool,
    sample: &file::Sample<'_>,
    options: &RunOptions,
) -> Result<Written, Failure> {
    file::check_options(options).map_err(|problem| Failure::new(Exit::Usage, anyhow::Error::msg(problem)))?;
    let file = create(path, force)?;
    say_when_interrupted(path);
    let progress = Progress::begin("recording", Path::new(sample.name));
    let record = if effects { file::record_with_effects } else { file::record };
    let written = record(file, path, sample, options);
    drop(progress);
    // A pipe that is closed is an error here: it is not standard output, whose reader may have seen enough.
    Ok(written.map_err(io::Error::other).with_context(|| path.display().to_string())?)
}

/// Ctrl-C ends the program as ever, with a word on what is left.
fn say_when_interrupted(path: &Path) {
    let path = line(&path.display().to_string());
    // Where it cannot be set, the program ends without the word.
    let _ = ctrlc::set_handler(move || {
        super::complain!("spoor: interrupted: {path} holds the run almost up to here, and can be read");
        std::process::exit(Exit::Interrupted as i32);
    });
}

/// A file that was not there, unless it may be written over and nobody else is writing it. A file that is no
/// regular one, such as a pipe, is opened as it is.
///
/// It has its name from the beginning, not at the end: a recording that is cut off can be read.
fn create(path: &Path, force: bool) -> Result<File, Failure> {
    let is_special = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    let mut options = OpenOptions::new();
    options.write(true);
    match (is_special, force) {
        (true, _) => options.create(false),
        // It is emptied once it is ours.
        (false, true) => options.create(true).truncate(false),
        (false, false) => options.create_new(true),
    };
    let refused = |problem: &str| Failure::new(Exit::Usage, anyhow::anyhow!("{}: {problem}", path.display()));
    let file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => refused("is there already; --force writes over it"),
        _ => unusable(path, error),
    })?;
    if !is_special {
        // On Windows a lock would keep readers out, of whom we are one. Some file systems have none.
        if cfg!(unix) && matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(refused("another process is writing it"));
        }
        if force {
            file.set_len(0).map_err(|error| unusable(path, error))?;
        }
    }
    Ok(file)
}

/// Opens a trace file.
pub(super) fn open(path: &Path, sample: Option<&[u8]>) -> Result<Recorded, Failure> {
    Recorded::open(path, sample).map_err(|error| failure(path, error))
}

pub(super) fn failure(path: &Path, error: FileError) -> Failure {
    let exit = if matches!(error, FileError::Lost(_)) { Exit::Findings } else { Exit::Usage };
    Failure::new(exit, anyhow::Error::new(error).context(path.display().to_string()))
}

/// Whether a file begins as a trace file does.
pub(super) fn is_trace(path: &Path) -> bool {
    let mut head = [0; file::MAGIC.len()];
    // What is read from a pipe is gone.
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
        && File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head)).is_ok()
        && head == file::MAGIC
}
