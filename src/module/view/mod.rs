//! The static view: everything that can be said of a sample without running it.
//!
//! [`View::of`] reads as far as the bytes allow. A module that is invalid, that the engine cannot run, or that is no module at all still gets a
//! view of what was found up to there, and says so in [`View::validity`]. Every operator is decoded by wasmparser, none by hand.
//!
//! Memory follows the size of the file; lists that a hostile file could blow up are cut at a documented length and counted
//! beyond it.
//!
//! Not here: execution, and what a rule makes of these facts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{CodeOffset, FuncIndex};

/// What can be said of a sample without running it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct View {
    /// Hashes, size, entropy.
    pub file: File,
    /// Whether it is a module, and valid.
    pub validity: Validity,
    /// All sections in file order, custom ones too.
    pub sections: Vec<Section>,
    /// What is odd about the order, number and size of sections.
    pub anomalies: Vec<Anomaly>,
    /// All imports in order.
    pub imports: Vec<Import>,
    /// All exports in order.
    pub exports: Vec<Export>,
    /// The start function.
    pub start: Option<FuncIndex>,
    /// Memories, imported ones first.
    pub memories: Vec<Memory>,
    /// Tables, imported ones first.
    pub tables: Vec<Table>,
    /// Globals, imported ones first.
    pub globals: Vec<Global>,
    /// Data segments.
    pub data: Vec<DataSegment>,
    /// Element segments.
    pub elements: Vec<ElementSegment>,
    /// `producers`: field → `name version`.
    pub producers: Vec<(String, String)>,
    /// `target_features`, with their prefix.
    pub target_features: Vec<String>,
    /// Proposals beyond the first version that the module uses, with the first place of each.
    pub proposals: Vec<Proposal>,
    /// The functions that the module defines, in order.
    pub functions: Vec<Function>,
    /// Sums of the classes of all functions.
    pub classes: Classes,
    /// Who calls whom, as far as the code tells.
    pub calls: CallGraph,
    /// Constants of cryptographic algorithms.
    pub crypto: Vec<CryptoConstant>,
    /// Printable strings of data segments and custom sections, longest lists cut at [`MAX_STRINGS`].
    pub strings: Vec<Text>,
    /// Strings found beyond [`MAX_STRINGS`].
    pub strings_cut: u64,
    /// Indicators of compromise among the strings, decoded ones too.
    pub iocs: Vec<Ioc>,
}

/// Strings kept in [`View::strings`].
pub const MAX_STRINGS: usize = 20_000;

/// Hashes, size, entropy of the whole file.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct File {
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// MD5, hexadecimal.
    pub md5: String,
    /// MD5 of the sorted names `module.name` of function imports, joined by commas, as WASMShark computes it.
    pub imphash: String,
    /// Shannon entropy in bits per byte.
    pub entropy: f64,
    /// Chi-square of the byte histogram against the uniform distribution.
    pub chi_square: f64,
    /// Entropy of consecutive windows of [`Self::window`] bytes, in bits per byte.
    pub windows: Vec<f32>,
    /// Size of a window in bytes; at least 1024, and so that there are at most 1024 of them.
    pub window: u64,
    /// Whether the sample was given in the text format and was translated; offsets are those of the binary.
    pub from_text: bool,
}

/// Whether the sample is a module, and valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Validity {
    /// It validates, and the engine can run it.
    Valid,
    /// It validates, and needs a proposal that the engine does not run.
    Unsupported {
        /// The proposal, or `component model`.
        proposal: String,
        /// First place where it is used.
        offset: u64,
    },
    /// It does not validate, or is no module.
    Invalid {
        /// Where.
        offset: u64,
        /// Why.
        reason: String,
    },
}

/// A section.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Section {
    /// Id in the file.
    pub id: u8,
    /// `type`, `import`, …; for a custom section its own name.
    pub name: String,
    /// Whether it is a custom section.
    pub is_custom: bool,
    /// Offset of its contents in the file.
    pub offset: u64,
    /// Size of its contents in bytes.
    pub size: u64,
    /// Shannon entropy of its contents in bits per byte.
    pub entropy: f64,
    /// Chi-square of its contents.
    pub chi_square: f64,
}

