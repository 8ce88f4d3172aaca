//! `spoor dump --parquet`: instructions with their values as a table, for DuckDB and the like.

use std::{fs::File, path::Path};

use wasmspoor_parquet::{InstructionRow, InstructionWriter};

use super::super::{Failure, output, valued};
use super::Line;

/// A table that is being written.
pub(super) struct Table(InstructionWriter<File>);

impl Table {
    /// Writes to a file, which must not be the one that is read.
    pub(super) fn new(file: &Path, read: &Path) -> Result<Self, Failure> {
        output::spares(Some(&file.to_owned()), [&read.to_owned()])?;
        let name = || file.display().to_string();
        let made = File::create(file).map_err(|error| valued::usage(format!("{}: {error}", name())))?;
        Ok(Self(InstructionWriter::new(made)?))
    }

    /// Adds what is an instruction.
    pub(super) fn push(&mut self, line: &Line<'_>) -> Result<(), Failure> {
        let (Some(function), Some(offset), Some(opcode), Some(values)) =
            (line.function, line.offset, line.opcode, &line.values)
        else {
            return Ok(());
        };
        let words = |values: &Option<Vec<_>>| values.iter().flatten().map(valued::exact).collect();
        Ok(self.0.push(InstructionRow {
            number: values.number,
            function,
            offset,
            opcode: opcode.to_owned(),
            operands: words(&values.operands),
            results: words(&values.results),
            memory: values.memory,
            address: values.address,
            bytes: values.bytes,
            from_memory: values.from_memory,
            from_address: values.from_address,
        })?)
    }

    /// All was added.
    pub(super) fn finish(self) -> Result<(), Failure> {
        Ok(self.0.finish()?.sync_all()?)
    }
}
