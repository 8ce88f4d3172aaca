//! Sinks: where labelled values end up, kept while the run goes on.

use hashbrown::HashMap;

use crate::{module::FuncIndex, trace::FuncKey};

use super::label::{Label, Labels};
use super::limits::{MAX_SAMPLED, MAX_SINKS, SINK_SAMPLED};
use super::step::Path;

/// Where a value ends up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Sink {
    /// An argument of a host function.
    Argument {
        /// The function.
        host: FuncKey,
        /// The slot of the argument.
        index: u32,
    },
    /// Memory that a host function reads.
    Memory {
        /// The function.
        host: FuncKey,
    },
    /// The result of an invocation by the host.
    Result,
    /// A condition, or the index of a `br_table`.
    Branch {
        /// The function in its module.
        function: FuncIndex,
        /// Where the instruction stands in the module file.
        offset: u32,
    },
    /// The address of a load, a store or a bulk operation, or an index into a table.
    Address {
        /// The function in its module.
        function: FuncIndex,
        /// Where the instruction stands in the module file.
        offset: u32,
    },
    /// The index of an indirect call.
    Call {
        /// The function in its module.
        function: FuncIndex,
        /// Where the instruction stands in the module file.
        offset: u32,
    },
}

impl Sink {
    /// Its name in text and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Argument { .. } => "argument",
            Self::Memory { .. } => "memory",
            Self::Result => "result",
            Self::Branch { .. } => "branch",
            Self::Address { .. } => "address",
            Self::Call { .. } => "call",
        }
    }

    /// The host function that it is given to, if it is.
    pub fn host(self) -> Option<FuncKey> {
        match self {
            Self::Argument { host, .. } | Self::Memory { host } => Some(host),
            _ => None,
        }
    }
}

/// What a sink was given by one path.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Received {
    pub(super) label: Label,
    /// Values, of memory bytes.
    pub(super) count: u64,
    /// Events: calls, or executions of the instruction.
    pub(super) times: u64,
    /// Records of the first and last host call.
    pub(super) first: u64,
    pub(super) last: u64,
}

/// What all sinks were given.
#[derive(Debug, Default)]
pub(super) struct Sinks {
    pub(super) received: HashMap<(Sink, Path), Received>,
    /// Bytes with their labels, in the order in which memory was read.
    pub(super) samples: HashMap<Sink, Vec<(u8, Label)>>,
    sampled: usize,
    /// Values that there was no place for.
    pub(super) lost: u64,
    times: u64,
}

impl Sinks {
    /// Something was given to `sink`, `at` a moment that is the same for all of one event.
    pub(super) fn take(&mut self, labels: &mut Labels, sink: Sink, label: Label, at: u64) {
        let path = labels.node(label).path;
        let len = self.received.len();
        let received = match self.received.get_mut(&(sink, path)) {
            Some(received) => received,
            None if len >= MAX_SINKS => {
                self.lost += 1;
                return;
            }
            None => {
                self.received.entry((sink, path)).or_insert(Received { first: at, ..Received::default() })
            }
        };
        if received.label != label {
            received.label = labels.union(received.label, label);
        }
        received.count += 1;
        if received.times == 0 || received.last != at {
            received.times += 1;
        }
        received.last = at;
    }

    /// A number for an event that has none.
    pub(super) fn next_time(&mut self) -> u64 {
        self.times += 1;
        self.times
    }

    /// Keeps what a host function read, to recognise how it is encoded.
    pub(super) fn sample(&mut self, sink: Sink, bytes: &[u8], labels: &[Label]) {
        let sample = self.samples.entry(sink).or_default();
        let room = (SINK_SAMPLED - sample.len()).min(MAX_SAMPLED - self.sampled).min(bytes.len());
        sample.extend(bytes.iter().copied().zip(labels.iter().copied()).take(room));
        self.sampled += room;
    }
}
