//! Taint: which bytes that the host gave end up where, exactly for what is computed from them.
//!
//! A [`Taint`] is a visitor. Beside each byte of memory, frame and global it keeps a *label*: a set of source
//! bytes with the operations met since. Whatever the sample computes, its labels are computed from those of
//! the operands by the rules in `scalar` and `vector`. Flows of values, of addresses (a table look-up) and of
//! control are kept apart.
//!
//! Rules say that a byte *may* depend on another; a byte without label does not, whatever the input. Tests
//! hold that against runs with one byte changed (`tests/taint.rs`).
//!
//! Bounded: see `limits`. A label that does not fit is counted in [`Taint::lost`], and flows are a part from
//! there on.
//!
//! Not here: what a flow means; names of host functions beside those of sources.

mod brief;
mod class;
mod control;
mod encoding;
mod flow;
mod label;
mod limits;
mod memo;
mod operation;
mod operators;
mod origin;
mod places;
mod quick;
mod recent;
mod scalar;
mod shadow;
mod sink;
mod source;
mod stirred;
mod vector;
mod visit;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

use hashbrown::HashMap;

use crate::trace::{FuncKey, Threads, Trace, effects::Origin, host_name};

use super::visitor::Access;

use self::brief::Brief;
use self::class::Class;
use self::control::{Control, Scopes};
use self::label::{Label, Labels};
use self::memo::Memo;
use self::recent::Recent;
use self::scalar::{CLEAN, Word};
use self::shadow::{Memories, Slots};
use self::sink::Sinks;
use self::source::Sources;
use self::words::Words;

pub use self::encoding::Encoding;
pub use self::flow::Flow;
pub use self::limits::MAX_SOURCE_BYTES;
pub use self::operation::{How, Operation};
pub use self::sink::{Sink, SinkKind};
pub(crate) use self::source::is_answer;
pub use self::source::{Source, SourceKind};

/// What is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaintOptions {
    /// The kinds of sources. By default what the host gave.
    pub sources: BTreeSet<SourceKind>,
    /// Whether values are followed that were looked up at an address that depends on a source.
    pub addresses: bool,
    /// Whether values are followed that are computed only if a condition on a source holds.
    pub control: bool,
    /// Whether the control of a `select` is followed: it took a value because of a source.
    pub(crate) choices: bool,
    /// Whether it is followed how much a function gave that reads, though it may have given nothing.
    pub(crate) counts: bool,
    /// Other host functions, `module.name`, whose results are followed.
    pub(crate) unknown: BTreeSet<String>,
    /// Imported globals that are followed: their numbers, and their names, `module.name`.
    pub(crate) globals: Vec<(u32, String)>,
    /// Whether conditions are followed on what says where and when a program runs: what is computed only
    /// because of them, and what would have been.
    pub(crate) deciding: bool,
}

impl Default for TaintOptions {
    fn default() -> Self {
        Self {
            sources: SourceKind::GIVEN.into(),
            addresses: true,
            control: false,
            choices: false,
            counts: false,
            unknown: BTreeSet::new(),
            globals: Vec::new(),
            deciding: false,
        }
    }
}

impl TaintOptions {
    /// Sets the kinds of sources.
    #[must_use]
    pub fn sources(mut self, sources: impl IntoIterator<Item = SourceKind>) -> Self {
        self.sources = sources.into_iter().collect();
        self
    }

    /// Sets whether control is followed.
    #[must_use]
    pub fn control(mut self, control: bool) -> Self {
        self.control = control;
        self
    }

    /// Follows what was chosen, how much was read, the results of these host functions, and what the time and
    /// the surroundings decided.
    #[must_use]
    pub(crate) fn decisions(mut self, unknown: BTreeSet<String>, globals: Vec<(u32, String)>) -> Self {
        (self.choices, self.counts, self.unknown) = (true, true, unknown);
        self.globals = globals;
        self.deciding = true;
        self
    }
}

/// A host call.
#[derive(Debug, Clone, Copy)]
struct HostCall {
    func: FuncKey,
    record: u64,
    /// The slot of its arguments and results.
    at: usize,
}

/// What belongs to a thread that does not run.
#[derive(Debug, Default)]
struct Thread {
    slots: Slots,
    globals: Vec<[Word; 2]>,
    frames: Vec<usize>,
    bases: Vec<(usize, usize, usize)>,
    hosts: Vec<HostCall>,
    scopes: Scopes,
}

