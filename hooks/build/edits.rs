//! Edits: the only way in which this crate changes wasmi.
//!
//! An edit names a file of the published crate, a short anchor in it, how often the anchor must occur, and
//! why it is made. Edits stand as TOML in `hooks/edits/`, one file for each concern. They are applied in the
//! order of file names and then of their lines. The code of the edit `e` of `20-x.toml` is the file
//! `20-x/e.rs` beside it. An anchor that does not occur exactly as often as stated is an error that names the
//! edit and the file. So a new wasmi is an error to read, never a silent loss of events.
//!
//! Not here: where the source comes from and where it goes (`main.rs`).

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::Deserialize;

/// One change of one file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Unique, in words joined by `-`.
    pub name: String,
    /// Relative to the crate's `src/`.
    pub file: String,
    /// What the edit is for.
    pub why: String,
    /// How often `anchor` must occur.
    #[serde(default = "once")]
    pub times: usize,
    /// What to do at each occurrence.
    pub action: Action,
    /// Text of the published crate, as short as it can be.
    pub anchor: String,
    /// Our code.
    #[serde(skip)]
    pub text: String,
}

/// What an edit does with its anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Our text goes before the anchor.
    Before,
    /// Our text goes after the anchor.
    After,
    /// Our text takes the place of the anchor.
    Replace,
}

fn once() -> usize {
    1
}

/// Why the source could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// A file in `hooks/edits/` is not what it should be.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The published crate has no such file.
    #[error("edit `{edit}`: the wasmi source has no file `{file}`")]
    NoFile {
        /// The edit's name.
        edit: String,
        /// The missing file.
        file: String,
    },
    /// The anchor is not where it was: this is another wasmi.
    #[error(
        "edit `{edit}`: its anchor occurs {found} times in `{file}`, not {wanted}; the anchor is:\n{anchor}"
    )]
    Anchor {
        /// The edit's name.
        edit: String,
        /// The file it should change.
        file: String,
        /// How often the anchor occurs.
        found: usize,
        /// How often it must occur.
        wanted: usize,
        /// The anchor.
        anchor: String,
    },
}

/// Reads all edits of `folder`, in the order of file names.
pub fn load(folder: &Path) -> Result<Vec<Edit>, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        edit: Vec<Edit>,
    }
    let io_error = |path: &Path, source| Error::Io { path: path.display().to_string(), source };
    let entries = fs::read_dir(folder).map_err(|e| io_error(folder, e))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|e| io_error(folder, e))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let mut edits = Vec::new();
    for path in paths {
        let malformed = |reason| Error::Malformed { path: path.display().to_string(), reason };
        let text = fs::read_to_string(&path).map_err(|e| io_error(&path, e))?;
        let file: File = toml::from_str(&text).map_err(|e| malformed(e.to_string()))?;
        for mut edit in file.edit {
            let snippet = path.with_extension("").join(&edit.name).with_extension("rs");
            let text = fs::read_to_string(&snippet).map_err(|e| io_error(&snippet, e))?;
            edit.text = text.replace("\r\n", "\n");
            if edits.iter().any(|other: &Edit| other.name == edit.name) {
                return Err(malformed(format!("two edits have the name `{}`", edit.name)));
            }
            if edit.anchor.is_empty() || edit.times == 0 || edit.why.is_empty() {
                return Err(malformed(format!("edit `{}` lacks an anchor or a reason", edit.name)));
            }
            edits.push(edit);
        }
    }
    Ok(edits)
}

/// Applies `edits` in order to `sources` (file, relative to `src/`, → text).
pub fn apply(edits: &[Edit], sources: &mut BTreeMap<String, String>) -> Result<(), Error> {
    edits.iter().try_for_each(|edit| apply_one(edit, sources))
}

/// Applies one edit, or leaves `sources` as they are.
pub fn apply_one(edit: &Edit, sources: &mut BTreeMap<String, String>) -> Result<(), Error> {
    let Some(source) = sources.get_mut(&edit.file) else {
        return Err(Error::NoFile { edit: edit.name.clone(), file: edit.file.clone() });
    };
    let found = source.matches(&edit.anchor).count();
    if found != edit.times {
        return Err(Error::Anchor {
            edit: edit.name.clone(),
            file: edit.file.clone(),
            found,
            wanted: edit.times,
            anchor: edit.anchor.clone(),
        });
    }
    let text = match edit.action {
        Action::Before => format!("{}{}", edit.text, edit.anchor),
        Action::After => format!("{}{}", edit.anchor, edit.text),
        Action::Replace => edit.text.clone(),
    };
    *source = source.replace(&edit.anchor, &text);
    Ok(())
}

/// Reads the Rust files below `folder` (relative path with `/` → text).
pub fn read_sources(folder: &Path) -> Result<BTreeMap<String, String>, Error> {
    fn walk(folder: &Path, prefix: &str, into: &mut BTreeMap<String, String>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                walk(&entry.path(), &format!("{name}/"), into)?;
            } else if name.ends_with(".rs") {
                // Line ends are made equal, so that anchors fit whatever wrote the file.
                into.insert(name, fs::read_to_string(entry.path())?.replace("\r\n", "\n"));
            }
        }
        Ok(())
    }
    let mut sources = BTreeMap::new();
    walk(folder, "", &mut sources)
        .map_err(|source| Error::Io { path: folder.display().to_string(), source })?;
    Ok(sources)
}

/// Makes a crate root fit for `include!`: inner attributes and inner docs must stand in the including file.
pub fn strip_root(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    // Brackets still open in an inner attribute that spans lines.
    let mut open = 0isize;
    for line in source.lines() {
        let starts = line.starts_with("#![");
        if starts || open > 0 {
            open += line.matches('[').count() as isize - line.matches(']').count() as isize;
        } else if !line.starts_with("//!") {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

/// Copies the execution handlers to a second module in which `RECORD` is true. So the hot path of an engine
/// that does not record stays free of recording.
pub fn derive_recording_handlers(sources: &mut BTreeMap<String, String>) -> Result<(), Error> {
    const OF: &str = "engine/executor/handler/exec";
    const FLAG: &str = "const RECORD: bool = false;";
    let copies: Vec<_> = sources
        .iter()
        .filter_map(|(file, text)| {
            let rest = file.strip_prefix(OF)?;
            (rest == ".rs" || rest.starts_with('/')).then(|| (format!("{OF}_recording{rest}"), text.clone()))
        })
        .collect();
    sources.extend(copies);
    let flip = Edit {
        name: "derive-recording-handlers".into(),
        file: format!("{OF}_recording.rs"),
        why: String::new(),
        times: 1,
        action: Action::Replace,
        anchor: FLAG.into(),
        text: FLAG.replace("false", "true"),
    };
    apply(&[flip], sources)
}
