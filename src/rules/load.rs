//! Rules come from the folder that is built into the program, and from paths that the user gives.

use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use include_dir::{Dir, DirEntry, include_dir};

use super::limits::{FOLDER_DEPTH, MAX_FILES, MAX_YARA, RULE_BYTES};
use super::problem::{Problem, RuleLoadError, Source};

/// The behaviour rules as `build.rs` leaves them: name, text and read YAML of each.
static BEHAVIOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.bin"));
static STATIC: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules/static");

const ENDINGS: &str = "a rule file ends in .yml, .yaml, .yar or .yara";

/// The files with behaviour rules that `paths` name: files `.yml` or `.yaml`, or folders with them.
///
/// # Errors
///
/// With every path that is none of these.
pub fn files<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<PathBuf>, RuleLoadError> {
    let (mut files, mut problems) = (Vec::new(), RuleLoadError::default());
    for path in paths.iter().map(AsRef::as_ref) {
        match fs::metadata(path) {
            Ok(about) if about.is_dir() => files.extend(below(path, &mut problems)),
            Ok(_) if kind(path) == Some(true) => files.push(path.to_owned()),
            Ok(_) => problems.push(unreadable(path, "a behaviour rule ends in .yml or .yaml")),
            Err(error) => problems.push(unreadable(path, &error.to_string())),
        }
    }
    files.retain(|file| kind(file) == Some(true));
    if problems.is_empty() { Ok(files) } else { Err(problems) }
}

/// The text of a rule file.
///
/// # Errors
///
/// When it cannot be read, is too long, or is not UTF-8.
pub fn read(path: &Path) -> Result<String, Box<Problem>> {
    read_bounded(path, most(path)).map_err(|reason| Box::new(unreadable(path, &reason)))
}

/// Texts of rules.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) behavior: Vec<Source>,
    pub(super) yara: Vec<Source>,
    /// Files that were read: one that is named twice, or with its folder, is read once.
    pub(super) read: BTreeSet<PathBuf>,
}

/// The rules that ship.
pub(super) fn shipped() -> Sources {
    let mut sources = Sources::default();
    let mut left = BEHAVIOR;
    while let Some(source) = take(&mut left) {
        sources.behavior.push(source);
    }
    collect(&STATIC, "rules/static", &mut sources.yara);
    sources
}

/// The next of the shipped rules.
fn take(left: &mut &'static [u8]) -> Option<Source> {
    let mut part = || {
        let (len, rest) = left.split_first_chunk::<4>()?;
        let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        *left = rest;
        Some(part)
    };
    let (name, text, tree) = (part()?, part()?, part()?);
    let text = std::str::from_utf8(text).ok()?;
    Some(Source { tree, ships: true, ..Source::new(std::str::from_utf8(name).ok()?, text) })
}

fn collect(dir: &Dir<'_>, prefix: &str, out: &mut Vec<Source>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, prefix, out),
            DirEntry::File(file) => {
                let is_rule = kind(file.path()).is_some();
                if let Some(text) = file.contents_utf8().filter(|_| is_rule) {
                    let name = format!("{prefix}/{}", file.path().display());
                    out.push(Source { ships: true, ..Source::new(name, text) });
                }
            }
        }
    }
}

/// Whether a file holds behaviour rules (`true`) or YARA rules, by its name.
fn kind(path: &Path) -> Option<bool> {
    match path.extension()?.to_str()? {
        "yml" | "yaml" => Some(true),
        "yar" | "yara" => Some(false),
        _ => None,
    }
}

/// Greatest rule file of that name in bytes.
fn most(path: &Path) -> usize {
    if kind(path) == Some(true) { RULE_BYTES } else { MAX_YARA }
}

fn too_long(most: usize) -> String {
    format!("more than {most} bytes")
}

impl Sources {
    /// Adds a file, or all rule files below a folder in the order of their names.
    pub(super) fn read(&mut self, path: &Path, problems: &mut RuleLoadError) {
        if path.is_dir() {
            below(path, problems).iter().for_each(|file| self.read_file(file, problems));
        } else if let Err(error) = fs::metadata(path) {
            problems.push(unreadable(path, &error.to_string()));
        } else if kind(path).is_none() {
            problems.push(unreadable(path, ENDINGS));
        } else {
            self.read_file(path, problems);
        }
    }

    fn read_file(&mut self, path: &Path, problems: &mut RuleLoadError) {
        if path.canonicalize().is_ok_and(|path| !self.read.insert(path)) {
            return;
        }
        match read_bounded(path, most(path)) {
            Ok(text) => self.add(path, &text, problems),
            Err(reason) => problems.push(unreadable(path, &reason)),
        }
    }

    /// Adds the text of a file.
    pub(super) fn add(&mut self, path: &Path, text: &str, problems: &mut RuleLoadError) {
        let list = match kind(path) {
            Some(true) => &mut self.behavior,
            Some(false) => &mut self.yara,
            None => return problems.push(unreadable(path, ENDINGS)),
        };
        match text.len() <= most(path) {
            true => list.push(Source::new(path.display().to_string(), text)),
            false => problems.push(unreadable(path, &too_long(most(path)))),
        }
    }
}

/// A file without text cannot be pointed into.
fn unreadable(path: &Path, reason: &str) -> Problem {
    Source::new(path.display().to_string(), "").problem(&(0..0), format!("cannot be read: {reason}"), None)
}

fn read_bounded(path: &Path, most: usize) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > most {
        return Err(too_long(most));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8".into())
}

/// The rule files below a folder, in the order of their names. A folder without any is a mistake: whoever
/// names it believes that there are some.
fn below(dir: &Path, problems: &mut RuleLoadError) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let before = problems.count();
    walk(dir, 0, &mut files, problems);
    if files.is_empty() && problems.count() == before {
        problems.push(unreadable(dir, &format!("there is no rule file in it: {ENDINGS}")));
    }
    files
}

fn walk(dir: &Path, depth: usize, files: &mut Vec<PathBuf>, problems: &mut RuleLoadError) {
    if depth > FOLDER_DEPTH || files.len() >= MAX_FILES {
        problems.push(unreadable(dir, "too many files or folders"));
        return;
    }
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(unreadable(dir, &error.to_string()));
            return;
        }
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    for path in paths {
        // Links to folders could lead round in a circle.
        if path.is_dir() && !path.is_symlink() {
            walk(&path, depth + 1, files, problems);
        } else if kind(&path).is_some() {
            files.push(path);
        }
    }
}
