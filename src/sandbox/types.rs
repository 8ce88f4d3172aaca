//! What goes into a run and what comes out: options, entries, host calls, file changes.
//!
//! Not here: how a run is made.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::text::cut_at;

pub use super::limits::{MAX_ARGS, MAX_CALLS, MAX_OUTPUT, MAX_POINTED};
use super::{
    embedder::HostFunctions,
    fs::FileChange,
    persona::{Conduct, Persona},
};
use crate::{
    limitation::Limitation,
    module::{FuncIndex, Place, to_binary},
    text::{text_in_json, vocabulary},
    trace::{Trace, Trap},
    tracer::{AtTraceLimit, Limit, Limits, Value},
};

/// How to run a sample.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunOptions {
    /// Bounds of the whole run.
    pub limits: Limits,
    /// Which exports are called.
    pub drive: Drive,
    /// Time that one entry point gets. The wall time of `limits` bounds all together. It makes a result
    /// depend on the machine, so it is a safety net above `entry_decisions`: when it ends one,
    /// [`Run::limitations`] says so.
    pub entry_time: Duration,
    /// Decisions that one entry point gets. Calls, bulk operations and long straight code count as decisions
    /// that take as long.
    pub entry_decisions: Option<u64>,
    /// Instructions that one entry point gets, counted as for [`Limits::instructions`]: a decision may stand
    /// for thousands of them.
    pub entry_instructions: Option<u64>,
    /// Seed of everything random. By default the sample decides it ([`Self::seeded`]), so that the same
    /// sample always sees the same and two samples do not.
    pub seed: Seed,
    /// Virtual time at the start, in nanoseconds since 1970.
    pub epoch_ns: u64,
    /// Arguments, the program's name first.
    pub args: Vec<String>,
    /// Environment.
    pub env: Vec<(String, String)>,
    /// Standard input.
    pub stdin: Vec<u8>,
    /// Files: absolute guest path → contents. They go before those of the persona.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Directories that are there though empty: absolute guest paths.
    pub dirs: Vec<String>,
    /// An export to call with these arguments instead of what `drive` says.
    pub invoke: Option<(String, Vec<Value>)>,
    /// Text of stub files (`docs/stubs.md`), with their names for messages.
    pub stubs: Vec<(String, String)>,
    /// Directories that a WASI program finds open, from descriptor 3 on: the name it sees → absolute guest
    /// path.
    pub preopens: Vec<(String, String)>,
    /// Whom the sample thinks it runs for: the other files, sockets, streams, bait.
    /// [`RunOptions::with_persona`] takes the rest from it too.
    pub persona: Arc<Persona>,
    /// Imports that the caller answers in Rust: [`RunOptions::define`]. No file can hold them.
    pub functions: HostFunctions,
}

/// A seed of everything random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Seed {
    /// Made of the sample: see [`RunOptions::seeded`].
    #[default]
    OfSample,
    /// This one.
    Given(u64),
}

impl Seed {
    /// The seed, 0 if it is still to be made.
    pub fn number(self) -> u64 {
        match self {
            Self::OfSample => 0,
            Self::Given(seed) => seed,
        }
    }
}

/// Which exports are called after the start function, `_initialize`, and `_start` or `main`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Drive {
    /// The others too unless the program's own entry point says all: ranked by reachable loops, with made-up
    /// arguments.
    #[default]
    Auto,
    /// All others too, whatever the entry point did.
    Exports,
    /// This one only.
    Name(String),
    /// None.
    None,
}

