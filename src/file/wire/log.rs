//! Items of the log: entry points, host calls, output.

use super::{
    stored,
    streams::Trap,
    values::{Site, Value},
};
use crate::{sandbox, tracer};

stored! {
    /// Something that happened.
    enum Item for sandbox::Item {
        Begun(entry: Entry),
        Ended(entry: Entry),
        Call { position: u64, call: Call },
        Stdout(bytes: Vec<u8>),
        Stderr(bytes: Vec<u8>),
        Timeout(timeout: Timeout),
    }

    /// An entry point and how it ended.
    struct Entry for sandbox::Entry {
        name: String,
        kind: EntryKind,
        func: Option<u32>,
        args: Vec<Value>,
        made_up: bool,
        end: EntryEnd,
        results: Vec<Value>,
        site: Option<Site>,
        stalled_in: Option<u32>,
    }

    /// What an entry point is.
    enum EntryKind for sandbox::EntryKind {
        Start,
        Initialize,
        Main,
        Export,
        // After version 1; whoever does not know it takes the chunk for damaged.
        Callback,
        // Later still; likewise.
        Builder,
    }

    /// How an entry point ended.
    enum EntryEnd for sandbox::EntryEnd {
        Returned,
        Exited { code: i32 },
        Trapped { trap: Trap },
        Stopped { limit: Limit },
        Aborted { message: String },
        Failed { message: String },
        // After version 1: `later` says which files have a feature bit for it.
        Thrown { tag: u32, name: Option<String>, operands: Vec<String> },
    }

    /// A limit that stopped a run.
    enum Limit for tracer::Limit {
        WallTime,
        Decisions,
        Instructions,
        HostCalls,
        TraceBytes,
        Spill,
        Cancelled,
    }

    /// A host call.
    struct Call for sandbox::Call {
        number: u64,
        record: u64,
        entry: u64,
        func: u32,
        module: String,
        name: String,
        args: Vec<Arg>,
        results: Vec<Value>,
        answer: Answer,
        fabricated: bool,
        errno: Option<String>,
        time_ns: u64,
        ended: bool,
    }

    /// Who answered a host call.
    enum Answer for sandbox::Answer {
        Stub,
        Wasi,
        World,
        Default,
    }

    /// An argument of a host call.
    struct Arg for sandbox::Arg {
        name: Option<String>,
        value: Value,
        points_at: Option<Pointed>,
    }

    /// What an argument points at.
    enum Pointed for sandbox::Pointed {
        Text { text: String },
        Bytes { hex: String, len: u64, entropy: f64 },
        Resource { name: String },
    }

    /// When the clock struck.
    struct Timeout for tracer::Timeout {
        clock_reads: u64,
        is_session: bool,
    }
}
