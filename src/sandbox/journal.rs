//! The record of a run before it is over. Each thing is written as it happens, so that a run that dies leaves
//! what it did.

use std::{fmt, sync::Arc};

use super::types::{Call, Entry, EntryEnd};
use crate::tracer::{StreamSink, Timeout};

/// Something that happened in a run.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// An entry point is called; how it will end is not known.
    Begun(Entry),
    /// The entry point that began last ended.
    Ended(Entry),
    /// A host call that was logged at `position` is over. One that calls back comes after those that it led
    /// to.
    Call {
        /// Position in the log.
        position: u64,
        /// What is known of it.
        call: Call,
    },
    /// Bytes went to standard output.
    Stdout(Vec<u8>),
    /// Bytes went to standard error.
    Stderr(Vec<u8>),
    /// The clock ended an entry or the session.
    Timeout(Timeout),
}

/// Takes what happens.
pub(crate) trait Journal: fmt::Debug + Send + Sync {
    /// Something happened.
    fn note(&self, item: &Item);
}

/// Takes all that is recorded of a run.
pub(crate) trait Recorder: StreamSink + Journal {}

impl<T: StreamSink + Journal> Recorder for T {}

/// What is said of an entry that has no end yet.
const UNFINISHED: &str = "the recording ends before it did";

/// The end of an entry that has none yet.
pub(crate) fn unfinished() -> EntryEnd {
    EntryEnd::Failed { message: UNFINISHED.into() }
}

/// Whether the recording ended before an entry did.
pub(crate) fn is_unfinished(end: &EntryEnd) -> bool {
    matches!(end, EntryEnd::Failed { message } if message == UNFINISHED)
}

/// How far the journal of a run has come.
#[derive(Debug, Default)]
pub(super) struct JournalWriter {
    pub(super) journal: Option<Arc<dyn Journal>>,
    /// Bytes written so far of standard output and standard error.
    written: (usize, usize),
}

impl JournalWriter {
    pub(super) fn write(&self, item: impl FnOnce() -> Item) {
        if let Some(journal) = &self.journal {
            journal.note(&item());
        }
    }

    /// Writes a call that is over, and what is new of standard output and standard error.
    pub(super) fn call(&mut self, position: usize, call: &Call, stdout: &[u8], stderr: &[u8]) {
        self.outputs(stdout, stderr);
        self.write(|| Item::Call { position: position as u64, call: call.clone() });
    }

    pub(super) fn outputs(&mut self, stdout: &[u8], stderr: &[u8]) {
        if self.journal.is_none() {
            return;
        }
        let written = std::mem::replace(&mut self.written, (stdout.len(), stderr.len()));
        if let Some(new @ [_, ..]) = stdout.get(written.0..) {
            self.write(|| Item::Stdout(new.to_vec()));
        }
        if let Some(new @ [_, ..]) = stderr.get(written.1..) {
            self.write(|| Item::Stderr(new.to_vec()));
        }
    }
}
