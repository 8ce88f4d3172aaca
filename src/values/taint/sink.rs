//! Sinks: where labelled values end up, kept while the run goes on.

use hashbrown::HashMap;

use crate::{module::FuncIndex, text::vocabulary, trace::FuncKey};

use super::label::{Label, Labels};
use super::limits::{AGAIN, MAX_APART, MAX_COUNTED, MAX_KEPT, MAX_RECENT_SINKS, MAX_SINKS, SINK_KEPT};
use super::operation::How;
use super::operation::Path;
use super::origin::{Origin, Origins};
use super::places::Places;
use super::source::Sources;
use super::words::{WordId, Words};

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
    /// What kind of place it is.
    pub fn kind(self) -> SinkKind {
        match self {
            Self::Argument { .. } => SinkKind::Argument,
            Self::Memory { .. } => SinkKind::Memory,
            Self::Result => SinkKind::Result,
            Self::Branch { .. } => SinkKind::Branch,
            Self::Address { .. } => SinkKind::Address,
            Self::Call { .. } => SinkKind::Call,
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

vocabulary! {
    /// What kind of place a value ends up in.
    pub enum SinkKind {
        /// An argument of a host function.
        Argument = "argument",
        /// Memory that a host function reads.
        Memory = "memory",
        /// The result of an invocation by the host.
        Result = "result",
        /// A condition, or the index of a `br_table`.
        Branch = "branch",
        /// An address, or an index into a table.
        Address = "address",
        /// The index of an indirect call.
        Call = "call",
    }
}

/// Where something went, by which path, and of which sources it was.
pub(super) type Way = (Sink, Path, Origin);

/// What a sink was given by one path, of the same sources.
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

/// Calls of a host function that a source went to: their records, each counted once.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Calls {
    pub(super) times: u64,
    pub(super) first: u64,
    pub(super) last: u64,
}

/// The place of what a sink was given lately, and the label that it had when it was added.
#[derive(Debug, Clone, Copy)]
struct Lately {
    sink: Sink,
    label: Label,
    index: usize,
    with: Label,
}

/// A word that an instruction was given lately, and its place in the list. `times` counts how often the word
/// came again since the list was last brought up to date. `last` is the moment of the last time.
#[derive(Debug, Clone, Copy)]
struct Again {
    sink: Sink,
    word: WordId,
    index: u32,
    times: u64,
    last: u64,
}

const NEVER: Again = Again { sink: Sink::Result, word: WordId::CLEAN, index: 0, times: 0, last: 0 };

/// The first bytes that a sink was given, with their labels, in the order in which memory was read.
#[derive(Debug, Default)]
pub(super) struct Excerpt {
    pub(super) bytes: Vec<(u8, Label)>,
    /// Whether it was given more.
    pub(super) is_cut: bool,
}

/// What all sinks were given.
#[derive(Debug)]
pub(super) struct Sinks {
    received: Vec<(Way, Received)>,
    known: HashMap<Way, usize>,
    origins: Origins,
    /// Of `received`, what is told apart by source.
    apart: usize,
    /// By host function, source, and how it depends on it.
    calls: HashMap<(Sink, u32, How), Calls>,
    recent: Places<Lately>,
    /// Of those that take a place each, at the one place that instruction and word give it.
    again: Box<[Again]>,
    pub(super) excerpts: HashMap<Sink, Excerpt>,
    kept: usize,
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
            origins: Origins::default(),
            apart: 0,
            calls: HashMap::new(),
            recent: Places::new(none, MAX_RECENT_SINKS),
            again: vec![NEVER; AGAIN].into(),
            excerpts: HashMap::new(),
            kept: 0,
            lost: 0,
            times: 0,
        }
    }
}

/// Good enough to spread sinks over a few places.
#[inline(always)]
fn hash(sink: Sink, number_of: u32) -> u64 {
    let number = match sink {
        Sink::Branch { offset, .. } | Sink::Address { offset, .. } | Sink::Call { offset, .. } => offset,
        Sink::Argument { .. } | Sink::Memory { .. } | Sink::Result => 0,
    };
    let both = u64::from(number) | u64::from(number_of) << 32;
    both.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
}

/// Adds what was only counted.
fn count(received: &mut [(Way, Received)], again: Again) {
    if let Some((_, received)) = received.get_mut(again.index as usize).filter(|_| again.times > 0) {
        received.count += again.times;
        received.times += again.times;
        received.last = received.last.max(again.last);
    }
}

