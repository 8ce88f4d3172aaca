//! `--extract`: what a run left behind, as files of this machine. Their names are ours: a hash, never a path
//! that the sample chose; nothing that is there already is written over.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::limits::EXTRACT_FOLDERS;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wasmspoor::{
    analysis::Analysis,
    report::{Leftover, LeftoverKind, leftovers},
    sandbox::Run,
    text,
};

/// Name and version of the layout of `index.json`.
const SCHEMA: &str = "spoor.extract/1";

#[derive(Serialize)]
struct Index<'a> {
    schema: &'static str,
    /// SHA-256 of the sample.
    sample: &'a str,
    items: Vec<Item<'a>>,
}

/// Something that was left behind.
#[derive(Serialize)]
struct Item<'a> {
    kind: LeftoverKind,
    /// The socket, or the path that the sample knew it by.
    name: Option<&'a str>,
    /// What was done to a file.
    change: Option<&'a str>,
    size: u64,
    sha256: String,
    saved_as: String,
}

/// Writes everything into a new folder below `dir`; returns which.
pub(super) fn write(dir: &Path, analysis: &Analysis) -> io::Result<PathBuf> {
    let sample = &analysis.view.file.sha256;
    let folder = new_folder(dir, sample.get(..16).unwrap_or(sample))?;
    let mut saver = Saver { folder: &folder, saved: BTreeSet::new(), items: Vec::new() };
    if let Some(run) = &analysis.run {
        saver.run(run)?;
    }
    let index = Index { schema: SCHEMA, sample, items: saver.items };
    let mut file = create(&folder.join("index.json"))?;
    text::write_json(&mut file, &index)?;
    file.flush()?;
    Ok(folder)
}

/// A folder that was not there.
fn new_folder(dir: &Path, name: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(dir)?;
    for number in 1..EXTRACT_FOLDERS {
        let folder = dir.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|()| folder),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!("{EXTRACT_FOLDERS} folders of this sample are there"),
    ))
}

/// Opens a file that is not there; never one that a link leads to.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

struct Saver<'a> {
    folder: &'a Path,
    saved: BTreeSet<String>,
    items: Vec<Item<'a>>,
}

impl<'a> Saver<'a> {
    fn run(&mut self, run: &'a Run) -> io::Result<()> {
        for Leftover { kind, name, change, bytes } in leftovers(run) {
            self.save(kind, name, change, bytes)?;
        }
        Ok(())
    }

    /// The same bytes are written once.
    fn save(
        &mut self,
        kind: LeftoverKind,
        name: Option<&'a str>,
        change: Option<&'a str>,
        bytes: &[u8],
    ) -> io::Result<()> {
        let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let saved_as = format!("{sha256}.bin");
        if self.saved.insert(sha256.clone()) {
            create(&self.folder.join(&saved_as))?.write_all(bytes)?;
        }
        self.items.push(Item { kind, name, change, size: bytes.len() as u64, sha256, saved_as });
        Ok(())
    }
}
