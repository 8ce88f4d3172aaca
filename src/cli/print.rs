//! What is printed of an analysis, and how: shared by `run` and `report`.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{ArgAction, Args, ValueEnum};
use wasmspoor::{
    report::{Report, Subject, text},
    text::escape,
    verdict::Class,
};

use super::{
    Exit, Failure, extract,
    format::{Format, Row, Turn},
    is_closed_pipe, known,
    output::{self, Target},
    refusal,
    sample::Analysed,
};

/// What is printed
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Print {
    /// What is printed
    #[arg(short, long, value_enum, default_value_t, conflicts_with = "short")]
    format: Format,
    /// As --format json: one object, see docs/json.md
    #[arg(long, group = "short")]
    json: bool,
    /// As --format sarif: SARIF 2.1.0
    #[arg(long, group = "short")]
    sarif: bool,
    /// As --format csv: a row for each file
    #[arg(long, group = "short")]
    csv: bool,
    /// As --format html: one file to look at in a browser, without network, with or without scripts
    #[arg(long, group = "short")]
    html: bool,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// More: all reasons, tables, each rule with its places; twice: the evidence and the host calls
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// One line of text: verdict, score, family, file
    #[arg(short, long, conflicts_with_all = ["verbose", "short", "format"])]
    quiet: bool,
    /// The lowest verdict that gives exit code 1
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = FailOn::Suspicious)]
    fail_on: FailOn,
    /// Host calls in the log of --json and -vv at most; the rest is counted
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 10_000)]
    max_log: usize,
    /// With --json: lists in their whole length, however long; without it functions and loops beyond 1,000
    /// and small items beyond 20,000 are counted in `cut`
    #[arg(long)]
    full: bool,
    /// Write what the run left behind into a new folder below DIR: files, bytes sent, output, modules built
    /// in memory, and index.json that says what each is. Files are named after their hash
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,
    #[command(flatten)]
    known: known::Arguments,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
    Malicious,
    Suspicious,
    Unwanted,
    Undecided,
    Never,
}

impl FailOn {
    fn is_reached(self, class: Class) -> bool {
        match self {
            Self::Malicious => class >= Class::Malicious,
            Self::Suspicious => class >= Class::Suspicious,
            Self::Unwanted => class >= Class::PotentiallyUnwanted,
            Self::Undecided => class >= Class::Undecided,
            Self::Never => false,
        }
    }
}

impl Print {
    pub(super) fn format(&self) -> Format {
        let asked = [(self.json, "json"), (self.sarif, "sarif"), (self.csv, "csv"), (self.html, "html")];
        asked.iter().find(|(is_asked, _)| *is_asked).map_or(self.format, |(_, name)| Format::named(name))
    }

    /// Refuses to write over a file that is read.
    pub(super) fn spares<'p>(&self, read: impl IntoIterator<Item = &'p PathBuf>) -> Result<(), Failure> {
        output::spares(self.output.as_ref(), read)
    }

    /// How much text is printed.
    fn level(&self) -> text::Verbosity {
        match self.verbose {
            0 => text::Verbosity::Normal,
            1 => text::Verbosity::Verbose,
            _ => text::Verbosity::Evidence,
        }
    }

    /// Writes with `write` to the file that was named, or to `out`.
    pub(super) fn to<W: Write>(
        &self,
        out: &mut W,
        write: impl FnOnce(&Screen, &mut dyn Write) -> Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        // A mistake in a list is told before anything is run.
        self.known.list()?;
        let Some(path) = &self.output else { return write(&Screen::of_stdout(), out) };
        let file = Target::create(path).map_err(|error| unusable(path, error))?;
        let mut file = BufWriter::new(file);
        let exit = write(&Screen::PLAIN, &mut file)?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(Target::finish).with_context(|| path.display().to_string())?;
        Ok(exit)
    }
}

pub(super) fn unusable(path: &Path, error: io::Error) -> Failure {
    Failure::new(Exit::Usage, anyhow::Error::new(error).context(path.display().to_string()))
}

/// What text is printed on.
pub(super) struct Screen {
    width: u16,
    wrap: bool,
    colour: bool,
}

impl Screen {
    const PLAIN: Self = Self { width: 110, wrap: false, colour: false };

    fn of_stdout() -> Self {
        let colour = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        let terminal = console::Term::stdout().size_checked();
        let width = terminal.map_or(Self::PLAIN.width, |(_, columns)| columns.clamp(60, 200));
        Self { width, wrap: terminal.is_some(), colour }
    }

    /// Text at a level, as this can show it.
    fn options(&self, level: text::Verbosity) -> text::TextOptions {
        text::TextOptions { level, width: self.width, wrap: self.wrap, colour: self.colour }
    }
}

/// Writes the report of a sample.
pub(super) fn write(
    print: &Print,
    turn: Turn<'_>,
    screen: &Screen,
    analysed: &Analysed,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let Analysed { name, options, analysis } = analysed;
    if let Some(dir) = &print.extract {
        let folder = extract::write(dir, analysis).map_err(|error| unusable(dir, error))?;
        crate::cli::complain!("spoor: extracted to {}", escape(&folder.display().to_string()));
    }
    let mut report = Report::of(&Subject { name, analysis, options, max_log: print.max_log });
    let known = print.known.list()?;
    // Of a text both may be on a list: the file, and the module made from it, whose hash the report has.
    let of_text = analysis.text.as_ref().and_then(|text| known.of(text.as_bytes()));
    report.sample.known = of_text.or(known.name(report.sample.sha256));
    let text = screen.options(print.level());
    let row = Row { turn, text, is_quiet: print.quiet, is_full: print.full, run: analysis.run.as_ref() };
    let written = print.format().report(report, row, out);
    // The verdict stands, whether or not anyone reads all of it.
    written
        .map_err(anyhow::Error::new)
        .or_else(|error| if is_closed_pipe(&error) { Ok(()) } else { Err(error) })?;
    Ok(match refusal(analysed) {
        Some(refused) => refused.exit,
        None if print.fail_on.is_reached(analysis.verdict.class) => Exit::Findings,
        None => Exit::Done,
    })
}
