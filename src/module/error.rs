//! What can be wrong with the bytes of a module.

use wasmparser::Error as ReaderError;

use super::{FuncIndex, Opcode};

/// A module, or one function body of it, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (byte {offset:#x})")]
pub struct ParseError {
    kind: Box<ParseErrorKind>,
    offset: u64,
}

impl ParseError {
    pub(crate) fn new(kind: ParseErrorKind, offset: u64) -> Self {
        Self { kind: Box::new(kind), offset }
    }

    /// What is wrong.
    pub fn kind(&self) -> &ParseErrorKind {
        &self.kind
    }

    /// Where: byte offset in the module file.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl From<ReaderError> for ParseError {
    fn from(error: ReaderError) -> Self {
        Self::new(ParseErrorKind::Malformed { reason: error.message().into() }, error.offset())
    }
}

/// What is wrong with a module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The bytes do not follow the binary format; the reason is wasmparser's.
    #[error("malformed module: {reason}")]
    Malformed {
        /// What was found, what is allowed.
        reason: Box<str>,
    },
    /// A component without a module that is its program.
    #[error("a component of which no core module is the program")]
    Component,
    /// Offsets are 32 bits wide.
    #[error("module of {len_bytes} bytes exceeds the limit of {} bytes", u32::MAX)]
    TooBig {
        /// Length of the module.
        len_bytes: u64,
    },
    /// The function is imported or does not exist, so it has no body.
    #[error("function {func} has no body: the module defines functions {first} to {end} (exclusive)")]
    NoBody {
        /// Function asked for.
        func: FuncIndex,
        /// First defined function.
        first: u32,
        /// End of the defined functions.
        end: u32,
    },
    /// A `call` names a function that does not exist.
    #[error("call of function {func} in a module of {functions} functions")]
    FunctionOutOfRange {
        /// Function called.
        func: FuncIndex,
        /// Functions of the module, imports included.
        functions: u32,
    },
    /// A branch leaves more labels than enclose it.
    #[error("branch to label {label} inside {depth} labels")]
    LabelOutOfRange {
        /// Relative depth of the label.
        label: u32,
        /// Enclosing labels, that of the function included.
        depth: usize,
    },
    /// The engine does not run this operator, and it decides where control goes: a run with it is not
    /// replayed.
    #[error("operator {} is not supported", .opcode.mnemonic())]
    Unsupported {
        /// The operator.
        opcode: Opcode,
    },
    /// An operator that the table of opcodes does not have.
    #[error("unknown operator")]
    UnknownOperator,
}
