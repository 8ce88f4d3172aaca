//! Running a sample for a subcommand: reading the file, the entry points in their order, progress.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use wasmspoor::{InvokeError, Options, Outcome, Session, Tracer};

use super::{Exit, Failure, limits};

/// Bytes of a sample file at most.
const MAX_SAMPLE_BYTES: u64 = 1 << 30;

#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// The sample, binary or text; `-` reads standard input
    pub(super) file: PathBuf,
    /// The exported function to call after the start function, and its arguments (give FILE first). Without this option: `_start`, if it is exported
    #[arg(long, value_name = "EXPORT [ARG]", num_args = 1.., allow_negative_numbers = true)]
    invoke: Option<Vec<String>>,
    #[command(flatten)]
    limits: limits::Arguments,
}

/// An entry point and how it ended.
pub(super) struct Entry {
    /// `start`, or the name of the export.
    pub(super) name: String,
    pub(super) outcome: Outcome,
}

/// Runs the sample: start function, then the export asked for, or `_start`.
pub(super) fn run(arguments: &Arguments) -> Result<(Session, Vec<Entry>), Failure> {
    let bytes = read(&arguments.file).map_err(|error| Failure::new(Exit::Usage, error))?;
    let limits = arguments.limits.to_limits().map_err(|error| Failure::new(Exit::Usage, error))?;
    let progress = Progress::begin(&arguments.file);
    let tracer = Tracer::new(Options::default().limits(limits));
    let invalid = |error| Failure::new(Exit::Invalid, anyhow::Error::new(error).context(arguments.file.display().to_string()));
    let mut session = tracer.load(&bytes).map_err(invalid)?;
    drop(bytes);
    let entries = enter(&mut session, arguments.invoke.as_deref())?;
    drop(progress);
    Ok((session, entries))
}

fn enter(session: &mut Session, invoke: Option<&[String]>) -> Result<Vec<Entry>, Failure> {
    let not_executable = |error: InvokeError| Failure::new(Exit::NotExecutable, error);
    let export = match invoke {
        Some(words) => words.first().cloned(),
        None => session.params("_start").is_some_and(|params| params.is_empty()).then(|| "_start".to_owned()),
    };
    // Wrong arguments are said before anything runs.
    let args = match (&export, invoke) {
        (Some(export), Some(words)) => arguments_of(session, export, &words[1..])?,
        _ => Vec::new(),
    };
    let mut entries = Vec::new();
    let outcome = session.start().map_err(not_executable)?;
    let goes_on = matches!(outcome, Outcome::Returned(_));
    if session.module().start().is_some() || !goes_on {
        entries.push(Entry { name: "start".into(), outcome });
    }
    if let (Some(export), true) = (export, goes_on) {
        let outcome = session.invoke(&export, &args).map_err(not_executable)?;
        entries.push(Entry { name: export, outcome });
    }
    Ok(entries)
}

/// Reads the arguments of an export by their types.
fn arguments_of(session: &Session, export: &str, words: &[String]) -> Result<Vec<wasmspoor::Value>, Failure> {
    let fail = |message: String| Failure::new(Exit::NotExecutable, anyhow::anyhow!(message));
    let Some(params) = session.params(export) else {
        let exports = session.exports();
        let shown: Vec<_> = exports.iter().take(20).map(|name| format!("`{name}`")).collect();
        let known = match (shown.is_empty(), exports.len() - shown.len()) {
            (true, _) => "it exports none".to_owned(),
            (false, 0) => format!("it exports {}", shown.join(", ")),
            (false, more) => format!("it exports {} and {more} more", shown.join(", ")),
        };
        return Err(fail(format!("there is no exported function `{export}`; {known}")));
    };
    if params.len() != words.len() {
        let types: Vec<_> = params.iter().map(ToString::to_string).collect();
        return Err(fail(format!("`{export}` takes {} arguments ({}), {} given", params.len(), types.join(" "), words.len())));
    }
    params.iter().zip(words).map(|(ty, word)| ty.parse(word).map_err(fail)).collect()
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let source: Box<dyn io::Read> = match file.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(file).with_context(|| file.display().to_string())?),
    };
    source.take(MAX_SAMPLE_BYTES + 1).read_to_end(&mut bytes).with_context(|| file.display().to_string())?;
    anyhow::ensure!(bytes.len() as u64 <= MAX_SAMPLE_BYTES, "{}: larger than {MAX_SAMPLE_BYTES} bytes", file.display());
    Ok(bytes)
}

/// A spinner on the standard error, if that is a terminal, from the first second on.
struct Progress(indicatif::ProgressBar);

impl Progress {
    fn begin(file: &Path) -> Self {
        let bar = indicatif::ProgressBar::new_spinner();
        let style = indicatif::ProgressStyle::with_template("{spinner} {msg} {elapsed}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_spinner());
        bar.set_style(style);
        bar.set_message(format!("running {}", super::text::escape(&file.display().to_string())));
        bar.enable_steady_tick(Duration::from_secs(1));
        Self(bar)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