impl Sinks {
    /// Something was given to `sink`, `at` a moment that is the same for all of one event.
    pub(super) fn take(
        &mut self,
        (labels, sources): (&mut Labels, &Sources),
        sink: Sink,
        label: Label,
        at: u64,
    ) {
        if !label.is_some() {
            return;
        }
        let hash = hash(sink, label.number());
        let mut lately = *self.recent.at(hash);
        if lately.sink != sink || lately.label != label {
            let Some(index) = self.index((labels, sources), sink, label, at) else { return };
            lately = Lately { sink, label, index, with: Label::NONE };
        }
        let ((.., origin), received) = &mut self.received[lately.index];
        // A sink that has the label already is not asked again.
        if received.label != lately.with {
            received.label = labels.union(received.label, label);
            lately.with = received.label;
            self.recent.put(hash, lately);
        }
        received.count += 1;
        let is_new = received.times == 0 || received.last != at;
        received.times += u64::from(is_new);
        received.last = at;
        let origin = *origin;
        if is_new && sink.host().is_some() {
            self.call(sink, origin, at);
        }
    }

    /// Counts a call for each of its sources, if it is not counted yet.
    fn call(&mut self, sink: Sink, origin: Origin, at: u64) {
        for &(source, how) in self.origins.sources(origin) {
            let (key, is_full) = ((sink, source, how), self.calls.len() >= MAX_COUNTED);
            if is_full && !self.calls.contains_key(&key) {
                continue;
            }
            let calls = self.calls.entry(key).or_insert(Calls { first: at, ..Calls::default() });
            if calls.times == 0 || calls.last != at {
                calls.times += 1;
            }
            calls.last = at;
        }
    }

    /// The calls of a host function that a source went to, as far as sources are told apart.
    pub(super) fn calls(&self, sink: Sink, source: u32, how: How) -> Option<Calls> {
        self.calls.get(&(sink, source, how)).copied()
    }

    /// An instruction was given a word that has labels.
    ///
    /// PERF: in a loop it is given the same again and again, which is only counted.
    #[inline]
    pub(super) fn take_word(
        &mut self,
        (labels, words, sources): (&mut Labels, &mut Words, &Sources),
        sink: Sink,
        word: WordId,
    ) {
        let (at, place) = (self.next_time(), hash(sink, word.0) as usize % AGAIN);
        let again = &mut self.again[place];
        if again.word == word && again.sink == sink {
            (again.times, again.last) = (again.times + 1, at);
            return;
        }
        let label = words.all(labels, word);
        self.take_anew((labels, sources), (sink, word, label), at, place);
    }

    #[inline(never)]
    fn take_anew(
        &mut self,
        (labels, sources): (&mut Labels, &Sources),
        (sink, word, label): (Sink, WordId, Label),
        at: u64,
        place: usize,
    ) {
        let Some(index) = self.index((labels, sources), sink, label, at) else { return };
        let before = std::mem::replace(
            &mut self.again[place],
            Again { sink, word, index: index as u32, times: 1, last: at },
        );
        count(&mut self.received, before);
        let (_, received) = &mut self.received[index];
        received.label = labels.union(received.label, label);
    }

    /// Words get other numbers.
    pub(super) fn forget_words(&mut self) {
        for again in &mut self.again {
            count(&mut self.received, std::mem::replace(again, NEVER));
        }
    }

    /// What was received, by sink, path and sources.
    pub(super) fn received(&self) -> Vec<(Way, Received)> {
        let mut received = self.received.clone();
        self.again.iter().for_each(|again| count(&mut received, *again));
        received
    }

    /// Where what a sink was given by the path of a label is; `None` if there is no room for it.
    fn index(
        &mut self,
        (labels, sources): (&Labels, &Sources),
        sink: Sink,
        label: Label,
        at: u64,
    ) -> Option<usize> {
        let mut key = (sink, labels.node(label).path, self.origins.of(labels, sources, label));
        if let Some(&index) = self.known.get(&key) {
            return Some(index);
        }
        if self.apart >= MAX_APART {
            key.2 = Origin::ANY;
            if let Some(&index) = self.known.get(&key) {
                return Some(index);
            }
        }
        let is_apart = key.2 != Origin::ANY;
        if !is_apart && self.received.len() - self.apart >= MAX_SINKS {
            self.lost += 1;
            return None;
        }
        self.apart += usize::from(is_apart);
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
    pub(super) fn keep(&mut self, sink: Sink, bytes: &[u8], labels: &[Label]) {
        let excerpt = self.excerpts.entry(sink).or_default();
        let room = (SINK_KEPT - excerpt.bytes.len()).min(MAX_KEPT - self.kept).min(bytes.len());
        excerpt.bytes.extend(bytes.iter().copied().zip(labels.iter().copied()).take(room));
        excerpt.is_cut |= room < bytes.len();
        self.kept += room;
    }
}
