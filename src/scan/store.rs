//! The folder of a scan: tables that grow by whole results, whatever happens.
//!
//! All rows of a result are appended to their tables, then a line with the new length of every table is
//! appended to `journal`. That line is the result. When a scan is taken up again, every table is cut to the
//! lengths of the last good line. So no result is there in part, and none that the journal has is lost.
//!
//! A process that is killed loses nothing of what it wrote. A machine that goes down may. So tables, and then
//! the journal, are flushed to the disk two seconds after the first row that was not. A line is not good if a
//! table is shorter than it says, or does not end in a whole row there. If the journal has lines and none is
//! good, nothing is cut: then more than the last seconds is damaged.

use std::{
    collections::{HashSet, VecDeque},
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::limits::{JOURNAL_LINE, MAX_CANDIDATES};
use super::rows::{self, SampleRows};
use crate::{hex, text};

/// The tables, in the order of the lengths in the journal.
pub const TABLES: [&str; 5] = ["samples", "paths", "functions", "host_calls", "findings"];

/// All that a scan or a conversion of its tables writes into a folder besides `scan.json` and `journal`.
fn contents() -> impl Iterator<Item = String> {
    let names = TABLES.into_iter().chain(["clusters"]);
    names.flat_map(|name| ["jsonl", "parquet"].map(|ending| format!("{name}.{ending}")))
}

/// How long a row may wait before everything is flushed to the disk.
const SYNC: Duration = Duration::from_secs(2);

/// A length for each table.
type Lengths = [u64; TABLES.len()];

/// A line of the journal: lengths of the tables, and of the journal with it.
#[derive(Debug, Default)]
struct Line {
    lengths: Lengths,
    end: u64,
}

/// The settings that a folder is the result of. A scan with other settings cannot go on in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// [`rows::SCHEMA`].
    pub schema: String,
    /// Version of the program.
    pub version: String,
    /// Options of the analysis, as they were given. Contents of files that they name are not compared.
    pub options: Vec<String>,
}

