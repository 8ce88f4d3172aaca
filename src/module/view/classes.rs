//! Counts of instructions by class. Which opcode is in which: [`crate::module::classes`].

use schemars::JsonSchema;
use serde::Serialize;

/// Instructions by class. Static: those that stand in the code; dynamic: those that were executed. Classes
/// overlap only where said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, JsonSchema)]
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
