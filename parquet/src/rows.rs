//! The rows of the tables that a scan writes; `docs/scan.md` describes every field, and its tables are made
//! from here.
//!
//! A row is an object on a line of its own. Fields may be added; none is removed or changes its meaning
//! within [`SCHEMA`]. Everything but `time_ms` is the same for the same sample and options, unless time
//! stopped the run. Where a sample is found several times, the first place is that of the job that came there
//! first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::columns::{Column, Field, Table, rows};

/// Name and version of the layout of all tables.
pub const SCHEMA: &str = "spoor.scan/1";

/// All tables.
pub const TABLES: [Table; 6] = [
    Table { name: "samples", columns: SampleRow::columns },
    Table { name: "paths", columns: Path::columns },
    Table { name: "functions", columns: FunctionRow::columns },
    Table { name: "host_calls", columns: HostCallRow::columns },
    Table { name: "findings", columns: FindingRow::columns },
    Table { name: "clusters", columns: ClusterRow::columns },
];

/// Defines an enum whose variants have a name in JSON and in messages, by one table.
macro_rules! named {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// The name in JSON and in messages.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

named! {
    /// Why a sample has no result, or a place could not be looked into.
    pub enum FailureKind {
        /// The worker crashed: a signal, a panic, an answer that makes no sense.
        Crash = "crash",
        /// The worker asked for more memory than it may have.
        OutOfMemory = "out_of_memory",
        /// The worker took more time than it may.
        Timeout = "timeout",
        /// The worker made a system call that is forbidden to it.
        Forbidden = "forbidden",
        /// The file, or the folder, could not be read.
        Unreadable = "unreadable",
        /// Larger than what is looked at.
        TooLarge = "too_large",
        /// An archive, or a member of one, that is broken.
        Broken = "broken",
        /// An archive whose members have another password than the usual one.
        Encrypted = "encrypted",
        /// Compressed in a way that is not known here.
        Unsupported = "unsupported",
        /// A limit of unpacking was reached; the text says which, and how much was left out.
        Cut = "cut",
    }
}

/// A failure and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// In words.
    pub text: String,
}

/// What samples are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClusterKind {
    /// The same imported functions.
    Imports,
    /// Similar code.
    Code,
    /// Similar behaviour.
    Behaviour,
}

impl ClusterKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Imports, Self::Code, Self::Behaviour];

    /// The estimated similarity from which two samples belong together. Measured; see `docs/scan.md`.
    pub fn threshold(self) -> f64 {
        match self {
            Self::Imports => 1.0,
            Self::Code => 0.4,
            Self::Behaviour => 0.5,
        }
    }
}