impl Settings {
    /// Checks that `folder`, which was made with these, was made as another was.
    pub(super) fn agree(&self, other: &Self, folder: &Path) -> Result<(), StoreError> {
        match self == other {
            true => Ok(()),
            false => Err(StoreError::OtherSettings {
                path: folder.display().to_string(),
                differences: differences(self, other),
            }),
        }
    }
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be read or written.
    #[error("{path}")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It holds files of others with the names of tables.
    #[error("{path} {why}; nothing is written there: choose another folder")]
    Foreign {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It holds no scan.
    #[error("{path} holds no scan: it has no scan.json")]
    NoScan {
        /// The folder.
        path: String,
    },
    /// It already holds a scan.
    #[error("{path} already holds a scan; --resume continues it")]
    Exists {
        /// The folder.
        path: String,
    },
    /// What it holds was made in another way.
    #[error("{path} holds a scan made in another way ({differences}); results of both cannot be mixed")]
    OtherSettings {
        /// The folder.
        path: String,
        /// What differs: of the version, the layout and the options, those before and those now.
        differences: String,
    },
    /// A line of a table or of the journal cannot be what a scan wrote.
    #[error("{path}, line {line}, is damaged: {why}; nothing was changed")]
    Damaged {
        /// The file.
        path: String,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Another scan writes there now.
    #[error("{path} is in use by another scan")]
    InUse {
        /// The folder.
        path: String,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { path: path.display().to_string(), source }
}

/// An open folder.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    tables: Vec<File>,
    lengths: Lengths,
    journal: File,
    /// When the first row was written that is not flushed.
    unsynced: Option<Instant>,
}

/// What a folder already holds.
#[derive(Debug, Default)]
pub struct Known {
    /// Samples that have a row: their hashes.
    pub samples: HashSet<[u8; 32]>,
    /// Places that have a row, by [`key`].
    pub paths: HashSet<u128>,
}

/// What stands for a row of `paths`: the place and what was found there.
pub fn key(row: &rows::Path) -> u128 {
    let mut digest = Sha256::new();
    let rows::Origin { path, path_base64, inside } = &row.origin;
    let parts = [
        Some(path),
        path_base64.as_ref(),
        row.sha256.as_ref(),
        row.failure.as_ref().map(|failure| &failure.text),
    ];
    for part in parts.into_iter().chain(inside.iter().map(Some)) {
        let part = part.map_or("", String::as_str);
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let bytes = digest.finalize();
    bytes.first_chunk().map_or(0, |first| u128::from_le_bytes(*first))
}

/// Parses a hash in hexadecimal.
pub fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    hex::parse(text)
}

impl Store {
    /// Opens a folder: makes it, or takes up what it holds if `resume` says so. Every row of the tables
    /// `samples` and `paths` that it holds goes to `sample` and `path`.
    ///
    /// # Errors
    ///
    /// When it cannot be made, is in use, or holds something else.
    pub fn open(
        folder: &Path,
        settings: &Settings,
        resume: bool,
        mut sample: impl FnMut(rows::SampleRow),
        mut path: impl FnMut(rows::Path),
    ) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(at(folder))?;
        is_ours(folder)?;
        let name = folder.join("journal");
        let journal = open_table(&name).map_err(at(&name))?;
        let named = || folder.display().to_string();
        journal.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::InUse { path: named() },
            TryLockError::Error(error) => at(&name)(error),
        })?;
        let about = folder.join("scan.json");
        if !resume && (about.exists() || journal.metadata().map_err(at(&name))?.len() != 0) {
            return Err(StoreError::Exists { path: named() });
        }
        agree(&about, settings, named)?;
        let mut store = Self {
            folder: folder.to_owned(),
            tables: Vec::new(),
            lengths: [0; TABLES.len()],
            journal,
            unsynced: None,
        };
        for table in TABLES {
            let path = folder.join(format!("{table}.jsonl"));
            store.tables.push(open_table(&path).map_err(at(&path))?);
        }
        let good = store.last_good()?;
        store.lengths = good.lengths;
        store.read_rows(0, &mut sample)?;
        store.read_rows(1, &mut path)?;
        // First it must be known that the rest can be read.
        store.cut(good.end).map_err(at(folder))?;
        Ok(store)
    }

    /// Opens a folder to read what it holds, and changes nothing there. Gives how it was made, too.
    ///
    /// # Errors
    ///
    /// When it holds no scan, a scan writes there now, or it is damaged.
    pub(super) fn reading(folder: &Path) -> Result<(Self, Settings), StoreError> {
        is_ours(folder)?;
        let about = folder.join("scan.json");
        let foreign = |_| StoreError::Foreign { path: about.display().to_string(), why: "is not of a scan" };
        let bytes = fs::read(&about).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::NoScan { path: folder.display().to_string() },
            _ => at(&about)(error),
        })?;
        let settings = serde_json::from_slice(&bytes).map_err(foreign)?;
        let table = |name: String| {
            let path = folder.join(name);
            open_with(OpenOptions::new().read(true), &path).map_err(at(&path))
        };
        let journal = table("journal".to_owned())?;
        journal.try_lock_shared().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::InUse { path: folder.display().to_string() },
            TryLockError::Error(error) => at(folder)(error),
        })?;
        let tables = TABLES.iter().map(|name| table(format!("{name}.jsonl"))).collect::<Result<_, _>>()?;
        let mut store =
            Self { folder: folder.to_owned(), tables, lengths: [0; TABLES.len()], journal, unsynced: None };
        store.lengths = store.last_good()?.lengths;
        Ok((store, settings))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, table: usize) -> PathBuf {
        self.folder.join(format!("{}.jsonl", TABLES.get(table).unwrap_or(&"")))
    }

    /// The last good line of the journal. Lengths only grow, so lines for which the tables are long enough
    /// come before those for which they are not.
    fn last_good(&self) -> Result<Line, StoreError> {
        let name = self.folder.join("journal");
        let at = || at(&name);
        let sizes = self.sizes().map_err(at())?;
        let mut journal = BufReader::new(&self.journal);
        journal.seek(SeekFrom::Start(0)).map_err(at())?;
        let (mut fitting, mut text, mut end, mut lines) = (VecDeque::new(), Vec::new(), 0, 0u64);
        while journal.by_ref().take(JOURNAL_LINE).read_until(b'\n', &mut text).map_err(at())? != 0 {
            end += text.len() as u64;
            let Some(lengths) =
                text.strip_suffix(b"\n").and_then(|line| serde_json::from_slice::<Lengths>(line).ok())
            else {
                break;
            };
            lines += 1;
            text.clear();
            if lengths.iter().zip(&sizes).any(|(length, size)| length > size) {
                break;
            }
            if fitting.len() == MAX_CANDIDATES {
                fitting.pop_front();
            }
            fitting.push_back(Line { lengths, end });
        }
        while let Some(line) = fitting.pop_back() {
            if self.is_whole(&line.lengths).map_err(at())? {
                return Ok(line);
            }
        }
        // The first line, or a part of it, may be all that there is.
        if lines == 0 && text.iter().all(|byte| b"[0123456789,]".contains(byte)) {
            return Ok(Line::default());
        }
        let why = "the tables hold less than it says, or something else, from the first line on".to_owned();
        Err(StoreError::Damaged { path: name.display().to_string(), line: lines.max(1), why })
    }

    fn sizes(&self) -> io::Result<Vec<u64>> {
        self.tables.iter().map(|table| Ok(table.metadata()?.len())).collect()
    }

    /// Cuts tables to their lengths, and the journal to this one.
    fn cut(&self, journal: u64) -> io::Result<()> {
        for (table, &length) in self.tables.iter().zip(&self.lengths) {
            table.set_len(length)?;
        }
        self.journal.set_len(journal)
    }

    /// Whether every table ends in a whole row there.
    fn is_whole(&self, lengths: &Lengths) -> io::Result<bool> {
        for (mut table, &length) in self.tables.iter().zip(lengths) {
            if length != 0 {
                let mut last = [0];
                table.seek(SeekFrom::Start(length - 1))?;
                table.read_exact(&mut last)?;
                if last != *b"\n" {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn read_rows<T: DeserializeOwned>(
        &self,
        table: usize,
        take: &mut impl FnMut(T),
    ) -> Result<(), StoreError> {
        self.each_line(table, |_, line| serde_json::from_slice(line).map(&mut *take))
    }

    /// Gives each line of a table, with the byte where it begins. What `take` cannot read is damage.
    pub(super) fn each_line(
        &self,
        table: usize,
        mut take: impl FnMut(u64, &[u8]) -> serde_json::Result<()>,
    ) -> Result<(), StoreError> {
        let path = self.path(table);
        let (Some(mut file), Some(&length)) = (self.tables.get(table), self.lengths.get(table)) else {
            return Ok(());
        };
        file.seek(SeekFrom::Start(0)).map_err(at(&path))?;
        let (mut file, mut text, mut start) = (BufReader::new(file).take(length), Vec::new(), 0);
        for line in 1.. {
            text.clear();
            if file.read_until(b'\n', &mut text).map_err(at(&path))? == 0 {
                break;
            }
            let damaged = |error: serde_json::Error| StoreError::Damaged {
                path: path.display().to_string(),
                line,
                why: error.to_string(),
            };
            take(start, &text).map_err(damaged)?;
            start += text.len() as u64;
        }
        Ok(())
    }

    /// Bytes of a table that [`each_line`](Self::each_line) gave.
    pub(super) fn bytes(&self, table: usize, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        let path = self.path(table);
        let Some(mut file) = self.tables.get(table) else { return Ok(Vec::new()) };
        file.seek(SeekFrom::Start(range.start)).map_err(at(&path))?;
        let mut bytes = Vec::new();
        file.take(range.end - range.start).read_to_end(&mut bytes).map_err(at(&path))?;
        Ok(bytes)
    }

    /// Appends a result: rows of a sample, if there is one, and of the place where it was found.
    ///
    /// # Errors
    ///
    /// When a file cannot be written; then the result is not there.
    pub fn append(&mut self, outcome: Option<&SampleRows>, path: Option<&rows::Path>) -> io::Result<()> {
        let mut texts: [Vec<u8>; TABLES.len()] = Default::default();
        if let Some(SampleRows { sample, functions, host_calls, findings }) = outcome {
            text::write_json_line(&mut texts[0], sample)?;
            functions.iter().try_for_each(|row| text::write_json_line(&mut texts[2], row))?;
            host_calls.iter().try_for_each(|row| text::write_json_line(&mut texts[3], row))?;
            findings.iter().try_for_each(|row| text::write_json_line(&mut texts[4], row))?;
        }
        if let Some(path) = path {
            text::write_json_line(&mut texts[1], path)?;
        }
        self.append_lines(&texts)
    }

    /// Appends whole lines to each table, as one result.
    ///
    /// # Errors
    ///
    /// When a file cannot be written; then they are not there.
    pub(super) fn append_lines(&mut self, texts: &[Vec<u8>; TABLES.len()]) -> io::Result<()> {
        for ((mut table, length), text) in self.tables.iter().zip(&mut self.lengths).zip(texts) {
            table.write_all(text)?;
            *length += text.len() as u64;
        }
        let mut line = serde_json::to_vec(&self.lengths)?;
        line.push(b'\n');
        self.journal.write_all(&line)?;
        self.unsynced.get_or_insert_with(Instant::now);
        self.sync_if_due()
    }

    /// Flushes everything to the disk if there is something that waits for it longer than it may.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn sync_if_due(&mut self) -> io::Result<()> {
        match self.unsynced {
            Some(since) if since.elapsed() >= SYNC => self.sync(),
            _ => Ok(()),
        }
    }

    /// Flushes everything to the disk, tables first.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn sync(&mut self) -> io::Result<()> {
        self.tables.iter().try_for_each(File::sync_data)?;
        self.journal.sync_data()?;
        self.unsynced = None;
        Ok(())
    }

    /// Writes a file of the folder anew: it is the old one or the new one, never a part.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn replace(
        &self,
        name: &str,
        write: impl FnOnce(&mut io::BufWriter<File>) -> io::Result<()>,
    ) -> io::Result<()> {
        replace(&self.folder.join(name), write)
    }
}

