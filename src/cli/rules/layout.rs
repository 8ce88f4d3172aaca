//! `spoor rules fmt`: lays rule files out in one way.

use std::{
    fs,
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use wasmspoor::{
    rules,
    text::{escape, line},
};

use crate::cli::{Exit, Failure};

/// What becomes of a file.
enum Outcome {
    Same,
    Changed,
    Refused,
}

pub(super) fn run(paths: &[PathBuf], check: bool, out: &mut impl Write) -> Result<Exit, Failure> {
    if paths.iter().any(|path| path.as_os_str() == "-") {
        return filter(paths.len(), check, out);
    }
    let files = rules::files(paths).map_err(|error| Failure::new(Exit::Usage, error))?;
    let (mut changed, mut refused) = (0, 0);
    for file in &files {
        match lay_out(file, check)? {
            Outcome::Same => {}
            Outcome::Refused => refused += 1,
            Outcome::Changed => {
                changed += 1;
                writeln!(out, "{}", line(&file.display().to_string()))?;
            }
        }
    }
    let words = if check { "to lay out" } else { "laid out" };
    writeln!(out, "{changed} of {} {words}", wasmspoor::text::plural(files.len() as u64, "file"))?;
    Ok(match (refused, changed) {
        (1.., _) => Exit::Usage,
        (0, 1..) if check => Exit::Findings,
        _ => Exit::Done,
    })
}

fn lay_out(file: &Path, check: bool) -> Result<Outcome, Failure> {
    let text = rules::read(file);
    let laid_out = text.and_then(|text| Ok((rules::format(&file.display().to_string(), &text)?, text)));
    match laid_out {
        Err(problem) => {
            complain!("{}", escape(&problem.to_string()));
            Ok(Outcome::Refused)
        }
        Ok((new, old)) if new == old => Ok(Outcome::Same),
        Ok((new, _)) => {
            if !check {
                replace(file, &new).with_context(|| file.display().to_string())?;
            }
            Ok(Outcome::Changed)
        }
    }
}

/// Standard input to standard output, as editors ask for it.
fn filter(paths: usize, check: bool, out: &mut impl Write) -> Result<Exit, Failure> {
    let usage = |words: &str| Err(Failure::new(Exit::Usage, anyhow::anyhow!(words.to_owned())));
    if paths > 1 {
        return usage("`-`, standard input, is given alone");
    }
    let mut text = String::new();
    let mut input = io::stdin().lock().take(rules::RULE_BYTES as u64 + 1);
    input.read_to_string(&mut text).map_err(|error| Failure::new(Exit::Usage, error))?;
    let new = match rules::format("-", &text) {
        Ok(new) => new,
        Err(problem) => {
            complain!("{}", escape(&problem.to_string()));
            return Ok(Exit::Usage);
        }
    };
    if check {
        return Ok(if new == text { Exit::Done } else { Exit::Findings });
    }
    out.write_all(new.as_bytes())?;
    Ok(Exit::Done)
}

/// Puts a new text in the place of a file, whole or not at all; who may read it stays.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let file = fs::canonicalize(file)?;
    let mut new = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(fs::metadata(&file)?.permissions())?;
    new.as_file().sync_all()?;
    new.persist(&file).map(drop).map_err(|error| error.error)
}
