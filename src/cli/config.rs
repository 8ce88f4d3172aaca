//! Options from a file: what a command is given unless its command line says otherwise.
//!
//! The file is named by `--config` or by the variable SPOOR_CONFIG. None is looked for elsewhere, so a folder
//! full of samples can hold no surprise. It is TOML: a table for each subcommand, and `[all]` for every one
//! that has such an option. Its options become words of the command line before those that were typed. So
//! reports, workers and `next:` see them as if they had been typed.

use std::{
    ffi::{OsStr, OsString},
    fmt::Write as _,
    io::Write,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::{Context as _, bail};
use clap::{ArgMatches, Args, Command, CommandFactory as _, error::ErrorKind};
use toml::{Table, Value};
use wasmspoor::{rules, text::line};

use super::{Exit, Failure, numbers};

/// The table whose options are those of every subcommand that has them.
const ALL: &str = "all";
/// Subcommands that read no file: what a worker does it is told.
const WITHOUT: [&str; 2] = ["worker", "config"];

/// Show what the configuration file sets: for each subcommand the options that it is given
///
/// The file is TOML: a table for each subcommand, its keys the long options without `--`; `true` for options
/// without a value, a list for those that may be repeated. The table `all` is for every subcommand that has
/// the option. What is typed wins. Subcommands of subcommands (`scan merge`, `classify predict`) have options
/// of their own, which are only typed.
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor config --config spoor.toml
  SPOOR_CONFIG=~/spoor.toml spoor run sample.wasm

A file:
  [all]
  persona = \"workstation\"
  [run]
  time-limit = 20
  rules = [\"own/\", \"more.yar\"]")]
pub(super) struct Arguments {}

/// The words of the command line, with those of the configuration file among them.
pub(super) fn words() -> Vec<OsString> {
    match WORDS.get() {
        Some(words) => words.clone(),
        None => std::env::args_os().collect(),
    }
}

static WORDS: OnceLock<Vec<OsString>> = OnceLock::new();

/// Reads the configuration file that this process was told of, if any.
pub(super) fn load() -> Result<(), Failure> {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let words = match file(&typed) {
        Some(path) => read(&path)
            .and_then(|table| merged(&typed, &table))
            .with_context(|| path.display().to_string())
            .map_err(|error| Failure::new(Exit::Usage, error))?,
        None => typed,
    };
    // Set once, at the beginning.
    let _ = WORDS.set(words);
    Ok(())
}

/// The file that the command line names, or the variable.
fn file(typed: &[OsString]) -> Option<PathBuf> {
    named(typed)
        .or_else(|| std::env::var_os("SPOOR_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from))
}

/// The file that the command line names.
fn named(typed: &[OsString]) -> Option<PathBuf> {
    let mut words = typed.iter().skip(1).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "--config" {
            return words.next().map(PathBuf::from);
        }
        if let Some(path) = word.to_str().and_then(|word| word.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    None
}

/// Where a file is no TOML, and why; the line itself may be of any length.
fn wrong(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or(text);
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    anyhow::anyhow!("line {}, column {column}: {}", before.split('\n').count(), line(error.message()))
}

fn read(path: &Path) -> anyhow::Result<Table> {
    let text = std::fs::read_to_string(path)?;
    let table: Table = text.parse().map_err(|error| wrong(&text, &error))?;
    let known = super::Arguments::command();
    for (name, options) in &table {
        let Value::Table(options) = options else { bail!("`{}` is no table of options", line(name)) };
        let command = known.find_subcommand(name).filter(|_| !WITHOUT.contains(&name.as_str()));
        if command.is_none() && name != ALL {
            let names = known.get_subcommands().map(Command::get_name).filter(|name| !WITHOUT.contains(name));
            bail!("there is no subcommand `{}`{}", line(name), hint(name, names.chain([ALL])));
        }
        for (option, value) in options {
            let is_known = match command {
                Some(command) => has(command, option),
                None => known.get_subcommands().any(|command| has(command, option)),
            };
            if !is_known {
                let of_all = command.is_none().then(|| known.get_subcommands()).into_iter().flatten();
                let longs = command.into_iter().chain(of_all).flat_map(Command::get_arguments);
                let hint =
                    hint(option, longs.filter_map(clap::Arg::get_long).filter(|long| *long != "config"));
                bail!("`{}` has no option --{}{hint}", line(name), line(option));
            }
            let words = of(option, value)?;
            let given = known.get_subcommands().filter(|known| match command {
                Some(command) => known.get_name() == command.get_name(),
                None => has(known, option),
            });
            for command in given {
                if let Some(why) = refused(command, &words) {
                    bail!("`{}`: {}", line(name), line(&why));
                }
            }
        }
    }
    Ok(table)
}

/// What a subcommand says of an option that it cannot read. What else it needs is not asked here.
fn refused(command: &Command, words: &[OsString]) -> Option<String> {
    let name = OsString::from(command.get_name());
    let error = command.clone().try_get_matches_from(std::iter::once(&name).chain(words)).err()?;
    let is_value = !matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::ArgumentConflict
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let said = numbers::rendered(&error);
    let lines = said.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let said = lines.collect::<Vec<_>>().join(" ");
    is_value.then(|| said.strip_prefix("error: ").unwrap_or(&said).to_owned())
}

/// The words beside an error of usage: it may be of an option that nobody typed.
pub(super) fn origin() -> Option<String> {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let path = file(&typed).filter(|_| words() != typed)?;
    Some(format!("options are from {}, too: `spoor config` shows them", line(&path.display().to_string())))
}

/// Which of the known names was probably meant.
fn hint<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    rules::closest(given, known).map(|words| format!("; {words}")).unwrap_or_default()
}

fn has(command: &Command, option: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some(option)) && option != "config"
}

/// The words that an option becomes.
fn of(option: &str, value: &Value) -> anyhow::Result<Vec<OsString>> {
    let one = |value: &Value| -> anyhow::Result<OsString> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            _ => bail!("--{}: a text, a number, true, false or a list of them is wanted", line(option)),
        };
        Ok(format!("--{option}={text}").into())
    };
    match value {
        Value::Boolean(true) => Ok(vec![format!("--{option}").into()]),
        Value::Boolean(false) => Ok(Vec::new()),
        Value::Array(values) => values.iter().map(one).collect(),
        value => Ok(vec![one(value)?]),
    }
}