/// Writes to a file that is new, under a name that nothing has, and puts it in place.
fn replace(path: &Path, write: impl FnOnce(&mut io::BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut new = tempfile::Builder::new();
    new.prefix(".new-");
    // As any other file that is made; the umask takes its part away.
    #[cfg(unix)]
    new.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let (file, name) = new
        .tempfile_in(path.parent().unwrap_or(Path::new(".")))
        // Its error has the path, which whoever reports it adds, too.
        .map_err(|error| io::Error::from(error.kind()))?
        .into_parts();
    let mut file = io::BufWriter::new(file);
    write(&mut file)?;
    file.into_inner()?.sync_all()?;
    name.persist(path).map_err(|error| error.error)
}

/// Opens a file that grows, or makes it.
fn open_table(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true).append(true).create(true), path)
}

/// Opens a file. A symbolic link is not followed: it may lead out of the folder.
fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    options.open(path)
}

/// Checks that no file of others is there that a scan would write to. A scan makes `journal` first, then
/// `scan.json`, then the rest. So, whenever it was killed, tables are never without both, and rows in the
/// journal never without `scan.json`.
fn is_ours(folder: &Path) -> Result<(), StoreError> {
    let found = |name: &str| {
        let path = folder.join(name);
        let foreign = |why| StoreError::Foreign { path: path.display().to_string(), why };
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_symlink() => Err(foreign("is a symbolic link")),
            Ok(meta) if !meta.is_file() => Err(foreign("is not a regular file")),
            Ok(meta) => Ok(Some((meta.len(), foreign("is not of a scan")))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    };
    let tables = contents().map(|name| found(&name)).collect::<Result<Vec<_>, _>>()?;
    let about = found("scan.json")?;
    let journal = found("journal")?;
    let (has_about, has_journal) = (about.is_some(), journal.is_some());
    let first_table = tables.into_iter().flatten().next();
    match (first_table, about, journal) {
        (Some((_, foreign)), ..) if !has_about || !has_journal => Err(foreign),
        (_, Some((_, foreign)), _) if !has_journal => Err(foreign),
        (_, _, Some((1.., foreign))) if !has_about => Err(foreign),
        _ => Ok(()),
    }
}

/// Writes what the folder is the result of, or checks it.
fn agree(about: &Path, settings: &Settings, named: impl Fn() -> String) -> Result<(), StoreError> {
    match fs::read(about) {
        Ok(bytes) => match serde_json::from_slice::<Settings>(&bytes) {
            Ok(before) if before == *settings => Ok(()),
            Ok(before) => {
                Err(StoreError::OtherSettings { path: named(), differences: differences(&before, settings) })
            }
            Err(_) => Err(StoreError::Foreign { path: about.display().to_string(), why: "is not of a scan" }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            replace(about, |file| text::write_json(file, settings)).map_err(at(about))
        }
        Err(error) => Err(at(about)(error)),
    }
}

/// The differences of two settings, in words: what only the earlier scan had, and what only this one has.
fn differences(before: &Settings, now: &Settings) -> String {
    let mut words = Vec::new();
    for (what, before, now) in
        [("version", &before.version, &now.version), ("layout", &before.schema, &now.schema)]
    {
        if before != now {
            words.push(format!("{what} {before} then, {now} now"));
        }
    }
    let only = |of: &Settings, other: &Settings| {
        let options = of.options.iter().filter(|option| !other.options.contains(option));
        options.map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    let sides = [(only(before, now), "then, not now"), (only(now, before), "now, not then")];
    let sides = sides.iter().filter(|(options, _)| !options.is_empty());
    words.extend(sides.map(|(options, when)| format!("{options} {when}")));
    if words.is_empty() {
        words.push("the same options in another order or number".to_owned());
    }
    text::clip(&words.join("; "), 500)
}

#[cfg(test)]
mod tests;
