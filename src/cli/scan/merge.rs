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

use super::{Exit, Failure, Work, Written, exit, finish, summary};

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
    /// Write the tables into this folder, which is made
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Write the tables as Parquet files, too
    #[cfg(feature = "parquet")]
    #[arg(long)]
    parquet: bool,
    /// The summary as an object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let started = Instant::now();
    if let Some(read) = arguments.folders.iter().find(|folder| is_same(folder, &arguments.out)) {
        let read = read.display();
        let message = format!("{read} is one of the scans that are read: --out names a new folder");
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)));
    }
    let merged = merge::merge(&arguments.folders, &arguments.out);
    let (mut store, summary, index) = merged.map_err(|error| Failure::new(Exit::Usage, in_words(error)))?;
    let clusters = index.groups()?;
    finish(&mut store, &clusters)?;
    #[cfg(feature = "parquet")]
    if arguments.parquet {
        wasmspoor_parquet::convert(store.folder())?;
    }
    let work = Work::Merge(arguments.folders.len());
    #[cfg(feature = "parquet")]
    let has_parquet = arguments.parquet;
    #[cfg(not(feature = "parquet"))]
    let has_parquet = false;
    let written = Written { folder: &arguments.out, has_page: false, has_parquet };
    let total = summary::Total::of(work, &summary, &clusters, started.elapsed(), Some(written));
    match arguments.json {
        true => text::write_json_line(out, &total)?,
        false => total.write(out)?,
    }
    Ok(exit(work, &summary))
}

/// Whether both are one folder, however they are named.
fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
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