rows! {
    /// Where something was found: a file, and the way into it.
    #[derive(Default, Eq, Hash)]
    pub struct Origin {
        /// The file, as it was named or found below a folder; what is not UTF-8 is replaced.
        pub path: String,
        /// Its bytes in base64, if they are not UTF-8; otherwise absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub path_base64: Option<String>,
        /// The way into the file, outermost step first: `zip:NAME`, `tar:NAME`, `gzip`, `zstd`, `xz`,
        /// `bytes@OFFSET`, `base64@OFFSET`, … A name that is not UTF-8 is given as `zip;base64:BYTES`. One
        /// that does not fit into what the steps before it leave of 1000 bytes of JSON is cut: as much as
        /// fits (at least 96 bytes), then `…` and 16 digits of its SHA-256.
        pub inside: Vec<String>,
    }

    /// Table `paths`: a row for each place where a sample was found, or that could not be looked into.
    #[derive(Default, Eq)]
    pub struct Path {
        /// Where.
        #[serde(flatten)]
        pub origin: Origin,
        /// SHA-256 of the sample found there, as in the other tables; null with a failure.
        pub sha256: Option<String>,
        /// Its bytes.
        pub size: Option<u64>,
        /// Why nothing was found there.
        pub failure: Option<Failure>,
    }

    /// Table `samples`: a row for each distinct sample.
    #[derive(Default)]
    pub struct SampleRow {
        /// SHA-256 of the sample as it was found, hexadecimal: the key of all tables.
        pub sha256: String,
        /// The place where it was found first; `paths` has the others.
        #[serde(flatten)]
        pub origin: Origin,
        /// Bytes as found.
        pub size: u64,
        /// Why its analysis did not come to its end; then what follows is what its bytes say, or empty.
        pub failure: Option<Failure>,
        /// Milliseconds from the start of its worker to its end. No other field differs from scan to scan,
        /// but for the place of a sample that is found several times with several jobs.
        pub time_ms: u64,
        /// What it is, as `spoor run` says; of a sample with a failure, what its bytes alone say, or null.
        pub verdict: Option<String>,
        /// 0 to 100.
        pub score: u8,
        /// Its family, if the evidence speaks for one.
        pub family: Option<String>,
        /// How sure, 0 to 100.
        pub confidence: u8,
        /// How the run as a whole ended, as `spoor run` says.
        pub status: Option<String>,
        /// What it gave to `proc_exit` or `exit`.
        pub exit_code: Option<i32>,
        /// `valid`, `unsupported` or `invalid`.
        pub validity: Option<String>,
        /// SHA-256 of the binary module; another than `sha256` for a sample in the text format.
        pub module_sha256: Option<String>,
        /// MD5 of the binary module.
        pub md5: Option<String>,
        /// MD5 of the sorted names of the imported functions; null without imports.
        pub imphash: Option<String>,
        /// SHA-256 of the opcodes of all functions, in order; null without code. Equal for the same code, not
        /// meant to be made elsewhere.
        pub code_hash: Option<String>,
        /// SHA-256 of the first 100,000 host calls that it made, repetitions in a row left out; null without
        /// any.
        pub behaviour_hash: Option<String>,
        /// What code similarity is estimated from; null if there is too little code.
        pub code_sketch: Option<String>,
        /// What similarity of behaviour is estimated from; null if too little happened.
        pub behaviour_sketch: Option<String>,
        /// Shannon entropy of the module in bits per byte.
        pub entropy: f64,
        /// Functions that it defines.
        pub functions: u64,
        /// Of these, those that ran.
        pub functions_run: u64,
        /// Imports.
        pub imports: u64,
        /// Exports.
        pub exports: u64,
        /// Share of the reachable instructions that were executed, in percent; null without code.
        pub instructions_run_percent: Option<f64>,
        /// Entry points that were called.
        pub entries: u64,
        /// Executed instructions.
        pub instructions: u64,
        /// Of these, exclusive or.
        pub xor: u64,
        /// Rotations.
        pub rotate: u64,
        /// Shifts.
        pub shift: u64,
        /// Reads of memory.
        pub loads: u64,
        /// Writes of memory.
        pub stores: u64,
        /// Calls through tables and references.
        pub indirect_calls: u64,
        /// Pages that `memory.grow` added.
        pub grown_pages: u64,
        /// Host calls.
        pub host_calls: u64,
        /// Loops that ran.
        pub loops: u64,
        /// ATT&CK techniques, by id, all of them.
        pub attack: Vec<String>,
        /// Why the verdict, weightiest first; at most 5, each cut after 200 characters.
        pub reasons: Vec<String>,
        /// What limits how far the result can be trusted; at most 5, each cut after 200 characters.
        pub limitations: Vec<String>,
        /// Functions, host functions and findings that are not in their tables, all together.
        pub rows_cut: u64,
        /// What a list given with `--known` calls this file, byte for byte; null if none names it, or none
        /// was given. No part of the verdict.
        pub known: Option<String>,
    }

    /// Table `functions`: the defined functions of a sample, those first that executed most, then the
    /// largest; at most 1000.
    #[derive(Default, Eq)]
    pub struct FunctionRow {
        /// The sample.
        pub sha256: String,
        /// Index, imports counted.
        pub index: u32,
        /// Its name, if it has one, cut after 200 characters.
        pub name: Option<String>,
        /// Offset of its body in the module.
        pub offset: u32,
        /// Bytes of its body.
        pub size: u32,
        /// SHA-256 of its opcodes, the first 16 bytes, hexadecimal: the same function in other samples. Null
        /// if it could not be decoded.
        pub code_hash: Option<String>,
        /// Its type in the text format, cut after 200 characters.
        pub ty: String,
        /// Instructions that stand in it.
        pub static_instructions: u64,
        /// Natural loops in it.
        pub loops: u32,
        /// Cyclomatic complexity.
        pub cyclomatic: u32,
        /// Suspicion score of the static view.
        pub score: u32,
        /// How often it was entered; 0 if it did not run.
        pub calls: u64,
        /// Its own executed instructions.
        pub instructions: u64,
        /// Of these, exclusive or.
        pub xor: u64,
        /// Rotations.
        pub rotate: u64,
        /// Shifts.
        pub shift: u64,
        /// Windows of mining instructions that were executed, of all signatures.
        pub mining_windows: u64,
        /// Host calls that it made itself.
        pub host_calls: u64,
    }

    /// Table `host_calls`: the imported functions that a sample called, by who answered; those of WASI first,
    /// then those called most, 1000 at most.
    #[derive(Default, Eq)]
    pub struct HostCallRow {
        /// The sample.
        pub sha256: String,
        /// First part of the function's name, cut after 200 characters.
        pub module: String,
        /// Second part, cut after 200 characters.
        pub name: String,
        /// Who answered: `stub`, `wasi`, `world`, `default`.
        pub answer: String,
        /// Category of a WASI call, such as `B-1`.
        pub category: Option<String>,
        /// Calls that are in the log of the run.
        pub calls: u64,
        /// Of these, calls whose answer was made up.
        pub fabricated: u64,
        /// Of these, calls that were answered with an error of WASI.
        pub failed: u64,
        /// Virtual nanoseconds from the start of the run to the first of them.
        pub first_ns: u64,
        /// The first text that an argument of one of them pointed at, cut after 200 characters.
        pub text: Option<String>,
    }

    /// Table `findings`: rules that matched, correlations, findings and indicators; at most 1000.
    #[derive(Default, Eq)]
    pub struct FindingRow {
        /// The sample.
        pub sha256: String,
        /// `rule`, `correlation`, `finding` or `ioc`.
        pub kind: String,
        /// Name of the rule, correlation or finding; the value of an indicator. Cut after 200 characters.
        pub name: String,
        /// Namespace of a rule, family of a correlation, kind of an indicator, categories of a finding joined
        /// by commas.
        pub class: String,
        /// 0 to 3; 0 for an indicator.
        pub severity: u8,
        /// 0 to 100; 0 where there is none.
        pub confidence: u8,
        /// Whether the run, and not the bytes alone, shows it.
        pub dynamic: bool,
        /// Places.
        pub places: u64,
        /// In a sentence, cut after 200 characters; of an indicator, how it was encoded.
        pub text: String,
    }

    /// Table `clusters`: a row for each sample in a group of two or more. Written anew at the end of a scan.
    #[derive(Eq)]
    pub struct ClusterRow {
        /// What the group has in common: `imports`, `code` or `behaviour`.
        pub kind: ClusterKind,
        /// The group: the least SHA-256 of its samples.
        pub cluster: String,
        /// Samples in the group.
        pub size: u64,
        /// The sample.
        pub sha256: String,
    }
}

/// The fields of a place stand among those of its row.
impl Field for Origin {
    fn columns(_: &'static str, _: &'static [&'static str]) -> Vec<Column> {
        Origin::columns()
    }
}

impl Origin {
    /// A place within this one.
    #[must_use]
    pub fn within(&self, inside: Vec<String>) -> Self {
        let inside = self.inside.iter().cloned().chain(inside).collect();
        Self { path: self.path.clone(), path_base64: self.path_base64.clone(), inside }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        self.inside.iter().try_for_each(|step| write!(f, " > {step}"))
    }
}

/// All rows of a sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleRows {
    /// Its row in `samples`.
    pub sample: SampleRow,
    /// Its rows in `functions`.
    pub functions: Vec<FunctionRow>,
    /// Its rows in `host_calls`.
    pub host_calls: Vec<HostCallRow>,
    /// Its rows in `findings`.
    pub findings: Vec<FindingRow>,
}
