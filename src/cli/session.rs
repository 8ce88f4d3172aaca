//! A bare session for `trace`: the entry points in their order, imports answered with zeros, no sandbox.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use wasmspoor::{InvokeError, Limits, Options, Outcome, Session, Tracer, module::Module, trace::Counting};

use super::{
    Exit, Failure,
    input::{Progress, read},
    limits, names, numbers, plural,
};

#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// The sample, binary or text; `-` reads standard input
    pub(super) file: PathBuf,
    /// The exported function to call after the start function, and its arguments (give FILE first; an export
    /// whose name begins with a dash: `--invoke=-x -5`). Without this option: `_start`, if it is exported, or
    /// what a component runs
    #[arg(long, value_name = "EXPORT [ARG]", num_args = 1.., value_parser = numbers::shown)]
    invoke: Option<Vec<String>>,
    #[command(flatten)]
    limits: limits::Arguments,
}

impl Arguments {
    /// How long it may run.
    pub(super) fn time_limit(&self) -> Option<Duration> {
        self.limits.to_limits(Limits::default()).ok()?.wall_time
    }
}

/// An entry point and how it ended.
pub(super) struct Entry {
    /// `start`, or the name of the export.
    pub(super) name: String,
    pub(super) outcome: Outcome,
}

/// The message when there is nothing to run: `trace` calls no export of itself, and `dump` does.
pub(super) fn nothing(module: &Module) -> String {
    let lacks = "the module has no start function and exports no `_start`";
    match names::exports(module) {
        exports if exports.is_empty() => format!("{lacks}, nor any other function"),
        exports => format!(
            "{lacks}; {}: name one with --invoke (`spoor run` and `spoor dump` call those that seem worth it)",
            names::exported(&exports)
        ),
    }
}

/// Runs the sample: start function, then the export asked for, or `_start`. It is counted meanwhile.
pub(super) fn run(arguments: &Arguments) -> Result<(Session, Counting, Vec<Entry>), Failure> {
    let bytes = read(&arguments.file).map_err(|error| Failure::new(Exit::Usage, error))?;
    let limits =
        arguments.limits.to_limits(Limits::default()).map_err(|error| Failure::new(Exit::Usage, error))?;
    let progress = Progress::begin("running", &arguments.file);
    let tracer = Tracer::new(Options::default().limits(limits));
    let refused = |error| {
        let exit = Exit::of_refused(&error);
        Failure::new(exit, anyhow::Error::new(error).context(arguments.file.display().to_string()))
    };
    let mut session = tracer.load(&bytes).map_err(refused)?;
    drop(bytes);
    let counting = session.count_beside();
    let entries = enter(&mut session, arguments.invoke.as_deref())?;
    warn_of_imports(session.module());
    drop(progress);
    Ok((session, counting, entries))
}

/// Says on standard error that nobody answers the module's imports. A sample that asks for a file, the time
/// or an argument goes another way than in the sandbox.
fn warn_of_imports(module: &Module) {
    let count = module.imported_functions();
    if count > 0 {
        let functions = plural(count.into(), "imported function");
        super::complain!(
            "spoor: {functions} answered with zeros, without the sandbox; `spoor run` and `spoor dump` run in it"
        );
    }
}

fn enter(session: &mut Session, invoke: Option<&[String]>) -> Result<Vec<Entry>, Failure> {
    let not_executable = |error: InvokeError| Failure::new(Exit::NotExecutable, error);
    let export = match invoke {
        Some(words) => words.first().cloned(),
        None => {
            let program = session.module().program().unwrap_or("_start");
            session.params(program).is_some_and(|params| params.is_empty()).then(|| program.to_owned())
        }
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
        let known = names::exported(&session.exports());
        return Err(fail(format!("there is no exported function `{export}`; {known}")));
    };
    if params.len() != words.len() {
        let types: Vec<_> = params.iter().map(ToString::to_string).collect();
        return Err(fail(format!(
            "`{export}` takes {} ({}), {} given",
            plural(params.len() as u64, "argument"),
            types.join(" "),
            words.len()
        )));
    }
    params
        .iter()
        .zip(words)
        .map(|(ty, word)| ty.parse(word).map_err(|error| fail(error.to_string())))
        .collect()
}