/// Something odd about the file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Anomaly {
    /// What, in snake case: `duplicate_section`, `out_of_order_section`, `trailing_bytes`, `oversized_custom_section`, `padded_leb`, …
    pub kind: String,
    /// In words.
    pub detail: String,
    /// Where.
    pub offset: u64,
}

/// What an import or export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Kind {
    Function,
    Table,
    Memory,
    Global,
    Tag,
}

/// An import.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Import {
    /// First part of its name.
    pub module: String,
    /// Second part of its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its type in the text format, such as `(param i32) (result i32)`.
    pub ty: String,
    /// Its index, if it is a function.
    pub func: Option<FuncIndex>,
}

/// An export.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its index in the index space of its kind.
    pub index: u32,
}

/// A memory.
#[derive(Debug, Clone, Serialize, JsonSchema)]
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
pub struct Global {
    /// Its type.
    pub ty: String,
    /// Whether it can change.
    pub mutable: bool,
    /// Whether it is imported.
    pub imported: bool,
    /// Its initial value, if that is one constant of an integer type.
    pub value: Option<i64>,
}

/// A data segment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DataSegment {
    /// Its memory; `None` if it is passive.
    pub memory: Option<u32>,
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
pub struct ElementSegment {
    /// Its table; `None` if it is passive or declared.
    pub table: Option<u32>,
    /// Where it is put in the table, if that is a constant.
    pub first: Option<u64>,
    /// Its functions, `None` for a null reference or what is not a constant function.
    #[serde(skip)]
    pub functions: Vec<Option<FuncIndex>>,
    /// Number of elements.
    pub len: u64,
}

/// A proposal that the module uses.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Proposal {
    /// Its name, such as `bulk memory`.
    pub name: String,
    /// First place where it is used.
    pub offset: u64,
}

/// Instructions by class. Static: those that stand in the code; dynamic: those that were executed. Classes overlap only where said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Classes {
    /// All instructions, `end` and `else` left out.
    pub total: u64,
    /// `i32.xor`, `i64.xor`, `v128.xor`.
    pub xor: u64,
    /// `rotl`, `rotr`.
    pub rotate: u64,
    /// `shl`, `shr_s`, `shr_u`, of vectors too.
    pub shift: u64,
    /// `and`, `or`, `andnot`, `not`, and `bitselect`.
    pub logic: u64,
    /// Other integer and float arithmetic, comparisons left out.
    pub arithmetic: u64,
    /// Comparisons and tests.
    pub compare: u64,
    /// Conversions between types.
    pub convert: u64,
    /// Reads of linear memory.
    pub load: u64,
    /// Writes of linear memory.
    pub store: u64,
    /// `*.const`.
    pub constant: u64,
    /// `local.*` and `global.*`.
    pub variable: u64,
    /// Blocks, branches, calls, `return`, `unreachable`, `select` and `drop` left out.
    pub control: u64,
    /// `call_indirect`, `call_ref`, `return_call_indirect`, `return_call_ref`; in `control` too.
    pub indirect_call: u64,
    /// `return_call*`; in `control` too.
    pub tail_call: u64,
    /// `nop`.
    pub nop: u64,
    /// `memory.grow`.
    pub memory_grow: u64,
    /// Bulk operations on memories and tables.
    pub bulk: u64,
    /// Vector instructions, in their other class too.
    pub simd: u64,
}

/// A defined function.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Function {
    /// Its index.
    pub index: FuncIndex,
    /// Its name in the name section, or the first name it is exported by.
    pub name: Option<String>,
    /// Offset of its body in the file.
    pub offset: CodeOffset,
    /// Size of its body in bytes.
    pub size: u32,
    /// Its type in the text format.
    pub ty: String,
    /// Number of locals, parameters left out.
    pub locals: u64,
    /// Deepest nesting of blocks.
    pub depth: u32,
    /// Its instructions.
    pub classes: Classes,
    /// Longest run of `nop`.
    pub nop_run: u32,
    /// Basic blocks that can be reached from the entry.
    pub blocks: u32,
    /// Edges between them.
    pub edges: u32,
    /// Cyclomatic complexity: edges - blocks + 2, with all ends as one exit; at least 1.
    pub cyclomatic: u32,
    /// Natural loops.
    pub loops: Vec<Loop>,
    /// Instructions that no path reaches.
    pub unreachable: u32,
    /// Functions that it calls directly, ascending, without repetition.
    pub callees: Vec<FuncIndex>,
    /// MineThrottle windows in its basic blocks, by signature name.
    pub signatures: BTreeMap<String, u32>,
    /// Suspicion score after WASMShark's rules, with its flags; see `docs/comparison.md`.
    pub score: u32,
    /// Why it has that score, such as `NOP_SLED`.
    pub flags: Vec<String>,
    /// Why its body could not be decoded, if so.
    pub error: Option<String>,
}