/// What happened. By default nothing.
#[derive(Debug, Default)]
pub struct Run {
    /// The trace.
    pub trace: Trace,
    /// The entry points in the order they were called. Each is one `Invoke` record of the host; the start
    /// function too.
    pub entries: Vec<Entry>,
    /// Host calls in the order of their records. Not each record has one: see [`MAX_CALLS`].
    pub calls: Vec<Call>,
    /// Host calls that are in the trace and not in `calls`, because there were too many of their function.
    pub calls_cut: u64,
    /// Those of them, by function, that did nothing outside the sample. They copied its memory, called its
    /// own functions for it, or wrote to standard output.
    pub calls_inner: BTreeMap<FuncIndex, u64>,
    /// How the run as a whole ended.
    pub status: Status,
    /// What the sample gave to `proc_exit` or `exit`; 0 if its `_start` returned.
    pub exit_code: Option<i32>,
    /// What it wrote to standard output, at most [`MAX_OUTPUT`] bytes.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error, at most [`MAX_OUTPUT`] bytes.
    pub stderr: Vec<u8>,
    /// What it did to files.
    pub files: Vec<FileChange>,
    /// Damage to the contents of files that were there before.
    pub damage: Vec<super::damage::Damage>,
    /// What else it did to them.
    pub touched: Vec<super::touched::Touched>,
    /// The arguments it was given, its own name left out: a file that they name was asked for.
    pub asked: Vec<String>,
    /// Connections that it used.
    pub connections: Vec<Connection>,
    /// Bait that it touched, in the order of the persona.
    pub honeytokens: Vec<TokenUse>,
    /// Virtual nanoseconds slept, and how often.
    pub slept_ns: u64,
    /// Calls that slept.
    pub sleeps: u64,
    /// Modules (`\0asm`) that it built in memory and that a host call saw, each once: bytes.
    pub carved: Vec<Vec<u8>>,
    /// What its exports returned that is more than a number: pages, scripts, commands, programs, archives.
    pub returned: Vec<super::returned::Returned>,
    /// What limits how far the result can be trusted.
    pub limitations: Vec<Limitation>,
    /// The parts that are missing of it: it was read from a trace file that is cut off or damaged. Also in
    /// `limitations`.
    pub lost: Vec<Limitation>,
}

/// How a run as a whole ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// The main entry point returned or called `proc_exit`.
    Exited,
    /// It trapped, or a host function refused to go on.
    Trapped,
    /// A limit stopped it.
    Stopped,
    /// The sample is not a valid module.
    Invalid,
    /// The sample is valid and cannot be run: it needs what the engine lacks, or cannot be instantiated.
    Unsupported,
    /// There was nothing to run.
    #[default]
    NothingRan,
}

/// An entry point and how it ended.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Entry {
    /// `start` for the start function, otherwise the export.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// The function.
    pub func: Option<FuncIndex>,
    /// The arguments it was given.
    pub args: Vec<Value>,
    /// Whether the arguments were made up.
    pub made_up: bool,
    /// How it ended.
    pub end: EntryEnd,
    /// What it returned.
    pub results: Vec<Value>,
    /// Where it was cut short.
    pub site: Option<Place>,
    /// The loop it was stopped in without having made a host call lately, if so.
    pub stalled_in: Option<FuncIndex>,
}

/// What an entry point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryKind {
    /// The start function of the module.
    Start,
    /// `_initialize`, `__wasm_call_ctors`, `__post_instantiate`.
    Initialize,
    /// `_start`, `main`, `_main`, `__main_argc_argv`, or the export that the user named.
    Main,
    /// Another export, driven with made-up arguments.
    Export,
    /// A function of the table that the sample told its host of: one that it registered by a type and a name,
    /// or handed to an import. Driven with arguments of the types that the registration names.
    Callback,
    /// A function of the sample's own that nothing led to. It takes nothing, calls no host function, and
    /// reads and writes memory in a loop: called for what it builds.
    Builder,
}

/// How an entry point ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryEnd {
    /// It returned.
    Returned,
    /// It ended the program.
    Exited {
        /// Exit code.
        code: i32,
    },
    /// It trapped.
    Trapped {
        /// Why.
        trap: Trap,
    },
    /// A limit or its budget stopped it.
    Stopped {
        /// Which.
        limit: Limit,
    },
    /// An exception left it that nothing caught.
    Thrown {
        /// Index of its tag.
        tag: u32,
        /// The name under which the tag is exported or imported; absent if it is neither.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// What it carries, as far as that is known.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        operands: Vec<String>,
    },
    /// A host function ended it, such as `abort`.
    Aborted {
        /// Its message.
        message: String,
    },
    /// The engine could not go on or could not begin.
    Failed {
        /// Its message.
        message: String,
    },
}

/// Who answered a host call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// A stub of the user, or a closure of the embedder.
    Stub,
    /// WASI.
    Wasi,
    /// A world that is known by its names, such as Emscripten's.
    World,
    /// Zeros of the right type.
    Default,
}

/// A host call.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Call {
    /// Number of the call in the run, from 0. Calls that are not in the log have numbers, too.
    pub number: u64,
    /// Position of its record in the trace.
    pub record: usize,
    /// Position in [`Run::entries`].
    pub entry: usize,
    /// The imported function.
    pub func: FuncIndex,
    /// First part of its name.
    pub module: Arc<str>,
    /// Second part of its name.
    pub name: Arc<str>,
    /// Arguments.
    pub args: Vec<Arg>,
    /// Results.
    pub results: Vec<Value>,
    /// Who answered.
    pub answer: Answer,
    /// Whether the answer was made up: no such thing exists in the sandbox.
    pub fabricated: bool,
    /// Name of the WASI error, if it gave one other than success.
    pub errno: Option<Cow<'static, str>>,
    /// Virtual time in nanoseconds since the start of the run.
    pub time_ns: u64,
    /// Whether it ended the invocation, or was left by an exception.
    pub ended: bool,
}

