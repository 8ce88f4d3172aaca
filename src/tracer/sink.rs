//! The place where the streams of a run go while it is made, if they are not to stay in memory.

use std::{collections::BTreeMap, fmt};

use crate::trace::{FuncKey, Host, Instance, Record};

/// Takes the streams of a run away, in order. Called from the execution loop: must not panic.
pub(crate) trait StreamSink: fmt::Debug + Send + Sync {
    /// The sample is linked: what keys will mean.
    fn linked(&self, instances: &[Instance], hosts: &BTreeMap<FuncKey, Host>);

    /// Takes what was recorded since the last time; returns whether the run may go on.
    fn take(&self, batch: Batch) -> bool;

    /// The clock ended an entry or the session.
    fn timeout(&self, timeout: Timeout);
}

/// What was recorded since the last time.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) words: Vec<u64>,
    pub(crate) records: Vec<Record>,
    /// Direct calls so far.
    pub(crate) calls: u64,
}

/// The clock ended an entry or the session. A run asks for the time at the same moments whatever the machine,
/// so the number of the question says when that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout {
    /// Questions up to and with the one that it was the answer to.
    pub clock_reads: u64,
    /// Whether it ended the session, not only the entry.
    pub is_session: bool,
}
