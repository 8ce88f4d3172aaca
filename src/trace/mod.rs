//! Traces: what is recorded of a run, and how it is replayed.
//!
//! A [`Trace`] holds the modules, the decision stream and the record stream; what they mean is
//! `docs/trace-stream.md`. [`Trace::replay`] walks the code block by block and tells a [`Visitor`].
//! [`Trace::events`] gives every executed instruction in turn. [`Counts`] is the visitor that counts opcodes.
//!
//! A trace is never trusted: one that does not fit its modules gives an error, and replay ends within its
//! limits.
//!
//! Not here: how a trace is recorded (`tracer`), how it is stored in a file (`file`).

mod called;
mod counting;
mod counts;
mod cuts;
mod decisions;
pub mod effects;
mod error;
mod events;
pub(crate) mod growing;
mod limits;
mod map;
mod record;
mod replay;
pub(crate) mod step;
mod stored;
mod threads;
mod visitor;
mod words;

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

pub(crate) use called::host_name;
pub use counting::Counting;
pub use counts::{Counter, Counts, FuncCounts};
pub(crate) use decisions::Window;
pub use decisions::{Chunks, DecisionError, DecisionErrorKind, DecisionReader};
pub use error::{ReplayError, ReplayErrorKind};
pub use events::{ControlEffect, Event, Events, Executed};
pub(crate) use limits::RESERVED;
pub use limits::{MAX_BLOCKS, MAX_CUTS, MAX_FRAMES, MAX_FUNCTIONS, MAX_THREADS, ReplayLimits};
pub use map::{ExecutedBlock, ExecutedFunction};
pub use record::{End, FuncKey, Record, TracePosition, Trap};
pub use replay::{Checkpoint, CheckpointFrame, CheckpointInvocation, Replay, ReplayProgress, ReplaySummary};
pub use stored::{RecordStream, Streams};
pub(crate) use threads::Meetings;
pub use threads::{MAIN, Threads};
pub use visitor::{CallKind, HostCall, Stretch, Visitor};
pub(crate) use wasmspoor_hooks::recorder::stream;
pub use words::Words;

/// What a walker of its own needs to follow a recording.
pub(crate) mod recorded {
    pub(crate) use super::decisions::{DecisionReader, Taken};
    pub(crate) use super::replay::{Cuts, Mood, Pull};
}

use crate::module::{FuncIndex, Module};

/// Index of an instance in a trace, in the order of instantiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceIndex(pub u32);

impl fmt::Display for InstanceIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A module that was instantiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instance {
    /// Position in [`Trace::modules`].
    pub module: usize,
    /// Key of the first function that the module defines; the others follow.
    pub first_key: FuncKey,
}

/// A host function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    /// First part of the name it was imported by.
    pub module: Box<str>,
    /// Second part.
    pub name: Box<str>,
}

/// How much was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Level {
    /// Decisions, host calls, growth, traps.
    #[default]
    Flow,
    /// Also values and addresses.
    Data,
}

/// What was recorded of a run.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// The modules that were instantiated.
    pub modules: Vec<Arc<Module>>,
    /// The instances, in the order of instantiation.
    pub instances: Vec<Instance>,
    /// The host functions that were called or given to an instance.
    pub hosts: BTreeMap<FuncKey, Host>,
    /// The decision stream.
    pub words: Words,
    /// Decisions in the stream, in bits.
    pub decisions: u64,
    /// Calls of defined functions by `call`.
    pub calls: u64,
    /// The record stream.
    pub records: Vec<Record>,
    /// How much was recorded.
    pub level: Level,
    /// How long its replay may be.
    pub limits: ReplayLimits,
    /// What the host did, if that was recorded.
    pub effects: Option<Arc<effects::Effects>>,
    /// Where both streams are if they are not in memory: then `words` and `records` are empty.
    pub stored: Option<Arc<dyn Streams>>,
}

/// What a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callee<'t> {
    /// A function that an instance defines.
    Defined(InstanceIndex, FuncIndex),
    /// A host function.
    Host(&'t Host),
}