/// A natural loop.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Loop {
    /// Its header: index of the block in the function's [`Code`](super::Code).
    pub header: u32,
    /// Offset of the first instruction of the header.
    pub offset: CodeOffset,
    /// Nesting: 1 is an outermost loop.
    pub depth: u32,
    /// Number of blocks.
    pub blocks: u32,
    /// Back edges.
    pub back_edges: u32,
}

/// How a call names its callee in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// `call` or `return_call`.
    Direct,
    /// Through a table: any function of the right type that an element segment holds.
    Indirect,
}

/// The static call graph.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct CallGraph {
    /// Edges, by caller and callee. Indirect edges are kept up to [`MAX_INDIRECT_EDGES`].
    pub edges: Vec<CallEdge>,
    /// Indirect edges beyond that.
    pub indirect_cut: u64,
    /// Functions that nothing can call: not exported, not the start, no callee, in no element segment, never referenced.
    pub dead: Vec<FuncIndex>,
}

/// Indirect edges kept in [`CallGraph::edges`].
pub const MAX_INDIRECT_EDGES: usize = 200_000;

/// An edge of the static call graph.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CallEdge {
    /// Caller.
    pub caller: FuncIndex,
    /// Callee.
    pub callee: FuncIndex,
    /// How.
    pub kind: CallKind,
    /// Call instructions in the caller.
    pub sites: u32,
}

/// A constant of a cryptographic algorithm, where it really occurs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CryptoConstant {
    /// What it is, such as `SHA-256 initial hash value`.
    pub name: String,
    /// The algorithm, such as `SHA-256`.
    pub algorithm: String,
    /// `hash`, `cipher`, `checksum`, `mining`, …
    pub class: String,
    /// Words or bytes of it that were found.
    pub found: u32,
    /// Words or bytes that it has.
    pub of: u32,
    /// `code` (immediates) or `data`.
    pub place: String,
    /// The function, for `code`.
    pub func: Option<FuncIndex>,
    /// Byte offset of the first match in the file.
    pub offset: u64,
    /// Address in memory, for `data` with a constant address.
    pub address: Option<u64>,
    /// All `const` instructions of `func` that hold a word of it, for `code`.
    #[serde(skip)]
    pub sites: Vec<CodeOffset>,
}

/// A string.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Text {
    /// The string; bytes that are not UTF-8 do not occur.
    pub text: String,
    /// Byte offset in the file.
    pub offset: u64,
    /// Address in memory, if the segment has a constant one.
    pub address: Option<u64>,
    /// `plain`, `utf16`, `base64`, `xor 0x5a`, …: how it was decoded.
    pub encoding: String,
}

/// An indicator of compromise.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Ioc {
    /// `url`, `onion`, `domain`, `ipv4`, `ipv6`, `email`, `wallet`, `path`, `credential`, `pool_protocol`, `command`, …
    pub kind: String,
    /// The indicator itself.
    pub value: String,
    /// Byte offset of its string in the file.
    pub offset: u64,
    /// Address in memory.
    pub address: Option<u64>,
    /// How its string was decoded.
    pub encoding: String,
}

impl View {
    /// Reads what can be read of `wasm`, a sample in the binary format.
    pub fn of(_wasm: &[u8]) -> Self {
        Self {
            file: File::default(),
            validity: Validity::Valid,
            sections: Vec::new(),
            anomalies: Vec::new(),
            imports: Vec::new(),
            exports: Vec::new(),
            start: None,
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            data: Vec::new(),
            elements: Vec::new(),
            producers: Vec::new(),
            target_features: Vec::new(),
            proposals: Vec::new(),
            functions: Vec::new(),
            classes: Classes::default(),
            calls: CallGraph::default(),
            crypto: Vec::new(),
            strings: Vec::new(),
            strings_cut: 0,
            iocs: Vec::new(),
        }
    }
}
