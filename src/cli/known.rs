//! `--known`: lists of files whose name is told beside the verdict.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::Context as _;
use clap::Args;
use wasmspoor::report::Known;

use super::{Exit, Failure};

/// Files that are known
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// A list of files that are known, a SHA-256 and a name on each line, as `integrations/known` makes of
    /// releases: a sample that is one of them, byte for byte, is marked so. The verdict stays what it is; may
    /// be repeated
    #[arg(long, value_name = "FILE")]
    known: Vec<PathBuf>,
    #[arg(skip)]
    list: OnceLock<Known>,
}

impl Arguments {
    /// What the lists name, read when first asked for.
    pub(super) fn list(&self) -> Result<&Known, Failure> {
        if let Some(list) = self.list.get() {
            return Ok(list);
        }
        let mut all = Known::default();
        for path in &self.known {
            let added =
                read(path).and_then(|list| all.extend(list).with_context(|| path.display().to_string()));
            added.map_err(|error| Failure::new(Exit::Usage, error))?;
        }
        Ok(self.list.get_or_init(|| all))
    }

    /// As words of the settings of a batch.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        self.known.iter().map(|path| format!("--known={}", path.display()))
    }
}

fn read(path: &Path) -> anyhow::Result<Known> {
    let named = || path.display().to_string();
    Known::read(File::open(path).with_context(named)?).with_context(named)
}
