//! What a subcommand writes, and where: standard output, or the file named with `-o`.

use std::{fs::File, io::Write, path::PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use super::{Exit, Failure};

/// An object with the name of its schema before its own fields.
#[derive(Serialize)]
pub(super) struct Object<T> {
    pub(super) schema: &'static str,
    #[serde(flatten)]
    pub(super) fields: T,
}

/// Writes `bytes` to the file, or to `out`. A file that cannot be created is wrong usage; one that cannot be
/// written to is not the user's fault.
pub(super) fn write(path: Option<&PathBuf>, bytes: &[u8], out: &mut impl Write) -> Result<(), Failure> {
    match path {
        None => Ok(out.write_all(bytes)?),
        Some(path) => {
            let named = || path.display().to_string();
            let mut file =
                File::create(path).with_context(named).map_err(|error| Failure::new(Exit::Usage, error))?;
            Ok(file.write_all(bytes).with_context(named)?)
        }
    }
}
