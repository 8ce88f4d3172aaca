//! What a module declares: imports, exports, memories, tables, globals, segments.

use schemars::JsonSchema;
use serde::Serialize;

use crate::module::{BothKeys, FuncIndex, MemoryIndex, TableIndex, both_keys};

/// What an import or export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
#[non_exhaustive]
pub enum ExternKind {
    Function,
    Table,
    Memory,
    Global,
    Tag,
}

/// An import.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ImportInfo {
    /// First part of its name.
    pub module: String,
    /// Second part of its name.
    pub name: String,
    /// What it is.
    pub kind: ExternKind,
    /// Its type in the text format, such as `(param i32) (result i32)`.
    pub ty: String,
    /// Its index, if it is a function.
    #[serde(flatten, serialize_with = "both_keys")]
    #[schemars(with = "BothKeys<Option<FuncIndex>>")]
    pub func: Option<FuncIndex>,
}

/// An export.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ExportInfo {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ExternKind,
    /// Its index in the index space of its kind.
    pub index: u32,
}

/// A memory.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Memory {
    /// Initial size in pages.
    pub initial: u64,
    /// Greatest size in pages.
    pub maximum: Option<u64>,
    /// Whether it is imported.
    pub imported: bool,
    /// Whether it has 64-bit addresses.
    pub memory64: bool,
    /// Whether it is shared.
    pub shared: bool,
}

/// A table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Table {
    /// Initial number of elements.
    pub initial: u64,
    /// Greatest number.
    pub maximum: Option<u64>,
    /// Whether it is imported.
    pub imported: bool,
}

/// A global.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Global {
    /// Its type.
    pub ty: String,
    /// Whether it can change.
    pub mutable: bool,
    /// Whether it is imported.
    pub imported: bool,
    /// Its initial value, if that is a constant of an integer type.
    pub value: Option<i64>,
}

/// A data segment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct DataSegment {
    /// Its memory; `None` if it is passive.
    pub memory: Option<MemoryIndex>,
    /// Where it is put in memory, if that is a constant.
    pub address: Option<u64>,
    /// Offset of its bytes in the file.
    pub offset: u64,
    /// Number of bytes.
    pub size: u64,
    /// Shannon entropy in bits per byte.
    pub entropy: f64,
}

/// An element segment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ElementSegment {
    /// Its table; `None` if it is passive or declared.
    pub table: Option<TableIndex>,
    /// Whether it only declares functions for `ref.func`, and never gets into a table.
    pub declared: bool,
    /// Where it is put in the table, if that is a constant.
    pub first: Option<u64>,
    /// Its functions, `None` for a null reference or what is not a constant function.
    #[serde(skip)]
    pub functions: Vec<Option<FuncIndex>>,
    /// Number of elements.
    pub len: u64,
}
