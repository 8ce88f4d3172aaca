//! Where a subcommand writes: standard output, or the file named with `-o`.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::{Exit, Failure};

/// Writes `bytes` to the file, or to `out`.
pub(super) fn write(path: Option<&PathBuf>, bytes: &[u8], out: &mut impl Write) -> Result<(), Failure> {
    match path {
        None => Ok(out.write_all(bytes)?),
        Some(path) => to_file(path, bytes).map_err(|error| Failure::new(Exit::Usage, error)),
    }
}

fn to_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = File::create(path).with_context(|| path.display().to_string())?;
    file.write_all(bytes).with_context(|| path.display().to_string())
}
