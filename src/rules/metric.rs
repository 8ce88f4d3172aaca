//! The metrics that rules can ask for: one table, which `docs/rules.md` shows and a test holds against it.
//!
//! A metric is a number that is measured on a *subject*: the file, a function, the run, an entry point, a
//! function over the run, or a loop. Its row says on which; a rule that asks elsewhere is a load error.
//! Shares are from 0 to 1; a share of nothing is 0.

mod code;
mod host;
mod run;
mod table;

use crate::{
    module::view::{self, Classes},
    passes,
    text::{share, vocabulary},
};

pub use table::METRICS;

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

vocabulary! {
    /// What a metric counts in.
    pub enum Unit {
        /// 0 to 1.
        Share = "share",
        /// How many.
        Count = "count",
        /// An entropy: 0 to 8.
        BitsPerByte = "bits per byte",
        /// Bytes.
        Bytes = "bytes",
        /// Seconds of virtual time.
        Seconds = "seconds",
        /// Pages of memory.
        Pages = "pages",
        /// 1 if it is so, or 0.
        Flag = "0 or 1",
    }
}

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
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
