//! `spoor run`: the main job. Samples in, verdicts with their evidence out.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read as _, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{ArgAction, Args, ValueEnum};
use wasmspoor::{
    report::{Report, Subject, capa, csv, escape, ndjson, sarif, text},
    verdict::Class,
};

use super::{
    Exit, Failure, extract, is_closed_pipe, refusal,
    sample::{self, Analysed, Analyser},
    words,
};

/// Analyse samples: static view, run in the sandbox, rules, verdict with its evidence
///
/// Nothing is executed with host authority: the sample sees a virtual clock, seeded randomness and files in memory, never those of this machine.
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor run sample.wasm
  spoor run sample.wasm -vv
  spoor run sample.wasm --json -o report.json
  spoor run samples/ more.wasm --csv -o samples.csv
  spoor run sample.wasm --invoke mine 3 --fail-on malicious
  spoor run sample.wasm --file notes.txt::/home/user/notes.txt --env HOME=/home/user
  spoor run sample.wasm --persona workstation --extract out/

Exit codes:
  0  the verdict is below --fail-on
  1  the verdict is at or above --fail-on
  2  wrong usage, a file that cannot be read or created, or a folder without a module
  3  not a valid module (the report is printed all the same)
  4  valid but not executable (idem), or no such export as --invoke names
  5  internal error, or output that cannot be written
With several files: the first of 5, 2, 1, 3, 4 that one of them gave.")]
pub(super) struct Arguments {
    /// Samples, binary or text, or folders of them; `-` reads standard input. Several make one line or row each
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What is printed
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
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
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// More: each rule with its places; twice: the evidence and the host calls
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// One line: verdict, score, family, file
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// The lowest verdict that gives exit code 1
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = FailOn::Suspicious)]
    fail_on: FailOn,
    /// Host calls in the log of --json and -vv at most; the rest is counted
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_log: usize,
    /// Write what the run left behind into a new folder below DIR: files, bytes sent, output, modules built in memory, and index.json that says
    /// what each is. Files are named after their hash
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,
    #[command(flatten)]
    sample: sample::Arguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object, schema spoor.report/1
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// A row for each file
    Csv,
    /// A capa result document
    Capa,
    /// A line for each verdict, rule and finding, named as in the Elastic Common Schema
    Ndjson,
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

impl Arguments {
    fn format(&self) -> Format {
        match (self.json, self.sarif, self.csv) {
            (true, ..) => Format::Json,
            (_, true, _) => Format::Sarif,
            (.., true) => Format::Csv,
            _ => self.format,
        }
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let Some(path) = &arguments.output else {
        return analyse(arguments, &Screen::of_stdout(), out);
    };
    let file = File::create(path).map_err(|error| unusable(path, error))?;
    let mut file = BufWriter::new(file);
    let exit = analyse(arguments, &Screen::PLAIN, &mut file)?;
    file.flush().with_context(|| path.display().to_string())?;
    Ok(exit)
}

fn unusable(path: &Path, error: io::Error) -> Failure {
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
}

fn analyse(arguments: &Arguments, screen: &Screen, out: &mut impl Write) -> Result<Exit, Failure> {
    let format = arguments.format();
    let is_many = arguments.files.len() > 1 || arguments.files.iter().any(|file| file.is_dir());
    let is_list = matches!(format, Format::Csv | Format::Ndjson);
    if is_many && !is_list && format != Format::Text {
        let message = "several files need --format text, csv or ndjson; run the others one file at a time";
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)));
    }
    if arguments.files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!("standard input (`-`) can be read once only")));
    }
    let analyser = arguments.sample.prepare()?;
    if format == Format::Csv {
        csv::write_header(out)?;
    }
    let mut worst = Exit::Done;
    for input in expand(&arguments.files) {
        let path = input.path();
        let exit = match input.analyse(&analyser) {
            Ok(analysed) => write(arguments, format, is_many, screen, &analysed, out)?,
            Err(failure) if is_many || is_list => {
                let message = format!("{:#}", failure.cause);
                match format {
                    Format::Csv => csv::write_failure(&path, &message, out)?,
                    Format::Ndjson => ndjson::write_failure(&path, &message, out)?,
                    _ => eprintln!("spoor: {}", words(&failure.cause)),
                }
                failure.exit
            }
            Err(failure) => return Err(failure),
        };
        worst = worse(worst, exit);
        if is_many {
            out.flush()?;
        }
    }
    Ok(worst)
}