/// The options of a subcommand, its own before those of all.
fn options<'t>(table: &'t Table, command: &Command) -> Vec<(&'t str, &'t Value)> {
    let own = table.get(command.get_name()).and_then(Value::as_table);
    let all = table.get(ALL).and_then(Value::as_table);
    let is_own = |option: &str| own.is_some_and(|own| own.contains_key(option));
    let all = all.into_iter().flatten().filter(|(option, _)| has(command, option) && !is_own(option));
    own.into_iter().flatten().chain(all).map(|(option, value)| (option.as_str(), value)).collect()
}

/// The words that were typed, with those of the file behind the subcommand. What contradicts a typed word is
/// left out.
fn merged(typed: &[OsString], table: &Table) -> anyhow::Result<Vec<OsString>> {
    let known = super::Arguments::command();
    let Some((at, command)) = subcommand(typed, &known) else { return Ok(typed.to_vec()) };
    if WITHOUT.contains(&command.get_name()) {
        return Ok(typed.to_vec());
    }
    let mut words = typed.to_vec();
    let nested = parsed(typed).ok().flatten();
    for (option, value) in options(table, command) {
        let mut with = words.clone();
        with.splice(at + 1..at + 1, of(option, value)?);
        let contradicts = match parsed(&with) {
            // Behind options that it does not go with, the name of a subcommand is read as a path.
            Ok(now) => nested.is_some() && now != nested,
            Err(error) => error.kind() == ErrorKind::ArgumentConflict,
        };
        if !is_typed(&typed[at + 1..], command, option) && !contradicts {
            words = with;
        }
    }
    Ok(words)
}

/// The subcommand among the words, and where it stands.
fn subcommand<'c>(typed: &[OsString], known: &'c Command) -> Option<(usize, &'c Command)> {
    let mut is_value = false;
    for (at, word) in typed.iter().enumerate().skip(1) {
        let is_option = word.to_str().is_some_and(|word| word.starts_with('-'));
        if !is_option && !is_value {
            return known.find_subcommand(word).map(|command| (at, command));
        }
        is_value = word == "--config";
    }
    None
}

/// Whether an option is among the words, by its long or short name.
fn is_typed(words: &[OsString], command: &Command, option: &str) -> bool {
    let long = format!("--{option}");
    let argument = command.get_arguments().find(|argument| argument.get_long() == Some(option));
    let short = argument.and_then(clap::Arg::get_short);
    let names = |word: &OsStr| {
        let Some(word) = word.to_str() else { return false };
        let is_short = || {
            let letters = word.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
            short.zip(letters).is_some_and(|(short, letters)| letters.starts_with(short))
        };
        word == long || word.strip_prefix(&long).is_some_and(|rest| rest.starts_with('=')) || is_short()
    };
    words.iter().take_while(|word| *word != "--").any(|word| names(word))
}

/// The subcommand of the subcommand that words name, if they name one.
fn parsed(words: &[OsString]) -> Result<Option<String>, clap::Error> {
    let matches = super::Arguments::command().try_get_matches_from(numbers::hide(words.iter().cloned()))?;
    let (_, matches) = matches.subcommand().unzip();
    Ok(matches.and_then(ArgMatches::subcommand_name).map(str::to_owned))
}

pub(super) fn run(out: &mut impl Write) -> Result<Exit, Failure> {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let Some(path) = file(&typed) else {
        writeln!(out, "# no configuration file: neither --config nor SPOOR_CONFIG names one")?;
        return Ok(Exit::Done);
    };
    // It was read before this was called, so it can be.
    let table = read(&path).map_err(|error| Failure::new(Exit::Usage, error))?;
    let by = if named(&typed).is_some() { "--config" } else { "SPOOR_CONFIG" };
    writeln!(out, "# {}, named by {by}; what is typed wins", line(&path.display().to_string()))?;
    let known = super::Arguments::command();
    for command in known.get_subcommands().filter(|command| !WITHOUT.contains(&command.get_name())) {
        let options = options(&table, command);
        if options.is_empty() {
            continue;
        }
        let mut text = format!("[{}]\n", command.get_name());
        for (option, value) in options {
            let own = table.get(command.get_name()).and_then(Value::as_table);
            let is_own = own.is_some_and(|own| own.contains_key(option));
            let from = if is_own { "" } else { "  # of [all]" };
            let _ = writeln!(text, "{option} = {}{from}", line(&value.to_string()));
        }
        writeln!(out, "{text}")?;
    }
    Ok(Exit::Done)
}
