//! The record stream: rare events, in the order of the run.
//!
//! When each is written and when replay pulls it is told in `docs/trace-stream.md`. Arguments, results and
//! bytes of host calls are not here; they are found by the position of their record.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Index of a function in the engine's store, which numbers host functions and the functions of all instances
/// in one space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FuncKey(pub u32);

impl fmt::Display for FuncKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A rare event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The host calls a function.
    Invoke {
        /// Key of the function.
        func: FuncKey,
    },
    /// The invocation that began last and has not ended ends.
    End(End),
    /// A host function is entered.
    HostCall {
        /// Key of the host function.
        func: FuncKey,
    },
    /// The host function entered last and not left yet is left.
    HostReturn {
        /// Whether it failed, which ends the invocation that called it.
        failed: bool,
    },
    /// `memory.grow` or `table.grow` ran to its end.
    Grow {
        /// Pages or elements asked for.
        delta: u64,
        /// Former size in pages or elements, or -1 in the index type.
        result: u64,
    },
    /// A bulk operation on memories or tables began.
    Bulk {
        /// First destination index, in bytes or elements.
        dst: u64,
        /// First source index; the value for `memory.fill`; 0 for `table.fill`.
        src: u64,
        /// Number of bytes or elements.
        len: u64,
    },
    /// Another thread goes on: what follows is on its stack. Comes while the host runs.
    Switch {
        /// Its number; 0 is the one that the host calls in.
        thread: u32,
    },
    /// The host function entered last and not left yet is left by an exception, which goes on at the call.
    HostThrew {
        /// Number of its tag, in the order in which a trace has them.
        tag: u32,
    },
}

impl Record {
    /// What it is, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Invoke { .. } => "a call by the host",
            Self::End(_) => "the end of a call by the host",
            Self::HostCall { .. } => "a call of a host function",
            Self::HostReturn { .. } => "the return of a host function",
            Self::Grow { .. } => "a growth",
            Self::Bulk { .. } => "a bulk operation",
            Self::Switch { .. } => "a change of thread",
            Self::HostThrew { .. } => "an exception of a host function",
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Invoke { func } | Self::HostCall { func } => write!(f, ", the function with key {func}"),
            Self::End(end) => write!(f, ": {end}"),
            Self::HostReturn { failed } => f.write_str(if *failed { ", which failed" } else { "" }),
            Self::Grow { delta, result } => write!(f, " by {delta}, which gave {}", *result as i64),
            Self::Bulk { dst, src, len } => write!(f, " of {len} from {src:#x} to {dst:#x}"),
            Self::Switch { thread } => write!(f, " to thread {thread}"),
            Self::HostThrew { .. } => Ok(()),
        }
    }
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Its first frame returned.
    Returned,
    /// An exception left its first frame.
    Thrown,
    /// A host function failed; the last [`Record::HostReturn`] says so.
    HostError,
    /// A trap.
    Trapped {
        /// Why.
        code: Trap,
        /// Where.
        at: TracePosition,
    },
    /// A limit was reached; which one is not told here.
    Stopped {
        /// Where.
        at: TracePosition,
    },
    /// The engine could not go on, for instance because it could not translate a function.
    Failed {
        /// The engine's reason.
        message: Box<str>,
        /// Where.
        at: TracePosition,
    },
}

impl End {
    /// Where the invocation was cut short, if it was and not by a host function.
    pub fn place(&self) -> Option<&TracePosition> {
        match self {
            Self::Returned | Self::Thrown | Self::HostError => None,
            Self::Trapped { at, .. } | Self::Stopped { at } | Self::Failed { at, .. } => Some(at),
        }
    }

    /// How, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Thrown => "left by an exception",
            Self::HostError => "failed in a host function",
            Self::Trapped { .. } => "trapped",
            Self::Stopped { .. } => "stopped",
            Self::Failed { .. } => "failed",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Trapped { code, .. } => write!(f, ": {code}")?,
            Self::Failed { message, .. } => write!(f, ": {message}")?,
            Self::Returned | Self::Thrown | Self::HostError | Self::Stopped { .. } => {}
        }
        self.place().map_or(Ok(()), |at| write!(f, ", {at}"))
    }
}

