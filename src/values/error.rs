//! Why the values of a run cannot be told, or not further.

use std::fmt;

use crate::{
    module::{CodeOffset, FuncIndex},
    text::vocabulary,
    trace::{DecisionError, FuncKey, Trap},
};

use super::translate::Untranslatable;

/// The values are known up to here and no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuesError {
    pub(super) inner: Box<Inner>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inner {
    pub(super) kind: ValuesErrorKind,
    pub(super) instructions: u64,
    pub(super) record: u64,
    pub(super) site: Option<(FuncIndex, CodeOffset)>,
}

impl ValuesError {
    /// Why.
    pub fn kind(&self) -> &ValuesErrorKind {
        &self.inner.kind
    }

    /// Instructions executed before.
    pub fn instructions(&self) -> u64 {
        self.inner.instructions
    }

    /// The instruction, if Wasm ran.
    pub fn site(&self) -> Option<(FuncIndex, CodeOffset)> {
        self.inner.site
    }
}

impl fmt::Display for ValuesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, instructions, record, site } = &*self.inner;
        write!(f, "{kind} (event {instructions}, record {record}")?;
        if let Some((function, offset)) = site {
            write!(f, ", wasm-function[{function}]:{:#x}", offset.0)?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for ValuesError {}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValuesErrorKind {
    /// The trace holds nothing of what the host did.
    #[error("what the host did was not recorded")]
    NoEffects,
    /// The acts of the host are known only up to here.
    #[error("what the host did is recorded only up to here")]
    EffectsEnd,
    /// The acts of the host do not fit the module or the trace.
    #[error("what the host did does not fit: {0}")]
    Effects(&'static str),
    /// A module is not valid, or needs what the engine lacks.
    #[error("the module is not valid: {0}")]
    Module(Box<str>),
    /// A function cannot be run.
    #[error("a function cannot be run: {0}")]
    Code(Box<str>),
    /// The decisions cannot be read on.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// A branch goes another way.
    #[error("the branch is {computed}, recorded is {}", !computed)]
    Branch {
        /// Whether its decision is 1 by its operands.
        computed: bool,
    },
    /// A `br_table` takes another label.
    #[error("the label is number {computed}, recorded is {recorded}")]
    Label {
        /// By its operand.
        computed: u64,
        /// By the trace.
        recorded: u64,
    },
    /// A call goes to another function.
    #[error("the callee has key {computed}, recorded is {recorded}")]
    Callee {
        /// By table or import.
        computed: FuncKey,
        /// By the trace.
        recorded: FuncKey,
    },
    /// A key that no instance and no host function has.
    #[error("no function has key {0}")]
    UnknownKey(FuncKey),
    /// Another record is next.
    #[error("the next record is {found}, expected is {expected}")]
    Record {
        /// What the run needs.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A growth or a bulk operation has other operands.
    #[error("operand {index} is {computed}, recorded is {recorded}")]
    Operand {
        /// Which.
        index: u32,
        /// By the stack.
        computed: u64,
        /// By the trace.
        recorded: u64,
    },
    /// A growth cannot have given what is recorded.
    #[error("growth by {delta} from {size} cannot give {result}")]
    Growth {
        /// Pages or elements asked for.
        delta: u64,
        /// Size before.
        size: u64,
        /// Recorded result.
        result: u64,
    },
    /// Values at the border differ.
    #[error("{what} {index} is {computed:#x}, recorded is {recorded}")]
    Border {
        /// Argument or result.
        what: &'static str,
        /// Which.
        index: usize,
        /// Its slots, low first.
        computed: u128,
        /// As recorded.
        recorded: Box<str>,
    },
    /// A trap that is not recorded here.
    #[error("it traps: {computed}; recorded is {recorded}")]
    Trap {
        /// What happens.
        computed: Trap,
        /// What the trace says.
        recorded: Box<str>,
    },
    /// The invocation ends here in another way than recorded.
    #[error("the invocation {how}, recorded is {recorded}")]
    End {
        /// What happens.
        how: Ending,
        /// What the trace says.
        recorded: &'static str,
    },
    /// More direct calls than the trace counts.
    #[error("more than the {calls} direct calls that the trace counts")]
    TooManyCalls {
        /// Calls counted.
        calls: u64,
    },
    /// The recording ends before the run did.
    #[error("{why}")]
    Truncated {
        /// What is missing.
        why: Box<str>,
    },
    /// Something is left when the run is over.
    #[error("decisions or records are left at the end of the run")]
    LeftOver,
    /// More than there is room for.
    #[error("{what} of {given} exceeds the limit of {limit}")]
    TooBig {
        /// What.
        what: &'static str,
        /// How much.
        given: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// Exceptions pass more `try`s than a run could.
    #[error("exceptions pass more than {limit} `try`s")]
    TooManyPads {
        /// Most of them.
        limit: u64,
    },
    /// The replay takes too long.
    #[error("more than {limit} instructions")]
    TooLong {
        /// Most instructions.
        limit: u64,
    },
}

impl From<Untranslatable> for ValuesErrorKind {
    fn from(error: Untranslatable) -> Self {
        Self::Code(error.to_string().into())
    }
}

vocabulary! {
    /// How an invocation ends that is computed again.
    pub enum Ending {
        /// It returned.
        Returned = "returned",
        /// An exception left it.
        Thrown = "was left by an exception",
        /// An instruction trapped.
        Trapped = "trapped",
        /// The recording ends.
        Cut = "was cut short",
        /// A host function failed.
        HostFailed = "failed in a host function",
    }
}