#[cfg(test)]
impl Call {
    /// A call of WASI that was answered as WASI does, with nothing given back.
    pub(crate) fn of_wasi(name: &str, args: Vec<Arg>) -> Self {
        Self {
            number: 0,
            record: 0,
            entry: 0,
            func: FuncIndex(0),
            module: "wasi_snapshot_preview1".into(),
            name: name.into(),
            args,
            results: Vec::new(),
            answer: Answer::Wasi,
            fabricated: false,
            errno: None,
            time_ns: 0,
            ended: false,
        }
    }
}

/// An argument of a host call.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Arg {
    /// Its name, if the function is known.
    pub name: Option<Cow<'static, str>>,
    /// Its value.
    pub value: Value,
    /// What it points at, if it is a pointer.
    pub points_at: Option<Pointed>,
}

/// What an argument points at, or is the number of, up to [`MAX_POINTED`] bytes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Pointed {
    /// A string.
    Text {
        /// The string, with what is not UTF-8 replaced.
        text: String,
    },
    /// Bytes.
    Bytes {
        /// The first of them, hexadecimal.
        hex: String,
        /// How many there are in all.
        len: u64,
        /// Their entropy in bits per byte.
        entropy: f64,
    },
    /// Nothing in memory: the number of a resource of WASI 0.2.
    Resource {
        /// The path of the file or folder, or the name of the connection.
        name: String,
    },
}

impl Pointed {
    /// The text, if it is one, as far as it is kept. One longer than that is kept as its bytes.
    pub(crate) fn kept_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text { text } => Some(Cow::Borrowed(text)),
            Self::Bytes { hex, len, .. } => long_text(hex, *len).map(Cow::Owned),
            Self::Resource { .. } => None,
        }
    }

    /// At most `max` characters of the text, and a mark that counts all the rest, if there is more.
    pub(crate) fn cut_text(&self, max: usize) -> Option<(String, String)> {
        let text = self.kept_text()?;
        let Self::Bytes { len, .. } = self else {
            let (head, mark) = cut_at(&text, max).unwrap_or((&text, String::new()));
            return Some((head.to_owned(), mark));
        };
        let head = text.char_indices().nth(max).map_or(&*text, |(end, _)| &text[..end]);
        Some((head.to_owned(), format!("…(+{} bytes)", len.saturating_sub(head.len() as u64))))
    }
}

/// The text that more bytes than are kept begin with.
fn long_text(hex: &str, len: u64) -> Option<String> {
    if len <= MAX_POINTED as u64 {
        return None;
    }
    let mut bytes = crate::hex::leading(hex.as_bytes());
    let end = super::log::text_in(&bytes).filter(|text| !text.is_empty())?.len();
    bytes.truncate(end);
    String::from_utf8(bytes).ok()
}

/// A connection and what went through it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// The name of the socket; that of an accepted connection has its number after `#`, from 1.
    pub name: String,
    /// What the sample sent, at most [`MAX_OUTPUT`] bytes.
    pub sent: Vec<u8>,
    /// Bytes sent beyond that.
    pub sent_cut: u64,
    /// Bytes that the sample received.
    pub received: u64,
    /// Which directions it shut down: 1 receiving, 2 sending, 3 both.
    pub shut_down: u8,
}

/// Bait that was touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct TokenUse {
    /// The name of the honeytoken.
    pub name: String,
    /// Where it lay and was touched: guest paths, `environment`, `arguments`, `standard input`.
    pub touched_in: Vec<String>,
    /// Times that a file with it was opened.
    pub opened: u64,
    /// Times that its bytes, or some of them, were handed out.
    pub read: u64,
    /// Position in [`Run::calls`] of the call that touched it first, if it was logged.
    pub first_call: Option<usize>,
    /// Where its bytes went.
    pub leaks: Vec<Leak>,
    /// Places beyond those in `leaks`.
    pub leaks_cut: u64,
}

vocabulary! {
    /// How bytes of a honeytoken were written. In the order of its words, so that lists are.
    pub enum LeakEncoding {
        /// In base64 of either alphabet.
        Base64 = "base64",
        /// As hexadecimal digits.
        Hex = "hex",
        /// As they are.
        Plain = "plain",
    }
}