/// Follows labels through a run.
#[derive(Debug)]
pub struct Taint<'t> {
    trace: &'t Trace,
    options: TaintOptions,
    classes: Box<[Class]>,
    briefs: Box<[Brief]>,
    labels: Labels,
    sources: Sources,
    sinks: Sinks,
    memories: Memories,
    words: Words,
    slots: Slots,
    globals: Vec<[Word; 2]>,
    threads: Threads<Thread>,
    /// The first slot of each frame, and that of the last.
    frames: Vec<usize>,
    fp: usize,
    /// Instructions matter although they have to do with nothing labelled.
    follows_all: bool,
    /// Frames and host calls below each invocation, and its first slot.
    bases: Vec<(usize, usize, usize)>,
    hosts: Vec<HostCall>,
    /// The slot after the arguments of a call that is being made.
    top: usize,
    /// Where the arguments will be, and whether it replaces its caller.
    at: usize,
    is_tail: bool,
    /// Accesses of the instruction that comes next.
    read: Option<Access>,
    written: Option<Access>,
    picks: u128,
    /// The labels of what is thrown, as references hold it and by its operands.
    thrown: ([Word; 2], Vec<Word>),
    origin: Option<Origin>,
    control: Control,
    /// Whether a label is of a source that decides.
    decides: HashMap<Label, bool>,
    /// Names of host functions.
    names: HashMap<FuncKey, Rc<str>>,
    memo: Memo,
    recent: Recent,
    /// What a source byte was xored with first.
    keys: BTreeMap<u32, u8>,
    bytes_lost: u64,
    /// What memory keeps, if that is asked for.
    words_kept: Option<stirred::Kept>,
    /// Labels of states that the host kept, with their numbers.
    kept: VecDeque<(u32, Memories, Vec<[Word; 2]>)>,
}

impl<'t> Taint<'t> {
    /// Nothing has a label yet.
    pub fn new(trace: &'t Trace, options: TaintOptions) -> Self {
        let mut taint = Self {
            trace,
            follows_all: options.control || options.sources.contains(&SourceKind::Immediate),
            options,
            briefs: class::all().iter().map(|&class| Brief::of(class)).collect(),
            classes: class::all(),
            labels: Labels::default(),
            sources: Sources::default(),
            sinks: Sinks::default(),
            memories: Memories::default(),
            words: Words::default(),
            slots: Slots::default(),
            globals: Vec::new(),
            threads: Threads::default(),
            frames: Vec::new(),
            fp: 0,
            bases: Vec::new(),
            hosts: Vec::new(),
            top: 0,
            is_tail: false,
            at: 0,
            read: None,
            written: None,
            picks: 0,
            thrown: ([CLEAN; 2], Vec::new()),
            origin: None,
            control: Control::default(),
            decides: HashMap::new(),
            names: HashMap::new(),
            memo: Memo::default(),
            recent: Recent::default(),
            keys: BTreeMap::new(),
            bytes_lost: 0,
            words_kept: None,
            kept: VecDeque::new(),
        };
        taint.give_globals();
        taint
    }

    /// All flows so far, by source, then by sink.
    pub fn flows(&self) -> Vec<Flow> {
        flow::all(&self.labels, &self.sources, &self.sinks, &self.keys)
    }

    /// Number of things not followed for want of room: source bytes, labels of bytes and slots, unions,
    /// sinks. Flows are a part then.
    pub fn lost(&self) -> u64 {
        let slots = self.slots.lost + self.words.lost;
        self.bytes_lost + self.labels.lost() + self.memories.lost + slots + self.sinks.lost
    }

    /// Work that labels of many bytes were, beside the instructions: ranges of bytes that were put together.
    pub(crate) fn merged(&self) -> u64 {
        self.labels.merged()
    }

    /// The source bytes that a byte of a memory depends on at this moment, by value or (and) by address: for
    /// each its source and position.
    pub fn of_byte(&self, memory: u32, address: u64) -> Vec<(Source, u64)> {
        let node = self.labels.node(self.memories.get(memory, address));
        let ranges = self.labels.ranges(&[node.value, node.address, node.control]);
        let resolved = self.sources.resolve(&ranges);
        let bytes = resolved.into_iter().flat_map(|(source, (start, end))| {
            (start..end).filter_map(move |at| Some((self.sources.source(source)?.clone(), at)))
        });
        bytes.collect()
    }

    /// Another thread goes on.
    fn change(&mut self, thread: u32) {
        let lost = std::mem::take(&mut self.slots.lost);
        let mut here = Thread {
            slots: std::mem::take(&mut self.slots),
            globals: std::mem::take(&mut self.globals),
            frames: std::mem::take(&mut self.frames),
            bases: std::mem::take(&mut self.bases),
            hosts: std::mem::take(&mut self.hosts),
            scopes: self.control.replace(Scopes::default()),
        };
        self.threads.leave(thread, &mut here, |thread| thread.bases.is_empty());
        (self.slots, self.globals, self.frames) = (here.slots, here.globals, here.frames);
        (self.bases, self.hosts) = (here.bases, here.hosts);
        self.control.replace(here.scopes);
        self.slots.lost += lost;
        self.fp = self.frames.last().copied().unwrap_or(0);
    }

