//! `--symbols`: names and lines that the analyst has in a file beside the sample.

use std::path::PathBuf;

use clap::Args;
use wasmspoor::module::view::Symbols;

use super::{Exit, Failure, input, sample::Analysed};

/// Names and lines of the sample from another file
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Names of functions and lines of source from this file: the module before it was stripped, a file of
    /// its debug information, or a source map. They are shown; what is judged does not change
    #[arg(long, value_name = "FILE")]
    symbols: Option<PathBuf>,
}

impl Arguments {
    pub(super) fn is_given(&self) -> bool {
        self.symbols.is_some()
    }

    /// Gives a sample the names and lines.
    pub(super) fn give(&self, analysed: &mut Analysed) -> Result<(), Failure> {
        let Some(path) = &self.symbols else { return Ok(()) };
        let usage =
            |cause: anyhow::Error| Failure::new(Exit::Usage, cause.context(path.display().to_string()));
        let file = input::read(path).map_err(usage)?;
        let symbols = Symbols::read(&file, &analysed.analysis.view).map_err(|error| usage(error.into()))?;
        analysed.analysis.take_symbols(&symbols);
        Ok(())
    }
}
