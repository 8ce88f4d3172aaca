//! What came of a run.

use super::stored;
use crate::{file, module, sandbox};

stored! {
    /// What came of the run.
    enum Outcome for file::contents::Outcome {
        Ran(rest: Box<Rest>),
        Refused(error: LoadError),
    }

    /// What is known of a run when it is over, besides its streams and its log.
    struct Rest for file::contents::Rest {
        decisions: u64,
        records: u64,
        calls: u64,
        status: Status,
        exit_code: Option<i32>,
        calls_cut: u64,
        slept_ns: u64,
        sleeps: u64,
        limitations: Vec<String>,
        honeytokens: Vec<TokenUse>,
        connections: Vec<Connection>,
        carved: Vec<Vec<u8>>,
        files: Vec<(FileChange, Vec<u8>)>;
        calls_inner = std::collections::BTreeMap::new(),
    }

    /// How a run as a whole ended.
    enum Status for sandbox::Status {
        Exited,
        Trapped,
        Stopped,
        Invalid,
        Unsupported,
        NothingRan,
    }

    /// Bait that was touched.
    struct TokenUse for sandbox::TokenUse {
        name: String,
        touched_in: Vec<String>,
        opened: u64,
        read: u64,
        first_call: Option<u64>,
        leaks: Vec<Leak>,
        leaks_cut: u64,
    }

    /// Where its bytes went.
    struct Leak for sandbox::Leak {
        to: String,
        by: String,
        encoding: String,
        first_call: Option<u64>,
        calls: u64,
    }

    /// A connection and what went through it.
    struct Connection for sandbox::Connection {
        name: String,
        sent: Vec<u8>,
        sent_cut: u64,
        received: u64,
        shut_down: u8,
    }

    /// What a run did to a file; its contents stand beside it.
    struct FileChange for sandbox::FileChange {
        path: String,
        change: String,
        to: Option<String>,
        via: Vec<String>,
        size_before: Option<u64>,
        size_after: Option<u64>,
        entropy_before: Option<f64>,
        entropy_after: Option<f64>,
        sha256_before: Option<String>,
        sha256: Option<String>;
        contents = Vec::new(),
        is_replaced = false,
        left = Default::default(),
    }

    /// Why a sample was not loaded.
    enum LoadError for module::LoadError {
        Empty,
        NotWasm { found: String },
        Text { reason: String },
        Invalid { reason: String, offset: u64 },
        Unsupported { proposal: String, reason: String, offset: u64 },
        Engine { reason: String },
        TooBig { what: String, given: u64, limit: u64 },
    }
}
