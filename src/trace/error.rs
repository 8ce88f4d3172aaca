//! Why a trace cannot be replayed.

use std::fmt;

use crate::module::{CodeOffset, FuncIndex, ParseError};

use super::{
    DecisionError, DecisionErrorKind, FuncKey, InstanceIndex,
    cuts::Excess,
    limits::{MAX_CUTS, MAX_THREADS},
};

/// A trace and its modules do not fit together. Holds where replay was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayError {
    pub(super) inner: Box<Inner>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inner {
    pub(super) kind: ReplayErrorKind,
    pub(super) decisions: u64,
    pub(super) record: usize,
    pub(super) site: Option<(InstanceIndex, FuncIndex, CodeOffset)>,
}

impl ReplayError {
    /// What is wrong.
    pub fn kind(&self) -> &ReplayErrorKind {
        &self.inner.kind
    }

    /// Decisions read before, in bits.
    pub fn decisions(&self) -> u64 {
        self.inner.decisions
    }

    /// Position of the record that was next.
    pub fn record(&self) -> usize {
        self.inner.record
    }

    /// The last instruction replayed in the function that was running: instance, function, byte offset in the
    /// module file.
    pub fn site(&self) -> Option<(InstanceIndex, FuncIndex, CodeOffset)> {
        self.inner.site
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, decisions, record, site } = &*self.inner;
        write!(f, "{kind} (decision {decisions}, record {record}")?;
        if let Some((instance, func, offset)) = site {
            write!(f, ", instance {instance}, function {func}, byte {:#x}", offset.0)?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for ReplayError {}

/// What is wrong with a trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayErrorKind {
    /// The decision stream cannot be read on.
    #[error("{0}")]
    Decision(DecisionErrorKind),
    /// The code of a function cannot be read.
    #[error("{0}")]
    Code(ParseError),
    /// A bit that is always 1 is 0.
    #[error("a back edge or tail call recorded 0 instead of 1")]
    NotTaken,
    /// A recorded index of a `br_table` names no label.
    #[error("index {index} of a table of {labels} labels")]
    TableIndex {
        /// The index read.
        index: u64,
        /// Labels of the table, the default included.
        labels: u32,
    },
    /// No function has this key.
    #[error("no function has the key {key}")]
    UnknownKey {
        /// The key read.
        key: FuncKey,
    },
    /// The next record is not what the code needs.
    #[error("expected is {expected}, recorded is {found}")]
    Record {
        /// What was needed.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A host function was called and another one is recorded.
    #[error("host function {called} was called, but {recorded} was entered")]
    OtherHost {
        /// Key of the target.
        called: FuncKey,
        /// Key in the record.
        recorded: FuncKey,
    },
    /// An invocation ended in another way than its record says.
    #[error("the invocation {how}, but its record says {recorded}")]
    OtherEnd {
        /// What happened.
        how: &'static str,
        /// What is recorded.
        recorded: &'static str,
    },
    /// An `unreachable` was passed.
    #[error("control passed an unreachable instruction")]
    PassedUnreachable,
    /// The last record was pulled and decisions are left over.
    #[error("decisions are left over at the end of the records")]
    LeftOver,
    /// A total of the trace is not what replay counted.
    #[error("the trace says {recorded} {what}, there were {replayed}")]
    Total {
        /// What was counted.
        what: &'static str,
        /// As counted.
        replayed: u64,
        /// As the trace says.
        recorded: u64,
    },
    /// The streams end before the run did: what there is of them was replayed.
    #[error("truncated after {instructions} events: {why}")]
    Truncated {
        /// Instructions replayed: each of them was executed.
        instructions: u64,
        /// What is missing.
        why: Box<str>,
    },
    /// More direct calls than the trace says were made.
    #[error("more than the {calls} calls of the trace")]
    TooManyCalls {
        /// Calls of the trace.
        calls: u64,
    },
    /// A checkpoint does not fit the trace.
    #[error("the checkpoint does not fit the trace")]
    Checkpoint,
    /// More invocations were cut short than [`MAX_CUTS`](super::MAX_CUTS).
    #[error("more than {limit} invocations were cut short")]
    TooManyCuts {
        /// The limit.
        limit: usize,
    },
    /// More threads at a time than [`MAX_THREADS`](super::MAX_THREADS).
    #[error("more than {limit} threads at a time")]
    TooManyThreads {
        /// The limit.
        limit: usize,
    },
    /// More frames than [`MAX_FRAMES`](super::MAX_FRAMES).
    #[error("call stack exceeds the limit of {limit} frames")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// More instructions than [`ReplayLimits`](super::ReplayLimits) allow.
    #[error("more than the limit of {limit} instructions")]
    TooLong {
        /// The limit.
        limit: u64,
    },
    /// More silent steps than [`ReplayLimits`](super::ReplayLimits) allow.
    #[error("more than the limit of {limit} calls and blocks that leave nothing in the trace")]
    TooSilent {
        /// The limit.
        limit: u64,
    },
    /// More functions than [`MAX_FUNCTIONS`](super::MAX_FUNCTIONS), or more code than
    /// [`MAX_BLOCKS`](super::MAX_BLOCKS).
    #[error("the functions or blocks of the instances exceed the limit of {limit}")]
    TooMuchCode {
        /// The limit.
        limit: u32,
    },
    /// An instance names a module that is not in the trace.
    #[error("an instance of module {module} in a trace of {modules} modules")]
    UnknownModule {
        /// The module named.
        module: usize,
        /// Modules of the trace.
        modules: usize,
    },
    /// The keys of two instances overlap, or pass the largest key.
    #[error("the keys from {key} on belong to two instances or are too large")]
    KeyClash {
        /// First key of one of them.
        key: FuncKey,
    },
}

impl From<DecisionError> for ReplayErrorKind {
    fn from(error: DecisionError) -> Self {
        Self::Decision(error.kind)
    }
}

impl From<Excess> for ReplayErrorKind {
    fn from(excess: Excess) -> Self {
        match excess {
            Excess::Frames(limit) => Self::TooDeep { limit },
            Excess::Threads => Self::TooManyThreads { limit: MAX_THREADS },
            Excess::Cuts => Self::TooManyCuts { limit: MAX_CUTS },
        }
    }
}
