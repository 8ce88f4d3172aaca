//! What the structured chunks hold. As what they are written: `wire`.

use std::collections::BTreeMap;

use crate::{
    LoadError,
    module::FuncIndex,
    sandbox::{Connection, FileChange, Run, RunOptions, Status, TokenUse},
    trace::{FuncKey, Host, Instance, Level},
};

/// What was run, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Header {
    /// The program that recorded it, with its version.
    pub tool: String,
    /// The sample as the user named it.
    pub name: String,
    /// SHA-256 of the sample in the binary format, hexadecimal.
    pub sha256: String,
    /// Bytes of the sample in the binary format.
    pub sample_len: u64,
    /// Whether the sample was given as text.
    pub from_text: bool,
    /// Whether the sample is in the file.
    pub is_embedded: bool,
    /// How much was recorded.
    pub level: Level,
    /// How it was run.
    pub options: RunOptions,
    /// Names of options in the file that this program does not know: it was run in a way that cannot be told.
    pub unknown_options: Vec<String>,
}

/// What keys mean.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    pub(super) instances: Vec<Instance>,
    pub(super) hosts: BTreeMap<FuncKey, Host>,
}

/// What came of the run.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// It ran.
    Ran(Box<Rest>),
    /// It could not be loaded.
    Refused(LoadError),
}

/// What is known of a run when it is over, besides its streams and its log.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    pub(super) decisions: u64,
    pub(super) records: u64,
    pub(super) calls: u64,
    pub(super) status: Status,
    pub(super) exit_code: Option<i32>,
    pub(super) calls_cut: u64,
    pub(super) slept_ns: u64,
    pub(super) sleeps: u64,
    pub(super) limitations: Vec<String>,
    pub(super) honeytokens: Vec<TokenUse>,
    pub(super) connections: Vec<Connection>,
    pub(super) carved: Vec<Vec<u8>>,
    pub(super) files: Vec<(FileChange, Vec<u8>)>,
    pub(super) calls_inner: BTreeMap<FuncIndex, u64>,
}

/// What the streams of a whole run add up to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Totals {
    pub(super) decisions: u64,
    pub(super) records: u64,
    pub(super) calls: u64,
}

impl Rest {
    pub(super) fn totals(&self) -> Totals {
        Totals { decisions: self.decisions, records: self.records, calls: self.calls }
    }

    /// Of a run.
    pub(super) fn of(mut run: Run) -> Self {
        // They are not written with the change itself.
        let contents = |change: &mut FileChange| std::mem::take(&mut change.contents);
        let contents: Vec<_> = run.files.iter_mut().map(contents).collect();
        Self {
            decisions: run.trace.decisions,
            records: run.trace.records.len() as u64,
            calls: run.trace.calls,
            status: run.status,
            exit_code: run.exit_code,
            calls_cut: run.calls_cut,
            slept_ns: run.slept_ns,
            sleeps: run.sleeps,
            limitations: run.limitations.iter().map(ToString::to_string).collect(),
            honeytokens: run.honeytokens,
            connections: run.connections,
            // Bytes that are no module are known by how they begin.
            carved: run.carved.into_iter().chain(run.returned.into_iter().map(|it| it.bytes)).collect(),
            files: run.files.into_iter().zip(contents).collect(),
            calls_inner: run.calls_inner,
        }
    }
}