    /// The labels of a slot.
    fn word(&self, slot: usize) -> Word {
        *self.words.get(self.slots.get(slot))
    }

    fn set_word(&mut self, slot: usize, word: &Word) {
        let id = self.words.id(word);
        self.slots.set(slot, id);
    }

    fn enter(&mut self, fp: usize) {
        self.frames.push(fp);
        self.fp = fp;
    }

    /// Frames were left: so many are there.
    fn leave_to(&mut self, frames: usize) {
        self.frames.truncate(frames);
        self.fp = self.frames.last().copied().unwrap_or(0);
        self.control.leave(frames);
    }

    /// Whether constants and what is moved may have labels, too.
    #[inline(always)]
    fn follows(&self) -> bool {
        self.follows_all || self.control.is_on()
    }

    /// Whether a label is of a source on which conditions are followed.
    fn decides(&mut self, label: Label) -> bool {
        if !self.options.deciding {
            return false;
        }
        if let Some(&known) = self.decides.get(&label) {
            return known;
        }
        let node = self.labels.node(label);
        let ranges = self.labels.ranges(&[node.value, node.address, node.control]);
        let is_one = |(source, _): &(u32, (u64, u64))| {
            self.sources.source(*source).is_some_and(Source::is_of_surroundings)
        };
        let decides = self.sources.resolve(&ranges).iter().any(is_one);
        self.decides.insert(label, decides);
        decides
    }

    fn wants(&self, kind: SourceKind, is_count: impl Fn() -> bool) -> bool {
        let counts = || kind == SourceKind::Answer && self.options.counts && is_count();
        self.options.sources.contains(&kind) || counts()
    }

    /// New source bytes; the number of the first, and how many there was room for.
    fn give(&mut self, len: u64, kind: SourceKind, name: &str, offset: Option<u64>) -> (u32, u64) {
        let (first, kept) = self.labels.new_bytes(len);
        self.bytes_lost += len - kept;
        self.sources.add(first, len, kind, name, offset);
        (first, kept)
    }

    /// Labels memory as bytes of a source, or as nothing's if that is not followed.
    fn give_memory(&mut self, memory: u32, address: u64, len: u64, origin: (SourceKind, &str, Option<u64>)) {
        let (kind, name, offset) = origin;
        if !self.wants(kind, || source::is_count(name, len)) {
            return self.memories.fill(memory, address, len, Label::NONE);
        }
        self.give_bytes(memory, address, len, (kind, name, offset));
    }

    fn give_bytes(&mut self, memory: u32, address: u64, len: u64, origin: (SourceKind, &str, Option<u64>)) {
        let (kind, name, offset) = origin;
        let (first, kept) = self.give(len, kind, name, offset);
        for place in 0..kept {
            self.memories.set(memory, address + place, Labels::byte(first + place as u32));
        }
        self.memories.fill(memory, address + kept, len - kept, Label::NONE);
    }

    /// Labels the globals that a host gave.
    fn give_globals(&mut self) {
        for (index, name) in std::mem::take(&mut self.options.globals) {
            let index = index as usize;
            if self.globals.len() <= index {
                self.globals.resize(index + 1, [CLEAN; 2]);
            }
            self.globals[index] = [self.give_word(SourceKind::Answer, &name), CLEAN];
        }
    }

    /// Labels slots as bytes of a source.
    fn give_slots(&mut self, at: usize, count: usize, kind: SourceKind, name: &str) {
        for slot in at..at + count {
            let is_asked = || source::is_answer(name) || self.options.unknown.contains(name);
            let is_wanted = self.wants(kind, is_asked);
            let word = if is_wanted { self.give_word(kind, name) } else { CLEAN };
            self.set_word(slot, &word);
        }
    }

    /// A value whose bytes are new bytes of a source.
    fn give_word(&mut self, kind: SourceKind, name: &str) -> Word {
        let mut word = CLEAN;
        let (first, kept) = self.give(8, kind, name, None);
        for (place, label) in word.iter_mut().enumerate().take(kept as usize) {
            *label = Labels::byte(first + place as u32);
        }
        word
    }

    /// The name of a host function, `module.name`, made once: it may have as many bytes as a file.
    fn host_name(&mut self, func: FuncKey) -> Rc<str> {
        let host = self.trace.hosts.get(&func);
        let name = || host.map_or_else(String::new, |host| host_name(&host.module, &host.name)).into();
        Rc::clone(self.names.entry(func).or_insert_with(name))
    }
}
