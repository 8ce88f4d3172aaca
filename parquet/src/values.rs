//! The table of a part of a run with its values: an instruction a row.

use std::{io::Write, sync::Arc};

use arrow_array::RecordBatch;
use arrow_json::{ReaderBuilder, reader::Decoder};
use arrow_schema::Schema;
use parquet::arrow::ArrowWriter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    columns::rows,
    convert::{self, BATCH, ConvertErrorKind},
};

rows! {
    /// An instruction of a run, with its values.
    pub struct InstructionRow {
        /// How many instructions were executed before it.
        pub number: u64,
        /// The function that it stands in.
        pub function: u32,
        /// Where it stands in the file.
        pub offset: u32,
        /// What it is, as in the text format.
        pub opcode: String,
        /// What it takes, in order: type and value, such as `i32 5`.
        pub operands: Vec<String>,
        /// What it gives.
        pub results: Vec<String>,
        /// The memory that it writes, or else reads.
        pub memory: Option<u32>,
        /// Where it does.
        pub address: Option<u64>,
        /// How many bytes.
        pub bytes: Option<u64>,
        /// The memory that a copy reads.
        pub from_memory: Option<u32>,
        /// Where it does.
        pub from_address: Option<u64>,
    }
}

/// Writes instructions as Parquet, in batches of [`BATCH`] rows.
pub struct InstructionWriter<W: Write + Send> {
    writer: ArrowWriter<W>,
    decoder: Decoder,
    schema: Arc<Schema>,
    rows: Vec<InstructionRow>,
}

impl<W: Write + Send> std::fmt::Debug for InstructionWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstructionWriter").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

impl<W: Write + Send> InstructionWriter<W> {
    /// Writes to `out`.
    ///
    /// # Errors
    /// When it cannot be written to.
    pub fn new(out: W) -> Result<Self, ConvertErrorKind> {
        let [read, schema] = convert::schemas(&InstructionRow::columns()).map(Arc::new);
        let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(convert::properties()))?;
        Ok(Self { writer, decoder: ReaderBuilder::new(read).build_decoder()?, schema, rows: Vec::new() })
    }

    /// Adds an instruction.
    ///
    /// # Errors
    /// When what is full cannot be written.
    pub fn push(&mut self, row: InstructionRow) -> Result<(), ConvertErrorKind> {
        self.rows.push(row);
        if self.rows.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    /// Writes what is left, and gives back what it wrote to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<W, ConvertErrorKind> {
        self.flush()?;
        Ok(self.writer.into_inner()?)
    }

    fn flush(&mut self) -> Result<(), ConvertErrorKind> {
        self.decoder.serialize(&self.rows)?;
        self.rows.clear();
        if let Some(batch) = self.decoder.flush()? {
            let columns = batch.columns().iter().map(convert::signed).collect();
            self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
        }
        Ok(())
    }
}