impl Trace {
    /// What `key` stands for; `None` if no instance and no host function has it. Walks the instances.
    pub fn resolve(&self, key: FuncKey) -> Option<Callee<'_>> {
        let defined = (0u32..).zip(&self.instances).find_map(|(index, instance)| {
            let module = self.modules.get(instance.module)?;
            let position = key.0.checked_sub(instance.first_key.0)?;
            let func = FuncIndex(module.imported_functions() + position);
            (position < module.defined_functions()).then_some(Callee::Defined(InstanceIndex(index), func))
        });
        defined.or_else(|| self.hosts.get(&key).map(Callee::Host))
    }

    /// Replays the whole trace, within its own limits.
    ///
    /// # Errors
    /// When the trace does not fit its modules, or a limit is reached. The visitor has seen everything before
    /// that.
    pub fn replay(&self, visitor: &mut impl Visitor) -> Result<ReplaySummary, ReplayError> {
        self.replay_within(self.limits, visitor)
    }

    /// Replays the whole trace within other limits than its own.
    ///
    /// # Errors
    /// As for [`Self::replay`], and when a limit is reached.
    pub fn replay_within(
        &self,
        limits: ReplayLimits,
        visitor: &mut impl Visitor,
    ) -> Result<ReplaySummary, ReplayError> {
        let mut replay = Replay::new(self, limits)?;
        // A visitor may pause for itself; nobody waits here.
        loop {
            if let ReplayProgress::Done(summary) = replay.run(visitor)? {
                return Ok(summary);
            }
        }
    }

    /// Executed instructions, counted.
    ///
    /// # Errors
    /// As for [`Self::replay`].
    pub fn counts(&self) -> Result<Counts, ReplayError> {
        Counts::of(self)
    }

    /// Size of the two streams before any compression: 8 bytes for each word, and the size of each record in
    /// memory.
    pub fn size_bytes(&self) -> u64 {
        let lens = (self.words.len() as u64, self.records.len() as u64);
        let (words, records) = self.stored.as_ref().map_or(lens, |stored| stored.lens());
        words.saturating_mul(8).saturating_add(records.saturating_mul(size_of::<Record>() as u64))
    }

    /// The decision stream, chunk by chunk, wherever it is kept.
    pub fn decision_chunks(&self) -> Chunks<'_> {
        match &self.stored {
            Some(stored) => stored::words(stored, 0),
            None => self.words.chunks(),
        }
    }

    /// The decision stream from a chunk on that holds decision number `position`, and the number of its first
    /// decision.
    pub(crate) fn decisions_from(&self, position: u64) -> (Chunks<'_>, u64) {
        match &self.stored {
            Some(stored) => {
                let (chunk, first) = stored.words_at(position).unwrap_or((0, 0));
                (stored::words(stored, chunk), first)
            }
            None => (self.words.chunks(), 0),
        }
    }

    /// The record stream from record number `record` on.
    pub(crate) fn records_from(&self, record: u64) -> RecordStream<'_> {
        RecordStream::new(self, record)
    }

    /// The record stream, wherever it is kept. One that cannot be read on ends early, and [`Self::gap`] says
    /// why.
    pub fn record_stream(&self) -> RecordStream<'_> {
        RecordStream::new(self, 0)
    }

    /// Why the streams end before the run did, if they do as far as they were read.
    pub fn gap(&self) -> Option<String> {
        self.stored.as_ref()?.gap()
    }

    /// Whether the file that it is read from was ended and is as it was written, as far as it was read. True
    /// if there is no file.
    pub fn is_whole(&self) -> bool {
        self.stored.as_ref().is_none_or(|stored| stored.is_whole())
    }

    /// Every executed instruction in order, and what happened between them.
    pub fn events(&self) -> Events<'_> {
        Events::new(self, self.limits)
    }

    /// Every executed instruction from a checkpoint on, and what happened between them.
    pub fn events_from(&self, checkpoint: &Checkpoint) -> Events<'_> {
        Events::of(Replay::resume(self, self.limits, checkpoint))
    }

    /// As [`Self::events`], within other limits than the trace's own.
    pub fn events_within(&self, limits: ReplayLimits) -> Events<'_> {
        Events::new(self, limits)
    }
}

#[cfg(test)]
mod tests;
