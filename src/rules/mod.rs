//! Rules: what capabilities a sample shows, with the evidence.
//!
//! Behaviour rules are in capa's YAML grammar with the superset that `docs/rules.md` describes; byte patterns are YARA rules, run by boreal,
//! and surface as `match: yara/NAME`. A rule that names what does not exist is an error with its line, never a rule that always matches.
//!
//! Not here: what a set of matches means for the verdict (`verdict`).

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::view::View,
    passes::{Dynamic, Place},
    sandbox::Run,
};

/// A rule that matched.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Match {
    /// Its name; completes "the program may".
    pub name: String,
    /// Its namespace, such as `impact/cryptomining`.
    pub namespace: String,
    /// What it means, in a sentence.
    pub description: String,
    /// 0 (information) to 3.
    pub severity: u8,
    /// 0 to 100.
    pub confidence: u8,
    /// ATT&CK: `Tactic::Technique [T1496.001]`.
    pub attack: Vec<String>,
    /// MBC, in the same form.
    pub mbc: Vec<String>,
    /// The family that it speaks for, if any: `miner`, `ransomware`, …
    pub family: Option<String>,
    /// Whether evidence of the run, and not only of the bytes, made it match.
    pub dynamic: bool,
    /// Where it matched, at most 100 places.
    pub places: Vec<Place>,
    /// Number of places in all; 1 for a match of the whole file.
    pub count: u64,
    /// Whether another shown match implies it.
    pub implied: bool,
    /// The statements that held, with what they found.
    pub evidence: Evidence,
}

/// A statement of a rule that held, and why.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Evidence {
    /// The statement, such as `and`, `api: path_unlink_file`, `wasm/metric: xor_share >= 0.05`.
    pub statement: String,
    /// What was found, such as `0.213`.
    pub found: Option<String>,
    /// Where, at most 20 places.
    pub places: Vec<Place>,
    /// The parts that held.
    pub parts: Vec<Evidence>,
}

/// What rules are evaluated on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The sample in the binary format.
    pub wasm: &'a [u8],
    /// What the bytes say.
    pub view: &'a View,
    /// What happened when it ran.
    pub run: Option<&'a Run>,
    /// What the trace says.
    pub dynamic: &'a Dynamic,
}

/// A set of rules, ready to be evaluated.
#[derive(Debug, Default)]
pub struct Set {}

impl Set {
    /// The rules that ship with wasmspoor.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// Evaluates every rule.
    pub fn evaluate(&self, _facts: &Facts<'_>) -> Vec<Match> {
        Vec::new()
    }
}
