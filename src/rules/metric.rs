//! The metrics that rules can ask for: one table, which `docs/rules.md` shows and a test holds against it.
//!
//! A metric is a number that is measured on a *subject*: the file, a function, the run, an entry point, what
//! a function did, a loop. Its row says on which; a rule that asks elsewhere is a load error. Shares are from
//! 0 to 1; a share of nothing is 0.

mod code;
mod host;
mod run;

use crate::{
    module::view::{self, Classes},
    passes,
    text::share,
};

use super::{index::Index, scope::Scope};

/// What a metric is measured on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'a> {
    File,
    Function(&'a view::Function),
    Run,
    /// Position of an entry point.
    Entry(usize),
    RunFunction(&'a passes::FunctionMetrics),
    Loop(&'a passes::ExecutedLoop),
}

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its unit: `share`, `count`, `bits per byte`, `bytes`, `seconds`, `pages`, or `0 or 1`.
    pub unit: &'static str,
    /// How it is computed.
    pub description: &'static str,
    /// On what it can be measured: letters of [`LEVELS`].
    pub levels: &'static str,
    compute: fn(&Index<'_>, Subject<'_>) -> Option<f64>,
}

/// Letters of [`Metric::levels`]: letter, what it stands for.
pub const LEVELS: &[(char, &str)] = &[
    ('B', "file, as bytes"),
    ('b', "function, as bytes"),
    ('R', "run"),
    ('E', "entry point (thread)"),
    ('F', "function, over the run (wasm/function)"),
    ('L', "loop, over the run (wasm/loop)"),
];

impl Metric {
    /// Whether it can be measured in `scope` of the given column.
    pub(super) fn fits(&self, scope: Scope, on_run: bool) -> bool {
        let letters = match scope {
            Scope::File if on_run => "BR",
            Scope::File => "B",
            Scope::Function => "b",
            Scope::Process => "R",
            Scope::Thread => "E",
            Scope::RunFunction => "F",
            Scope::Loop => "L",
            _ => "",
        };
        letters.chars().any(|letter| self.levels.contains(letter))
    }

    /// Whether it is a measurement of the run.
    pub fn is_dynamic(&self) -> bool {
        self.levels.contains(['R', 'E', 'F', 'L'])
    }

    pub(super) fn of(&self, index: &Index<'_>, subject: Subject<'_>) -> Option<f64> {
        (self.compute)(index, subject)
    }
}

/// All metrics.
pub static METRICS: &[Metric] = &[
    // Code, as it stands.
    Metric {
        name: "file_size",
        unit: "bytes",
        description: "size of the module",
        levels: "B",
        compute: code::file_size,
    },
    Metric {
        name: "file_entropy",
        unit: "bits per byte",
        description: "Shannon entropy of the whole file",
        levels: "B",
        compute: code::file_entropy,
    },
    Metric {
        name: "functions",
        unit: "count",
        description: "defined functions",
        levels: "B",
        compute: code::functions,
    },
    Metric {
        name: "imports",
        unit: "count",
        description: "imports of all kinds",
        levels: "B",
        compute: code::imports,
    },
    Metric {
        name: "exports",
        unit: "count",
        description: "exports of all kinds",
        levels: "B",
        compute: code::exports,
    },
    Metric {
        name: "code_size",
        unit: "bytes",
        description: "bytes of function bodies",
        levels: "Bb",
        compute: code::code_size,
    },
    Metric {
        name: "data_size",
        unit: "bytes",
        description: "bytes of data segments",
        levels: "B",
        compute: code::data_size,
    },
    Metric {
        name: "data_share",
        unit: "share",
        description: "bytes of data segments, of the file",
        levels: "B",
        compute: code::data_share,
    },
    Metric {
        name: "data_entropy_max",
        unit: "bits per byte",
        description: "greatest entropy of a data segment of at least 256 bytes",
        levels: "B",
        compute: code::data_entropy_max,
    },
    Metric {
        name: "dense_data_size",
        unit: "bytes",
        description: "bytes of data segments of at least 256 bytes with an entropy of 7.2 or more",
        levels: "B",
        compute: code::dense_data_size,
    },
    Metric {
        name: "dense_custom_size",
        unit: "bytes",
        description: "bytes of custom sections of at least 256 bytes with an entropy of 7.2 or more",
        levels: "B",
        compute: code::dense_custom_size,
    },
    Metric {
        name: "embedded_modules",
        unit: "count",
        description: "other modules in the file, with at least two sections; a component's own are none",
        levels: "B",
        compute: code::embedded_modules,
    },
    Metric {
        name: "memory_pages",
        unit: "pages",
        description: "initial size of all memories",
        levels: "B",
        compute: code::memory_pages,
    },
    Metric {
        name: "dead_functions",
        unit: "count",
        description: "functions that nothing can call",
        levels: "B",
        compute: code::dead_functions,
    },
    Metric {
        name: "dead_share",
        unit: "share",
        description: "functions that nothing can call, of the defined ones",
        levels: "B",
        compute: code::dead_share,
    },
    Metric {
        name: "unreachable_instructions",
        unit: "count",
        description: "instructions that no path reaches",
        levels: "Bb",
        compute: code::unreachable,
    },
    Metric {
        name: "static_instructions",
        unit: "count",
        description: "instructions in the code",
        levels: "Bb",
        compute: code::instructions,
    },
    Metric {
        name: "static_xor",
        unit: "count",
        description: "xor instructions in the code",
        levels: "Bb",
        compute: code::xor,
    },
    Metric {
        name: "static_xor_share",
        unit: "share",
        description: "xor instructions, of those in the code",
        levels: "Bb",
        compute: code::xor_share,
    },
    Metric {
        name: "static_bit_share",
        unit: "share",
        description: "xor, rotations, shifts, and, or; of the instructions in the code",
        levels: "Bb",
        compute: code::bit_share,
    },
    Metric {
        name: "static_indirect_calls",
        unit: "count",
        description: "indirect calls in the code",
        levels: "Bb",
        compute: code::indirect_calls,
    },
    Metric {
        name: "static_indirect_share",
        unit: "share",
        description: "indirect calls, of the instructions in the code",
        levels: "Bb",
        compute: code::indirect_share,
    },
    Metric {
        name: "static_tail_calls",
        unit: "count",
        description: "tail calls in the code",
        levels: "Bb",
        compute: code::tail_calls,
    },
    Metric {
        name: "nop_run_max",
        unit: "count",
        description: "longest run of nop",
        levels: "Bb",
        compute: code::nop_run_max,
    },
    Metric {
        name: "static_nop_share",
        unit: "share",
        description: "nop, of the instructions in the code",
        levels: "Bb",
        compute: code::nop_share,
    },
    Metric {
        name: "static_mining_windows",
        unit: "count",
        description: "MineThrottle windows (coinhive, cryptoloot, unknown1) in the code",
        levels: "Bb",
        compute: code::mining_windows,
    },
    Metric {
        name: "static_mining_window_share",
        unit: "share",
        description: "MineThrottle windows in the code, for each of its instructions",
        levels: "b",
        compute: code::mining_window_share,
    },
    Metric {
        name: "static_hash_windows",
        unit: "count",
        description: "windows of all signatures in the code",
        levels: "Bb",
        compute: code::hash_windows,
    },
    Metric {
        name: "cyclomatic",
        unit: "count",
        description: "cyclomatic complexity; of a file the greatest of its functions",
        levels: "Bb",
        compute: code::cyclomatic,
    },
    Metric {
        name: "loop_depth",
        unit: "count",
        description: "deepest nesting of loops",
        levels: "Bb",
        compute: code::loop_depth,
    },
    Metric {
        name: "static_loops",
        unit: "count",
        description: "natural loops",
        levels: "Bb",
        compute: code::loops,
    },
    Metric {
        name: "crypto_algorithms",
        unit: "count",
        description: "algorithms with a constant in code or data",
        levels: "B",
        compute: code::crypto_algorithms,
    },
    Metric {
        name: "crypto_hashes",
        unit: "count",
        description: "hash and mining algorithms with a constant in code or data",
        levels: "B",
        compute: code::crypto_hashes,
    },
    // Code, as it ran.
    Metric {
        name: "instructions",
        unit: "count",
        description: "executed instructions",
        levels: "REFL",
        compute: run::instructions,
    },
    Metric {
        name: "share",
        unit: "share",
        description: "executed instructions, of the run's; callees left out",
        levels: "EFL",
        compute: run::own_share,
    },
    Metric { name: "xor", unit: "count", description: "executed xor", levels: "REFL", compute: run::xor },
    Metric {
        name: "xor_share",
        unit: "share",
        description: "executed xor, of the executed instructions",
        levels: "REFL",
        compute: run::xor_share,
    },
    Metric {
        name: "rotate_share",
        unit: "share",
        description: "executed rotations",
        levels: "REFL",
        compute: run::rotate_share,
    },
    Metric {
        name: "shift_share",
        unit: "share",
        description: "executed shifts",
        levels: "REFL",
        compute: run::shift_share,
    },
    Metric {
        name: "logic_share",
        unit: "share",
        description: "executed and, or, not",
        levels: "REFL",
        compute: run::logic_share,
    },
    Metric {
        name: "arithmetic_share",
        unit: "share",
        description: "executed arithmetic other than these",
        levels: "REFL",
        compute: run::arithmetic_share,
    },
    Metric {
        name: "bit_share",
        unit: "share",
        description: "executed xor, rotations, shifts, and, or",
        levels: "REFL",
        compute: run::bit_share,
    },
    Metric {
        name: "simd_share",
        unit: "share",
        description: "executed vector instructions",
        levels: "REFL",
        compute: run::simd_share,
    },
    Metric {
        name: "load_share",
        unit: "share",
        description: "executed reads of memory",
        levels: "REFL",
        compute: run::load_share,
    },
    Metric {
        name: "store_share",
        unit: "share",
        description: "executed writes of memory",
        levels: "REFL",
        compute: run::store_share,
    },
    Metric { name: "nops", unit: "count", description: "executed nop", levels: "REFL", compute: run::nops },
    Metric {
        name: "nop_share",
        unit: "share",
        description: "executed nop, of the executed instructions",
        levels: "REFL",
        compute: run::nop_share,
    },
    Metric {
        name: "mining_windows",
        unit: "count",
        description: "MineThrottle windows (coinhive, cryptoloot, unknown1) executed",
        levels: "RFL",
        compute: run::mining_windows,
    },
    Metric {
        name: "mining_window_share",
        unit: "share",
        description: "MineThrottle windows executed, for each executed instruction",
        levels: "RFL",
        compute: run::mining_window_share,
    },
    Metric {
        name: "coinhive_windows",
        unit: "count",
        description: "windows of the signature coinhive executed",
        levels: "RFL",
        compute: run::coinhive_windows,
    },
    Metric {
        name: "cryptoloot_windows",
        unit: "count",
        description: "windows of the signature cryptoloot executed",
        levels: "RFL",
        compute: run::cryptoloot_windows,
    },
    Metric {
        name: "arx_window_share",
        unit: "share",
        description: "windows of add-rotate-xor (arx32, arx64) executed, for each executed instruction",
        levels: "RFL",
        compute: run::arx_window_share,
    },
    Metric {
        name: "sha2_window_share",
        unit: "share",
        description: "windows of SHA-2 (sha2_32, sha2_64) executed, for each executed instruction",
        levels: "RFL",
        compute: run::sha2_window_share,
    },
    Metric {
        name: "keccak_window_share",
        unit: "share",
        description: "windows of Keccak executed, for each executed instruction",
        levels: "RFL",
        compute: run::keccak_window_share,
    },
    Metric {
        name: "hash_window_share",
        unit: "share",
        description: "windows of all signatures executed, for each executed instruction",
        levels: "RFL",
        compute: run::hash_window_share,
    },
    Metric {
        name: "seismic_add",
        unit: "share",
        description: "i32.add, of SEISMIC's five opcodes executed (i32 add, and, shl, shr_u, xor)",
        levels: "R",
        compute: run::seismic_add,
    },
    Metric {
        name: "seismic_and",
        unit: "share",
        description: "i32.and, of SEISMIC's five opcodes executed",
        levels: "R",
        compute: run::seismic_and,
    },
    Metric {
        name: "seismic_shl",
        unit: "share",
        description: "i32.shl, of SEISMIC's five opcodes executed",
        levels: "R",
        compute: run::seismic_shl,
    },
    Metric {
        name: "seismic_shr",
        unit: "share",
        description: "i32.shr_u, of SEISMIC's five opcodes executed",
        levels: "R",
        compute: run::seismic_shr,
    },
    Metric {
        name: "seismic_xor",
        unit: "share",
        description: "i32.xor, of SEISMIC's five opcodes executed",
        levels: "R",
        compute: run::seismic_xor,
    },
    Metric {
        name: "seismic_share",
        unit: "share",
        description: "SEISMIC's five opcodes, of the executed instructions",
        levels: "R",
        compute: run::seismic_share,
    },
    Metric {
        name: "hot_loop_share",
        unit: "share",
        description: "greatest share of the run's instructions in one loop",
        levels: "RF",
        compute: run::hot_loop_share,
    },
    Metric {
        name: "quiet_loop_share",
        unit: "share",
        description: "greatest share of the run's instructions in one loop during which no host call was made",
        levels: "R",
        compute: run::quiet_loop_share,
    },
    Metric {
        name: "top_function_share",
        unit: "share",
        description: "greatest share of the run's instructions in one function",
        levels: "R",
        compute: run::top_function_share,
    },
    Metric {
        name: "loop_iterations_max",
        unit: "count",
        description: "most iterations of one loop",
        levels: "RF",
        compute: run::loop_iterations_max,
    },
    Metric {
        name: "iterations",
        unit: "count",
        description: "iterations",
        levels: "L",
        compute: run::iterations,
    },
    Metric {
        name: "entries",
        unit: "count",
        description: "how often it was entered",
        levels: "L",
        compute: run::entries,
    },
    Metric {
        name: "iterations_per_entry",
        unit: "count",
        description: "iterations for each time it was entered",
        levels: "L",
        compute: run::iterations_per_entry,
    },
    Metric {
        name: "instructions_per_iteration",
        unit: "count",
        description: "executed instructions for each iteration",
        levels: "L",
        compute: run::instructions_per_iteration,
    },
    Metric {
        name: "xor_per_iteration",
        unit: "count",
        description: "executed xor for each iteration",
        levels: "L",
        compute: run::xor_per_iteration,
    },
    Metric {
        name: "host_calls_per_iteration",
        unit: "count",
        description: "host calls for each iteration, callees' too",
        levels: "L",
        compute: run::host_calls_per_iteration,
    },
    Metric {
        name: "loads_per_iteration",
        unit: "count",
        description: "reads of memory for each iteration",
        levels: "L",
        compute: run::loads_per_iteration,
    },
    Metric {
        name: "stores_per_iteration",
        unit: "count",
        description: "writes of memory for each iteration",
        levels: "L",
        compute: run::stores_per_iteration,
    },
    Metric {
        name: "depth",
        unit: "count",
        description: "nesting of the loop in its function, 1 is outermost",
        levels: "L",
        compute: run::depth,
    },
    Metric {
        name: "stopped_in",
        unit: "0 or 1",
        description: "whether the run was stopped in it",
        levels: "L",
        compute: run::stopped_in,
    },
    Metric {
        name: "stopped_in_loop",
        unit: "count",
        description: "entry points that were stopped in a loop without having made a host call lately",
        levels: "R",
        compute: run::stopped_in_loop,
    },
    Metric {
        name: "calls",
        unit: "count",
        description: "calls of defined functions; of a function, how often it was entered",
        levels: "REF",
        compute: run::calls,
    },
    Metric {
        name: "indirect_calls",
        unit: "count",
        description: "executed indirect calls",
        levels: "REFL",
        compute: run::indirect_calls,
    },
    Metric {
        name: "indirect_share",
        unit: "share",
        description: "executed indirect calls, of the executed instructions",
        levels: "REFL",
        compute: run::indirect_share,
    },
    Metric {
        name: "indirect_targets",
        unit: "count",
        description: "functions that were called through a table",
        levels: "R",
        compute: run::indirect_targets,
    },
    Metric {
        name: "tail_calls",
        unit: "count",
        description: "executed tail calls",
        levels: "REF",
        compute: run::tail_calls,
    },
    Metric {
        name: "table_branches",
        unit: "count",
        description: "executed br_table",
        levels: "REF",
        compute: run::table_branches,
    },
    Metric {
        name: "one_way_branches",
        unit: "count",
        description: "conditional branches that ran at least 16 times and always went the same way",
        levels: "RF",
        compute: run::one_way_branches,
    },
    Metric {
        name: "grows",
        unit: "count",
        description: "executed memory.grow",
        levels: "RE",
        compute: run::grows,
    },
    Metric {
        name: "grown_pages",
        unit: "pages",
        description: "pages that memory grew by",
        levels: "RE",
        compute: run::grown_pages,
    },
    Metric {
        name: "grow_refused",
        unit: "count",
        description: "memory.grow that was refused",
        levels: "RE",
        compute: run::grow_refused,
    },
    Metric {
        name: "coverage",
        unit: "share",
        description: "instructions that ran at least once, of those in the code; of a function, its blocks",
        levels: "RF",
        compute: run::coverage,
    },
    Metric {
        name: "hidden_calls",
        unit: "count",
        description: "calls that the static call graph lacks: no direct call and no element segment explains them",
        levels: "R",
        compute: run::hidden_calls,
    },
    Metric {
        name: "start_ran",
        unit: "0 or 1",
        description: "whether the start function ran",
        levels: "R",
        compute: run::start_ran,
    },
    Metric {
        name: "start_instructions",
        unit: "count",
        description: "instructions that the start function executed",
        levels: "R",
        compute: run::start_instructions,
    },
    Metric {
        name: "executed_crypto_algorithms",
        unit: "count",
        description: "algorithms with a constant among the executed instructions",
        levels: "R",
        compute: run::executed_crypto,
    },
    // What it asked of the host.
    Metric {
        name: "host_calls",
        unit: "count",
        description: "host calls; of a loop, those made while it ran",
        levels: "REFL",
        compute: host::host_calls,
    },
    Metric {
        name: "host_calls_per_million",
        unit: "count",
        description: "host calls for each million executed instructions",
        levels: "RE",
        compute: host::host_calls_per_million,
    },
    Metric {
        name: "host_functions",
        unit: "count",
        description: "imported functions that were called",
        levels: "RE",
        compute: host::host_functions,
    },
    Metric {
        name: "fabricated_share",
        unit: "share",
        description: "host calls whose answer was made up",
        levels: "R",
        compute: host::fabricated_share,
    },
    Metric {
        name: "clock_reads",
        unit: "count",
        description: "host calls that read a clock",
        levels: "R",
        compute: host::clock_reads,
    },
    Metric {
        name: "random_reads",
        unit: "count",
        description: "host calls that asked for random bytes",
        levels: "R",
        compute: host::random_reads,
    },
    Metric {
        name: "sleeps",
        unit: "count",
        description: "host calls that slept",
        levels: "R",
        compute: host::sleeps,
    },
    Metric {
        name: "slept_seconds",
        unit: "seconds",
        description: "virtual time slept",
        levels: "R",
        compute: host::slept_seconds,
    },
    Metric {
        name: "written_bytes",
        unit: "bytes",
        description: "bytes written to files",
        levels: "R",
        compute: host::written_bytes,
    },
    Metric {
        name: "written_bytes_entropy",
        unit: "bits per byte",
        description: "mean entropy of what was written to files, weighted by length; pieces below 64 bytes left out",
        levels: "R",
        compute: host::written_entropy,
    },
    Metric {
        name: "files_created",
        unit: "count",
        description: "files that were created",
        levels: "R",
        compute: host::files_created,
    },
    Metric {
        name: "files_changed",
        unit: "count",
        description: "files whose contents changed",
        levels: "R",
        compute: host::files_changed,
    },
    Metric {
        name: "files_deleted",
        unit: "count",
        description: "files that were there before the run and were deleted",
        levels: "R",
        compute: host::files_deleted,
    },
    Metric {
        name: "files_renamed",
        unit: "count",
        description: "files that were renamed",
        levels: "R",
        compute: host::files_renamed,
    },
    Metric {
        name: "files_entropy_rise",
        unit: "count",
        description: "files whose entropy rose by at least 1 bit per byte to 85 % or more of what their size allows",
        levels: "R",
        compute: host::files_entropy_rise,
    },
    Metric {
        name: "files_dense_created",
        unit: "count",
        description: "created files of at least 64 bytes whose entropy is 85 % or more of what their size allows, and that do not begin as a compressed format does",
        levels: "R",
        compute: host::files_dense_created,
    },
    Metric {
        name: "files_emptied",
        unit: "count",
        description: "files with something in them that were there before the run and are empty after it",
        levels: "R",
        compute: host::files_emptied,
    },
    Metric {
        name: "files_destroyed",
        unit: "count",
        description: "the user's files of which less than a fifth survives anywhere, overwritten or replaced",
        levels: "R",
        compute: host::files_destroyed,
    },
    Metric {
        name: "files_blanked",
        unit: "count",
        description: "such files that were cut to a quarter or less, or filled with one byte",
        levels: "R",
        compute: host::files_blanked,
    },
    Metric {
        name: "files_lost",
        unit: "count",
        description: "the user's files of which less than a fifth survives anywhere, deleted ones too",
        levels: "R",
        compute: host::files_lost,
    },
    Metric {
        name: "files_wiped",
        unit: "count",
        description: "files that were there before the run, got other contents, and were deleted then",
        levels: "R",
        compute: host::files_wiped,
    },
    Metric {
        name: "files_rewritten_renamed",
        unit: "count",
        description: "files that were there before the run, got other contents, and were renamed",
        levels: "R",
        compute: host::files_rewritten_renamed,
    },
    Metric {
        name: "honeytokens_read",
        unit: "count",
        description: "honeytokens of the persona whose bytes were handed out",
        levels: "R",
        compute: host::honeytokens_read,
    },
    Metric {
        name: "honeytokens_sent",
        unit: "count",
        description: "honeytokens whose bytes went to a socket or to a host function that is not of WASI, plain, in hexadecimal digits or in base64",
        levels: "R",
        compute: host::honeytokens_sent,
    },
    Metric {
        name: "carved_modules",
        unit: "count",
        description: "modules that were built in memory",
        levels: "R",
        compute: host::carved_modules,
    },
    Metric {
        name: "decoded_texts",
        unit: "count",
        description: "texts given to host calls that stand in the file only encoded by one byte",
        levels: "R",
        compute: host::decoded_texts,
    },
    Metric {
        name: "new_texts",
        unit: "count",
        description: "texts of at least 6 bytes given to host calls that do not stand in the file",
        levels: "R",
        compute: host::new_texts,
    },
    Metric {
        name: "new_addresses",
        unit: "count",
        description: "those of new_texts that look like a URL, an address with a port, or a path",
        levels: "R",
        compute: host::new_addresses,
    },
    Metric {
        name: "returned_reads",
        unit: "count",
        description: "calls that sent away what an earlier call had read from a file",
        levels: "R",
        compute: host::returned_reads,
    },
];

/// Xor, rotations, shifts, and, or.
fn bits(classes: &Classes) -> u64 {
    [classes.xor, classes.rotate, classes.shift, classes.logic].into_iter().fold(0, u64::saturating_add)
}

/// The windows of the named signatures.
fn windows<T: Copy + Into<u64>>(signatures: &std::collections::BTreeMap<String, T>, names: &[&str]) -> u64 {
    let fits = |name: &str| names.is_empty() || names.contains(&name);
    signatures
        .iter()
        .filter(|(name, _)| fits(name))
        .map(|(_, count)| (*count).into())
        .fold(0, u64::saturating_add)
}

/// MineThrottle's signatures.
const MINING: &[&str] = &["coinhive", "cryptoloot", "unknown1"];

#[cfg(test)]
mod tests;
