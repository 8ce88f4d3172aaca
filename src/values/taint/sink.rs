//! Sinks: where labelled values end up, kept while the run goes on.

use hashbrown::HashMap;

use crate::{module::FuncIndex, trace::FuncKey};

use super::label::{Label, Labels};
use super::limits::{MAX_SAMPLED, MAX_SINKS, RECENT, SINK_SAMPLED};
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

/// Where what a sink was given lately is, and the label that it had when it was added.
#[derive(Debug, Clone, Copy)]
struct Lately {
    sink: Sink,
    label: Label,
    index: usize,
    with: Label,
}

/// What all sinks were given.
#[derive(Debug)]
pub(super) struct Sinks {
    pub(super) received: Vec<((Sink, Path), Received)>,
    known: HashMap<(Sink, Path), usize>,
    recent: Box<[Lately]>,
    /// Bytes with their labels, in the order in which memory was read.
    pub(super) samples: HashMap<Sink, Vec<(u8, Label)>>,
    sampled: usize,
    /// Values that there was no place for.
    pub(super) lost: u64,
    times: u64,
}

impl Default for Sinks {
    fn default() -> Self {
        let none = Lately { sink: Sink::Result, label: Label::NONE, index: 0, with: Label::NONE };
        Self {
            received: Vec::new(),
            known: HashMap::new(),
            recent: vec![none; RECENT / 4].into_boxed_slice(),
            samples: HashMap::new(),
            sampled: 0,
            lost: 0,
            times: 0,
        }
    }
}

/// Good enough to spread sinks over a few places.
fn place(sink: Sink, label: Label) -> usize {
    let number = match sink {
        Sink::Branch { offset, .. } | Sink::Address { offset, .. } | Sink::Call { offset, .. } => offset,
        Sink::Argument { .. } | Sink::Memory { .. } | Sink::Result => 0,
    };
    let hash = u64::from(number) | u64::from(label.number()) << 32;
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % (RECENT / 4)
}

impl Sinks {
    /// Something was given to `sink`, `at` a moment that is the same for all of one event.
    pub(super) fn take(&mut self, labels: &mut Labels, sink: Sink, label: Label, at: u64) {
        if !label.is_some() {
            return;
        }
        let place = place(sink, label);
        let mut lately = self.recent[place];
        if lately.sink != sink || lately.label != label {
            let Some(index) = self.index(labels, sink, label, at) else { return };
            lately = Lately { sink, label, index, with: Label::NONE };
        }
        let (_, received) = &mut self.received[lately.index];
        // What has the label already is not asked again.
        if received.label != lately.with {
            received.label = labels.union(received.label, label);
            lately.with = received.label;
            self.recent[place] = lately;
        }
        received.count += 1;
        if received.times == 0 || received.last != at {
            received.times += 1;
        }
        received.last = at;
    }

    /// Where what a sink was given by the path of a label is; `None` if there is no room for it.
    fn index(&mut self, labels: &Labels, sink: Sink, label: Label, at: u64) -> Option<usize> {
        let key = (sink, labels.node(label).path);
        if let Some(&index) = self.known.get(&key) {
            return Some(index);
        }
        if self.received.len() >= MAX_SINKS {
            self.lost += 1;
            return None;
        }
        self.received.push((key, Received { label, first: at, ..Received::default() }));
        self.known.insert(key, self.received.len() - 1);
        Some(self.received.len() - 1)
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
