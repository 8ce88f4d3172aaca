//! Trace files (`.spoor`): a run that lasts. The format is `docs/trace-format.md`.
//!
//! Writing: [`record`] runs a sample and cuts its streams into chunks. A thread compresses and writes them
//! while the run goes on. Reading: [`Recorded`] is the run as it was. Its streams are read chunk by chunk
//! when a pass needs them. Damage and a cut are named, and the rest is read.
//!
//! A file is hostile: every length is checked before anything is reserved for it, and what is decoded has a
//! budget (`decode`).
//!
//! Not here: what a trace means (`trace`), how a run is made (`sandbox`).

mod bits;
mod checkpointer;
mod checkpoints;
mod chunk;
mod contents;
mod decode;
mod diff;
mod effects;
mod frame;
mod info;
mod limits;
mod log;
mod objects;
mod point;
mod reader;
mod record;
mod recorded;
mod rerun;
mod store;
mod wire;
mod writer;

pub use self::{
    contents::Header,
    diff::{HostCalls, NamedFunction, OutcomeDifference, Parting, TraceDiff, TraceDiffError},
    frame::{ChunkKind, Frame, MAGIC, VERSION, head_bytes},
    info::{Info, RunInfo, Stream},
    objects::{OptionsTooLarge, check_options},
    point::Point,
    reader::{Damage, FileError, Reader, Source},
    record::{Sample, Written, record, record_timed, record_with_effects},
    recorded::Recorded,
    rerun::{Difference, EffectsError, EffectsFrom, Rerun},
};

#[cfg(test)]
mod tests;
