//! `--symbols`: names and lines that the analyst has in a file beside the sample.

use std::path::PathBuf;

use clap::Args;
use wasmspoor::{
    module::view::{Symbols, SymbolsError},
    trace::Trace,
};

use super::{Exit, Failure, input, places::Places, sample::Analysed};

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
        if let Some(symbols) = self.read(|file| Symbols::read(file, &analysed.analysis.view))? {
            analysed.analysis.take_symbols(&symbols);
        }
        Ok(())
    }

    /// The names and lines of a trace: these, or those that the sample has.
    pub(super) fn places<'t>(&self, trace: &'t Trace) -> Result<Places<'t>, Failure> {
        let Some(module) = trace.modules.first() else { return Ok(Places::new(trace, Symbols::default())) };
        let symbols = self.read(|file| Symbols::read_for(file, module))?;
        Ok(Places::new(trace, symbols.unwrap_or_else(|| Symbols::own(module))))
    }

    fn read(
        &self,
        read: impl FnOnce(&[u8]) -> Result<Symbols, SymbolsError>,
    ) -> Result<Option<Symbols>, Failure> {
        let Some(path) = &self.symbols else { return Ok(None) };
        let usage =
            |cause: anyhow::Error| Failure::new(Exit::Usage, cause.context(path.display().to_string()));
        let file = input::read(path).map_err(usage)?;
        read(&file).map(Some).map_err(|error| usage(error.into()))
    }
}