/// The one of two exit codes that a folder gives.
fn worse(a: Exit, b: Exit) -> Exit {
    let order = [Exit::Internal, Exit::Usage, Exit::Findings, Exit::Invalid, Exit::NotExecutable];
    order.into_iter().find(|exit| [a, b].contains(exit)).unwrap_or(Exit::Done)
}

fn write(
    arguments: &Arguments,
    format: Format,
    is_many: bool,
    screen: &Screen,
    analysed: &Analysed,
    out: &mut impl Write,
) -> Result<Exit, Failure> {
    let Analysed { name, options, analysis } = analysed;
    if let Some(dir) = &arguments.extract {
        let folder = extract::write(dir, analysis).map_err(|error| unusable(dir, error))?;
        eprintln!("spoor: extracted to {}", escape::escape(&folder.display().to_string()));
    }
    let report = Report::of(&Subject { name, analysis, options, max_log: arguments.max_log });
    let level = match arguments.verbose {
        0 => text::Level::Normal,
        1 => text::Level::Verbose,
        _ => text::Level::Evidence,
    };
    let written = match format {
        Format::Text if arguments.quiet || is_many => text::write_line(&report, out),
        Format::Text => {
            text::write(&report, text::Options { level, width: screen.width, wrap: screen.wrap, colour: screen.colour }, out)
        }
        Format::Json => escape::write_json(out, &report),
        Format::Sarif => sarif::write(&report, out),
        Format::Csv => csv::write_row(&report, out),
        Format::Capa => capa::write(&report, out),
        Format::Ndjson => ndjson::write(&report, out),
    };
    // The verdict stands, whether or not anyone reads all of it.
    written.map_err(anyhow::Error::new).or_else(|error| if is_closed_pipe(&error) { Ok(()) } else { Err(error) })?;
    Ok(match refusal(analysed) {
        Some(refused) => refused.exit,
        None if arguments.fail_on.is_reached(analysis.verdict.class) => Exit::Findings,
        None => Exit::Done,
    })
}

/// A file to analyse, or a folder that could not be read or has none.
enum Input {
    File(PathBuf),
    Unreadable(PathBuf, io::Error),
    Empty(PathBuf),
}

impl Input {
    fn path(&self) -> String {
        let (Self::File(path) | Self::Unreadable(path, _) | Self::Empty(path)) = self;
        path.display().to_string()
    }

    fn analyse(self, analyser: &Analyser<'_>) -> Result<Analysed, Failure> {
        match self {
            Self::File(path) => analyser.analyse(&path),
            Self::Unreadable(path, error) => Err(unusable(&path, error)),
            Self::Empty(path) => {
                let message =
                    format!("{}: there is no module in this folder (.wasm, .wat, or a file that begins as one)", path.display());
                Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)))
            }
        }
    }
}

/// Files as given, and the modules in folders: by name, without following links.
fn expand(paths: &[PathBuf]) -> Vec<Input> {
    let mut found = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => {
                let before = found.len();
                walk(path, &mut found);
                if found.len() == before {
                    found.push(Input::Empty(path.clone()));
                }
            }
            false => found.push(Input::File(path.clone())),
        }
    }
    found
}

fn walk(folder: &Path, found: &mut Vec<Input>) {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return found.push(Input::Unreadable(folder.to_owned(), error)),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&path, found),
            Ok(kind) if kind.is_file() && is_module(&path) => found.push(Input::File(path)),
            _ => {}
        }
    }
}

/// Whether a file of a folder is meant: by its ending, or because it begins like a module. Malware is often kept under its hash alone.
fn is_module(path: &Path) -> bool {
    if path.extension().is_some_and(|ending| ending == "wasm" || ending == "wat") {
        return true;
    }
    let mut head = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == *b"\0asm"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_exit_code_remains() {
        for (a, b, expected) in [
            (Exit::Done, Exit::Findings, Exit::Findings),
            (Exit::Invalid, Exit::Findings, Exit::Findings),
            (Exit::Findings, Exit::Usage, Exit::Usage),
            (Exit::NotExecutable, Exit::Done, Exit::NotExecutable),
        ] {
            assert_eq!(worse(a, b), expected);
            assert_eq!(worse(b, a), expected);
        }
    }
}
