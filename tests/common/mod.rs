//! The common part of several tests and the fuzz targets: running a module on the hooked engine and,
//! instrumented by the oracle, on stock wasmi.
//!
//! Both sides get the same world: imports answered with zeros, memories, tables and globals made to the
//! declared type, the same limits of growth and depth. Then they must agree on results, traps, globals,
//! memories, and on every count.

#![allow(dead_code, unreachable_pub)]

pub mod bodies;
pub mod hooked;
pub mod remembered;
pub mod stock;
pub mod texts;
pub mod wasi_model;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use wasmspoor::{Limits, Value};

/// What a side has to say about one call.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Returned(Vec<Value>),
    /// A trap, by the message of the specification.
    Trapped(String),
    /// The run is over: decisions or instructions are used up.
    Stopped,
    /// The engine could not go on.
    Failed,
}

/// What is left of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Exported globals.
    pub globals: BTreeMap<String, Value>,
    /// Hash of each exported memory.
    pub memories: BTreeMap<String, (usize, u64)>,
}

/// Executed instructions of each function.
pub type Counts = BTreeMap<(u32, &'static str), u64>;

/// A run on one side.
#[derive(Debug)]
pub struct Run {
    /// `start`, then the exports called.
    pub answers: Vec<(String, Answer)>,
    pub counts: Counts,
    pub total: u64,
    /// After the last call, unless that was stopped: one side stops a little later.
    pub state: Option<State>,
}

/// Bytes of the value stack: enough that depth is what limits recursion, for instrumented code too.
pub const STACK_BYTES: usize = 256 << 20;
/// Nested calls.
pub const DEPTH: usize = 1000;

/// The limits under which both sides run.
pub fn limits(decisions: u64) -> Limits {
    let mut limits = Limits::default();
    limits.decisions = Some(decisions);
    limits.wall_time = None;
    limits.host_calls = None;
    limits.call_depth = DEPTH;
    limits.stack_bytes = STACK_BYTES;
    limits.memory_pages = 4096;
    limits.table_elements = 1 << 20;
    limits
}

/// Why two sides differ.
#[derive(Debug)]
pub struct Difference(String);

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the stock engine refuses a module that is valid with all proposals. The tracer may take it, and
/// then another oracle has to say what it does (`tests/lowered.rs`).
pub fn is_beyond_stock(wasm: &[u8]) -> bool {
    let all = wasmparser::WasmFeatures::all();
    !stock::accepts(wasm) && wasmparser::Validator::new_with_features(all).validate_all(wasm).is_ok()
}

/// Runs a module on both sides and compares. Returns the number of instructions, or `None` if the stock
/// engine does not take the module.
///
/// Calls the start function, then `_start` if it is exported and every other exported function otherwise.
/// They get zeros, until about `decisions` are used up.
pub fn compare(wasm: &[u8], decisions: u64) -> Result<Option<u64>, Difference> {
    let hooked = match hooked::run(wasm, decisions) {
        Ok(run) => run,
        Err(error) => {
            return match stock::accepts(wasm) {
                false => Ok(None),
                true if error.contains("cannot hold") => Ok(None),
                true => Err(Difference(format!("only stock wasmi takes the module: {error}"))),
            };
        }
    };
    if is_beyond_stock(wasm) {
        return Ok(None);
    }
    let stopped = hooked.answers.last().is_some_and(|(_, answer)| *answer == Answer::Stopped);
    let names: Vec<_> = hooked.answers.iter().map(|(name, _)| name.clone()).collect();
    let other_side = |single| {
        let run = stock::run(wasm, &names, stopped.then_some(hooked.total), single);
        run.map_err(|error| Difference(format!("only the hooked engine takes the module: {error}")))
    };
    let mut stock = other_side(false)?;
    if stopped && stock.total != hooked.total {
        // Stopped at a checkpoint, in the middle of what the oracle counts at once: let it count one by one.
        stock = other_side(true)?;
    }
    let common = hooked.answers.len() - usize::from(stopped);
    for (ours, theirs) in hooked.answers[..common].iter().zip(&stock.answers) {
        if !agree(&ours.1, &theirs.1) {
            return Err(Difference(format!("`{}`: {:?}, stock {:?}", ours.0, ours.1, theirs.1)));
        }
    }
    if hooked.counts != stock.counts {
        let keys: std::collections::BTreeSet<_> = hooked.counts.keys().chain(stock.counts.keys()).collect();
        let first = keys.into_iter().find(|key| hooked.counts.get(key) != stock.counts.get(key));
        let counts = first.map(|key| (key, hooked.counts.get(key), stock.counts.get(key)));
        return Err(Difference(format!(
            "counts: {} against {}, first {counts:?}; {:?}",
            hooked.total, stock.total, hooked.answers
        )));
    }
    if let (Some(ours), Some(theirs)) = (&hooked.state, &stock.state)
        && format!("{ours:?}") != format!("{theirs:?}")
    {
        return Err(Difference(format!("state: {ours:?}, stock {theirs:?}")));
    }
    Ok(Some(hooked.total))
}

/// NaNs are equal: their bits are not determined.
fn agree(ours: &Answer, theirs: &Answer) -> bool {
    match (ours, theirs) {
        (Answer::Returned(ours), Answer::Returned(theirs)) => format!("{ours:?}") == format!("{theirs:?}"),
        _ => ours == theirs,
    }
}

/// A hash that both sides can compute.
pub fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher as _};
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// The folder of material that is not in the repository. Tests of it have `#[needs("../shared")]`.
pub fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared")
}

/// All files below `folder` whose names end in `extension`, sorted.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Pseudo-random bytes that are the same everywhere.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
