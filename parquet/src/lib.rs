//! The tables of a `spoor scan`: their rows, as lines of JSON, and as Parquet files for DuckDB, DataFusion,
//! Spark and the like.
//!
//! One definition of a row ([`rows`]) makes the type that is written and read, the columns of the Parquet
//! file and the tables in `docs/scan.md`.
//!
//! It is a crate of its own because of the crates below `convert`: Arrow and Parquet take longer to build
//! than the rest of the program. Without its feature `arrow` there are rows and columns only.

pub mod columns;
#[cfg(feature = "arrow")]
mod convert;
#[cfg(feature = "arrow")]
mod limits;
pub mod rows;
#[cfg(feature = "arrow")]
mod values;

#[cfg(feature = "arrow")]
pub use convert::{BATCH, ConvertError, ConvertErrorKind, convert, schema, tables};
#[cfg(feature = "arrow")]
pub use values::{InstructionRow, InstructionWriter};

#[cfg(test)]
mod docs;
