//! `spoor rules suggest`: a YARA rule from one sample.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use boreal::Compiler;
use wasmspoor::{
    rules::{self, SuggestError},
    text::{line, plural},
};

use crate::cli::{Exit, Failure, input};

use super::limits::{BENIGN_DEPTH, BENIGN_FILES};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The sample
    #[arg(value_name = "FILE")]
    sample: PathBuf,
    /// Benign files, or folders with them, in which the rule must have no hit; may be repeated
    #[arg(long, value_name = "PATH")]
    benign: Vec<PathBuf>,
    /// What the rule is called [default: after the sample's hash]
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
}

/// A name that YARA takes.
fn name(text: &str) -> Result<String, String> {
    let mut chars = text.chars();
    let is_first = |char: char| char.is_ascii_alphabetic() || char == '_';
    let is_name = chars.next().is_some_and(is_first)
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
        && text.len() <= 128;
    let expected = "letters, digits and `_`, no digit first, at most 128, and no word of YARA's";
    let is_free = || Compiler::new().add_rules_str(format!("rule {text} {{ condition: true }}")).is_ok();
    if is_name && is_free() { Ok(text.to_owned()) } else { Err(expected.to_owned()) }
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let usage = |error: anyhow::Error| Failure::new(Exit::Usage, error);
    let sample = input::read(&arguments.sample).map_err(usage)?;
    let mut files = BTreeSet::new();
    for path in &arguments.benign {
        collect(path, 0, &mut files).map_err(usage)?;
    }
    let mut unreadable = None;
    let benign = files.iter().map_while(|path| match input::read(path) {
        Ok(bytes) => {
            if bytes == sample {
                complain!("spoor: {}: this is the sample", line(&path.display().to_string()));
            }
            Some((path.display().to_string(), bytes))
        }
        Err(error) => {
            unreadable = Some(error);
            None
        }
    });
    let found = rules::suggest(&sample, arguments.name.as_deref(), benign);
    if let Some(error) = unreadable {
        return Err(usage(error));
    }
    match found {
        Ok(found) => {
            out.write_all(found.text.as_bytes())?;
            let files = plural(found.benign as u64, "benign file");
            let strings = plural(found.strings as u64, "string");
            match found.benign {
                0 => complain!("spoor: {strings}; no benign file was given, so it was tried on none"),
                _ => complain!("spoor: {strings}; no hit in {files}, which share {} others", found.common),
            }
            Ok(Exit::Done)
        }
        Err(error @ SuggestError::NothingRare { .. }) => {
            complain!("spoor: {}: {error}", line(&arguments.sample.display().to_string()));
            Ok(Exit::Findings)
        }
        Err(SuggestError::Load(error)) => Err(Failure::new(Exit::Invalid, error)),
        Err(error @ SuggestError::Slow(_)) => Err(Failure::new(Exit::Usage, error)),
        Err(error) => Err(error.into()),
    }
}

/// The files below a path. Links are not followed: they may lead round in a circle.
fn collect(path: &Path, depth: usize, files: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
    let named = || path.display().to_string();
    let is_folder = if depth == 0 { path.is_dir() } else { path.is_dir() && !path.is_symlink() };
    if !is_folder {
        if depth == 0 || path.is_file() && !path.is_symlink() {
            files.insert(path.to_owned());
        }
        anyhow::ensure!(files.len() <= BENIGN_FILES, "more than {BENIGN_FILES} benign files");
        return Ok(());
    }
    anyhow::ensure!(depth <= BENIGN_DEPTH, "{}: more than {BENIGN_DEPTH} folders deep", named());
    for entry in fs::read_dir(path).with_context(named)? {
        collect(&entry.with_context(named)?.path(), depth + 1, files)?;
    }
    Ok(())
}
