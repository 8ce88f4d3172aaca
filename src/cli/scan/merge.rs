//! `spoor scan merge`: several scans as one.

use std::{io::Write, path::PathBuf, time::Instant};

use clap::Args;
use wasmspoor::{scan::merge, text};

use super::{Exit, Failure, exit, finish, summary};

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
    let (mut store, summary, index) =
        merge::merge(&arguments.folders, &arguments.out).map_err(|error| Failure::new(Exit::Usage, error))?;
    let clusters = index.groups()?;
    finish(&mut store, &clusters)?;
    #[cfg(feature = "parquet")]
    if arguments.parquet {
        wasmspoor_parquet::convert(store.folder())?;
    }
    let total = summary::Total::of(&summary, &clusters, started.elapsed(), Some(&arguments.out));
    match arguments.json {
        true => text::write_json_line(out, &total)?,
        false => total.write(out)?,
    }
    Ok(exit(&summary))
}
