//! The rows of the tables that a scan writes, and the columns of these. They are defined in the crate of the
//! tables, `wasmspoor-parquet`, from where the Parquet files and `docs/scan.md` have them too.

pub use wasmspoor_parquet::{
    columns::{Column, ColumnType, Table},
    rows::{
        ClusterKind, ClusterRow, Failure, FailureKind, FindingRow, FunctionRow, HostCallRow, Origin, Path,
        SCHEMA, SampleRow, SampleRows, TABLES,
    },
};

pub use super::limits::MAX_ROWS;
