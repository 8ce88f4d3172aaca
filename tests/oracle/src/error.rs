//! Why a module could not be instrumented, or its counters not be read.

/// Why a module could not be instrumented, or its counters not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The module is malformed, invalid or needs a feature that wasmi does not have.
    #[error("the module is not one that wasmi runs: {0}")]
    Module(#[from] wasmparser::Error),
    /// An operator that passed validation but that the oracle does not know.
    #[error("operator {operator} at byte {offset:#x} is not one that wasmi runs")]
    Operator {
        /// As `wasmparser` prints it.
        operator: String,
        /// Byte offset in the module.
        offset: u64,
    },
    /// The memory of the counters would be one too many.
    #[error("{given} memories leave no room for the counters, the limit is {limit}")]
    Memories {
        /// Memories of the module, the imported ones included.
        given: u32,
        /// The most that a module may have.
        limit: u32,
    },
    /// More segments than a 32-bit memory has counters.
    #[error("{given} segments need more counters than the {limit} that fit into a memory")]
    Segments {
        /// Segments of the module.
        given: usize,
        /// The most that fit.
        limit: usize,
    },
    /// The instrumented body is larger than a function may be.
    #[error("the instrumented body of function {func} has {given} bytes, the limit is {limit}")]
    BodySize {
        /// Index in the function space.
        func: u32,
        /// Bytes of the instrumented body.
        given: usize,
        /// The most that a body may have.
        limit: usize,
    },
    /// The module exports one of the names that the instrumentation needs.
    #[error("the module has an export named {0:?} already")]
    ExportTaken(String),
    /// The bytes given are not those of the memory of the counters.
    #[error("the counters need {needed} bytes, {given} given")]
    CounterBytes {
        /// Bytes that the counters take.
        needed: usize,
        /// Bytes given.
        given: usize,
    },
}
