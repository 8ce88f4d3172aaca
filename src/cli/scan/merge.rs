//! `spoor scan merge`: several scans as one.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use wasmspoor::{
    scan::{merge, store::StoreError},
    text,
};

use super::{Exit, Failure, Work, Written, exit, finish, page, summary};

/// Make one scan of several: of the parts of a batch, or of feeds that overlap
///
/// A sample or a place that several of them have is there once; of a sample, a row without a failure is kept
/// before one with a failure. Groups are made anew from all samples. Samples come by hash, so however the
/// work was shared, the tables are the same but for `time_ms`. The folders are only read, and must have been
/// made with the same options by the same version.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folders that `spoor scan --out` wrote
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Write the tables into this folder, which is made, or is empty; not into one of those that are read
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Write the tables as Parquet files, too
    #[cfg(feature = "parquet")]
    #[arg(long)]
    parquet: bool,
    /// Write overview.html, too, as `spoor scan --html` does, without pages of single samples
    #[arg(long)]
    html: bool,
    /// The summary as an object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let started = Instant::now();
    if let Some(why) = refused(&arguments.folders, &arguments.out) {
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(why)));
    }
    let merged = merge::merge(&arguments.folders, &arguments.out);
    let (mut store, summary, index) = merged.map_err(|error| Failure::new(Exit::Usage, in_words(error)))?;
    let clusters = index.groups()?;
    finish(&mut store, &clusters)?;
    if arguments.html {
        page(&store, &summary, &clusters)?;
    }
    #[cfg(feature = "parquet")]
    if arguments.parquet {
        wasmspoor_parquet::convert(store.folder())?;
    }
    let work = Work::Merge(arguments.folders.len());
    #[cfg(feature = "parquet")]
    let has_parquet = arguments.parquet;
    #[cfg(not(feature = "parquet"))]
    let has_parquet = false;
    let written = Written { folder: &arguments.out, has_page: arguments.html, has_parquet };
    let total = summary::Total::of(work, &summary, &clusters, started.elapsed(), Some(written));
    match arguments.json {
        true => text::write_json_line(out, &total)?,
        false => total.write(out)?,
    }
    Ok(exit(work, &summary))
}

/// Why nothing is written to `out`: the scans are only read, and what is of others stays as it is.
fn refused(folders: &[PathBuf], out: &Path) -> Option<String> {
    let path = existing(out)?;
    let holder = folders.iter().find(|folder| folder.canonicalize().is_ok_and(|read| path.starts_with(read)));
    if let Some(read) = holder {
        let is_same = read.canonicalize().ok() == out.canonicalize().ok();
        let (out, read) = (out.display(), read.display());
        return Some(match is_same {
            true => format!("{read} is one of the scans that are read: --out names a new folder"),
            false => format!("{out} is in {read}, which is read: --out names a new folder"),
        });
    }
    let mut entries = out.read_dir().ok()?;
    entries.next().map(|_| format!("{} is not empty: merge into a new folder", out.display()))
}

/// The folder that something is in or will be made in, with links followed.
fn existing(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find_map(|folder| folder.canonicalize().ok())
}

/// What a scan would go on with, a merge does not.
fn in_words(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Exists { path } => {
            anyhow::anyhow!("{path} already holds a scan: merge into a new folder")
        }
        error => error.into(),
    }
}
