//! `spoor report`: what `spoor run` prints, from a trace file.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use wasmspoor::{analysis::Analysis, passes::flows::Look, rules, sandbox::Run, text::line};

use super::{
    Exit, Failure,
    format::{Between, Turn},
    given,
    input::{self, Progress},
    print::{self, Print},
    record,
    sample::{self, Analysed, Values},
    symbols,
};

/// Print from a trace file what `spoor run` of its sample prints: nothing is run
///
/// What the sample was given is followed only if the file holds what the host did (`spoor run --save`, `spoor
/// record --effects`). Of any other file the report is that of `spoor run --values off`, so rules that ask
/// for flows do not match.
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor report sample.spoor
  spoor report sample.spoor --json -o report.json
  spoor report sample.spoor --html -o report.html
  spoor report detached.spoor --sample sample.wasm -vv

Exit codes are those of `spoor run`, so they speak of the verdict; a file that is no trace file, or that lost its sample, gives 2. A file that is cut off or damaged
is read as far as it goes, and the report and a line on standard error say so; without all of it the verdict is never CLEAN, so --fail-on undecided gives 1.")]
pub(super) struct Arguments {
    /// The trace file
    file: PathBuf,
    #[command(flatten)]
    sample: DetachedSample,
    /// Further rules: files (.yml, .yar) or folders; may be repeated
    #[arg(long, value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// Follow what the sample was given, as `spoor run` does, if the file holds what the host did. Nothing is
    /// run; `spoor taint` runs it again
    #[arg(long, value_enum, default_value_t = Values::Auto)]
    values: Values,
    #[command(flatten)]
    symbols: symbols::Arguments,
    #[command(flatten)]
    print: Print,
}

/// The sample of a file that does not hold it
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct DetachedSample {
    /// The sample, if the trace file does not hold it
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
}

impl DetachedSample {
    /// Opens a trace file with this sample.
    pub(super) fn open(&self, file: &Path) -> Result<wasmspoor::file::Recorded, Failure> {
        let sample = self.sample.as_ref().map(|sample| input::read(sample)).transpose();
        let sample = sample.map_err(|error| Failure::new(Exit::Usage, error))?;
        record::open(file, sample.as_deref())
    }

    /// Analyses what a trace file holds, and says on standard error what it lacks.
    pub(super) fn analyse(&self, file: &Path, rules: &rules::Set, look: Look) -> Result<Analysed, Failure> {
        let mut recorded = self.open(file)?;
        // By default it is followed where it can be; whoever asks for all of it is told.
        if look != Look::Off && !recorded.read_effects() && look == Look::Full {
            let file = line(&file.display().to_string());
            crate::cli::complain!(
                "spoor: {file}: it does not hold what the host did, so nothing is followed"
            );
        }
        let (name, options) = (recorded.header.name.clone(), recorded.header.options.clone());
        let progress = Progress::begin("reading", file);
        let analysis = Analysis::of_recorded_with_values(recorded, rules, look);
        drop(progress);
        analysis.run.iter().for_each(|run| tell_lost(file, run));
        if let Some(error) = &analysis.dynamic.error {
            tell(file, error);
        }
        Ok(Analysed { name, options, analysis })
    }

    /// Analyses a sample, or what a trace file holds of one.
    pub(super) fn analyse_either(&self, file: &Path, how: &sample::Arguments) -> Result<Analysed, Failure> {
        let is_trace = self.is_of_trace(file)?;
        let analyser = how.prepare()?;
        match is_trace {
            true => self.analyse(file, analyser.rules(), Look::Off),
            false => analyser.analyse(file),
        }
    }

    /// Whether a file is a trace file. An option that says nothing of such a file is wrong usage: how to run
    /// what was run already, or where the sample of a sample is.
    pub(super) fn is_of_trace(&self, file: &Path) -> Result<bool, Failure> {
        let is_trace = record::is_trace(file);
        let name = || line(&file.display().to_string());
        let refused = match (is_trace, &self.sample) {
            (true, _) => given::typed().first().map(|option| {
                format!("{option} is for samples; {} is a trace file, and holds how it was run", name())
            }),
            (false, Some(_)) => Some(format!("--sample is for trace files; {} is none", name())),
            (false, None) => None,
        };
        refused.map_or(Ok(is_trace), |why| Err(Failure::new(Exit::Usage, anyhow::anyhow!(why))))
    }
}

/// Says on standard error what is missing of a run, however little is printed of it.
pub(super) fn tell_lost(file: &Path, run: &Run) {
    run.lost.iter().take(super::limits::LOST_SHOWN).for_each(|lost| tell(file, &lost.to_string()));
}

/// The same, where the run is all there and only what is made from it lacks.
pub(super) fn tell_harmless(file: &Path) {
    tell(file, "its index, or what was kept beside the run, is missing or damaged; the run is all there");
}

fn tell(file: &Path, what: &str) {
    crate::cli::complain!("spoor: {}: {}", line(&file.display().to_string()), line(what));
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    arguments.print.spares([&arguments.file])?;
    let rules = match arguments.rules.is_empty() {
        true => rules::Set::builtin(),
        false => rules::Set::load(&arguments.rules).map_err(|error| Failure::new(Exit::Usage, error))?,
    };
    // Here 1 speaks of the verdict.
    let refused = |failure: Failure| Failure::new(Exit::Usage, failure.cause);
    let analysed = arguments.sample.analyse(&arguments.file, &rules, arguments.values.into());
    let mut analysed = analysed.map_err(refused)?;
    arguments.symbols.give(&mut analysed)?;
    let is_all_there = |run: &&Run| run.lost.is_empty() && run.trace.gap().is_none();
    if analysed.analysis.run.as_ref().filter(is_all_there).is_some_and(|run| !run.trace.is_whole()) {
        tell_harmless(&arguments.file);
    }
    let format = arguments.print.format();
    arguments.print.to(out, |screen, out| {
        format.begin(out)?;
        let between = Between::new(false);
        let (is_many, is_first, file) = (false, true, &*arguments.file);
        let turn = Turn { is_many, is_first, command: "report", file, between: &between };
        let exit = print::write(&arguments.print, turn, screen, &analysed, out)?;
        format.end(&between, out)?;
        Ok(exit)
    })
}
