//! Converts the JSON lines of a scan, table by table and in batches: `samples.jsonl` becomes
//! `samples.parquet`. Memory is that of one batch of [`BATCH`] rows and of one row group.
//!
//! Compressed with zstd, which every reader has and which takes half of what Snappy does. Whole numbers have
//! signs. Spark and what is built on Hive have no others, and read unsigned ones as decimals or not at all.

use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{
    ArrayRef, RecordBatch,
    cast::AsArray as _,
    types::{Int16Type, Int64Type, UInt8Type, UInt64Type},
};
use arrow_json::ReaderBuilder;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};
use tempfile::NamedTempFile;

use crate::{
    columns::{Column, ColumnType},
    rows::TABLES,
};

pub use crate::limits::BATCH;
use crate::limits::{BLOCK, GROUP};

/// Why a table could not be converted.
#[derive(Debug, thiserror::Error)]
#[error("{}", path.display())]
#[non_exhaustive]
pub struct ConvertError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub kind: ConvertErrorKind,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertErrorKind {
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is no row of the table.
    #[error(transparent)]
    Row(#[from] ArrowError),
    /// The Parquet file could not be written.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
}

/// What a column holds in the lines of JSON.
fn read_as(ty: ColumnType) -> DataType {
    match ty {
        ColumnType::Number => DataType::UInt64,
        ColumnType::Small => DataType::UInt8,
        _ => to_arrow(ty),
    }
}

/// What it holds in the Parquet file.
fn to_arrow(ty: ColumnType) -> DataType {
    match ty {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Texts => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        ColumnType::Number => DataType::Int64,
        ColumnType::Small => DataType::Int16,
        ColumnType::Signed => DataType::Int32,
        ColumnType::Real => DataType::Float64,
        ColumnType::Flag => DataType::Boolean,
        ColumnType::Failure => {
            let parts = ["kind", "text"].map(|name| Field::new(name, DataType::Utf8, false));
            DataType::Struct(parts.into_iter().collect())
        }
    }
}

/// Names of the tables.
pub fn tables() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name)
}

/// The schema of a table's Parquet file; `None` if there is none of this name.
pub fn schema(table: &str) -> Option<Schema> {
    schema_of(table, to_arrow)
}

fn schema_of(table: &str, of: fn(ColumnType) -> DataType) -> Option<Schema> {
    let table = TABLES.iter().find(|known| known.name == table)?;
    Some(schema_with(&(table.columns)(), of))
}

fn schema_with(columns: &[Column], of: fn(ColumnType) -> DataType) -> Schema {
    let fields = columns.iter().map(|column| Field::new(column.name, of(column.ty), column.is_nullable));
    Schema::new(fields.collect::<Vec<_>>())
}

/// Columns as they are read and as they are written.
pub(crate) fn schemas(columns: &[Column]) -> [Schema; 2] {
    [read_as, to_arrow].map(|of| schema_with(columns, of))
}

/// How a Parquet file is written.
pub(crate) fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP))
        .build()
}

/// A column as it is written. A value that is too large for a number with a sign becomes the largest: a
/// worker that lies about its sample must not end the conversion of all others.
pub(crate) fn signed(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::UInt64 => {
            let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            Arc::new(column.as_primitive::<UInt64Type>().unary::<_, Int64Type>(signed))
        }
        DataType::UInt8 => Arc::new(column.as_primitive::<UInt8Type>().unary::<_, Int16Type>(i16::from)),
        _ => Arc::clone(column),
    }
}

/// Converts every table that `folder`, the `--out` folder of a scan, holds, and gives table and rows of each.
/// A scan may still be writing: rows are taken up to the last whole line that is there. A Parquet file is the
/// old one or the new one, never a part.
///
/// # Errors
///
/// When a table cannot be read, holds something else, or its Parquet file cannot be written.
pub fn convert(folder: &Path) -> Result<Vec<(&'static str, u64)>, ConvertError> {
    let mut rows = Vec::new();
    for name in tables() {
        let path = folder.join(format!("{name}.jsonl"));
        if !path.exists() {
            continue;
        }
        let count = table(name, &path).map_err(|kind| ConvertError { path: path.clone(), kind })?;
        rows.push((name, count));
    }
    Ok(rows)
}

fn table(name: &str, path: &Path) -> Result<u64, ConvertErrorKind> {
    let schemas = (schema_of(name, read_as).map(Arc::new), schema(name).map(Arc::new));
    let (Some(read), Some(schema)) = schemas else { return Ok(0) };
    let whole = io::Read::take(File::open(path)?, whole_lines(path)?);
    let reader = ReaderBuilder::new(read).with_batch_size(BATCH).build(BufReader::new(whole))?;
    let new = new_file(path.parent().unwrap_or(Path::new(".")))?;
    let mut writer = ArrowWriter::try_new(new.reopen()?, Arc::clone(&schema), Some(properties()))?;
    let mut rows = 0;
    for batch in reader {
        let batch = batch?;
        rows += batch.num_rows() as u64;
        let columns = batch.columns().iter().map(signed).collect();
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
    }
    writer.into_inner()?.sync_all()?;
    new.persist(path.with_extension("parquet")).map_err(|error| error.error)?;
    Ok(rows)
}

/// A file under a name that nobody can have put there before, with the rights of any other file that is made.
fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Bytes up to the end of the last whole line.
fn whole_lines(path: &Path) -> io::Result<u64> {
    use io::{Read as _, Seek as _};
    let mut file = File::open(path)?;
    let mut end = file.metadata()?.len();
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let Some(part) = block.get_mut(..(end - start) as usize) else { break };
        file.seek(io::SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