/// A moment of the run, and the instruction at which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TracePosition {
    /// Decisions pushed since the start of the trace, in bits.
    pub bits: u64,
    /// Calls of defined functions by `call` since the start of the trace.
    pub calls: u64,
    /// Frames of the invocation; 1 is its first, 0 is before its first instruction.
    pub depth: u32,
    /// The function and the byte offset in its body, counted from its local declarations; `None` right after
    /// decision `bits`, or at depth 0.
    pub site: Option<(FuncKey, u32)>,
}

impl fmt::Display for TracePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bits, calls, depth, site } = self;
        write!(f, "after {bits} decisions and {calls} direct calls, at depth {depth}")?;
        match site {
            Some((func, offset)) => write!(f, ", at byte {offset:#x} of the function with key {func}"),
            None => Ok(()),
        }
    }
}

/// Why an instruction trapped, by the names of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "analysis", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trap {
    /// `unreachable` was executed.
    Unreachable,
    /// A memory was accessed out of its bounds.
    OutOfBoundsMemoryAccess,
    /// A table was accessed out of its bounds, or an indirect call was made past its end.
    OutOfBoundsTableAccess,
    /// An indirect call of a null reference.
    UninitializedElement,
    /// An indirect call of a function of another type.
    IndirectCallTypeMismatch,
    /// An integer was divided by zero.
    IntegerDivideByZero,
    /// An integer operation overflowed.
    IntegerOverflow,
    /// A float that no integer is near was converted to one.
    InvalidConversionToInteger,
    /// Calls were nested too deeply.
    CallStackExhausted,
    /// The engine's fuel was spent.
    OutOfFuel,
    /// A memory or table was asked to grow past a limit of the host that is a trap.
    GrowthLimited,
    /// The host had no memory left.
    OutOfSystemMemory,
    /// An operator that the engine lacks was reached.
    Unsupported,
    /// An atomic access was not aligned.
    UnalignedAtomic,
    /// A wait on a memory that is not shared.
    NotShared,
    /// A wait without an end, and no other thread that could end it.
    Deadlock,
    /// A null reference was thrown.
    NullException,
    /// A reference was null that must not be.
    NullReference,
    /// A null reference was called.
    NullFunction,
    /// A field of no structure was accessed.
    NullStructure,
    /// An element of no array was accessed.
    NullArray,
    /// The number of no `i31` was asked for.
    NullI31,
    /// A reference was cast to a type that it has not.
    CastFailure,
    /// An array was accessed out of its bounds.
    OutOfBoundsArrayAccess,
    /// There was no room for one object more.
    ObjectsLimited,
}

impl Trap {
    /// The message of the specification, such as `integer divide by zero`; for limits of the engine, one in
    /// its manner.
    pub fn message(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::OutOfBoundsMemoryAccess => "out of bounds memory access",
            Self::OutOfBoundsTableAccess => "out of bounds table access",
            Self::UninitializedElement => "uninitialized element",
            Self::IndirectCallTypeMismatch => "indirect call type mismatch",
            Self::IntegerDivideByZero => "integer divide by zero",
            Self::IntegerOverflow => "integer overflow",
            Self::InvalidConversionToInteger => "invalid conversion to integer",
            Self::CallStackExhausted => "call stack exhausted",
            Self::OutOfFuel => "out of fuel",
            Self::GrowthLimited => "growth limited",
            Self::OutOfSystemMemory => "out of system memory",
            Self::Unsupported => "operator not supported",
            Self::UnalignedAtomic => "unaligned atomic",
            Self::NotShared => "expected shared memory",
            Self::Deadlock => "deadlock",
            Self::NullException => "null exception reference",
            Self::NullReference => "null reference",
            Self::NullFunction => "null function reference",
            Self::NullStructure => "null structure reference",
            Self::NullArray => "null array reference",
            Self::NullI31 => "null i31 reference",
            Self::CastFailure => "cast failure",
            Self::OutOfBoundsArrayAccess => "out of bounds array access",
            Self::ObjectsLimited => "too many objects",
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}
