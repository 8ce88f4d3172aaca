//! How a sample is run: the header. A limit that comes later has no field here but a name in
//! [`super::later`].

use std::collections::BTreeMap;

use super::{Duration, stored, values::Value};
use crate::{file, sandbox, trace, tracer};

stored! {
    /// What was run, and how.
    struct Header for file::Header {
        tool: String,
        name: String,
        sha256: String,
        sample_len: u64,
        from_text: bool,
        is_embedded: bool,
        level: Level,
        options: RunOptions;
        unknown_options = Vec::new(),
    }

    /// How much was recorded.
    enum Level for trace::Level {
        Flow,
        Data,
    }

    /// How to run a sample.
    struct RunOptions for sandbox::RunOptions {
        limits: Limits,
        drive: Drive,
        entry_time: Duration,
        entry_decisions: Option<u64>,
        entry_instructions: Option<u64>,
        seed: u64,
        epoch_ns: u64,
        args: Vec<String>,
        env: Vec<(String, String)>,
        stdin: Vec<u8>,
        files: BTreeMap<String, Vec<u8>>,
        dirs: Vec<String>,
        invoke: Option<(String, Vec<Value>)>,
        stubs: Vec<(String, String)>,
        preopens: Vec<(String, String)>,
        persona: Persona;
        functions = sandbox::HostFunctions::default(),
    }

    /// Bounds of a run.
    struct Limits for tracer::Limits {
        wall_time: Option<Duration>,
        decisions: Option<u64>,
        instructions: Option<u64>,
        host_calls: Option<u64>,
        trace_bytes: u64,
        at_trace_limit: AtTraceLimit,
        memory_pages: u64,
        table_elements: u64,
        call_depth: u64,
        stack_bytes: u64;
        sparse_pages = 0,
    }

    /// What happens when a trace reaches its limit.
    enum AtTraceLimit for tracer::AtTraceLimit {
        Stop,
        Spill,
    }

    /// Which exports are called.
    enum Drive for sandbox::Drive {
        Auto,
        Exports,
        Name(name: String),
        None,
    }

    /// Whom the sample thinks it runs for.
    struct Persona for sandbox::Persona {
        name: String,
        description: String,
        args: Vec<String>,
        env: Vec<(String, String)>,
        epoch_ns: u64,
        stdin: Vec<u8>,
        terminals: [bool; 3],
        preopens: Vec<(String, String)>,
        files: Vec<Document>,
        dirs: Vec<String>,
        links: Vec<(String, String)>,
        honeytokens: Vec<Honeytoken>,
        sockets: Vec<Socket>,
        run: Conduct;
        cpu_clocks = true,
    }

    /// How a sample is run under a persona.
    struct Conduct for sandbox::Conduct {
        drive: Option<Drive>,
        seconds: Option<u64>,
        instructions: Option<u64>,
        decisions: Option<u64>,
        trace_mib: Option<u64>,
    }

    /// A file of a persona.
    struct Document for sandbox::Document {
        path: String,
        bytes: Vec<u8>,
        age_ns: u64,
    }

    /// Bait.
    struct Honeytoken for sandbox::Honeytoken {
        name: String,
        value: Vec<u8>,
    }

    /// A socket.
    struct Socket for sandbox::Socket {
        name: String,
        kind: SocketKind,
    }

    /// What a socket is.
    enum SocketKind for sandbox::SocketKind {
        Stream(peer: Peer),
        Listener(peers: Vec<Peer>),
    }

    /// The other end of a connection.
    struct Peer for sandbox::Peer {
        messages: Vec<Vec<u8>>,
        stays: bool,
    }
}

/// What is written was run with one.
impl super::Stored for sandbox::Seed {
    type Wire = u64;

    fn into_wire(self) -> u64 {
        self.number()
    }

    fn of_wire(wire: u64) -> Option<Self> {
        Some(Self::Given(wire))
    }
}
