//! The options of the command line that say how a sample is run, as they were given. Workers of a scan need
//! them, and so do the commands that a report says come next.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Args as _, Command, CommandFactory as _, parser::ValueSource};
use wasmspoor::report::text::quoted;

use super::{config, input, numbers, sample};

/// The paths that a file names, one on each line; `-` is standard input. Names need not be UTF-8.
pub(super) fn listed(list: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let bytes = input::read(list)?;
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty()).map(path).collect()
}

/// A name of a file, as the system has it.
#[cfg(unix)]
fn path(name: &[u8]) -> anyhow::Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(name)))
}

/// A name of a file. Systems without bytes in their names have no other.
#[cfg(not(unix))]
fn path(name: &[u8]) -> anyhow::Result<PathBuf> {
    Ok(PathBuf::from(std::str::from_utf8(name)?))
}

/// Those options that `known` has, each value as a word of its own.
pub(super) fn options(known: &Command) -> Vec<OsString> {
    let matches = super::Arguments::command().get_matches_from(numbers::hide(config::words().into_iter()));
    let Some((_, matches)) = matches.subcommand() else { return Vec::new() };
    let given = known.get_arguments().filter(|argument| is_given(matches, argument));
    let words = given.filter_map(|argument| Some((argument.get_long()?, argument.get_id().as_str())));
    let words = words.flat_map(|(long, id)| {
        matches.get_raw(id).into_iter().flatten().map(move |value| {
            let mut word = OsString::from(format!("--{long}="));
            word.push(value);
            word
        })
    });
    words.collect()
}

/// The options that concern one sample, as words of a shell. Empty if they are those of no subcommand.
pub(super) fn words() -> String {
    let typed = config::words();
    // PERF: to read the command line once more is a twentieth of a start.
    if !typed.iter().any(|word| word.as_encoded_bytes().starts_with(b"-")) {
        return String::new();
    }
    let matches = super::Arguments::command().try_get_matches_from(numbers::hide(typed.into_iter()));
    let Ok(matches) = matches else { return String::new() };
    let Some((_, matches)) = matches.subcommand() else { return String::new() };
    let known = sample::Arguments::augment_args(Command::new("run"));
    let mut words = Vec::new();
    for argument in known.get_arguments().filter(|argument| is_given(matches, argument)) {
        let Some(long) = argument.get_long() else { continue };
        for values in matches.get_raw_occurrences(argument.get_id().as_str()).into_iter().flatten() {
            let mut values = values.map(|value| match value.to_str() {
                Some(text) => numbers::of(text).into(),
                None => value.to_owned(),
            });
            // A value that begins with a dash would be taken for an option.
            let is_dashed = |value: &OsString| value.as_encoded_bytes().starts_with(b"-");
            match values.next() {
                Some(value) if is_dashed(&value) => words.push(format!("--{long}={}", quoted(value))),
                first => words.extend([format!("--{long}")].into_iter().chain(first.map(quoted))),
            }
            words.extend(values.map(quoted));
        }
    }
    words.join(" ")
}

/// The options that say how a sample is run, as they were typed. A configuration file may set options for all
/// commands; that is no mistake of the person who names a trace file. Rules are not among them: they are of
/// use there too.
pub(super) fn typed() -> Vec<String> {
    let matches = super::Arguments::command().try_get_matches_from(numbers::hide(std::env::args_os()));
    let Some((_, matches)) = matches.as_ref().ok().and_then(ArgMatches::subcommand) else {
        return Vec::new();
    };
    let known = sample::Arguments::augment_args(Command::new("run"));
    let given = known.get_arguments().filter(|argument| is_given(matches, argument));
    given.filter_map(Arg::get_long).filter(|long| *long != "rules").map(|long| format!("--{long}")).collect()
}

fn is_given(matches: &ArgMatches, argument: &Arg) -> bool {
    // Not every subcommand has all of them.
    let id = argument.get_id().as_str();
    matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
}