/// Where bytes of a honeytoken went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeakPlace {
    /// Standard input, which cannot be written.
    Stdin,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A socket, by its name.
    Socket(String),
    /// A file, by its path.
    File(String),
    /// A call was handed them, and has no such place.
    Argument,
    /// Nowhere: the call that was handed them failed.
    FailedCall,
}

impl fmt::Display for LeakPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::Socket(name) => write!(f, "socket {name}"),
            Self::File(path) => f.write_str(path),
            Self::Argument => f.write_str("argument"),
            Self::FailedCall => f.write_str("failed call"),
        }
    }
}

/// What it is written as, read again.
impl From<String> for LeakPlace {
    fn from(text: String) -> Self {
        let named = [Self::Stdin, Self::Stdout, Self::Stderr, Self::Argument, Self::FailedCall];
        if let Some(known) = named.into_iter().find(|known| known.to_string() == text) {
            return known;
        }
        match text.strip_prefix("socket ") {
            Some(name) => Self::Socket(name.to_owned()),
            None => Self::File(text),
        }
    }
}

text_in_json!(LeakPlace);

/// A place where bytes of a honeytoken were found after it had been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Leak {
    /// Where they went.
    pub to: LeakPlace,
    /// The host function that was handed them, `module.name`; empty if they were found in what was left
    /// after the run.
    pub by: String,
    /// How they were written.
    pub encoding: LeakEncoding,
    /// Position in [`Run::calls`] of the first call, if it was logged.
    pub first_call: Option<usize>,
    /// Calls that did so.
    pub calls: u64,
}

impl RunOptions {
    /// The options as they are for a sample, binary or text. Without a seed of their own they have the first
    /// eight bytes, little-endian, of the SHA-256 of the binary module.
    #[must_use]
    pub fn seeded(mut self, sample: &[u8]) -> Self {
        if self.seed == Seed::OfSample {
            let binary = to_binary(sample).unwrap_or(sample.into());
            let hash = Sha256::digest(&binary);
            self.seed = Seed::Given(hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)));
        }
        self
    }

    /// Takes arguments, environment, time, standard input, open directories and all that a persona has
    /// besides, and how it wants to be run.
    #[must_use]
    pub fn with_persona(mut self, persona: Arc<Persona>) -> Self {
        self.args.clone_from(&persona.args);
        self.env.clone_from(&persona.env);
        self.epoch_ns = persona.epoch_ns;
        self.stdin.clone_from(&persona.stdin);
        self.preopens.clone_from(&persona.preopens);
        self.conduct(&persona.run);
        self.persona = persona;
        self
    }

    fn conduct(&mut self, run: &Conduct) {
        if let Some(drive) = &run.drive {
            self.drive = drive.clone();
        }
        if let Some(seconds) = run.seconds {
            self.entry_time = Duration::from_secs(seconds);
            self.limits.wall_time = Some(self.entry_time);
        }
        if run.instructions.is_some() {
            (self.entry_instructions, self.limits.instructions) = (run.instructions, run.instructions);
        }
        if run.decisions.is_some() {
            (self.entry_decisions, self.limits.decisions) = (run.decisions, run.decisions);
        }
        if let Some(mib) = run.trace_mib {
            self.limits.trace_bytes = mib.saturating_mul(1 << 20);
            self.limits.at_trace_limit = AtTraceLimit::Spill;
        }
    }
}

impl Default for RunOptions {
    fn default() -> Self {
        let persona = Persona::shipped("default").unwrap_or_else(|| Arc::new(Persona::bare()));
        let options = Self {
            // Old Emscripten programs declare up to half a gigabyte; pages that nobody touches cost nothing.
            limits: Limits {
                decisions: Some(150_000_000),
                instructions: Some(2_500_000_000),
                memory_pages: 8192,
                sparse_pages: 1024,
                ..Limits::default()
            },
            drive: Drive::default(),
            entry_time: Duration::from_secs(5),
            entry_decisions: Some(30_000_000),
            entry_instructions: Some(500_000_000),
            seed: Seed::default(),
            epoch_ns: 0,
            args: Vec::new(),
            env: Vec::new(),
            stdin: Vec::new(),
            files: BTreeMap::new(),
            dirs: Vec::new(),
            invoke: None,
            stubs: Vec::new(),
            preopens: Vec::new(),
            persona: Arc::clone(&persona),
            functions: HostFunctions::default(),
        };
        options.with_persona(persona)
    }
}
