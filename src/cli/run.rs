//! `spoor run`: the main job. Samples in, verdicts with their evidence out.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use wasmspoor::{scan::unpack, text::line};

use super::{
    Exit, Failure,
    format::{Between, Format, Turn},
    given,
    print::{self, Print, Screen, unusable},
    record,
    sample::{self, Analysed, Analyser, Values},
    symbols, words,
};

/// Analyse samples: static view, run in the sandbox, rules, verdict with its evidence
///
/// Nothing is executed with host authority: the sample sees a virtual clock, seeded randomness and files in
/// memory, never those of this machine.
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor run sample.wasm
  spoor run sample.wasm -vv
  spoor run sample.wasm --json -o report.json
  spoor run sample.wasm --html -o report.html
  spoor run samples/ more.wasm --csv -o samples.csv
  find . -name '*.wasm' | spoor run --files-from - --csv
  spoor run sample.wasm --invoke mine 3 --fail-on malicious
  spoor run sample.wasm --file notes.txt::/home/user/notes.txt --env HOME=/home/user
  spoor run sample.wasm --persona workstation --extract out/
  spoor run sample.wasm --options report.json --json
  spoor run sample.wasm --values full

Exit codes:
  0  the verdict is below --fail-on
  1  the verdict is at or above --fail-on
  2  wrong usage, a file that cannot be read or created, or a folder without a module
  3  not a valid module (the report is printed all the same)
  4  valid but not executable (idem), or no such export as --invoke names
  5  internal error, or output that cannot be written
With several files: the first of 5, 2, 1, 3, 4 that one of them gave.")]
pub(super) struct Arguments {
    /// Samples, binary or text, or folders of them; `-` reads standard input. Several make one line, row or
    /// run each
    #[arg(required_unless_present = "files_from", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Further samples: a path on each line of this file; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,
    #[command(flatten)]
    print: Print,
    /// Record the run to this file, a new one, as `spoor record` does
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Follow what the sample was given (files, variables, sockets, …) through what it computes to where it
    /// goes: not at all, for about as long as the run took, or to its end. With --save, the file holds what
    /// the host did, so that `spoor report` can do the same
    #[arg(long, value_enum, default_value_t = Values::Auto)]
    values: Values,
    #[command(flatten)]
    symbols: symbols::Arguments,
    #[command(flatten)]
    sample: sample::Arguments,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    arguments.print.spares(arguments.files.iter().chain(&arguments.files_from))?;
    arguments.print.to(out, |screen, out| analyse(arguments, screen, out))
}

/// Whether so many files can be analysed as the options ask.
fn check(arguments: &Arguments, is_many: bool) -> Result<(), Failure> {
    let usage = |message: String| Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)));
    if is_many && !arguments.print.format().is_for_many {
        let formats = Format::for_many();
        return usage(format!("several files need --format {formats}; run the others one file at a time"));
    }
    let given = arguments.files.iter().chain(&arguments.files_from);
    if given.filter(|file| file.as_os_str() == "-").count() > 1 {
        return usage("standard input (`-`) can be read once only".into());
    }
    if is_many && arguments.save.is_some() {
        return usage("--save records one sample; give one file".into());
    }
    if is_many && arguments.symbols.is_given() {
        return usage("--symbols are of one sample; give one file".into());
    }
    Ok(())
}

fn analyse(arguments: &Arguments, screen: &Screen, out: &mut dyn Write) -> Result<Exit, Failure> {
    let format = arguments.print.format();
    let files = named(arguments)?;
    let is_many = arguments.files_from.is_some() || files.len() > 1 || files.iter().any(|file| file.is_dir());
    check(arguments, is_many)?;
    if files.is_empty() {
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!("--files-from names no file")));
    }
    let analyser = arguments.sample.prepare()?;
    format.begin(out)?;
    let between = Between::new(is_many);
    let mut worst = Exit::Done;
    let mut is_first = true;
    for input in expand(&files) {
        let path = input.path().to_owned();
        let turn = Turn { is_many, is_first, command: "run", file: &path, between: &between };
        let exit = match input.analyse(&analyser, arguments) {
            Ok(analysed) => {
                let exit = print::write(&arguments.print, turn, screen, &analysed, out)?;
                say_if_archive(&analysed);
                exit
            }
            Err(failure) if is_many || format.has_failures() => {
                let message = format!("{:#}", failure.cause);
                if !format.failure(&path.display().to_string(), &message, is_first, out)? {
                    crate::cli::complain!("spoor: {}", words(&failure.cause));
                }
                failure.exit
            }
            Err(failure) => return Err(failure),
        };
        worst = worse(worst, exit);
        is_first = false;
        if is_many {
            out.flush()?;
        }
    }
    format.end(&between, out)?;
    Ok(worst)
}

/// Says who reads what is no module but may hold some.
fn say_if_archive(analysed: &Analysed) {
    if unpack::is_container(&analysed.analysis.wasm) {
        let name = line(&analysed.name);
        crate::cli::complain!("spoor: {name}: this is packed: `spoor scan` looks into archives");
    }
}

/// The samples that the command line names, and those that a file names.
fn named(arguments: &Arguments) -> Result<Vec<PathBuf>, Failure> {
    let mut files = arguments.files.clone();
    if let Some(list) = &arguments.files_from {
        files.extend(given::listed(list).map_err(|error| Failure::new(Exit::Usage, error))?);
    }
    Ok(files)
}

/// The one of two exit codes that a folder gives.
fn worse(a: Exit, b: Exit) -> Exit {
    let order = [Exit::Internal, Exit::Usage, Exit::Findings, Exit::Invalid, Exit::NotExecutable];
    order.into_iter().find(|exit| [a, b].contains(exit)).unwrap_or(Exit::Done)
}

/// A file to analyse, or a folder that could not be read or has none.
enum Input {
    File(PathBuf),
    Unreadable(PathBuf, io::Error),
    Empty(PathBuf),
}

impl Input {
    fn path(&self) -> &Path {
        let (Self::File(path) | Self::Unreadable(path, _) | Self::Empty(path)) = self;
        path
    }

    fn analyse(self, analyser: &Analyser<'_>, arguments: &Arguments) -> Result<Analysed, Failure> {
        match self {
            Self::File(path) => {
                let mut analysed = match &arguments.save {
                    Some(save) => record::analyse(analyser, &path, save, arguments.values.into()),
                    None => analyser.analyse_with(&path, arguments.values.into()),
                }?;
                arguments.symbols.give(&mut analysed)?;
                Ok(analysed)
            }
            Self::Unreadable(path, error) => Err(unusable(&path, error)),
            Self::Empty(path) => {
                let message = format!(
                    "{}: there is no module in this folder (.wasm, .wat, or a file that begins as one); \
                     `spoor scan` looks into archives and pages too",
                    path.display()
                );
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

/// Whether a file of a folder is meant: by its ending, or because it begins like a module. Malware is often
/// kept under its hash alone.
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
