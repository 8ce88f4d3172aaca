//! The tables of a `spoor scan` as Parquet files, for DuckDB, DataFusion, Spark and the like.
//!
//! `convert` reads the JSON lines of a folder, table by table and in batches, and writes each table anew
//! beside them: `samples.jsonl` becomes `samples.parquet`. Columns are named as in `docs/scan.md`; a test
//! holds both to the rows that a scan writes. Memory is that of one batch of `BATCH` rows and of one row
//! group.
//!
//! In a crate of its own, and empty without its feature `arrow`, because of what it stands on: Arrow and
//! Parquet take longer to build than the rest of the program.
#![cfg(feature = "arrow")]

use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_json::ReaderBuilder;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::{
    arrow::ArrowWriter, basic::Compression, errors::ParquetError, file::properties::WriterProperties,
};
use tempfile::NamedTempFile;

/// Rows read at a time.
pub const BATCH: usize = 4096;
/// Rows of a row group.
const GROUP: usize = 65_536;

/// Why a table could not be converted.
#[derive(Debug, thiserror::Error)]
#[error("{}", path.display())]
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

/// A column: its name and type, whether it can be null.
type Column = (&'static str, Type, bool);

/// Types of columns.
#[derive(Debug, Clone, Copy)]
enum Type {
    Text,
    Texts,
    Number,
    Small,
    Signed,
    Real,
    Flag,
    Failure,
}

impl Type {
    fn to_arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Texts => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
            Self::Number => DataType::UInt64,
            Self::Small => DataType::UInt8,
            Self::Signed => DataType::Int32,
            Self::Real => DataType::Float64,
            Self::Flag => DataType::Boolean,
            Self::Failure => {
                let parts = ["kind", "text"].map(|name| Field::new(name, DataType::Utf8, false));
                DataType::Struct(parts.into_iter().collect())
            }
        }
    }
}

use Type::{Failure, Flag, Number, Real, Signed, Small, Text, Texts};

const SAMPLES: &[Column] = &[
    ("sha256", Text, false),
    ("path", Text, false),
    ("path_base64", Text, true),
    ("inside", Texts, false),
    ("size", Number, false),
    ("failure", Failure, true),
    ("time_ms", Number, false),
    ("verdict", Text, true),
    ("score", Small, false),
    ("family", Text, true),
    ("confidence", Small, false),
    ("status", Text, true),
    ("exit_code", Signed, true),
    ("validity", Text, true),
    ("module_sha256", Text, true),
    ("md5", Text, true),
    ("imphash", Text, true),
    ("code_hash", Text, true),
    ("behaviour_hash", Text, true),
    ("code_sketch", Text, true),
    ("behaviour_sketch", Text, true),
    ("entropy", Real, false),
    ("functions", Number, false),
    ("functions_run", Number, false),
    ("imports", Number, false),
    ("exports", Number, false),
    ("instructions_run_percent", Real, true),
    ("entries", Number, false),
    ("instructions", Number, false),
    ("xor", Number, false),
    ("rotate", Number, false),
    ("shift", Number, false),
    ("loads", Number, false),
    ("stores", Number, false),
    ("indirect_calls", Number, false),
    ("grown_pages", Number, false),
    ("host_calls", Number, false),
    ("loops", Number, false),
    ("attack", Texts, false),
    ("reasons", Texts, false),
    ("limitations", Texts, false),
    ("rows_cut", Number, false),
];

const PATHS: &[Column] = &[
    ("path", Text, false),
    ("path_base64", Text, true),
    ("inside", Texts, false),
    ("sha256", Text, true),
    ("size", Number, true),
    ("failure", Failure, true),
];

const FUNCTIONS: &[Column] = &[
    ("sha256", Text, false),
    ("index", Number, false),
    ("name", Text, true),
    ("offset", Number, false),
    ("size", Number, false),
    ("code_hash", Text, true),
    ("ty", Text, false),
    ("static_instructions", Number, false),
    ("loops", Number, false),
    ("cyclomatic", Number, false),
    ("score", Number, false),
    ("calls", Number, false),
    ("instructions", Number, false),
    ("xor", Number, false),
    ("rotate", Number, false),
    ("shift", Number, false),
    ("mining_windows", Number, false),
    ("host_calls", Number, false),
];

const HOST_CALLS: &[Column] = &[
    ("sha256", Text, false),
    ("module", Text, false),
    ("name", Text, false),
    ("answer", Text, false),
    ("category", Text, true),
    ("calls", Number, false),
    ("fabricated", Number, false),
    ("failed", Number, false),
    ("first_ns", Number, false),
    ("text", Text, true),
];

const FINDINGS: &[Column] = &[
    ("sha256", Text, false),
    ("kind", Text, false),
    ("name", Text, false),
    ("class", Text, false),
    ("severity", Small, false),
    ("confidence", Small, false),
    ("dynamic", Flag, false),
    ("places", Number, false),
    ("text", Text, false),
];

const CLUSTERS: &[Column] =
    &[("kind", Text, false), ("cluster", Text, false), ("size", Number, false), ("sha256", Text, false)];

const TABLES: [(&str, &[Column]); 6] = [
    ("samples", SAMPLES),
    ("paths", PATHS),
    ("functions", FUNCTIONS),
    ("host_calls", HOST_CALLS),
    ("findings", FINDINGS),
    ("clusters", CLUSTERS),
];

/// Names of the tables.
pub fn tables() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|(name, _)| *name)
}

/// The schema of a table; `None` if there is none of this name.
pub fn schema(table: &str) -> Option<Schema> {
    let (_, columns) = TABLES.iter().find(|(name, _)| *name == table)?;
    let fields = columns.iter().map(|(name, ty, is_null)| Field::new(*name, ty.to_arrow(), *is_null));
    Some(Schema::new(fields.collect::<Vec<_>>()))
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
    let Some(schema) = schema(name).map(Arc::new) else { return Ok(0) };
    let whole = io::Read::take(File::open(path)?, whole_lines(path)?);
    let reader =
        ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(BATCH).build(BufReader::new(whole))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(GROUP))
        .build();
    let new = new_file(path.parent().unwrap_or(Path::new(".")))?;
    let mut writer = ArrowWriter::try_new(new.reopen()?, schema, Some(properties))?;
    let mut rows = 0;
    for batch in reader {
        let batch = batch?;
        rows += batch.num_rows() as u64;
        writer.write(&batch)?;
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
    let mut block = vec![0; 1 << 16];
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
